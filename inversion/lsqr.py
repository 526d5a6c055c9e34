"""LSQR on the stacked system of a quadratic problem, which is never stacked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unblur.operators._vectors import axpby, axpby_norm, sum_of_squares

from .normal import NormalEquations
from .problem import Problem
from .stacked import StackedSystem


@dataclass(slots=True)
class LSQRState:
    """The iterates; arrays are updated in place. Norms are those of the stacked system S."""

    x: Any  #: the image
    u: list[Any]  #: left Golub–Kahan vector, a part for each term
    v: Any  #: right Golub–Kahan vector
    w: Any  #: the search direction
    system: StackedSystem
    alpha: float  #: α, of the bidiagonal matrix
    rho_bar: float  #: ρ̄, of its QR factorisation
    phi_bar: float  #: φ̄, of its right side
    scale: float  #: ‖Sᴴd‖
    residual: float  #: ‖Sᴴr‖ / ‖Sᴴd‖
    residual_norm: float  #: ‖r‖ = ‖d − S x‖
    gradient_norm: float  #: ‖Sᴴr‖
    operator_norm: float = 0.0  #: estimate of ‖S‖ in the Frobenius norm, from below
    condition: float = 0.0  #: estimate of ‖S‖ ‖S⁺‖ in that norm
    x_norm: float = 0.0  #: ‖x‖
    directions: float = 0.0  #: Σ ‖w‖²/ρ², an estimate of ‖S⁺‖²

    def strict_residual(self) -> float:
        """Return ‖Sᴴr‖ / Σ ‖A‖ ‖w W (b − A x)‖."""
        return self.system.strict_residual(self.x, self.system.data_work, self.residual, self.scale)


@dataclass(frozen=True)
class LSQR:
    r"""LSQR on the stacked system of any quadratic problem.

    .. math::
        \min_x \| S x - d \|, \qquad
        S = \begin{bmatrix} \sqrt{w_1 W_1} A_1 \\ \sqrt{w_2 W_2} A_2 \\ \vdots \end{bmatrix}, \quad
        d = \begin{bmatrix} \sqrt{w_1 W_1} \, b_1 \\ \sqrt{w_2 W_2} \, b_2 \\ \vdots \end{bmatrix}

    Golub–Kahan bidiagonalisation, and a QR factorisation of the bidiagonal matrix by plane rotations:

    .. math::
        \beta u &\leftarrow S v - \alpha u, \qquad \alpha v \leftarrow S^H u - \beta v \\
        \rho &= \sqrt{\bar\rho^2 + \beta^2}, \quad c = \bar\rho / \rho, \quad s = \beta / \rho, \quad
        \theta = s \alpha, \quad \bar\rho \leftarrow -c \alpha, \quad
        \varphi = c \bar\varphi, \quad \bar\varphi \leftarrow s \bar\varphi \\
        x &\leftarrow x + (\varphi / \rho) \, w, \qquad w \leftarrow v - (\theta / \rho) \, w

    Notes
    -----
    Its iterates are those of ``scipy.sparse.linalg.lsqr`` on the matrix S, and in exact arithmetic those of `CG`; where S is
    ill-conditioned and many iterations are run it is the more reliable. Damping is a term: ``damp * damp *
    Tikhonov(Identity(A.dims))``, which draws x to 0 whatever `x0` is.

    One apply of each operator and of its adjoint an iteration. It holds x, v, w and one work array of the shape of x, and
    for each term two arrays of the shape of its data, besides the square roots of its weights where it has any. A step
    allocates no image but what the operators themselves do.

    The state tells, at no cost, the Golub–Kahan estimates `operator_norm`, `condition`, `residual_norm`, `gradient_norm`
    and `x_norm`.

    References
    ----------
    .. [1] C. C. Paige and M. A. Saunders, "LSQR: an algorithm for sparse linear equations and sparse least squares", ACM
       Trans. Math. Softw. 8 (1982), 43–71.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import LSQR, LeastSquares, Tikhonov, solve
    >>> problem = LeastSquares(np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([2.0, 1.0, 2.0]))
    >>> solve(problem + Tikhonov(np.eye(2)), LSQR(), tol=1e-10).x.round(4).tolist()
    [0.8824, 0.7059]
    """

    max_iterations: ClassVar[int] = 1000

    def start(self, problem: Problem, x0: Any = None) -> LSQRState:
        """Return the state at `x0`, by default 0.

        Raises
        ------
        UnsolvableError
            If a term is not quadratic.
        """
        S = StackedSystem.of(problem, "LSQR")
        x, v, u = S.read_start(x0), np.zeros_like(S.work), S.data_arrays()
        beta, alpha = S.first_vectors(None, u, v)
        scale = alpha * beta
        if x0 is not None:
            beta, alpha = S.first_vectors(x, u, v)
        return LSQRState(
            x,
            u,
            v,
            w=v.copy(),
            system=S,
            alpha=alpha,
            rho_bar=alpha,
            phi_bar=beta,
            scale=scale or 1.0,
            residual=alpha * beta / (scale or 1.0),
            residual_norm=beta,
            gradient_norm=alpha * beta,
        )

    def step(self, state: LSQRState) -> None:
        """Advance `state` by one iteration."""
        if state.alpha * state.phi_bar == 0:
            # Sᴴr = 0: x is a minimiser already
            return
        S, u, v, w = state.system, state.u, state.v, state.w
        # β u = S v − α u,  α v = Sᴴ u − β v
        alpha_old = state.alpha
        beta = S.left(v, alpha_old, u)
        alpha = S.right(u, beta, v)
        # the next plane rotation
        rho = math.hypot(state.rho_bar, beta)
        c, s = state.rho_bar / rho, beta / rho
        theta, rho_bar = s * alpha, -c * alpha
        phi, phi_bar = c * state.phi_bar, s * state.phi_bar

        state.directions += sum_of_squares(w) / rho**2
        state.x_norm = axpby_norm(phi / rho, w, 1.0, state.x, S.work)
        axpby(1.0, v, -theta / rho, w, S.work)

        state.alpha, state.rho_bar, state.phi_bar = alpha, rho_bar, phi_bar
        state.operator_norm = math.sqrt(state.operator_norm**2 + alpha_old**2 + beta**2)
        state.condition = state.operator_norm * math.sqrt(state.directions)
        state.residual_norm = phi_bar
        state.gradient_norm = phi_bar * alpha * abs(c)
        state.residual = state.gradient_norm / state.scale

    def explain(self, problem: Problem) -> tuple[str, int]:
        """Return why the problem suits, and the FFTs of one iteration; raise `UnsolvableError` if it does not."""
        return "every term is quadratic: LSQR on the stacked system", NormalEquations.of(problem, "LSQR").ffts
