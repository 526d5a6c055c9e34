"""The spectrum of a picture's noise, which is not white where the picture was processed after it was blurred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fftfreq, rfftfreq
from scipy.optimize import minimize

from unblur.operators import Fourier
from unblur.operators._namespace import require_numpy

#: rings of the spectrum to a cycle per sample, and steps of |h|² within each
_RINGS = 80
_LEVELS = np.array([1e-4, 1e-3, 1e-2, 1e-1])
#: below it the window's own spectrum is seen
_LOWEST = 0.015
#: where the cut-off is looked for, in cycles per sample: none, and between those of a JPEG and of a picture enlarged twice
_CUTOFFS = (4.5, 0.45, 0.25)
#: slope of the power spectra of photographs, and that of a cut-off, with how firmly they are held to where data say nothing
_SLOPE, _SLOPE_HOLD = 2.4, 0.02
_STEEPNESS, _STEEPNESS_HOLD = 0.9, 0.002


@dataclass(frozen=True)
class NoiseSpectrum:
    r"""The power of a picture's noise by frequency, and what else its spectrum is made of.

    .. math:: |\hat y|^2 \approx s(\rho) \, \big( |\hat h|^2 \, a \rho^{-b} + n \big) + q, \qquad
              s(\rho) = e^{-(\rho / \rho_0)^p}

    A scene's spectrum is a power law; the blur and noise of power n follow; what was done to the picture after that, such
    as JPEG's compression, a denoiser, demosaicing or an enlargement, has a response s; rounding adds q.

    Attributes
    ----------
    signal, slope : float
        a and b.
    noise : float
        n, the noise's variance before the processing.
    cutoff, steepness : float
        :math:`\rho_0`, in cycles per sample, and p.
    rounding : float
        q, a variance.

    Notes
    -----
    Fitted by Whittle's likelihood to a windowed periodogram; see `fit_noise_spectrum`.

    Examples
    --------
    >>> from unblur.inversion import NoiseSpectrum
    >>> smoothed = NoiseSpectrum(signal=1e-3, slope=2.4, noise=1e-4, cutoff=0.2, steepness=2.0, rounding=1e-6)
    >>> round(smoothed.sigma, 3), smoothed.coloured
    (0.01, True)
    """

    signal: float
    slope: float
    noise: float
    cutoff: float
    steepness: float
    rounding: float

    def power(self, rho: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the noise's power s n + q at frequencies `rho` in cycles per sample; for white noise its variance."""
        return np.asarray(np.exp(-((rho / self.cutoff) ** self.steepness)) * self.noise + self.rounding)

    @property
    def sigma(self) -> float:
        """The noise's standard deviation where nothing was taken away, in the units of the picture."""
        return float(np.sqrt(self.noise + self.rounding))

    @property
    def white(self) -> bool:
        """Whether nothing was taken away anywhere."""
        return not np.isfinite(self.cutoff) or self.noise == 0

    @property
    def coloured(self) -> bool:
        """Whether a tenth of the noise's power, or less, is left of it at the corner of the spectrum's inner square."""
        return float(self.power(np.array(0.5))) < 0.1 * self.sigma**2


