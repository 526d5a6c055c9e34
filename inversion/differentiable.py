"""A problem whose terms all have a gradient, as methods for smooth functions want it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from unblur.operators import norm_bound
from unblur.operators._backend import real_dtype, sum_of_squares
from unblur.operators._namespace import is_numpy

from .optimality import least_part, relative
from .problem import Problem
from .quadratic import UnsolvableError
from .terms import Term


@dataclass(slots=True)
class At:
    """A smooth problem at a point."""

    value: float  #: summed in float64
    gradient: Any
    size: float  #: Σ ‖A‖ ‖w ∇f‖, of the forces that the gradient is the sum of; 0 where there is one term only

    def residual(self, least: float) -> float:
        """Return ‖∇F‖ relative to the sizes of its parts, `least` being added to them; nan where F is not finite."""
        length = math.sqrt(sum_of_squares(self.gradient))
        return relative(length, self.size + least) if math.isfinite(self.value) else math.nan


class Differentiable:
    """A smooth problem: its value and its gradient, from one apply of each operator and of its adjoint.

    Parameters
    ----------
    problem : Problem
    solver : str
        The algorithm that asks, for its error.

    Raises
    ------
    UnsolvableError
        If a term has no gradient.

    Notes
    -----
    Methods that keep many vectors do so in flat real ones of double precision: `flat` makes one of an image, of a complex one
    by its real and imaginary parts, and `image` goes back. What is at the last point is remembered: a line search ends there.
    """

    def __init__(self, problem: Problem, solver: str) -> None:
        self.terms = tuple(t for t in problem.terms if t.weight > 0)
        for term in self.terms:
            if not hasattr(term.functional, "gradient"):
                raise UnsolvableError(
                    f"{solver} cannot take {term!r}, which has no gradient; SplitBregman can where it has a prox"
                )
        self.dims = problem.dims
        self.dtype, self.xp = problem.dtype, problem.xp
        self.norms = [norm_bound(_operator(t)) for t in self.terms]
        self._point: Any = None
        self._at: At | None = None

    @property
    def ffts(self) -> int:
        """FFTs that the value and the gradient take together."""
        return sum(2 * _operator(t).ffts for t in self.terms)

    def read_start(self, problem: Problem, x0: Any) -> Any:
        """Return a copy of `x0` in the problem's precision; for None the data brought to x's grid."""
        return problem.read_start(x0)

    def at(self, x: Any) -> At:
        """Return the objective at `x`, its gradient, and the sizes of its parts."""
        value, gradient, size = 0.0, self.xp.zeros(self.dims, self.dtype), 0.0
        # a point may lie outside of where they have values, which are not finite then
        with np.errstate(all="ignore"):
            for t, norm in zip(self.terms, self.norms, strict=True):
                z = _residual(t, x)
                value += t.weight * t.functional.value(z)
                slope = t.functional.gradient(z)  # type: ignore[attr-defined]
                part = _operator(t).apply_adjoint(slope)
                part *= t.weight
                if len(self.terms) > 1:
                    # where no bound is known the force itself
                    squares = sum_of_squares(part) if norm is None else (t.weight * norm) ** 2 * sum_of_squares(slope)
                    size += math.sqrt(squares)
                gradient += part
        return At(value, gradient, size)

    def least_size(self, start: At) -> float:
        """Return what counts for the size of the forces at least: where they are seen, a rounding error of the start's."""
        first = math.sqrt(sum_of_squares(start.gradient))
        return first if len(self.terms) == 1 else least_part(self.dtype) * first

    def hessian(self, x: Any) -> Hessian:
        """Return the Hessian at `x`."""
        return Hessian(self, x)

    # -- flat ----------------------------------------------------------------------------------------

    def flat(self, x: Any) -> Any:
        """Return an image as a flat vector of real numbers in double precision."""
        return np.ravel(x).view(real_dtype(x.dtype)).astype(np.float64)

    def image(self, vector: Any) -> Any:
        """Return the image of such a vector, in the problem's precision."""
        return vector.astype(real_dtype(self.dtype)).view(self.dtype).reshape(self.dims)

    def flat_at(self, vector: Any) -> At:
        """Return the objective at a flat vector, its flat gradient, and the sizes of its parts."""
        if self._at is None or not np.array_equal(vector, self._point):
            self._point, at = np.array(vector), self.at(self.image(vector))
            self._at = At(at.value, self.flat(at.gradient), at.size)
        return self._at

    def line_search(self, x: Any, d: Any, start: At) -> float | None:
        """Return t for which x + t d meets the Wolfe conditions; None where there is none, or rounding hides it, nan beside nan.

        All are flat; `start` is what is at `x`. t = 1 is tried first, then the secant through the two slopes, then a bracket is
        halved, or t doubled. What is asked for are the approximate conditions of Hager and Zhang [1]_, which ask the slope where
        the value says nothing any more: so the gradient falls to rounding, not to its square root. Where the objective is no
        finite number t is too long.

        References
        ----------
        .. [1] W. W. Hager and H. Zhang, "A new conjugate gradient method with guaranteed descent and an efficient line
           search", SIAM J. Optim. 16 (2005), 170–192.
        """
        eps = float(np.finfo(real_dtype(self.dtype)).eps)
        slope, slack = float(np.dot(start.gradient, d)), 10 * eps * abs(start.value)
        shortest = 0.01 * eps * float(np.linalg.norm(x)) / (float(np.linalg.norm(d)) or 1.0)
        low, high, t, fallen = 0.0, math.inf, 1.0, False
        with np.errstate(all="ignore"):
            for trial in range(100):
                at = self.flat_at(x + t * d)
                slope_t = float(np.dot(at.gradient, d))
                if abs(slope_t) <= 0.8 * abs(slope) and at.value <= start.value + slack:
                    return t
                if at.value <= start.value + slack and slope_t < 0:
                    low, fallen = t, at.value <= start.value + 1e-4 * t * slope
                else:
                    high = t
                if high - low <= max(shortest, eps * low):
                    break
                secant = t * slope / (slope - slope_t) if trial == 0 and slope_t > slope else math.nan
                halved = 2 * low if high == math.inf else 0.5 * (low + high)
                t = secant if low < secant < high else halved
        if fallen:
            # all the way to the edge of where the objective is finite
            return low
        return None if at.value == math.inf or math.isfinite(at.value + slope_t) else math.nan


