"""How strong the noise in blurred data is, found from the data alone."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from unblur.operators._arguments import read_axes
from unblur.operators._backend import real_dtype, working_dtype
from unblur.operators._namespace import require_numpy

from .noise_details import finest_details

logger = logging.getLogger("unblur")

# below this share of the intensity range the estimate is texture, rounding, or nothing at all
_LEAST_NOISE = 5e-4
# the median of |n| for normal n of unit variance
_MEDIAN = 0.6744897501960817
# samples that say where the intensities lie
_SOME = 1 << 12
# data of fewer different values may be a drawing rather than coarsely quantised
_LEVELS = 16
# an image with less than this share of the loudest one's noise was smoothed
_SMOOTHED = 0.5
# details of a class of one brightness, at least
_CLASS = 128

_Classes = list[tuple[int, float]]


def estimate_sigma(y: Any, axes: int | Sequence[int] | None = None, weights: Any = None) -> float:
    r"""Return the standard deviation of the noise in a blurred image.

    .. math:: \hat\sigma_c = \operatorname{median} |d_c| \,/\, 0.6745, \qquad
              \hat\sigma^2 = \sum_c n_c \hat\sigma_c^2 \Big/ \sum_c n_c

    with d the finest diagonal wavelet coefficients, where a blur leaves little but noise, in classes c of about equal
    brightness: the darker half, the darker half of the others, and so on. Noise of photons grows with the brightness; of a
    dark field one median would be the background's. Noise that is correlated from sample to sample is weak there: it is
    underestimated.

    Parameters
    ----------
    y : array
        Masked and NaN samples are left out.
    axes : int or tuple of int, optional
        The image's axes, by default all. Along others (colour) it is a stack of images: the noise is the mean of theirs, less
        those that have less than half of the loudest one's, as the smoothed colours of a file have.
    weights : array that broadcasts to `y`, optional
        As for `LeastSquares`: the noise of :math:`\sqrt w \, y` is sought, and where w is 0 the sample is left out.

    Returns
    -------
    float
        In the units of `y`. It is at least 0.0005 of the range, in which a few bright samples do not count; at least what
        the rounding of `y` adds, the distance of its levels by √12; and above 0.

    Raises
    ------
    ValueError
        If no two neighbouring samples are seen, or `axes` or the shape of `weights` do not fit.

    Notes
    -----
    One pass of a separable filter, at every other position or fewer, and a few medians. Within 5 % on most photographs;
    texture finer than the blur adds to it. Axes of fewer than four samples are left out of the filter. Left out are also areas
    that are clipped, where neighbours have the greatest or the least value of all, and such as are constant: no noise is there
    to be seen.

    References
    ----------
    Donoho, Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81 (1994).

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import estimate_sigma
    >>> noise = np.random.default_rng(0).normal(scale=0.1, size=(128, 128))
    >>> round(estimate_sigma(np.linspace(0, 1, 128) + noise, (0, 1)), 2)
    0.1
    """
    require_numpy("estimate_sigma", y)
    y, variances = _read(y, weights)
    image = tuple(sorted(read_axes(axes, y.ndim)))
    if y.dtype.kind == "c":
        weights = None if variances is None else 1 / variances
        return math.hypot(*(estimate_sigma(part, image, weights) for part in (y.real, y.imag)))
    planes = _unclipped(y, image, variances)
    if planes is None:
        raise ValueError(
            f"y of shape {y.shape} shows no two neighbours along axes {image}, between which noise could be seen; give sigma"
        )
    sigma, least = mean_of_the_loud([_root_mean_square(plane) for plane in planes]), _least(y, variances)
    if not sigma >= least:
        logger.info("the noise found, %.2g, is less than what must be allowed for, %.2g", sigma, least)
        sigma = least
    return sigma


def _read(y: Any, weights: Any) -> tuple[Any, Any]:
    """Return the data with 0 where they are not seen, and the variances of their noise, None where all are 1."""
    hidden = np.ma.getmaskarray(y) if isinstance(y, np.ma.MaskedArray) else np.False_
    y = np.ma.getdata(y) if isinstance(y, np.ma.MaskedArray) else np.asarray(y)
    y = y.astype(working_dtype(y.dtype), copy=False)
    finite = np.isfinite(y)
    if not finite.all():
        hidden = hidden | ~finite
    if weights is not None:
        try:
            weights = np.broadcast_to(np.asarray(weights, np.float64), y.shape)
        except ValueError:
            raise ValueError(f"weights has shape {np.shape(weights)}; give one that broadcasts to that of y, {y.shape}") from None
        hidden = hidden | (weights == 0)
    if weights is None and not np.any(hidden):
        return y, None
    variances = np.where(hidden, np.inf, 1 / np.where(hidden, 1, 1.0 if weights is None else weights))
    return np.where(hidden, y.dtype.type(0), y), variances


def _unclipped(y: Any, axes: tuple[int, ...], variances: Any) -> list[_Classes] | None:
    """Return the noise of every plane, where it can be without what is clipped; None where nothing is seen."""
    planes = _planes(y, axes, variances)
    seen = y if variances is None else y[np.isfinite(variances)]
    if planes is None:
        return None
    for extreme in (seen.max(), seen.min()):
        clipped = _clipped(y, extreme, axes)
        if not clipped.any():
            continue
        without = np.where(clipped, np.inf, 1.0 if variances is None else variances)
        left = _planes(y, axes, without, least=0.01)
        # few photons are no clipping: their noise vanishes with the brightness
        if left and (extreme == seen.max() or not any(_grows(plane) for plane in left)):
            planes, variances = left, without
    return planes


def _planes(y: Any, axes: tuple[int, ...], variances: Any, least: float = 0.0) -> list[_Classes] | None:
    """Return the noise of every plane that is not constant; None where no more than a share of `least` is seen."""
    details = finest_details(y, axes, variances)
    if details is None or np.count_nonzero(details.seen) <= least * details.seen.size:
        return None
    shape = details.values.shape
    behind = math.prod(n for axis, n in enumerate(shape) if axis not in axes)
    arrays = (np.abs(details.values), details.brightness(y), details.counted)
    planes = zip(*(np.moveaxis(a, axes, range(len(axes))).reshape(-1, behind).T for a in arrays), strict=True)
    return [_classes(sizes[counted], brightness[counted]) for sizes, brightness, counted in planes if counted.any()]


def _classes(sizes: Any, brightness: Any) -> _Classes:
    """Return the number and the noise of details of about equal brightness: of the darker half, and so on with the others."""
    edges = [0]
    while sizes.size - edges[-1] >= _CLASS:
        edges.append((edges[-1] + sizes.size) // 2)
    ordered = sizes[np.argpartition(brightness, edges[1:])] if edges[1:] else sizes
    return [(part.size, _median(part) / _MEDIAN) for part in np.split(ordered, edges[1:])]


def _grows(classes: _Classes) -> bool:
    """Return whether the darkest have less than half of the noise of others."""
    return 2 * classes[0][1] < max(sigma for _, sigma in classes)


def _root_mean_square(classes: _Classes) -> float:
    return math.hypot(*(math.sqrt(n) * sigma for n, sigma in classes)) / math.sqrt(sum(n for n, _ in classes))


def mean_of_the_loud(levels: Sequence[float]) -> float:
    """Return the mean noise of the images that were not smoothed, as the colours of most files are; 0 of none."""
    return float(np.mean([level for level in levels if level >= _SMOOTHED * max(levels)])) if levels else 0.0


def _clipped(y: Any, extreme: float, axes: tuple[int, ...]) -> Any:
    """Return where a sample and a neighbour have this value."""
    at, clipped = y == extreme, np.zeros(y.shape, bool)
    for axis in axes if np.count_nonzero(at) > 1 else ():
        line, beside = np.moveaxis(clipped, axis, 0), np.moveaxis(at, axis, 0)
        pairs = beside[1:] & beside[:-1]
        line[1:] |= pairs
        line[:-1] |= pairs
    return clipped


def _least(y: Any, variances: Any) -> float:
    """Return the least noise to be taken for possible: a share of the robust range, or what rounding adds."""
    seen = y.ravel() if variances is None else y[np.isfinite(variances)]
    every = max(1, seen.size // _SOME)
    # not all from a few columns
    while every > 1 and math.gcd(every, y.shape[-1]) > 1:
        every += 1
    levels = np.sort(seen[::every].astype(np.float64))
    low, high = levels[len(levels) // 100], levels[-1 - len(levels) // 100]
    size = min(levels[-1] - levels[0], 2 * (high - low)) or levels[-1] - levels[0]
    steps = np.diff(levels)
    steps = steps[steps > 0]
    # values that come again and again are rounded ones
    step = float(steps.min()) if _LEVELS <= len(steps) <= len(levels) // 2 else 0.0
    precision = float(np.finfo(real_dtype(y.dtype)).eps) * float(np.abs(levels[[0, -1]]).max())
    unit = 1.0 if variances is None else float(np.sqrt(np.median(variances[np.isfinite(variances)])))
    return max(_LEAST_NOISE * size, max(step, precision) / math.sqrt(12)) / unit or _LEAST_NOISE


def robust_range(y: Any, axes: tuple[int, ...]) -> float:
    """Return the range of intensities without samples that stand out alone, as a hot pixel does; above 0."""
    y = y.real
    calm = y
    for axis in axes:
        if y.shape[axis] > 2:
            lines = np.moveaxis(calm, axis, 0)
            a, b, c = lines[:-2], lines[1:-1], lines[2:]
            calm = np.moveaxis(np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c)), 0, axis)
    for levels in (calm, y):
        size = float(levels.max()) - float(levels.min())
        if size > 0:
            return size
    return float(np.abs(y).max()) or 1.0


def _median(values: Any) -> float:
    """Return the median; ``np.median`` divides the values twice where their number is even."""
    middle = values.size // 2
    divided = np.partition(values, middle)
    upper = float(divided[middle])
    return upper if values.size % 2 else (float(divided[:middle].max()) + upper) / 2
