"""The normal equations of a quadratic problem, applied in place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from unblur.operators import Operator, norm_bound
from unblur.operators._backend import sum_of_squares
from unblur.operators._namespace import namespace
from unblur.operators._vectors import axpby

from .optimality import least_part, relative
from .problem import Problem, copied
from .quadratic import UnsolvableError
from .terms import Term


@dataclass(frozen=True, eq=False)
class Quadratic:
    r"""One quadratic term, read for solvers of linear systems.

    .. math:: \tfrac{w}{2} \, \| A x - b \|_W^2 = \tfrac{w}{2} \sum_i W_i \, |A x - b|_i^2

    Parameters
    ----------
    A : Operator
    b : array of shape ``A.dimsd``, optional
        By default 0.
    weight : float
        w.
    W : array that broadcasts to ``A.dimsd``, optional
        By default all 1.
    measured : bool
        Whether b is measured data.
    """

    A: Operator
    b: Any = None
    weight: float = 1.0
    W: Any = None
    measured: bool = False

    def apply(self, x: Any, q: Any) -> float:
        """Write A x to `q`; return w ‖A x‖²_W."""
        self.A.apply(x, q)
        return self.weight * sum_of_squares(q, self.W)

    def one_pass(self, x: Any) -> Any:
        """Return what takes A x and uses it in one pass, where nothing stands between; else None."""
        return self.A.in_one_pass(x) if self.W is None else None

    def measure(self, x: Any, q: Any) -> float:
        """Return w ‖A x‖²_W; `q` is A x then, or as it was if that is not needed by `subtract`."""
        direct = self.one_pass(x)
        return self.apply(x, q) if direct is None else self.weight * direct.energy(x)

    def subtract(self, alpha: float, x: Any, q: Any, r: Any) -> None:
        """Replace r by r − α w W A x, after `measure`; `q` is overwritten."""
        direct = self.one_pass(x)
        if direct is not None:
            direct.update(-alpha * self.weight, x, 1.0, r)
            return
        if self.W is not None:
            q *= self.W
        axpby(-alpha * self.weight, q, 1.0, r, q)

    def weigh(self, q: Any) -> None:
        """Replace q by w W q."""
        if self.W is not None:
            q *= self.W
        if self.weight != 1:
            q *= self.weight

    def residual(self, x: Any, q: Any) -> None:
        """Write b − A x to `q`; `x` may be None, for 0."""
        if x is None:
            q[...] = 0
        else:
            self.A.apply(x, q)
            np.negative(q, out=q)
        if self.b is not None:
            q += self.b


class NormalEquations:
    r"""The linear system whose solution minimises a sum of quadratic terms.

    .. math:: N x = \sum_t w_t A_t^H W_t A_t \, x = \sum_t w_t A_t^H W_t \, b_t

    Parameters
    ----------
    parts : sequence of Quadratic
        The terms, of operators that take arrays of one shape.
    dims : tuple of int
        That shape.
    dtype : dtype
        Of x, and of all arrays here.

    Notes
    -----
    Nothing of the size of an image is allocated but by the operators themselves: `work` is of the shape of x, and each
    method takes the arrays that it writes to. An instance serves one thread.
    """

    def __init__(self, parts: Sequence[Quadratic], dims: tuple[int, ...], dtype: Any) -> None:
        self.parts = tuple(parts)
        self.dims, self.dtype = tuple(dims), np.dtype(dtype)
        self.xp = namespace(*(array for part in self.parts for array in (part.b, part.W)))
        self.work = self.xp.zeros(self.dims, self.dtype)

    @classmethod
    def of(cls, problem: Problem, solver: str) -> Self:
        """Return the system of a problem; raise `UnsolvableError` in the name of `solver` if a term is not quadratic."""
        parts = [quadratic(term, solver) for term in problem.terms if term.weight > 0]
        return cls(parts, problem.dims, problem.dtype)

    def data_arrays(self) -> list[Any]:
        """Return an array of the shape of A x for each term."""
        return [self.xp.zeros(part.A.dimsd, self.dtype) for part in self.parts]

    def measure(self, x: Any, q: list[Any]) -> float:
        """Return ⟨x, N x⟩ = Σ w ‖A x‖²_W, which no cancellation can turn negative; `q` is for `subtract`."""
        return sum((part.measure(x, q_t) for part, q_t in zip(self.parts, q, strict=True)), 0.0)

    def subtract(self, alpha: float, x: Any, q: list[Any], r: list[Any]) -> None:
        """Replace r by r − α w W A x of each term, after `measure`, over `q`."""
        for part, q_t, r_t in zip(self.parts, q, r, strict=True):
            part.subtract(alpha, x, q_t, r_t)

    def adjoint(self, r: list[Any], out: Any) -> None:
        """Write Σ Aᴴ r to `out`."""
        if not self.parts:
            out[...] = 0
        for t, (part, r_t) in enumerate(zip(self.parts, r, strict=True)):
            if t == 0:
                part.A.apply_adjoint(r_t, out)
            elif (direct := part.A.in_one_pass(out)) is not None:
                direct.update_adjoint(1.0, r_t, 1.0, out)
            else:
                out += part.A.apply_adjoint(r_t, self.work)

    def apply(self, x: Any, out: Any, q: list[Any]) -> float:
        """Write N x to `out`, over `q`; return ⟨x, N x⟩."""
        energy = 0.0
        for part, q_t in zip(self.parts, q, strict=True):
            energy += part.apply(x, q_t)
            part.weigh(q_t)
        self.adjoint(q, out)
        return energy

    def residual(self, x: Any, r: list[Any]) -> None:
        """Write w W (b − A x) of each term to `r`; `x` may be None, for 0."""
        for part, r_t in zip(self.parts, r, strict=True):
            part.residual(x, r_t)
            part.weigh(r_t)

    def strict_residual(self, x: Any, r: list[Any], residual: float, scale: float) -> float:
        """Return ‖Σ Aᴴr‖ / Σ ‖A‖ ‖r‖, with w W (b − A x) of each term written to `r`.

        It sees where a heavy term has been met and light ones have not, of which the right side, of length `scale`, tells
        nothing, and what rounding has kept from a residual that is carried along. It costs an apply and an adjoint of each
        operator, and two more of those that know no bound, whose norms are then found from below. Of a single term it is
        `residual`, as relative to the right side.
        """
        if len(self.parts) == 1:
            return residual
        NormalEquations.residual(self, x, r)
        left, size = self.xp.zeros(self.dims, self.dtype), least_part(self.dtype) * scale
        for part, r_t in zip(self.parts, r, strict=True):
            force = part.A.apply_adjoint(r_t)
            left += force
            norm = norm_bound(part.A)
            if norm is None:
                norm = relative(math.sqrt(sum_of_squares(part.A.apply(force))), math.sqrt(sum_of_squares(force)))
            size += norm * math.sqrt(sum_of_squares(r_t))
        return relative(math.sqrt(sum_of_squares(left)), size)

    def read_start(self, x0: Any) -> Any:
        """Return a copy of `x0` in the precision of the system; zeros for None."""
        return self.xp.zeros(self.dims, self.dtype) if x0 is None else copied(x0, self.work)

    @property
    def ffts(self) -> int:
        """FFTs that one product by N takes."""
        return sum(2 * part.A.ffts for part in self.parts)


def quadratic(term: Term, solver: str) -> Quadratic:
    """Return a term as a `Quadratic`; raise `UnsolvableError` in the name of `solver` if it is none."""
    functional = term.functional
    metric = getattr(functional, "metric", getattr(functional, "curvature", None))
    if metric is None:
        raise UnsolvableError(f"{solver} cannot take {term!r}, which is not quadratic; SplitBregman can where it has a prox")
    assert term.operator is not None
    if np.ndim(metric) == 0:
        return Quadratic(term.operator, term.offset, term.weight * float(metric), None, term.carries_data)
    return Quadratic(term.operator, term.offset, term.weight, metric, term.carries_data)
