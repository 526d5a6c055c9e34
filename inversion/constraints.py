"""Terms that say what x must be: 0 where it is, infinite where it is not."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from unblur.operators import Identity
from unblur.operators._arguments import read_dims
from unblur.operators._namespace import asarray

from .functionals import Interval
from .terms import Term


class _Constraint(Term):
    """What x must be; it takes no weight."""

    def __mul__(self, factor: Any) -> Self:
        raise TypeError(f"{type(self).__name__} is a constraint, which takes no weight; add it as it is")

    __rmul__ = __mul__
    __truediv__ = __mul__

    def _weighed(self, factor: float) -> Self:
        return self


class Box(_Constraint):
    r"""The constraint low ≤ x ≤ high.

    .. math:: l_i \le x_i \le h_i \quad \text{for every sample } i

    Parameters
    ----------
    low, high : float or array
        Bounds, -inf and inf among them. An array bounds every sample by itself, and wants `dims`.
    dims : tuple of int, optional
        Shape of x, ``A.dims``, to which arrays are broadcast; to be given with arrays, so that bounds for each colour, each
        column or each pixel of the image are not taken for one another, nor those of the image for those of a larger x.

    Raises
    ------
    ValueError
        If `low` is not below `high` (arrays may be equal: that holds a sample fast), if one is NaN, or if an array is given
        without `dims` or does not broadcast to them.
    TypeError
        If a bound is no real number, if the constraint is given a weight, or if it meets a complex x.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import Box
    >>> Box(0, 1).functional.prox(np.array([-0.5, 0.5, 1.5]), 1.0)
    array([0. , 0.5, 1. ])

    A colour image whose blue stays below a half:

    >>> Box(0, [1, 1, 0.5], dims=(60, 80, 3))
    [0 ≤ x ≤ array of 0.5 to 1]
    """

    def __init__(self, low: Any, high: Any, dims: Any = None) -> None:
        sizes = None if dims is None else read_dims(dims)
        bounds = _read_bound(low, "low", sizes), _read_bound(high, "high", sizes)
        each = any(np.ndim(b) for b in bounds)
        if not (np.all(bounds[0] <= bounds[1]) if each else bounds[0] < bounds[1]):
            where = " everywhere" if each else f"; low is {low!r} and high is {high!r}"
            raise ValueError(f"low must be below high{where}")
        super().__init__(Interval(*bounds), None if sizes is None else Identity(sizes))

    def formula(self) -> str:
        assert isinstance(self.functional, Interval)
        low, high = map(_in_words, self.functional.bounds)
        return f"[{low} ≤ x ≤ {high}]"


def _read_bound(bound: Any, name: str, dims: tuple[int, ...] | None) -> Any:
    """Return a bound as a number, or as an array of the shape `dims`."""
    array = asarray(bound)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} is {bound!r}; give a real number as a bound, or an array of them")
    if np.isnan(array).any():
        raise ValueError(f"{name} holds NaN; give -inf or inf where there is no bound")
    if array.ndim == 0:
        return float(array)
    if dims is None:
        raise ValueError(
            f"{name} is an array of shape {array.shape}; say by dims which x it bounds, as in Box(low, high, dims=A.dims)"
        )
    try:
        return np.broadcast_to(array, dims).astype(np.float64)
    except ValueError:
        raise ValueError(f"{name} has shape {array.shape}, which does not broadcast to dims, {dims}") from None


def _in_words(bound: Any) -> str:
    return f"{bound:g}" if np.ndim(bound) == 0 else f"array of {bound.min():g} to {bound.max():g}"


class Nonnegative(_Constraint):
    """The constraint x ≥ 0.

    Raises
    ------
    TypeError
        If it is given a weight.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import Nonnegative
    >>> Nonnegative().functional.prox(np.array([-0.5, 0.5]), 1.0)
    array([0. , 0.5])
    """

    def __init__(self) -> None:
        super().__init__(Interval(0.0, np.inf))

    def formula(self) -> str:
        return "[x ≥ 0]"
