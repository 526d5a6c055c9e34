"""What a worker is: candidates for a problem, measured at the word of `run.py` on the other end of a pipe.

A worker is started in its peer's environment with the path of a problem. It answers each line of JSON with one of its own:

    tune      run every candidate against the clock, and keep the fastest and the iterations at which it meets each mark
    take      keep the candidate and the iterations of an earlier tuning
    time      run it once more with nothing but the clock looking on, the seconds to each mark
    memory    the peak above what is held before the first iteration, in float32 images; in a fresh process
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from model import Problem

Watch = Callable[[Any], None]
Run = Callable[[int, Watch], None]

#: a peer that reaches one of these reaches the ones before; the last is a distance in dB from the converged PSNR
TOLERANCES = {"1e-3": 1e-3, "1e-4": 1e-4}
NEAR = 0.05


@dataclass(frozen=True)
class Candidate:
    """One way to solve a problem.

    `prepare` does what needs doing once, and returns a function that runs from the start for a number of iterations and calls
    another with each iterate, as the peer has it. `image` makes of that an array on the problem's grid.
    """

    label: str
    prepare: Callable[[], Run]
    image: Callable[[Any], Any] = np.asarray
    note: str = ""
    differs: bool = False  #: whether it solves another problem, so that only the PSNR that it comes to can be compared


class Enough(Exception):  # noqa: N818 - the end of a run, not an error
    """Raised from a watch to end a run."""


@dataclass
class Trajectory:
    """What a run was like, iteration by iteration, and when; the time of looking is taken off."""

    seconds: list[float]
    excess: list[float]  #: relative, over the optimum
    psnr: list[float]
    first_run: float  #: seconds of two iterations before, compiling included

    def marks(self, problem: Problem, differs: bool) -> dict[str, int]:
        """Return the iterations at which each mark is met."""
        if problem.iterations:
            return {"all": problem.iterations}
        found = {}
        if not differs:
            for name, tolerance in TOLERANCES.items():
                below = np.flatnonzero(np.array(self.excess) <= tolerance)
                if below.size:
                    found[name] = int(below[0]) + 1
        # who solves another problem comes near to an answer of his own
        goal = max(self.psnr, default=0.0) if differs else problem.optimum_psnr
        away = np.flatnonzero(np.abs(np.array(self.psnr) - goal) > NEAR)
        if differs:
            away = away[away < int(np.argmax(self.psnr))]
        last = int(away[-1]) + 1 if away.size else 0
        if last < len(self.psnr):
            found["psnr"] = last + 1
        return found

    def over(self, problem: Problem, differs: bool) -> bool:
        """Whether there is nothing more to be met."""
        if differs:
            # nothing gained in the last half
            half = len(self.psnr) // 2
            return len(self.psnr) >= 30 and max(self.psnr[half:]) < max(self.psnr[:half]) + NEAR / 5
        return {*TOLERANCES, "psnr"} <= self.marks(problem, differs).keys()


def follow(problem: Problem, candidate: Candidate, limit: float) -> Trajectory:
    """Run until every mark is met, for `limit` seconds of the peer's own at most."""
    run = candidate.prepare()
    start = perf_counter()
    run(2, lambda x: None)
    found = Trajectory([], [], [], perf_counter() - start)
    looking = 0.0

    def watch(x: Any) -> None:
        nonlocal looking
        image = candidate.image(x)
        now = perf_counter()
        found.seconds.append(now - start - looking)
        found.excess.append(problem.objective(image) / problem.optimum - 1)
        found.psnr.append(problem.psnr(image))
        looking += perf_counter() - now
        over = not problem.iterations and found.over(problem, candidate.differs)
        if not np.isfinite(found.psnr[-1]) or over or found.seconds[-1] > limit:
            raise Enough

    start = perf_counter()
    with suppress(Enough):
        run(problem.iterations or 100_000, watch)
    return found


def cost(problem: Problem, candidate: Candidate, found: Trajectory) -> tuple[float, float]:
    """Return what a candidate is judged by: the time to the sharpest mark, then where it stands at the end."""
    if candidate.differs:
        # the best answer first, then the time
        psnr = max(found.psnr, default=-np.inf)
        return (-round(psnr, 1), found.seconds[found.marks(problem, True)["psnr"] - 1] if found.psnr else np.inf)
    count = found.marks(problem, False).get("all" if problem.iterations else "1e-4")
    seconds = np.inf if count is None or not found.seconds else found.seconds[min(count, len(found.seconds)) - 1]
    return (seconds, min(found.excess, default=np.inf))


def last(values: Sequence[float]) -> float:
    return values[-1]


