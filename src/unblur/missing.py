"""Samples that say nothing: masked, not a number, saturated, or of a defective pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import ArrayLike, NDArray

#: where more than this share of an integer image has its type's maximum, that is a white ground rather than saturation
_WHITE_GROUND = 0.5
#: a defective pixel stands out by so many deviations of the noise, in the image and among its neighbours
_STANDS_OUT = 8.0
#: where more than this share of the samples stand out, they are the picture
_MOST_DEFECTIVE = 0.02
#: the neighbours of a point of light have at least this share of what the PSF gives them
_OF_THE_PSF = 0.5
#: a PSF that leaves its neighbours less than this cannot tell a point of light from a defective pixel
_BLURRED = 0.1
#: the median of |n| for normal n of unit variance
_MEDIAN = 0.6745


def read_mask(mask: ArrayLike | None, shape: tuple[int, ...], axes: tuple[int, ...]) -> NDArray[np.floating] | None:
    """Return how much each sample counts, from 0 to 1; None where nothing is masked.

    Raises
    ------
    TypeError, ValueError
        If `mask` is no array of booleans or of numbers from 0 to 1, of the image's shape or of that of its blurred axes, or
        if it hides all.
    """
    if mask is None:
        return None
    weights: Any = np.ma.filled(mask, 0) if isinstance(mask, np.ma.MaskedArray) else np.asarray(mask)
    if weights.dtype.kind not in "biuf":
        raise TypeError(f"mask has dtype {weights.dtype}; give booleans, True where the image is seen, or numbers from 0 to 1")
    if weights.shape != shape and weights.shape == tuple(shape[a] for a in sorted(axes)):
        weights = np.expand_dims(weights, tuple(a for a in range(len(shape)) if a not in axes))
    try:
        weights = np.broadcast_to(weights, shape).astype(np.float32)
    except ValueError:
        raise ValueError(f"mask has shape {np.shape(mask)}; give one of the image's shape, {shape}") from None
    if not ((weights >= 0) & (weights <= 1)).all():
        raise ValueError("mask holds numbers outside of 0 to 1; give booleans, True where the image is seen, or such numbers")
    if not weights.any():
        raise ValueError("mask hides the whole image; it is True where a sample is seen")
    return np.asarray(weights)


def saturated(image: NDArray[Any], axes: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Return where an image of integers is at its type's maximum, and one sample around; None where it is nowhere."""
    if image.dtype.kind not in "iu":
        return None
    at_most: NDArray[np.bool_] = image == np.iinfo(image.dtype).max
    if not 0 < np.count_nonzero(at_most) < _WHITE_GROUND * at_most.size:
        return None
    around = np.ones([3 if a in axes else 1 for a in range(image.ndim)], bool)
    return np.asarray(ndi.binary_dilation(at_most, around))


def defective(y: NDArray[np.floating], psf: NDArray[np.floating], axes: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Return where single samples stand out from their neighbours as no blurred scene can; None where none do.

    Through a PSF a point of light has neighbours that are lit too. A hot or dead pixel has not.
    """
    lit = _lit_neighbours(psf)
    if lit < _BLURRED:
        return None
    near = [3 if a in axes else 1 for a in range(y.ndim)]
    count = int(np.prod([min(n, s) for n, s in zip(near, y.shape, strict=True)]))
    if count < 3:
        return None
    # the mean of the neighbours, without the sample itself
    size = int(np.prod(near))
    neighbours = (ndi.uniform_filter(y, near, mode="mirror") * size - y) / (size - 1)
    difference = y - neighbours
    some = np.abs(difference.ravel()[:: max(1, y.size >> 16)])
    spread = max(float(np.median(some)) / _MEDIAN, float(np.finfo(y.dtype).eps) * float(some.max()))
    candidates = np.argwhere(np.abs(difference) > _STANDS_OUT * spread)
    if not 0 < len(candidates) <= _MOST_DEFECTIVE * y.size:
        return None
    found = np.zeros(y.shape, bool)
    window = np.indices([5 if a in axes else 1 for a in range(y.ndim)]).reshape(y.ndim, -1)
    window -= np.array([2 if a in axes else 0 for a in range(y.ndim)])[:, None]
    at = candidates.T[:, :, None] + window[:, None]
    near_by = tuple(np.clip(index, 0, n - 1) for index, n in zip(at, y.shape, strict=True))
    ground = np.median(y[near_by], axis=1)
    # photons are noisier where there are more of them
    local = np.median(np.abs(difference[near_by]), axis=1) / _MEDIAN
    here = tuple(candidates.T)
    height, beside = y[here] - ground, neighbours[here] - ground
    alone = beside * np.sign(height) < _OF_THE_PSF * lit * np.abs(height)
    # it is not a neighbour that stands out
    alone &= np.abs(height) > 0.5 * np.abs(difference[here])
    found[tuple(candidates[alone & (np.abs(difference[here]) > _STANDS_OUT * local)].T)] = True
    return found if found.any() else None


def _lit_neighbours(psf: NDArray[np.floating]) -> float:
    """Return the mean of a PSF over the neighbours of its greatest sample, as a share of that."""
    peak = np.unravel_index(int(np.argmax(psf)), psf.shape)
    padded = np.pad(psf, 1)
    around = padded[tuple(slice(i, i + 3) for i in peak)]
    around = around[tuple(slice(None) if n > 1 else slice(1, 2) for n in psf.shape)]
    return float((around.sum() - psf.max()) / max(around.size - 1, 1) / psf.max())


def filled(y: NDArray[np.floating], seen: NDArray[np.bool_], axes: tuple[int, ...]) -> NDArray[np.floating]:
    """Return the image with the nearest sample that is seen, along its own axes, where one is not."""
    if seen.all():
        return y
    apart = [1.0 if a in axes else 1e6 for a in range(y.ndim)]
    nearest = ndi.distance_transform_edt(~seen, sampling=apart, return_distances=False, return_indices=True)
    return np.asarray(y[tuple(nearest)])