class Hessian:
    r"""The Hessian of a smooth problem at a point, by its products.

    .. math:: H d = \sum_t w_t A_t^H \, \nabla^2 f_t(z_t) \, A_t d, \qquad z_t = A_t x - b_t

    Parameters
    ----------
    objective : Differentiable
    x : array
        The point.

    Notes
    -----
    The operators are applied as they are; only the curvature of a functional that is not quadratic is taken from a central
    difference of its gradient, in the space of the data, where it costs no apply.
    """

    def __init__(self, objective: Differentiable, x: Any) -> None:
        self.objective = objective
        self.points = [_residual(t, x) for t in objective.terms]

    def apply(self, d: Any) -> Any:
        """Return H d."""
        total = self.objective.xp.zeros(self.objective.dims, self.objective.dtype)
        for t, z in zip(self.objective.terms, self.points, strict=True):
            A = _operator(t)
            part = A.apply_adjoint(_curve(t.functional, z, A.apply(d)))
            part *= t.weight
            total += part
        return total


def _curve(functional: Any, z: Any, d: Any) -> Any:
    """Return ∇²f(z) d."""
    metric = getattr(functional, "metric", getattr(functional, "curvature", None))
    if metric is not None:
        return metric * d
    length = math.sqrt(sum_of_squares(d))
    if length == 0:
        return d
    # the cube root of the precision balances the rounding of a central difference against its error
    eps = float(np.finfo(real_dtype(z.dtype)).eps)
    step = eps ** (1 / 3) * max(math.sqrt(sum_of_squares(z)), math.sqrt(z.size) * eps) / length
    return (functional.gradient(z + step * d) - functional.gradient(z - step * d)) / (2 * step)


def on_the_host(problem: Problem, solver: str) -> Differentiable:
    """Return the problem for a method on flat vectors; refuse one whose data are on a device."""
    if not is_numpy(problem.data[0].target):
        raise UnsolvableError(f"{solver} computes in NumPy, but the data are of {problem.xp.__name__}; GradientDescent can")
    return Differentiable(problem, solver)


def _operator(term: Term) -> Any:
    assert term.operator is not None
    return term.operator


def _residual(term: Term, x: Any) -> Any:
    z = _operator(term).apply(x)
    if term.offset is not None:
        z -= term.offset
    return z
