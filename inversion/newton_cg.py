"""Newton's method, its linear systems solved by truncated conjugate gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unblur.operators._arguments import read_whole

from .differentiable import At, Differentiable, Hessian, on_the_host
from .problem import Problem


@dataclass(slots=True)
class NewtonCGState:
    """The iterates. Vectors are flat and real, in double precision."""

    x: Any  #: the image
    point: Any  #: the image as a flat vector
    at: At  #: the objective there, and its gradient
    objective: Differentiable
    scale: float  #: ‖∇F‖ at the start
    least: float  #: what counts for the size of the forces at least
    residual: float = 1.0  #: ‖∇F‖ / Σ ‖A‖ ‖w ∇f‖; of a single term, / ‖∇F‖ at the start
    stalled: bool = False  #: whether no descent is left that the precision can tell
    inner_iterations: int = 0  #: products by the Hessian so far


@dataclass(frozen=True)
class NewtonCG:
    r"""Truncated Newton steps on any smooth problem.

    .. math::
        \| \nabla^2 F(x) \, d + \nabla F(x) \| \le \eta \, \|\nabla F(x)\|, \qquad x_+ = x + t d, \qquad
        \eta = \min\big(\tfrac12, \sqrt{\|\nabla F(x)\| / \|\nabla F(x_0)\|}\big)

    The system is solved by conjugate gradients from 0, which end at that accuracy or at a direction of negative curvature; t
    is 1, or what a line search finds to meet the Wolfe conditions.

    Parameters
    ----------
    max_inner_iterations : int
        At most so many conjugate gradient iterations for each Newton step.

    Raises
    ------
    ValueError
        If it is not a whole number, 1 or more.

    Notes
    -----
    Convergence is superlinear. ``scipy.optimize.minimize(method="Newton-CG")`` owns its loop, and judges gradients and
    curvatures by their size in the user's units; here a step is one iteration, and all tests are relative.

    One apply of each operator and of its adjoint an inner iteration. Products by the Hessian are exact for quadratic terms;
    see `unblur.inversion.differentiable.Hessian`.

    References
    ----------
    .. [1] R. S. Dembo, S. C. Eisenstat and T. Steihaug, "Inexact Newton methods", SIAM J. Numer. Anal. 19 (1982), 400–408.
    .. [2] J. Nocedal and S. J. Wright, "Numerical Optimization", 2nd ed., Springer (2006), section 7.1.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import LeastSquares, NewtonCG, Tikhonov, solve
    >>> problem = LeastSquares(np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([2.0, 1.0, 2.0]))
    >>> solve(problem + Tikhonov(np.eye(2)), NewtonCG(), tol=1e-9).x.round(4).tolist()
    [0.8824, 0.7059]
    """

    max_inner_iterations: int = 200

    max_iterations: ClassVar[int] = 100

    def __post_init__(self) -> None:
        read_whole(self.max_inner_iterations, "max_inner_iterations")

    def start(self, problem: Problem, x0: Any = None) -> NewtonCGState:
        """Return the state at `x0`, by default the data brought to x's grid.

        Raises
        ------
        UnsolvableError
            If a term has no gradient.
        """
        F = on_the_host(problem, "NewtonCG")
        x = F.read_start(problem, x0)
        point = F.flat(x)
        at = F.flat_at(point)
        scale = float(np.linalg.norm(at.gradient)) or 1.0
        return NewtonCGState(x, point, at, F, scale, F.least_size(at), at.residual(0.0))

    def step(self, state: NewtonCGState) -> None:
        """Advance `state` by one iteration."""
        F = state.objective
        if state.stalled or not math.isfinite(state.residual):
            return
        d = self._direction(state, F.hessian(state.x))
        t = F.line_search(state.point, d, state.at)
        if t is None or math.isnan(t):
            state.stalled = t is None
            state.residual = state.residual if t is None else math.nan
            return
        state.point = state.point + t * d
        state.x, state.at = F.image(state.point), F.flat_at(state.point)
        state.residual = state.at.residual(state.least)

    def _direction(self, state: NewtonCGState, H: Hessian) -> Any:
        """Return an approximate solution d of H d = −∇F."""
        F, r = state.objective, -state.at.gradient
        d, p = np.zeros_like(r), r.copy()
        rr = float(np.dot(r, r))
        # η² ‖∇F‖²
        bound = min(0.25, math.sqrt(rr) / state.scale) * rr
        for iteration in range(self.max_inner_iterations):
            Hp = F.flat(H.apply(F.image(p)))
            state.inner_iterations += 1
            curvature = float(np.dot(p, Hp))
            if curvature <= 0:
                # no minimum along p: the gradient's direction at first, else what has been found so far
                return p if iteration == 0 else d
            alpha = rr / curvature
            d += alpha * p
            r -= alpha * Hp
            rr, rr_old = float(np.dot(r, r)), rr
            if rr <= bound:
                break
            p *= rr / rr_old
            p += r
        return d

    def explain(self, problem: Problem) -> tuple[str, int]:
        """Return why the problem suits, and the FFTs of one inner iteration; raise `UnsolvableError` if it does not."""
        F = on_the_host(problem, "NewtonCG")
        return "every term has a gradient: Newton steps by conjugate gradients; FFTs are those of one inner iteration", F.ffts
