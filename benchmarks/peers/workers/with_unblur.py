"""unblur as a user calls it, with its defaults; the set-up is part of every run."""

from __future__ import annotations

from typing import Any

import numpy as np
from model import Problem
from protocol import Candidate, Run, Watch, serve

from unblur.inversion import CG, GCV, LSQR, LeastSquares, Poisson, RichardsonLucy, Tikhonov, TotalVariation, solve
from unblur.operators import Blur, Gradient, set_workers

WORKERS = 2


def make_blur(problem: Problem) -> Blur:
    return Blur(problem.psf, problem.y.shape, boundary=problem.boundary, axes=problem.axes)


def solver(problem: Problem, declare: Any, algorithm: Any = None, **options: Any) -> Run:
    def run(iterations: int, watch: Watch) -> None:
        terms = declare(make_blur(problem))
        solve(terms, algorithm, tol=0, max_iterations=iterations, callbacks=[lambda state: watch(state.x)], **options)

    return run


def total_variation(problem: Problem) -> list[Candidate]:
    def declare(A: Any) -> Any:
        prior = TotalVariation(isotropic=problem.prior == "isotropic")
        return LeastSquares(A, problem.y) + problem.weight * prior

    return [Candidate("split Bregman, by default", lambda: solver(problem, declare))]


def tikhonov(problem: Problem, algorithm: Any, label: str) -> list[Candidate]:
    def declare(A: Any) -> Any:
        # differences past the end are left out
        D = Gradient(A.dims, boundary="nearest")
        return LeastSquares(A, problem.y) + problem.weight * Tikhonov(D)

    zero = np.zeros_like(problem.y)
    return [Candidate(label, lambda: solver(problem, declare, algorithm, x0=zero))]


def richardson_lucy(problem: Problem) -> list[Candidate]:
    algorithm = RichardsonLucy(acceleration=False)
    half = np.full_like(problem.y, 0.5)
    return [Candidate("Richardson–Lucy", lambda: solver(problem, lambda A: Poisson(A, problem.y), algorithm, x0=half))]


def gcv(problem: Problem) -> list[Candidate]:
    def declare(A: Any) -> Any:
        return LeastSquares(A, problem.y) + Tikhonov()

    return [Candidate("closed form, weight by GCV", lambda: solver(problem, declare, weight=GCV()))]


METHODS = {
    "tv": total_variation,
    "cg": lambda problem: tikhonov(problem, CG(), "conjugate gradients"),
    "lsqr": lambda problem: tikhonov(problem, LSQR(), "LSQR"),
    "richardson-lucy": richardson_lucy,
    "gcv": gcv,
}

if __name__ == "__main__":
    set_workers(WORKERS)
    serve(lambda problem: METHODS[problem.method](problem), "unblur", "numpy", "scipy")
