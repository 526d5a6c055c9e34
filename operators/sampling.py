"""Operators that keep some of the samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._arguments import read_dims
from .base import Identity, Operator


class Crop(Operator):
    """A rectangular part of an array.

    Parameters
    ----------
    dims : tuple of int
        Shape of the whole.
    window : tuple of slice
        The part along each axis; slices of step 1.

    Raises
    ------
    ValueError
        If a slice is missing, has a step, or keeps nothing.

    Notes
    -----
    The adjoint surrounds by zeros, so that A Aᴴ = I.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import Crop
    >>> Crop((5,), (slice(1, 3),)).apply(np.arange(5.0))
    array([1., 2.])
    """

    def __init__(self, dims: Any, window: tuple[slice, ...]) -> None:
        dims = read_dims(dims)
        if len(window) != len(dims) or not all(isinstance(s, slice) for s in window):
            raise ValueError(f"window is {window!r}; give a slice for each of the {len(dims)} axes")
        ranges = [range(*s.indices(n)) for s, n in zip(window, dims, strict=True)]
        if any(r.step != 1 or len(r) == 0 for r in ranges):
            raise ValueError(f"window is {window!r}; each slice must have step 1 and keep something of {dims}")
        super().__init__(dims, tuple(map(len, ranges)))
        self.window = tuple(slice(r.start, r.stop) for r in ranges)

    def _apply(self, x: Any, out: Any) -> Any:
        if out is None:
            return x[self.window].copy()
        out[...] = x[self.window]
        return out

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        out = np.empty(self.dims, y.dtype) if out is None else out
        out[...] = 0
        out[self.window] = y
        return out

    def view(self, x: Any) -> Any:
        """Return the part of `x` as a view, to be written to."""
        return x[self.window]

    def split(self) -> tuple[Crop, Identity]:
        return self, Identity(self.dims)

    def norm_bound(self) -> float:
        return 1.0
