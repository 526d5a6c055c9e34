"""The proximal gradient method, accelerated, with restarts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unblur.operators._arguments import read_flag
from unblur.operators._backend import sum_of_squares

from .functionals import capability
from .optimality import least_part, relative
from .problem import Problem
from .proximable import OnX, count_ffts, has_prox, is_smooth, lipschitz, norm_above, on_x, pull
from .quadratic import UnsolvableError
from .terms import Term


@dataclass(slots=True)
class Image:
    """What one smooth term sees of x."""

    term: Term
    norm: float  #: ‖A‖ or an upper bound
    Ax: Any  #: A x
    before: Any  #: A x of the iteration before


@dataclass(slots=True)
class ProximalGradientState:
    """The iterates."""

    x: Any  #: the image
    before: Any  #: x of the iteration before
    images: list[Image]  #: A x of each smooth term
    g: OnX | None  #: the term that is taken by its prox
    L: float  #: 1 / the step
    t: float  #: the momentum's counter
    momentum: bool
    residual: float = float("inf")  #: L ‖x⁺ − z‖ / Σ ‖A‖ ‖w ∇f(A z − b)‖


@dataclass(frozen=True)
class ProximalGradient:
    r"""FISTA, the accelerated proximal gradient method, with adaptive restart.

    For :math:`\min_x f(x) + g(x)` with f smooth and g prox-able:

    .. math::
        z &= x_k + \frac{t_{k-1} - 1}{t_k} (x_k - x_{k-1}) \\
        x_{k+1} &= \operatorname{prox}_{g/L}\big(z - \tfrac1L \nabla f(z)\big) \\
        t_{k+1} &= \tfrac12 \big(1 + \sqrt{1 + 4 t_k^2}\big), \quad
        \text{but } 1 \text{ where } \langle z - x_{k+1}, x_{k+1} - x_k \rangle > 0

    Takes terms with a gradient behind any operators and one term with a prox on x itself, or behind a unitary operator W,
    of which the prox is :math:`W^H \operatorname{prox}(W x)`.

    Parameters
    ----------
    restart : bool
        Whether the momentum is dropped where it leads uphill.

    Notes
    -----
    One apply and one adjoint of each smooth term's operator an iteration: A z follows from A x, of which two are kept. L is
    the sum of the terms' Lipschitz constants, by norm bounds or power iteration; where none is known it is found by trial.
    A step that meets more curvature than L is done again with what it met. Where a term is not convex there is no momentum.

    The gradient mapping L (z − x⁺) is the sum of all forces, those of f at z and that of g at x⁺, and a bound for it at x⁺.
    The residual is its length relative to the sizes of the smooth terms' forces.

    References
    ----------
    Beck, Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear inverse problems", SIAM J. Imaging Sci. 2
    (2009).
    O'Donoghue, Candès, "Adaptive restart for accelerated gradient schemes", Found. Comput. Math. 15 (2015).

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import LeastSquares, ProximalGradient, Sparsity, solve
    >>> A = np.array([[2.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    >>> problem = LeastSquares(A, np.array([4.0, 0.1])) + 0.2 * Sparsity()
    >>> solve(problem, ProximalGradient(), tol=1e-12).x.round(4) + 0.0
    array([1.95, 0.  , 0.  ])
    """

    restart: bool = True

    max_iterations: ClassVar[int] = 2000

    def __post_init__(self) -> None:
        read_flag(self.restart, "restart")

    def start(self, problem: Problem, x0: Any = None) -> ProximalGradientState:
        """Return the state at `x0`.

        Raises
        ------
        UnsolvableError
            If a term has no gradient, and is not the only one with a prox on x.
        """
        smooth, g = arrange(problem)
        x = problem.read_start(x0)
        images = [Image(t, norm_above(t.A, x), Ax := t.A.apply(x), Ax.copy()) for t in smooth]
        L = sum((lipschitz(i.term, i.norm) for i in images if is_smooth(i.term)), 0.0)
        L += _probe([t for t in smooth if not is_smooth(t)], x)
        convex = all(capability(t.functional, "convex") for t in problem.terms if t.weight > 0)
        return ProximalGradientState(x, x.copy(), images, g, L or 1.0, 1.0, convex)

    def step(self, state: ProximalGradientState) -> None:
        """Advance `state` by one iteration."""
        x, t = state.x, state.t
        t_next = 0.5 * (1 + np.sqrt(1 + 4 * t * t)) if state.momentum else 1.0
        beta = float((t - 1) / t_next)
        # z ← x + β (x − x₋), and A z
        z = _extrapolate(x, state.before, beta)
        for i in state.images:
            i.before = _extrapolate(i.Ax, i.before, beta)
        pulls = [pull(i.term, i.norm, i.before) for i in state.images]
        slopes, size = [slope for slope, _ in pulls], sum((part for _, part in pulls), 0.0)
        gradient = sum((i.term.A.apply_adjoint(s) for i, s in zip(state.images, slopes, strict=True)), np.zeros_like(x))
        while True:
            # x⁺ ← prox(z − ∇f(z) / L)
            new = gradient * (-1 / state.L)
            new += z
            if state.g is not None:
                state.g.prox(new, 1 / state.L, new)
            ahead = [i.term.A.apply(new) for i in state.images]
            d = new - z
            met = sum(_inner(i.term.slope(Ax) - s, Ax - i.before) for i, Ax, s in zip(state.images, ahead, slopes, strict=True))
            length, energy = sum_of_squares(d), sum_of_squares(new)
            # where d is no longer than rounding, so is what it tells
            if not (1.001 * state.L * length < met < np.inf and length > (1e3 * np.finfo(x.dtype).eps) ** 2 * energy):
                break
            state.L = 1.1 * met / length
        uphill = _inner(d, x - new) > 0
        state.t = 1.0 if self.restart and uphill else t_next
        state.before, state.x = x, new
        for i, Ax in zip(state.images, ahead, strict=True):
            # where the momentum is dropped, x₋ does not count
            i.before, i.Ax = i.Ax, Ax
        size += least_part(x.dtype) * state.L * math.sqrt(energy)
        state.residual = relative(state.L * math.sqrt(length), size)

    def explain(self, problem: Problem) -> tuple[str, int]:
        """Return why the problem suits, and the FFTs of one iteration; raise `UnsolvableError` if it does not."""
        smooth, g = arrange(problem)
        lines = ["smooth terms, and at most one with a prox in x"]
        lines += [f"by its gradient: {t!r}" for t in smooth]
        lines += [f"by its prox in x: {g.term!r}"] if g else []
        return "; ".join(lines), count_ffts((*smooth, *((g.term,) if g else ())))


def arrange(problem: Problem) -> tuple[list[Term], OnX | None]:
    """Return the terms that are taken by their gradient, and the one that is taken by its prox."""
    smooth: list[Term] = []
    proximal: list[OnX] = []
    for t in problem.terms:
        if t.weight == 0:
            continue
        # a gradient beside a prox, without a Lipschitz constant, is one with jumps or poles
        if is_smooth(t) or (hasattr(t.functional, "gradient") and not has_prox(t)):
            smooth.append(t)
        elif (place := on_x(t)) is not None:
            proximal.append(place)
        else:
            raise UnsolvableError(
                f"ProximalGradient cannot take {t!r}: it has no Lipschitz gradient, and its prox in x is not known; "
                "PrimalDual and SplitBregman take a prox behind an operator"
            )
    if len(proximal) > 1:
        raise UnsolvableError(
            f"ProximalGradient cannot take {proximal[1].term!r} beside {proximal[0].term!r}: it takes one prox; "
            "PrimalDual takes several"
        )
    return smooth, proximal[0] if proximal else None


def _extrapolate(x: Any, before: Any, beta: float) -> Any:
    """Return x + β (x − before), in the place of `before`."""
    before *= -beta
    before += x if beta == 0 else (1 + beta) * x
    return before


def _inner(a: Any, b: Any) -> float:
    """Return Re⟨a, b⟩, summed in float64."""
    a, b = np.ravel(a), np.ravel(b)
    parts = ((a.real, b.real), (a.imag, b.imag)) if a.dtype.kind == "c" else ((a, b),)
    return float(sum(np.einsum("i,i->", p, q, dtype=np.float64) for p, q in parts))


def _probe(terms: list[Term], x: Any) -> float:
    """Return the curvature of Σ w f(A x) met by a short step downhill from `x`."""
    if not terms:
        return 0.0
    gradient = sum(t.gradient(x) for t in terms)
    steepness = np.sqrt(sum_of_squares(gradient))
    if steepness == 0:
        return 0.0
    d = gradient * float(-1e-2 * (np.sqrt(sum_of_squares(x)) or 1.0) / steepness)
    change = sum(t.gradient(x + d) for t in terms) - gradient
    return max(_inner(change, d), 0.0) / sum_of_squares(d)
