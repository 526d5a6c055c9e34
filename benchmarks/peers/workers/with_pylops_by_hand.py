"""PyLops's splitbregman on circular operators that are written for it by hand."""

from __future__ import annotations

import numpy as np
from circular import CircularBlur, CircularDifference
from model import Problem
from protocol import Candidate, serve
from with_pylops import Model, total_variation

WORKERS = 2


def circular(problem: Problem) -> Model:
    D = [CircularDifference(problem.grid, axis) for axis in problem.axes]
    return Model(CircularBlur(problem, WORKERS), D, problem.start.ravel(), lambda x: np.asarray(x).reshape(problem.grid), note="")


def candidates(problem: Problem) -> list[Candidate]:
    if problem.method != "tv" or problem.boundary == "unknown" or len(problem.grid) > problem.psf.ndim:
        return []
    return total_variation(problem, circular)


if __name__ == "__main__":
    serve(candidates, "pylops", "numpy", "scipy")
