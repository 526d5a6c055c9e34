"""First rules for a prior's weight, from the noise in the image."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from skimage.restoration import estimate_sigma as wavelet_sigma

logger = logging.getLogger("unblur")

# below this share of the intensity range the estimate is texture, rounding, or nothing at all
_LEAST_NOISE = 5e-4


def estimate_sigma(y: Any, axes: tuple[int, ...]) -> float:
    """Return the standard deviation of the noise in a blurred image.

    The median absolute deviation of its finest diagonal wavelet coefficients, where a blur leaves little but noise.

    Parameters
    ----------
    y : array
    axes : tuple of int
        The image's axes; others (colour) are averaged over.

    Returns
    -------
    float
        In the units of `y`; at least 0.0005 of its range.

    References
    ----------
    Donoho, Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81 (1994).
    """
    planes = np.moveaxis(y, axes, range(len(axes))).reshape(*(y.shape[a] for a in axes), -1)
    # the estimator's own guard for small numbers is absolute: scale to the range, which scales back exactly
    size = float(np.ptp(y)) or float(np.abs(y).max()) or 1.0
    flat = np.ptp(y) == 0
    sigma = 0.0 if flat else float(wavelet_sigma(planes / size, channel_axis=-1, average_sigmas=True))
    if not sigma >= _LEAST_NOISE:
        logger.info("the noise found, %.2g of the range, is taken for %.2g", sigma, _LEAST_NOISE)
        sigma = _LEAST_NOISE
    return sigma * size


def total_variation_weight(y: Any, sigma: float, axes: tuple[int, ...]) -> float:
    r"""Return the weight of total variation for noise of standard deviation `sigma`.

    .. math:: \lambda = 6 \sqrt{C} \, \sigma^2 / R

    with R the range of the image and C its number of colours, which a joint norm gathers.
    """
    colours = int(np.prod([n for a, n in enumerate(y.shape) if a not in axes]))
    size = float(np.ptp(y)) or float(np.abs(y).max()) or 1.0
    return 6.0 * float(np.sqrt(colours)) * sigma**2 / size


def tikhonov_weight(y: Any, sigma: float, axes: tuple[int, ...]) -> float:
    r"""Return the weight of ½‖∇x‖² for noise of standard deviation `sigma`.

    .. math:: \lambda = \frac{1}{30} \, \sigma^2 \Big/ \overline{|\partial y|^2}

    The mean over pixels and directions is that of the blurred image, less what noise adds to it. The blur has lowered
    it; the factor makes up for that, and was fitted on photographs that no figure in this project is reported on.
    """
    return sigma**2 / (30 * _slope(y, sigma, axes))


def signal_to_noise(y: Any, sigma: float, axes: tuple[int, ...]) -> float:
    """Return the ratio of variances for a Wiener filter that takes the image for white.

    Images are not white: their variance is that of the low frequencies, the variance of their differences that of the
    high ones. The geometric mean of the two stands in between.
    """
    variance = max(float(np.var(y, dtype=np.float64)) - sigma**2, 0.0)
    return max(float(np.sqrt(variance * _slope(y, sigma, axes))) / sigma**2, 1.0)


def _slope(y: Any, sigma: float, axes: tuple[int, ...]) -> float:
    """Return the mean square difference between neighbours, less what noise adds to it."""
    noisy = float(np.mean([np.mean(np.diff(y, axis=a) ** 2, dtype=np.float64) for a in axes]))
    return max(noisy - 2 * sigma**2, 0.05 * noisy) or 1.0
