"""Functionals of data whose noise is not Gaussian of known size: outliers, counts, and noise of unknown size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from unblur.operators._backend import real_dtype, sum_of_squares
from unblur.operators._namespace import asarray, scipy_namespace

from .counts import divergence, extremes, ratio
from .functionals import largest, rounding

if TYPE_CHECKING:
    from .splitting import FusedStep, Split


@dataclass(frozen=True)
class HuberLoss:
    """Σ φ(zᵢ), φ(z) = ½|z|² where |z| ≤ δ, and δ(|z| − ½δ) beyond; as `scipy.special.huber`."""

    delta: float
    curvature: ClassVar[float | None] = None
    convex: ClassVar[bool] = True
    quadratic: ClassVar[bool] = False
    real_only: ClassVar[bool] = False
    bounded_below: ClassVar[bool] = True
    lipschitz: ClassVar[float] = 1.0

    def value(self, z: Any) -> float:
        return float(np.sum(scipy_namespace("special", z).huber(self.delta, np.abs(z)), dtype=np.float64))

    def prox(self, z: Any, step: float, out: Any = None) -> Any:
        # z / (1 + t) near 0, and z (1 − t δ/|z|) beyond |z| = δ (1 + t)
        size = np.abs(z)
        np.maximum(size, self.delta * (1 + step), out=size)
        np.divide(step * self.delta, size, out=size)
        np.subtract(1, size, out=size)
        return np.multiply(z, size, out=out)

    def gradient(self, z: Any) -> Any:
        size = np.abs(z)
        np.maximum(size, self.delta, out=size)
        np.divide(self.delta, size, out=size)
        return np.multiply(z, size)

    def conjugate(self, p: Any) -> float:
        inside = largest(p) <= self.delta * (1 + rounding(p))
        return 0.5 * sum_of_squares(p) if inside else np.inf

    def project_dual(self, p: Any) -> Any:
        """Return the nearest `p` that is nowhere larger than δ."""
        return p / np.maximum(1, np.abs(p) / self.delta)

    def default_penalty(self, weight: float, scale: float, stiffness: float) -> float:
        return 0.1 * weight


@dataclass(frozen=True, eq=False)
class KullbackLeibler:
    """Σ wᵢ (uᵢ − yᵢ + yᵢ log(yᵢ/uᵢ)), u = z + b, of counts y and a background b; infinite where u < 0."""

    counts: Any
    background: Any = 0.0
    weights: Any = None
    curvature: ClassVar[float | None] = None
    convex: ClassVar[bool] = True
    quadratic: ClassVar[bool] = False
    bounded_below: ClassVar[bool] = True
    real_only: ClassVar[bool] = True
    #: its gradient is unbounded near u = 0
    lipschitz: ClassVar[float | None] = None

    def cast(self, dtype: Any, like: Any = None) -> Self:
        def convert(a: Any, name: str) -> Any:
            return a if a is None or np.ndim(a) == 0 else asarray(a, like, name).astype(real_dtype(dtype), copy=False)

        return replace(
            self,
            counts=convert(self.counts, "counts"),
            background=convert(self.background, "background"),
            weights=convert(self.weights, "weights"),
        )

    def expected(self, z: Any) -> Any:
        """Return u = z + b, with what lies below 0 by no more than rounding put to 0."""
        u = z + self.background
        u[(u < 0) & (u > -rounding(u) * largest(u))] = 0
        return u

    def value(self, z: Any) -> float:
        total = divergence(z, self.counts, self.weights, self.background)
        if total is not None:
            return total
        parts = scipy_namespace("special", z).kl_div(self.counts, self.expected(z))
        if self.weights is not None:
            # 0 · ∞ is nothing here
            parts = self.weights * np.where(self.weights > 0, parts, 0)
        return float(np.sum(parts, dtype=np.float64))

    def prox(self, z: Any, step: float, out: Any = None) -> Any:
        # the root above 0 of u² − (s − t) u − t y, s = z + b, in the form that cancels nothing
        t = step if self.weights is None else step * self.weights
        half = 0.5 * (z + (self.background - t))
        q = np.abs(half) + np.sqrt(half * half + t * self.counts)
        small = t * self.counts / np.where(q > 0, q, 1)
        u = np.where(half > 0, q, small) - self.background
        if self.weights is not None:
            u = np.where(self.weights > 0, u, z)
        if out is None:
            return u
        out[...] = u
        return out

    def fused(self, split: Split) -> FusedStep | None:
        from .fused import pointwise

        return pointwise(split, "POISSON", self.counts, self.weights, background=self.background)

    def gradient(self, z: Any) -> Any:
        slope = 1 - self.ratio(z)
        return slope if self.weights is None else self.weights * slope

    def ratio(self, z: Any, out: Any = None) -> Any:
        """Return y / u: the counts over what was expected, 0 where both are; in `out`, which may be z, where that is given."""
        # an FFT leaves rounding errors of either sign where nothing is expected
        limits, (low, high) = np.finfo(z.dtype), extremes(z, self.background)
        floor = float(limits.eps) * max(abs(low), abs(high), float(limits.tiny))
        return ratio(z, self.counts, self.background, floor, out)

    def conjugate(self, p: Any) -> float:
        # Σ w (−y log(1 − q)) − b p,  q = p / w < 1, or = 1 where y = 0
        q, w = p, 1.0
        if self.weights is not None:
            w, counted = self.weights, self.weights > 0
            if largest(p[~counted]) > rounding(p) * largest(p):
                return np.inf
            q = np.where(counted, p, 0) / np.where(counted, w, 1)
        room = 1 - q
        room[(room < 0) & (room >= -rounding(p))] = 0
        if np.any(room < 0) or np.any((room == 0) & (self.counts > 0)):
            return np.inf
        return float(np.sum(-w * scipy_namespace("special", p).xlogy(self.counts, room) - self.background * p, dtype=np.float64))

    def project_dual(self, p: Any) -> Any:
        """Return the nearest `p` that is nowhere above the weights, and 0 where they are."""
        return np.minimum(p, 1) if self.weights is None else np.where(self.weights > 0, np.minimum(p, self.weights), 0)

    def default_penalty(self, weight: float, scale: float, stiffness: float) -> float:
        # the curvature at z is y / u², about one over the size of the counts
        return 0.1 * weight / scale


@dataclass(frozen=True)
class EuclideanNorm:
    """‖z‖₂ = (Σ|zᵢ|²)^½, one norm of all."""

    curvature: ClassVar[float | None] = None
    convex: ClassVar[bool] = True
    quadratic: ClassVar[bool] = False
    real_only: ClassVar[bool] = False
    bounded_below: ClassVar[bool] = True
    #: its gradient jumps at 0
    lipschitz: ClassVar[float | None] = None

    def value(self, z: Any) -> float:
        return float(np.sqrt(sum_of_squares(z)))

    def prox(self, z: Any, step: float, out: Any = None) -> Any:
        size = self.value(z)
        return np.multiply(z, 1 - step / size if size > step else 0.0, out=out)

    def gradient(self, z: Any) -> Any:
        """Return z / ‖z‖₂, and 0, a subgradient, at 0."""
        size = self.value(z)
        return z / size if size > 0 else np.zeros_like(z)

    def conjugate(self, p: Any) -> float:
        return 0.0 if self.value(p) <= 1 + rounding(p) else np.inf

    def project_dual(self, p: Any) -> Any:
        """Return the nearest `p` that is no longer than 1."""
        return p / max(1.0, self.value(p))

    def default_penalty(self, weight: float, scale: float, stiffness: float) -> float:
        return weight / scale
