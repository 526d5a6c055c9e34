"""Convolution with a point-spread function, as an operator with an exact adjoint."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ._arguments import BOUNDARIES, read_axes, read_choice, read_dims, read_flag
from ._backend import good_fft_size, real_dtype, working_dtype
from ._multiplier import Multiplier, compilable
from ._namespace import asarray, contiguous, is_numpy, namespace
from ._psf import cosine_spectrum, kernel_spectrum, read_center, read_psf
from ._separable import Pass, factors
from .base import Operator
from .boundaries import Extension
from .sampling import Crop
from .transforms import Cosine, Fourier

# taps for each axis, on average, up to which passes along the axes were measured to be faster than FFTs: by NumPy or on a
# device, and compiled
_SHORT, _MODERATE = 7, 17


class Blur(Operator):
    r"""Convolution with a point-spread function.

    .. math:: (A x)_i = \sum_k h_k \, x_{i - (k - c)}

    Parameters
    ----------
    psf : array
        The point-spread function h, used as given (it is not normalised). Of ``len(axes)`` dimensions, one PSF for
        all, or of ``len(shape)``, one for each channel; the other axes then have the image's size or 1.
    shape : tuple of int
        Shape of the blurred image.
    boundary : {"periodic", "zero", "reflect", "mirror", "nearest", "unknown"}
        What x is beyond the edges of the image. ``"unknown"`` assumes nothing: x lives on the larger grid that the image
        saw, of shape ``A.dims``, and ``A.crop(x)`` is its part inside the image. Photographs need this one.
    axes : int or tuple of int, optional
        The axes that are blurred, in the order of the PSF's and of `center`; may be left out where the PSF has as many
        dimensions as the image.
    center : int or tuple of int, optional
        Index of the PSF's origin along each axis; by default its middle, ``n // 2``.
    dims : tuple of int, optional
        With ``boundary="unknown"``, a larger shape for x, the image at its middle, so that several blurs share one x.
    separable : bool, optional
        Whether to convolve along one axis after the other, which takes a PSF that is a product of one kernel for each
        axis. By default this is found out, and done where it is faster than FFTs: up to some 17 taps an axis, and where
        these are not compiled or need a larger grid than x's.

    Attributes
    ----------
    dims, dimsd : tuple of int
        Shape of x and of the blurred image.
    psf, boundary, axes, center
        As given, read.

    Raises
    ------
    ValueError
        If the PSF is empty, all zero or not finite, or if an argument does not fit the others.
    TypeError
        If the PSF is not numeric.

    Notes
    -----
    An apply takes one forward and one inverse real FFT on the padded grid, or where `separable` one pass for each axis. For
    arrays of NumPy's over two or three adjacent axes, real and of at least 128 × 128 samples, these are compiled, and take
    about half the time of SciPy's; where ``scipy.fft.set_backend`` has chosen another library, that is used.
    Spectra of the PSF are computed once for each precision. The adjoint transposes the continuation at the edges exactly:
    margins are folded back.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import Blur
    >>> A = Blur(np.ones(3) / 3, (4,), boundary="reflect")
    >>> A.apply(np.array([0.0, 3.0, 6.0, 9.0])).round(12)
    array([1., 3., 6., 8.])
    >>> Blur(np.ones((3, 5)), (60, 60, 3), axes=(0, 1), boundary="unknown").dims
    (64, 64, 3)
    """

    ffts = 2

    def __init__(
        self,
        psf: Any,
        shape: Any,
        *,
        boundary: str,
        axes: int | Sequence[int] | None = None,
        center: int | Sequence[int] | None = None,
        dims: Any = None,
        separable: bool | None = None,
    ) -> None:
        shape = read_dims(shape, "shape")
        self.psf = read_psf(psf)
        separable = None if separable is None else read_flag(separable, "separable")
        self.boundary = read_choice(boundary, BOUNDARIES, "boundary")
        if axes is None and self.psf.ndim != len(shape):
            raise ValueError(
                f"psf has {self.psf.ndim} dimensions and shape is {shape}; name the axes that are blurred, such as axes=(0, 1)"
            )
        named = read_axes(axes, len(shape))
        order = np.argsort(named)
        self.axes = tuple(sorted(named))
        if self.psf.ndim == len(named):
            self.psf = self.psf.transpose(order)
        per_axis = self._psf_sizes(shape)
        self.center = read_center(center, per_axis, order)
        if dims is not None and boundary != "unknown":
            raise ValueError(f"dims is {dims!r}, but with boundary={boundary!r} x has the image's shape; leave dims out")

        # along each blurred axis: x is continued, convolved on a periodic grid, and cut at `start`
        model, grid, start = list(shape), list(shape), [0] * len(shape)
        forced = None if dims is None else read_dims(dims)
        if forced is not None and len(forced) != len(shape):
            raise ValueError(f"dims is {dims}; give {len(shape)} sizes, as many as shape {shape} has")
        self._extensions: list[Extension] = []
        for axis, size, c in zip(self.axes, per_axis, self.center, strict=True):
            n, before, after = shape[axis], size - 1 - c, c
            if boundary == "unknown":
                model[axis] = good_fft_size(n + size - 1) if forced is None else forced[axis]
                start[axis] = before if forced is None else (model[axis] - n) // 2
                if start[axis] < before or model[axis] - start[axis] - n < after:
                    raise ValueError(
                        f"dims is {dims}, too small along axis {axis}; a centred image needs {n + 2 * max(before, after)}"
                    )
                grid[axis] = model[axis]
            elif boundary == "zero":
                grid[axis] = good_fft_size(n + min(max(before, after), n - 1))
            elif boundary != "periodic":
                self._extensions.append(Extension(axis, n, before, after, boundary))
                grid[axis] = good_fft_size(n + size - 1)
                start[axis] = before
        if forced is not None and forced != tuple(model):
            raise ValueError(f"dims is {dims}; along the axes that are not blurred it must be as shape, {shape}")
        super().__init__(tuple(model), shape, np.complex128 if np.iscomplexobj(self.psf) else np.float64)
        self._grid, self._start = tuple(grid), tuple(start)
        self._cache: dict[Any, Any] = {}
        self._passes = self._read_passes(separable)
        if self._passes:
            self.ffts = 0

    def _psf_sizes(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.psf.ndim == len(self.axes):
            return tuple(map(int, self.psf.shape))
        if self.psf.ndim != len(shape):
            raise ValueError(
                f"psf has {self.psf.ndim} dimensions; give {len(self.axes)}, one for each of axes {self.axes}, "
                f"or {len(shape)}, a PSF for each channel"
            )
        for axis in set(range(len(shape))) - set(self.axes):
            if self.psf.shape[axis] not in (1, shape[axis]):
                raise ValueError(
                    f"psf has size {self.psf.shape[axis]} along axis {axis}, which is not blurred; give 1 or {shape[axis]}"
                )
        return tuple(self.psf.shape[axis] for axis in self.axes)

    def _read_passes(self, separable: bool | None) -> list[Pass]:
        """Return the convolutions along each axis whose product this is, where they are faster than FFTs; else none."""
        sizes = self._psf_sizes(self.dimsd)
        self._short = bool(separable) or sum(sizes) <= _SHORT * len(sizes)
        slower = sum(sizes) > _MODERATE * len(sizes) or (self._grid == self.dims and compilable(self._transform(self.dtype)))
        if separable is False or (separable is None and slower):
            return []
        kernels = factors(self.psf.reshape(sizes)) if self.psf.size == np.prod(sizes) else None
        if kernels is None:
            if separable:
                raise ValueError(
                    f"separable is True, but psf, of shape {self.psf.shape}, is no product of one kernel for each axis"
                )
            return []
        return [
            Pass(kernel, c, axis, self.dimsd[axis], self.boundary, self.dims[axis], self._start[axis])
            for kernel, c, axis in zip(kernels, self.center, self.axes, strict=True)
        ]

    # -- the convolution ----------------------------------------------------------------------------

    def _apply(self, x: Any, out: Any) -> Any:
        if self._by_passes(x):
            for one in self._passes:
                x = one.apply(x)
            return _deliver(x, out)
        x = self._continued(x) if self._extensions else x
        return self._multiplier(x.dtype).apply(x, out, sizes=self.dimsd)

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        if self._by_passes(y):
            for one in reversed(self._passes):
                y = one.apply_adjoint(y)
            return _deliver(y, out)
        multiplier = self._multiplier(y.dtype)
        if not self._extensions:
            return multiplier.apply(y, out, sizes=self.dims, adjoint=True)
        return _deliver(self._folded(multiplier.apply(y, adjoint=True)), out)

    def _by_passes(self, x: Any) -> bool:
        # longer kernels are for real arrays, for which passes are compiled
        return bool(self._passes) and (self._short or (is_numpy(x) and x.dtype.kind == "f"))

    def _transform(self, dtype: Any) -> Fourier:
        return Fourier(self._grid, self.axes, real=np.dtype(dtype).kind == "f")

    def _to_spectrum(self, x: Any) -> Any:
        """Return the spectrum of x with its margins."""
        return self._transform(x.dtype).forward(self._continued(x))

    def _to_image(self, spectrum: Any, dtype: Any) -> Any:
        """Return the part of the periodic grid that is the image; the spectrum is overwritten."""
        return self._transform(dtype).inverse(spectrum, self.dimsd)

    def _image_to_spectrum(self, y: Any) -> Any:
        """Return the transpose of `_to_image` but for the scale: the spectrum of an image among zeros."""
        return self._transform(y.dtype).forward(self._on_grid(y, tuple(slice(n) for n in self.dimsd)))

    def _to_scene(self, spectrum: Any, dtype: Any) -> Any:
        """Return the transpose of `_to_spectrum` but for the scale, margins folded back; the spectrum is overwritten."""
        if not self._extensions:
            return self._transform(dtype).inverse(spectrum, self.dims)
        return self._folded(self._transform(dtype).inverse(spectrum))

    def _folded(self, x: Any) -> Any:
        """Return the part of the periodic grid that is x, with its margins folded back; the grid is overwritten."""
        window = [slice(None)] * len(self.dims)
        for extension in reversed(self._extensions):
            extension.fold(x[tuple(window)])
            window[extension.axis] = extension.inside
        return x[tuple(window)]

    def _on_grid(self, x: Any, inside: tuple[slice, ...]) -> Any:
        """Return `x` at `inside` on the periodic grid, surrounded by zeros."""
        if x.shape == self._grid:
            return x
        # one copy in all, where transforms that pad make one along each axis
        grid = namespace(x).zeros(self._grid, x.dtype)
        grid[inside] = x
        return grid

    def _continued(self, x: Any) -> Any:
        """Return `x` with its margins on the periodic grid, one axis after the other."""
        window = [slice(n) for n in self.dims]
        for extension in self._extensions:
            window[extension.axis] = extension.inside
        grid = self._on_grid(x, tuple(window))
        for extension in self._extensions:
            window[extension.axis] = slice(None)
            extension.fill(grid[tuple(window)])
        return grid

    def _spectrum(self, x: Any, adjoint: bool = False) -> Any:
        """Return the spectrum of the PSF that goes with `x`."""
        return self._multiplier(x.dtype).symbol_like(x, adjoint)

    def _multiplier(self, dtype: Any) -> Multiplier:
        """Return the convolution on the periodic grid, for arrays of a type."""
        real = np.dtype(dtype).kind == "f"
        if real not in self._cache:
            self._cache[real] = Multiplier(self._transform(dtype), partial(self._psf_spectrum, self._grid, self._start, real))
        return self._cache[real]  # type: ignore[no-any-return]

    def _psf_spectrum(self, grid: tuple[int, ...], start: Sequence[int], real: bool, half: int | None = None) -> Any:
        """Return the spectrum of the PSF; if `real`, with half of one axis, by default the last that is blurred."""
        # with zeros outside, taps that reach beyond the image from anywhere in it meet nothing
        reach = self.dimsd if self.boundary == "zero" else None
        if half in (None, self.axes[-1]):
            return kernel_spectrum(self.psf, self.axes, self.center, grid, start, reach, real)
        order = sorted(range(len(self.axes)), key=lambda i: self.axes[i] == half)
        axes, center = (tuple(a[i] for i in order) for a in (self.axes, self.center))
        return kernel_spectrum(self._psf_on_all_axes(), axes, center, grid, start, reach, real)

    # -- structure ----------------------------------------------------------------------------------

    def _psf_on_all_axes(self) -> Any:
        others = set(range(len(self.dims))) - set(self.axes)
        return self.psf if self.psf.ndim == len(self.dims) else np.expand_dims(self.psf, tuple(others))

    def symbol(self, transform: Any) -> Any:
        # a PSF for each channel is not diagonal in a transform along the channels
        mixed = {axis for axis, n in enumerate(self._psf_on_all_axes().shape) if n > 1 and axis not in self.axes}
        if transform.dims != self.dims or not set(self.axes) <= set(transform.axes) or mixed & set(transform.axes):
            return None
        if isinstance(transform, Cosine) and self.boundary == "reflect":
            return cosine_spectrum(self._psf_on_all_axes(), self.axes, self.center, transform)
        if not isinstance(transform, Fourier) or self.boundary != "periodic" or (transform.real and self.dtype.kind == "c"):
            return None
        last = transform.axes[-1]
        return self._psf_spectrum(self.dims, [0] * len(self.dims), transform.real and last in self.axes, last)

    def split(self) -> tuple[Crop, Blur] | None:
        if self.boundary != "unknown":
            return None
        K = Blur(self.psf, self.dims, boundary="periodic", axes=self.axes, center=self.center)
        return Crop(self.dims, self.field_of_view), K

    @property
    def gain(self) -> float | None:
        """By what a constant image is multiplied, and no other by more; None where the PSF is not of one sign."""
        if self.dtype.kind == "c" or self.psf.ndim > len(self.axes) or self.psf.min() < 0 < self.psf.max():
            return None
        return float(self.psf.sum())

    def norm_bound(self) -> float:
        if "norm" not in self._cache:
            spectrum = self.symbol(Cosine(self.dims, self.axes))
            edges = 1.0
            if spectrum is None:
                edges = float(np.prod([extension.norm() for extension in self._extensions]))
                spectrum = self.gain or self._spectrum(self.psf)
            self._cache["norm"] = float(np.abs(spectrum).max() * edges)
        return self._cache["norm"]  # type: ignore[no-any-return]

    # -- the field of view --------------------------------------------------------------------------

    @property
    def field_of_view(self) -> tuple[slice, ...]:
        """Where the image lies in x."""
        start = self._start if self.boundary == "unknown" else (0,) * len(self.dims)
        return tuple(slice(s, s + n) for s, n in zip(start, self.dimsd, strict=True))

    def crop(self, x: Any) -> Any:
        """Return the part of `x`, of shape `dims`, that lies inside the image; a view."""
        return x[self.field_of_view]

    def extend(self, y: Any) -> Any:
        """Return an array of shape `dims` whose crop is the image `y`; the margin joins opposite edges smoothly."""
        x = asarray(y)
        x = x.astype(working_dtype(x.dtype), copy=False)
        for axis in self.axes if self.boundary == "unknown" else ():
            margin = self.dims[axis] - self.dimsd[axis]
            ramp = np.arange(1, margin + 1) / (margin + 1)
            weights = (ramp * ramp * (3 - 2 * ramp)).astype(real_dtype(x.dtype), copy=False)
            weights = asarray(np.expand_dims(weights, [a for a in range(x.ndim) if a != axis]), like=x)
            line = np.moveaxis(x, axis, 0)
            first, last = (np.moveaxis(part, 0, axis) for part in (line[:1], line[-1:]))
            bridge = (1 - weights) * last + weights * first
            x = np.roll(np.concatenate([x, bridge], axis=axis), self._start[axis], axis=axis)
        return x.copy() if x is y else x

    def __repr__(self) -> str:
        psf, image = ("×".join(map(str, shape)) for shape in (self.psf.shape, self.dimsd))
        grid = f", x on {'×'.join(map(str, self.dims))}" if self.dims != self.dimsd else ""
        return f"Blur(psf {psf}, {image}, boundary={self.boundary!r}{grid})"


def _deliver(result: Any, out: Any) -> Any:
    if out is None:
        return contiguous(result)
    out[...] = result
    return out
