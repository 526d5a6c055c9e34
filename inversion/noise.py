"""How strong the noise in blurred data is, found from the data alone."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pywt

from unblur.operators._backend import working_dtype
from unblur.operators._namespace import require_numpy

logger = logging.getLogger("unblur")

# below this share of the intensity range the estimate is texture, rounding, or nothing at all
_LEAST_NOISE = 5e-4
# the median of |n| for normal n of unit variance
_MEDIAN = 0.6744897501960817
# Daubechies' filter of two vanishing moments
_HIGH_PASS = pywt.Wavelet("db2").dec_hi[::-1]


def estimate_sigma(y: Any, axes: tuple[int, ...], weights: Any = None) -> float:
    r"""Return the standard deviation of the noise in a blurred image.

    .. math:: \hat\sigma = \operatorname{median} |d| \,/\, 0.6745

    with d the finest diagonal wavelet coefficients, where a blur leaves little but noise. Noise that is correlated from
    sample to sample is weak there: it is underestimated.

    Parameters
    ----------
    y : array
    axes : tuple of int
        The image's axes; others (colour) are averaged over.
    weights : array that broadcasts to `y`, optional
        As for `LeastSquares`: the noise of :math:`\sqrt w \, y` is sought, and where w is 0 the sample is left out.

    Returns
    -------
    float
        In the units of `y`; at least 0.0005 of its range.

    Notes
    -----
    One pass of a separable filter and one median. Within 5 % on most photographs; texture finer than the blur adds to it.

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
    y = np.asarray(y)
    y = y.astype(working_dtype(y.dtype), copy=False)
    if y.dtype.kind == "c":
        return float(np.hypot(estimate_sigma(y.real, axes, weights), estimate_sigma(y.imag, axes, weights)))
    seen = y if weights is None else y[np.broadcast_to(weights, y.shape) > 0]
    size = (float(np.ptp(seen)) or float(np.abs(seen).max()) or 1.0) if seen.size else 1.0
    # of all bands of the wavelet transform the diagonal one alone
    details = y
    for axis in axes:
        details = sum(h * tap for h, tap in zip(_HIGH_PASS, _taps(details, axis), strict=True))
    if weights is not None:
        least = np.broadcast_to(weights, y.shape)
        for axis in axes:
            least = np.min(_taps(least, axis), axis=0)
        details = details * np.sqrt(least)
    details = np.moveaxis(np.abs(details), axes, range(len(axes))).reshape(-1, *_riding(details.shape, axes))
    planes = details.reshape(len(details), -1).T
    # what is exactly 0 was masked or is flat: no noise is there to be seen
    medians = [_median(plane[plane > 0]) if plane.any() else 0.0 for plane in planes]
    sigma = float(np.mean(medians)) / _MEDIAN
    if not sigma >= _LEAST_NOISE * size:
        logger.info("the noise found, %.2g of the range, is taken for %.2g", sigma / size, _LEAST_NOISE)
        sigma = _LEAST_NOISE * size
    return sigma


def _median(values: Any) -> float:
    """Return the median; ``np.median`` divides the values twice where their number is even."""
    middle = values.size // 2
    divided = np.partition(values, middle)
    upper = float(divided[middle])
    return upper if values.size % 2 else (float(divided[:middle].max()) + upper) / 2


def _riding(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for axis, n in enumerate(shape) if axis not in axes)


def _taps(y: Any, axis: int) -> list[Any]:
    """Return the samples, continued by reflection, that each tap of the filter meets at every other position along `axis`."""
    taps = len(_HIGH_PASS)
    width = [(0, 0)] * y.ndim
    width[axis] = (taps - 2, taps - 1)
    lines = np.moveaxis(np.pad(y, width, mode="symmetric"), axis, 0)
    count = (y.shape[axis] + taps - 1) // 2
    return [np.moveaxis(lines[k : k + 2 * count - 1 : 2], 0, axis) for k in range(taps)]
