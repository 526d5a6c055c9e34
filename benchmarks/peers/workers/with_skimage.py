"""scikit-image: richardson_lucy and unsupervised_wiener, which draws its weight from a posterior."""

from __future__ import annotations

from typing import Any

import numpy as np
from model import Problem
from protocol import Candidate, Run, Watch, serve
from skimage.restoration import richardson_lucy, unsupervised_wiener


def whole(restore: Any) -> Run:
    """Its functions take no callback: what they return is shown once for each iteration."""

    def run(iterations: int, watch: Watch) -> None:
        x = restore(iterations)
        for _ in range(iterations):
            watch(x)

    return run


def lucy(problem: Problem) -> list[Candidate]:
    def restore(iterations: int) -> Any:
        return richardson_lucy(problem.y, problem.psf, num_iter=iterations, clip=False)

    return [Candidate("richardson_lucy", lambda: whole(restore), np.asarray, "without the division by Hᵀ1")]


def by_rule(problem: Problem) -> list[Candidate]:
    def restore(iterations: int) -> Any:
        return unsupervised_wiener(problem.y, problem.psf, rng=0, clip=False)[0]

    return [Candidate("unsupervised_wiener", lambda: whole(restore), np.asarray, "another rule, and a Laplacian")]


METHODS = {"richardson-lucy": lucy, "gcv": by_rule}

if __name__ == "__main__":
    serve(lambda problem: METHODS[problem.method](problem) if problem.method in METHODS else [], "scikit-image", "numpy", "scipy")
