"""Terms that carry data: what was measured, and how far from it A x may be for each kind of noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from unblur.operators import aslinearoperator
from unblur.operators._arguments import read_array, read_number
from unblur.operators._backend import real_dtype

from .fidelities import EuclideanNorm, HuberLoss, KullbackLeibler
from .functionals import GroupNorm, SquaredNorm, rounding
from .terms import Term, name_of, read_samples


class LeastSquares(Term):
    r"""The data term of Gaussian noise.

    .. math:: \tfrac12 \sum_i w_i \, |A x - y|_i^2

    Parameters
    ----------
    A : operator or matrix
        What was done to x.
    y : array of shape ``A.dimsd``, or flat
        The data. Real samples of half or single precision are computed with in single precision, others in double.
    weights : array of shape ``A.dimsd`` or one that broadcasts to it, optional
        Not negative; of booleans, a mask. Where it is 0, y may be NaN.

    Raises
    ------
    ValueError
        If shapes do not fit, if y is not finite where it counts, or if a weight is negative or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import LeastSquares
    >>> LeastSquares(np.eye(2), np.array([1.0, 3.0])).value(np.zeros(2))
    5.0
    """

    carries_data = True

    def __init__(self, A: Any, y: Any, weights: Any = None) -> None:
        operator = aslinearoperator(A)
        y = read_samples(y, operator, "y", finite=weights is None, copy=weights is None)
        if weights is not None:
            y, weights = _mask(y, weights)
        super().__init__(SquaredNorm(weights), operator)
        self.offset = y

    def with_data(self, y: Any) -> LeastSquares:
        """Return the same term for other data."""
        assert self.operator is not None
        assert isinstance(self.functional, SquaredNorm)
        return LeastSquares(self.operator, y, self.functional.weights) * self.weight

    def formula(self) -> str:
        weighted = "" if self.functional.curvature else "_w"
        return f"{self._factor()}½‖{name_of(self.operator)} x − y‖²{weighted}"


class LeastAbsolute(Term):
    r"""The data term of outliers: impulses, dead pixels.

    .. math:: \sum_i |A x - y|_i

    Parameters
    ----------
    A : operator or matrix
        What was done to x.
    y : array of shape ``A.dimsd``, or flat
        The data.

    Raises
    ------
    ValueError
        If shapes do not fit, or if y is not finite.

    References
    ----------
    Nikolova, "A variational approach to remove outliers and impulse noise", J. Math. Imaging Vision 20 (2004).

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import LeastAbsolute
    >>> LeastAbsolute(np.eye(2), np.array([1.0, -3.0])).value(np.zeros(2))
    4.0
    """

    carries_data = True

    def __init__(self, A: Any, y: Any) -> None:
        operator = aslinearoperator(A)
        super().__init__(GroupNorm(), operator)
        self.offset = read_samples(y, operator, "y")

    def with_data(self, y: Any) -> LeastAbsolute:
        """Return the same term for other data."""
        return LeastAbsolute(self.operator, y) * self.weight

    def formula(self) -> str:
        return f"{self._factor()}‖{name_of(self.operator)} x − y‖₁"


class Huber(Term):
    r"""The data term of Gaussian noise with outliers.

    .. math::
        \sum_i \varphi(|A x - y|_i), \qquad
        \varphi(r) = \begin{cases} \tfrac12 r^2 & r \le \delta \\ \delta (r - \tfrac12 \delta) & r > \delta \end{cases}

    Parameters
    ----------
    A : operator or matrix
        What was done to x.
    y : array of shape ``A.dimsd``, or flat
        The data.
    delta : float
        δ, above 0, in the units of y: from there on a residual is taken for an outlier. A common choice is 1.345 standard
        deviations of the noise.

    Raises
    ------
    ValueError
        If `delta` is not above 0, if shapes do not fit, or if y is not finite.

    References
    ----------
    Huber, "Robust estimation of a location parameter", Ann. Math. Statist. 35 (1964).

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import Huber
    >>> Huber(np.eye(2), np.array([1.0, 10.0]), delta=2).value(np.zeros(2))
    18.5
    """

    carries_data = True

    def __init__(self, A: Any, y: Any, delta: float) -> None:
        delta = read_number(delta, "delta", above=0, remedy=", such as 1.345 standard deviations of the noise")
        operator = aslinearoperator(A)
        super().__init__(HuberLoss(float(delta)), operator)
        self.offset = read_samples(y, operator, "y")

    def with_data(self, y: Any) -> Huber:
        """Return the same term for other data."""
        return Huber(self.operator, y, self.functional.delta) * self.weight  # type: ignore[attr-defined]

    def formula(self) -> str:
        return f"{self._factor()}huber({name_of(self.operator)} x − y, {self.functional.delta:.4g})"  # type: ignore[attr-defined]


class Poisson(Term):
    r"""The data term of counts: the Kullback–Leibler divergence.

    .. math:: \sum_i w_i \Big( u_i - y_i + y_i \log \frac{y_i}{u_i} \Big), \qquad u = A x + b

    It is the negative logarithm of the likelihood, up to a constant that makes it 0 where u = y. It is infinite where u
    is below 0, or is 0 where something was counted.

    Parameters
    ----------
    A : operator or matrix
        What was done to x; real.
    y : array of shape ``A.dimsd``, or flat
        The counts, 0 or more; not necessarily whole numbers.
    background : float or array that broadcasts to y
        b, 0 or more: what is counted beside A x, in the units of y.
    weights : array of shape ``A.dimsd`` or one that broadcasts to it, optional
        Not negative; of booleans, a mask. Where it is 0, y may be NaN.

    Raises
    ------
    ValueError
        If a count, the background or a weight is negative or not finite, or if shapes do not fit.
    TypeError
        If y is complex.

    References
    ----------
    Shepp, Vardi, "Maximum likelihood reconstruction for emission tomography", IEEE Trans. Med. Imaging 1 (1982).

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import Poisson
    >>> Poisson(np.eye(2), np.array([3.0, 0.0])).value(np.array([3.0, 2.0]))
    2.0
    """

    carries_data = True

    def __init__(self, A: Any, y: Any, background: Any = 0, weights: Any = None) -> None:
        operator = aslinearoperator(A)
        y = read_samples(y, operator, "y", finite=weights is None, copy=False)
        if y.dtype.kind == "c":
            raise TypeError("y is complex, but counts are real; give their magnitudes, or use LeastSquares")
        if weights is not None:
            y, weights = _mask(y, weights)
        if y.min() < -rounding(y) * y.max():
            raise ValueError(f"y holds {y.min():g}, but counts are 0 or more; take an offset of the camera off as background")
        # an FFT that made the data may have left rounding errors below 0
        y = np.maximum(y, 0)
        super().__init__(KullbackLeibler(y, _read_background(background, y), weights), operator)

    @property
    def target(self) -> Any:
        """The counts without the background."""
        assert isinstance(self.functional, KullbackLeibler)
        return self.functional.counts - self.functional.background

    def with_data(self, y: Any) -> Poisson:
        """Return the same term for other data."""
        f = self.functional
        assert isinstance(f, KullbackLeibler)
        return Poisson(self.operator, y, f.background, f.weights) * self.weight

    def formula(self) -> str:
        assert isinstance(self.functional, KullbackLeibler)
        weighted = "" if self.functional.weights is None else "_w"
        background = " + b" if np.any(self.functional.background) else ""
        return f"{self._factor()}KL{weighted}(y, {name_of(self.operator)} x{background})"


class Distance(Term):
    r"""The Euclidean distance, not squared: Gaussian noise of unknown size.

    .. math:: \| A x - y \|_2

    Parameters
    ----------
    A : operator or matrix
    y : array of shape ``A.dimsd``, or flat, optional
        The data; without, the term is a prior, ‖A x‖₂.

    Raises
    ------
    ValueError
        If shapes do not fit, or if y is not finite.

    Notes
    -----
    The weight of a prior beside it does not depend on how strong the noise is (the square-root lasso).

    References
    ----------
    Belloni, Chernozhukov, Wang, "Square-root lasso", Biometrika 98 (2011).

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import Distance
    >>> Distance(np.eye(2), np.array([3.0, 4.0])).value(np.zeros(2))
    5.0
    """

    def __init__(self, A: Any, y: Any = 0) -> None:
        operator = aslinearoperator(A)
        self.carries_data = np.ndim(y) > 0
        if not self.carries_data and y != 0:
            raise ValueError(f"y is {y!r}; give an array of the shape {tuple(operator.dimsd)}, or 0")
        super().__init__(EuclideanNorm(), operator)
        self.offset = read_samples(y, operator, "y") if self.carries_data else None

    def with_data(self, y: Any) -> Distance:
        """Return the same term for other data."""
        return Distance(self.operator, y) * self.weight

    def formula(self) -> str:
        return f"{self._factor()}‖{name_of(self.operator)} x{' − y' if self.carries_data else ''}‖₂"


def _mask(y: Any, weights: Any) -> tuple[Any, Any]:
    """Return `y` with 0 where it does not count, and the weights in its shape and precision."""
    weights = read_array(weights, "weights", y)
    if weights.dtype.kind == "c":
        raise TypeError("weights is complex; give real numbers, 0 or more")
    try:
        weights = np.broadcast_to(weights, y.shape).astype(real_dtype(y.dtype))
    except ValueError:
        raise ValueError(f"weights has shape {weights.shape}; give one that broadcasts to that of y, {y.shape}") from None
    if not np.isfinite(weights).all() or weights.min() < 0:
        raise ValueError("weights holds a negative or non-finite number; give 0 or more")
    y = np.where(weights > 0, y, y.dtype.type(0))
    if not np.isfinite(y).all():
        raise ValueError("y holds NaN or infinite samples where weights is above 0; set their weights to 0")
    return y, weights


def _read_background(background: Any, y: Any) -> Any:
    b: Any = read_array(background, "background", y)
    if b.dtype.kind == "c":
        raise TypeError("background is complex; give real numbers, 0 or more")
    try:
        b = float(b) if b.ndim == 0 else np.broadcast_to(b, y.shape).astype(y.dtype)
    except ValueError:
        raise ValueError(f"background has shape {b.shape}; give a number, or one that broadcasts to y's, {y.shape}") from None
    if not np.isfinite(b).all() or np.min(b) < 0:
        raise ValueError("background holds a negative or non-finite number; give 0 or more, in the units of y")
    return b
