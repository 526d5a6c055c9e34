"""What a run returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .certificate import Certificate, certify
from .plan import Plan
from .status import Status
from .weight_search import Curve


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
    _state: Any = field(compare=False, default=None)

    @cached_property
    def objective(self) -> float:
        return self.plan.problem.objective(self.x)

    @cached_property
    def certificate(self) -> Certificate:
        # the state's duals are let go once they have been used; frozen fields are set through the dictionary
        certificate = certify(self.plan.problem, self.x, self.__dict__["_state"])
        self.__dict__["_state"] = None
        return certificate

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
            f"{type(self.plan.algorithm).__name__}, {self.seconds:.2g} s, objective {self.objective:.6g}{weight})"
        )
