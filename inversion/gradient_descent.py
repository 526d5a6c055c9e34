"""Gradient descent with the step lengths of Barzilai and Borwein."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any, ClassVar

from unblur.operators._backend import inner, sum_of_squares

from .differentiable import Differentiable
from .problem import Problem

# of the non-monotone line search: how many values it looks back on, and the share of the predicted fall that it asks for
_MEMORY, _SUFFICIENT = 10, 1e-4


@dataclass(slots=True)
class GradientDescentState:
    """The iterates."""

    x: Any  #: the image
    g: Any  #: the gradient there
    objective: Differentiable
    value: float  #: the objective there
    t: float  #: the length of the next step
    recent: deque[float]  #: the last values of the objective
    scale: float  #: ‖∇F‖ at the start
    residual: float = 1.0  #: ‖∇F‖ / that at the start


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
        if self.step_size is not None and not (self.step_size > 0 and math.isfinite(self.step_size)):
            raise ValueError(f"step_size is {self.step_size!r}; give a finite number above 0, or None for the default rule")

    def start(self, problem: Problem, x0: Any = None) -> GradientDescentState:
        """Return the state at `x0`, by default the data brought to x's grid.

        Raises
        ------
        UnsolvableError
            If a term has no gradient.
        """
        F = Differentiable(problem, "GradientDescent")
        x = F.read_start(problem, x0)
        value, g = F.value_and_gradient(x)
        scale = math.sqrt(sum_of_squares(g))
        # a first step of the length of x, which the line search shortens
        t = (math.sqrt(sum_of_squares(x)) or 1.0) / (scale or 1.0)
        return GradientDescentState(x, g, F, value, self.step_size or t, deque([value], maxlen=_MEMORY), scale or 1.0)

    def step(self, state: GradientDescentState) -> None:
        """Advance `state` by one iteration."""
        F, x, g, t = state.objective, state.x, state.g, state.t
        squares = sum_of_squares(g)
        x_new = x - t * g
        value, g_new = F.value_and_gradient(x_new)
        while self.step_size is None and not value <= max(state.recent) - _SUFFICIENT * t * squares and t * t * squares > 0:
            t /= 2
            x_new = x - t * g
            value, g_new = F.value_and_gradient(x_new)
        if self.step_size is None:
            # s = −t g:  ⟨s, s⟩ / ⟨s, y⟩ = t ‖g‖² / (‖g‖² − ⟨g, g₊⟩), and a longer step where there is no curvature
            bend = squares - inner(g, g_new)
            state.t = t * squares / bend if bend > 0 else 2 * t
        state.x, state.g, state.value = x_new, g_new, value
        state.recent.append(value)
        state.residual = math.sqrt(sum_of_squares(g_new)) / state.scale

    def explain(self, problem: Problem) -> tuple[str, int]:
        """Return why the problem suits, and the FFTs of one iteration; raise `UnsolvableError` if it does not."""
        return "every term has a gradient: gradient descent", Differentiable(problem, "GradientDescent").ffts
