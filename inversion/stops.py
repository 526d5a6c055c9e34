"""Stops: functions of the state that return a `Status` to end the run, or None to go on.

`converged` is the one that every run has; it is what `tol` means. A user's own is any such function::

    def enough(state):
        return Status("enough", "the user had enough", True) if state.residual < 1e-2 else None

One that remembers what it saw may have a method `begin` too: it is called with the `Run` before the first iteration, and what
it returns takes the stop's place for that run. The same stop then serves any number of runs, side by side as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from unblur.operators._arguments import read_number, read_whole
from unblur.operators._backend import real_dtype, sum_of_squares

from .optimality import least_part
from .problem import Problem, as_problem
from .status import Status
from .terms import Term

Stop = Callable[[Any], Status | None]

NOT_FINITE = Status(
    "not finite",
    "numbers that are not finite came up, and the last finite iterate is returned; check what the operators and functionals "
    "give, their adjoints by solve(..., check=True), and the scale of the data",
    False,
)


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


def converged(problem: Problem, tol: float) -> Stop:
    r"""Stop where the optimum is near, as far as can be told without a bound; ``tol=0`` never stops.

    Two things are asked for, whatever the algorithm. The state's residual is `tol` or less: the forces of the terms cancel to
    that part of their sizes; see `unblur.inversion.optimality`. And the objective F has settled: with k' the iteration in which
    the residual was first below 2 tol, or that of the last look, and k this one,

    .. math::
        \frac{k'}{k - k'} \, |F(x_{k'}) - F(x_k)| \le 10 \, \mathrm{tol} \,
        \max\big(|F(x_k)|, \min(\mathrm{tol}^2, 10^{-8}) F(0)\big).

    The left side is what F would still fall by if it fell as 1/k; what converges faster is nearer. In the next iteration F must
    not have changed by more than the right side either, lest it went up and down between. An evaluation of F at k', at k and
    k + 1, and others each time that a twentieth more iterations have been run. The residual alone decides where it is a rounding
    error, where F is infinite by a constraint behind an operator, which x meets in the limit only, and where the state says
    ``other_objective``, as it is not the problem's own that is minimised. Where another term is infinite it is no success.

    Where a state says ``disturbed``, looks before that do not count, as the objective may rise and fall for a while. Where it
    has a method ``strict_residual``, of what its `residual` is too cheap to see, that must be `tol` or less too. Where it has
    words for its ``ending``, as what follows a schedule and minimises nothing, the run is "done" when its residual is 0.
    """
    tol = read_number(tol, "tol", least=0)
    return PerRun(lambda: _converged(problem, tol))


def _converged(problem: Problem, tol: float) -> Stop:
    iteration, then, before, estimate = 0, 0, math.nan, math.nan
    least: float | None = None

    def settled(fall: float, now: float) -> bool:
        nonlocal least
        if fall <= 10 * tol * abs(now):
            return True
        if least is None:
            # where the data are met exactly there is nothing to be a part of
            whole = problem.objective(problem.xp.zeros(problem.dims, problem.dtype))
            least = min(tol**2, 1e-8) * abs(whole) if math.isfinite(whole) else 0.0
        return fall <= 10 * tol * least

    def strict(state: Any) -> bool:
        return not hasattr(state, "strict_residual") or state.strict_residual() <= tol

    def stop(state: Any) -> Status | None:
        nonlocal iteration, then, before, estimate
        iteration += 1
        if getattr(state, "disturbed", False):
            then = 0
        if tol == 0 or not state.residual <= 2 * tol:
            return None
        if state.residual == 0 and hasattr(state, "ending"):
            return Status("done", state.ending, True)
        words = f"the relative residual {state.residual:.2e} is within tol = {tol:g}"
        rounding = 100 * float(np.finfo(real_dtype(problem.dtype)).eps)
        if state.residual <= (tol if getattr(state, "other_objective", False) else min(tol, rounding)) and strict(state):
            return Status("converged", words, True)
        last, estimated, estimate = then, estimate, math.nan
        again = not math.isnan(estimated)
        if last and not again and (state.residual > tol or iteration < 1.05 * last):
            return None
        now = problem.objective(problem.feasible(state.x))
        was, then, before = before, iteration, now
        if math.isnan(now):
            return NOT_FINITE
        if state.residual > tol or not strict(state):
            return None
        if not math.isfinite(now):
            return _infinite(problem, problem.feasible(state.x), words)
        if not last:
            return None
        if again and settled(abs(was - now), now):
            return Status("converged", f"{words}, and the objective may fall by {estimated:.0e} more, as it went lately", True)
        fall = abs(was - now) * last / (iteration - last)
        estimate = fall if not again and settled(fall, now) else math.nan
        return None

    return stop


def _infinite(problem: Problem, x: Any, words: str) -> Status:
    """Return how a run has ended at an x at which the objective is infinite."""
    for t in problem.terms:
        # constraints behind an operator are met in the limit
        if not (hasattr(t.functional, "bounds") or math.isfinite(t.value(x))):
            remedy = "add a constraint that keeps x where it is finite, such as Nonnegative() for counts"
            return Status("outside", f"{words}, but {t!r} is infinite at x; {remedy}", False)
    return Status("converged", f"{words}; the objective is infinite, as a constraint is met in the limit only", True)


def residual_below(tol: float) -> Stop:
    """Stop once the state's relative residual is `tol` or less, whatever the objective does; ``tol=0`` never stops."""
    tol = read_number(tol, "tol", least=0)

    def stop(state: Any) -> Status | None:
        if tol == 0 or not state.residual <= tol:
            return None
        return Status("residual reached", f"the relative residual {state.residual:.2e} is at most {tol:g}", True)

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


def objective_settled(problem: Problem | Term, tol: float) -> Stop:
    """Stop once the objective changed by at most `tol` of itself in one iteration; costs an evaluation each."""
    problem = as_problem(problem)
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


def objective_below(problem: Problem | Term, value: float) -> Stop:
    """Stop once the objective is `value` or less; costs an evaluation an iteration."""
    problem = as_problem(problem)
    value = read_number(value, "value")

    def stop(state: Any) -> Status | None:
        objective = problem.objective(problem.feasible(state.x))
        return (
            Status("objective reached", f"the objective {objective:.6g} is at most {value:g}", True)
            if objective <= value
            else None
        )

    return stop


def gap_below(problem: Problem | Term, tol: float, every: int = 10) -> Stop:
    """Stop once the objective is certainly within `tol` of the optimum, relatively; certified `every` so many iterations."""
    from .certificate import certify

    problem = as_problem(problem)
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


def discrepancy(problem: Problem | Term, sigma: float, factor: float = 1.0) -> Stop:
    r"""Stop once the data are met to the noise, √Σ w|A x − y|² ≤ factor · σ √N, before the noise itself is fitted.

    For iterations that begin smooth, such as CG and LSQR from zero. N counts what is seen, by weights and through masks; σ is
    that of :math:`\sqrt w \, y`, the weights of several data terms being relative to that of the first.

    Raises
    ------
    TypeError
        If the noise of a data term is not taken for Gaussian.
    ValueError
        If `sigma` or `factor` is not a finite number above 0.
    """
    from .weight_fits import energy, gaussian_data, samples_of

    sigma, factor = read_number(sigma, "sigma", above=0), read_number(factor, "factor", above=0)
    data = gaussian_data(as_problem(problem), "the discrepancy stop")
    bound = (factor * sigma) ** 2 * samples_of(data)

    def stop(state: Any) -> Status | None:
        if sum(energy(t.residual(state.x), w) for t, w in data) > bound:
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
    return None if math.isfinite(state.residual) else NOT_FINITE


def stalled(state: Any) -> Status | None:
    """Stop where the algorithm says that it finds no further descent; a success where the forces cancel to half the digits."""
    if not getattr(state, "stalled", False):
        return None
    if state.residual <= least_part(state.x.dtype):
        return Status(
            "stalled",
            f"at a residual of {state.residual:.2e} rounding hides any further descent; the answer is as good as it gets",
            True,
        )
    return Status(
        "stalled",
        f"no descent is found along the gradient at a residual of {state.residual:.2e}; check that `gradient` is that of "
        "`value`, and that the minimum is not at the edge of where the objective is finite: there a constraint such as "
        "Nonnegative() and an algorithm that takes it are wanted",
        False,
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
