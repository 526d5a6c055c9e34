"""Gradient descent with the step lengths of Barzilai and Borwein."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unblur.operators._arguments import read_number
from unblur.operators._backend import inner, sum_of_squares

from .differentiable import At, Differentiable
from .problem import Problem

# of the non-monotone line search: how many values it looks back on, and the share of the predicted fall that it asks for
_MEMORY, _SUFFICIENT = 10, 1e-4


@dataclass(slots=True)
class GradientDescentState:
    """The iterates."""

    x: Any  #: the image
    at: At  #: the objective there, and its gradient
    objective: Differentiable
    t: float  #: the length of the next step
    recent: deque[float]  #: the last values of the objective
    least: float  #: what counts for the size of the forces at least
    residual: float = 1.0  #: ‖∇F‖ / Σ ‖A‖ ‖w ∇f‖; of a single term, / ‖∇F‖ at the start
    stalled: bool = False  #: whether no step downhill is left that the precision can tell


@dataclass(frozen=True)
class GradientDescent:
    r"""Gradient descent on any smooth problem.

    .. math:: x_+ = x - t \, \nabla F(x), \qquad
              t_+ = \frac{\langle s, s \rangle}{\langle s, \nabla F(x_+) - \nabla F(x) \rangle}, \quad s = x_+ - x

    Parameters
    ----------
    step_size : float, optional
        A fixed t. It converges for convex problems below 2/L, L being a Lipschitz constant of the gradient, such as
        Σ w ‖A‖² of quadratic terms. By default t is that of Barzilai and Borwein, halved until the objective is below the
        largest of its last ten values by a share of the predicted fall.

    Raises
    ------
    ValueError
        If `step_size` is not above 0 and finite.

    Notes
    -----
    One apply of each operator and of its adjoint an iteration, and as much again for each halving, which is rare. It
    holds x, the gradient and their successors. The objective need not fall in each iteration.

    References
    ----------
    .. [1] J. Barzilai and J. M. Borwein, "Two-point step size gradient methods", IMA J. Numer. Anal. 8 (1988), 141–148.
    .. [2] M. Raydan, "The Barzilai and Borwein gradient method for the large scale unconstrained minimization problem",
       SIAM J. Optim. 7 (1997), 26–33.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import GradientDescent, LeastSquares, Tikhonov, solve
    >>> problem = LeastSquares(np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([2.0, 1.0, 2.0]))
    >>> solve(problem + Tikhonov(np.eye(2)), GradientDescent(), tol=1e-9).x.round(4).tolist()
    [0.8824, 0.7059]
    """

    step_size: float | None = None

    max_iterations: ClassVar[int] = 10_000

    def __post_init__(self) -> None:
        if self.step_size is not None:
            read_number(self.step_size, "step_size", above=0, remedy=", or None for the default rule")

    def start(self, problem: Problem, x0: Any = None) -> GradientDescentState:
        """Return the state at `x0`, by default the data brought to x's grid.

        Raises
        ------
        UnsolvableError
            If a term has no gradient.
        """
        F = Differentiable(problem, "GradientDescent")
        x = F.read_start(problem, x0)
        at = F.at(x)
        # a first step of the length of x, which the line search shortens
        t = (math.sqrt(sum_of_squares(x)) or 1.0) / (math.sqrt(sum_of_squares(at.gradient)) or 1.0)
        recent = deque([at.value], maxlen=_MEMORY)
        return GradientDescentState(x, at, F, self.step_size or t, recent, F.least_size(at), at.residual(0.0))

    def step(self, state: GradientDescentState) -> None:
        """Advance `state` by one iteration."""
        F, x, g, t = state.objective, state.x, state.at.gradient, state.t
        if state.stalled or not math.isfinite(state.residual):
            return
        squares = sum_of_squares(g)
        x_new = x - t * g
        at = F.at(x_new)
        if self.step_size is None:
            # so short that x does not change
            shortest = float(np.finfo(x.dtype).eps) * math.sqrt(sum_of_squares(x) / squares) if squares > 0 else math.inf
            while not at.value <= max(state.recent) - _SUFFICIENT * t * squares:
                t /= 2
                if t <= shortest:
                    state.stalled = not math.isnan(at.value)
                    state.residual = state.residual if state.stalled else math.nan
                    return
                x_new = x - t * g
                at = F.at(x_new)
            # s = −t g:  ⟨s, s⟩ / ⟨s, y⟩ = t ‖g‖² / (‖g‖² − ⟨g, g₊⟩), and a longer step where there is no curvature
            bend = squares - inner(g, at.gradient)
            state.t = t * squares / bend if bend > 0 else 2 * t
        state.x, state.at = x_new, at
        state.recent.append(at.value)
        state.residual = at.residual(state.least)

    def explain(self, problem: Problem) -> tuple[str, int]:
        """Return why the problem suits, and the FFTs of one iteration; raise `UnsolvableError` if it does not."""
        return "every term has a gradient: gradient descent", Differentiable(problem, "GradientDescent").ffts
