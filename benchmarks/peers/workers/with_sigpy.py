"""SigPy: primal–dual whose data step is a division of spectra; the proxes are written for it by hand.

Its differences are backward, which gathered in isotropic total variation are another prior: so it is given the mirror image, in
which they are those of everyone else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
import sigpy
import sigpy.alg
from model import Problem
from protocol import Candidate, Run, Watch, serve

WORKERS = 2
STEPS = (100.0, 200.0, 30.0)


def primal_dual(problem: Problem, step: float) -> Run:
    axes, shape = problem.axes, tuple(problem.grid[a] for a in problem.axes)
    D = sigpy.linop.FiniteDifference(problem.grid, axes=axes)
    h = problem.transfer().conj().astype(np.complex64)  # of the mirrored PSF
    h = h.reshape(h.shape + (1,) * (len(problem.grid) - h.ndim))
    energy = np.abs(h) ** 2
    data = h.conj() * scipy.fft.rfftn(np.flip(problem.y, axes), axes=axes, workers=WORKERS)
    weight = np.float32(problem.weight)
    colours = tuple(range(problem.psf.ndim + 1, len(problem.grid) + 1))
    gathered = () if problem.prior == "anisotropic" else (0, *colours)

    def misfit(tau: Any, x: Any) -> Any:
        spectrum = scipy.fft.rfftn(x, axes=axes, workers=WORKERS)
        spectrum += np.float32(tau) * data
        spectrum /= 1 + np.float32(tau) * energy
        return scipy.fft.irfftn(spectrum, shape, axes=axes, workers=WORKERS)

    def project(sigma: Any, u: Any) -> Any:
        length = np.sqrt(np.sum(u * u, axis=gathered, keepdims=True)) if gathered else np.abs(u)
        return u / np.maximum(1, length / weight)

    def run(iterations: int, watch: Watch) -> None:
        x = np.flip(problem.start, axes).copy()
        u = np.zeros(D.oshape, np.float32)
        sigma = np.float32(0.99 / (4 * len(axes) * step))
        method = sigpy.alg.PrimalDualHybridGradient(
            project, misfit, D, D.H, x, u, np.float32(step), sigma, max_iter=iterations, tol=-1.0
        )
        while not method.done():
            method.update()
            watch(method.x)

    return run


def candidates(problem: Problem) -> list[Candidate]:
    if problem.method != "tv":
        return []
    if problem.boundary == "unknown":
        raise NotImplementedError("left out: it would need another primal–dual, with the blur in its dual step")

    def mirrored(x: Any) -> Any:
        return np.flip(x, problem.axes)

    return [Candidate(f"PDHG, FFT prox by hand, τ = {s:g}", lambda s=s: primal_dual(problem, s), mirrored) for s in STEPS]


if __name__ == "__main__":
    serve(candidates, "sigpy", "numpy", "scipy")
