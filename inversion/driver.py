"""The loop round every algorithm: clock, stops, callbacks, history."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from .plan import Algorithm, Plan, plan
from .problem import Problem
from .result import Result
from .status import Status
from .stops import Stop, not_finite, residual_below
from .terms import Term
from .weight_choice import choose
from .weights import Rule

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
        Bound of the state's relative residual. 0 runs to `max_iterations`.
    max_iterations : int, optional
        By default the algorithm's own.
    weight : Rule, optional
        `GCV`, `UPRE`, `Discrepancy` or `Whiteness`, to choose a common factor of all terms that carry no data and are no
        constraints. It comes with the result as ``result.weight``.
    callbacks : sequence of callables
        Each is called with the state after every iteration; a mapping that it returns goes into the history.
    stops : sequence of callables
        Each is called with the state after every iteration; a `Status` that it returns ends the run.

    Returns
    -------
    Result

    Raises
    ------
    UnsolvableError
        If no algorithm takes the problem.
    ValueError
        If the problem has no data, or an argument is outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import LeastSquares, Tikhonov, solve
    >>> from unblur.operators import Blur, Gradient
    >>> A = Blur([0.25, 0.5, 0.25], (4,), boundary="periodic")
    >>> solve(LeastSquares(A, np.array([1.0, 2.0, 3.0, 2.0])) + 1e-6 * Tikhonov(Gradient(A))).x.round(3).tolist()
    [0.0, 2.0, 4.0, 2.0]
    """
    return plan(problem, algorithm).solve(  # type: ignore[no-any-return]
        x0=x0, tol=tol, max_iterations=max_iterations, weight=weight, callbacks=callbacks, stops=stops
    )


def iterate(algorithm: Algorithm, problem: Problem, x0: Any = None) -> Iterator[Any]:
    """Yield the state of `algorithm` after each step, without end; the same object every time.

    Examples
    --------
    >>> import numpy as np
    >>> from itertools import islice
    >>> from unblur.inversion import LeastSquares, SplitBregman, TotalVariation, iterate
    >>> from unblur.operators import Blur
    >>> A = Blur(np.full((3, 3), 1 / 9), (8, 8), boundary="periodic")
    >>> problem = LeastSquares(A, np.eye(8)) + 0.01 * TotalVariation()
    >>> residuals = [state.residual for state in islice(iterate(SplitBregman(), problem), 20)]
    >>> residuals[-1] < residuals[0]
    True
    """
    state = algorithm.start(problem, x0)
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
) -> Result:
    """Carry a plan out; see `solve`."""
    problem, algorithm = plan.problem, plan.algorithm
    if not tol >= 0:
        raise ValueError(f"tol is {tol!r}; give 0 or more")
    limit = algorithm.max_iterations if max_iterations is None else max_iterations
    if limit < 1:
        raise ValueError(f"max_iterations is {max_iterations!r}; give 1 or more")
    if x0 is not None and np.shape(x0) != problem.dims:
        raise ValueError(
            f"x0 has shape {np.shape(x0)}, but x lives on {problem.dims}; give one of that shape, A.extend(y) for instance"
        )
    every_stop = (not_finite, *stops, residual_below(tol))
    history: dict[str, list[float]] = {"residual": [], "seconds": []}
    status: Status | None = None
    start = perf_counter()
    choice = None if weight is None else choose(weight, plan, x0)
    if choice is not None:
        plan, problem, x0 = choice.plan, choice.plan.problem, choice.x0
    state = algorithm.start(problem, x0)
    iteration = 0
    while status is None:
        algorithm.step(state)
        iteration += 1
        history["residual"].append(state.residual)
        history["seconds"].append(perf_counter() - start)
        for callback in callbacks:
            for name, figure in (callback(state) or {}).items():
                history.setdefault(name, []).append(figure)
        status = next(filter(None, (stop(state) for stop in every_stop)), None)
        if status is None and iteration == limit:
            status = _limit_reached(limit, tol, state.residual)
    seconds = perf_counter() - start
    crop = getattr(problem.operator, "crop", None)
    return Result(
        x=state.x,
        image=state.x if crop is None else crop(state.x),
        status=status,
        objective=problem.objective(state.x),
        iterations=iteration,
        seconds=seconds,
        history={name: np.array(values) for name, values in history.items()},
        plan=plan,
        weight=None if choice is None else choice.weight,
        curve=None if choice is None else choice.curve,
    )


def _limit_reached(limit: int, tol: float, residual: float) -> Status:
    if tol == 0:
        return Status("iterations done", f"all {limit} iterations that were asked for were run", True)
    return Status(
        "iteration limit",
        f"after {limit} iterations the relative residual is {residual:.2e}, above tol = {tol:g}; raise max_iterations or tol",
        False,
    )
