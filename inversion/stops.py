"""Stops: functions of the state that return a `Status` to end the run, or None to go on.

A user's own is any such function::

    def enough(state):
        return Status("enough", "the user had enough", True) if state.residual < 1e-2 else None
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from unblur.operators._backend import sum_of_squares

from .problem import Problem
from .status import Status

Stop = Callable[[Any], Status | None]


def residual_below(tol: float) -> Stop:
    """Stop once the state's relative residual is `tol` or less; ``tol=0`` never stops."""

    def stop(state: Any) -> Status | None:
        if tol == 0 or state.residual > tol:
            return None
        return Status("converged", f"the relative residual {state.residual:.2e} is within tol = {tol:g}", True)

    return stop


def change_below(tol: float) -> Stop:
    """Stop once ‖x − x_previous‖ is at most `tol` ‖x‖; keeps a copy of x."""
    previous: Any = None

    def stop(state: Any) -> Status | None:
        nonlocal previous
        if previous is None:
            previous = state.x.copy()
            return None
        np.subtract(state.x, previous, out=previous)
        change, size = sum_of_squares(previous), sum_of_squares(state.x)
        np.copyto(previous, state.x)
        if change > tol**2 * size:
            return None
        return Status("settled", f"x changed by no more than {tol:g} of itself in the last iteration", True)

    return stop


def objective_settled(problem: Problem, tol: float) -> Stop:
    """Stop once the objective changed by at most `tol` of itself in one iteration; costs an evaluation each."""
    previous = np.inf

    def stop(state: Any) -> Status | None:
        nonlocal previous
        objective = problem.objective(problem.feasible(state.x))
        change, previous = abs(previous - objective), objective
        if not change <= tol * abs(objective):
            return None
        return Status("settled", f"the objective changed by no more than {tol:g} of itself in the last iteration", True)

    return stop


def objective_below(problem: Problem, value: float) -> Stop:
    """Stop once the objective is `value` or less; costs an evaluation an iteration."""

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

    iteration = 0

    def stop(state: Any) -> Status | None:
        nonlocal iteration
        iteration += 1
        if iteration % every:
            return None
        certificate = certify(problem, state.x, state)
        if not certificate.gap <= tol * abs(certificate.objective):
            return None
        return Status("certified", f"the objective is within {certificate.gap:.2e} of the optimum, {tol:g} of itself", True)

    return stop


def discrepancy(problem: Problem, sigma: float, factor: float = 1.0) -> Stop:
    r"""Stop once the data are met to the noise, ‖A x − y‖ ≤ factor · σ √N, before the noise itself is fitted.

    For iterations that begin smooth, such as CG and LSQR from zero; of the first data term.
    """
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
    """Stop after so many seconds from the first iteration."""
    start: float | None = None

    def stop(state: Any) -> Status | None:
        nonlocal start
        start = perf_counter() if start is None else start
        if perf_counter() - start < seconds:
            return None
        return Status("time limit", f"{seconds:g} s have passed at a residual of {state.residual:.2e}; allow more time", False)

    return stop


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
