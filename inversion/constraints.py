"""Terms that say what x must be: 0 where it is, infinite where it is not."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from .functionals import Interval
from .terms import Term


class _Constraint(Term):
    """What x must be; it takes no weight."""

    def __mul__(self, factor: Any) -> Self:
        raise TypeError(f"{type(self).__name__} is a constraint, which takes no weight; add it as it is")

    __rmul__ = __mul__


class Box(_Constraint):
    """The constraint low ≤ x ≤ high.

    Parameters
    ----------
    low, high : float
        Bounds, -inf and inf among them.

    Raises
    ------
    ValueError
        If `low` is not below `high`.
    TypeError
        If it is given a weight.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import Box
    >>> Box(0, 1).functional.prox(np.array([-0.5, 0.5, 1.5]), 1.0)
    array([0. , 0.5, 1. ])
    """

    def __init__(self, low: float, high: float) -> None:
        if not low < high:
            raise ValueError(f"low is {low!r} and high is {high!r}; low must be below high")
        super().__init__(Interval(float(low), float(high)))

    def formula(self) -> str:
        assert isinstance(self.functional, Interval)
        return f"[{self.functional.low:g} ≤ x ≤ {self.functional.high:g}]"


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
