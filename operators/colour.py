"""What a camera does to colour: mixing of channels, and the mosaic of filters on its sensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._arguments import read_axes, read_axis, read_dims
from ._backend import real_dtype
from ._namespace import Constant, asnumpy, namespace
from .base import Identity, ImageGrid, Operator
from .transforms import Fourier


class ChannelMix(Operator):
    r"""Channels as linear combinations of channels: a matrix at every sample.

    .. math:: (A x)_{p, i} = \sum_j m_{i j} \, x_{p, j} \quad \text{at every sample } p

    Parameters
    ----------
    matrix : array of shape (m, n)
        The weights. A row of ``[0.299, 0.587, 0.114]`` makes grey of RGB.
    dims : tuple of int
        Shape of x, with n channels along `axis`.
    axis : int
        The axis of the channels.

    Raises
    ------
    ValueError
        If the matrix is not one, is not finite or does not fit the channels.
    TypeError
        If it is not of numbers.

    Notes
    -----
    The result has m channels along `axis`. Diagonal in every transform over other axes where the matrix is diagonal, and
    so is AᴴA where the columns of the matrix are orthogonal.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import ChannelMix
    >>> grey = ChannelMix([[0.25, 0.5, 0.25]], (2, 2, 3))
    >>> grey.dimsd
    (2, 2, 1)
    >>> grey.apply(np.arange(12.0).reshape(2, 2, 3)).ravel().tolist()
    [1.0, 4.0, 7.0, 10.0]
    """

    def __init__(self, matrix: Any, dims: Any, axis: int = -1) -> None:
        sizes = read_dims(dims)
        self.axis = read_axis(axis, len(sizes))
        matrix = asnumpy(matrix)
        if matrix.dtype.kind not in "biufc":
            raise TypeError(f"matrix has dtype {matrix.dtype}; give an array of numbers")
        channels = sizes[self.axis]
        if matrix.ndim != 2 or matrix.shape[1] != channels or len(matrix) == 0:
            raise ValueError(f"matrix has shape {matrix.shape}; for the {channels} channels of axis {axis} give (m, {channels})")
        if not np.isfinite(matrix).all():
            raise ValueError("matrix holds NaN or infinite numbers; replace them")
        self.matrix = matrix.astype(np.complex128 if matrix.dtype.kind == "c" else np.float64)
        super().__init__(sizes, (*sizes[: self.axis], len(matrix), *sizes[self.axis + 1 :]), self.matrix.dtype)
        self._forward, self._back = Constant(self.matrix), Constant(self.matrix.conj().T)

    def _apply(self, x: Any, out: Any) -> Any:
        return self._mix(self._forward.like(x), x, self.dimsd, out)

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        return self._mix(self._back.like(y), y, self.dims, out)

    def _mix(self, matrix: Any, x: Any, shape: tuple[int, ...], out: Any) -> Any:
        matrix = matrix.astype(x.dtype if matrix.dtype.kind == "c" else real_dtype(x.dtype))
        if self.axis == len(shape) - 1:
            # as one product of matrices, where a stack of small ones would be slow
            result = np.matmul(x.reshape(-1, x.shape[-1]), matrix.T)
        else:
            after = int(np.prod(shape[self.axis + 1 :]))
            result = np.matmul(matrix, x.reshape(-1, x.shape[self.axis], after))
        if out is None:
            return result.reshape(shape)
        out[...] = result.reshape(shape)
        return out

    def _diagonal(self, matrix: Any, transform: Any) -> Any:
        """Return the diagonal of a diagonal matrix, shaped to broadcast over a spectrum; else None."""
        n = len(matrix)
        diagonal = np.diagonal(matrix)
        square = matrix.shape == (n, n) and transform.dims == self.dims
        rounding = 16 * np.finfo(float).eps * np.abs(matrix).max()
        if not square or np.abs(matrix - np.diag(diagonal)).max() > rounding:
            return None
        if np.abs(diagonal - diagonal[0]).max() <= rounding:
            return np.full((1,) * len(self.dims), diagonal[0])
        if self.axis in transform.axes:
            return None
        shape = [1] * len(self.dims)
        shape[self.axis] = n
        return diagonal.reshape(shape)

    def symbol(self, transform: Any) -> Any:
        halved = isinstance(transform, Fourier) and transform.real and self.dtype.kind == "c"
        return None if halved else self._diagonal(self.matrix, transform)

    def gram_symbol(self, transform: Any) -> Any:
        gram = self._diagonal(np.matmul(self.matrix.conj().T, self.matrix), transform)
        return None if gram is None else gram.real

    def norm_bound(self) -> float:
        return float(np.linalg.norm(self.matrix, 2))

    def image_grid(self, behind: ImageGrid | None = None) -> ImageGrid | None:
        # samples stay where they are; along the channels they do not
        return None if behind is None or self.axis in behind[0] else behind

    def __repr__(self) -> str:
        m, n = self.matrix.shape
        return f"ChannelMix({m}×{n}, {'×'.join(map(str, self.dims))}, axis {self.axis})"


class Bayer(Operator):
    r"""The mosaic of colour filters before a sensor: of each sample, one of its channels.

    .. math:: (A x)_{i, j} = x_{i, j, c(i \bmod 2, \, j \bmod 2)}

    Parameters
    ----------
    dims : tuple of int
        Shape of the colour image x.
    pattern : {"RGGB", "BGGR", "GRBG", "GBRG"}
        The filters of the first two rows, from left to right; any four of the letters R, G and B are taken.
    axis : int
        The axis of the three channels, in the order R, G, B.
    axes : tuple of two int, optional
        The axes of rows and columns; to be given where x has more than three.

    Raises
    ------
    ValueError
        If an argument does not fit.

    Notes
    -----
    The result has the shape of x without `axis`: (H, W) for (H, W, 3). A Aᴴ = I. The adjoint sets each measured
    sample in its channel and zero in the others: interpolating them is left to a prior.

    References
    ----------
    .. [1] B. E. Bayer, "Color imaging array", US patent 3971065 (1976).

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import Bayer
    >>> A = Bayer((2, 2, 3), "RGGB")
    >>> A.apply(np.full((2, 2, 3), [1.0, 2.0, 3.0])).tolist()
    [[1.0, 2.0], [2.0, 3.0]]
    """

    def __init__(self, dims: Any, pattern: str = "RGGB", axis: int = -1, axes: Sequence[int] | None = None) -> None:
        sizes = read_dims(dims)
        self.axis = read_axis(axis, len(sizes))
        if sizes[self.axis] != 3:
            raise ValueError(f"axis is {axis!r}, along which dims {sizes} has {sizes[self.axis]} channels; name the axis of 3")
        others = tuple(a for a in range(len(sizes)) if a != self.axis)
        self.axes = others if axes is None else read_axes(axes, len(sizes))
        if len(self.axes) != 2 or self.axis in self.axes:
            raise ValueError(f"axes is {axes!r} for dims {sizes}; name the two axes of rows and columns, such as axes=(0, 1)")
        if not isinstance(pattern, str) or len(pattern) != 4 or set(pattern.upper()) - set("RGB"):
            raise ValueError(f"pattern is {pattern!r}; give the four filters of two rows, such as 'RGGB'")
        self.pattern = pattern.upper()
        super().__init__(sizes, tuple(sizes[a] for a in others))
        # for each of the four filters, where it lies in the mosaic and in x
        self._places = []
        for place, letter in enumerate(self.pattern):
            where: list[Any] = [slice(None)] * len(sizes)
            where[self.axes[0]], where[self.axes[1]] = slice(place // 2, None, 2), slice(place % 2, None, 2)
            mosaic = tuple(where[a] for a in others)
            where[self.axis] = "RGB".index(letter)
            self._places.append((mosaic, tuple(where)))

    def _apply(self, x: Any, out: Any) -> Any:
        out = namespace(x).empty(self.dimsd, x.dtype) if out is None else out
        for mosaic, where in self._places:
            out[mosaic] = x[where]
        return out

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        out = namespace(y).empty(self.dims, y.dtype) if out is None else out
        out[...] = 0
        for mosaic, where in self._places:
            out[where] = y[mosaic]
        return out

    def split(self) -> tuple[Bayer, Identity]:
        return self, Identity(self.dims)

    def norm_bound(self) -> float:
        return 1.0

    def image_grid(self, behind: ImageGrid | None = None) -> ImageGrid:
        return self.axes, "nearest"

    def __repr__(self) -> str:
        return f"Bayer({'×'.join(map(str, self.dims))}, {self.pattern})"
