r"""Fourier multipliers: products with a symbol between a transform and its inverse."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ._backend import fft_is_scipys, real_dtype
from ._layout import Layout
from ._namespace import Constant, contiguous, is_numpy
from .transforms import Cosine, Fourier

# samples from which it is worth loading kernels
_FEW = 1 << 14


class Multiplier:
    r"""The operator that a transform makes a product with a symbol.

    .. math:: T x = F^{-1} (s \cdot F x)

    Parameters
    ----------
    transform : Fourier or Cosine
    symbol : callable
        Returns s in double precision, an array that broadcasts to a spectrum; it is asked for when it is needed, and not kept.

    Notes
    -----
    Real images and volumes of NumPy's go through compiled passes, which take half the time of a real FFT and its inverse, where
    their sizes have no prime factors but 2, 3 and 5 and no other FFT has been chosen by ``scipy.fft.set_backend``; other
    arrays go through FFTs.
    """

    def __init__(self, transform: Fourier | Cosine, symbol: Callable[[], Any]) -> None:
        self.transform = transform
        self._symbol: Callable[[], Any] | None = symbol
        # for each precision, and for the adjoint where no kernel takes its conjugate
        self._products: dict[Any, _Product | None] = {}
        self._symbols: dict[Any, Constant] = {}

    def apply(
        self, x: Any, out: Any = None, plus: Any = None, sizes: tuple[int, ...] | None = None, adjoint: bool = False
    ) -> Any:
        """Return T x + `plus`, in `out` where it is given.

        Parameters
        ----------
        x : array
            Where it is shorter than the transform's grid it is continued by zeros.
        out : array, optional
        plus : array of the result's shape, optional
        sizes : tuple of int, optional
            How many samples are asked for along each axis, the first ones; by default all.
        adjoint : bool
            Whether the adjoint of T takes the place of T.
        """
        product = self._compiled(x)
        if product is not None:
            shape = self.transform.dims if sizes is None else sizes
            direct = out is not None and out.shape == shape and out.dtype == x.dtype and out.flags.c_contiguous
            result = out if direct else np.empty(shape, x.dtype)
            product(x, result, plus, adjoint)
            if direct:
                return out
        else:
            spectrum = self.transform.forward(x)
            spectrum *= self.symbol_like(x, adjoint)
            result = self.transform.inverse(spectrum, sizes)
            if plus is not None:
                result += plus
        if out is None:
            return contiguous(result)
        out[...] = result
        return out

    def settle(self, x: Any) -> None:
        """Settle how arrays like this one go; where it is by compiled passes nothing else holds on to the symbol."""
        if self._compiled(x) is not None:
            self._symbol = None

    def _compiled(self, x: Any) -> _Product | None:
        """Return the compiled passes that take an array, or None."""
        if self._symbol is None:
            return self._products[x.dtype]
        if not takes(x, self.transform):
            return None
        if x.dtype not in self._products:
            assert isinstance(self.transform, Fourier)
            symbol = channelled(self._symbol(), self.transform)
            self._products[x.dtype] = None if symbol is None else _Product(self.transform, symbol, x.dtype)
        return self._products[x.dtype]

    def symbol_like(self, x: Any, adjoint: bool = False) -> Any:
        """Return the symbol in the precision and the library of an array."""
        key = (x.dtype, adjoint)
        if key not in self._symbols:
            assert self._symbol is not None
            symbol = self._symbol()
            real = real_dtype(x.dtype)
            kind = np.result_type(real, np.complex64) if np.iscomplexobj(symbol) else real
            self._symbols[key] = Constant((symbol.conj() if adjoint else symbol).astype(kind))
        return self._symbols[key].like(x)


def compilable(transform: Fourier | Cosine) -> bool:
    """Return whether compiled passes may stand in for a transform and its inverse."""
    return isinstance(transform, Fourier) and prod(transform.dims) >= _FEW and Layout.of(transform, np.float32) is not None


def takes(x: Any, transform: Fourier | Cosine) -> bool:
    """Return whether compiled passes take an array."""
    fits = is_numpy(x) and x.dtype in (np.float32, np.float64) and compilable(transform) and fft_is_scipys()
    sizes = enumerate(zip(x.shape, transform.dims, strict=True)) if fits else ()
    # along the axes it may be shorter
    return fits and all(m == n or (m < n and axis in transform.axes) for axis, (m, n) in sizes)


def channelled(symbol: Any, transform: Fourier) -> Any:
    """Return a symbol as (frequencies…, channels), with one channel where it is the same for all; None if batches differ."""
    shape = transform.shape
    first, last = transform.axes[0], transform.axes[-1] + 1
    symbol = symbol.reshape((1,) * (len(shape) - symbol.ndim) + symbol.shape)
    if any(n > 1 for n in symbol.shape[:first]):
        return None
    channels = symbol.shape[last:] if max(symbol.shape[last:], default=1) == 1 else shape[last:]
    symbol = np.broadcast_to(symbol, (*symbol.shape[:last], *channels))
    return symbol.reshape(*symbol.shape[first:last], prod(channels))


class Passes:
    """The compiled passes over arrays of one shape and precision, and their work space.

    Parameters
    ----------
    transform : Fourier
        One that is `compilable`.
    dtype : dtype
    own : int
        Channels of the symbols.
    spectra : int
        How many spectra are worked on at once.
    """

    def __init__(self, transform: Fourier, dtype: Any, own: int, spectra: int = 1) -> None:
        layout = Layout.of(transform, dtype)
        assert layout is not None
        self.layout, self.spectra = layout, spectra
        #: for symbols: the transforms are not normalised, and what they give is twice the spectrum
        self.scale = 0.5 / prod(layout.sizes)
        columns, rows, _ = layout.tasks
        self._tasks = (spectra * columns, rows, spectra * columns)
        self._shape = (layout.geometry(own), *layout.lengths())
        # work space that no thread is using
        self._free: list[Any] = []

    def run(self, kernel: str, arrays: tuple[Any, ...], *symbols: Any) -> None:
        """Run a kernel over the images, or volumes, of arrays in one run of memory; None stands for an empty one."""
        from . import _multiplier_kernels as kernels
        from ._compiled import over_slabs

        try:
            z = self._free.pop()
        except IndexError:
            z = self.layout.room(self.spectra)
        batches = self.layout.batches
        empty = np.empty((batches, 0), self.layout.dtype)
        for images in zip(*(empty if a is None else a.reshape(batches, -1) for a in arrays), strict=True):
            over_slabs(getattr(kernels, kernel), self._tasks, *images, z, *self._shape, *symbols)
        self._free.append(z)


class _Product:
    """The compiled passes of one multiplier."""

    def __init__(self, transform: Fourier, symbol: Any, dtype: Any) -> None:
        self.passes = Passes(transform, dtype, symbol.shape[-1])
        self.axes = slice(transform.axes[0], transform.axes[-1] + 1)
        self.symbol = self.passes.layout.arranged(symbol, self.passes.scale)

    def __call__(self, x: Any, out: Any, plus: Any, adjoint: bool) -> None:
        """Write the product, or its adjoint, and `plus` to `out`."""
        from ._multiplier_kernels import COMPLEX, CONJUGATE, REAL

        kind = REAL if len(self.symbol) == 1 else CONJUGATE if adjoint else COMPLEX
        arrays = contiguous(x), out, None if plus is None else contiguous(plus)
        parts = (self.passes.layout.part(a.shape[self.axes]) for a in (x, out))
        self.passes.run("multiply", arrays, *parts, self.symbol, kind)
