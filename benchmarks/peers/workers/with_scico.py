"""SCICO: ADMM whose x-update is a division of spectra, over-relaxed; its operators compile themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from model import Problem
from protocol import Candidate, Run, Watch, serve
from scico import functional, linop, loss
from scico.optimize.admm import ADMM, CircularConvolveSolver

#: thresholds λ/ρ, as parts of the range, and relaxations
SETTINGS = [(0.03, 1.8), (0.015, 1.8), (0.06, 1.8), (0.03, 1.0)]
#: penalties of the blur that is split off, where samples are hidden
DATA_PENALTIES = (0.03, 0.1)


def colours_first(x: Any, problem: Problem) -> Any:
    """SCICO blurs the trailing axes."""
    return np.ascontiguousarray(np.moveaxis(x, -1, 0)) if x.ndim > problem.psf.ndim else x


def colours_last(x: Any, problem: Problem) -> Any:
    x = np.asarray(x)
    return np.moveaxis(x, 0, -1) if x.ndim > problem.psf.ndim else x


def norm(problem: Problem, colours: int) -> Any:
    if problem.prior == "anisotropic":
        return functional.L1Norm()
    return functional.L21Norm(l2_axis=(0, 1) if colours else 0)


def admm(problem: Problem, threshold: float, relaxation: float, data_penalty: float) -> Any:
    x0 = colours_first(problem.start, problem)
    colours = x0.ndim - problem.psf.ndim
    axes = tuple(range(colours, x0.ndim))
    H = linop.CircularConvolve(
        jnp.asarray(problem.psf), x0.shape, ndims=problem.psf.ndim, h_center=[n // 2 for n in problem.psf.shape]
    )
    D = linop.FiniteDifference(x0.shape, axes=axes, circular=True)
    prior, rho = problem.weight * norm(problem, colours), problem.weight / threshold
    if problem.boundary == "unknown":
        y, mask = np.zeros_like(x0), np.zeros_like(x0)
        y[problem.window], mask[problem.window] = problem.y, 1
        data = loss.SquaredL2Loss(y=jnp.asarray(y), W=linop.Diagonal(jnp.asarray(mask)))
        f, g, C, rhos = None, [data, prior], [H, D], [data_penalty, rho]
    else:
        f, g, C, rhos = loss.SquaredL2Loss(y=jnp.asarray(x0), A=H), [prior], [D], [rho]
    start, solver = jnp.asarray(x0), CircularConvolveSolver(ndims=problem.psf.ndim)
    return ADMM(f=f, g_list=g, C_list=C, rho_list=rhos, alpha=relaxation, x0=start, subproblem_solver=solver)


def stepwise(solver: Any) -> Run:
    x0 = solver.x

    def run(iterations: int, watch: Watch) -> None:
        solver.x, solver.u_list = x0, solver.u_init(x0)
        solver.z_list, solver.z_list_old = solver.z_init(x0)
        for _ in range(iterations):
            solver.step()
            watch(solver.x)
        jax.block_until_ready(solver.x)

    return run


def candidates(problem: Problem, manner: Callable[[Any], Run] = stepwise) -> list[Candidate]:
    """Return one for each setting; `manner` makes a run of a solver."""
    if problem.method != "tv":
        return []

    def offer(threshold: float, relaxation: float, penalty: float) -> Candidate:
        label = f"ADMM, FFT solver, λ/ρ = {threshold:g}, α = {relaxation:g}" + (f", ρ₁ = {penalty:g}" if hidden else "")
        return Candidate(label, lambda: manner(admm(problem, threshold, relaxation, penalty)), lambda x: colours_last(x, problem))

    hidden = problem.boundary == "unknown"
    if hidden:
        return [offer(t, r, p) for t, r in SETTINGS[:2] for p in DATA_PENALTIES]
    return [offer(t, r, 1.0) for t, r in SETTINGS]


if __name__ == "__main__":
    serve(candidates, "scico", "jax", "numpy")
