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
        self.sources = source_indices(n, before, after, boundary)

    def apply(self, x: Any) -> Any:
        """Return the continued array."""
        return np.take(x, self.sources, axis=self.axis)

    def apply_adjoint(self, y: Any) -> Any:
        """Return the transpose applied: every margin sample is added to the sample that it repeats."""
        y = np.moveaxis(y, self.axis, 0)
        x = y[self.before : self.before + self.n].copy()
        for start, stop in ((0, self.before), (self.before + self.n, self.before + self.n + self.after)):
            for a, b in _runs(self.sources[start:stop]):
                x[self.sources[start + a : start + b]] += y[start + a : start + b]
        return np.moveaxis(x, 0, self.axis)

    def norm(self) -> float:
        """Return the operator norm, √(the most often that a sample is used)."""
        return float(np.sqrt(np.bincount(self.sources, minlength=1).max()))


def _runs(indices: Any) -> list[tuple[int, int]]:
    """Cut a list of indices into stretches in which none comes twice."""
    runs, start, seen = [], 0, set[int]()
    for i, index in enumerate(indices.tolist()):
        if index in seen:
            runs.append((start, i))
            start, seen = i, set()
        seen.add(index)
    return [*runs, (start, len(indices))] if len(indices) else []
