"""PyLops with what it ships: splitbregman with an unknown boundary, as it has nothing periodic, and its own LSQR and CGLS.

splitbregman is given ε and μ for ε²/μ = weight and ε/μ = ρ: what its documentation calls ε is the threshold, and the weight of
the prior is the square of it over μ. It knows anisotropic total variation alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pylops
from model import Problem
from own_operators import Unknown, zero_blur
from protocol import Candidate, Run, Watch, serve
from pylops.optimization.basic import cgls, lsqr
from pylops.optimization.sparsity import splitbregman

#: thresholds, inner LSQR iterations, and inner steps between updates of the dual variable
SETTINGS = [(0.03, 10, 1), (0.03, 5, 1), (0.06, 10, 1)]


@dataclass(frozen=True)
class Model:
    """What splitbregman is given, and how its x is read."""

    A: Any
    D: list[Any]
    start: Any
    image: Callable[[Any], Any]
    note: str  #: how it differs from the problem


def own_derivatives(dims: tuple[int, ...]) -> list[Any]:
    """Return forward differences, which are 0 at the end."""
    return [pylops.FirstDerivative(dims, axis=a, kind="forward", edge=False, dtype="float32") for a in range(len(dims))]


def own(problem: Problem) -> Model:
    A = Unknown(problem)
    note = "another rim of the margin" if problem.boundary == "unknown" else "unknown boundary"
    return Model(A.operator, own_derivatives(A.dims), A.start, A.image, note)


def split_bregman(problem: Problem, model: Model, threshold: float, lsqr_iterations: int, inner: int) -> Run:
    y = problem.y.ravel()

    def run(iterations: int, watch: Watch) -> None:
        splitbregman(
            model.A,
            y,
            model.D,
            x0=model.start.copy(),
            niter_outer=iterations,
            niter_inner=inner,
            mu=threshold**2 / problem.weight,
            epsRL1s=[threshold] * len(model.D),
            tol=1e-6,  # with less than float32 resolves it runs no iteration
            callback=watch,
            iter_lim=lsqr_iterations,
        )

    return run


def total_variation(problem: Problem, make: Callable[[Problem], Model] = own) -> list[Candidate]:
    """Return one for each setting."""
    if len(problem.grid) > problem.psf.ndim:
        raise NotImplementedError("splitbregman knows no joint norm")
    model = make(problem)
    prior = "" if problem.prior == "anisotropic" else "anisotropic prior"
    differences = ", ".join(filter(None, (model.note, prior)))
    note = f"another problem: {differences}" if differences else ""

    def offer(threshold: float, lsqr_iterations: int, inner: int) -> Candidate:
        label = f"splitbregman, ε = {threshold:g}, {lsqr_iterations} LSQR, {inner} inner"
        run = split_bregman(problem, model, threshold, lsqr_iterations, inner)
        return Candidate(label, lambda: run, model.image, note, bool(note))

    return [offer(*setting) for setting in SETTINGS]


def stacked(problem: Problem) -> tuple[Any, Any]:
    """Return [A; √w D] and [y; 0]."""
    root = float(np.sqrt(problem.weight))
    D = own_derivatives(problem.grid)
    S = pylops.VStack([zero_blur(problem, problem.grid), *(root * d for d in D)], dtype="float32")
    return S, np.concatenate([problem.y.ravel(), np.zeros(len(D) * problem.y.size, np.float32)])


def least_squares(problem: Problem, solver: Any, label: str) -> list[Candidate]:
    def prepare() -> Run:
        S, d = stacked(problem)

        def run(iterations: int, watch: Watch) -> None:
            x0 = np.zeros(S.shape[1], np.float32)
            solver(S, d, x0, niter=iterations, callback=watch)

        return run

    return [Candidate(label, prepare, lambda x: np.asarray(x).reshape(problem.grid))]


def run_cgls(S: Any, d: Any, x0: Any, niter: int, callback: Any) -> None:
    cgls(S, d, x0, niter=niter, tol=0.0, callback=callback)


def run_lsqr(S: Any, d: Any, x0: Any, niter: int, callback: Any) -> None:
    lsqr(S, d, x0, niter=niter, atol=0.0, btol=0.0, conlim=0.0, calc_var=False, callback=callback)


METHODS = {
    "tv": total_variation,
    "cg": lambda problem: least_squares(problem, run_cgls, "cgls"),
    "lsqr": lambda problem: least_squares(problem, run_lsqr, "lsqr"),
}


def candidates(problem: Problem) -> list[Candidate]:
    return METHODS[problem.method](problem) if problem.method in METHODS else []


if __name__ == "__main__":
    serve(candidates, "pylops", "numpy", "scipy")
