"""Terms: weight × functional(A x − b). A problem is a sum of them.

Those that carry data are in `data_terms`, those that do not in `priors`.
"""

from __future__ import annotations

import copy
from numbers import Real
from typing import Any, Self

import numpy as np

from unblur.operators import Identity, Operator, aslinearoperator
from unblur.operators._arguments import as_number, read_array
from unblur.operators._backend import working_dtype
from unblur.operators._namespace import asarray, contiguous

from .functionals import Functional
from .own_functionals import read_functional


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
        self.functional: Functional = read_functional(functional)
        self.operator: Operator | None = None if operator is None else aslinearoperator(operator, "operator")
        self.offset = None if offset is None else read_samples(offset, self.operator, "offset")
        self.weight = 1.0

    # -- algebra ------------------------------------------------------------------------------------

    def __mul__(self, factor: Any) -> Self:
        number = as_number(factor)
        return NotImplemented if number is None else self._weighed(read_weight(number))

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> Self:
        number = as_number(divisor)
        return NotImplemented if number is None else self * (1 / read_divisor(number))

    def _weighed(self, factor: float) -> Self:
        """Return the term as a part of a sum that was multiplied by a number."""
        return self._with(weight=self.weight * factor)

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

    def cast(self, dtype: Any, like: Any = None) -> Self:
        """Return the term with its offset as `dtype`, that of x, and its other arrays in the same precision.

        All are brought to the library of `like` where that is given.
        """
        term = self
        if hasattr(self.functional, "cast"):
            term = term._with(functional=self.functional.cast(dtype, like))
        if self.offset is None:
            return term
        return term._with(offset=asarray(self.offset, like, "the offset of a term").astype(dtype, copy=False))

    @property
    def A(self) -> Operator:  # noqa: N802 - the field's own symbol
        """The operator, once a problem has given the term one."""
        assert self.operator is not None
        return self.operator

    @property
    def target(self) -> Any:
        """What A x should come near: the data where the term carries them; None where that is 0."""
        return self.offset

    def value(self, x: Any) -> float:
        """Return w f(A x − b)."""
        # what weighs nothing counts nothing, even where f is infinite or has no value
        return self.weight * self.functional.value(self.residual(x)) if self.weight else 0.0

    def gradient(self, x: Any) -> Any:
        """Return w Aᴴ ∇f(A x − b)."""
        assert self.operator is not None
        return self.weight * self.operator.apply_adjoint(self.functional.gradient(self.residual(x)))  # type: ignore[attr-defined]

    def slope(self, Ax: Any) -> Any:
        """Return w ∇f(A x − b), the gradient in A x, where A x is known."""
        z = Ax if self.offset is None else Ax - self.offset
        return self.weight * self.functional.gradient(z)  # type: ignore[attr-defined]

    def residual(self, x: Any) -> Any:
        assert self.operator is not None
        z = self.operator.apply(x)
        return z if self.offset is None else z - self.offset

    def prox(self, v: Any, step: float, out: Any) -> Any:
        """Write to `out`, which may be `v`, the prox of w f(· − b) at `v`."""
        prox = self.functional.prox  # type: ignore[attr-defined]
        if self.offset is None:
            return prox(v, step * self.weight, out)
        np.subtract(v, self.offset, out=out)
        prox(out, step * self.weight, out)
        out += self.offset
        return out

    def prox_conjugate(self, v: Any, step: float, out: Any) -> Any:
        """Write to `out`, another array than `v`, the prox of the conjugate of w f(· − b) at `v`, by Moreau's identity."""
        # prox of σ F* at v = v − σ (prox of F / σ at v / σ)
        np.divide(v, step, out=out)
        self.prox(out, 1 / step, out)
        out *= -step
        out += v
        return out

    def conjugate(self, p: Any) -> float:
        """Return the conjugate of w f(· − b) at `p`, which is w f*(p / w) + ⟨p, b⟩."""
        if self.weight == 0:
            return 0.0 if not np.any(p) else np.inf
        linear = 0.0 if self.offset is None else float(np.vdot(p.astype(np.result_type(p.dtype, np.float64)), self.offset).real)
        return self.weight * float(self.functional.conjugate(p / self.weight)) + linear  # type: ignore[attr-defined]

    def fused_step(self, split: Any) -> Any:
        """Return split Bregman's step for this term in one pass over memory, where its functional has one; else None."""
        fused = getattr(self.functional, "fused", None)
        return None if fused is None else fused(split)

    @property
    def box(self) -> tuple[Any, Any] | None:
        """The bounds of x, two numbers or arrays of its shape, where the term is nothing but that; else None."""
        plain = self.operator is not None and self.operator.is_identity and self.offset is None
        return getattr(self.functional, "bounds", None) if plain else None

    def formula(self) -> str:
        """Return the term as mathematics."""
        shift = "" if self.offset is None else " − b"
        name = type(getattr(self.functional, "own", self.functional)).__name__
        return f"{self._factor()}{name}({name_of(self.operator)} x{shift})"

    def _factor(self) -> str:
        return "" if self.weight == 1 else f"{self.weight:.4g} · "

    def __repr__(self) -> str:
        return self.formula()


def read_weight(factor: Any) -> float:
    """Return a number by which to multiply a term."""
    number = float(factor) if isinstance(factor, Real) else factor
    if not isinstance(number, float) or not np.isfinite(number) or number < 0:
        raise ValueError(f"weight is {number!r}; give a finite real number, 0 or more")
    return number


def read_divisor(number: Any) -> Any:
    """Return a number by which to divide a term."""
    if number == 0:
        raise ValueError("a term is divided by 0; divide by a number above 0")
    return number


def name_of(operator: Any, default: str = "I") -> str:
    """Return how an operator is written in a formula."""
    return default if operator is None else repr(operator)


def read_samples(y: Any, operator: Operator | None, name: str, finite: bool = True, copy: bool = True) -> Any:
    """Return `y` as floating-point numbers in the shape that `operator` gives.

    They are a copy, which what is written to `y` afterwards does not change, unless the caller says that it makes one itself.
    """
    y = read_array(y, name)
    # in one run of memory, as kernels take it
    y = contiguous(y.astype(working_dtype(y.dtype), copy=copy))
    if operator is not None:
        shape = tuple(operator.dimsd)
        if y.shape != shape and y.ndim == 2 and y.shape[0] == operator.shape[0]:
            raise ValueError(
                f"{name} has shape {y.shape}: {y.shape[1]} right-hand sides of {operator!r}, problems of their own; plan "
                f"that of one column, and solve all by [plan(problem).solve(column).x for column in {name}.T]"
            )
        if y.shape != shape and y.shape != (operator.shape[0],):
            raise ValueError(f"{name} has shape {y.shape}, but {operator!r} gives {shape}; give an array of that shape")
        y = y.reshape(shape)
    if finite and not np.isfinite(y).all():
        raise ValueError(f"{name} holds NaN or infinite samples; replace them, or mask them by weights")
    return y
