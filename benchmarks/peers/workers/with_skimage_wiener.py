"""scikit-image: wiener, which has to be given its weight."""

from __future__ import annotations

import numpy as np
from model import Problem
from protocol import Candidate, Run, Watch, serve
from skimage.restoration import wiener


def prepare(problem: Problem) -> Run:
    def run(iterations: int, watch: Watch) -> None:
        for _ in range(iterations):
            watch(wiener(problem.y, problem.psf, problem.weight, clip=False))

    return run


def candidates(problem: Problem) -> list[Candidate]:
    if problem.method != "gcv":
        return []
    return [Candidate("wiener", lambda: prepare(problem), np.asarray, "is given a weight; a Laplacian")]


if __name__ == "__main__":
    serve(candidates, "scikit-image", "numpy", "scipy")
