"""Terms: weight × functional(A x − b). A problem is a sum of them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from numbers import Real
from typing import Any, Self

import numpy as np

from unblur.operators import Gradient, Identity, Operator, Stack, aslinearoperator
from unblur.operators._arguments import read_axes
from unblur.operators._backend import real_dtype, working_dtype

from .functionals import Functional, GroupNorm, Interval, SquaredNorm


class Term:
    r"""One term of a problem.

    .. math:: w \, f(A x - b)

    Parameters
    ----------
    functional : Functional
        f, with `value` and `prox` or `gradient`; see `unblur.inversion.functionals`.
    operator : operator or matrix, optional
        A; by default the identity.
    offset : array of the operator's `dimsd`, optional
        b; by default 0.

    Notes
    -----
    Terms are not changed by anything; ``+``, ``*`` and ``sum()`` make new ones, and problems of them.
    """

    #: whether the term carries measured data
    carries_data = False
    __array_ufunc__ = None

    def __init__(self, functional: Functional, operator: Any = None, offset: Any = None) -> None:
        self.functional = functional
        self.operator: Operator | None = None if operator is None else aslinearoperator(operator)
        self.offset = None if offset is None else _read_offset(offset, self.operator, "offset")
        self.weight = 1.0

    # -- algebra ------------------------------------------------------------------------------------

    def __mul__(self, factor: Any) -> Self:
        if not isinstance(factor, Real):
            return NotImplemented
        number = float(factor)
        if not np.isfinite(number) or number < 0:
            raise ValueError(f"weight is {number!r}; give a finite number, 0 or more")
        return self._with(weight=self.weight * number)

    __rmul__ = __mul__

    def __add__(self, other: Any) -> Any:
        from .problem import Problem

        return Problem((self,)) + other

    def __radd__(self, other: Any) -> Any:
        return self if other == 0 and isinstance(other, Real) else NotImplemented

    def _with(self, **changes: Any) -> Self:
        new = copy.copy(self)
        new.__dict__.update(changes)
        return new

    # -- what a problem and its solvers ask ---------------------------------------------------------

    def bind(self, A: Operator) -> Self:
        """Return the term with its operator, taken from `A`, that of the data, where it has none of its own."""
        return self if self.operator is not None else self._with(operator=Identity(A.dims))

    def cast(self, dtype: Any) -> Self:
        """Return the term with its offset in the precision of `dtype`."""
        if self.offset is None:
            return self
        kind = np.result_type(real_dtype(dtype), np.complex64) if self.offset.dtype.kind == "c" else real_dtype(dtype)
        return self._with(offset=self.offset.astype(kind, copy=False))

    def value(self, x: Any) -> float:
        """Return w f(A x − b)."""
        return self.weight * self.functional.value(self.residual(x))

    def gradient(self, x: Any) -> Any:
        """Return w Aᴴ ∇f(A x − b)."""
        assert self.operator is not None
        return self.weight * self.operator.apply_adjoint(self.functional.gradient(self.residual(x)))  # type: ignore[attr-defined]

    def residual(self, x: Any) -> Any:
        """Return A x − b."""
        assert self.operator is not None
        z = self.operator.apply(x)
        return z if self.offset is None else z - self.offset

    def prox(self, v: Any, step: float, out: Any) -> Any:
        """Write to `out` the prox of w f(· − b) at `v`."""
        prox = self.functional.prox  # type: ignore[attr-defined]
        if self.offset is None:
            return prox(v, step * self.weight, out)
        np.subtract(v, self.offset, out=out)
        prox(out, step * self.weight, out)
        out += self.offset
        return out

    def formula(self) -> str:
        """Return the term as mathematics."""
        shift = "" if self.offset is None else " − b"
        return f"{self._factor()}{type(self.functional).__name__}({_name(self.operator)} x{shift})"

    def _factor(self) -> str:
        return "" if self.weight == 1 else f"{self.weight:.4g} · "

    def __repr__(self) -> str:
        return self.formula()


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
        y = _read_offset(y, operator, "y", finite=weights is None)
        if weights is not None:
            weights = _read_weights(weights, y)
            y = np.where(weights > 0, y, y.dtype.type(0))
            if not np.isfinite(y).all():
                raise ValueError("y holds NaN or infinite samples where weights is above 0; set their weights to 0")
        super().__init__(SquaredNorm(weights), operator, y)

    def with_data(self, y: Any) -> LeastSquares:
        """Return the same term for other data."""
        assert self.operator is not None
        assert isinstance(self.functional, SquaredNorm)
        return LeastSquares(self.operator, y, self.functional.weights) * self.weight

    def formula(self) -> str:
        weighted = "" if self.functional.curvature else "_w"
        return f"{self._factor()}½‖{_name(self.operator)} x − y‖²{weighted}"


class Tikhonov(Term):
    r"""The quadratic prior.

    .. math:: \tfrac12 \| D x - t \|^2

    Parameters
    ----------
    D : operator or matrix, optional
        By default `Gradient` of the problem's first data operator.
    target : array of shape ``D.dimsd`` or number
        What D x is drawn to.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import LeastSquares, Tikhonov, solve
    >>> problem = LeastSquares(np.eye(2), np.array([1.0, 3.0])) + Tikhonov(np.eye(2))
    >>> problem.objective(np.array([0.5, 1.5]))
    2.5
    """

    def __init__(self, D: Any = None, target: Any = 0) -> None:
        offset = None
        if np.any(target):
            if D is None:
                raise ValueError("target is given without D; name the operator whose result it is")
            D = aslinearoperator(D)
            offset = np.broadcast_to(target, D.dimsd)
        super().__init__(SquaredNorm(), D, offset)

    def bind(self, A: Operator) -> Self:
        return self if self.operator is not None else self._with(operator=Gradient(A))

    def formula(self) -> str:
        return f"{self._factor()}½‖{_name(self.operator, '∇')} x{'' if self.offset is None else ' − t'}‖²"


class TotalVariation(Term):
    r"""Total variation, or the group norm of any other stack of operators.

    .. math:: \mathrm{TV}(x) = \sum_i \Big( \sum_{a, c} |D_a x|_{i, c}^2 \Big)^{1/2}

    The inner sum goes over the derivatives a (isotropic) and over colours c.

    Parameters
    ----------
    D : gradient, or list of derivatives, optional
        By default `Gradient` of the problem's first data operator. Components come first in the result of a gradient.
    isotropic : bool
        Whether the derivatives are gathered in one norm; else each stands alone.
    joint : int or tuple of int, optional
        The axes of x that are gathered in the norm too. By default all that D does not differentiate (colour); ``()``
        gathers none (batch, time).

    References
    ----------
    Rudin, Osher, Fatemi, "Nonlinear total variation based noise removal algorithms", Physica D 60 (1992).
    Bresson, Chan, "Fast dual minimization of the vectorial total variation norm", Inverse Problems and Imaging 2 (2008).

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import TotalVariation
    >>> from unblur.operators import Gradient
    >>> step = np.outer([0.0, 1.0, 1.0], np.ones(4))
    >>> TotalVariation(Gradient((3, 4), boundary="nearest")).value(step)
    4.0
    """

    def __init__(self, D: Any = None, isotropic: bool = True, joint: int | Sequence[int] | None = None) -> None:
        self.isotropic, self.joint = bool(isotropic), joint
        if isinstance(D, list | tuple):
            D = Stack(D)
        super().__init__(GroupNorm(), D)
        if self.operator is not None:
            self.functional = self._group_norm(self.operator)

    def bind(self, A: Operator) -> Self:
        if self.operator is not None:
            return self
        D = Gradient(A)
        return self._with(operator=D, functional=self._group_norm(D))

    def _group_norm(self, D: Operator) -> GroupNorm:
        stacked = len(D.dimsd) > len(D.dims)
        riding = set(range(len(D.dims))) - set(getattr(D, "axes", range(len(D.dims))))
        if self.joint is None:
            joint = tuple(riding)
        elif isinstance(self.joint, Sequence) and not self.joint:
            joint = ()
        else:
            joint = read_axes(self.joint, len(D.dims), "joint")
        axes = tuple(axis + stacked for axis in joint)
        return GroupNorm((0, *axes) if stacked and self.isotropic else axes)

    def formula(self) -> str:
        norm = "‖₂,₁" if self.isotropic else "‖₁"
        return f"{self._factor()}‖{_name(self.operator, '∇')} x{norm}"


class Box(Term):
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

    def __mul__(self, factor: Any) -> Self:
        raise TypeError("Box is a constraint, which takes no weight; add it as it is")

    __rmul__ = __mul__

    def formula(self) -> str:
        assert isinstance(self.functional, Interval)
        return f"[{self.functional.low:g} ≤ x ≤ {self.functional.high:g}]"


def _name(operator: Any, default: str = "I") -> str:
    return default if operator is None else repr(operator)


def _read_offset(y: Any, operator: Operator | None, name: str, finite: bool = True) -> Any:
    y = np.asarray(y)
    y = y.astype(working_dtype(y.dtype), copy=False)
    if operator is not None:
        shape = tuple(operator.dimsd)
        if y.shape != shape and y.shape != (operator.shape[0],):
            raise ValueError(f"{name} has shape {y.shape}, but {operator!r} gives {shape}; give an array of that shape")
        y = y.reshape(shape)
    if finite and not np.isfinite(y).all():
        raise ValueError(f"{name} holds NaN or infinite samples; replace them, or mask them by weights")
    return y


def _read_weights(weights: Any, y: Any) -> Any:
    weights = np.asarray(weights)
    try:
        weights = np.broadcast_to(weights, y.shape).astype(real_dtype(y.dtype))
    except ValueError:
        raise ValueError(f"weights has shape {weights.shape}; give one that broadcasts to that of y, {y.shape}") from None
    if not np.isfinite(weights).all() or weights.min() < 0:
        raise ValueError("weights holds a negative or non-finite number; give 0 or more")
    return weights
