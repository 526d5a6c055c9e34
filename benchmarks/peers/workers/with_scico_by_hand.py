"""SCICO's ADMM with its whole step compiled at once, which SCICO does not do by itself."""

from __future__ import annotations

from typing import Any

import jax
from protocol import Run, Watch, serve
from with_scico import candidates


def jitted(solver: Any) -> Run:
    @jax.jit
    def step(z: Any, u: Any) -> Any:
        solver.z_list, solver.u_list = list(z), list(u)
        solver.step()
        return solver.x, solver.z_list, solver.u_list

    z0, u0 = list(solver.z_list), list(solver.u_list)

    def run(iterations: int, watch: Watch) -> None:
        z, u = z0, u0
        for _ in range(iterations):
            x, z, u = step(z, u)
            watch(x)
        jax.block_until_ready(x)

    return run


if __name__ == "__main__":
    serve(lambda problem: candidates(problem, jitted), "scico", "jax", "numpy")
