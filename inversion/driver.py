"""The loop round every algorithm: clock, stops, callbacks, history."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from unblur.operators import check_operator
from unblur.operators._arguments import read_array, read_flag, read_functions, read_number, read_whole

from .callbacks import Snapshot
from .checkpoint import Run, load
from .interrupts import deferred_interrupt
from .plan import Algorithm, Plan, admit, plan, read_algorithm
from .problem import Problem
from .result import Result, held
from .status import Status
from .stops import NOT_FINITE, Stop, converged, diverging, not_finite, stalled
from .terms import Term
from .weight_choice import choose, recall
from .weights import Rule, UnreliableWeightWarning

Callback = Callable[[Any], Mapping[str, float] | None]


def solve(
    problem: Problem | Term,
    algorithm: Algorithm | None = None,
    *,
    x0: Any = None,
    tol: float = 1e-4,
    max_iterations: int | None = None,
    weight: Rule | None = None,
    callbacks: Sequence[Callback] = (),
    stops: Sequence[Stop] = (),
    resume: str | Path | None = None,
    check: bool = False,
) -> Result:
    """Minimise a problem.

    Parameters
    ----------
    problem : Problem
        A sum of terms, one of which carries data.
    algorithm : Algorithm, optional
        By default the one that `plan` chooses.
    x0 : array of the problem's `dims`, optional
        Where to start; by default the data brought to x's grid. It is not changed.
    tol : float
        How near the optimum a run must be to end as "converged"; see the notes. 0 runs to `max_iterations`.
    max_iterations : int, optional
        By default the algorithm's own.
    weight : Rule, optional
        `GCV`, `UPRE`, `Discrepancy` or `Whiteness`, to choose a common factor of all terms that carry no data and are no
        constraints. It comes with the result as ``result.weight``.
    callbacks : sequence of callables
        Each is called with the state after every iteration; a mapping that it returns goes into the history. The state's `x`
        is a copy, which may be kept; other arrays are overwritten. Where one has a method `begin`, that is called with the
        `Run` before the first iteration, and what it returns, if anything, takes its place for the run.
    stops : sequence of callables
        Each is called with the state after every iteration, as callbacks are; a `Status` that it returns ends the run. See
        `unblur.inversion.stops`.
    resume : str or Path, optional
        A file of `Checkpoint` to go on from; with the `weight` that it was saved with, whose choice it holds.
    check : bool
        Whether to put every operator to `unblur.operators.check_operator` first.

    Returns
    -------
    Result
        Of the last finite iterate. An interrupt (Ctrl-C) ends the step and returns; a second one interrupts at once.

    Raises
    ------
    UnsolvableError
        If no algorithm takes the problem.
    ValueError
        If the problem has no data, a function of the user's own makes it fall without bound (see `Smooth`), an argument is
        outside its range, a checkpoint is another problem's, or an operator fails its check.
    TypeError
        If an argument is of the wrong kind, or a callback or a stop returns what it must not.

    Notes
    -----
    **What `tol` means**, whatever the algorithm: the forces of the terms on x, their gradients and subgradients, cancel to `tol`
    of their sizes, and the objective, were it to go on falling as it did lately, would fall by no more than ten times `tol`
    of itself. This is evidence, not proof: ``result.gap`` is a bound, where there is one. Neither says how far x is from a
    minimiser, which may not be the only one. The formulas are in `unblur.inversion.optimality` and `unblur.inversion.stops`.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import LeastSquares, Tikhonov, solve
    >>> from unblur.operators import Blur, Gradient
    >>> A = Blur([0.25, 0.5, 0.25], (4,), boundary="periodic")
    >>> solve(LeastSquares(A, np.array([1.0, 2.0, 3.0, 2.0])) + 1e-6 * Tikhonov(Gradient(A))).x.round(3).tolist()
    [0.0, 2.0, 4.0, 2.0]
    """
    return run(
        plan(problem, algorithm),
        x0=x0,
        tol=tol,
        max_iterations=max_iterations,
        weight=weight,
        callbacks=callbacks,
        stops=stops,
        resume=resume,
        check=check,
    )


def iterate(problem: Problem | Term, algorithm: Algorithm | None = None, x0: Any = None) -> Iterator[Any]:
    """Yield the state after each step, without end; the same object every time, whose arrays the next step overwrites.

    Parameters
    ----------
    problem : Problem
    algorithm : Algorithm, optional
        By default the one that `plan` chooses.
    x0 : array of the problem's `dims`, optional

    Examples
    --------
    >>> import numpy as np
    >>> from itertools import islice
    >>> from unblur.inversion import LeastSquares, SplitBregman, TotalVariation, iterate
    >>> from unblur.operators import Blur
    >>> A = Blur(np.full((3, 3), 1 / 9), (8, 8), boundary="periodic")
    >>> problem = LeastSquares(A, np.eye(8)) + 0.01 * TotalVariation()
    >>> residuals = [state.residual for state in islice(iterate(problem, SplitBregman()), 20)]
    >>> residuals[-1] < residuals[0]
    True
    """
    problem = admit(problem)
    algorithm = plan(problem).algorithm if algorithm is None else read_algorithm(algorithm)
    state = algorithm.start(problem, None if x0 is None else _read_start(x0, problem))
    while True:
        algorithm.step(state)
        yield state


def run(
    plan: Plan,
    *,
    x0: Any = None,
    tol: float = 1e-4,
    max_iterations: int | None = None,
    weight: Rule | None = None,
    callbacks: Sequence[Callback] = (),
    stops: Sequence[Stop] = (),
    resume: str | Path | None = None,
    check: bool = False,
) -> Result:
    """Carry a plan out; see `solve`."""
    problem, algorithm = plan.problem, plan.algorithm
    tol = read_number(tol, "tol", least=0)
    limit = algorithm.max_iterations if max_iterations is None else read_whole(max_iterations, "max_iterations")
    callbacks = read_functions(callbacks, "callbacks", "Record(...)")
    stops = read_functions(stops, "stops", "stops.time_limit(60)")
    if x0 is not None and resume is not None:
        raise ValueError("x0 and resume are both given; a resumed run starts where the saved one stood: leave x0 out")
    x0 = None if x0 is None else _read_start(x0, problem)
    if read_flag(check, "check"):
        _check_operators(problem)

    start = perf_counter()
    choice = None
    if weight is not None:
        choice = choose(weight, plan, x0) if resume is None else recall(weight, plan, resume)
        if choice.doubt:
            # the caller of `solve` or `Plan.solve`
            warnings.warn(choice.doubt, UnreliableWeightWarning, stacklevel=3)
    if choice is not None:
        plan, problem, x0 = choice.plan, choice.plan.problem, choice.x0
    run = Run(problem, algorithm, algorithm.start(problem, x0), limit, {"residual": [], "seconds": []}, choice=choice)
    if resume is not None:
        load(resume, run)
        start -= run.seconds
    callbacks = [_begun(callback, run) for callback in callbacks]
    own = [_begun(stop, run) for stop in (not_finite, diverging(), converged(problem, tol), stalled)]
    asked = [_begun(stop, run) for stop in stops]
    status = _loop(run, callbacks, (*own[:2], *asked, *own[2:]), tol, start)
    state = run.state
    if not _is_finite(state.x):
        # nothing finite came after the start
        state.x, status = problem.read_start(x0), NOT_FINITE
    # a splitting method keeps to the bounds in the limit only
    x = problem.feasible(state.x)
    crop = getattr(problem.operator, "crop", None)
    return Result(
        x=x,
        image=x if crop is None else crop(x),
        status=status,
        iterations=run.iteration,
        seconds=perf_counter() - start,
        history={name: np.array(values) for name, values in run.history.items()},
        plan=plan,
        _held=held(state),
        weight=None if choice is None else choice.weight,
        curve=None if choice is None else choice.curve,
    )


def _loop(run: Run, callbacks: Sequence[Callback], stops: Sequence[Stop], tol: float, start: float) -> Status:
    """Step until something stops it; leave the last finite iterate in the state."""
    state, history = run.state, run.history
    kept: Any = state.x.copy()
    with deferred_interrupt() as interrupted:
        while True:
            if run.iteration >= run.limit:
                return _limit_reached(run.iteration, tol, state.residual)
            last = state.x
            run.algorithm.step(state)
            run.iteration += 1
            run.seconds = perf_counter() - start
            history["residual"].append(state.residual)
            history["seconds"].append(run.seconds)
            seen = Snapshot(state)
            for i, callback in enumerate(callbacks):
                for name, figure in _figures(callback(seen), i).items():
                    history.setdefault(name, []).append(figure)
            status = next(filter(None, (_read_status(stop(seen), stop) for stop in stops)), None)
            seen.end()
            # where x is updated in place nothing else is left to go back to
            in_place = state.x is last
            if status is not None:
                return _ended(status, state, last if kept is None or not in_place else kept)
            if not in_place:
                kept = None
            elif kept is None:
                kept = state.x.copy()
            else:
                np.copyto(kept, state.x)
            if interrupted():
                return Status("interrupted", f"after {run.iteration} iterations; the iterate of the last is returned", False)


def _ended(status: Status, state: Any, before: Any) -> Status:
    """Return the status; where numbers are not finite say so, and go back to the x before."""
    if math.isfinite(state.residual) and _is_finite(state.x):
        return status
    state.x = before
    return NOT_FINITE


def _is_finite(x: Any) -> bool:
    return bool(np.isfinite(x).all())


def _begun(function: Any, run: Run) -> Any:
    """Return what stands for a callback or a stop in a run: what its `begin` returns, or itself."""
    begin = getattr(function, "begin", None)
    found = None if begin is None else begin(run)
    return function if found is None else found


def _figures(found: Any, which: int) -> Mapping[str, float]:
    """Return what a callback gave for the history."""
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise TypeError(f"callbacks[{which}] returned {found!r}; return a mapping of names to numbers, for the history, or None")
    for name in ("residual", "seconds"):
        if name in found:
            raise ValueError(f"callbacks[{which}] returned a figure {name!r}, which the run itself records; give it another name")
    return found


def _read_status(found: Any, stop: Stop) -> Status | None:
    """Return what a stop gave."""
    if found is None or isinstance(found, Status):
        return found
    name = getattr(stop, "__name__", type(stop).__name__)
    raise TypeError(f"the stop {name} returned {found!r}; return None to go on, or Status(name, message, success) to end the run")


def _read_start(x0: Any, problem: Problem) -> Any:
    x0 = read_array(x0, "x0", problem.data[0].target)
    if x0.shape != problem.dims:
        raise ValueError(
            f"x0 has shape {x0.shape}, but x lives on {problem.dims}; give one of that shape, A.extend(y) for instance"
        )
    if not np.isfinite(x0).all():
        raise ValueError("x0 holds NaN or infinite samples; replace them, or leave x0 out")
    if x0.dtype.kind == "c" and problem.dtype.kind != "c":
        if all(t.A.dtype.kind != "c" for t in problem.terms):
            raise TypeError("x0 is complex, but data and operators are real; give its real part")
        return x0
    return x0.astype(problem.dtype)


def _check_operators(problem: Problem) -> None:
    for term in problem.terms:
        report = check_operator(term.operator)
        # no solver here pickles an operator
        if any(check.name != "pickling" for check in report.failed):
            raise ValueError(f"the operator of {term!r} does not keep its promises:\n{report}")


def _limit_reached(limit: int, tol: float, residual: float) -> Status:
    if tol == 0:
        return Status("iterations done", f"all {limit} iterations that were asked for were run", True)
    left = "above tol" if residual > tol else "but the objective has not settled"
    return Status(
        "iteration limit",
        f"after {limit} iterations the relative residual is {residual:.2e}, {left}; raise max_iterations, or tol from {tol:g}",
        False,
    )
