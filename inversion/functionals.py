"""The functions that terms are made of: each knows its value and, where they exist, its prox and its gradient.

The prox of f with step t is

    prox(z) = argmin over v of  f(v) + ‖v − z‖² / (2 t).

A functional of one's own is a class with ``value(z)`` and either ``prox(z, step, out)`` or ``gradient(z)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from unblur.operators._backend import sum_of_squares


class Functional(Protocol):
    """What solvers ask of a functional beside its prox or its gradient."""

    @property
    def curvature(self) -> float | None:
        """The factor c where f(z) = c ‖z‖² / 2, so that the term can stay in a linear system; else None."""

    def value(self, z: Any) -> float:
        """Return f(z)."""

    def default_penalty(self, weight: float, scale: float, stiffness: float) -> float:
        """Return a good penalty for splitting v = A x off.

        `weight` is the term's, `scale` the size of A x, and `stiffness` the curvature of the data terms.
        """


@dataclass(frozen=True, eq=False)
class SquaredNorm:
    """½ Σ wᵢ |zᵢ|²; without weights ½‖z‖²."""

    weights: Any = None

    @property
    def curvature(self) -> float | None:
        return 1.0 if self.weights is None else None

    @property
    def metric(self) -> Any:
        """The number or the array w of f(z) = ½ Σ w |z|²: what makes any functional quadratic to solvers of linear systems."""
        return 1.0 if self.weights is None else self.weights

    def value(self, z: Any) -> float:
        return 0.5 * sum_of_squares(z, self.weights)

    def prox(self, z: Any, step: float, out: Any = None) -> Any:
        return np.divide(z, 1 + step * (1 if self.weights is None else self.weights), out=out)

    def gradient(self, z: Any) -> Any:
        return z if self.weights is None else self.weights * z

    def default_penalty(self, weight: float, scale: float, stiffness: float) -> float:
        return 0.03 * weight


@dataclass(frozen=True)
class GroupNorm:
    """Σ ‖z_g‖₂ over groups: the entries that differ in their index along `axes` only. Without axes, Σ|zᵢ|."""

    axes: tuple[int, ...] = ()
    curvature: ClassVar[float | None] = None

    def magnitude(self, z: Any) -> Any:
        """Return ‖z_g‖₂, of the shape of `z` with size 1 along `axes`."""
        if not self.axes:
            return np.abs(z)
        index = list(range(z.ndim))
        kept = [a for a in index if a not in self.axes]
        squares = np.einsum(z, index, z.conj(), index, kept).real
        return np.expand_dims(np.sqrt(squares, out=squares), self.axes)

    def value(self, z: Any) -> float:
        return float(np.sum(self.magnitude(z), dtype=np.float64))

    def prox(self, z: Any, step: float, out: Any = None) -> Any:
        # shrink: z (1 − t/|z|)₊, written so that |z| = 0 divides nothing
        factor = self.magnitude(z)
        np.maximum(factor, step, out=factor)
        np.divide(step, factor, out=factor)
        np.subtract(1, factor, out=factor)
        return np.multiply(z, factor, out=out)

    def default_penalty(self, weight: float, scale: float, stiffness: float) -> float:
        # the threshold, weight / penalty, is then a few per cent of the range
        return weight / (0.045 * scale)


@dataclass(frozen=True)
class Interval:
    """0 where low ≤ z ≤ high everywhere, else infinite."""

    low: float
    high: float
    curvature: ClassVar[float | None] = None

    def value(self, z: Any) -> float:
        # a point that the prox itself made may lie off the bound by a rounding error
        slack = 4 * np.finfo(z.dtype).eps * max(np.abs(b) for b in (self.low, self.high, 0) if np.isfinite(b))
        inside = float(z.min()) >= self.low - slack and float(z.max()) <= self.high + slack
        return 0.0 if inside else np.inf

    def prox(self, z: Any, step: float, out: Any = None) -> Any:
        return np.clip(z, self.low, self.high, out=out)

    def default_penalty(self, weight: float, scale: float, stiffness: float) -> float:
        return 0.03 * stiffness
