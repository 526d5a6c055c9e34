"""The functions that terms are made of: each knows its value and, where they exist, its prox and its gradient.

The prox of f with step t, and the convex conjugate of f, are

    prox(z) = argmin over v of  f(v) + ‖v − z‖² / (2 t),        f*(p) = sup over z of  ⟨p, z⟩ − f(z).

A functional of one's own is a class with ``value(z)`` and either ``gradient(z)`` or ``prox(z, step, out)``, which writes its
result to `out` or returns it. Of the rest that `Functional` lists it gives what it can; see `capability`. One that does not
say ``bounded_below = True`` is looked at before a problem with it is solved; see `unblur.inversion.bounded`.
Those of data that do not follow a Gaussian are in `fidelities`, those that are no norms in `penalties`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np

from unblur.operators._backend import real_dtype, sum_of_squares
from unblur.operators._namespace import asarray, is_numpy

if TYPE_CHECKING:
    from .splitting import FusedStep, Split


class Functional(Protocol):
    """What solvers ask of a functional beside its prox, its gradient and its conjugate."""

    @property
    def curvature(self) -> float | None:
        """The factor c where f(z) = c ‖z‖² / 2, so that the term can stay in a linear system; else None."""

    @property
    def convex(self) -> bool:
        """Whether f is convex."""

    @property
    def quadratic(self) -> bool:
        """Whether the gradient is linear in z."""

    @property
    def lipschitz(self) -> float | None:
        """A Lipschitz constant of the gradient; None where there is none, or where it is not known."""

    @property
    def real_only(self) -> bool:
        """Whether f has no meaning for complex numbers."""

    @property
    def bounded_below(self) -> bool:
        """Whether f is known never to fall below some number; where it is not, `refuse_unbounded` looks along some rays."""

    def value(self, z: Any) -> float:
        """Return f(z)."""

    def default_penalty(self, weight: float, scale: float, stiffness: float) -> float:
        """Return a good penalty for splitting v = A x off.

        `weight` is the term's, `scale` the size of A x, and `stiffness` the curvature of the data terms.
        """


#: samples of a piece
_SLAB = 1 << 16

_WHERE_NOT_SAID: dict[str, Any] = {
    "curvature": None,
    "convex": True,
    "quadratic": False,
    "lipschitz": None,
    "real_only": False,
    "bounded_below": False,
}


def capability(functional: Functional, name: str) -> Any:
    """Return the property `name` of a functional, or what is taken for granted of a user's own that does not say."""
    return getattr(functional, name, _WHERE_NOT_SAID[name])


