"""The primal–dual method of Condat and Vũ, which takes any sum of convex terms behind any operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unblur.operators import Operator
from unblur.operators._backend import sum_of_squares

from .functionals import capability
from .problem import Problem
from .proximable import OnX, count_ffts, has_prox, is_smooth, lipschitz, norm_above, on_x
from .quadratic import UnsolvableError
from .terms import Term


@dataclass(slots=True)
class Dual:
    """One term h(K x) that is taken by its conjugate."""

    term: Term
    K: Operator
    sigma: float  #: σ, its step
    u: Any  #: its dual variable, of the shape of K x


@dataclass(slots=True)
class PrimalDualState:
    """The iterates; arrays are updated in place."""

    x: Any  #: the image, x̃: what the prox of g gave
    relaxed: Any  #: x, from where the next step starts
    smooth: list[Term]  #: f: by their gradients
    g: OnX | None  #: by its prox in x
    duals: list[Dual]  #: h: by the prox of their conjugates
    tau: float  #: τ, the primal step
    relaxation: float  #: ρ
    residual: float = float("inf")  #: ‖(x̃ − x, ũ − u)‖ / ‖(x̃, ũ)‖, x weighted by 1/√τ and u by 1/√σ


@dataclass(frozen=True)
class PrimalDual:
    r"""The primal–dual method of Condat and Vũ; without smooth terms that of Chambolle and Pock.

    For :math:`\min_x f(x) + g(x) + \sum_s h_s(K_s x)` with f smooth and g prox-able:

    .. math::
        \tilde x &= \operatorname{prox}_{\tau g}\Big(x - \tau \nabla f(x) - \tau \sum_s K_s^H u_s\Big) \\
        \tilde u_s &= \operatorname{prox}_{\sigma_s h_s^*}\big(u_s + \sigma_s K_s (2 \tilde x - x)\big) \\
        (x, u) &\leftarrow \rho \, (\tilde x, \tilde u) + (1 - \rho) \, (x, u)

    Terms whose gradient has a known Lipschitz constant make f; one with a prox in x itself, the last in the sum, makes g; all
    others are taken behind their operators.

    Parameters
    ----------
    dual_step : float or sequence of float, optional
        σ, one for all dual terms or one for each in the order that the plan prints. It steers the speed and leaves the
        solution alone. By default each gets the penalty that splitting would give it, from the scale of the data.
    relaxation : float
        ρ, from 1 to below 2. The primal step is the longest that it allows.

    Raises
    ------
    ValueError
        If an option is outside its range.

    Notes
    -----
    One apply and one adjoint of each operator an iteration, and nothing else of it: ``matvec`` and ``rmatvec`` are enough. Where
    an operator has no `norm_bound`, 50 applies go into its norm beforehand. It is the fallback for what nothing faster
    takes: ten times the iterations of split Bregman are usual. With L the Lipschitz constant of ∇f,

    .. math:: \frac1\tau = \frac{L}{2 (2 - \rho)} + \sum_s \sigma_s \|K_s\|^2,

    which is the condition for convergence, 2 − ρ > ½ L (1/τ − Σ σ‖K‖²)⁻¹, all but met with equality.

    References
    ----------
    Condat, "A primal–dual splitting method for convex optimization involving Lipschitzian, proximable and linear composite
    terms", J. Optim. Theory Appl. 158 (2013).
    Vũ, "A splitting algorithm for dual monotone inclusions involving cocoercive operators", Adv. Comput. Math. 38 (2013).
    Chambolle, Pock, "A first-order primal-dual algorithm for convex problems with applications to imaging", J. Math.
    Imaging Vision 40 (2011).

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import LeastAbsolute, PrimalDual, TotalVariation, solve
    >>> from unblur.operators import Blur
    >>> A = Blur([0.25, 0.5, 0.25], (8,), boundary="mirror")
    >>> y = A.apply(np.array([0.0, 0, 0, 0, 1, 1, 1, 1]))
    >>> y[1] = 9  # an outlier
    >>> solve(LeastAbsolute(A, y) + 0.1 * TotalVariation(), PrimalDual(), tol=1e-9, max_iterations=20000).x.round(3) + 0.0
    array([0., 0., 0., 0., 1., 1., 1., 1.])
    """

    dual_step: float | Sequence[float] | None = None
    relaxation: float = 1.5

    max_iterations: ClassVar[int] = 5000

    def __post_init__(self) -> None:
        if self.dual_step is not None and not (np.all(np.isfinite(self.dual_step)) and np.min(self.dual_step) > 0):
            raise ValueError(f"dual_step is {self.dual_step!r}; give numbers above 0, or None for the default rule")
        if not 1 <= self.relaxation < 2:
            raise ValueError(f"relaxation is {self.relaxation!r}; give a number from 1 to below 2")

    def start(self, problem: Problem, x0: Any = None) -> PrimalDualState:
        """Return the state at `x0`, all dual variables 0.

        Raises
        ------
        UnsolvableError
            If a term is not convex, or has neither a prox nor a gradient with a known Lipschitz constant.
        """
        smooth, g, behind = arrange(problem)
        x = problem.read_start(x0)
        norms = [norm_above(t.A, x) for t in behind]
        steps = self._dual_steps(behind, norms, problem, x)
        duals = [Dual(t, t.A, s, np.zeros_like(t.A.apply(x))) for t, s in zip(behind, steps, strict=True)]
        inverse = 1.001 * sum(lipschitz(t, x) for t in smooth) / (2 * (2 - self.relaxation))
        inverse += sum(s * n * n for s, n in zip(steps, norms, strict=True))
        if inverse == 0:
            # nothing bounds the step: it only sets how far one prox goes
            inverse = 0.0 if g is None else g.term.functional.default_penalty(g.term.weight, _size(x), 1.0)
        return PrimalDualState(x, x.copy(), smooth, g, duals, 1 / (inverse or 1.0), self.relaxation)

    def step(self, state: PrimalDualState) -> None:
        """Advance `state` by one iteration."""
        x, tau, rho = state.relaxed, state.tau, state.relaxation
        # x̃ ← prox(x − τ (∇f(x) + Σ Kᴴ u))
        new = state.x
        new[...] = 0
        for term in state.smooth:
            new += term.gradient(x)
        for d in state.duals:
            new += d.K.apply_adjoint(d.u)
        new *= -tau
        new += x
        if state.g is not None:
            state.g.prox(new, tau, new)
        # x ← ρ x̃ + (1 − ρ) x, and 2 x̃ − x
        step = new - x
        change, length = sum_of_squares(step) / tau, sum_of_squares(new) / tau
        ahead = new + step
        step *= rho
        x += step
        # ũ ← prox*(u + σ K (2 x̃ − x)),  u ← ρ ũ + (1 − ρ) u
        for d in state.duals:
            w = d.K.apply(ahead)
            w *= d.sigma
            w += d.u
            step = d.term.prox_conjugate(w, d.sigma, np.empty_like(w))
            length += sum_of_squares(step) / d.sigma
            step -= d.u
            change += sum_of_squares(step) / d.sigma
            step *= rho
            d.u += step
        state.residual = float(np.sqrt(change / length)) if length > 0 else 0.0

    def explain(self, problem: Problem) -> tuple[str, int]:
        """Return why the problem suits, and the FFTs of one iteration; raise `UnsolvableError` if it does not."""
        smooth, g, behind = arrange(problem)
        lines = ["every term is convex, and has a gradient or a prox: nothing is inverted"]
        lines += [f"by its gradient: {t!r}" for t in smooth]
        lines += [f"by its prox in x: {g.term!r}"] if g else []
        lines += [f"by its dual: {t!r}" for t in behind]
        used = [*smooth, *behind, *((g.term,) if g else ())]
        return "; ".join(lines), count_ffts(used)

    def _dual_steps(self, behind: list[Term], norms: list[float], problem: Problem, x: Any) -> list[float]:
        if self.dual_step is not None:
            given = np.atleast_1d(self.dual_step)
            if given.size not in (1, len(behind)):
                raise ValueError(f"dual_step has {given.size} numbers, but {len(behind)} terms are dual; give as many, or one")
            return [float(s) for s in np.broadcast_to(given, len(behind))]
        stiffness = sum(t.weight * norm_above(t.A, x) ** 2 for t in problem.data)
        # √8 is the norm of a gradient in the plane
        sizes = [_size(x) * (n or 1.0) / np.sqrt(8) for n in norms]
        return [float(t.functional.default_penalty(t.weight, size, stiffness)) for t, size in zip(behind, sizes, strict=True)]


def arrange(problem: Problem) -> tuple[list[Term], OnX | None, list[Term]]:
    """Return the terms that are taken by their gradient, the one by its prox in x, and those by their dual."""
    terms = [t for t in problem.terms if t.weight > 0]
    for t in terms:
        if not capability(t.functional, "convex"):
            raise UnsolvableError(f"PrimalDual cannot take {t!r}, which is not convex; SplitBregman or ProximalGradient may")
        if not (is_smooth(t) or has_prox(t)):
            raise UnsolvableError(
                f"PrimalDual cannot take {t!r}, which has no prox and no known Lipschitz constant; give its functional `prox` "
                "or `lipschitz`, or take ProximalGradient, which finds its step by trial"
            )
    places = {id(t): place for t in terms if (place := on_x(t)) is not None}
    # where the place is free, a prox is worth more than a gradient
    rough = [t for t in terms if id(t) in places and not is_smooth(t)]
    candidates = rough or [t for t in terms if id(t) in places]
    g = places[id(candidates[-1])] if candidates else None
    others = [t for t in terms if g is None or t is not g.term]
    return [t for t in others if is_smooth(t)], g, [t for t in others if not is_smooth(t)]


def _size(x: Any) -> float:
    return float(np.ptp(x.real)) or float(np.abs(x).max()) or 1.0
