"""Split Bregman: the alternating direction method of multipliers, with an exact x-update where there is one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unblur.operators import Cosine, Fourier, aslinearoperator, norm_bound
from unblur.operators._arguments import read_flag, read_number, read_numbers, read_whole

from .functionals import capability
from .optimality import least_part, relative, worst
from .preconditioner import check_preconditioner
from .problem import Problem
from .proximable import norm_above
from .quadratic import UnsolvableError, transforms
from .splitting import Forces, Split
from .terms import Term
from .x_update import ExactUpdate, InnerCG

# rarer and rarer, and not for ever: with penalties that keep changing nothing need converge
_BALANCED = frozenset(5 * 2**k for k in range(6))


@dataclass(slots=True)
class SplitBregmanState:
    """The iterates; arrays are updated in place."""

    x: Any  #: the image
    splits: list[Split]
    update: ExactUpdate | InnerCG  #: solves for x
    iteration: int = 0
    disturbed: bool = False  #: whether penalties have just changed, and with them where the iteration goes
    residual: float = float("inf")  #: of K x from v, or of the forces on x; see the notes

    def duals(self) -> dict[int, Any]:
        """Return, for each term that is split, the force q = ρ u with which it pulls at A x."""
        return {s.index: s.force for s in self.splits}

    def forces(self) -> Forces:
        """Return what the duals follow from that cannot be told from x alone."""
        return Forces([s.at_rest() for s in self.splits if s.holds_more_than_x])


@dataclass(frozen=True)
class SplitBregman:
    r"""Split Bregman, or ADMM.

    Quadratic terms stay in a linear system; of every other term w f(K x − b) the variable v = K x is split off:

    .. math::
        x &\leftarrow \arg\min_x \sum_q \tfrac{w_q}{2} \|A_q x - b_q\|^2 + \sum_s \tfrac{\rho_s}{2} \|K_s x - v_s + u_s\|^2 \\
        h_s &= \alpha K_s x + (1 - \alpha) v_s \\
        v_s &\leftarrow \operatorname{prox}_{w_s f_s / \rho_s}(h_s + u_s) \\
        u_s &\leftarrow u_s + h_s - v_s

    Where one transform diagonalises all operators the x-update is exact, in its spectrum. A data term behind a crop or a
    mask, M K x, is then split at K x, so that the update stays diagonal. Where there is no such transform, the x-update
    is a few conjugate gradients from where x stands.

    Parameters
    ----------
    penalty : float or sequence of float, optional
        ρ, one for all splits or one for each in the order that the plan prints. It steers the speed and leaves the
        solution alone. By default each split gets its own from the scale of the data.
    relaxation : float
        α, from 1 to below 2.
    inner_iterations : int
        Conjugate gradients an iteration at most, where the x-update is not exact; 0 refuses problems that need them.
    preconditioner : None, "auto", operator or callable
        Of those, as for `CG`.
    balancing : bool
        Whether penalties that prove to be far off are mended, at iterations 5, 10, 20, … 160, by relative residuals.

    Raises
    ------
    ValueError, TypeError
        If an option is outside its range.

    Notes
    -----
    With the exact update two FFTs an iteration, and two more for each blur that is split off.

    With e = K x − v, before v is updated, both what K x is away from v afterwards and, times ρ, the force that is left in that
    split, are no longer than e. The residual is the larger of

    .. math::
        \sqrt{\frac{\sum \rho \|e\|^2}{\sum \rho \|h + u\|^2}}, \qquad
        \frac1{10} \, \frac{\sum \rho \|K\| \|e\| + \|s\|}{\sum \rho \|K\| \|u\| + \sum_q \|A_q\| \|w_q (A_q x - b_q)\|},

    s being what is left of an inexact x-update. The forces have ten times the tolerance of the copies: what they leave tells on
    the objective times a distance that vanishes with them, but that of the copies times the forces themselves. Terms in an
    exact update are left out below.

    References
    ----------
    Goldstein, Osher, "The split Bregman method for L1-regularized problems", SIAM J. Imaging Sci. 2 (2009).
    Almeida, Figueiredo, "Deconvolving images with unknown boundaries using the alternating direction method of
    multipliers", IEEE Trans. Image Process. 22 (2013).
    Wohlberg, "ADMM penalty parameter selection by residual balancing", arXiv:1704.06209 (2017).
    Eckstein, Bertsekas, "On the Douglas–Rachford splitting method and the proximal point algorithm for maximal monotone
    operators", Math. Programming 55 (1992), for the relaxation and for inexact updates.

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
    inner_iterations: int = 10
    preconditioner: Any = "auto"
    balancing: bool = True

    max_iterations: ClassVar[int] = 1000

    def __post_init__(self) -> None:
        if self.penalty is not None:
            read_numbers(self.penalty, "penalty", above=0, remedy=", or None for the default rule")
        read_number(self.relaxation, "relaxation", least=1, below=2)
        read_whole(self.inner_iterations, "inner_iterations", least=0)
        read_flag(self.balancing, "balancing")
        check_preconditioner(self.preconditioner)

    def start(self, problem: Problem, x0: Any = None) -> SplitBregmanState:
        """Return the state at `x0`.

        Raises
        ------
        UnsolvableError
            If a term has no prox, or if the x-update is not exact and may not be inexact.
        """
        transform, kept, splits = self._arrange(problem)
        x = problem.read_start(x0)
        self._set_penalties(splits, problem, x)
        update: ExactUpdate | InnerCG
        if transform is None:
            update = InnerCG(kept, splits, x, self.inner_iterations, self.preconditioner)
        else:
            update = ExactUpdate(transform, kept, splits, problem.spectra)
        update.begin(x)
        return SplitBregmanState(x, splits, update)

    def step(self, state: SplitBregmanState) -> None:
        """Advance `state` by one iteration."""
        state.iteration += 1
        balance = self.balancing and state.iteration in _BALANCED
        state.x = state.update.minimise(state.x)
        # of every split: h = α K x + (1 − α) v,  v ← prox(h + u),  u ← u + h − v
        state.update.advance(state.x, self.relaxation, measure=balance)
        state.residual = _residual(state)
        factors = [_imbalance(s, self.relaxation) for s in state.splits] if balance else []
        state.disturbed = any(f != 1 for f in factors)
        if state.disturbed:
            state.update.release()
            for s, factor in zip(state.splits, factors, strict=True):
                s.reweigh(factor)
            state.update.reweigh()
            state.update.advance(state.x, 0.0)

    def resumed(self, state: SplitBregmanState) -> None:
        """Bring what follows from the penalties to those of a state that was read from a file."""
        for s in state.splits:
            s.resumed()
        state.update.reweigh()
        state.update.advance(state.x, 0.0)

    def explain(self, problem: Problem) -> tuple[str, int]:
        """Return why the problem suits, and the FFTs of one iteration; raise `UnsolvableError` if it does not."""
        transform, kept, splits = self._arrange(problem)
        if transform is None:
            n = self.inner_iterations
            lines = [
                f"no common transform: the x-update takes up to {n} conjugate gradients. Operators that one transform "
                "diagonalises make it exact: 'periodic' or 'unknown' blurs, and Gradient(A) of the blur"
            ]
            ffts = InnerCG.ffts(kept, splits, n, self.preconditioner)
        else:
            lines = [f"{transform} diagonalises the x-update, which is exact"]
            ffts = ExactUpdate.ffts(transform, splits, problem.spectra)
        lines += [f"kept in the x-update: {t!r}" for t in kept]
        for s in splits:
            lines.append(f"split: {s.term!r}" + ("" if s.M is None else ", behind the samples that are seen"))
        return "\n".join(lines), ffts

    def _arrange(self, problem: Problem) -> tuple[Fourier | Cosine | None, list[Term], list[Split]]:
        """Return the transform of an exact x-update or None, the terms that stay in the update, and those split off."""
        for term in problem.terms:
            if not hasattr(term.functional, "prox") and not capability(term.functional, "quadratic"):
                raise UnsolvableError(
                    f"SplitBregman cannot take {term!r}, which has no prox; give its functional one, or use LBFGS"
                )
        refusal = ""
        for transform in transforms(problem):
            kept, splits, misfit = _sort(problem, transform)
            if misfit is None:
                return transform, kept, splits
            refusal = refusal or (
                f"SplitBregman cannot take {misfit!r} by an exact x-update: {transform} does not diagonalise its operator. "
                "Allow inner_iterations, or give it one that does: 'periodic' and 'unknown' blurs, Gradient(A) of the blur"
            )
        if self.inner_iterations == 0:
            raise UnsolvableError(refusal)
        return None, *_keep_quadratic(problem)

    def _set_penalties(self, splits: list[Split], problem: Problem, x: Any) -> None:
        given = self.penalty
        if given is not None and np.ndim(given) == 1 and len(given) != len(splits):  # type: ignore[arg-type]
            raise ValueError(f"penalty has {len(given)} numbers, but {len(splits)} terms are split; give as many")  # type: ignore[arg-type]
        size = float(np.ptp(x.real)) or float(np.abs(x).max()) or 1.0
        stiffness = sum(t.weight * (norm_bound(t.operator) or 1.0) ** 2 for t in problem.data)
        for i, s in enumerate(splits):
            s.norm = norm_above(s.K, x)
            if given is None:
                # √8 is the norm of a gradient in the plane
                scale = size * (norm_bound(s.K) or np.sqrt(8)) / np.sqrt(8)
                s.penalty = float(s.term.functional.default_penalty(s.term.weight, scale, stiffness))
            else:
                s.penalty = float(given if np.ndim(given) == 0 else given[i])  # type: ignore[arg-type, index]


