"""Cross-validation where the noise has a colour: pictures that were processed after they were blurred."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from .cross_validation import GCV
from .noise_colour import NoiseSpectrum
from .weight_fits import Fit
from .weight_search import Found, Search
from .weights import Rule

#: a residual is taken for white up to this unevenness, and five times its spread more
_EVEN = 1.03
#: and plain validation for right where it is no further than by this below the whitest, and below the coloured one
_BELOW_WHITEST, _BELOW_COLOURED = np.log(4.0), np.log(2.5)
#: where it is not right, the first guess is seldom more than this too large
_GUESS = 4.0
_PLAIN = GCV(guard=False)


@dataclass(frozen=True)
class ColouredGCV(Rule):
    r"""Generalised cross-validation for noise of known spectrum n, on the side of safety.

    .. math:: \min_f \; \frac{M \sum_k |\hat r_k|^2 / n_k}{(M - \mathrm{df}_f)^2}, \qquad r = A x_f - y

    which is `GCV` of data whose noise was made white, with M the number of frequencies where there is any. Where plain `GCV`
    leaves a white residual and is not far below this or `Whiteness`, it is followed. Where it does not, the larger of the two
    is taken, and a warning says so: one of them was near the best on JPEGs, denoised, demosaiced, smoothed and enlarged
    pictures and on counts of photons, and none above it by much, while too small a factor ruins a picture.

    Parameters
    ----------
    spectrum : NoiseSpectrum
        As `fit_noise_spectrum` finds it.
    rng : seed or numpy Generator
        As for `GCV`.

    Notes
    -----
    As `GCV` by solving: six to ten factors, each solved for twice, from where the last ended. All figures are read off the
    same fits.

    References
    ----------
    Golub, Heath, Wahba, "Generalized cross-validation as a method for choosing a good ridge parameter", Technometrics 21
    (1979).
    Wang, "Smoothing spline models with correlated random errors", J. Amer. Statist. Assoc. 93 (1998), for noise that is not
    white.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> from unblur.inversion import ColouredGCV, LeastSquares, TotalVariation, fit_noise_spectrum, solve
    >>> from unblur.operators import Blur
    >>> scene = np.kron(np.eye(8), np.ones((8, 8)))
    >>> h = np.full((3, 3), 1 / 9)
    >>> A = Blur(h, scene.shape, boundary="periodic")
    >>> y = A.apply(scene) + np.random.default_rng(0).normal(scale=0.05, size=scene.shape)
    >>> weight = solve(LeastSquares(A, y) + TotalVariation(), weight=ColouredGCV(fit_noise_spectrum(y, h))).weight
    >>> 0.005 < weight < 0.1
    True
    """

    spectrum: NoiseSpectrum
    # a seed is no part of what tells one rule from another: a resumed run takes the weight over as it is
    rng: Any = field(default=0, repr=False)

    name: ClassVar[str] = "generalised cross-validation of whitened data"
    probes: ClassVar[bool] = True

    def noise(self) -> float:
        """Return the standard deviation of the noise where nothing was taken away."""
        return self.spectrum.sigma

    def figure(self, fit: Fit, sigma: float) -> float:
        """Return M Σ|r̂|²/n / (M − df)²."""
        left = fit.audible - fit.freedom
        return fit.audible * fit.whitened / left**2 if left > 0 else np.inf

    def find(self, search: Search, sigma: float) -> Found:
        """Return the factor, and what speaks against plain cross-validation."""
        plain = search.minimise(lambda fit: _PLAIN.figure(fit, sigma))
        whitest = search.minimise(lambda fit: fit.whiteness)
        fit = search.nearest(plain.factor)
        uneven = fit.whiteness / 2 * (1 - fit.freedom / fit.samples)
        if uneven > _EVEN + 5 * np.sqrt(2 / fit.samples):
            seen = f"what it leaves is {uneven:.2g} times as uneven as white noise"
        elif np.log(whitest.factor / plain.factor) > _BELOW_WHITEST:
            seen = f"{whitest.factor:.3g} leaves something whiter"
        else:
            seen = ""
        # of white noise the two are one, and only the window would tell them apart
        coloured = plain if self.spectrum.white else search.minimise(lambda fit: self.figure(fit, sigma))
        if not seen and np.log(coloured.factor / plain.factor) > _BELOW_COLOURED:
            seen = f"it is {coloured.factor:.3g} for noise of the spectrum that was found"
        if not seen:
            return plain
        factor = max(coloured.factor, whitest.factor, search.start / _GUESS)
        return Found(
            factor,
            doubt=f"the noise is not white, or the PSF does not fit: cross-validation chose {plain.factor:.3g}, but {seen}; "
            f"{factor:.3g} was taken, which may smooth too much. Start from the picture as it was before it was compressed, "
            "denoised, resized or sharpened, if it was, and check the PSF",
        )
