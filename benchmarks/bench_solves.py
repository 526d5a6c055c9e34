"""Whole solves, for asv, from arrays to the result, to the default tolerance or for a number of iterations."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import unblur
from unblur.inversion import CG, GCV, LSQR, LeastSquares, Poisson, RichardsonLucy, Tikhonov, TotalVariation, solve
from unblur.operators import Blur, set_workers

WORKERS = 2
SIZES = (256, 512, 1024, 2048, 4096)
PSF = np.full((9, 9), 1 / 81)


def observed(n: int) -> Any:
    """Return a blurred image of squares with noise."""
    rng = np.random.default_rng(0)
    scene = np.kron(rng.uniform(size=(n // 32, n // 32)), np.ones((32, 32)))
    return (Blur(PSF, scene.shape, boundary="periodic").apply(scene) + rng.normal(scale=0.003, size=scene.shape)).astype(
        np.float32
    )


def total_variation(y: Any, boundary: str) -> None:
    solve(LeastSquares(Blur(PSF, y.shape, boundary=boundary), y) + 5e-5 * TotalVariation())


def linear(y: Any, algorithm: Any) -> None:
    solve(LeastSquares(Blur(PSF, y.shape, boundary="zero"), y) + 1e-3 * Tikhonov(), algorithm, tol=0, max_iterations=50)


def richardson_lucy(y: Any) -> None:
    A = Blur(PSF, y.shape, boundary="zero")
    solve(Poisson(A, np.maximum(y, 0)), RichardsonLucy(), tol=0, max_iterations=30)


def closed_form(y: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", unblur.inversion.UnreliableWeightWarning)
        solve(LeastSquares(Blur(PSF, y.shape, boundary="periodic"), y) + Tikhonov(), weight=GCV())


SOLVES = {
    "periodic": lambda y: total_variation(y, "periodic"),
    "unknown": lambda y: total_variation(y, "unknown"),
    "CG": lambda y: linear(y, CG()),
    "LSQR": lambda y: linear(y, LSQR()),
    "RichardsonLucy": richardson_lucy,
    "GCV": closed_form,
}


class Solve:
    params = (SIZES, tuple(SOLVES))
    param_names = ("n", "solve")
    timeout = 600

    def setup(self, n: int, solve: str) -> None:
        set_workers(WORKERS)
        self.y = observed(n)

    def time_solve(self, n: int, solve: str) -> None:
        SOLVES[solve](self.y)

    def peakmem_solve(self, n: int, solve: str) -> None:
        SOLVES[solve](self.y)
