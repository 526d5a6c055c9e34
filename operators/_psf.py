"""Reading a point-spread function and its origin, and laying it on a periodic grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._arguments import read_array
from ._namespace import asnumpy, contiguous, owned
from .transforms import Cosine, Fourier


def read_psf(psf: Any) -> Any:
    """Return `psf` in double precision; an error names what is wrong with it."""
    psf = read_array(psf, "psf")
    psf = asnumpy(psf)
    if psf.size == 0 or psf.ndim == 0:
        raise ValueError(f"psf has shape {psf.shape}; give at least one sample along each axis")
    if not np.isfinite(psf).all():
        raise ValueError("psf holds NaN or infinite samples; replace them, by zero for instance")
    if not psf.any():
        raise ValueError("psf is all zero; give one with a sample other than 0")
    return owned(psf.astype(np.complex128 if psf.dtype.kind == "c" else np.float64, copy=False))


def read_center(center: Any, sizes: tuple[int, ...], order: Any) -> tuple[int, ...]:
    """Return the index of the origin along each axis; `order` sorts the axes as they were named."""
    if center is None:
        return tuple(n // 2 for n in sizes)
    given = tuple(center) if isinstance(center, Sequence | np.ndarray) else (center,) * len(sizes)
    if len(given) == len(sizes):
        given = tuple(given[i] for i in order)
    if len(given) != len(sizes) or any(
        not isinstance(c, int | np.integer) or isinstance(c, bool) or not 0 <= c < n for c, n in zip(given, sizes, strict=False)
    ):
        raise ValueError(f"center is {center!r}; give an index into the PSF for each blurred axis, of sizes {sizes}")
    return tuple(int(c) for c in given)


def kernel_on_grid(
    psf: Any,
    axes: tuple[int, ...],
    center: tuple[int, ...],
    grid: tuple[int, ...],
    start: Sequence[int],
    reach: tuple[int, ...] | None = None,
) -> Any:
    """Return the PSF on a periodic grid, its origin moved to −start, wrapped as often as it takes.

    Taps at a distance of `reach` or more from the origin are left out.
    """
    if psf.ndim < len(grid):
        psf = np.expand_dims(psf, tuple(set(range(len(grid))) - set(axes)))
    kernel_shape, places = list(psf.shape), [np.arange(n) for n in psf.shape]
    for axis, c in zip(axes, center, strict=True):
        offsets = np.arange(psf.shape[axis]) - c
        if reach is not None:
            near = np.abs(offsets) < reach[axis]
            psf, offsets = np.compress(near, psf, axis), offsets[near]
        kernel_shape[axis] = grid[axis]
        places[axis] = (offsets - start[axis]) % grid[axis]
    kernel = np.zeros(kernel_shape, psf.dtype)
    np.add.at(kernel, np.ix_(*places), psf)
    return kernel


def kernel_spectrum(
    psf: Any,
    axes: tuple[int, ...],
    center: tuple[int, ...],
    grid: tuple[int, ...],
    start: Sequence[int],
    reach: tuple[int, ...] | None = None,
    real: bool = True,
) -> Any:
    """Return the spectrum of `kernel_on_grid`, with half of the last of `axes` if `real`.

    Axis after axis, beginning with the last, so that only lines that hold taps are transformed. Not by sums over taps, few as
    they may be: NumPy's go through BLAS, whose locks a process inherits that is forked while another thread is in there.
    """
    if psf.ndim < len(grid):
        psf = np.expand_dims(psf, tuple(set(range(len(grid))) - set(axes)))
    spectrum, last = psf, axes[-1]
    for axis, c in zip(reversed(axes), reversed(center), strict=True):
        line = kernel_on_grid(spectrum, (axis,), (c,), grid, start, reach)
        spectrum = Fourier(line.shape, (axis,), real and axis == last).forward(line)
    return contiguous(spectrum)


def cosine_spectrum(psf: Any, axes: tuple[int, ...], center: tuple[int, ...], transform: Cosine) -> Any:
    """Return the eigenvalues under reflection where the PSF is symmetric about its centre in each axis; else None."""
    width = [(0, 0)] * psf.ndim
    for axis, c in zip(axes, center, strict=True):
        before, after = c, psf.shape[axis] - 1 - c
        width[axis] = (max(after - before, 0), max(before - after, 0))
    psf = np.pad(psf, width)
    rounding = 4 * np.finfo(float).eps * np.abs(psf).max()
    if any(np.abs(psf - np.flip(psf, axis)).max() > rounding for axis in axes):
        return None
    # what is reflected at its edges repeats after twice its length
    grid, real = tuple(2 * n for n in transform.dims), not np.iscomplexobj(psf)
    for axis in axes:
        line = kernel_on_grid(psf, (axis,), (psf.shape[axis] // 2,), grid, [0] * len(grid))
        spectrum = Fourier(line.shape, (axis,), real).forward(line)
        psf = (spectrum.real if real else spectrum)[(slice(None),) * axis + (slice(transform.dims[axis]),)]
    return contiguous(psf)
