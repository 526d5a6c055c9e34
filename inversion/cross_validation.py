"""Generalised cross-validation, and the guard for where it fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from unblur.operators._arguments import read_flag

from .weight_fits import Fit
from .weight_search import Found, Search
from .weights import Rule, doubt_the_end, log_excess, read_seed

# Of 72 restorations of photographs with the right PSF and white noise none passed one of these; of 48 with a PSF too wide by
# 15 % all did that GCV cost more than 2 dB.
_OTHER_NOISE = 0.45
_UNEVEN = 1.1
_DRIVEN_OUT = 1.03


@dataclass(frozen=True)
class GCV(Rule):
    r"""Generalised cross-validation: each sample predicted from all others, without knowing the noise.

    .. math:: \min_f \; \frac{N \, \|A x_f - y\|^2}{(N - \mathrm{df}_f)^2}, \qquad
              \mathrm{df}_f = \operatorname{tr} \frac{\partial A x_f}{\partial y}

    Parameters
    ----------
    guard : bool
        Whether to distrust it where it fails: with a wrong PSF and with noise that is correlated from pixel to pixel it
        takes a weight far too small. Where the noise that the residual shows is far from that in the data, or where the residual
        is not white, the largest of four factors is taken instead, its own, those of `Whiteness` and `Discrepancy`, and a
        first guess from the noise, and an `UnreliableWeightWarning` says so.
    rng : seed or numpy Generator
        Where the random probe comes from, if there has to be one.
    tol, iterations
        As for `Rule`.

    Notes
    -----
    Where every term is quadratic and one transform diagonalises all operators, the figure is a sum over frequencies: about
    forty factors, most of them looked at in one pass over half a spectrum. Elsewhere about six factors are solved for, each
    twice, every one from where the last ended, by some thirty iterations of split Bregman: the search costs about four
    solves to 1e-4, and may be made for a part of the picture.

    References
    ----------
    Golub, Heath, Wahba, "Generalized cross-validation as a method for choosing a good ridge parameter", Technometrics 21
    (1979).
    Ramani, Blu, Unser, "Monte-Carlo SURE: a black-box optimization of regularization parameters for general denoising
    algorithms", IEEE Trans. Image Process. 17 (2008), for the probe.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import GCV, LeastSquares, Tikhonov, solve
    >>> from unblur.operators import Blur
    >>> scene = np.kron(np.eye(8), np.ones((8, 8)))
    >>> A = Blur(np.full((3, 3), 1 / 9), scene.shape, boundary="periodic")
    >>> y = A.apply(scene) + np.random.default_rng(0).normal(scale=0.05, size=scene.shape)
    >>> result = solve(LeastSquares(A, y) + Tikhonov(), weight=GCV())
    >>> 0.001 < result.weight < 0.1
    True
    """

    guard: bool = True
    # a seed is no part of what tells one rule from another: a resumed run takes the weight over as it is
    rng: Any = field(default=0, repr=False)

    name: ClassVar[str] = "generalised cross-validation"
    probes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        read_flag(self.guard, "guard")
        read_seed(self.rng)

    def figure(self, fit: Fit, sigma: float) -> float:
        """Return N ‖r‖² / (N − df)², the noise's variance plus the error of prediction."""
        left = fit.samples - fit.freedom
        return fit.samples * fit.energy / left**2 if left > 0 else np.inf

    def find(self, search: Search, sigma: float) -> Found:
        """Return the factor of least figure, or the guard's, and what speaks against it."""
        found = search.minimise(lambda fit: self.figure(fit, sigma))
        seen = _distrust(search, found, sigma) if self.guard else ""
        if not seen:
            return doubt_the_end(found, self)
        # what lies below the first guess would not be taken
        whitest = search.minimise(lambda fit: fit.whiteness, above=search.start).factor
        # errors of the model add to the noise: the residual should be no smaller than that
        morozov = search.root(lambda fit: log_excess(fit, sigma)).factor
        factor = max(found.factor, whitest, morozov, search.start)
        return Found(
            factor,
            doubt=f"GCV chose the factor {found.factor:.3g}, but {seen}: the PSF or the model of the noise does not fit the "
            f"data. {factor:.3g} was taken, the largest of that, Whiteness's ({whitest:.3g}), Discrepancy's ({morozov:.3g}) and "
            f"a first guess ({search.start:.3g}); check the PSF, and whether the noise is independent from pixel to pixel, or "
            "weigh the priors by a number",
        )


def _distrust(search: Search, found: Found, sigma: float) -> str:
    """Return what speaks against the factor of least figure; nothing where nothing does."""
    fit = search.at(found.factor)
    spread = np.sqrt(2 / fit.samples)
    most = np.exp(_OTHER_NOISE + 4 * spread)
    if not sigma / most <= fit.sigma <= sigma * most:
        return f"the residual shows noise of {fit.sigma:.3g} where the data show {sigma:.3g}"
    # A fit that takes df of N frequencies whole leaves white noise at the others, of whiteness 2 N / (N − df). The figure's
    # spread is 2 √(2 / N), from the fourth moments of N / 2 independent exponential variables; five of it are allowed for.
    uneven = fit.whiteness / 2 * (1 - fit.freedom / fit.samples)
    if uneven > _UNEVEN + 5 * spread:
        return f"the residual is not white: its spectrum is {uneven:.2g} times as uneven as that of white noise"
    # A prior that adapts to the image hides errors of the model in it. More weight then drives them out into the residual,
    # which without them would only become whiter.
    if not search.fits.cheap and search.at(1.5 * found.factor).whiteness > (_DRIVEN_OUT + spread) * fit.whiteness:
        return "the residual becomes less white with more weight"
    return ""
