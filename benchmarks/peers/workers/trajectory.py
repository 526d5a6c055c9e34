"""What a run is like, iteration by iteration, and the iterations at which it meets each mark."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from candidate import Candidate
from model import Problem

#: a peer that reaches one of these reaches the ones before; the last is a distance in dB from the converged PSNR
TOLERANCES = {"1e-3": 1e-3, "1e-4": 1e-4}
NEAR = 0.05


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
