"""PyProximal with circular operators and data steps in closed form, written by hand for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pylops
import pyproximal
import scipy.fft
from circular import CircularBlur, CircularGradient
from model import Problem
from protocol import Candidate, Run, Watch, serve

WORKERS = 2
#: primal steps of primal–dual and thresholds of ADMM
STEPS = (100.0, 200.0, 400.0)
THRESHOLDS = (0.06, 0.12, 0.03)


class SpectralMisfit(pyproximal.ProxOperator):
    """½‖h ∗ x − y‖², its prox in closed form; PyProximal's own L2 would iterate."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(None, False)
        self.axes = problem.axes
        self.shape = problem.grid
        h = problem.transfer().astype(np.complex64)
        self.h = h.reshape(h.shape + (1,) * (len(self.shape) - h.ndim))
        self.energy = np.abs(self.h) ** 2
        self.data = self.h.conj() * self._forward(problem.y)

    def __call__(self, x: Any) -> float:
        return 0.0

    def _forward(self, x: Any) -> Any:
        return scipy.fft.rfftn(x.reshape(self.shape), axes=self.axes, workers=WORKERS)

    def prox(self, x: Any, tau: float) -> Any:
        spectrum = self._forward(x)
        spectrum += np.float32(tau) * self.data
        spectrum /= 1 + np.float32(tau) * self.energy
        shape = tuple(self.shape[a] for a in self.axes)
        return scipy.fft.irfftn(spectrum, shape, axes=self.axes, workers=WORKERS).ravel()


class SeenMisfit(pyproximal.ProxOperator):
    """½‖M z − y‖²."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(None, True)
        self.y, self.mask = np.zeros(problem.grid, np.float32), np.zeros(problem.grid, np.float32)
        self.y[problem.window], self.mask[problem.window] = problem.y, 1
        self.y, self.mask = self.y.ravel(), self.mask.ravel()

    def __call__(self, x: Any) -> float:
        return 0.0

    def prox(self, x: Any, tau: float) -> Any:
        tau = np.float32(tau)
        return (x + tau * self.y) / (1 + tau * self.mask)


def prior(problem: Problem) -> Any:
    if problem.prior == "anisotropic":
        return pyproximal.L1(sigma=problem.weight)
    components = problem.psf.ndim * int(np.prod(problem.grid[problem.psf.ndim :]))
    return pyproximal.L21(ndim=components, sigma=problem.weight)


def primal_dual(problem: Problem, step: float) -> Run:
    D = CircularGradient(problem)
    if problem.boundary == "unknown":
        H = CircularBlur(problem, WORKERS)
        K = pylops.VStack([H, D], dtype=np.float32)
        n = H.shape[0]
        g = pyproximal.VStack([SeenMisfit(problem), prior(problem)], nn=[n, D.shape[0]])
        # ‖K‖² ≤ ‖h‖² + 4 d
        f: Any = pyproximal.Euclidean(sigma=0.0)
        bound = 1 + 4 * problem.psf.ndim
    else:
        f, g, K, bound = SpectralMisfit(problem), prior(problem), D, 4 * problem.psf.ndim
    x0 = problem.start.ravel()
    solve = pyproximal.optimization.primaldual.PrimalDual

    def run(iterations: int, watch: Watch) -> None:
        mu = np.float32(0.99 / (bound * step))
        solve(f, g, K, x0=x0.copy(), tau=np.float32(step), mu=mu, niter=iterations, callback=watch)

    return run


def linearised_admm(problem: Problem, threshold: float) -> Run:
    D, f, g = CircularGradient(problem), SpectralMisfit(problem), prior(problem)
    tau = threshold / problem.weight
    mu = 0.99 * tau / (4 * problem.psf.ndim)
    x0 = problem.start.ravel()
    solve = pyproximal.optimization.primal.LinearizedADMM

    def run(iterations: int, watch: Watch) -> None:
        solve(f, g, D, x0=x0.copy(), tau=np.float32(tau), mu=np.float32(mu), niter=iterations, callback=watch)

    return run


def candidates(problem: Problem) -> list[Candidate]:
    if problem.method != "tv":
        return []

    def offer(label: str, prepare: Callable[[Problem, float], Run], option: float) -> Candidate:
        return Candidate(label, lambda: prepare(problem, option), lambda x: np.asarray(x).reshape(problem.grid))

    if problem.boundary == "unknown":
        return [offer(f"PrimalDual, τ = {s:g}", primal_dual, s) for s in (10.0, 30.0, 3.0)]
    return [
        *(offer(f"PrimalDual with FFT prox, τ = {s:g}", primal_dual, s) for s in STEPS),
        *(offer(f"LinearizedADMM with FFT prox, λ/ρ = {t:g}", linearised_admm, t) for t in THRESHOLDS),
    ]


if __name__ == "__main__":
    serve(candidates, "pyproximal", "pylops", "numpy", "scipy")
