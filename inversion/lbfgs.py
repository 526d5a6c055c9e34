"""The limited-memory quasi-Newton method of Broyden, Fletcher, Goldfarb and Shanno."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unblur.operators._arguments import read_whole

from .differentiable import At, Differentiable, on_the_host
from .problem import Problem


@dataclass(slots=True)
class LBFGSState:
    """The iterates. Vectors are flat and real, in double precision."""

    x: Any  #: the image
    point: Any  #: the image as a flat vector
    at: At  #: the objective there, and its gradient
    objective: Differentiable
    pairs: deque[tuple[Any, Any, float]]  #: the last s = x₊ − x and y = g₊ − g, and 1 / ⟨s, y⟩
    least: float  #: what counts for the size of the forces at least
    residual: float = 1.0  #: ‖∇F‖ / Σ ‖A‖ ‖w ∇f‖; of a single term, / ‖∇F‖ at the start
    stalled: bool = False  #: whether no descent is left that the precision can tell


@dataclass(frozen=True)
class LBFGS:
    r"""L-BFGS on any smooth problem.

    .. math::
        x_+ = x - t \, H \nabla F(x), \qquad
        H_+ = (I - \varrho s y^T) H (I - \varrho y s^T) + \varrho s s^T, \quad
        s = x_+ - x, \; y = \nabla F(x_+) - \nabla F(x), \; \varrho = 1 / \langle s, y \rangle

    H is never formed: the last few pairs s and y give its products, starting from the multiple ⟨s, y⟩/⟨y, y⟩ of the
    identity. t is 1, or what a line search finds to meet the Wolfe conditions, so that ⟨s, y⟩ > 0.

    Parameters
    ----------
    memory : int
        How many pairs are kept.

    Raises
    ------
    ValueError
        If `memory` is not a whole number, 1 or more.

    Notes
    -----
    ``scipy.optimize.minimize(method="L-BFGS-B")`` owns its loop and forgets its pairs between calls; here a step is one
    iteration, so that the driver's clock, stops and callbacks serve this method as they do all others.

    About one apply of each operator and of its adjoint an iteration. It holds 2 · `memory` + 6 flat vectors in double
    precision, which on single-precision problems count twice; the operators are applied in the problem's own.

    References
    ----------
    .. [1] J. Nocedal, "Updating quasi-Newton matrices with limited storage", Math. Comp. 35 (1980), 773–782.
    .. [2] D. C. Liu and J. Nocedal, "On the limited memory BFGS method for large scale optimization", Math. Programming 45
       (1989), 503–528.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import LBFGS, LeastSquares, Tikhonov, solve
    >>> problem = LeastSquares(np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([2.0, 1.0, 2.0]))
    >>> solve(problem + Tikhonov(np.eye(2)), LBFGS(), tol=1e-9).x.round(4).tolist()
    [0.8824, 0.7059]
    """

    memory: int = 10

    max_iterations: ClassVar[int] = 1000

    def __post_init__(self) -> None:
        read_whole(self.memory, "memory", remedy=": the pairs that are kept")

    def start(self, problem: Problem, x0: Any = None) -> LBFGSState:
        """Return the state at `x0`, by default the data brought to x's grid.

        Raises
        ------
        UnsolvableError
            If a term has no gradient.
        """
        F = on_the_host(problem, "LBFGS")
        x = F.read_start(problem, x0)
        point = F.flat(x)
        at = F.flat_at(point)
        return LBFGSState(x, point, at, F, deque(maxlen=self.memory), F.least_size(at), at.residual(0.0))

    def step(self, state: LBFGSState) -> None:
        """Advance `state` by one iteration."""
        F, x, at = state.objective, state.point, state.at
        if state.stalled or not math.isfinite(state.residual):
            return
        direction = self._direction(state)
        t = F.line_search(x, direction, at)
        if t is None and len(state.pairs) > 1:
            # rounding has spoilt the model of the curvature: once more, with the newest pair alone
            newest = state.pairs.pop()
            state.pairs.clear()
            state.pairs.append(newest)
            direction = self._direction(state)
            t = F.line_search(x, direction, at)
        if t is None or math.isnan(t):
            state.stalled = t is None
            state.residual = state.residual if t is None else math.nan
            return
        x_new = x + t * direction
        at_new = F.flat_at(x_new)
        g, g_new = at.gradient, at_new.gradient
        s, y = x_new - x, g_new - g
        sy = float(np.dot(s, y))
        if sy > np.finfo(float).eps * float(np.dot(y, y)):
            state.pairs.append((s, y, 1 / sy))
        state.point, state.at = x_new, at_new
        state.x = F.image(x_new)
        state.residual = at_new.residual(state.least)

    def _direction(self, state: LBFGSState) -> Any:
        """Return −H ∇F by two passes over the pairs."""
        q = -state.at.gradient
        alphas = []
        for s, y, rho in reversed(state.pairs):
            alpha = rho * float(np.dot(s, q))
            q -= alpha * y
            alphas.append(alpha)
        if state.pairs:
            s, y, rho = state.pairs[-1]
            q /= rho * float(np.dot(y, y))
        else:
            # no curvature is known: a step of the length of x
            q *= (float(np.linalg.norm(state.point)) or 1.0) / (float(np.linalg.norm(q)) or 1.0)
        for (s, y, rho), alpha in zip(state.pairs, reversed(alphas), strict=True):
            q += (alpha - rho * float(np.dot(y, q))) * s
        return q

    def explain(self, problem: Problem) -> tuple[str, int]:
        """Return why the problem suits, and the FFTs of one iteration; raise `UnsolvableError` if it does not."""
        return "every term has a gradient: limited-memory quasi-Newton steps", on_the_host(problem, "LBFGS").ffts
