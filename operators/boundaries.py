"""Continuing an array beyond its edges, and the exact transpose of doing so."""

from __future__ import annotations

from typing import Any

import numpy as np

# numpy.pad's word for each boundary that repeats samples of the image
_PAD_MODE = {"reflect": "symmetric", "mirror": "reflect", "nearest": "edge", "periodic": "wrap"}


def source_indices(n: int, before: int, after: int, boundary: str) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Return, for positions −before … n+after−1, the index of the sample that stands there; −1 where it is zero.

    ============  ==============================  ==========================
    boundary      outside (of ``a b c d``)        SciPy's and NumPy's words
    ============  ==============================  ==========================
    periodic      ``c d | a b c d | a b``         ndimage "wrap"
    zero          ``0 0 | a b c d | 0 0``         ndimage "constant"
    reflect       ``b a | a b c d | d c``         ndimage "reflect", pad "symmetric"
    mirror        ``c b | a b c d | c b``         ndimage "mirror", pad "reflect"
    nearest       ``a a | a b c d | d d``         ndimage "nearest", pad "edge"
    ============  ==============================  ==========================
    """
    inside = np.arange(n)
    if boundary == "zero":
        return np.pad(inside, (before, after), constant_values=-1)
    return np.pad(inside, (before, after), mode=_PAD_MODE[boundary])  # type: ignore[call-overload,no-any-return]


class Extension:
    """An array continued by `before` and `after` samples along one axis, by one of the boundary words.

    Parameters
    ----------
    axis, n : int
        The axis, and the array's size along it.
    before, after : int
    boundary : str
    """

    def __init__(self, axis: int, n: int, before: int, after: int, boundary: str) -> None:
        self.axis, self.n, self.before, self.after = axis, n, before, after
        sources = source_indices(n, before, after, boundary)
        self._most = int(np.bincount(sources, minlength=1).max())
        inside = before + n
        # the margins as stretches, each with the slice of the array that it repeats
        self._stretches = [
            (slice(start + i, start + j), source)
            for start, stop in ((0, before), (inside, inside + after))
            for i, j, source in _stretches(sources[start:stop].tolist(), before)
        ]

    @property
    def size(self) -> int:
        """Size of the continued array along the axis."""
        return self.before + self.n + self.after

    @property
    def inside(self) -> slice:
        """Where the array itself lies in the continued one."""
        return slice(self.before, self.before + self.n)

    def fill(self, x: Any) -> None:
        """Write the margins of a continued array, its inside being there."""
        x = np.moveaxis(x, self.axis, 0)
        for margin, source in self._stretches:
            x[margin] = x[source]

    def fold(self, x: Any) -> None:
        """Apply the transpose of `fill`: add every margin sample to the sample that it repeats."""
        x = np.moveaxis(x, self.axis, 0)
        for margin, source in self._stretches:
            repeated = x[source]
            repeated += x[margin].sum(axis=0, keepdims=True) if len(repeated) == 1 else x[margin]

    def norm(self) -> float:
        """Return the operator norm, √(the most often that a sample is used)."""
        return float(np.sqrt(self._most))


def _stretches(indices: list[int], offset: int) -> list[tuple[int, int, slice]]:
    """Cut a list of indices where its step changes; return each stretch and the slice, moved by `offset`, that it is."""
    found, i = [], 0
    while i < len(indices):
        j, step = i + 1, indices[i + 1] - indices[i] if i + 1 < len(indices) else 0
        while j < len(indices) and abs(step) <= 1 and indices[j] - indices[j - 1] == step:
            j += 1
        first, last = indices[i] + offset, indices[j - 1] + offset
        found.append((i, j, slice(first, last + 1) if step >= 0 else slice(first, last - 1 if last else None, -1)))
        i = j
    return found
