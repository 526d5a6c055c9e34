"""Split Bregman: the alternating direction method of multipliers with an exact, spectral x-update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unblur.operators import Fourier, Identity, Operator, aslinearoperator, gram_symbol, norm_bound, split, symbol
from unblur.operators._backend import sum_of_squares

from .problem import Problem
from .quadratic import UnsolvableError, reciprocal, right_side, spectral_dtype, transforms
from .terms import Term


@dataclass(slots=True)
class Split:
    """One term w f(M K x − b), of which v = K x is split off with a penalty."""

    index: int  #: of the term in the problem
    term: Term
    K: Operator  #: diagonal in the transform, or with a Gram that is
    M: Operator | None  #: selects samples; None for all
    penalty: float  #: ρ
    symbol: Any = None  #: of K, where K is cheaper to apply in the spectrum than in space
    Kx: Any = None  #: K x, then work space
    v: Any = None  #: the split variable
    u: Any = None  #: the scaled dual variable

    def prox(self, w: Any, out: Any) -> Any:
        """Write to `out` the prox of w f(M · − b) at `w`; where M selects samples, it moves only those."""
        if self.M is None:
            return self.term.prox(w, 1 / self.penalty, out)
        np.copyto(out, w)
        if hasattr(self.M, "view"):
            chosen = self.M.view(out)
            self.term.prox(chosen, 1 / self.penalty, chosen)
        else:
            chosen = self.M.apply(w)
            out += self.M.apply_adjoint(self.term.prox(chosen, 1 / self.penalty, np.empty_like(chosen)) - chosen)
        return out


@dataclass(slots=True)
class SplitBregmanState:
    """The iterates; arrays are updated in place."""

    x: Any  #: the image
    splits: list[Split]
    data: Any  #: F Σ w Aᴴ b of the quadratic terms
    inverse: Any  #: 1 / (Σ w g + Σ ρ g)
    transform: Fourier
    relaxation: float
    residual: float = float("inf")  #: ‖K x − v‖ / ‖h + u‖ over all splits, each weighted by √ρ

    def duals(self) -> dict[int, Any]:
        """Return, for each term that is split, the force q = ρ u with which it pulls at A x."""
        forces = ((s, s.penalty * s.u) for s in self.splits)
        return {s.index: q if s.M is None else s.M.apply(q) for s, q in forces}


@dataclass(frozen=True)
class SplitBregman:
    r"""Split Bregman, or ADMM, with an exact x-update in the Fourier domain.

    Quadratic terms stay in a linear system; of every other term w f(K x − b) the variable v = K x is split off:

    .. math::
        x &\leftarrow \arg\min_x \sum_q \tfrac{w_q}{2} \|A_q x - b_q\|^2 + \sum_s \tfrac{\rho_s}{2} \|K_s x - v_s + u_s\|^2 \\
        h_s &= \alpha K_s x + (1 - \alpha) v_s \\
        v_s &\leftarrow \operatorname{prox}_{w_s f_s / \rho_s}(h_s + u_s) \\
        u_s &\leftarrow u_s + h_s - v_s

    A data term behind a crop or a mask, M K x, is split at K x, so that the x-update stays diagonal.

    Parameters
    ----------
    penalty : float or sequence of float, optional
        ρ, one for all splits or one for each in the order that the plan prints. It steers the speed and leaves the
        solution alone. By default each split gets its own from the scale of the data.
    relaxation : float
        α, from 1 to below 2.

    Raises
    ------
    ValueError
        If an option is outside its range.

    Notes
    -----
    Two FFTs an iteration, and two more for each blur that is split off. `residual` is the length of the step of the
    underlying fixed-point iteration, which never grows.

    References
    ----------
    Goldstein, Osher, "The split Bregman method for L1-regularized problems", SIAM J. Imaging Sci. 2 (2009).
    Almeida, Figueiredo, "Deconvolving images with unknown boundaries using the alternating direction method of
    multipliers", IEEE Trans. Image Process. 22 (2013).
    Eckstein, Bertsekas, "On the Douglas–Rachford splitting method and the proximal point algorithm for maximal monotone
    operators", Math. Programming 55 (1992), for the relaxation.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import LeastSquares, SplitBregman, TotalVariation, solve
    >>> from unblur.operators import Blur
    >>> A = Blur([1 / 3, 1 / 3, 1 / 3], (6,), boundary="periodic")
    >>> problem = LeastSquares(A, np.array([1.0, 2, 3, 3, 2, 1])) + 0.1 * TotalVariation()
    >>> solve(problem, SplitBregman(), tol=1e-8).x.round(3).tolist()
    [0.725, 2.0, 3.275, 3.275, 2.0, 0.725]
    """

    penalty: float | Sequence[float] | None = None
    relaxation: float = 1.8

    max_iterations: ClassVar[int] = 1000

    def __post_init__(self) -> None:
        if self.penalty is not None and not (np.all(np.isfinite(self.penalty)) and np.min(self.penalty) > 0):
            raise ValueError(f"penalty is {self.penalty!r}; give numbers above 0, or None for the default rule")
        if not 1 <= self.relaxation < 2:
            raise ValueError(f"relaxation is {self.relaxation!r}; give a number from 1 to below 2")

    def start(self, problem: Problem, x0: Any = None) -> SplitBregmanState:
        """Return the state at `x0`.

        Raises
        ------
        UnsolvableError
            If a term has no prox, or if no transform fits.
        """
        transform, kept, splits = arrange(problem)
        x = problem.initial() if x0 is None else np.array(x0, problem.dtype)
        self._set_penalties(splits, problem, x)
        curvature = sum(s.penalty * gram_symbol(s.K, transform) for s in splits)
        state = SplitBregmanState(
            x,
            splits,
            right_side(kept, transform),
            reciprocal(kept, curvature, transform, problem.dtype),
            transform,
            self.relaxation,
        )
        spectrum = transform.forward(x)
        for s in splits:
            if s.symbol is not None:
                s.symbol = s.symbol.astype(spectral_dtype(x))
            s.u = s.K.apply(x) if s.symbol is None else transform.inverse(s.symbol * spectrum)
            s.Kx = np.empty_like(s.u)
            s.v = s.prox(s.u, np.empty_like(s.u))
            s.u -= s.v
        return state

    def step(self, state: SplitBregmanState) -> None:
        """Advance `state` by one iteration."""
        self._minimise_quadratic(state)
        change = length = 0.0
        for s in state.splits:
            # h = α K x + (1 − α) v
            h = s.Kx
            h -= s.v
            change += s.penalty * sum_of_squares(h)
            h *= self.relaxation
            h += s.v
            # v ← prox(h + u),  u ← u + h − v
            s.u += h
            length += s.penalty * sum_of_squares(s.u)
            s.prox(s.u, out=h)
            s.v, s.Kx = h, s.v
            s.u -= s.v
        state.residual = float(np.sqrt(change / length)) if length > 0 else 0.0

    def _minimise_quadratic(self, state: SplitBregmanState) -> None:
        """X ← the minimiser of Σ w/2 ‖A x − b‖² + Σ ρ/2 ‖K x − v + u‖², and K x for each split."""
        F = state.transform
        spectrum, in_space = state.data, None
        for s in state.splits:
            target = np.subtract(s.v, s.u, out=s.Kx)
            target *= s.penalty
            if s.symbol is not None:
                spectrum = spectrum + s.symbol.conj() * F.forward(target)
            elif in_space is None:
                in_space = s.K.apply_adjoint(target)
            else:
                in_space += s.K.apply_adjoint(target)
        if in_space is not None:
            spectrum = spectrum + F.forward(in_space)
        spectrum = spectrum * state.inverse
        for s in state.splits:
            if s.symbol is not None:
                s.Kx = F.inverse(s.symbol * spectrum)
        state.x = F.inverse(spectrum)
        for s in state.splits:
            if s.symbol is None:
                s.K.apply(state.x, s.Kx)

    def explain(self, problem: Problem) -> tuple[str, int]:
        """Return why the problem suits, and the FFTs of one iteration; raise `UnsolvableError` if it does not."""
        transform, kept, splits = arrange(problem)
        lines = [f"{transform} diagonalises the x-update"]
        lines += [f"kept in the x-update: {t!r}" for t in kept]
        for s in splits:
            behind = "" if s.M is None else ", split off behind the samples that are seen"
            lines.append(f"split: {s.term!r}{behind}")
        return "; ".join(lines), 2 + 2 * sum(s.symbol is not None for s in splits)

    def _set_penalties(self, splits: list[Split], problem: Problem, x: Any) -> None:
        given = self.penalty
        if given is not None and np.ndim(given) == 1 and len(given) != len(splits):  # type: ignore[arg-type]
            raise ValueError(f"penalty has {len(given)} numbers, but {len(splits)} terms are split; give as many")  # type: ignore[arg-type]
        size = float(np.ptp(x.real)) or float(np.abs(x).max()) or 1.0
        stiffness = sum(t.weight * (norm_bound(t.operator) or 1.0) ** 2 for t in problem.data)
        for i, s in enumerate(splits):
            if given is None:
                # √8 is the norm of a gradient in the plane
                scale = size * (norm_bound(s.K) or np.sqrt(8)) / np.sqrt(8)
                s.penalty = s.term.functional.default_penalty(s.term.weight, scale, stiffness)
            else:
                s.penalty = float(given if np.ndim(given) == 0 else given[i])  # type: ignore[arg-type, index]


def arrange(problem: Problem) -> tuple[Fourier, list[Term], list[Split]]:
    """Return the transform, the terms that stay in the x-update, and those that are split off."""
    refusal = UnsolvableError("")
    for transform in transforms(problem):
        kept: list[Term] = []
        splits: list[Split] = []
        try:
            for index, term in enumerate(problem.terms):
                if term.weight == 0:
                    continue
                if term.functional.curvature is not None and gram_symbol(term.operator, transform) is not None:
                    kept.append(term)
                else:
                    splits.append(_split_off(index, term, transform))
        except UnsolvableError as reason:
            refusal = reason
            continue
        return transform, kept, splits
    raise refusal


def _split_off(index: int, term: Term, transform: Fourier) -> Split:
    if not hasattr(term.functional, "prox"):
        raise UnsolvableError(f"SplitBregman cannot take {term!r}, which has no prox; give its functional one")
    M, K = None, term.operator
    if gram_symbol(K, transform) is None:
        M, K = split(term.operator) or (None, None)
    if K is None or gram_symbol(K, transform) is None:
        raise UnsolvableError(
            f"SplitBregman cannot take {term!r}: {transform} does not diagonalise its operator. Give it a boundary that keeps a "
            "common transform ('periodic' or 'unknown' blurs, Gradient(A) of the blur)"
        )
    K = aslinearoperator(K)
    in_spectrum = symbol(K, transform) if K.ffts else None
    return Split(index, term, K, None if isinstance(M, Identity) else M, np.nan, in_spectrum)
