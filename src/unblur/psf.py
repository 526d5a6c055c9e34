"""Point-spread functions of known kinds.

All are float64 arrays of odd size that sum to 1, their origin at the middle sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# Scan lines through each row of samples. The area inside a line is exact, that between lines a midpoint sum; an even
# number keeps lines off the samples' edges and middles, where outlines of whole and half sizes lie.
_LINES = 64
# more samples are a mistake in the unit, and no longer a PSF
_MOST = 1 << 26


def gaussian(sigma: float | Sequence[float], *, ndim: int = 2, truncate: float = 4.0) -> Any:
    r"""Return a Gaussian, such as that of a turbulent atmosphere or of many small blurs.

    .. math:: h_k \propto \exp\Big(-\sum_a \frac{k_a^2}{2 \sigma_a^2}\Big)

    Parameters
    ----------
    sigma : float or sequence of float
        Standard deviation in samples, one for all axes or one for each.
    ndim : int
        The number of axes, where `sigma` is one number.
    truncate : float
        Where the tails are cut, in standard deviations.

    Returns
    -------
    array of float64
        Sampled at the middles of the samples, as `scipy.ndimage.gaussian_filter` samples it.

    Raises
    ------
    ValueError
        If an argument is not above 0.

    Examples
    --------
    >>> from unblur import psf
    >>> psf.gaussian(1.0).shape
    (9, 9)
    >>> psf.gaussian([1.0, 2.0, 2.0]).shape
    (9, 17, 17)
    """
    sigmas = [_positive(s, "sigma") for s in (sigma if np.iterable(sigma) else [sigma] * ndim)]
    _positive(truncate, "truncate")
    radii = [int(min(truncate * s + 0.5, 1e9)) for s in sigmas]
    _refuse_large([2 * radius + 1 for radius in radii], f"sigma is {sigma!r}")
    h = np.ones(())
    for s, radius in zip(sigmas, radii, strict=True):
        k = np.arange(-radius, radius + 1)
        h = np.multiply.outer(h, np.exp(-0.5 * (k / s) ** 2))
    return h / h.sum()


def motion(length: float, angle: float = 0.0) -> Any:
    """Return the trace of a straight, even motion during the exposure.

    A rectangle of `length` by one sample; every sample has the area of it that it covers, so that the line is
    anti-aliased at any angle and length, and a whole length along an axis gives equal samples.

    Parameters
    ----------
    length : float
        Length of the motion in samples, 1 or more.
    angle : float
        Its direction in degrees, counter-clockwise from the x axis as the image is shown.

    Returns
    -------
    array of float64, of two dimensions

    Raises
    ------
    ValueError
        If `length` is below 1, or `angle` is not finite.

    Examples
    --------
    >>> from unblur import psf
    >>> psf.motion(4).round(3).tolist()
    [[0.125, 0.25, 0.25, 0.25, 0.125]]
    >>> psf.motion(3, angle=90).shape
    (3, 1)
    """
    if not np.isfinite(length) or length < 1:
        raise ValueError(f"length is {length!r}; give a length in samples, 1 or more")
    if not np.isfinite(angle):
        raise ValueError(f"angle is {angle!r}; give a finite number of degrees")
    turned = np.deg2rad(angle % 180.0)
    along = np.array([np.cos(turned), np.sin(turned)])
    # scan lines across the motion meet its long sides steeply, where the sum over lines is most accurate
    flat = abs(along[0]) > abs(along[1])
    if flat:
        along = along[::-1]
    across = np.array([-along[1], along[0]])
    half = length / 2

    def chord(y: Any) -> tuple[Any, Any]:
        # the x for which |(x, y)·along| ≤ half and |(x, y)·across| ≤ 1/2
        low, high = np.full_like(y, -np.inf), np.full_like(y, np.inf)
        for (a, b), bound in ((along, half), (across, 0.5)):
            if abs(a) < 1e-12:
                outside = np.abs(b * y) > bound
                low, high = np.where(outside, np.inf, low), np.where(outside, -np.inf, high)
            else:
                ends = np.sort([(-bound - b * y) / a, (bound - b * y) / a], axis=0)
                low, high = np.maximum(low, ends[0]), np.minimum(high, ends[1])
        return low, high

    extent = half * np.abs(along) + 0.5 * np.abs(across)
    _refuse_large([2 * _reach(e) + 1 for e in extent[::-1]], f"length is {length!r}")
    h = _covered(chord, extent[0], extent[1])
    # rows go down while the angle goes up
    return np.ascontiguousarray((h.T if flat else h)[::-1])


def disk(radius: float) -> Any:
    """Return a uniform disk, the blur of a lens out of focus.

    Every sample has the area of the disk that it covers.

    Parameters
    ----------
    radius : float
        Radius in samples.

    Returns
    -------
    array of float64, of two dimensions

    Raises
    ------
    ValueError
        If `radius` is not above 0.

    Examples
    --------
    >>> from unblur import psf
    >>> psf.disk(5).shape
    (11, 11)
    """
    _positive(radius, "radius")
    _refuse_large([2 * _reach(radius) + 1] * 2, f"radius is {radius!r}")

    def chord(y: Any) -> tuple[Any, Any]:
        half = np.sqrt(np.maximum(radius**2 - y**2, 0))
        return -half, half

    return _covered(chord, radius, radius)


def _covered(chord: Callable[[Any], tuple[Any, Any]], extent_x: float, extent_y: float) -> Any:
    """Return the share of each sample that a shape covers; `chord(y)` gives its ends in x at height y."""
    columns, rows = _reach(extent_x), _reach(extent_y)
    lines = (np.arange(_LINES) + 0.5) / _LINES - 0.5
    x = np.arange(-columns, columns + 1)
    h = np.empty((2 * rows + 1, 2 * columns + 1))
    for row, y in enumerate(range(-rows, rows + 1)):
        low, high = chord(y + lines[:, None])
        inside = np.minimum(high, x + 0.5) - np.maximum(low, x - 0.5)
        h[row] = np.clip(inside, 0, 1).mean(axis=0)
    return h / h.sum()


def _reach(extent: float) -> int:
    """Return how many samples on either side of the middle one a shape of this extent meets."""
    return int(np.ceil(round(min(extent, 1e9), 9) - 0.5))


def _refuse_large(shape: Sequence[int], what: str) -> None:
    """Refuse a PSF before it is made."""
    if np.prod(shape, dtype=float) > _MOST:
        raise ValueError(
            f"{what}, which makes a PSF of {'×'.join(map(str, shape))} samples; give its size in samples, a smaller one"
        )


def _positive(value: float, name: str) -> float:
    if not np.isfinite(value) or value <= 0:
        raise ValueError(f"{name} is {value!r}; give a finite number above 0")
    return float(value)
