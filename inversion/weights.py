"""Rules that choose how much the priors of a problem weigh; `GCV`, with its guard, has a module of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from unblur.operators._arguments import read_number, read_whole

from .noise_colour import NoiseSpectrum
from .weight_fits import Fit
from .weight_search import Curve, Found, Search


class UnreliableWeightWarning(UserWarning):
    """A rule chose a weight that should not be trusted unseen; the message says what was seen and what to do."""


@dataclass(frozen=True)
class Rule:
    """A rule for the common factor of the terms that carry no data, for ``solve(problem, weight=rule)``.

    One of one's own is a frozen dataclass with `name`, `probes` and `figure`.

    Parameters
    ----------
    tol : float
        Where there is no closed form, how far each factor that is tried is solved for: until the figure and the state's
        relative residual are within this. Thrice as much takes a fifth of the iterations less, and moves the factor by some
        hundredths.
    iterations : int
        For one factor, at most.

    Raises
    ------
    ValueError
        If `tol` is not above 0, or `iterations` not 1 or more.
    """

    # how a search is gone about is no part of what tells one rule from another
    tol: float = field(default=1e-3, kw_only=True, repr=False)
    iterations: int = field(default=100, kw_only=True, repr=False)

    #: of the figure, for the curve
    name: ClassVar[str] = ""
    #: whether the figure looks at the degrees of freedom, which may take a second solve for each factor
    probes: ClassVar[bool] = False
    #: what the figure is to be; None where it is to be least
    target: ClassVar[float | None] = None

    def __post_init__(self) -> None:
        read_number(self.tol, "tol", above=0)
        read_whole(self.iterations, "iterations")

    def figure(self, fit: Fit, sigma: float) -> float:
        """Return what is to be least over the factor."""
        raise NotImplementedError(f"{type(self).__name__} defines no figure; write figure(fit, sigma)")

    def find(self, search: Search, sigma: float) -> Found:
        """Return the factor, and what speaks against it."""
        return doubt_the_end(search.minimise(lambda fit: self.figure(fit, sigma)), self)

    def curve(self, search: Search, sigma: float) -> Curve:
        """Return the figure at every factor tried."""
        return search.curve(self.name, lambda fit: self.figure(fit, sigma), self.target)

    def noise(self) -> float | None:
        """Return the standard deviation of the noise that was given; None to have it estimated."""
        return getattr(self, "sigma", None)

    def noise_spectrum(self) -> NoiseSpectrum | None:
        """Return the spectrum of the noise, where the figure looks at whitened residuals."""
        return getattr(self, "spectrum", None)

    def seed(self) -> Any:
        """Return where random probes come from."""
        return getattr(self, "rng", 0)


def log_excess(fit: Fit, sigma: float) -> float:
    """Return log(‖r‖² / (N σ²)), above 0 where the residual is larger than the noise; finite for a residual of 0 too."""
    return float(np.log(max(fit.energy / (fit.samples * sigma**2), np.finfo(float).tiny)))


def doubt_the_end(found: Found, rule: Rule) -> Found:
    """Return what was found, with a doubt where the search ran into its end."""
    if not found.edge:
        return found
    seems = "the data were noise alone" if found.edge > 0 else "the data needed no prior"
    return replace(
        found,
        doubt=f"{type(rule).__name__} found no best factor: its figure fell to the end of the search, {found.factor:.3g}, as if "
        f"{seems}; check the PSF and whether the noise is independent from pixel to pixel, or weigh the priors by a number",
    )


@dataclass(frozen=True)
class UPRE(Rule):
    r"""The unbiased estimate of the predictive risk, for noise of known standard deviation.

    .. math:: \min_f \; \tfrac1N \|A x_f - y\|^2 + \tfrac{2 \sigma^2}{N} \, \mathrm{df}_f - \sigma^2

    Its mean over the noise is that of :math:`\frac1N \|A x_f - A x\|^2`. Also known as Mallows' Cₚ and, for what is not
    linear, as Stein's estimate (SURE).

    Parameters
    ----------
    sigma : float, optional
        The standard deviation of the noise in :math:`\sqrt w \, y`; by default estimated from the data.
    rng : seed or numpy Generator
        As for `GCV`.
    tol, iterations
        As for `Rule`.

    Raises
    ------
    ValueError
        If `sigma` is not a finite number above 0.

    Notes
    -----
    As `GCV`.

    References
    ----------
    Mallows, "Some comments on Cp", Technometrics 15 (1973).
    Ramani, Blu, Unser, "Monte-Carlo SURE: a black-box optimization of regularization parameters for general denoising
    algorithms", IEEE Trans. Image Process. 17 (2008).

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import UPRE, LeastSquares, Tikhonov, solve
    >>> from unblur.operators import Blur
    >>> scene = np.kron(np.eye(8), np.ones((8, 8)))
    >>> A = Blur(np.full((3, 3), 1 / 9), scene.shape, boundary="periodic")
    >>> y = A.apply(scene) + np.random.default_rng(0).normal(scale=0.05, size=scene.shape)
    >>> 0.001 < solve(LeastSquares(A, y) + Tikhonov(), weight=UPRE(0.05)).weight < 0.1
    True
    """

    sigma: float | None = None
    # a seed is no part of what tells one rule from another: a resumed run takes the weight over as it is
    rng: Any = field(default=0, repr=False)

    name: ClassVar[str] = "predictive risk, estimated"
    probes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_sigma(self.sigma)
        read_seed(self.rng)

    def figure(self, fit: Fit, sigma: float) -> float:
        """Return ‖r‖²/N + 2σ² df/N − σ²."""
        return fit.energy / fit.samples + 2 * sigma**2 * fit.freedom / fit.samples - sigma**2


@dataclass(frozen=True)
class Discrepancy(Rule):
    r"""Morozov's discrepancy principle: the residual is to be as large as the noise.

    .. math:: \|A x_f - y\|^2 = N \sigma^2

    Parameters
    ----------
    sigma : float, optional
        The standard deviation of the noise in :math:`\sqrt w \, y`; by default estimated from the data.
    tol, iterations
        As for `Rule`.

    Raises
    ------
    ValueError
        If `sigma` is not a finite number above 0.

    Notes
    -----
    It smooths more than `GCV` does, by a decibel on photographs, because a good solution leaves less than the noise. One
    solve for each of about seven factors where there is no closed form.

    References
    ----------
    Morozov, "On the solution of functional equations by the method of regularization", Soviet Math. Dokl. 7 (1966).

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import Discrepancy, LeastSquares, Tikhonov, solve
    >>> from unblur.operators import Blur
    >>> scene = np.kron(np.eye(8), np.ones((8, 8)))
    >>> A = Blur(np.full((3, 3), 1 / 9), scene.shape, boundary="periodic")
    >>> y = A.apply(scene) + np.random.default_rng(0).normal(scale=0.05, size=scene.shape)
    >>> result = solve(LeastSquares(A, y) + Tikhonov(), weight=Discrepancy(0.05))
    >>> round(float(np.std(A.apply(result.x) - y)), 6)
    0.05
    """

    sigma: float | None = None

    name: ClassVar[str] = "residual over noise, of variances"
    target: ClassVar[float | None] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_sigma(self.sigma)

    def figure(self, fit: Fit, sigma: float) -> float:
        """Return ‖r‖² / (N σ²)."""
        return fit.energy / (fit.samples * sigma**2)

    def find(self, search: Search, sigma: float) -> Found:
        """Return the factor where the figure is 1, and what speaks against it where there is none."""
        found = search.root(lambda fit: log_excess(fit, sigma))
        if not found.edge:
            return found
        side = "larger than that even without a prior" if found.edge < 0 else "smaller than that at any weight"
        return replace(
            found,
            doubt=f"no factor makes the residual as large as noise of {sigma:.3g}: it is {side}, and {found.factor:.3g} was "
            "taken; check the PSF, give Discrepancy the right sigma, or use GCV()",
        )


@dataclass(frozen=True)
class Whiteness(Rule):
    r"""The residual is to be as white as it can, whatever its size.

    .. math:: \min_f \; M \sum_k |\hat r_k|^4 \Big/ \Big( \sum_k |\hat r_k|^2 \Big)^2

    over the M frequencies of the residual less its mean; it is 2 for white Gaussian noise.

    Parameters
    ----------
    tol, iterations
        As for `Rule`.

    Notes
    -----
    It stands a wrong PSF and, to a degree, correlated noise better than `GCV`, and smooths more where all is well. One
    solve for each of about six factors where there is no closed form.

    References
    ----------
    Almeida, Figueiredo, "Parameter estimation for blind and non-blind deblurring using residual whiteness measures", IEEE
    Trans. Image Process. 22 (2013).
    Lanza, Pragliola, Sgallari, "Residual whiteness principle for parameter-free image restoration", Electron. Trans. Numer.
    Anal. 53 (2020), for the figure.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import LeastSquares, Tikhonov, Whiteness, solve
    >>> from unblur.operators import Blur
    >>> scene = np.kron(np.eye(8), np.ones((8, 8)))
    >>> A = Blur(np.full((3, 3), 1 / 9), scene.shape, boundary="periodic")
    >>> y = A.apply(scene) + np.random.default_rng(0).normal(scale=0.05, size=scene.shape)
    >>> 0.001 < solve(LeastSquares(A, y) + Tikhonov(), weight=Whiteness()).weight < 0.1
    True
    """

    name: ClassVar[str] = "unevenness of the residual's spectrum"

    def figure(self, fit: Fit, sigma: float) -> float:
        """Return M Σ|r̂|⁴ / (Σ|r̂|²)²."""
        return fit.whiteness


def read_seed(rng: Any) -> None:
    """Refuse what no random generator can be made of."""
    try:
        np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise TypeError(f"rng is {rng!r}; give a whole number, 0 or more, a numpy.random.Generator, or None") from None


def _check_sigma(sigma: float | None) -> None:
    if sigma is not None:
        read_number(sigma, "sigma", above=0, remedy=", or None to have it estimated")
