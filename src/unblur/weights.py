"""First rules for a prior's weight, from the noise in the image."""

from __future__ import annotations

from typing import Any

import numpy as np


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
    it; the factor makes up for that, and was fitted on five images of scikit-image (camera, coffee, cell, chelsea, moon).
    """
    return sigma**2 / (30 * _slope(y, sigma, axes))


def signal_to_noise(y: Any, sigma: float, axes: tuple[int, ...]) -> float:
    """Return the ratio of variances for a Wiener filter that takes the image for white.

    Images are not white: their variance is that of the low frequencies, the variance of their differences that of the
    high ones. The geometric mean of the two stands in between; it was compared with the best ratio on scikit-image's
    astronaut, coffee, camera and chelsea.
    """
    variance = max(float(np.var(y, dtype=np.float64)) - sigma**2, 0.0)
    return max(float(np.sqrt(variance * _slope(y, sigma, axes))) / sigma**2, 1.0)


def _slope(y: Any, sigma: float, axes: tuple[int, ...]) -> float:
    """Return the mean square difference between neighbours, less what noise adds to it."""
    noisy = float(np.mean([np.mean(np.diff(y, axis=a) ** 2, dtype=np.float64) for a in axes]))
    return max(noisy - 2 * sigma**2, 0.05 * noisy) or 1.0
