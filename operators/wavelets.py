"""Wavelet transforms that keep the norm: orthogonal, and undecimated."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from operator import index
from typing import Any

import numpy as np
import pywt

from ._arguments import read_axes, read_dims
from ._backend import real_dtype
from ._namespace import Constant, contiguous, namespace, require_numpy
from .base import Identity, Operator
from .transforms import Fourier


class _Isometry(Operator):
    """A wavelet transform with Wᴴ W = I."""

    def __init__(self, dims: tuple[int, ...], dimsd: tuple[int, ...], wavelet: Any, level: int, axes: tuple[int, ...]) -> None:
        super().__init__(dims, dimsd)
        self.wavelet, self.level, self.axes = wavelet, level, axes

    def gram_symbol(self, transform: Any) -> Any:
        return Identity(self.dims).symbol(transform)

    def norm_bound(self) -> float:
        return 1.0

    def __repr__(self) -> str:
        sizes = f"{'×'.join(map(str, self.dims))} → {'×'.join(map(str, self.dimsd))}"
        return f"{type(self).__name__}({self.wavelet.name}, level {self.level}, {sizes})"


class Wavelet(_Isometry):
    r"""The orthogonal discrete wavelet transform.

    .. math:: W^H W = I

    Parameters
    ----------
    dims : tuple of int
        Shape of x.
    wavelet : str or pywt.Wavelet
        An orthogonal one: ``"haar"``, ``"db2"`` to ``"db38"``, ``"sym2"`` to ``"sym20"``, ``"coif1"`` to ``"coif17"``.
    level : int, optional
        How often the coarse part is split again; by default 3, or fewer where an axis is shorter than 8.
    axes : int or tuple of int, optional
        The axes that are transformed; by default all.

    Attributes
    ----------
    approximation : tuple of slice
        Where in the result the coarse coefficients stand, which are not sparse.

    Raises
    ------
    ValueError
        If the wavelet is unknown or not orthogonal, or if an argument does not fit.

    Notes
    -----
    x is continued by zeros to a multiple of 2^level and then periodically, so that W keeps the norm at any size; where no
    zeros are needed it is unitary. The coefficients stand in the usual nested order: the coarse ones first along each
    axis, in an array of the continued shape. The cost is linear in the size of x.

    References
    ----------
    .. [1] S. Mallat, "A theory for multiresolution signal decomposition: the wavelet representation", IEEE Transactions on
       Pattern Analysis and Machine Intelligence 11 (1989) 674–693.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import Wavelet
    >>> W = Wavelet((4,), "haar", level=1)
    >>> W.apply(np.array([1.0, 1.0, 3.0, 5.0])).round(3) + 0.0
    array([ 1.414,  5.657,  0.   , -1.414])
    >>> Wavelet((30, 41, 3), "db4", axes=(0, 1)).dimsd
    (32, 48, 3)
    """

    def __init__(
        self, dims: Any, wavelet: Any = "haar", level: int | None = None, axes: int | Sequence[int] | None = None
    ) -> None:
        dims = read_dims(dims)
        axes = read_axes(axes, len(dims))
        level = _read_level(level, dims, axes)
        unit = 2**level
        padded = tuple(-(-n // unit) * unit if a in axes else n for a, n in enumerate(dims))
        super().__init__(dims, padded, _read_wavelet(wavelet), level, axes)

    def _apply(self, x: Any, out: Any) -> Any:
        require_numpy(repr(self), x)
        out = namespace(x).empty(self.dimsd, x.dtype) if out is None else out
        if self.dims != self.dimsd:
            out[...] = 0
        out[tuple(map(slice, self.dims))] = x
        for step in range(self.level):
            block = out[self._coarse(step)]
            for axis in self.axes:
                low, high = self._halves(block, axis)
                low[...], high[...] = pywt.dwt(block, self.wavelet, "periodization", axis)
        return out

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        require_numpy(repr(self), y)
        y = y.copy()
        for step in reversed(range(self.level)):
            block = y[self._coarse(step)]
            for axis in reversed(self.axes):
                block[...] = pywt.idwt(*self._halves(block, axis), self.wavelet, "periodization", axis)
        x = y[tuple(map(slice, self.dims))]
        if out is None:
            return contiguous(x)
        out[...] = x
        return out

    def _coarse(self, step: int) -> tuple[slice, ...]:
        return tuple(slice(n >> step if a in self.axes else n) for a, n in enumerate(self.dimsd))

    def _halves(self, block: Any, axis: int) -> tuple[Any, Any]:
        half = block.shape[axis] // 2
        before = (slice(None),) * axis
        return block[(*before, slice(half))], block[(*before, slice(half, None))]

    @property
    def approximation(self) -> tuple[slice, ...]:
        """Where in the result the coarse coefficients stand."""
        return self._coarse(self.level)


class StationaryWavelet(_Isometry):
    r"""The undecimated wavelet transform: a tight frame that commutes with shifts.

    .. math:: (W x)_b = g_b * x, \qquad W^H W = I

    Parameters
    ----------
    dims : tuple of int
        Shape of x, which is taken as periodic.
    wavelet : str or pywt.Wavelet
        An orthogonal one, as for `Wavelet`.
    level : int, optional
        How often the coarse part is split again; by default 3, or fewer where an axis is shorter than 8.
    axes : int or tuple of int, optional
        The axes that are transformed; by default all.

    Attributes
    ----------
    approximation : tuple of slice
        Where in the result the coarse coefficients stand, which are not sparse.

    Raises
    ------
    ValueError
        If the wavelet is unknown or not orthogonal, or if an argument does not fit.

    Notes
    -----
    The result has shape ``(bands, *dims)`` with (2^d − 1) level + 1 bands for d axes: the coarse one, then the details from
    coarse to fine. As a prior it does not favour one alignment of x over another, as `Wavelet` does. An apply takes one FFT
    forward and one back for each band; the adjoint one forward for each and one back.

    References
    ----------
    .. [1] G. P. Nason, B. W. Silverman, "The stationary wavelet transform and some statistical applications", Wavelets and
       Statistics, Lecture Notes in Statistics 103 (1995) 281–299.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import StationaryWavelet
    >>> W = StationaryWavelet((5, 6), "db2", level=2)
    >>> W.dimsd
    (7, 5, 6)
    >>> x = np.arange(30.0).reshape(5, 6)
    >>> np.allclose(W.apply_adjoint(W.apply(x)), x)
    True
    """

    def __init__(
        self, dims: Any, wavelet: Any = "haar", level: int | None = None, axes: int | Sequence[int] | None = None
    ) -> None:
        dims = read_dims(dims)
        axes = read_axes(axes, len(dims))
        level = _read_level(level, dims, axes)
        bands = (2 ** len(axes) - 1) * level + 1
        super().__init__(dims, (bands, *dims), _read_wavelet(wavelet), level, axes)
        self.ffts = bands + 1
        self._cache: dict[Any, Any] = {}

    def _apply(self, x: Any, out: Any) -> Any:
        out = namespace(x).empty(self.dimsd, x.dtype) if out is None else out
        transform = self._transform(x.dtype)
        spectrum = transform.forward(x)
        for response, band in zip(self._responses(x.dtype), out, strict=True):
            part = spectrum
            for along_axis in response:
                part = part * along_axis.like(part)
            band[...] = transform.inverse(part)
        return out

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        transform = self._transform(y.dtype)
        total: Any = None
        for response, band in zip(self._responses(y.dtype), y, strict=True):
            part = transform.forward(band)
            for along_axis in response:
                part *= along_axis.like(part).conj()
            total = part if total is None else np.add(total, part, out=total)
        x = transform.inverse(total)
        if out is None:
            return x
        out[...] = x
        return out

    def _transform(self, dtype: Any) -> Fourier:
        return Fourier(self.dims, self.axes, real=np.dtype(dtype).kind == "f")

    def _responses(self, dtype: Any) -> list[list[Constant]]:
        """Return, for each band, the frequency response of its filters along each axis."""
        key = np.dtype(dtype)
        if key not in self._cache:
            precision = np.result_type(real_dtype(dtype), np.complex64)
            omegas = [self._transform(dtype).frequencies(axis) for axis in self.axes]
            coarse = [np.ones_like(omega) for omega in omegas]
            details: list[list[Any]] = []
            for step in range(self.level):
                # filters of one step are those of the first with 2^step − 1 zeros between their taps
                pairs = [
                    [c * _response(taps, 2**step * omega) for taps in (self.wavelet.dec_lo, self.wavelet.dec_hi)]
                    for c, omega in zip(coarse, omegas, strict=True)
                ]
                choices = list(product((0, 1), repeat=len(self.axes)))[1:]
                details = [[pair[c] for pair, c in zip(pairs, choice, strict=True)] for choice in choices] + details
                coarse = [low for low, _ in pairs]
            self._cache[key] = [[Constant(along_axis.astype(precision)) for along_axis in band] for band in [coarse, *details]]
        return self._cache[key]  # type: ignore[no-any-return]

    @property
    def approximation(self) -> tuple[slice, ...]:
        """Where in the result the coarse coefficients stand."""
        return (slice(0, 1), *map(slice, self.dims))


def _response(taps: Sequence[float], omega: Any) -> Any:
    # 1/√2 makes one of two interleaved orthogonal transforms a tight frame
    origin = len(taps) // 2
    return sum(tap * np.exp(-1j * (k - origin) * omega) for k, tap in enumerate(taps)) / np.sqrt(2)


def _read_wavelet(wavelet: Any) -> Any:
    remedy = "take an orthogonal one, such as 'haar', 'db4', 'sym8' or 'coif2'"
    if not isinstance(wavelet, pywt.Wavelet):
        if not isinstance(wavelet, str) or wavelet not in pywt.wavelist(kind="discrete"):
            raise ValueError(f"wavelet is {wavelet!r}, which PyWavelets does not have among its discrete ones; {remedy}")
        wavelet = pywt.Wavelet(wavelet)
    h = np.asarray(wavelet.rec_lo)
    # 'dmey' says that it is orthogonal, but is only to 2e-3
    if not wavelet.orthogonal or np.abs(_defect(h)).max() > 1e-9:
        raise ValueError(f"wavelet is {wavelet.name!r}, which is not orthogonal; {remedy}")
    return pywt.Wavelet(wavelet.name, pywt.orthogonal_filter_bank(_orthogonalised(h)))


def _defect(h: Any) -> Any:
    """Return by how much the products of a filter with its shifts by 0, 2, 4, … miss 1, 0, 0, …."""
    products = np.correlate(h, h, "full")[h.size - 1 :: 2]
    products[0] -= 1
    return products


def _orthogonalised(h: Any) -> Any:
    # the tables of PyWavelets hold to 1e-11; the nearest filter that is orthogonal to rounding is two Newton steps away
    for _ in range(2):
        shifts = [np.eye(h.size, k=k) + np.eye(h.size, k=-k) for k in range(0, h.size, 2)]
        slopes = np.array([np.matmul(S, h) for S in shifts])
        h = h - np.linalg.lstsq(slopes, _defect(h))[0]
    return h


def _read_level(level: int | None, dims: tuple[int, ...], axes: tuple[int, ...]) -> int:
    most = max(1, min((dims[a] - 1).bit_length() for a in axes))
    if level is None:
        return min(3, most)
    try:
        level = index(level)
    except TypeError:
        raise TypeError(f"level is {level!r}; give a whole number") from None
    if not 1 <= level <= most:
        raise ValueError(f"level is {level}; for dims {dims} along axes {axes} give from 1 to {most}")
    return level
