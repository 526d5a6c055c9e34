"""Stops: functions of the state that return a `Status` to end the run, or None to go on.

A user's own is any such function::

    def enough(state):
        return Status("enough", "the user had enough", True) if state.residual < 1e-2 else None

One that remembers what it saw may have a method `begin` too: it is called with the `Run` before the first iteration, and what
it returns takes the stop's place for that run. The same stop then serves any number of runs, side by side as well.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from unblur.operators._arguments import read_number, read_whole
from unblur.operators._backend import sum_of_squares

from .problem import Problem
from .status import Status

Stop = Callable[[Any], Status | None]


class PerRun:
    """A stop that remembers, made anew for each run.

    Parameters
    ----------
    make : callable
        Returns a stop that has seen nothing.
    """

    def __init__(self, make: Callable[[], Stop]) -> None:
        self._make = make
        self._own: Stop | None = None

    def begin(self, run: Any = None) -> Stop:
        """Return the stop for a run."""
        return self._make()

    def __call__(self, state: Any) -> Status | None:
        """Ask a stop that begins with the first call, where no run was begun: beside `iterate`."""
        if self._own is None:
            self._own = self.begin()
        return self._own(state)


def residual_below(tol: float) -> Stop:
    """Stop once the state's relative residual is `tol` or less; ``tol=0`` never stops."""
    tol = read_number(tol, "tol", least=0)

    def stop(state: Any) -> Status | None:
        if tol == 0 or state.residual > tol:
            return None
        return Status("converged", f"the relative residual {state.residual:.2e} is within tol = {tol:g}", True)

    return stop


def change_below(tol: float) -> Stop:
    """Stop once ‖x − x_previous‖ is at most `tol` ‖x‖; keeps a copy of x."""
    tol = read_number(tol, "tol", least=0)

    def make() -> Stop:
        previous: Any = None

        def stop(state: Any) -> Status | None:
            nonlocal previous
            last, previous = previous, state.x.copy()
            if last is None:
                return None
            np.subtract(previous, last, out=last)
            if sum_of_squares(last) > tol**2 * sum_of_squares(previous):
                return None
            return Status("settled", f"x changed by no more than {tol:g} of itself in the last iteration", True)

        return stop

    return PerRun(make)


def objective_settled(problem: Problem, tol: float) -> Stop:
    """Stop once the objective changed by at most `tol` of itself in one iteration; costs an evaluation each."""
    tol = read_number(tol, "tol", least=0)

    def make() -> Stop:
        previous = np.inf

        def stop(state: Any) -> Status | None:
            nonlocal previous
            objective = problem.objective(problem.feasible(state.x))
            change, previous = abs(previous - objective), objective
            if not change <= tol * abs(objective):
                return None
            return Status("settled", f"the objective changed by no more than {tol:g} of itself in the last iteration", True)

        return stop

    return PerRun(make)


def objective_below(problem: Problem, value: float) -> Stop:
    """Stop once the objective is `value` or less; costs an evaluation an iteration."""
    value = read_number(value, "value")

    def stop(state: Any) -> Status | None:
        objective = problem.objective(problem.feasible(state.x))
        return (
            Status("objective reached", f"the objective {objective:.6g} is at most {value:g}", True)
            if objective <= value
            else None
        )

    return stop


def gap_below(problem: Problem, tol: float, every: int = 10) -> Stop:
    """Stop once the objective is certainly within `tol` of the optimum, relatively; certified `every` so many iterations."""
    from .certificate import certify

    tol, every = read_number(tol, "tol", least=0), read_whole(every, "every")

    def make() -> Stop:
        iteration = 0

        def stop(state: Any) -> Status | None:
            nonlocal iteration
            iteration += 1
            if iteration % every:
                return None
            certificate = certify(problem, state.x, state)
            if not certificate.gap <= tol * abs(certificate.objective):
                return None
            gap = f"{certificate.gap:.2e}"
            return Status("certified", f"the objective is within {gap} of the optimum, {tol:g} of itself", True)

        return stop

    return PerRun(make)


def discrepancy(problem: Problem, sigma: float, factor: float = 1.0) -> Stop:
    r"""Stop once the data are met to the noise, ‖A x − y‖ ≤ factor · σ √N, before the noise itself is fitted.

    For iterations that begin smooth, such as CG and LSQR from zero; of the first data term.
    """
    sigma, factor = read_number(sigma, "sigma", least=0), read_number(factor, "factor", above=0)
    term = problem.data[0]
    assert term.operator is not None
    bound = (factor * sigma) ** 2 * term.operator.shape[0]

    def stop(state: Any) -> Status | None:
        # ½ Σ w|Ax − y|², without the term's own factor
        misfit = 2 * term.value(state.x) / term.weight
        if misfit > bound:
            return None
        return Status("noise level", f"the data are met to {factor:g} times the noise, {sigma:g}", True)

    return stop


def time_limit(seconds: float) -> Stop:
    """Stop after so many seconds from the beginning of the run, its set-up not counted."""
    seconds = read_number(seconds, "seconds", least=0)

    def make() -> Stop:
        start = perf_counter()

        def stop(state: Any) -> Status | None:
            if perf_counter() - start < seconds:
                return None
            reached = f"{seconds:g} s have passed at a residual of {state.residual:.2e}"
            return Status("time limit", f"{reached}; allow more time", False)

        return stop

    return PerRun(make)


def not_finite(state: Any) -> Status | None:
    """Stop where the residual is no finite number any more."""
    if np.isfinite(state.residual):
        return None
    return Status(
        "not finite",
        "the iterates grew beyond all numbers, and the last finite one is returned; scale the data, or check the operators' "
        "adjoints by solve(..., check=True)",
        False,
    )


def stalled(state: Any) -> Status | None:
    """Stop where the algorithm says that rounding hides any further descent."""
    if not getattr(state, "stalled", False):
        return None
    return Status(
        "stalled",
        f"at a residual of {state.residual:.2e} rounding hides any further descent; the answer is as good as it gets",
        True,
    )


def diverging() -> Stop:
    """Stop where the residual has grown by 10⁶ over the least so far."""

    def make() -> Stop:
        least = np.inf

        def stop(state: Any) -> Status | None:
            nonlocal least
            least = min(least, state.residual)
            if not state.residual > 1e6 * max(least, 1e-6):
                return None
            return Status(
                "diverging",
                f"the relative residual has grown from {least:.2e} to {state.residual:.2e}; check the operators' adjoints by "
                "solve(..., check=True), or take shorter steps",
                False,
            )

        return stop

    return PerRun(make)
