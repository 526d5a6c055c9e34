"""Reading a PSF: its empty margins are trimmed, its sum made 1, and what is odd about it told."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unblur.operators._arguments import read_axes

from .reliability import UnusualPSFWarning

#: the share of a PSF's mass that its margins may hold and be trimmed
_EMPTY = 1e-7
#: a rim of more than this share of the peak, but no more than half, is a background, or was cut off
_RIM = 0.01
#: how far the centre of mass may be from the origin, in samples, and in shares of the size
_OFF, _OFF_SHARE = 0.45, 0.05
#: and how much of the mass may be negative
_NEGATIVE = 0.02


def read_psf(
    psf: ArrayLike, sizes: tuple[int, ...] | None = None, *, channel: int | None = None, trim: bool = True
) -> NDArray[np.floating]:
    """Return a PSF normalised to sum 1, without empty margins, its origin still at its middle, ``n // 2``.

    Parameters
    ----------
    psf : array
    sizes : tuple of int, optional
        Of the image, along the PSF's axes.
    channel : int, optional
        The axis of colours, where there is one PSF for each; every one is normalised.
    trim : bool
        Whether empty margins go.

    Raises
    ------
    TypeError
        If it is not real numbers.
    ValueError
        If it is empty, not finite or all zero, sums to 0, or is larger than the image.

    Warns
    -----
    UnusualPSFWarning
        If it has a background, is off its middle, or has negative parts.
    """
    h = np.asarray(psf)
    if h.dtype.kind not in "biuf":
        raise TypeError(f"psf has dtype {h.dtype}; give real numbers")
    if h.size == 0 or not np.isfinite(h).all():
        raise ValueError("psf is empty or holds NaN or infinite samples; give a finite sample at least")
    if not h.any():
        raise ValueError("psf is all zero; give one with a sample above 0")
    # of large integers and of tiny numbers alike
    h = h.astype(np.float64)
    h = h / np.abs(h).max()
    blurred = tuple(a for a in range(h.ndim) if a != channel)
    trimmed = _without_margins(h, blurred) if trim else h
    if sizes is not None and any(trimmed.shape[a] > sizes[a] for a in blurred):
        raise ValueError(
            f"psf has shape {trimmed.shape}, larger than the image, {sizes}; crop it to what is not zero, or use a larger image"
        )
    total = trimmed.sum(axis=blurred, keepdims=True)
    if not (total > 1e-6 * np.abs(trimmed).sum(axis=blurred, keepdims=True)).all():
        raise ValueError(f"psf sums to {total.min():.3g}; give one with a sum above 0, since a blur keeps brightness")
    trimmed = np.asarray(trimmed / total)
    remarks = _remarks(trimmed, blurred)
    if remarks:
        warnings.warn(f"the PSF {'; it '.join(remarks)}", UnusualPSFWarning, stacklevel=4)
    return trimmed


def read_image_axes(axes: int | Sequence[int] | None, shape: tuple[int, ...], psf: ArrayLike) -> tuple[int, ...]:
    """Return the axes that are blurred, in the PSF's order; by default all, or all but that of three colours."""
    psf_shape = np.shape(psf)
    if axes is not None:
        named = read_axes(axes, len(shape))
        if len(named) != len(psf_shape):
            raise ValueError(f"axes is {axes!r}, but psf has {len(psf_shape)} dimensions; name as many axes")
        return named
    if len(psf_shape) == len(shape):
        return tuple(range(len(shape) - in_colour(shape, psf_shape)))
    if len(psf_shape) != len(shape) - 1 or shape[-1] != 3:
        raise ValueError(
            f"psf has {len(psf_shape)} dimensions and the image has shape {shape}; name the axes that are blurred, "
            "such as axes=(0, 1)" + (", or give one PSF, not one a colour" if len(psf_shape) > len(shape) else "")
        )
    return tuple(range(len(psf_shape)))


def in_colour(shape: tuple[int, ...], psf_shape: tuple[int, ...]) -> bool:
    """Return whether image and PSF are both in three colours, of which each has a PSF of its own."""
    return len(shape) == len(psf_shape) == 3 and shape[-1] == psf_shape[-1] == 3 and min(shape[:2]) > 3


def _without_margins(h: NDArray[np.floating], axes: tuple[int, ...]) -> NDArray[np.floating]:
    """Return the PSF cut about its origin, ``n // 2``, to what is not empty."""
    for axis in axes:
        mass = np.abs(h).sum(axis=tuple(a for a in range(h.ndim) if a != axis))
        origin = mass.size // 2
        # the mass at each distance from the origin, and all that lies further out
        distance = np.abs(np.arange(mass.size) - origin)
        beyond = np.cumsum(np.bincount(distance, mass)[::-1])[::-1]
        reach = max(int(np.count_nonzero(beyond > _EMPTY * mass.sum())) - 1, 0)
        h = np.take(h, range(origin - reach, min(origin + reach + 1, mass.size)), axis)
    return h


def _remarks(h: NDArray[np.floating], axes: tuple[int, ...]) -> list[str]:
    found = []
    peak = float(h.max())
    inner = np.zeros(h.shape, bool)
    inner[tuple(slice(1, -1) if a in axes and h.shape[a] > 2 else slice(None) for a in range(h.ndim))] = True
    rim = h[~inner]
    if rim.size and min(h.shape[a] for a in axes) > 4 and _RIM * peak < float(rim.min()) < 0.5 * peak:
        found.append(
            f"does not fall to 0 at its rim, where it is {rim.min() / peak:.0%} of its peak at least: take its background off, "
            "or it will be taken for a haze over the whole image"
        )
    mass = np.maximum(h, 0)
    for axis in axes:
        line = mass.sum(axis=tuple(a for a in range(h.ndim) if a != axis))
        off = float(np.arange(line.size) @ line / line.sum()) - line.size // 2
        if abs(off) > max(_OFF, _OFF_SHARE * line.size):
            even = f", its size there, {line.size}, being even" if line.size % 2 == 0 else ""
            found.append(
                f"has its mass {off:+.1f} samples off its origin, n // 2, along axis {axis}{even}: the image moves by that"
            )
    negative = float(-np.minimum(h, 0).sum() / np.abs(h).sum())
    if negative > _NEGATIVE:
        found.append(f"is negative in parts, by {negative:.0%} of its mass, which no light is")
    return found
