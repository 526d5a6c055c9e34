"""Three dimensions, for asv: applies, steps and a few iterations from arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from unblur import psf
from unblur.inversion import LeastSquares, SplitBregman, TotalVariation, iterate, solve
from unblur.operators import Blur, set_workers

WORKERS = 2
SIZES = (64, 128, 256)
BOUNDARIES = ("periodic", "unknown")


def volume(n: int) -> Any:
    return np.random.default_rng(0).uniform(size=(n, n, n)).astype(np.float32)


def declare(n: int, boundary: str) -> Any:
    A = Blur(psf.gaussian(1.5, ndim=3), (n, n, n), boundary=boundary)
    return LeastSquares(A, volume(n)) + 1e-4 * TotalVariation()


class Volume:
    params = (SIZES, BOUNDARIES)
    param_names = ("n", "boundary")
    timeout = 600

    def setup(self, n: int, boundary: str) -> None:
        set_workers(WORKERS)
        problem = declare(n, boundary)
        self.A = problem.operator
        self.x = np.zeros(self.A.dims, np.float32)
        self.steps = iterate(problem, SplitBregman())
        next(self.steps)

    def time_apply(self, n: int, boundary: str) -> None:
        self.A.apply(self.x)

    def time_step(self, n: int, boundary: str) -> None:
        next(self.steps)


class VolumeSolve:
    """Twenty iterations, everything included."""

    params = (SIZES, BOUNDARIES)
    param_names = ("n", "boundary")
    timeout = 600

    def setup(self, n: int, boundary: str) -> None:
        set_workers(WORKERS)

    def time_solve(self, n: int, boundary: str) -> None:
        solve(declare(n, boundary), tol=0, max_iterations=20)

    def peakmem_solve(self, n: int, boundary: str) -> None:
        solve(declare(n, boundary), tol=0, max_iterations=3)
