"""Random convex problems, and their optima by a dense interior-point method that shares no line with the library."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import kl_div

from unblur.inversion import Box, LeastSquares, Nonnegative, Poisson, Problem, Sparsity, Tikhonov, TotalVariation
from unblur.operators import Blur, Gradient, Identity

from ._dense import matrix


@dataclass
class Dense:
    """½ xᵀHx − gᵀx + c + Σ wᵢ ‖(K x)ᵢ‖ + KL(y, A x + b), low ≤ x ≤ high, all in double precision."""

    H: Any
    g: Any
    c: float = 0.0
    norms: list[tuple[float, Any]] = field(default_factory=list)  #: weights, and K of shape (members, groups, n)
    counts: tuple[Any, Any, float] | None = None  #: A, y, b
    low: float = -np.inf
    high: float = np.inf

    def value(self, x: Any) -> float:
        total = 0.5 * x @ self.H @ x - self.g @ x + self.c
        total += sum(w * np.sqrt(((K @ x) ** 2).sum(0)).sum() for w, K in self.norms)
        if self.counts is not None:
            A, y, b = self.counts
            total += kl_div(y, np.maximum(A @ x + b, 0)).sum()
        return float(total)

    def smoothed(self, x: Any, eps: float, mu: float) -> tuple[float, Any, Any]:
        """Return the value, gradient and Hessian with ‖z‖ → √(‖z‖² + ε²), and bounds by logarithms."""
        f, g, H = 0.5 * x @ self.H @ x - self.g @ x, self.H @ x - self.g, self.H.copy()
        for w, K in self.norms:
            z = K @ x
            s = np.sqrt((z**2).sum(0) + eps**2)
            f += w * s.sum()
            g += w * np.einsum("mgn,mg->n", K, z / s)
            along = np.einsum("mgn,mg->gn", K, z / s)
            H += w * (np.einsum("mgn,mgk,g->nk", K, K, 1 / s, optimize=True) - (along.T / s) @ along)
        if self.counts is not None:
            A, y, b = self.counts
            u = A @ x + b
            if (u <= 0).any():
                return np.inf, g, H
            f += (u - y * np.log(u)).sum()
            g += A.T @ (1 - y / u)
            H += (A.T * ((y + mu) / u**2)) @ A
        for room, sign in ((x - self.low, 1), (self.high - x, -1)):
            if np.isfinite(room).all():
                if (room <= 0).any():
                    return np.inf, g, H
                f -= mu * np.log(room).sum()
                g -= sign * mu / room
                H[np.diag_indices_from(H)] += mu / room**2
        return float(f), g, H

    def optimum(self, x: Any, scale: float) -> float:
        """Return the least value, by Newton steps on ever sharper smoothings from `x`, which is inside."""
        weights = sum(w * K.shape[1] for w, K in self.norms) + 1e-300
        for level in 10.0 ** -np.arange(1, 12.5, 0.5):
            eps, mu = level * scale / weights, level * scale / (4 * x.size)
            for _ in range(60):
                f, g, H = self.smoothed(x, eps, mu)
                H[np.diag_indices_from(H)] += 1e-13 * np.trace(H) / x.size
                d = -np.linalg.solve(H, g)
                fall, t = g @ d, 1.0
                if -fall <= 1e-13 * (abs(f) + scale):
                    break
                while t > 1e-12 and not self.smoothed(x + t * d, eps, mu)[0] <= f + 0.1 * t * fall:
                    t /= 2
                x = x + t * d
        return self.value(np.clip(x, self.low, self.high))


def draw(seed: int) -> tuple[Problem, Dense, Any, float]:
    """Return a problem, the same written out, a point inside its bounds, and the size of its objective."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(rng.choice(["float32", "float64"]))
    shape = [(int(rng.integers(6, 40)),), (int(rng.integers(4, 8)), int(rng.integers(4, 8)))][int(rng.integers(2))]
    size = np.minimum(rng.integers(2, 5, len(shape)), shape)
    psf = rng.uniform(0.05, 1, size) if rng.random() < 0.7 else np.ones(size)
    psf = (psf / psf.sum()).astype(dtype)
    boundary = str(rng.choice(["periodic", "unknown", "zero", "reflect"]))
    A = Blur(psf, shape, boundary=boundary)
    n = int(np.prod(A.dims))
    scene = np.where(rng.random(A.dims) < 0.4, rng.uniform(0, 1, A.dims), 0.0) + 0.1
    scale = 10.0 ** rng.uniform(-1, 3)
    M = matrix(A)
    dense = Dense(np.zeros((n, n)), np.zeros(n))
    noise = 10.0 ** rng.uniform(-4, 0)
    counting = rng.random() < 0.3
    if counting:
        scale = max(scale, 5.0)
        b = float(rng.choice([0.0, 0.5]) * scale)
        y = rng.poisson(A.apply(scene * scale) + b).astype(dtype)
        problem = Poisson(A, y, background=b)
        dense.counts = (M, y.ravel().astype(float), b)
    else:
        y = (scale * (A.apply(scene) + noise * rng.normal(size=A.dimsd))).astype(dtype)
        problem = LeastSquares(A, y)
        _add_squares(dense, 1.0, M, y.ravel())
    if not counting and rng.random() < 0.2:
        # a stiff second measurement, of a few samples
        w = 10.0 ** rng.uniform(1, 5)
        rows = (rng.random((3, n)) < 0.2).astype(dtype) + np.eye(3, n, dtype=dtype)
        from unblur.operators import from_functions

        R = from_functions(
            lambda x, rows=rows: rows.astype(x.dtype) @ x.ravel(),
            lambda r, rows=rows: (rows.T.astype(r.dtype) @ r).reshape(A.dims),
            A.dims,
            (3,),
        )
        target = (rows @ scene.ravel() * scale).astype(dtype)
        problem = problem + w * LeastSquares(R, target)
        _add_squares(dense, w, rows.astype(float), target.astype(float))
    D = Gradient(A)
    G = matrix(D).reshape(D.dimsd[0], n, n)
    # what makes prior and data alike: gradients of the noise's size, squared
    prior, strength = str(rng.choice(["none", "tikhonov", "gradient", "tv", "l1", "tv and l1"])), 10.0 ** rng.uniform(-3, 0)
    if counting and prior == "none":
        prior = "tv"
    curvature = (1 / scale if counting else 1.0) * strength
    if prior == "tikhonov":
        problem = problem + curvature * Tikhonov(Identity(A.dims))
        dense.H += curvature * np.eye(n)
    if prior == "gradient":
        problem = problem + curvature * Tikhonov(D)
        dense.H += curvature * np.einsum("mgi,mgj->ij", G, G)
    if "tv" in prior:
        problem = problem + curvature * scale * TotalVariation(D)
        dense.norms.append((curvature * scale, G))
    if "l1" in prior:
        problem = problem + 0.3 * curvature * scale * Sparsity()
        dense.norms.append((0.3 * curvature * scale, np.eye(n)[None]))
    bounds = str(rng.choice(["none", "none", "box", "nonnegative"]))
    if counting or bounds == "nonnegative":
        problem, dense.low = problem + Nonnegative(), 0.0
    elif bounds == "box":
        dense.low, dense.high = 0.05 * scale, float(rng.uniform(0.3, 1.2)) * scale
        problem = problem + Box(dense.low, dense.high)
    if isinstance(problem, type(problem)) and not isinstance(problem, Problem):
        problem = Problem((problem,))
    middle = np.full(n, 0.2 * scale)
    return problem, dense, middle, abs(dense.value(np.zeros(n))) + scale * 1e-3


def _add_squares(dense: Dense, w: float, M: Any, y: Any) -> None:
    y = y.astype(float)
    dense.H += w * M.T @ M
    dense.g += w * M.T @ y
    dense.c += 0.5 * w * float(y @ y)
