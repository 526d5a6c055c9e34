"""Richardson and Lucy's multiplicative iteration for counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unblur.operators._arguments import read_flag

from .counts import correct, extrapolate
from .functionals import capability
from .optimality import relative
from .problem import Problem
from .proximable import count_ffts, has_prox, is_identity, is_smooth, norm_above
from .quadratic import UnsolvableError
from .terms import Term

#: with priors, no pixel is taken for less seen than by this part of the best seen
_LEAST_SEEN = 0.5


@dataclass(slots=True)
class Edge:
    """One prior h(K x) that is not smooth."""

    term: Term
    norm: float  #: ‖K‖
    u: Any  #: the subgradient of h at K x, in the making


@dataclass(slots=True)
class RichardsonLucyState:
    """The iterates."""

    x: Any  #: the image
    before: Any  #: x of the iteration before
    z: Any  #: x extrapolated
    step: Any  #: what the last iteration added to the point where it started
    images: list[Any]  #: A z of each data term, and its quotient
    back: Any  #: the quotients brought back
    data: tuple[Term, ...]
    smooth: list[Term]  #: priors with a gradient
    edges: list[Edge]  #: priors without
    sensitivity: Any  #: Σ w Aᴴ 1
    lift: Any  #: what is added to both sides of the quotient where the sensitivity is low
    mean: float  #: the image that explains the counts, on average
    alpha: float = 0.0  #: how far to extrapolate
    energy: float = 0.0  #: ‖step‖²
    objective: float = float("inf")  #: at the point where the last iteration started
    residual: float = float("inf")  #: of the conditions of Kuhn and Tucker at z; see the notes


@dataclass(frozen=True)
class RichardsonLucy:
    r"""Richardson and Lucy's iteration: expectation maximisation for Poisson data.

    .. math:: x \leftarrow x \; \frac{\sum_i A_i^H (w_i y_i / (A_i x + b_i)) + (\nabla R)_-}{\sum_i A_i^H w_i + (\nabla R)_+}

    Takes one or more `Poisson` terms, priors R that are smooth or, such as total variation, have a prox behind an operator, and
    x ≥ 0, which it keeps by construction: the operators' samples must not be negative.

    Parameters
    ----------
    acceleration : bool
        Whether each step starts from x extrapolated along the last change, after Biggs and Andrews [2]_. Where the objective
        would grow, that step starts from x itself. Total variation and its like are not accelerated.

    Notes
    -----
    One apply and one adjoint of each operator an iteration. Dividing by Σ Aᴴ w makes up for what the edges and a mask
    hide; pixels that no datum sees keep their value, unless a prior moves them. Pixels that are 0 stay 0, so that the default
    start is put above 0 everywhere. Without priors the objective never grows, and with a background of 0 the flux Σ w A x
    is that of the data. With one data term and no prior, a step on a large image allocates none but what the operators do.

    Biggs and Andrews put to 0 what an extrapolation takes below it, and 0 is never left again. Here what grows is extrapolated
    as they do, x + α (x − x₋), and what shrinks by the reciprocal, x / (1 + α (x₋ − x) / x), so that it can come back as fast
    as it went. Nothing that is above 0 falls below a rounding error of the mean.

    The residual measures what is left of the optimum's conditions, x g = 0 and g ≥ 0 for the gradient g at the point z where a
    step starts, relative to the sensitivity s, the denominator; with m the mean of x that explains the counts,

    .. math:: \sqrt{\frac{\|z g\|^2 + m^2 \|(-g)_+\|^2}{\|x s\|^2}}.

    The slope of the prior is taken one step late [4]_, in the way of Dey et al. [3]_. Where they keep the denominator above 0,
    its negative part stands in the numerator here [5]_, and where they divide ∇x by its length, which leaves no direction
    where x is flat, the direction is found along the way by a dual step, u ← prox_σR*(u + σ K x): the fixed points are then
    the optima. For small weights that is fast; for large ones `PrimalDual` is faster.

    References
    ----------
    .. [1] Richardson, "Bayesian-based iterative method of image restoration", J. Opt. Soc. Am. 62 (1972); Lucy, "An
       iterative technique for the rectification of observed distributions", Astron. J. 79 (1974).
    .. [2] Biggs, Andrews, "Acceleration of iterative image restoration algorithms", Appl. Opt. 36 (1997).
    .. [3] Dey et al., "Richardson–Lucy algorithm with total variation regularization for 3D confocal microscope
       deconvolution", Microsc. Res. Tech. 69 (2006).
    .. [4] Green, "Bayesian reconstructions from emission tomography data using a modified EM algorithm", IEEE Trans. Med.
       Imaging 9 (1990).
    .. [5] Lantéri, Roche, Aime, "Penalized maximum likelihood image restoration with positivity constraints: multiplicative
       algorithms", Inverse Problems 18 (2002).

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import Poisson, RichardsonLucy, solve
    >>> from unblur.operators import Blur
    >>> A = Blur([0.25, 0.5, 0.25], (5,), boundary="periodic")
    >>> y = A.apply(np.array([0.0, 0.0, 8.0, 0.0, 0.0]))
    >>> solve(Poisson(A, y), RichardsonLucy(), max_iterations=300).x.round(2).tolist()
    [0.0, 0.0, 8.0, 0.0, 0.0]
    """

    acceleration: bool = True

    max_iterations: ClassVar[int] = 1000

    def __post_init__(self) -> None:
        read_flag(self.acceleration, "acceleration")

    def start(self, problem: Problem, x0: Any = None) -> RichardsonLucyState:
        """Return the state at `x0`.

        Raises
        ------
        UnsolvableError
            If a term is not one of those that this method takes.
        ValueError
            If `x0` is negative somewhere.
        """
        data, smooth, rough = arrange(problem)
        if x0 is None:
            x = problem.initial()
            # 0 would stay 0
            mean = float(np.mean(x, dtype=np.float64))
            x = np.maximum(x, x.dtype.type(0.01 * mean if mean > 0 else 1))
        else:
            x = problem.read_start(x0)
            if x.min() < 0:
                raise ValueError(f"x0 holds {x.min():g}; give 0 or more, and more than 0 where x may be more than 0")
        sensitivity, rounding, negative = _sensitivity(data, problem)
        if negative:
            raise UnsolvableError(
                f"RichardsonLucy cannot take {data[0]!r}: its operator or another has negative samples; PrimalDual can"
            )
        # nan stays
        sensitivity = np.where(sensitivity <= rounding, 0, sensitivity).astype(x.dtype)
        edges = [Edge(t, norm_above(t.A, x), np.zeros_like(t.A.apply(x))) for t in rough]
        lift = np.zeros_like(x)
        if smooth or edges:
            lift = np.maximum(x.dtype.type(_LEAST_SEEN) * sensitivity.max() - sensitivity, 0)
        images = [t.A.apply(x) for t in data]
        counted = [np.sum(_weights(t, problem) * np.maximum(t.target, 0), dtype=np.float64) for t in data]
        mean = relative(sum(t.weight * float(c) for t, c in zip(data, counted, strict=True)), float(np.sum(sensitivity))) or 1.0
        z, step, back = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
        return RichardsonLucyState(x, x.copy(), z, step, images, back, data, smooth, edges, sensitivity, lift, mean)

    def step(self, state: RichardsonLucyState) -> None:
        """Advance `state` by one iteration."""
        x, before, z = state.x, state.before, state.x
        accelerated = self.acceleration and not state.edges
        # z ← x + α (x − x₋), or less where that would near 0, and A z
        if accelerated and state.alpha > 0:
            z = state.z
            extrapolate(x, before, state.alpha, z)
        objective = self._look(state, z)
        if z is not x and objective > state.objective:
            z = x
            objective = self._look(state, z)
        # x ← z (Σ Aᴴ (w y / (A z + b)) + (∇R)₋) / (Σ Aᴴ w + (∇R)₊)
        back, front = self._back(state), state.sensitivity
        if state.smooth or state.edges:
            slope = self._slope(state, z)
            back += state.lift - np.minimum(slope, 0)
            front = front + state.lift
            # what nothing sees stays
            front += np.where(front > 0, np.maximum(slope, 0), 0)
        least = state.mean * float(np.finfo(x.dtype).eps)
        done = correct(z, back, front, state.mean, least, before, state.step)
        state.x, state.before, state.objective = before, x, objective
        # the part of the step before that this one repeats, from 0 to below 1
        state.alpha = min(max(done.along / state.energy, 0.0), 0.999) if state.energy > 0 else 0.0
        state.energy = done.change
        state.residual = math.nan if math.isnan(objective) else relative(math.sqrt(done.left), math.sqrt(done.size))

    def _back(self, state: RichardsonLucyState) -> Any:
        """Return Σ Aᴴ (w y / (A z + b)), over A z."""
        for i, (t, image) in enumerate(zip(state.data, state.images, strict=True)):
            f: Any = t.functional
            f.ratio(image, image)
            if f.weights is not None:
                image *= f.weights
            if t.weight != 1:
                image *= t.weight
            if i == 0:
                t.A.apply_adjoint(image, state.back)
            else:
                state.back += t.A.apply_adjoint(image)
        return state.back

    def _slope(self, state: RichardsonLucyState, z: Any) -> Any:
        """Return ∇R at `z`, the subgradients of what is not smooth being moved towards theirs."""
        slope = sum((t.gradient(z) for t in state.smooth), np.zeros_like(z))
        for e in state.edges:
            # u ← prox*(u + σ K z), with σ below the reciprocal of the longest step of x
            sigma = _LEAST_SEEN * float(state.sensitivity.max()) / (e.norm**2 * (float(z.max()) or 1.0))
            v = e.term.A.apply(z)
            v *= sigma
            v += e.u
            e.term.prox_conjugate(v, sigma, e.u)
            slope += e.term.A.apply_adjoint(e.u)
        return slope

    def _look(self, state: RichardsonLucyState, z: Any) -> float:
        """Write A z of each data term; return the objective at `z` where the acceleration needs it."""
        for t, image in zip(state.data, state.images, strict=True):
            t.A.apply(z, image)
        if not self.acceleration or state.edges:
            return float("inf")
        objective = sum(t.weight * t.functional.value(Az) for t, Az in zip(state.data, state.images, strict=True))
        return objective + sum(t.value(z) for t in state.smooth)

    def explain(self, problem: Problem) -> tuple[str, int]:
        """Return why the problem suits, and the FFTs of one iteration; raise `UnsolvableError` if it does not."""
        data, smooth, edges = arrange(problem)
        lines = ["counts, and x ≥ 0 by construction: one multiplicative step"]
        lines += [f"one step late: {t!r}" for t in smooth]
        lines += [f"one step late, its slope found on the way: {t!r}" for t in edges]
        return "; ".join(lines), count_ffts((*data, *smooth, *edges))


def arrange(problem: Problem) -> tuple[tuple[Term, ...], list[Term], list[Term]]:
    """Return the data terms, the smooth priors and the others; x ≥ 0 is left out, being kept anyway."""
    if problem.dtype.kind == "c":
        raise UnsolvableError("RichardsonLucy cannot take complex data; counts are real")
    smooth: list[Term] = []
    edges: list[Term] = []
    for t in problem.terms:
        f: Any = t.functional
        if t.weight == 0:
            continue
        if t.carries_data:
            if not hasattr(f, "ratio"):
                raise UnsolvableError(
                    f"RichardsonLucy cannot take {t!r}, whose data are no counts; PrimalDual can, or use Poisson"
                )
        elif (getattr(f, "low", None), getattr(f, "high", None)) == (0, np.inf) and is_identity(t.A):
            pass
        elif is_smooth(t) or (hasattr(f, "gradient") and not has_prox(t)):
            smooth.append(t)
        elif has_prox(t) and capability(f, "convex") and (hasattr(f, "subgradient") or hasattr(f, "gradient")):
            edges.append(t)
        else:
            raise UnsolvableError(
                f"RichardsonLucy cannot take {t!r}, which is neither smooth nor finite everywhere; PrimalDual may"
            )
    return tuple(t for t in problem.data if t.weight > 0), smooth, edges


def suits(problem: Problem) -> bool:
    """Return whether there is nothing but counts and x ≥ 0, of operators without negative samples: nothing is faster then."""
    if np.min(problem.box[0]) < 0:
        return False
    try:
        data, smooth, edges = arrange(problem)
    except UnsolvableError:
        return False
    if not data or smooth or edges:
        return False
    return not _sensitivity(data, problem)[2]


def _sensitivity(data: tuple[Term, ...], problem: Problem) -> tuple[Any, float, bool]:
    """Return Σ w Aᴴ 1, how much of it may be rounding, and whether negative samples show in it or in the image of a point."""
    total: Any = sum(t.weight * t.A.apply_adjoint(_weights(t, problem).astype(np.float64)) for t in data)
    eps = 100 * float(np.finfo(problem.dtype).eps)
    rounding = eps * float(np.abs(total).max())
    if math.isinf(rounding):
        # nothing is less than what is not known
        rounding = math.nan
    point = problem.xp.zeros(problem.dims, np.float64)
    point[tuple(n // 2 for n in problem.dims)] = 1
    images = [t.A.apply(point) for t in data]
    negative = [total.min() < -rounding, *(image.min() < -eps * np.abs(image).max() for image in images)]
    return total, rounding, any(map(bool, negative))


def _weights(t: Term, problem: Problem) -> Any:
    w = t.functional.weights  # type: ignore[attr-defined]
    return problem.xp.ones(t.A.dimsd) if w is None else w
