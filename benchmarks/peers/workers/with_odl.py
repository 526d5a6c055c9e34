"""ODL: primal–dual with its periodic gradient and a data step in closed form, written for it by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import odl
import scipy.fft
from model import Problem
from protocol import Candidate, Run, Watch, serve

WORKERS = 2
STEPS = (100.0, 200.0, 30.0)


def misfit(space: Any, problem: Problem) -> Any:
    """Return ½‖h ∗ x − y‖² with a prox that is a division of spectra."""
    axes, shape = problem.axes, problem.grid
    h = problem.transfer().astype(np.complex64)
    energy = np.abs(h) ** 2
    data = h.conj() * scipy.fft.rfftn(problem.y, axes=axes, workers=WORKERS)

    class Prox(odl.Operator):
        def __init__(self, tau: float) -> None:
            super().__init__(space, space, linear=False)
            self.tau = np.float32(tau)

        def _call(self, x: Any, out: Any) -> None:
            spectrum = scipy.fft.rfftn(x.asarray(), axes=axes, workers=WORKERS)
            spectrum += self.tau * data
            spectrum /= 1 + self.tau * energy
            out[:] = scipy.fft.irfftn(spectrum, shape, axes=axes, workers=WORKERS)

    class Misfit(odl.functionals.Functional):
        def __init__(self) -> None:
            super().__init__(space)

        def _call(self, x: Any) -> float:
            return problem.objective(x.asarray())

        @property
        def proximal(self) -> Any:
            return Prox

    return Misfit()


def primal_dual(problem: Problem, step: float) -> Run:
    # cells of size 1, so that sums are plain sums
    space = odl.uniform_discr([0] * len(problem.grid), list(problem.grid), list(problem.grid), dtype="float32")
    D = odl.Gradient(space, method="forward", pad_mode="periodic")
    norm = odl.functionals.L1Norm if problem.prior == "anisotropic" else odl.functionals.GroupL1Norm
    f, g = misfit(space, problem), problem.weight * norm(D.range)

    def run(iterations: int, watch: Watch) -> None:
        x = space.element(problem.start)
        sigma = 0.99 / (4 * problem.psf.ndim * step)
        odl.solvers.pdhg(x, f, g, D, niter=iterations, tau=step, sigma=sigma, callback=watch)

    return run


def candidates(problem: Problem) -> list[Candidate]:
    if problem.method != "tv":
        return []
    if problem.boundary == "unknown":
        raise NotImplementedError("left out: it would need another primal–dual, with the blur in its dual step")
    if len(problem.grid) > problem.psf.ndim:
        raise NotImplementedError("left out: its GroupL1Norm does not gather colours")
    return [
        Candidate(f"pdhg, FFT prox by hand, τ = {s:g}", lambda s=s: primal_dual(problem, s), lambda x: x.asarray()) for s in STEPS
    ]


if __name__ == "__main__":
    serve(candidates, "odl", "numpy", "scipy")
