"""What people have, made fit for solving: in units of the image's own range, with a PSF and what of it is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .intensity import from_working, location_and_range, read_samples, rounding_sigma
from .kernel import in_colour, read_image_axes, read_psf
from .missing import defective, filled, read_mask, saturated


@dataclass(frozen=True, eq=False)
class Observation:
    """A blurred image, without its median and in units of its range, and its PSF.

    Attributes
    ----------
    given : array
        As it came.
    y : array
        (given − offset) / scale, in floating point.
    offset, scale : float
        In working units: integers divided by their type's maximum.
    psf : array
        Normalised, its empty margins trimmed; with as many dimensions as `axes`, or as the image, one for each colour.
    axes : tuple of int
        Those that are blurred, in the PSF's order.
    weights : array or None
        How much each sample counts; None where all count alike.
    rounding : float
        The standard deviation of what rounding to integers added, in units of the range.
    missing : dict
        The number of samples left out, by the reason.
    """

    given: NDArray[Any]
    y: NDArray[np.floating]
    offset: float
    scale: float
    psf: NDArray[np.floating]
    axes: tuple[int, ...]
    weights: NDArray[np.floating] | None
    rounding: float
    missing: dict[str, int]

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Where the image is seen."""
        return np.broadcast_to(np.True_, self.y.shape) if self.weights is None else self.weights > 0

    @property
    def psf_sizes(self) -> tuple[int, ...]:
        """The PSF's sizes along `axes`."""
        return self.psf.shape if self.psf.ndim == len(self.axes) else tuple(self.psf.shape[a] for a in self.axes)

    def to_working(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return an image in units of the range in working units."""
        kind = x.dtype.type
        return np.asarray(x * kind(self.scale) + kind(self.offset))

    def to_given(self, x: NDArray[np.floating]) -> NDArray[Any]:
        """Return an image in units of the range as samples of the type that was given."""
        return from_working(self.to_working(x), self.given.dtype)


def observe(
    image: ArrayLike, psf: ArrayLike, axes: int | Sequence[int] | None = None, mask: ArrayLike | None = None
) -> Observation:
    """Read a blurred image and its PSF.

    Raises
    ------
    ValueError, TypeError
        As `unblur.restore`.
    """
    y, seen = read_samples(image)
    given = np.ma.getdata(image) if isinstance(image, np.ma.MaskedArray) else np.asarray(image)
    named = read_image_axes(axes, y.shape, psf)
    channel = y.ndim - 1 if axes is None and in_colour(y.shape, np.shape(psf)) else None
    sizes = y.shape if channel is not None else tuple(y.shape[a] for a in named)
    h = read_psf(psf, sizes, channel=channel)
    weights = read_mask(mask, y.shape, named)
    missing: dict[str, int] = {}
    hidden = np.zeros(y.shape, bool)
    mean_psf = h if channel is None else h.mean(axis=channel)
    known = y if seen is None else filled(y, seen, named)
    for reason, found in (
        ("masked", None if seen is None else ~seen),
        ("saturated", saturated(given, named)),
        ("defective", defective(known, mean_psf, named)),
    ):
        if found is not None:
            missing[reason] = int(np.count_nonzero(found & ~hidden))
            hidden |= found
    if hidden.all():
        raise ValueError("image is saturated or masked everywhere; give one that is seen somewhere")
    if missing:
        weights = np.where(hidden, np.float32(0), np.float32(1) if weights is None else weights)
    if weights is not None and not weights.any():
        raise ValueError("mask leaves nothing of the image but what is saturated, defective or not a number; hide less")
    offset, size = location_and_range(y, None if weights is None else weights > 0)
    scale = size or 1.0
    kind = y.dtype.type
    normal = (y - kind(offset)) / kind(scale)
    if weights is not None:
        weights = weights.astype(y.dtype)
    return Observation(given, normal, offset, scale, h, named, weights, rounding_sigma(given.dtype) / scale, missing)
