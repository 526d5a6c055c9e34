"""Operators that keep some of the samples."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from ._arguments import read_axes, read_dims
from ._namespace import Constant, asnumpy, namespace, owned
from .base import Identity, ImageGrid, Operator, moved


class _Window(Operator):
    """The samples of a regular window; the adjoint puts them back among zeros."""

    def __init__(self, dims: tuple[int, ...], window: tuple[slice, ...]) -> None:
        super().__init__(dims, tuple(len(range(*s.indices(n))) for s, n in zip(window, dims, strict=True)))
        self.window = window

    def _apply(self, x: Any, out: Any) -> Any:
        if out is None:
            return x[self.window].copy()
        out[...] = x[self.window]
        return out

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        out = namespace(y).empty(self.dims, y.dtype) if out is None else out
        out[...] = 0
        out[self.window] = y
        return out

    def _add_adjoint(self, y: Any, out: Any) -> None:
        out[self.window] += y

    def view(self, x: Any) -> Any:
        """Return the samples of `x` that are kept, as a view to be written to."""
        return x[self.window]

    def gram_symbol(self, transform: Any) -> Any:
        return Identity(self.dims).symbol(transform) if self.dims == self.dimsd else None

    def split(self) -> tuple[Any, Any]:
        return self, Identity(self.dims)

    def norm_bound(self) -> float:
        return 1.0

    def image_grid(self, behind: ImageGrid | None = None) -> ImageGrid | None:
        return moved(behind, self.dimsd, self.dims)


class Crop(_Window):
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
        if not isinstance(window, list | tuple) or len(window) != len(dims) or not all(isinstance(s, slice) for s in window):
            raise ValueError(f"window is {window!r}; give a slice for each of the {len(dims)} axes")
        ranges = [range(*s.indices(n)) for s, n in zip(window, dims, strict=True)]
        if any(r.step != 1 or len(r) == 0 for r in ranges):
            raise ValueError(f"window is {window!r}; each slice must have step 1 and keep something of {dims}")
        super().__init__(dims, tuple(slice(r.start, r.stop) for r in ranges))


class Downsample(_Window):
    r"""One sample of every few along some axes.

    .. math:: (A x)_i = x_{f i + o}

    Parameters
    ----------
    dims : tuple of int
        Shape of x.
    factor : int or sequence of int
        The distance f between samples that are kept, one for all axes or one for each, in the order of `axes`.
    axes : int or tuple of int, optional
        The axes that are decimated; by default all.
    offset : int or sequence of int, optional
        Index o of the first sample that is kept, from 0 to f − 1; one for all axes or one for each.

    Raises
    ------
    ValueError
        If an argument does not fit.
    TypeError
        If a factor or an offset is not a whole number.

    Notes
    -----
    Nothing is smoothed before: for a camera that sees a sharper scene, blur by the size of its pixels first, as in
    the example. The adjoint puts zeros between, so that A Aᴴ = I. Along an axis of n samples, ⌈(n − o) / f⌉ are kept.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import Blur, Downsample
    >>> pixel = Blur(np.ones((2, 2)) / 4, (6, 8), boundary="periodic", center=0)
    >>> camera = Downsample((6, 8), 2, offset=1) * pixel
    >>> camera.dot(np.arange(48.0).reshape(6, 8)).round(12).tolist()
    [[4.5, 6.5, 8.5, 10.5], [20.5, 22.5, 24.5, 26.5], [36.5, 38.5, 40.5, 42.5]]
    """

    def __init__(
        self,
        dims: Any,
        factor: int | Sequence[int],
        axes: int | Sequence[int] | None = None,
        offset: int | Sequence[int] = 0,
    ) -> None:
        dims = read_dims(dims)
        self.axes = read_axes(axes, len(dims))
        self.factor = _read_counts(factor, self.axes, "factor", 1, [dims[a] for a in self.axes])
        self.offset = _read_counts(offset, self.axes, "offset", 0, [f - 1 for f in self.factor])
        window = [slice(None)] * len(dims)
        for axis, f, o in zip(self.axes, self.factor, self.offset, strict=True):
            window[axis] = slice(o, None, f)
        super().__init__(dims, tuple(window))
        self._named = axes is not None

    def image_grid(self, behind: ImageGrid | None = None) -> ImageGrid | None:
        # where the axes were not named, colour or time may be among them
        return (self.axes, "nearest") if self._named else super().image_grid(behind)


class Mask(Operator):
    r"""Some of the samples, the others zero.

    .. math:: (A x)_i = m_i x_i, \qquad m_i \in \{0, 1\}

    Parameters
    ----------
    mask : array of bool
        True where a sample is kept.
    dims : tuple of int, optional
        Shape of x, to which the mask is broadcast; by default the mask's own. A mask of shape (H, W, 1) serves a
        colour image so.

    Raises
    ------
    TypeError
        If the mask is not of booleans.
    ValueError
        If it does not broadcast to `dims`.

    Notes
    -----
    Samples that are not kept are not computed with: they may be NaN. A is its own adjoint and its own square.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import Mask
    >>> y = np.array([1.0, np.nan, 3.0])
    >>> Mask(np.isfinite(y)).apply(y)
    array([1., 0., 3.])
    """

    def __init__(self, mask: Any, dims: Any = None) -> None:
        mask = asnumpy(mask)
        if mask.dtype != bool:
            raise TypeError(f"mask has dtype {mask.dtype}; give booleans, such as mask != 0, or weights to LeastSquares")
        sizes = read_dims(mask.shape if dims is None else dims, "mask.shape" if dims is None else "dims")
        try:
            np.broadcast_to(mask, sizes)
        except ValueError:
            raise ValueError(f"mask has shape {mask.shape}, which does not broadcast to dims {sizes}") from None
        super().__init__(sizes, sizes)
        self.mask = owned(mask)
        self._dropped = Constant(~mask)

    def _apply(self, x: Any, out: Any) -> Any:
        if out is None:
            out = x.copy()
        else:
            out[...] = x
        np.copyto(out, 0, where=self._dropped.like(x))
        return out

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        return self._apply(y, out)

    def symbol(self, transform: Any) -> Any:
        return Identity(self.dims).symbol(transform) if self.mask.all() else None

    def split(self) -> tuple[Mask, Identity]:
        return self, Identity(self.dims)

    def norm_bound(self) -> float:
        return float(self.mask.any())

    def image_grid(self, behind: ImageGrid | None = None) -> ImageGrid | None:
        return behind

    def __repr__(self) -> str:
        return f"Mask({'×'.join(map(str, self.dims))}, {self.mask.mean():.0%} kept)"


def _read_counts(value: Any, axes: tuple[int, ...], name: str, low: int, high: Sequence[int]) -> tuple[int, ...]:
    """Return a whole number for each axis, from one for all or from one for each."""
    try:
        counts = tuple(index(n) for n in (value if np.iterable(value) else [value] * len(axes)))
    except TypeError:
        raise TypeError(f"{name} is {value!r}; give a whole number, or one for each of axes {axes}") from None
    if len(counts) != len(axes) or any(not low <= n <= most for n, most in zip(counts, high, strict=True)):
        raise ValueError(f"{name} is {value!r}; for axes {axes} give from {low} to {tuple(high)}")
    return counts
