"""A part of an image that stands for the whole."""

from __future__ import annotations

import numpy as np

from .missing import filled
from .observation import Observation

#: a part has this share of the image's samples, no fewer than the least and no more than the most
_SHARE, _LEAST, _MOST = 1 / 16, 1 << 14, 3 << 14
#: and along each axis at least so many times the PSF's size
_PSFS = 3
#: differences larger than this share of them count as much as these
_USUAL = 0.99


def representative(seen: Observation) -> tuple[slice, ...]:
    """Return the window whose differences between neighbours are nearest to those of the whole image in their mean square.

    All of the axes that are not blurred are in it.
    """
    y = seen.y
    shape = [y.shape[a] for a in seen.axes]
    sizes = _sizes(shape, [_PSFS * n for n in seen.psf_sizes])
    if sizes == shape:
        return (slice(None),) * y.ndim
    samples = np.moveaxis(filled(y, seen.known, seen.axes), seen.axes, range(len(seen.axes)))
    energy = np.zeros(shape)
    for axis in range(len(shape)):
        step = np.diff(samples, axis=axis, append=np.take(samples, [-1], axis)).astype(np.float64) ** 2
        energy += step.reshape(*shape, -1).mean(axis=-1)
    # a few very bright things do not stand for the whole
    energy = np.minimum(energy, np.quantile(energy, _USUAL))
    whole = energy.mean()
    starts = [range(0, n - size + 1, max(1, size // 2)) for n, size in zip(shape, sizes, strict=True)]
    # sums over windows, by differences of a running sum
    running = np.pad(energy, [(1, 0)] * energy.ndim)
    for axis in range(energy.ndim):
        running = np.cumsum(running, axis=axis)
    for axis, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        first = np.array(start)
        running = np.take(running, first + size, axis) - np.take(running, first, axis)
    means = running / np.prod(sizes)
    best = np.unravel_index(int(np.argmin(np.abs(np.log(np.maximum(means, 1e-300) / max(whole, 1e-300))))), means.shape)
    window = [slice(None)] * y.ndim
    for axis, start, size, i in zip(seen.axes, starts, sizes, best, strict=True):
        window[axis] = slice(start[int(i)], start[int(i)] + size)
    return tuple(window)


def _sizes(shape: list[int], least: list[int]) -> list[int]:
    """Return the sizes of a part: a cube where the image allows it."""
    left = float(np.clip(np.prod(shape) * _SHARE, _LEAST, _MOST))
    sizes = list(shape)
    for rank, axis in enumerate(sorted(range(len(shape)), key=lambda a: shape[a])):
        side = round(left ** (1 / (len(shape) - rank)))
        sizes[axis] = min(shape[axis], max(side, least[axis]))
        left = max(left / sizes[axis], 1.0)
    return sizes
