"""The direction that a sum of quadratic terms resists least, found without a matrix."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from unblur.operators._backend import sum_of_squares

from .normal import NormalEquations

#: at this share of the largest the rest of a vector is as good as nothing
NEGLIGIBLE = 1e-6


def least_resisted(system: NormalEquations, g: Any, steps: int = 50) -> Any:
    r"""Return the direction out of `g` that the normal operator N of a system resists least.

    .. math:: \min_v \; \frac{\langle v, N v \rangle}{\|v\|^2}, \qquad v \in \operatorname{span} \{ g, N g, N^2 g, \dots \}

    Where N has a null space that g is not orthogonal to, that is the part of g within it.

    Parameters
    ----------
    system : NormalEquations
    g : array of the system's `dims`
        Not 0; in the system's precision.
    steps : int
        Products by N at most.

    Returns
    -------
    array
        v, of length 1, with ⟨g, v⟩ ≥ 0.

    Notes
    -----
    The locally optimal conjugate gradients of Knyazev [1]_ for one vector: each step takes the best of the plane of v, of
    the gradient of the quotient and of the step before. Six arrays of the shape of x, whatever the number of steps.

    References
    ----------
    .. [1] A. V. Knyazev, "Toward the optimal preconditioned eigensolver: locally optimal block preconditioned conjugate
       gradient method", SIAM J. Sci. Comput. 23 (2001), 517–541.
    """
    q = system.data_arrays()

    def resisted(v: Any) -> Any:
        Nv = np.zeros_like(v)
        system.apply(v, Nv, q)
        return Nv

    v = g / _length(g)
    basis, images = [v], [resisted(v)]
    for _ in range(steps - 1):
        v, Nv = basis[0], images[0]
        rho = np.vdot(v, Nv).real
        r = Nv - rho * v
        if _length(r) <= NEGLIGIBLE * rho:
            break
        r /= _length(r)
        # twice, since what is left is small where v has nearly settled
        for _ in range(2):
            for b in basis:
                r -= np.vdot(b, r) * b
        left = _length(r)
        if left == 0:
            break
        r /= left
        basis.append(r)
        images.append(resisted(r))
        small = np.array([[np.vdot(a, Nb) for Nb in images] for a in basis])
        c = np.linalg.eigh((small + small.conj().T) / 2)[1][:, 0]
        # what of the new v was not in the old one, made orthogonal to the new one
        w = np.where(np.arange(len(c)) == 0, 0, c)
        w = w - c * np.vdot(c, w)
        moved = float(np.linalg.norm(w))
        if moved == 0:
            break
        basis = [_combined(c, basis), _combined(w / moved, basis)]
        images = [_combined(c, images), _combined(w / moved, images)]
    v = basis[0] / _length(basis[0])
    along = np.vdot(v, g)
    return v if along == 0 else v * (along / abs(along))


def _combined(coefficients: Any, arrays: list[Any]) -> Any:
    return sum(c * a for c, a in zip(coefficients, arrays, strict=True))


def _length(v: Any) -> float:
    return math.sqrt(sum_of_squares(v))
