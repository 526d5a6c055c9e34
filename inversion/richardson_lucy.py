"""Richardson and Lucy's multiplicative iteration for counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unblur.operators._backend import sum_of_squares

from .problem import Problem
from .proximable import is_identity
from .quadratic import UnsolvableError
from .terms import Term

#: how small the denominator may become, as a part of Aᴴ w
_FLOOR = 0.1


@dataclass(slots=True)
class RichardsonLucyState:
    """The iterates."""

    x: Any  #: the image
    before: Any  #: x of the iteration before
    step: Any  #: what the last iteration added to the point where it started
    step_before: Any  #: what the one before it added
    data: tuple[Term, ...]
    priors: list[Term]
    sensitivity: Any  #: Σ w Aᴴ 1
    seen: Any  #: where that is more than rounding
    objective: float  #: at the point where the last iteration started
    residual: float = float("inf")  #: ‖x⁺ − z‖ / ‖x⁺‖


@dataclass(frozen=True)
class RichardsonLucy:
    r"""Richardson and Lucy's iteration: expectation maximisation for Poisson data.

    .. math:: x \leftarrow \frac{x}{\sum_i A_i^H w_i + \nabla R(x)} \; \sum_i A_i^H \Big( w_i \frac{y_i}{A_i x + b_i} \Big)

    Takes one or more `Poisson` terms, priors R with a gradient or a subgradient (total variation after Dey), and x ≥ 0, which
    it keeps by construction: the operators' samples must not be negative.

    Parameters
    ----------
    acceleration : bool
        Whether each step starts from x extrapolated along the last change, after Biggs and Andrews. Where the objective
        would grow, that step starts from x itself.

    Notes
    -----
    One apply and one adjoint of each operator an iteration. Dividing by Σ Aᴴ w makes up for what the edges and a mask
    hide; pixels that no datum sees keep their value. Pixels that are 0 stay 0, so that the default start is put above 0
    everywhere. Without priors the objective never grows, and with a background of 0 the flux Σ w A x is that of the data.
    With a prior the step is taken one step late [4]_: an optimum is a fixed point where the prior is differentiable; that
    of total variation is not where x is flat, so that x settles close by only. `PrimalDual` reaches it. The denominator
    is kept above a tenth of Σ Aᴴ w, which matters for weights too large for this method.

    References
    ----------
    .. [1] Richardson, "Bayesian-based iterative method of image restoration", J. Opt. Soc. Am. 62 (1972); Lucy, "An
       iterative technique for the rectification of observed distributions", Astron. J. 79 (1974).
    .. [2] Biggs, Andrews, "Acceleration of iterative image restoration algorithms", Appl. Opt. 36 (1997).
    .. [3] Dey et al., "Richardson–Lucy algorithm with total variation regularization for 3D confocal microscope
       deconvolution", Microsc. Res. Tech. 69 (2006).
    .. [4] Green, "Bayesian reconstructions from emission tomography data using a modified EM algorithm", IEEE Trans. Med.
       Imaging 9 (1990).

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

    max_iterations: ClassVar[int] = 200

    def start(self, problem: Problem, x0: Any = None) -> RichardsonLucyState:
        """Return the state at `x0`.

        Raises
        ------
        UnsolvableError
            If a term is not one of those that this method takes.
        ValueError
            If `x0` is negative somewhere.
        """
        data, priors = arrange(problem)
        if x0 is None:
            x = problem.initial()
            # 0 would stay 0
            mean = float(np.mean(x, dtype=np.float64))
            x = np.maximum(x, x.dtype.type(0.01 * mean if mean > 0 else 1))
        else:
            x = np.array(x0, problem.dtype)
            if x.min() < 0:
                raise ValueError(f"x0 holds {x.min():g}; give 0 or more, and more than 0 where x may be more than 0")
        sensitivity = sum(t.weight * t.operator.apply_adjoint(_weights(t).astype(np.float64)) for t in data)  # type: ignore[union-attr]
        rounding = 100 * float(np.finfo(x.dtype).eps) * float(np.abs(sensitivity).max())
        if sensitivity.min() < -rounding:
            raise UnsolvableError(
                f"RichardsonLucy cannot take {data[0]!r}: its operator or another has negative samples; PrimalDual can"
            )
        seen = sensitivity > rounding
        zero = np.zeros_like(x)
        sensitivity = sensitivity.astype(x.dtype)
        return RichardsonLucyState(x, x.copy(), zero, zero, data, priors, sensitivity, seen, float("inf"))

    def step(self, state: RichardsonLucyState) -> None:
        """Advance `state` by one iteration."""
        x = state.x
        # z ← (x + α (x − x₋))₊, and A z
        alpha = _length(state.step, state.step_before) if self.acceleration else 0.0
        z = x
        if alpha > 0:
            z = x - state.before
            z *= alpha
            z += x
            np.maximum(z, 0, out=z)
        images, objective = self._look(state, z)
        if alpha > 0 and objective > state.objective:
            z, alpha = x, 0.0
            images, objective = self._look(state, z)
        # x ← z / (Σ Aᴴ w + ∇R(z)) · Σ Aᴴ (w y / (A z + b))
        back = sum(
            t.operator.apply_adjoint(t.weight * _ratio(t, Az))  # type: ignore[union-attr]
            for t, Az in zip(state.data, images, strict=True)
        )
        denominator = state.sensitivity
        if state.priors:
            denominator = denominator + sum(_slope(t, z) for t in state.priors)
            np.maximum(denominator, _FLOOR * state.sensitivity, out=denominator)
        factor = np.divide(back, denominator, out=np.ones_like(x), where=state.seen)
        # a spectral adjoint leaves rounding errors below 0
        np.maximum(factor, 0, out=factor)
        new = factor
        new *= z
        state.step_before, state.step = state.step, new - z
        state.before, state.x, state.objective = x, new, objective
        change, size = sum_of_squares(state.step), sum_of_squares(new)
        state.residual = float(np.sqrt(change / size)) if size > 0 else 0.0

    def _look(self, state: RichardsonLucyState, z: Any) -> tuple[list[Any], float]:
        """Return A z of each data term, and the objective at `z` where the acceleration needs it."""
        images = [t.operator.apply(z) for t in state.data]  # type: ignore[union-attr]
        if not self.acceleration:
            return images, float("inf")
        objective = sum(t.weight * t.functional.value(Az) for t, Az in zip(state.data, images, strict=True))
        return images, objective + sum(t.value(z) for t in state.priors)

    def explain(self, problem: Problem) -> tuple[str, int]:
        """Return why the problem suits, and the FFTs of one iteration; raise `UnsolvableError` if it does not."""
        data, priors = arrange(problem)
        lines = ["counts, and x ≥ 0 by construction: one multiplicative step"]
        lines += [f"one step late: {t!r}" for t in priors]
        return "; ".join(lines), sum(2 * t.operator.ffts for t in (*data, *priors))  # type: ignore[union-attr]


