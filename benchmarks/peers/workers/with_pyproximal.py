"""PyProximal with what it and PyLops ship: nothing periodic, so an unknown boundary, and data steps that iterate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pylops
import pyproximal
from model import Problem
from own_operators import Unknown
from protocol import Candidate, Run, Watch, serve

THRESHOLDS = (0.06, 0.03)
STEPS = (30.0,)
NOTE = "another problem: unknown boundary"


def prior(problem: Problem) -> Any:
    if problem.prior == "anisotropic":
        return pyproximal.L1(sigma=problem.weight)
    return pyproximal.L21(ndim=problem.psf.ndim, sigma=problem.weight)


def gradient(dims: tuple[int, ...]) -> Any:
    return pylops.Gradient(dims, kind="forward", edge=False, dtype="float32")


def admm_l2(problem: Problem, threshold: float) -> Run:
    A, g, y = Unknown(problem), prior(problem), problem.y.ravel()
    D = gradient(A.dims)
    tau = np.float32(threshold / problem.weight)
    solve = pyproximal.optimization.primal.ADMML2

    def run(iterations: int, watch: Watch) -> None:
        solve(g, A.operator, y, D, x0=A.start.copy(), tau=tau, niter=iterations, callback=watch, iter_lim=5)

    return run


def primal_dual(problem: Problem, step: float) -> Run:
    A, g = Unknown(problem), prior(problem)
    D, mu = gradient(A.dims), np.float32(0.99 / (4 * problem.psf.ndim * step))
    f = pyproximal.L2(Op=A.operator, b=problem.y.ravel(), niter=5, warm=True)
    solve = pyproximal.optimization.primaldual.PrimalDual

    def run(iterations: int, watch: Watch) -> None:
        solve(f, g, D, x0=A.start.copy(), tau=np.float32(step), mu=mu, niter=iterations, callback=watch)

    return run


def candidates(problem: Problem) -> list[Candidate]:
    if problem.method != "tv":
        return []
    if len(problem.grid) > problem.psf.ndim:
        raise NotImplementedError("L21 over PyLops's Gradient does not gather colours")
    image = Unknown(problem).image
    # to the differences at the rim of the margin it is the same
    note = "another rim of the margin" if problem.boundary == "unknown" else NOTE

    def offer(label: str, prepare: Any, option: float) -> Candidate:
        return Candidate(label, lambda: prepare(problem, option), image, note, True)

    return [
        *(offer(f"ADMML2, 5 LSQR, λ/ρ = {t:g}", admm_l2, t) for t in THRESHOLDS),
        *(offer(f"PrimalDual, L2 by 5 LSQR, τ = {s:g}", primal_dual, s) for s in STEPS),
    ]


if __name__ == "__main__":
    serve(candidates, "pyproximal", "pylops", "numpy", "scipy")
