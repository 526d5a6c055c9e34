"""The norm of an operator, measured."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._backend import sum_of_squares
from ._namespace import asarray
from .interop import aslinearoperator


def operator_norm(A: Any, iterations: int = 50, rng: Any = None, like: Any = None) -> float:
    r"""Return the norm of an operator by power iteration on AᴴA.

    .. math:: x \leftarrow \frac{A^H A x}{\|A^H A x\|}, \qquad \|A\| \approx \frac{\|A x\|}{\|x\|}

    Parameters
    ----------
    A : operator or matrix
        Whatever `aslinearoperator` takes.
    iterations : int
        How many applies of A and of Aᴴ, 1 or more.
    rng : numpy.random.Generator or int, optional
        For the random start; by default a fixed one.
    like : array, optional
        Of the library whose arrays A is put to; by default NumPy.

    Returns
    -------
    float
        At most the norm, to rounding. For an upper bound take `norm_bound` where it is not None.

    Raises
    ------
    ValueError
        If `iterations` is below 1.

    Notes
    -----
    Each iteration reduces the error in ‖A‖² by (σ₂/σ₁)⁴, σ being the singular values; where the largest lie close
    together the error is at most of order ‖A‖ log(n) / iterations.

    References
    ----------
    .. [1] J. Kuczyński and H. Woźniakowski, "Estimating the largest eigenvalue by the power and Lanczos algorithms with
       a random start", SIAM J. Matrix Anal. Appl. 13 (1992), 1094–1122.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import operator_norm
    >>> round(operator_norm(np.diag([1.0, 3.0, 2.0])), 6)
    3.0
    """
    if iterations < 1:
        raise ValueError(f"iterations is {iterations}; give 1 or more")
    op = aslinearoperator(A)
    generator = np.random.default_rng(0 if rng is None else rng)
    x: Any = generator.standard_normal(op.dims)
    if op.dtype.kind == "c":
        x = x + 1j * generator.standard_normal(op.dims)
    x = asarray(x, like)
    largest = 0.0
    for _ in range(iterations):
        size = np.sqrt(sum_of_squares(x))
        if size == 0:
            break
        x /= size
        y = op.apply(x)
        largest = max(largest, float(np.sqrt(sum_of_squares(y))))
        x = op.apply_adjoint(y)
    return largest
