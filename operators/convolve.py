"""Convolution under PyLops's name and signature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._arguments import read_array, read_axes, read_dims, read_dtype
from ._namespace import owned
from .blur import Blur


class Convolve2D(Blur):
    r"""Two-dimensional convolution that takes `x` for zero outside, with the signature of `pylops.signalprocessing.Convolve2D`.

    .. math:: (A x)_{i, j} = \sum_{k, l} h_{k, l} \, x_{i - (k - o_0), \; j - (l - o_1)}

    Parameters
    ----------
    dims : tuple of int
        Shape of x, and of the result.
    h : array of two dimensions
        The kernel.
    offset : tuple of int
        Index of the kernel's centre. The default, its first sample, shifts the image: for a blur give the middle,
        ``(h.shape[0] // 2, h.shape[1] // 2)``, or take `Blur`, whose default that is.
    axes : tuple of int
        The two axes that are convolved; others ride along.
    method : {"fft", "auto", "direct"}
        For the sake of PyLops's signature; the FFT is always used.
    dtype : dtype, optional
        What is declared to PyLops and SciPy.
    name : str
        For `pylops.utils.describe.describe`.

    Raises
    ------
    ValueError
        If an argument does not fit the others.

    Notes
    -----
    Two differences to PyLops's: the spectrum of the kernel is computed once, and a float32 array stays float32
    whatever the type of the kernel.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import Convolve2D
    >>> Convolve2D((1, 4), np.ones((1, 3)), offset=(0, 1)).apply(np.array([[1.0, 2.0, 4.0, 8.0]])).round(12)
    array([[ 3.,  7., 14., 12.]])
    """

    def __init__(
        self,
        dims: Any,
        h: Any,
        offset: Sequence[int] = (0, 0),
        axes: Sequence[int] = (-2, -1),
        method: str = "fft",
        dtype: Any = np.float64,
        name: str = "C",
    ) -> None:
        h = read_array(h, "h")
        dtype = read_dtype(dtype)
        if np.ndim(h) != 2:
            raise ValueError(f"h has {np.ndim(h)} dimensions; give a kernel of two, or take Blur")
        if not isinstance(method, str) or method not in ("fft", "auto", "direct"):
            raise ValueError(f"method is {method!r}; leave it out: the FFT is always used")
        sizes = read_dims(dims)
        if len(sizes) < 2:
            raise ValueError(f"dims is {dims!r}; give two sizes or more")
        if axes is None or len(read_axes(axes, len(sizes))) != 2:
            raise ValueError(f"axes is {axes!r}; name two, such as (0, 1)")
        if not isinstance(offset, Sequence | np.ndarray):
            raise TypeError(f"offset is {offset!r}; give an index into h along each of its axes, such as (1, 1)")
        if len(offset) != 2 or any(not 0 <= o < n for o, n in zip(offset, np.shape(h), strict=True)):
            raise ValueError(f"offset is {offset!r}; give an index into h, of shape {np.shape(h)}, along each of its axes")
        super().__init__(h, sizes, boundary="zero", axes=tuple(axes), center=tuple(int(o) for o in offset))
        self.h = owned(h)
        self.offset = tuple(int(o) for o in offset)
        self.method = method
        self.name = name
        self.dtype = np.result_type(dtype, np.complex64) if np.iscomplexobj(h) else np.dtype(dtype)

    def __repr__(self) -> str:
        return f"Convolve2D(h {'×'.join(map(str, self.h.shape))}, {'×'.join(map(str, self.dims))}, offset {self.offset})"
