"""Steps of solvers, for asv: what one iteration takes once a solve is under way, and the peak of a few."""

from __future__ import annotations

from typing import Any

import numpy as np

from unblur.inversion import (
    CG,
    LSQR,
    Box,
    LeastSquares,
    Poisson,
    Problem,
    RichardsonLucy,
    SplitBregman,
    Term,
    Tikhonov,
    TotalVariation,
    iterate,
)
from unblur.operators import Blur, set_workers

WORKERS = 2
SIZES = (256, 512, 1024, 2048, 4096)


def data(n: int, *colours: int) -> Any:
    return np.random.default_rng(0).uniform(size=(n, n, *colours)).astype(np.float32)


def misfit(n: int, boundary: str, *colours: int) -> LeastSquares:
    y = data(n, *colours)
    return LeastSquares(Blur(np.full((9, 9), 1 / 81), y.shape, boundary=boundary, axes=(0, 1)), y)


def counts(n: int) -> Poisson:
    return Poisson(Blur(np.full((9, 9), 1 / 81), (n, n), boundary="zero"), data(n))


# built where they are measured, as asv pickles nothing
PROBLEMS = {
    "periodic": lambda n: misfit(n, "periodic") + 1e-4 * TotalVariation(),
    "unknown": lambda n: misfit(n, "unknown") + 1e-4 * TotalVariation(),
    "colour": lambda n: misfit(n, "periodic", 3) + 1e-4 * TotalVariation(),
    "box": lambda n: misfit(n, "periodic") + 1e-4 * TotalVariation() + Box(0, 1),
    "anisotropic": lambda n: misfit(n, "periodic") + 1e-4 * TotalVariation(isotropic=False),
    "CG": lambda n: misfit(n, "zero") + 1e-3 * Tikhonov(),
    "LSQR": lambda n: misfit(n, "zero") + 1e-3 * Tikhonov(),
    "RichardsonLucy": counts,
}
ALGORITHMS = {"CG": CG(), "LSQR": LSQR(), "RichardsonLucy": RichardsonLucy()}


def started(problem: str, n: int) -> Any:
    """Return the endless iteration of a problem by its name, its first step done."""
    terms: Problem | Term = PROBLEMS[problem](n)
    steps = iterate(ALGORITHMS.get(problem, SplitBregman()), terms)
    next(steps)
    return steps


class Step:
    params = (SIZES, tuple(PROBLEMS))
    param_names = ("n", "problem")
    timeout = 300

    def setup(self, n: int, problem: str) -> None:
        set_workers(WORKERS)
        self.steps = started(problem, n)

    def time_step(self, n: int, problem: str) -> None:
        next(self.steps)


class Peak:
    """Of a process that sets a problem up and takes three steps."""

    params = (SIZES, tuple(PROBLEMS))
    param_names = ("n", "problem")
    timeout = 300

    def peakmem_steps(self, n: int, problem: str) -> None:
        set_workers(WORKERS)
        steps = started(problem, n)
        next(steps)
        next(steps)
