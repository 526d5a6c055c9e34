"""Passes over counts and over the image that they correct.

Long arrays of NumPy's go through compiled kernels, others through their library.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from unblur.operators._backend import inner, sum_of_squares
from unblur.operators._vectors import runs

from .functionals import rounding


def extremes(z: Any, background: Any) -> tuple[float, float]:
    """Return the least and the greatest of z + b."""
    if np.ndim(background) > 0:
        z, background = z + background, 0.0
    return float(z.min()) + background, float(z.max()) + background


def ratio(z: Any, y: Any, background: Any, floor: float, out: Any) -> Any:
    """Return y / (z + b), the denominator no less than `floor`; in `out`, which may be z, where that is not None."""
    out = np.empty_like(z) if out is None else out
    found = _readable(background, z, y, out)
    if found is not None:
        from . import count_kernels as kernels

        real = z.dtype.type
        _over(kernels.ratio, kernels.SLAB, *found[:2], real(background), real(floor), found[2])
        return out
    np.add(z, background, out=out)
    np.maximum(out, floor, out=out)
    return np.divide(y, out, out=out)


def divergence(z: Any, y: Any, weights: Any, background: Any) -> float | None:
    """Return Σ w (y log(y/u) − y + u), u = z + b.

    None where there is no kernel for it, or where a part of it is infinite or nearly so.
    """
    found = _readable(background, z, y, *([] if weights is None else [weights]))
    if found is None:
        return None
    low, high = extremes(z, background)
    if not low >= -rounding(z) * max(high, -low):
        return None
    from . import count_kernels as kernels

    z, y, *others = found
    real, limits = z.dtype.type, np.finfo(z.dtype)
    sums = np.empty((-(-z.size // kernels.HEAVY_SLAB), 2))
    # beyond, 2ᵏ would be out of range
    limit = real(limits.max) ** real(0.75)
    _over(
        *(kernels.divergence, kernels.HEAVY_SLAB, z, y, others[0] if others else z[:0]),
        *(real(background), kernels.BITS[z.dtype], limits.tiny, limit, sums),
    )
    total, beyond = sums.sum(axis=0).tolist()
    return total if beyond == 0 else None


def extrapolate(x: Any, before: Any, alpha: float, out: Any) -> None:
    """Write x + α (x − x₋) to `out` where x has grown, and x / (1 + α (x₋ − x) / x) where it has shrunk, which is above 0."""
    found = runs(x, before, out)
    if found is not None:
        from . import count_kernels as kernels

        _over(kernels.extrapolate, kernels.SLAB, *found[:2], x.dtype.type(alpha), found[2])
        return
    np.subtract(x, before, out=out)
    out *= alpha
    shrunk = out < 0
    factor = np.where(shrunk, x, 1) / np.where(shrunk, x - out, 1)
    out += x
    np.multiply(x, factor, out=out, where=shrunk)


class Correction(NamedTuple):
    """Sums of what a multiplicative step did."""

    change: float  #: ‖step‖²
    along: float  #: ⟨step, step₋⟩
    left: float  #: ‖front step / mean‖² + ‖front (q − 1)₊‖²
    size: float  #: ‖front new / mean‖²


def correct(z: Any, back: Any, front: Any, mean: float, least: float, new: Any, step: Any) -> Correction:
    """Write z q to `new`, with q = (back)₊ / front, or 1 where front is 0, and to `step` what that adds.

    What falls below `least` stays where it was. Without a kernel `back` and `step` are worked in, and arrays are made.
    """
    found = runs(z, back, front, new, step)
    if found is not None:
        from . import count_kernels as kernels

        sums = np.empty((-(-z.size // kernels.SLAB), 4))
        real = z.dtype.type
        _over(kernels.correct, kernels.SLAB, *found[:3], real(mean), real(least), *found[3:], sums)
        return Correction(*sums.sum(axis=0).tolist())
    seen = front != 0
    # a spectral adjoint leaves rounding errors below 0
    np.maximum(back, 0, out=back)
    np.divide(np.where(seen, back, 1), np.where(seen, front, 1), out=new)
    short = np.maximum(new - 1, 0)
    short *= front
    left = sum_of_squares(short)
    new *= z
    np.maximum(new, np.minimum(z, least), out=new)
    np.subtract(new, z, out=back)
    along = inner(back, step)
    step[...] = back
    left += sum_of_squares(np.multiply(step, front, out=back)) / mean**2
    size = sum_of_squares(np.multiply(new, front, out=back)) / mean**2
    return Correction(sum_of_squares(step), along, left, size)


def _readable(background: Any, *arrays: Any) -> list[Any] | None:
    """Return the arrays as kernels read them; None where they cannot, or cannot read the background."""
    return runs(*arrays) if np.ndim(background) == 0 else None


def _over(kernel: Any, slab: int, *arguments: Any) -> None:
    from unblur.operators._compiled import over_slabs

    over_slabs(kernel, -(-arguments[0].size // slab), *arguments)
