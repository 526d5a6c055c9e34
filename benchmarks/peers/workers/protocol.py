"""What a worker answers to `run.py` on the other end of a pipe.

A worker is started in its peer's environment with the path of a problem. It answers each line of JSON with one of its own:

    tune      run every candidate against the clock, and keep the fastest and the iterations at which it meets each mark
    take      keep the candidate that a tuning found, and warm it up
    time      run it once more with nothing but the clock looking on, the seconds to each mark
    memory    the peak above what is held before the first iteration, in float32 images; in a fresh process
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from time import perf_counter
from typing import Any

import numpy as np
from candidate import Candidate, Run, Watch
from memory import forget_peak, peak, resident
from model import Problem
from trajectory import Trajectory, cost, follow

__all__ = ["Candidate", "Run", "Watch", "serve"]


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
            "psnr": max(found.psnr, default=None) if candidate.differs else next(reversed(found.psnr), None),
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
        except NotImplementedError as error:
            answer({"error": str(error)})
        except Exception as error:
            traceback.print_exc()
            answer({"error": f"{type(error).__name__}: {error}"[:300]})
