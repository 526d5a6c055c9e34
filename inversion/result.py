"""What a run returns."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .certificate import Certificate, certify, why_no_gap
from .plan import Plan
from .status import Status
from .weight_search import Curve


@dataclass(frozen=True)
class Held:
    """What a result holds of a state: its duals."""

    found: dict[int, Any]

    def duals(self) -> dict[int, Any]:
        return self.found


def held(state: Any) -> Any:
    """Return what the certificate needs of a state, without the arrays that only iterations need."""
    if hasattr(state, "forces"):
        return state.forces()
    duals = getattr(state, "duals", None)
    return Held(duals()) if callable(duals) else None


@dataclass(frozen=True, repr=False)
class Result:
    """The answer of a run, and how it came about.

    Attributes
    ----------
    x : array of the problem's `dims`
        The solution.
    image : array
        Its part inside the field of view of the first data term; `x` itself where that is all of it.
    status : Status
    iterations : int
    seconds : float
        Time of the iterations and of their set-up.
    history : dict of arrays
        Figures of each iteration: ``"residual"``, ``"seconds"``, and what callbacks returned.
    plan : Plan
        The algorithm and why it was taken.
    weight : float or None
        The common factor of the priors that a rule chose; `plan.problem` has it in its terms.
    curve : Curve or None
        The factors that the rule tried and its figure at each.
    objective : float
        The problem's objective at `x`; worked out when first asked for.
    certificate : Certificate
        How far from the optimum this is, at most; worked out when first asked for, in double precision.
    gap : float
        That of the certificate.
    """

    x: Any
    image: Any
    status: Status
    iterations: int
    seconds: float
    history: dict[str, Any]
    plan: Plan
    weight: float | None = None
    curve: Curve | None = None
    # of the solver's state only what the certificate needs
    _held: Any = field(compare=False, default=None)

    @property
    def objective(self) -> float:
        return self._once("objective", lambda: self.plan.problem.objective(self.x))  # type: ignore[no-any-return]

    @property
    def certificate(self) -> Certificate:
        found = self._once("certificate", lambda: certify(self.plan.problem, self.x, self._held))
        # let go once it has been used; frozen fields are set through the dictionary
        self.__dict__["_held"] = None
        return found  # type: ignore[no-any-return]

    def _once(self, name: str, work_out: Callable[[], Any]) -> Any:
        # not a cached property, whose lock a process would inherit that is forked while it is held
        # where two threads work it out, the first has its way
        return self.__dict__[name] if name in self.__dict__ else self.__dict__.setdefault(name, work_out())

    @property
    def gap(self) -> float:
        return self.certificate.gap

    def plot(self, ax: Any = None) -> Any:
        """Draw the course of the iterations and, where a rule chose the weight, its curve in a second panel.

        With `ax` given, the course alone; see `unblur.inversion.plotting` for both.
        """
        from .plotting import plot_history, plot_run

        return plot_run(self) if ax is None and self.curve is not None else plot_history(self.history, ax)

    def __repr__(self) -> str:
        size = "×".join(map(str, self.image.shape))
        weight = "" if self.weight is None else f", weight {self.weight:.4g}"
        return (
            f"Result({size} {self.image.dtype}, {self.status.name} after {self.iterations} iterations of "
            f"{type(self.plan.algorithm).__name__}, {self.seconds:.2g} s, objective {self.objective:.6g}"
            f"{self._gap_in_words()}{weight})"
        )

    def _gap_in_words(self) -> str:
        """Return the gap where it has been worked out, or why there is none."""
        known = self.__dict__.get("certificate")
        why = why_no_gap(self.plan.problem) if known is None else known.note
        if why:
            return f", no gap: {re.split('[,;]', why)[0]}"
        return "" if known is None else f", gap {known.gap:.2g}"
