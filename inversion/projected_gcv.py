"""Weighted generalised cross-validation of a small projected least-squares problem, in terms of its singular values.

With σ² the squares of the k singular values, in falling order, and c the k + 1 coefficients of the data,

    G(λ) = Σ ((1 − κ) c)² / (k + 1 − ω Σ κ)²,    κ = σ² / (σ² + λ),

where κ = 0 for the last coefficient, which nothing explains.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.optimize


def balancing_omega(c: Any, squares: Any) -> float:
    """Return the ω for which G is stationary at λ = the smallest σ², at most 1."""
    weight = squares[-1]
    if weight == 0:
        return 1.0
    kept = squares / (squares + weight)
    # N is the squared residual, T = k + 1 − ω Σ kept; N′ T = 2 N T′
    N = np.sum((c[:-1] * (1 - kept)) ** 2) + c[-1] ** 2
    slope = np.sum(2 * c[:-1] ** 2 * (1 - kept) * kept / (squares + weight))
    bend = np.sum(kept / (squares + weight))
    total = slope * np.sum(kept) + 2 * N * bend
    return min(1.0, float(len(c) * slope / total)) if total > 0 else 1.0


def minimise_gcv(c: Any, squares: Any, omega: float) -> float:
    """Return the λ that minimises the weighted cross-validation: the best of a coarse search, refined."""

    def G(log_weight: float) -> float:  # noqa: N802 - its name in the paper
        weight = math.exp(log_weight)
        kept = squares / (squares + weight)
        residual = np.sum((c[:-1] * (1 - kept)) ** 2) + c[-1] ** 2
        return math.log(max(float(residual), 1e-300)) - 2 * math.log(len(c) - omega * float(np.sum(kept)))

    top = math.log(squares[0])
    grid = np.linspace(top - 36, top + 2, 153)
    best = int(np.argmin([G(point) for point in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    return math.exp(float(scipy.optimize.minimize_scalar(G, bounds=(low, high), method="bounded", options={"xatol": 1e-6}).x))