def slabs(z: Any, whole: tuple[int, ...] = ()) -> Iterator[tuple[slice, ...]]:
    """Cut an array along its first axis that is not in `whole`, into pieces whose temporaries stay in the cache."""
    axis = next((a for a in range(z.ndim) if a not in whole), None)
    # a device has no use for pieces
    if axis is None or not is_numpy(z):
        yield (slice(None),) * z.ndim
        return
    n = z.shape[axis]
    thick = max(1, _SLAB * n // max(z.size, 1))
    for start in range(0, n, thick):
        yield (slice(None),) * axis + (slice(start, start + thick),)


def largest(p: Any) -> float:
    """Return max |p|; 0 where there is none."""
    return float(np.abs(p).max()) if p.size else 0.0


def rounding(p: Any) -> float:
    """Return how far a number near 1 that was computed in the precision of `p` may be off."""
    return 16 * float(np.finfo(p.dtype).eps)


@dataclass(frozen=True, eq=False)
class SquaredNorm:
    """½ Σ wᵢ |zᵢ|²; without weights ½‖z‖²."""

    weights: Any = None
    convex: ClassVar[bool] = True
    quadratic: ClassVar[bool] = True
    real_only: ClassVar[bool] = False
    bounded_below: ClassVar[bool] = True

    @property
    def curvature(self) -> float | None:
        return 1.0 if self.weights is None else None

    @property
    def lipschitz(self) -> float:
        return 1.0 if self.weights is None else float(np.max(self.weights))

    def cast(self, dtype: Any, like: Any = None) -> Self:
        if self.weights is None:
            return self
        return replace(self, weights=asarray(self.weights, like, "weights").astype(real_dtype(dtype)))

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

    def conjugate(self, p: Any) -> float:
        # where a weight is 0, f does not depend on z, and every slope but 0 is without bound
        if self.weights is None:
            return 0.5 * sum_of_squares(p)
        counts = self.weights > 0
        if largest(p[~counts]) > rounding(p) * largest(p):
            return np.inf
        return 0.5 * sum_of_squares(p, counts / np.where(counts, self.weights, 1))

    def fused(self, split: Split) -> FusedStep | None:
        from .fused import pointwise

        return pointwise(split, "LEAST_SQUARES", split.term.offset, self.weights)

    def project_dual(self, p: Any) -> Any:
        """Return the nearest `p` at which the conjugate is finite."""
        return p if self.weights is None else np.where(self.weights > 0, p, 0)

    def default_penalty(self, weight: float, scale: float, stiffness: float) -> float:
        return 0.03 * weight


@dataclass(frozen=True)
class GroupNorm:
    """Σ ‖z_g‖₂ over groups: the entries that differ in their index along `axes` only. Without axes, Σ|zᵢ|."""

    axes: tuple[int, ...] = ()
    curvature: ClassVar[float | None] = None
    convex: ClassVar[bool] = True
    quadratic: ClassVar[bool] = False
    real_only: ClassVar[bool] = False
    bounded_below: ClassVar[bool] = True
    lipschitz: ClassVar[float | None] = None

    def magnitude(self, z: Any) -> Any:
        """Return ‖z_g‖₂, of the shape of `z` with size 1 along `axes`."""
        if not self.axes:
            return np.abs(z)
        index = list(range(z.ndim))
        kept = [a for a in index if a not in self.axes]
        squares = asarray(np.einsum(z, index, z.conj(), index, kept).real)
        return np.expand_dims(np.sqrt(squares, out=squares), self.axes)

    def value(self, z: Any) -> float:
        return float(np.sum(self.magnitude(z), dtype=np.float64))

    def prox(self, z: Any, step: float, out: Any = None) -> Any:
        # shrink: z (1 − t/|z|)₊, written so that |z| = 0 divides nothing
        if step == 0:
            return np.multiply(z, 1, out=out)
        out = np.empty_like(z) if out is None else out
        for slab in slabs(z, self.axes):
            factor = self.magnitude(z[slab])
            np.maximum(factor, step, out=factor)
            np.divide(step, factor, out=factor)
            np.subtract(1, factor, out=factor)
            np.multiply(z[slab], factor, out=out[slab])
        return out

    def fused(self, split: Split) -> FusedStep | None:
        from .fused import differences

        return differences(split, self.axes)

    def subgradient(self, z: Any) -> Any:
        """Return z_g / ‖z_g‖₂, the gradient where there is one, and 0 where z_g = 0."""
        size = self.magnitude(z)
        return z / np.where(size > 0, size, 1)

    def conjugate(self, p: Any) -> float:
        return 0.0 if largest(self.magnitude(p)) <= 1 + rounding(p) else np.inf

    def project_dual(self, p: Any) -> Any:
        """Return the nearest `p` whose groups are no longer than 1."""
        return p / np.maximum(1, self.magnitude(p))

    def default_penalty(self, weight: float, scale: float, stiffness: float) -> float:
        # the threshold, weight / penalty, is then a few per cent of the range
        return weight / (0.045 * scale)


@dataclass(frozen=True, eq=False)
class Interval:
    """0 where low ≤ z ≤ high everywhere, else infinite; bounds are numbers, or arrays of the shape of z."""

    low: Any
    high: Any
    curvature: ClassVar[float | None] = None
    convex: ClassVar[bool] = True
    quadratic: ClassVar[bool] = False
    real_only: ClassVar[bool] = True
    bounded_below: ClassVar[bool] = True
    lipschitz: ClassVar[float | None] = None

    @property
    def bounds(self) -> tuple[Any, Any]:
        """The bounds of every entry, as two numbers or arrays."""
        return self.low, self.high

    def cast(self, dtype: Any, like: Any = None) -> Self:
        def convert(bound: Any) -> Any:
            return bound if np.ndim(bound) == 0 else asarray(bound, like, "a bound").astype(real_dtype(dtype), copy=False)

        return replace(self, low=convert(self.low), high=convert(self.high))

    def value(self, z: Any) -> float:
        # a point that the prox itself made may lie off the bound by a rounding error
        sizes = (np.abs(b[np.isfinite(b)]).max(initial=0) for b in map(np.atleast_1d, self.bounds))
        slack = 4 * np.finfo(z.dtype).eps * float(max(sizes))
        inside = bool((z >= self.low - slack).all() and (z <= self.high + slack).all())
        return 0.0 if inside else np.inf

    def prox(self, z: Any, step: float, out: Any = None) -> Any:
        return np.clip(z, self.low, self.high, out=out)

    def fused(self, split: Split) -> FusedStep | None:
        from .fused import pointwise

        return pointwise(split, "BOUNDS", bounds=self.bounds) if all(np.ndim(b) == 0 for b in self.bounds) else None

    def conjugate(self, p: Any) -> float:
        slack = rounding(p) * largest(p)
        total = 0.0
        for bound, part in ((self.low, np.minimum(p, 0)), (self.high, np.maximum(p, 0))):
            finite = np.isfinite(bound)
            if largest(np.where(finite, 0, part)) > slack:
                return np.inf
            total += float(np.sum(np.where(finite, bound, 0) * part, dtype=np.float64))
        return total

    def default_penalty(self, weight: float, scale: float, stiffness: float) -> float:
        return 0.03 * stiffness
