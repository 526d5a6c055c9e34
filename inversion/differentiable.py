"""A problem whose terms all have a gradient, as methods for smooth functions want it."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import scipy.optimize

from unblur.operators._backend import real_dtype, sum_of_squares
from unblur.operators._namespace import is_numpy

from .problem import Problem
from .quadratic import UnsolvableError
from .terms import Term


class Differentiable:
    """The value and the gradient of a smooth problem, from one apply of each operator and of its adjoint.

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
    Methods of ``scipy.optimize`` know flat real vectors in double precision: `flat` makes one of an image, of a complex one
    by its real and imaginary parts, and `image` goes back. The last point is remembered, since such methods ask for the
    value and the gradient one after the other.
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
        self._point: Any = None
        self._value, self._gradient = math.nan, None

    @property
    def ffts(self) -> int:
        """FFTs that the value and the gradient take together."""
        return sum(2 * _operator(t).ffts for t in self.terms)

    def read_start(self, problem: Problem, x0: Any) -> Any:
        """Return a copy of `x0` in the problem's precision; for None the data brought to x's grid."""
        return problem.read_start(x0)

    def value_and_gradient(self, x: Any) -> tuple[float, Any]:
        """Return the objective at `x`, summed in float64, and its gradient."""
        value, gradient = 0.0, self.xp.zeros(self.dims, self.dtype)
        for t in self.terms:
            z = _residual(t, x)
            value += t.weight * t.functional.value(z)
            part = _operator(t).apply_adjoint(t.functional.gradient(z))  # type: ignore[attr-defined]
            part *= t.weight
            gradient += part
        return value, gradient

    def hessian(self, x: Any) -> Hessian:
        """Return the Hessian at `x`."""
        return Hessian(self, x)

    # -- for scipy.optimize -------------------------------------------------------------------------

    def flat(self, x: Any) -> Any:
        """Return an image as a flat vector of real numbers in double precision."""
        return np.ravel(x).view(real_dtype(x.dtype)).astype(np.float64)

    def image(self, vector: Any) -> Any:
        """Return the image of such a vector, in the problem's precision."""
        return vector.astype(real_dtype(self.dtype)).view(self.dtype).reshape(self.dims)

    def flat_value(self, vector: Any) -> float:
        """Return the objective at a flat vector."""
        self._evaluate(vector)
        return self._value

    def flat_gradient(self, vector: Any) -> Any:
        """Return the flat gradient at a flat vector."""
        self._evaluate(vector)
        return self._gradient

    def line_search(self, x: Any, d: Any, gradient: Any, value: float) -> float | None:
        """Return t for which x + t d meets the Wolfe conditions; None where rounding hides it.

        `gradient` and `value` are those at `x`, all flat. t = 1 is tried first, then the secant through the two slopes; they
        are taken if they meet the approximate conditions of Hager and Zhang [1]_, which ask the slope where the value
        says nothing any more: so the gradient falls to rounding, not to its square root. Then SciPy searches.

        References
        ----------
        .. [1] W. W. Hager and H. Zhang, "A new conjugate gradient method with guaranteed descent and an efficient line
           search", SIAM J. Optim. 16 (2005), 170–192.
        """
        slope, slack = float(np.dot(gradient, d)), 10 * float(np.finfo(real_dtype(self.dtype)).eps) * abs(value)
        t = 1.0
        for _ in range(2):
            slope_t = float(np.dot(self.flat_gradient(x + t * d), d))
            if abs(slope_t) <= 0.8 * abs(slope) and self.flat_value(x + t * d) <= value + slack:
                return t
            if slope_t <= slope:
                break
            t *= slope / (slope - slope_t)
        with warnings.catch_warnings():
            # the caller is told by None
            warnings.filterwarnings("ignore", "The line search algorithm")
            warnings.filterwarnings("ignore", "Rounding errors prevent the line search")
            found, *_ = scipy.optimize.line_search(self.flat_value, self.flat_gradient, x, d, gradient, value, maxiter=20)
        return None if found is None else float(found)

    def _evaluate(self, vector: Any) -> None:
        if self._point is None or not np.array_equal(vector, self._point):
            self._point = np.array(vector)
            self._value, gradient = self.value_and_gradient(self.image(vector))
            self._gradient = self.flat(gradient)


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
    """Return the problem for a method of ``scipy.optimize``; refuse one whose data are on a device."""
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
