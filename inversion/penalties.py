"""Functionals that are no norms: powers below one, a denoiser in the place of a prior, and functions of a user's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unblur.operators._namespace import asarray

from .own_functionals import slope_at, value_at

# a and t below are arrays of magnitudes and the step; each returns the larger root v of v − a + p t v^(p−1) = 0


def _largest_root_half(a: Any, t: float) -> Any:
    # s = √v solves s³ − a s + t/2 = 0, which has three real roots
    cosine = -0.75 * t / a * np.sqrt(3 / a)
    s = 2 * np.sqrt(a / 3) * np.cos(np.arccos(np.maximum(cosine, -1)) / 3)
    return s * s


def _largest_root_two_thirds(a: Any, t: float) -> Any:
    # s = ∛v solves s⁴ − a s + c = 0, which falls into two quadratics whose middle term A solves a cubic in A²
    c = 2 * t / 3
    hyperbolic = np.cosh(np.arccosh(np.maximum(0.5 * a * a / (4 * c / 3) ** 1.5, 1)) / 3)
    A = np.sqrt(4 * np.sqrt(c / 3) * hyperbolic)
    s = 0.5 * (A + np.sqrt(np.maximum(2 * a / A - A * A, 0)))
    return s * s * s


@dataclass(frozen=True)
class PowerNorm:
    """Σ |zᵢ|ᵖ with 0 < p < 1: the hyper-Laplacian, which is not convex."""

    power: float
    curvature: ClassVar[float | None] = None
    convex: ClassVar[bool] = False
    quadratic: ClassVar[bool] = False
    real_only: ClassVar[bool] = False
    bounded_below: ClassVar[bool] = True
    lipschitz: ClassVar[float | None] = None

    def value(self, z: Any) -> float:
        return float(np.sum(np.abs(z) ** self.power, dtype=np.float64))

    def prox(self, z: Any, step: float, out: Any = None) -> Any:
        if step == 0:
            return np.multiply(z, 1, out=out)
        size = np.abs(z)
        # up to here 0 is the minimiser; beyond, the larger root is
        alive = size > self.threshold(step)
        a = size[alive]
        factor = np.zeros_like(size)
        factor[alive] = self._largest_root(a, step) / a
        return np.multiply(z, factor, out=out)

    def threshold(self, step: float) -> float:
        """Return the magnitude up to which the prox is 0."""
        p = self.power
        return float((2 - p) / (2 * (1 - p)) * (2 * step * (1 - p)) ** (1 / (2 - p)))

    def _largest_root(self, a: Any, t: float) -> Any:
        p = self.power
        if p == 1 / 2:
            return _largest_root_half(a, t)
        if abs(p - 2 / 3) < 1e-12:
            return _largest_root_two_thirds(a, t)
        # the left side is convex and rises from the jump on, so that Newton's steps from a come down to the root; the
        # jump is what the prox takes at the threshold, and no root lies below
        jump = (2 * t * (1 - p)) ** (1 / (2 - p))
        v = a.copy()
        for _ in range(100):
            slope = p * t * v ** (p - 1)
            new = np.maximum(v - (v - a + slope) / (1 + (p - 1) * slope / v), jump)
            settled = np.all(np.abs(new - v) <= 4 * np.finfo(v.dtype).eps * v)
            v = new
            if settled:
                break
        return v

    def default_penalty(self, weight: float, scale: float, stiffness: float) -> float:
        # the threshold is a few per cent of the range, as for the norm of power 1
        p = self.power
        step = (0.045 * scale * 2 * (1 - p) / (2 - p)) ** (2 - p) / (2 * (1 - p))
        return float(weight / step)


@dataclass(frozen=True, eq=False)
class ImplicitPrior:
    """What a denoiser stands for: R of which ``denoise(z, σ)`` acts as the prox with step σ². R itself has no formula."""

    denoiser: Callable[[Any, float], Any]
    curvature: ClassVar[float | None] = None
    convex: ClassVar[bool] = False
    quadratic: ClassVar[bool] = False
    real_only: ClassVar[bool] = False
    bounded_below: ClassVar[bool] = True
    lipschitz: ClassVar[float | None] = None

    def value(self, z: Any) -> float:
        """Return nan: there is no objective."""
        return float("nan")

    def denoise(self, z: Any, sigma: float) -> Any:
        """Return `z` with noise of standard deviation `sigma` removed."""
        # a denoiser may work in place, and in a precision of its own
        clean = asarray(self.denoiser(z.copy(), sigma), z, "what the denoiser gave")
        if clean.shape != z.shape:
            raise ValueError(f"the denoiser gave an array of shape {clean.shape} for one of {z.shape}; it must keep the shape")
        return clean.astype(z.dtype, copy=False)

    def default_penalty(self, weight: float, scale: float, stiffness: float) -> float:
        # the denoiser is then called with a tenth of the range
        return weight / (0.1 * scale) ** 2


@dataclass(frozen=True, eq=False)
class Differentiable:
    """A function and its gradient, as a user gives them."""

    function: Callable[[Any], Any]
    slope: Callable[[Any], Any]
    lipschitz: float | None = None
    convex: bool = True
    curvature: ClassVar[float | None] = None
    quadratic: ClassVar[bool] = False
    real_only: ClassVar[bool] = False
    bounded_below: ClassVar[bool] = False

    def value(self, z: Any) -> float:
        return value_at(self.function, z)

    def gradient(self, z: Any) -> Any:
        return slope_at(self.slope, z)

    def default_penalty(self, weight: float, scale: float, stiffness: float) -> float:
        return 0.03 * weight * (self.lipschitz or 1.0)