def clock(run: Run, image: Callable[[Any], Any], counts: Sequence[int]) -> dict[int, float]:
    """Return the seconds to each number of iterations, all in one run; to the last, those until the run returns."""
    wanted, times, done = set(counts), {}, 0

    def watch(x: Any) -> None:
        nonlocal done
        done += 1
        if done in wanted:
            image(x)  # waits for what is still being computed
            times[done] = perf_counter() - start

    start = perf_counter()
    run(max(counts), watch)
    times[max(counts)] = perf_counter() - start
    return times


class Worker:
    """Answers commands about one problem."""

    def __init__(self, candidates: Callable[[Problem], list[Candidate]], problem: Problem) -> None:
        self.problem, self._candidates = problem, candidates
        self.chosen: Candidate | None = None
        self.run: Run | None = None

    def tune(self, limit: float) -> dict[str, Any]:
        best: tuple[tuple[float, float], Candidate, Trajectory] | None = None
        failures = []
        offered = self._candidates(self.problem)
        if not offered:
            return {"label": None}
        for candidate in offered:
            try:
                # a candidate that is slower than the best so far need not be run to its end
                pace = limit if best is None or candidate.differs else min(limit, 1.5 * best[0][0])
                found = follow(self.problem, candidate, pace)
            except Exception as error:
                traceback.print_exc()
                failures.append(f"{candidate.label}: {type(error).__name__}: {error}")
                continue
            print(f"{candidate.label}: {cost(self.problem, candidate, found)}", file=sys.stderr)
            if best is None or cost(self.problem, candidate, found) < best[0]:
                best = cost(self.problem, candidate, found), candidate, found
        if best is None:
            raise RuntimeError("; ".join(failures))
        _, candidate, found = best
        return {
            "label": candidate.label,
            "note": candidate.note,
            "marks": found.marks(self.problem, candidate.differs),
            "differs": candidate.differs,
            "excess": min(found.excess, default=None),
            "psnr": (max if candidate.differs else last)(found.psnr) if found.psnr else None,
            "followed": len(found.seconds),
            "followed_seconds": found.seconds[-1] if found.seconds else None,
            "first_run": found.first_run,
            "failures": failures,
        }

    def take(self, label: str) -> dict[str, Any]:
        self.chosen = next(c for c in self._candidates(self.problem) if c.label == label)
        self.run = self.chosen.prepare()
        start = perf_counter()
        self.run(3, lambda x: None)
        return {"warm_up": perf_counter() - start}

    def time(self, marks: dict[str, int]) -> dict[str, float]:
        assert self.run is not None
        assert self.chosen is not None
        self.run(1, lambda x: None)
        gc.collect()
        times = clock(self.run, self.chosen.image, list(marks.values()))
        if sum(times.values()) < 2:
            # where it is cheap each is a run of its own, from the start to what is returned
            times = {n: clock(self.run, self.chosen.image, [n])[n] for n in times}
        return {name: times[n] for name, n in marks.items()}

    def memory(self, label: str, iterations: int) -> dict[str, float]:
        small = self.problem.cropped(64 if self.problem.psf.ndim < 3 else 32)
        next(c for c in self._candidates(small) if c.label == label).prepare()(2, lambda x: None)
        gc.collect()
        before = resident() if forget_peak() else peak()
        next(c for c in self._candidates(self.problem) if c.label == label).prepare()(iterations, lambda x: None)
        image = 4 * int(np.prod(self.problem.grid))
        return {"images": (peak() - before) / image}


def _status(field: str) -> Iterator[int]:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            yield 1024 * int(line.split()[1])


def forget_peak() -> bool:
    """Let the peak begin anew, so that importing does not hide it; only Linux can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def resident() -> int:
    return next(_status("VmRSS"))


def peak() -> int:
    try:
        return next(_status("VmHWM"))
    except OSError:
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def serve(candidates: Callable[[Problem], list[Candidate]], *distributions: str, iterations: int = 0) -> None:
    """Answer the commands on standard input until it ends; `iterations` in place of the problem's, for a yardstick."""
    # what a peer prints must not come between the answers
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value: dict[str, Any]) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    problem = Problem.load(sys.argv[1])
    worker = Worker(candidates, replace(problem, iterations=iterations) if iterations else problem)
    answer({"versions": {name: version(name) for name in distributions}})
    for line in sys.stdin:
        command, arguments = json.loads(line)
        try:
            answer(getattr(worker, command)(**arguments))
        except Exception as error:
            traceback.print_exc()
            answer({"error": f"{type(error).__name__}: {error}"[:300]})
