"""The primal–dual method of Condat and Vũ, which takes any sum of convex terms behind any operators."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unblur.operators import Operator
from unblur.operators._arguments import read_number, read_numbers
from unblur.operators._backend import sum_of_squares

from .functionals import capability
from .optimality import least_part, relative, worst
from .problem import Problem
from .proximable import OnX, count_ffts, has_prox, is_smooth, lipschitz, norm_above, on_x, pull
from .quadratic import UnsolvableError
from .terms import Term


@dataclass(slots=True)
class Dual:
    """One term h(K x) that is taken by its conjugate."""

    index: int  #: of the term in the problem
    term: Term
    K: Operator
    norm: float  #: ‖K‖ or an upper bound
    sigma: float  #: σ, its step
    u: Any  #: its dual variable, of the shape of K x


@dataclass(slots=True)
class PrimalDualState:
    """The iterates; arrays are updated in place."""

    x: Any  #: the image, x̃: what the prox of g gave
    relaxed: Any  #: x, from where the next step starts
    smooth: list[tuple[Term, float]]  #: f: by their gradients; each with ‖A‖
    g: OnX | None  #: by its prox in x
    behind: list[Dual]  #: h: by the prox of their conjugates
    tau: float  #: τ, the primal step
    relaxation: float  #: ρ
    residual: float = float("inf")  #: of the forces on x̃, or of K x̃ from where ũ is a subgradient; see the notes

    def duals(self) -> dict[int, Any]:
        """Return, for each term that is taken by its conjugate, the force u with which it pulls at K x."""
        return {d.index: d.u for d in self.behind}


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

    What is left of optimality at x̃, ũ follows from the steps: with d = x̃ − x, e = ũ − u and
    :math:`w = u + \sigma K (2 \tilde x - x)`, the forces at x̃ add up to −d/τ + ∇f(x̃) − ∇f(x) + Σ Kᴴe, and ũ is a
    subgradient of h not at K x̃ but at K x̃ + K d − e/σ. With d/τ for the first three, which are no longer, the residual is
    the larger of two bounds:

    .. math::
        \frac{\|d\| / \tau + \sum \|K\| \|e\|}{\sum_t \|A_t\| \|q_t\| + \sum \|K\| \|\tilde u\|}, \qquad
        \sqrt{\frac{\sum \sigma (\|K\| \|d\| + \|e\| / \sigma)^2}{\sum \|w\|^2 / \sigma}}

    where q are the slopes of the smooth terms.

    References
    ----------
    Condat, "A primal–dual splitting method for convex optimization involving Lipschitzian, proximable and linear composite
    terms", J. Optim. Theory Appl. 158 (2013).
    Vũ, "A splitting algorithm for dual monotone inclusions involving cocoercive operators", Adv. Comput. Math. 38 (2013).
    Chambolle, Pock, "A first-order primal-dual algorithm for convex problems with applications to imaging", J. Math.
    Imaging Vision 40 (2011).
    Goldstein, Li, Yuan, "Adaptive primal–dual splitting methods for statistical learning and image processing", NIPS (2015),
    for the residuals.

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
        if self.dual_step is not None:
            read_numbers(self.dual_step, "dual_step", above=0, remedy=", or None for the default rule")
        read_number(self.relaxation, "relaxation", least=1, below=2)

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
        index = {id(t): i for i, t in enumerate(problem.terms)}
        duals = [
            Dual(index[id(t)], t, t.A, n, s, np.zeros_like(t.A.apply(x))) for t, n, s in zip(behind, norms, steps, strict=True)
        ]
        explicit = [(t, norm_above(t.A, x)) for t in smooth]
        inverse = 1.001 * sum(lipschitz(t, norm) for t, norm in explicit) / (2 * (2 - self.relaxation))
        inverse += sum(s * n * n for s, n in zip(steps, norms, strict=True))
        if inverse == 0:
            # nothing bounds the step: it only sets how far one prox goes
            inverse = 0.0 if g is None else g.term.functional.default_penalty(g.term.weight, _size(x), 1.0)
        tau = 1 / (inverse or 1.0) if math.isfinite(inverse) else math.nan
        return PrimalDualState(x, x.copy(), explicit, g, duals, tau, self.relaxation)

    def step(self, state: PrimalDualState) -> None:
        """Advance `state` by one iteration."""
        x, tau, rho = state.relaxed, state.tau, state.relaxation
        # x̃ ← prox(x − τ (∇f(x) + Σ Kᴴ u))
        new, size = state.x, 0.0
        new[...] = 0
        for term, norm in state.smooth:
            slope, part = pull(term, norm, term.A.apply(x))
            new += term.A.apply_adjoint(slope)
            size += part
        for d in state.behind:
            new += d.K.apply_adjoint(d.u)
        new *= -tau
        new += x
        if state.g is not None:
            state.g.prox(new, tau, new)
        # x ← ρ x̃ + (1 − ρ) x, and 2 x̃ − x
        step = new - x
        length = math.sqrt(sum_of_squares(step))
        left = length / tau
        size += least_part(x.dtype) * math.sqrt(sum_of_squares(new)) / tau
        ahead = new + step
        step *= rho
        x += step
        # ũ ← prox*(u + σ K (2 x̃ − x)),  u ← ρ ũ + (1 − ρ) u
        apart, whole = 0.0, 0.0
        for d in state.behind:
            w = d.K.apply(ahead)
            w *= d.sigma
            w += d.u
            whole += sum_of_squares(w) / d.sigma
            step = d.term.prox_conjugate(w, d.sigma, np.empty_like(w))
            size += d.norm * math.sqrt(sum_of_squares(step))
            step -= d.u
            change = math.sqrt(sum_of_squares(step))
            left += d.norm * change
            apart += d.sigma * (d.norm * length + change / d.sigma) ** 2
            step *= rho
            d.u += step
        state.residual = worst(relative(left, size), relative(math.sqrt(apart), math.sqrt(whole)))

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
