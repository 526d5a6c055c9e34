"""Golub–Kahan bidiagonalisation with Tikhonov regularisation whose weight is found on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import scipy.linalg

from unblur.operators import Fourier, gram_symbol
from unblur.operators._arguments import read_number
from unblur.operators._backend import sum_of_squares

from .normal import NormalEquations, quadratic
from .problem import Problem
from .projected_gcv import balancing_omega, minimise_gcv
from .quadratic import UnsolvableError
from .stacked import StackedSystem
from .terms import Term


@dataclass(slots=True)
class HybridLSQRState:
    """The iterates. S is the stacked system of the data terms, B its bidiagonal projection: S V = U B."""

    #: that of the problem with the weight found so far
    other_objective: ClassVar[bool] = True

    x: Any  #: the image
    center: Any  #: what the prior draws x to
    u: list[Any]  #: the newest left Golub–Kahan vector, a part for each term
    V: list[Any]  #: all right Golub–Kahan vectors
    system: StackedSystem
    diagonal: list[float]  #: α, the diagonal of B
    below: list[float]  #: β, the subdiagonal of B; the last row of B is a subdiagonal entry
    beta: float  #: ‖d − S center‖
    scale: float  #: ‖Sᴴ d‖ measured from the center, or 1 where that is 0
    declared: float  #: what a weight of 1 penalises ‖x − center‖²/2 by
    omegas: list[float]  #: the weights in the cross-validation that each iteration asked for
    weight: float = math.nan  #: the factor that is found, on the prior as it was declared
    residual: float = math.inf  #: ‖Sᴴ(d − S x) − λ (x − center)‖ / ‖Sᴴ d‖ at the present weight


@dataclass(frozen=True)
class HybridLSQR:
    r"""LSQR with Tikhonov regularisation, which finds the weight of the prior by itself.

    .. math::
        \min_x \; \tfrac12 \| S x - d \|^2 + \tfrac{\lambda}{2} \| x - t \|^2, \qquad S V_k = U_{k+1} B_k

    In each iteration the problem is projected to the first k Golub–Kahan vectors,

    .. math::
        f = (B_k^T B_k + \lambda I)^{-1} B_k^T \beta e_1, \qquad x = t + V_k f,

    with the λ that minimises the weighted generalised cross-validation of the projected problem,

    .. math::
        G(\lambda) = \frac{\| B_k f - \beta e_1 \|^2}
                          {\big(k + 1 - \omega \operatorname{tr} B_k (B_k^T B_k + \lambda I)^{-1} B_k^T \big)^2}.

    How it is declared: ``LeastSquares(A, y) + Tikhonov(Identity(A.dims))``, or the same with a target t or with any other D
    for which DᴴD is a multiple of the identity, an orthogonal wavelet transform for instance. **The weight of the
    Tikhonov term is only the unit in which the answer is given**: ``state.weight`` is the factor on the prior as it was
    declared, and x is the minimiser of ``LeastSquares(A, y) + state.weight * (the declared prior)``.

    Parameters
    ----------
    omega : float, optional
        ω, from above 0 to 1, which is plain cross-validation. By default the mean over the iterations so far of the ω for
        which the smallest singular value of B, squared, would be the best λ.

    Raises
    ------
    ValueError
        If `omega` is outside its range.

    Notes
    -----
    Cross-validation sees no more than the projection. Mostly the weight settles; where x has more samples than the data, as
    with unknown boundaries, it may sink on as vectors are added, and the image lose what it had gained. Look at
    ``state.weight`` by `Record`, and end such a run early by `max_iterations`.

    For operators that no transform diagonalises; where one does, `Direct` with a rule for the weight is cheaper. Once
    `residual` is small, more iterations do not change x at the weight found.

    One apply of each operator and of its adjoint an iteration. Right vectors are kept, an image more for each iteration, and
    made orthogonal to all before, twice, by which the left ones stay so too [2]_. Nothing depends on a start: `x0` is
    refused.

    References
    ----------
    .. [1] J. Chung, J. G. Nagy and D. P. O'Leary, "A weighted-GCV method for Lanczos-hybrid regularization", Electron.
       Trans. Numer. Anal. 28 (2008), 149–167.
    .. [2] H. D. Simon and H. Zha, "Low-rank matrix approximation using the Lanczos bidiagonalization process with
       applications", SIAM J. Sci. Comput. 21 (2000), 2257–2274.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import LSQR, HybridLSQR, LeastSquares, Record, Tikhonov, solve
    >>> from unblur.operators import Blur, Identity
    >>> A = Blur(np.ones(5) / 5, (64,), boundary="reflect")
    >>> y = A.apply(np.sin(np.arange(64) / 9)) + 0.01 * np.random.default_rng(0).normal(size=64)
    >>> data, prior = LeastSquares(A, y), Tikhonov(Identity(A.dims))
    >>> weights = Record({"weight": lambda state: state.weight})
    >>> result = solve(data + prior, HybridLSQR(), tol=1e-8, callbacks=[weights])
    >>> same = solve(data + result.history["weight"][-1] * prior, LSQR(), tol=1e-8)
    >>> np.allclose(result.x, same.x, atol=1e-5)
    True
    """

    omega: float | None = None

    max_iterations: ClassVar[int] = 100
    #: so that no rule can choose it
    finds_weight: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.omega is not None:
            read_number(self.omega, "omega", above=0, most=1, remedy=", or None for the adaptive rule")

    def start(self, problem: Problem, x0: Any = None) -> HybridLSQRState:
        """Return the state before the first iteration.

        Raises
        ------
        UnsolvableError
            If the problem is not of least squares and one Tikhonov term with DᴴD a multiple of the identity.
        ValueError
            If `x0` is given.
        """
        if x0 is not None:
            raise ValueError("x0 is given, but HybridLSQR starts from the prior's target always; leave it out")
        prior, curvature = _prior(problem)
        S = StackedSystem([quadratic(t, "HybridLSQR") for t in problem.data if t.weight > 0], problem.dims, problem.dtype)
        center = np.zeros_like(S.work)
        if prior.offset is not None:
            # ‖D x − t‖² = c ‖x − Dᴴt / c‖² + a constant
            assert prior.operator is not None
            center += prior.operator.apply_adjoint(prior.offset)
            center /= curvature
        u, v = S.data_arrays(), np.zeros_like(center)
        beta, alpha = S.first_vectors(center, u, v)
        declared = prior.weight * curvature
        return HybridLSQRState(center.copy(), center, u, [v], S, [alpha], [], beta, alpha * beta or 1.0, declared, [])

    def step(self, state: HybridLSQRState) -> None:
        """Advance `state` by one iteration."""
        S, V = state.system, state.V
        if state.diagonal[-1] == 0:
            # the Krylov space is exhausted, or the data is explained by the target already
            state.residual = 0.0
            return
        # β u = S v − α u,  α v = Sᴴ u − β v, orthogonal to all v before
        state.below.append(S.left(V[-1], state.diagonal[-1], state.u))
        v = V[-1].copy()
        alpha = S.right(state.u, state.below[-1], v)
        alpha *= _orthogonalise(v, V)
        if not math.isfinite(alpha + state.below[-1]):
            state.residual = math.nan
            return

        f, last, weight = self._solve_projected(state)
        state.x[...] = state.center
        for coefficient, v_j in zip(f, V, strict=True):
            state.x += np.multiply(v_j, float(coefficient), out=S.work)
        state.weight = weight / state.declared
        state.residual = alpha * abs(last) / state.scale
        state.diagonal.append(alpha)
        V.append(v)

    def _solve_projected(self, state: HybridLSQRState) -> tuple[Any, float, float]:
        """Return f, the last entry of β e₁ − B f, and λ, by the singular values of the small matrix B."""
        k = len(state.below)
        B = np.zeros((k + 1, k))
        np.fill_diagonal(B, state.diagonal)
        np.fill_diagonal(B[1:], state.below)
        P, sigma, Qt = scipy.linalg.svd(B)
        c, squares = state.beta * P[0], sigma**2
        state.omegas.append(balancing_omega(c, squares))
        omega = float(np.mean(state.omegas)) if self.omega is None else self.omega
        weight = minimise_gcv(c, squares, omega)
        f = np.dot(Qt.T, sigma * c[:k] / (squares + weight))
        remainder = c * np.append(weight / (squares + weight), 1.0)
        return f, float(np.dot(P[-1], remainder)), weight

    def explain(self, problem: Problem) -> tuple[str, int]:
        """Return why the problem suits, and the FFTs of one iteration; raise `UnsolvableError` if it does not."""
        prior, _ = _prior(problem)
        data = [quadratic(t, "HybridLSQR") for t in problem.data]
        reason = f"least squares and {prior!r}, whose weight is found by weighted cross-validation"
        return reason, NormalEquations(data, problem.dims, problem.dtype).ffts


def _prior(problem: Problem) -> tuple[Term, float]:
    """Return the one term that carries no data, and c where DᴴD = c I of its operator."""
    data, others = problem.data, [t for t in problem.terms if not t.carries_data]
    for term in data:
        quadratic(term, "HybridLSQR")
    if len(others) != 1 or others[0].weight == 0:
        raise UnsolvableError(
            f"HybridLSQR takes one prior of a weight above 0, of which it finds the factor, but here are {len(others)}; add "
            "Tikhonov(Identity(A.dims)), or take LSQR, whose weights are as declared"
        )
    (prior,) = others
    everything = tuple(range(len(problem.dims)))
    gram = gram_symbol(prior.operator, Fourier(problem.dims, everything, problem.dtype.kind == "f"))
    if prior.functional.curvature is None or gram is None or np.ptp(gram) > 1e-12 * np.max(gram) or np.max(gram) == 0:
        raise UnsolvableError(
            f"HybridLSQR cannot take {prior!r}, which does not penalise ‖x‖² evenly; LSQR can take any quadratic prior, of a "
            "given weight"
        )
    return prior, float(prior.functional.curvature) * float(np.max(gram))


def _orthogonalise(v: Any, V: list[Any]) -> float:
    """Make v, of length 1, orthogonal to all of V and of length 1 again; return what length was left."""
    length = 1.0
    for _ in range(2):
        for v_j in V:
            v -= v_j * np.vdot(v_j, v)
        left = math.sqrt(sum_of_squares(v))
        if left == 0:
            return 0.0
        v /= left
        length *= left
    return length
