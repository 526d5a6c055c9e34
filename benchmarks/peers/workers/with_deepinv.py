"""deepinv: its primal–dual PDCP with the closed-form prox of its BlurFFT, on PyTorch's CPU backend."""

from __future__ import annotations

from typing import Any

import deepinv
import numpy as np
import torch
from model import Problem
from protocol import Candidate, Run, Watch, serve

WORKERS = 2
STEPS = (100.0, 200.0, 30.0)


def gradient(x: Any) -> Any:
    """Return circular differences, last; deepinv's own are 0 at the end."""
    return torch.stack([torch.roll(x, -1, dims=a) - x for a in (2, 3)], dim=-1)


def adjoint(p: Any) -> Any:
    return sum(torch.roll(d, 1, dims=a) - d for a, d in zip((2, 3), p.unbind(-1), strict=True))


def to_torch(x: Any) -> Any:
    x = x if x.ndim == 3 else x[..., None]
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 0)))[None]


def to_grid(x: Any, problem: Problem) -> Any:
    return np.moveaxis(x.detach().numpy()[0], 0, -1).reshape(problem.grid)


def primal_dual(problem: Problem, step: float) -> Run:
    y = to_torch(problem.y)
    # its convolution puts the origin at (n − 1) // 2 and not at n // 2: the same for odd sizes
    physics = deepinv.physics.BlurFFT(tuple(y.shape[1:]), filter=torch.from_numpy(problem.psf)[None, None])
    prior = deepinv.optim.L12Prior(l2_axis=-1) if problem.prior == "isotropic" else deepinv.optim.L1Prior()
    sigma = 0.99 / (8 * step)

    class Watched(deepinv.optim.optim_iterators.CPIteration):
        """Shows each iterate."""

        watch: Watch

        def forward(self, X: Any, *args: Any, **options: Any) -> Any:
            found = super().forward(X, *args, **options)
            self.watch(found["est"][0])
            return found

    def run(iterations: int, watch: Watch) -> None:
        iterator = Watched(g_first=True)
        iterator.watch = watch
        model = deepinv.optim.optim_builder(
            iteration=iterator,
            prior=prior,
            data_fidelity=deepinv.optim.L2(),
            params_algo={
                "stepsize": step,
                "stepsize_dual": sigma,
                "lambda": problem.weight,
                "beta": 1.0,
                "K": gradient,
                "K_adjoint": adjoint,
            },
            max_iter=iterations,
            early_stop=False,
        )
        with torch.no_grad():
            model(y, physics, init=(y.clone(), y.clone(), torch.zeros_like(gradient(y))))

    return run


def candidates(problem: Problem) -> list[Candidate]:
    if problem.method != "tv":
        return []
    if problem.boundary == "unknown" or problem.psf.ndim != 2:
        raise NotImplementedError("left out: BlurFFT is circular, and of two dimensions")
    if len(problem.grid) > 2:
        raise NotImplementedError("left out: L12Prior does not gather colours")
    return [
        Candidate(f"PDCP, FFT prox, τ = {s:g}", lambda s=s: primal_dual(problem, s), lambda x: to_grid(x, problem)) for s in STEPS
    ]


if __name__ == "__main__":
    torch.set_num_threads(WORKERS)
    serve(candidates, "deepinv", "torch", "torchvision", "numpy")