def _residual(state: SplitBregmanState) -> float:
    """Return how far x, v and u are from optimal."""
    change, length, left, size = 0.0, 0.0, state.update.left, state.update.size
    for s in state.splits:
        change += s.penalty * s.sums.change
        length += s.penalty * s.sums.length
        left += s.penalty * s.norm * math.sqrt(s.sums.change)
        size += s.penalty * s.norm * (math.sqrt(s.sums.u) + least_part(s.w.dtype) * math.sqrt(s.sums.length))
    return worst(relative(math.sqrt(change), math.sqrt(length)), 0.1 * relative(left, size))


def _imbalance(s: Split, relaxation: float) -> float:
    """Return by what to multiply a penalty: 1 where the relative primal and dual residuals are within tenfold of each other."""
    # Δw = Δu + Δv, of which the two are nearly orthogonal
    moved = s.sums.moved
    primal = relaxation**2 * s.sums.change - moved
    if min(primal, moved, s.sums.v, s.sums.u) <= 0:
        return 1.0
    ratio = np.sqrt((primal / s.sums.v) / (moved / s.sums.u))
    return 1.0 if 0.1 <= ratio <= 10 else float(np.clip(np.sqrt(ratio), 0.1, 10))


def _sort(problem: Problem, transform: Fourier | Cosine) -> tuple[list[Term], list[Split], Term | None]:
    """Return the terms that stay in an exact x-update, those split off, and the first that allows neither."""
    spectra = problem.spectra
    kept: list[Term] = []
    splits: list[Split] = []
    for index, term in enumerate(problem.terms):
        if term.weight == 0:
            continue
        if capability(term.functional, "curvature") is not None and spectra.diagonalises(transform, term.operator):
            kept.append(term)
            continue
        M, K = None, term.operator
        if not spectra.diagonalises(transform, K):
            M, K = spectra.split(term.operator) or (None, None)
        if K is None or not spectra.diagonalises(transform, K) or not hasattr(term.functional, "prox"):
            return kept, splits, term
        selects = M is not None and not getattr(M, "is_identity", False)
        splits.append(Split(index, term, aslinearoperator(K), aslinearoperator(M) if selects else None))
    return kept, splits, None


def _keep_quadratic(problem: Problem) -> tuple[list[Term], list[Split]]:
    """Return the quadratic terms, for an inexact x-update, and all others, split off."""
    kept = [t for t in problem.terms if t.weight > 0 and capability(t.functional, "quadratic")]
    splits = [
        Split(i, t, t.A, None) for i, t in enumerate(problem.terms) if t.weight > 0 and not capability(t.functional, "quadratic")
    ]
    return kept, splits
