"""Conjugate gradients on the normal equations, in the form that keeps the residual of each term."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unblur.operators._vectors import axpby, inner, sum_of_squares

from .normal import NormalEquations
from .preconditioner import Preconditioner, check_preconditioner, read_preconditioner, spectral_preconditioner
from .problem import Problem


@dataclass(slots=True)
class CGState:
    """The iterates; arrays are updated in place."""

    x: Any  #: the image
    r: list[Any]  #: w W (b − A x) of each term
    s: Any  #: Σ Aᴴ r, the residual of the normal equations
    z: Any  #: M s; without a preconditioner it is s
    p: Any  #: the search direction
    q: list[Any]  #: A p of each term, where it is not used as it arises
    system: NormalEquations
    M: Preconditioner | None
    gamma: float  #: ⟨s, M s⟩
    scale: float  #: ‖Σ w AᴴW b‖
    residual: float  #: ‖s‖ / ‖Σ w AᴴW b‖

    def strict_residual(self) -> float:
        """Return ‖s‖ / Σ ‖A‖ ‖r‖, both made anew."""
        return self.system.strict_residual(self.x, self.q, self.residual, self.scale)


@dataclass(frozen=True)
class CG:
    r"""Conjugate gradients on the normal equations of any quadratic problem.

    .. math::
        N x = \sum_t w_t A_t^H W_t A_t \, x = \sum_t w_t A_t^H W_t \, b_t

    with M the preconditioner, from :math:`r_t = w_t W_t (b_t - A_t x)`, :math:`s = \sum_t A_t^H r_t` and
    :math:`p = z = M s`:

    .. math::
        q_t &= A_t p, \qquad
        \alpha = \langle s, z \rangle \Big/ \sum_t w_t \|q_t\|_{W_t}^2 \\
        x &\leftarrow x + \alpha p, \qquad
        r_t \leftarrow r_t - \alpha \, w_t W_t \, q_t \\
        s_+ &= \sum_t A_t^H r_t, \qquad z_+ = M s_+ \\
        p &\leftarrow z_+ + \frac{\langle s_+, z_+ \rangle}{\langle s, z \rangle} \, p

    Parameters
    ----------
    preconditioner : None, "auto", operator or callable
        An approximate inverse M of N, Hermitian and positive definite: an operator, or a function of s that returns M s.
        ``"auto"`` inverts the nearest operator that a Fourier or cosine transform diagonalises, where one is known.

    Raises
    ------
    TypeError, ValueError
        If the preconditioner is none of these, or does not fit x, or is found not to be positive definite.

    Notes
    -----
    Its iterates are those of ``scipy.sparse.linalg.cg`` on the matrix N, and of `LSQR` where there is no preconditioner.
    It is CGLS: residuals are kept in the space of the data, so that N, whose condition is the square of that of A, is never
    formed, and the accuracy reached is that of a stable least-squares solver [2]_.

    One apply of each operator and of its adjoint an iteration, and one of M. It holds x, p, s, one work array and with a
    preconditioner z, of the shape of x, and for each term two arrays of the shape of its data. A step allocates no image
    but what the operators themselves do.

    Without a prior, early iterates are regularised by their number: the residual falls while noise is amplified later.

    References
    ----------
    .. [1] M. R. Hestenes and E. Stiefel, "Methods of conjugate gradients for solving linear systems", J. Res. Nat. Bur.
       Standards 49 (1952), 409–436.
    .. [2] Å. Björck, T. Elfving and Z. Strakoš, "Stability of conjugate gradient and Lanczos methods for linear least
       squares problems", SIAM J. Matrix Anal. Appl. 19 (1998), 720–736.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import CG, LeastSquares, Tikhonov, solve
    >>> problem = LeastSquares(np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([2.0, 1.0, 2.0]))
    >>> solve(problem, CG(), tol=1e-10).x.round(6).tolist()
    [1.0, 1.0]
    >>> solve(problem + Tikhonov(np.eye(2)), CG(), tol=1e-10).x.round(4).tolist()
    [0.8824, 0.7059]
    """

    preconditioner: Any = None

    max_iterations: ClassVar[int] = 1000

    def __post_init__(self) -> None:
        check_preconditioner(self.preconditioner)

    def start(self, problem: Problem, x0: Any = None) -> CGState:
        """Return the state at `x0`, by default 0.

        Raises
        ------
        UnsolvableError
            If a term is not quadratic.
        """
        system = NormalEquations.of(problem, "CG")
        return self.start_on(system, system.read_start(x0))

    def start_on(self, system: NormalEquations, x: Any) -> CGState:
        """Return the state at `x`, which it goes on to change, for a linear system."""
        M = read_preconditioner(self.preconditioner, system)
        s, r = np.zeros_like(system.work), system.data_arrays()
        z = s if M is None else np.zeros_like(s)
        state = CGState(x, r, s, z, np.zeros_like(s), system.data_arrays(), system, M, 0.0, 1.0, float("inf"))
        self.restart(state)
        return state

    def restart(self, state: CGState) -> None:
        """Begin again at ``state.x``, after it or the right side of the system has changed."""
        r, s, system = state.r, state.s, state.system
        system.residual(None, r)
        system.adjoint(r, s)
        state.scale = math.sqrt(sum_of_squares(s)) or 1.0
        system.residual(state.x, r)
        system.adjoint(r, s)
        state.gamma = self._precondition(state)
        state.p[...] = state.z

    def step(self, state: CGState) -> None:
        """Advance `state` by one iteration."""
        x, r, s, z, p, q, system = state.x, state.r, state.s, state.z, state.p, state.q, state.system
        curvature = system.measure(p, q)
        if curvature == 0:
            # p = 0, or the operators annihilate it: x is a minimiser already
            return
        # ⟨s, p⟩ is ⟨s, z⟩ but for rounding; it keeps the objective from rising when a run goes on past convergence
        alpha = inner(s, p) / curvature
        axpby(alpha, p, 1.0, x, system.work)
        system.subtract(alpha, p, q, r)
        system.adjoint(r, s)
        gamma, state.gamma = state.gamma, self._precondition(state)
        axpby(1.0, z, state.gamma / gamma, p, system.work)

    def _precondition(self, state: CGState) -> float:
        """Write M s to ``state.z`` and the residual; return ⟨s, M s⟩."""
        squares = sum_of_squares(state.s)
        state.residual = math.sqrt(squares) / state.scale
        if state.M is None:
            return squares
        state.M(state.s, state.z)
        gamma = inner(state.s, state.z)
        if gamma <= 0 < squares:
            raise ValueError(
                f"preconditioner gave ⟨s, M s⟩ = {gamma:.2e}, not above 0; give a Hermitian, positive definite one, or None"
            )
        return gamma

    def explain(self, problem: Problem) -> tuple[str, int]:
        """Return why the problem suits, and the FFTs of one iteration; raise `UnsolvableError` if it does not."""
        system = NormalEquations.of(problem, "CG")
        reason, ffts = "every term is quadratic: conjugate gradients on the normal equations", system.ffts
        if self.preconditioner is None:
            return reason, ffts
        if not isinstance(self.preconditioner, str):
            return f"{reason}; preconditioned by {self.preconditioner!r}", ffts + getattr(self.preconditioner, "ffts", 0)
        M = spectral_preconditioner(system)
        if M is None:
            return f"{reason}; not preconditioned, as no transform is known that diagonalises the data's operators", ffts
        return f"{reason}; preconditioned by {M!r}", ffts + M.ffts
