r"""What split Bregman splits off: one term w f(M K x − b), its variable v = K x, and their part of an iteration."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from unblur.operators import Operator
from unblur.operators._backend import sum_of_squares
from unblur.operators._namespace import contiguous

from .functionals import capability
from .terms import Term


class Sums(NamedTuple):
    """Squares of what an iteration did to one split."""

    change: float = 0.0  #: ‖K x − v‖², before v changed
    length: float = 0.0  #: ‖h + u‖²
    moved: float = np.nan  #: ‖Δv‖²
    v: float = np.nan  #: ‖v‖²
    u: float = 0.0  #: ‖u‖²


class FusedStep(Protocol):
    """The same as `Split.advance`, in one pass over memory."""

    def __call__(self, split: Split, z: Any, relaxation: float, out: Any, scale: float, add: bool) -> Sums:
        """Update ``split.w``, and write or add scale · Lᴴ (2v − w) to `out`."""


@dataclass(slots=True)
class Split:
    """One term w f(M K x − b), of which v = K x is split off with a penalty.

    Only w = h + u is kept from one iteration to the next: v = prox(w) and u = w − v follow from it.
    """

    index: int  #: of the term in the problem
    term: Term
    K: Any  #: the operator; None at rest
    M: Operator | None  #: selects samples; None for all
    L: Operator | None = None  #: what is left of K to be applied here; None where K x is given
    penalty: float = np.nan  #: ρ
    w: Any = None  #: h + u
    work: Any = None  #: two arrays of the shape of w, where no fused step makes them needless
    fused: FusedStep | None = None
    sums: Sums = field(default_factory=Sums)  #: of the last iteration
    norm: float = 1.0  #: ‖K‖ or an upper bound

    def begin(self, Kx: Any) -> None:
        """Set out from v = prox(K x) and u = K x − v; the array is taken over."""
        self.w = contiguous(Kx)
        self.fused = self.term.fused_step(self)
        self.work = None if self.fused else [self.prox(self.w, np.empty_like(self.w)), np.empty_like(self.w)]

    def advance(self, z: Any, relaxation: float, out: Any, scale: float, add: bool = False, measure: bool = False) -> None:
        r"""Take this split's part of an iteration, and give what the next x-update needs of it.

        .. math:: h = \alpha L z + (1 - \alpha) v, \quad w = h + u, \quad v = prox(w), \quad u = w - v

        Parameters
        ----------
        z : array
            x, or K x where there is no L; not needed afterwards and not changed unless it is `out`.
        relaxation : float
            α; with 0 nothing is updated, and the result is that of the last iteration.
        out : array of the shape of z
            Where scale · Lᴴ (v − u) is written or, if `add`, added.
        scale : float
        add, measure : bool
            `measure` asks for all of the `sums`, those of v too.
        """
        if self.fused is not None:
            self.sums = self.fused(self, z, relaxation, out, scale, add)
            return
        w, (v, work) = self.w, self.work
        if self.L is None:
            np.subtract(z, v, out=work)
        else:
            self.L.apply(z, work)
            work -= v
        change = sum_of_squares(work)
        work *= relaxation
        w += work
        new = self.prox(w, work)
        sums = Sums(change, sum_of_squares(w))
        if measure:
            v -= new
            sums = sums._replace(moved=sum_of_squares(v), v=sum_of_squares(new))
        target = np.subtract(w, new, out=v)
        self.sums = sums._replace(u=sum_of_squares(target))
        # 2v − w = v − u
        np.subtract(new, target, out=target)
        target *= scale
        self.work = [new, target]
        self.deliver(target, out, add)

    def deliver(self, target: Any, out: Any, add: bool) -> None:
        """Write or add Lᴴ `target` to `out`."""
        if self.L is None and add:
            out += target
        elif self.L is None:
            np.copyto(out, target)
        elif add:
            self.L._add_adjoint(target, out)
        else:
            self.L.apply_adjoint(target, out)

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
            out += self.M.apply_adjoint(self.term.prox(chosen.copy(), 1 / self.penalty, np.empty_like(chosen)) - chosen)
        return out

    @property
    def v(self) -> Any:
        """The split variable, K x in the limit."""
        return self.prox(self.w, np.empty_like(self.w))

    @property
    def u(self) -> Any:
        """The scaled dual variable."""
        return self.w - self.v

    @property
    def force(self) -> Any:
        """With which the term pulls at M K x: q = ρ u."""
        q = self.penalty * self.u
        return q if self.M is None else self.M.apply(q)

    @property
    def holds_more_than_x(self) -> bool:
        """Whether the force cannot be told from x: the functional has a kink or an edge, and is no bound of x."""
        return capability(self.term.functional, "lipschitz") is None and self.term.box is None

    def at_rest(self) -> Split:
        """Return what `v`, `u` and `force` need, without what only iterations do."""
        return replace(self, K=None, L=None, work=None, fused=None, sums=Sums())

    def reweigh(self, factor: float) -> None:
        """Multiply the penalty; v and the force ρ u stay."""
        if factor == 1:
            return
        v = self.v
        self.w -= v
        self.w /= factor
        self.w += v
        self.penalty *= factor

    def resumed(self) -> None:
        """Bring what follows from w and the penalty to those that were read from a file."""
        if self.work is not None:
            self.prox(self.w, self.work[0])


@dataclass(frozen=True)
class Forces:
    """Splits at rest, and the duals that follow from them."""

    splits: list[Split]

    def duals(self) -> dict[int, Any]:
        """Return the force of each by the index of its term."""
        return {s.index: s.force for s in self.splits}