def fit_noise_spectrum(
    y: NDArray[np.floating], psf: NDArray[np.floating], axes: Sequence[int] | None = None, rounding: float = 0.0
) -> NoiseSpectrum:
    """Find the spectrum of the noise in a picture from the picture and its blur.

    Parameters
    ----------
    y : array
        The blurred picture, real.
    psf : array
        Its PSF, with as many dimensions as `axes`; along none longer than the picture.
    axes : sequence of int, optional
        The picture's axes that are blurred, in the PSF's order; others are averaged over. By default all.
    rounding : float
        The variance that rounding to integers has surely added.

    Returns
    -------
    NoiseSpectrum

    Raises
    ------
    ValueError
        If the picture is constant.

    Notes
    -----
    One FFT of the picture, one of the PSF, and the fit of six numbers to some two hundred averages, a few milliseconds. The
    model knows of one scene that is as rough everywhere and of noise that is as strong everywhere; a regular texture or
    photon noise are outside of it.

    References
    ----------
    Whittle, "On stationary processes in the plane", Biometrika 41 (1954), for the likelihood.
    Field, "Relations between the statistics of natural images and the response properties of cortical cells", J. Opt. Soc.
    Am. A 4 (1987), for the power law.

    Examples
    --------
    >>> from skimage import data, util
    >>> import unblur
    >>> from unblur.inversion import fit_noise_spectrum
    >>> psf = unblur.psf.disk(4)
    >>> y = unblur.synthesis.blur(util.img_as_float(data.camera()), psf, sigma=0.01, rng=0)
    >>> round(fit_noise_spectrum(y, psf).sigma, 2)
    0.01
    """
    require_numpy("fit_noise_spectrum", y)
    axes = tuple(range(y.ndim)) if axes is None else tuple(a % y.ndim for a in axes)
    rho, gain, power, count = _averages(y, psf, axes)
    size = float(power @ count) / float(count.sum())
    if not size > 0:
        raise ValueError("y is constant; there is no spectrum to be fitted")
    Y, c, r = power / size, count / count.sum(), np.log(rho)
    floor = max(0.9 * rounding / size, 1e-14)

    def cost(theta: NDArray[np.floating]) -> tuple[float, NDArray[np.floating]]:
        a, b, n, cutoff, steepness, q = theta
        u = np.exp(np.clip(np.exp(steepness) * (r - cutoff), -60, 6))
        s = np.exp(-u)
        signal, noise, rest = gain * np.exp(np.clip(a - b * r, -80, 80)), np.exp(n), np.exp(q)
        model = s * (signal + noise) + rest + floor
        slope = c * (1 - Y / model) / model
        inner = slope * s
        gradient = np.array(
            [
                inner @ signal,
                -inner @ (signal * r),
                inner.sum() * noise,
                inner @ ((signal + noise) * u) * np.exp(steepness),
                -inner @ ((signal + noise) * u * np.log(u)),
                slope.sum() * rest,
            ]
        )
        gradient[1] += 2 * _SLOPE_HOLD * (b - _SLOPE)
        gradient[4] += 2 * _STEEPNESS_HOLD * (steepness - _STEEPNESS)
        held = _SLOPE_HOLD * (b - _SLOPE) ** 2 + _STEEPNESS_HOLD * (steepness - _STEEPNESS) ** 2
        return float(c @ (np.log(model) + Y / model)) + held, gradient

    low = r <= np.quantile(r, 0.05)
    start_a = np.log(np.median(Y[low])) + _SLOPE * np.median(r[low])
    start_n, start_q = np.log(np.quantile(Y, 0.3)), np.log(Y.min() + floor) - 1
    bounds = [(-60, 60), (1, 5), (-40, 5), (np.log(0.08), 2), (0.3, 2.5), (-40, 3)]
    fits = [
        minimize(
            cost, [start_a, _SLOPE, start_n, np.log(cutoff), _STEEPNESS, start_q], jac=True, method="L-BFGS-B", bounds=bounds
        )
        for cutoff in _CUTOFFS
    ]
    a, b, n, cutoff, steepness, q = min(fits, key=lambda fit: float(fit.fun)).x
    return NoiseSpectrum(
        signal=float(np.exp(a) * size),
        slope=float(b),
        noise=float(np.exp(n) * size),
        cutoff=float(np.exp(cutoff)),
        steepness=float(np.exp(steepness)),
        rounding=float((np.exp(q) + floor) * size),
    )


def windowed_power(z: NDArray[np.floating], ndim: int) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return the periodogram of `z` over its last `ndim` axes, under a Hann window and without its mean, and its multiplicity.

    It is a half spectrum; white noise has its variance in it everywhere.
    """
    axes = tuple(range(-ndim, 0))
    z = z.astype(np.float64)
    z -= z.mean(axis=axes, keepdims=True)
    for axis in axes:
        n = z.shape[axis]
        if n > 1:
            w = np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2
            z *= (w / np.sqrt(np.mean(w**2))).reshape((-1,) + (1,) * (-axis - 1))
    transform = Fourier(z.shape, tuple(range(z.ndim - ndim, z.ndim)))
    return np.abs(transform.forward(z)) ** 2 / np.prod(z.shape[-ndim:]), transform.multiplicity()


def frequencies(shape: tuple[int, ...]) -> NDArray[np.floating]:
    """Return ρ, in cycles per sample, on the half spectrum of a real array of this shape."""
    grid = np.meshgrid(*map(fftfreq, shape[:-1]), rfftfreq(shape[-1]), indexing="ij", sparse=True)
    return np.asarray(np.sqrt(sum(f**2 for f in grid)))


def _averages(y: NDArray[np.floating], psf: NDArray[np.floating], axes: tuple[int, ...]) -> tuple[NDArray[np.floating], ...]:
    """Return ρ, |h|², the periodogram and the number of samples, averaged over parts of the spectrum alike in ρ and |h|²."""
    z = np.moveaxis(y, axes, range(-len(axes), 0))
    shape = z.shape[-len(axes) :]
    power, multiplicity = windowed_power(z, len(axes))
    power = power.reshape(-1, *power.shape[-len(axes) :]).mean(axis=0)
    rho = frequencies(shape)
    h = np.pad(psf.astype(np.float64), [(0, n - k) for n, k in zip(shape, psf.shape, strict=True)])
    gain = np.abs(Fourier(shape, tuple(range(len(shape)))).forward(h)) ** 2
    seen = rho > _LOWEST
    part = (rho[seen] * _RINGS).astype(int) * (_LEVELS.size + 1) + np.searchsorted(_LEVELS, gain[seen])
    weight = np.broadcast_to(multiplicity.reshape(multiplicity.shape[-len(axes) :]), rho.shape)[seen]
    count: NDArray[np.floating] = np.bincount(part, weight).astype(np.float64)
    filled = count > 0
    sums = [np.bincount(part, weight * quantity[seen])[filled] for quantity in (rho, gain, power)]
    return (*(total / count[filled] for total in sums), count[filled])
