"""The weight of a prior: by formula where the noise is known, else by cross-validation on a part of the image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter

from unblur.inversion import ColouredGCV, LeastSquares, NoiseSpectrum, Term, fit_noise_spectrum, noise_where_blind, plan
from unblur.inversion.weight_choice import choose
from unblur.operators import Blur

from .crops import representative
from .missing import filled
from .observation import Observation

#: noise that is taken for possible at least, in units of the image's range
_LEAST = 1e-4
#: what is further than this from the median, in units of the range, is very bright or dark
_BRIGHT = 2.0
#: noise is white where it is no more than so many times stronger in the lowest quarter of the band that the PSF blocks than in
#: the highest: 1.05 at most on photographs with white noise, 1.19 at least after a median filter
_WHITE = 1.1
#: frequencies from which that can be told
_FEW = 200


@dataclass(frozen=True)
class Weighting:
    """A weight, in the units of an observation, and how it was come by.

    Attributes
    ----------
    weight : float
    sigma : float
        The standard deviation of the noise.
    doubt : str
        What speaks against it; empty where nothing does.
    """

    weight: float
    sigma: float
    doubt: str = ""


def total_variation_weight(seen: Observation, sigma: float) -> float:
    r"""Return the weight of total variation for noise of standard deviation `sigma`.

    .. math:: \lambda = 6 \sqrt{C} \, \sigma^2 / R

    with R the range of the image, here 1, and C its number of colours, which a joint norm gathers.
    """
    colours = np.prod([n for a, n in enumerate(seen.y.shape) if a not in seen.axes])
    return 6.0 * float(np.sqrt(colours)) * sigma**2


def tikhonov_weight(seen: Observation, sigma: float) -> float:
    r"""Return the weight of ½‖∇x‖² for noise of standard deviation `sigma`.

    .. math:: \lambda = \frac{1}{30} \, \sigma^2 \Big/ \overline{|\partial y|^2}

    The mean over pixels and directions is that of the blurred image, less what noise adds to it. The blur has lowered
    it; the factor makes up for that, and was fitted on five images of scikit-image (camera, coffee, cell, chelsea, moon).
    """
    y = filled(seen.y, seen.known, seen.axes)
    squares = [np.mean(np.diff(y, axis=a) ** 2, dtype=np.float64) for a in seen.axes if y.shape[a] > 1]
    noisy = float(np.mean(squares)) if squares else 0.0
    return sigma**2 / (30 * (max(noisy - 2 * sigma**2, 0.05 * noisy) or 1.0))


def weigh(seen: Observation, prior: Callable[[], Term], formula: Callable[[Observation, float], float]) -> Weighting:
    """Return the weight that suits the image, by cross-validation on a part of it that stands for the whole.

    Parameters
    ----------
    seen : Observation
    prior : callable
        Returns the prior.
    formula : callable
        Returns the weight for a given noise; it is the least that is taken.
    """
    window = representative(seen)
    y = seen.y[window]
    # a few very bright things, as far as their light goes, would be all that a fit, and a spectrum, show
    usual = np.abs(seen.y) < _BRIGHT
    if not usual.all():
        reach = dict(zip(seen.axes, seen.psf_sizes, strict=True))
        usual = minimum_filter(usual, [reach.get(a, 1) for a in range(usual.ndim)])
    known = (seen.known & usual)[window]
    if not known.any() or np.ptp(y[known]) == 0:
        # nothing but one grey: any weight is right
        return Weighting(formula(seen, max(seen.rounding, _LEAST)), seen.rounding)
    # of the whole image, since that costs an FFT only
    spectrum = noise_spectrum(seen, filled(seen.y, seen.known, seen.axes) if usual.all() else filled(y, known, seen.axes))
    sigma = max(spectrum.sigma, seen.rounding)
    A = Blur(seen.psf, y.shape, boundary="unknown", axes=seen.axes)
    weights = None if known.all() and seen.weights is None else known * (1 if seen.weights is None else seen.weights[window])
    choice = choose(ColouredGCV(spectrum), plan(LeastSquares(A, y, weights) + prior()))
    # what rounding alone would ask for is no noise to be trusted below
    return Weighting(max(choice.weight, formula(seen, max(seen.rounding, _LEAST)) / 2), sigma, choice.doubt)


def noise_spectrum(seen: Observation, y: NDArray[np.floating]) -> NoiseSpectrum:
    """Return the spectrum of the noise in `y`, the image or a part of it, without holes.

    It is white where the band that the PSF blocks, in which there is noise alone, shows it to be so.
    """
    psf = seen.psf
    if psf.ndim > len(seen.axes):
        # one PSF a colour: their mean lets through what any of them does
        psf = psf.mean(axis=tuple(a for a in range(psf.ndim) if a not in seen.axes))
    fitted = fit_noise_spectrum(y, psf, seen.axes, seen.rounding**2)
    # it asks for axes in rising order
    order = np.argsort(seen.axes)
    blind = noise_where_blind(y, psf.transpose(order), tuple(sorted(seen.axes)))
    if blind.bins >= _FEW and blind.quarters[0] < (_WHITE + 3 / np.sqrt(blind.bins)) * blind.quarters[-1]:
        return replace(fitted, noise=max(blind.sigma, seen.rounding) ** 2, cutoff=np.inf, rounding=0.0)
    return fitted