def arrange(problem: Problem) -> tuple[tuple[Term, ...], list[Term]]:
    """Return the data terms and the priors; x ≥ 0 is left out, being kept anyway."""
    priors = []
    for t in problem.terms:
        f = t.functional
        if t.weight == 0:
            continue
        if t.carries_data and not hasattr(f, "ratio"):
            raise UnsolvableError(f"RichardsonLucy cannot take {t!r}, whose data are no counts; PrimalDual can, or use Poisson")
        if t.carries_data:
            continue
        if (getattr(f, "low", None), getattr(f, "high", None)) == (0, np.inf) and is_identity(t.operator):  # type: ignore[arg-type]
            continue
        if not (hasattr(f, "gradient") or hasattr(f, "subgradient")):
            raise UnsolvableError(
                f"RichardsonLucy cannot take {t!r}, which has no gradient and is not x ≥ 0, kept anyway; PrimalDual can"
            )
        priors.append(t)
    if problem.dtype.kind == "c":
        raise UnsolvableError("RichardsonLucy cannot take complex data; counts are real")
    return tuple(t for t in problem.data if t.weight > 0), priors


def _weights(t: Term) -> Any:
    w = t.functional.weights  # type: ignore[attr-defined]
    return np.ones(t.operator.dimsd) if w is None else w  # type: ignore[union-attr]


def _ratio(t: Term, Az: Any) -> Any:
    f: Any = t.functional
    return f.ratio(Az) if f.weights is None else f.weights * f.ratio(Az)


def _slope(t: Term, x: Any) -> Any:
    """Return a subgradient of a prior at `x`."""
    f: Any = t.functional
    if hasattr(f, "gradient"):
        return t.gradient(x)
    Dx = t.operator.apply(x)  # type: ignore[union-attr]
    return t.weight * t.operator.apply_adjoint(f.subgradient(Dx if t.offset is None else Dx - t.offset))  # type: ignore[union-attr]


def _length(step: Any, before: Any) -> float:
    """Return how far to extrapolate: the part of the step before that the last one repeats, from 0 to below 1."""
    energy = sum_of_squares(before)
    if energy == 0:
        return 0.0
    along = float(np.einsum("i,i->", np.ravel(step), np.ravel(before), dtype=np.float64))
    return min(max(along / energy, 0.0), 0.999)
