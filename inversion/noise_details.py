"""The details of data that a blur leaves to the noise: the finest diagonal band of a wavelet transform, where it is seen.

Along each axis that is a derivative, of order two for Daubechies' filter of two vanishing moments and of order one for Haar's,
and then a short average. In that order what is constant gives exactly 0, and an offset costs no digits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
import pywt
from scipy.ndimage import maximum_filter

#: a band is to have so many details, or half of those that data without holes would give
_ENOUGH = 64
#: along an axis of so many samples every other position is looked at, as the wavelet transform does
_LONG = 64
#: samples of an image of which a detail is taken at every other position; of more at fewer
_PLENTY = 1 << 14
#: a detail that is exactly 0 counts where another is not, within so many positions: an edge without noise shows both
_NEAR = 2


@dataclass(frozen=True)
class Details:
    """Filtered data, and the part of them that counts.

    Attributes
    ----------
    band : Band
        The filter.
    values : array
        Of unit variance for noise of unit variance.
    seen : array of bool
        Where every sample beneath the filter is seen.
    counted : array of bool
        Where that is so, and not all about is constant.
    """

    band: Band
    values: Any
    seen: Any
    counted: Any

    def brightness(self, y: Any) -> Any:
        """Return what the samples of `y` beneath the filter are about; one of them that stands out does not count."""
        taps = self.band.order + len(self.band.taps)
        sizes = [y.shape[axis] for axis in self.band.axes]
        for axis in self.band.axes:
            met = _met(y, axis, taps, sizes)
            total = sum(met)
            if taps > 2:
                total -= reduce(np.maximum, met) + reduce(np.minimum, met)
            y = np.moveaxis(total, 0, axis)
        return y


@dataclass(frozen=True)
class Band:
    """A separable high-pass filter of unit energy: along each of `axes` a difference of some order, then an average."""

    axes: tuple[int, ...]
    order: int
    taps: tuple[float, ...]

    def details(self, y: Any, variances: Any = None) -> Details:
        """Return the details of `y`, whose samples' noise has these variances, infinite where one is not seen."""
        whole = self.taps
        for _ in range(self.order):
            whole = tuple(np.convolve([1.0, -1.0], whole))
        values = _filtered(y, self.axes, self.taps, self.order)
        seen = np.ones(values.shape, bool)
        if variances is not None:
            gains = _filtered(variances, self.axes, [t * t for t in whole])
            seen &= np.isfinite(gains)
            values = np.divide(values, np.sqrt(gains), out=np.zeros_like(values), where=seen)
        counted, active = seen, values != 0
        if not active.all():
            near = [2 * _NEAR + 1 if axis in self.axes else 1 for axis in range(y.ndim)]
            counted = seen & maximum_filter(active, near, mode="constant")
        return Details(self, values, seen, counted)


def _filtered(y: Any, axes: tuple[int, ...], taps: Sequence[float], order: int = 0) -> Any:
    """Return the differences of `order`, averaged by `taps`, along each axis, where the filter lies within the data."""
    sizes = [y.shape[axis] for axis in axes]
    for axis in axes:
        met = _met(y, axis, order + len(taps), sizes)
        for _ in range(order):
            met = [after - before for before, after in pairwise(met)]
        y = np.moveaxis(sum(a * y.dtype.type(t) for a, t in zip(met, taps, strict=True)), 0, axis)
    return y


def _met(y: Any, axis: int, taps: int, sizes: Sequence[int]) -> list[Any]:
    """Return the samples that each tap of a filter meets on its way along `axis`, which comes first."""
    lines = np.moveaxis(y, axis, 0)
    count, stride = len(lines) - taps + 1, _stride(len(lines), sizes)
    return [lines[k : k + count : stride] for k in range(taps)]


def _stride(n: int, sizes: Sequence[int]) -> int:
    """Return how many samples to go on along an axis of `n`; an odd number over 2, to meet every place in a file's blocks."""
    every = math.ceil((math.prod(sizes) / _PLENTY) ** (1 / len(sizes)))
    return 1 if n < _LONG else max(2, every + (every % 2 == 0) * (every > 2))


def bands(shape: tuple[int, ...], axes: tuple[int, ...]) -> Iterator[Band]:
    """Yield the bands that fit into `shape`, the best first; axes of fewer samples than a filter has taps are left out of it."""
    db2, haar = pywt.Wavelet("db2").dec_hi[::-1], (0.5**0.5,)
    long, pairs = (tuple(axis for axis in axes if shape[axis] >= n) for n in (4, 2))
    if long:
        # (1, −2, 1) ∗ (a, b) has a and b at its ends
        yield Band(long, 2, (db2[0], db2[-1]))
    if pairs:
        yield Band(pairs, 1, haar)
    if len(pairs) > 1:
        yield from (Band((axis,), 1, haar) for axis in sorted(pairs, key=lambda axis: -shape[axis]))


def finest_details(y: Any, axes: tuple[int, ...], variances: Any = None) -> Details | None:
    """Return the details of the first band of which enough is seen, else those of which most is; None where nothing is."""
    best: Details | None = None
    for band in bands(y.shape, axes):
        details = band.details(y, variances)
        number = np.count_nonzero(details.seen)
        if number >= min(_ENOUGH, details.values.size / 2):
            return details
        if number > (0 if best is None else np.count_nonzero(best.seen)):
            best = details
    return best
