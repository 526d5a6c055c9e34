"""The closed forms of the textbooks, for comparison and for speed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unblur.inversion import estimate_sigma
from unblur.inversion.noise_colour import frequencies
from unblur.operators import Blur, Fourier, symbol
from unblur.operators._arguments import read_number

from .missing import filled
from .observation import Observation, observe
from .weights import noise_spectrum

# how much of the power of what an image is continued by is an error
_CONTINUED = 0.05


def inverse_filter(
    image: ArrayLike, psf: ArrayLike, *, floor: float = 0.1, axes: int | Sequence[int] | None = None
) -> NDArray[Any]:
    r"""Divide by the PSF's spectrum where that is not small, and leave out the rest.

    .. math:: \hat x = \hat y / \hat h \;\text{ where } |\hat h| > \text{floor} \cdot \max |\hat h|, \quad 0 \text{ elsewhere}

    Parameters
    ----------
    image, psf, axes
        As for `unblur.restore`.
    floor : float
        From 0, which divides wherever it can, to below 1.

    Returns
    -------
    array of the shape and the type of `image`

    Raises
    ------
    ValueError, TypeError
        As `unblur.restore`; and if `floor` is outside its range.

    Notes
    -----
    Two FFTs. Beyond its edges the image is continued so that opposite edges join.

    Examples
    --------
    >>> import numpy as np, unblur
    >>> image = np.full((32, 32), 0.5, np.float32)
    >>> unblur.inverse_filter(image, unblur.psf.disk(2)).dtype
    dtype('float32')
    """
    read_number(floor, "floor", least=0, below=1)
    seen, A, transform, h, y = _spectra(image, psf, axes)
    keep = np.abs(h) > floor * np.abs(h).max()
    inverse = np.where(keep, 1 / np.where(keep, h, 1), 0)
    return _filtered(seen, A, transform, inverse, y)


def wiener(
    image: ArrayLike, psf: ArrayLike, *, snr: float | None = None, axes: int | Sequence[int] | None = None
) -> NDArray[Any]:
    r"""Apply the Wiener filter.

    .. math:: \hat x = \frac{\hat h^*}{|\hat h|^2 + N / P} \, \hat y

    Parameters
    ----------
    image, psf, axes
        As for `unblur.restore`; no sample may be missing.
    snr : float, optional
        P/N, the ratio of variances of a white image and white noise. By default P is the power law that fits the image's
        spectrum best, and N the noise that is found in it.

    Returns
    -------
    array of the shape and the type of `image`

    Raises
    ------
    ValueError, TypeError
        As `unblur.restore`; if `snr` is not above 0; and if samples are masked or NaN.

    Notes
    -----
    Two FFTs. Beyond its edges the image is continued so that opposite edges join. The mean is not damped.

    References
    ----------
    Wiener, "Extrapolation, Interpolation, and Smoothing of Stationary Time Series", MIT Press (1949).

    Examples
    --------
    >>> import numpy as np, unblur
    >>> image = np.full((32, 32), 0.5)
    >>> unblur.wiener(image, unblur.psf.disk(2), snr=100).round(6).max()
    np.float64(0.5)
    """
    if snr is not None:
        read_number(snr, "snr", above=0, remedy=", or None to have it found")
    seen, A, transform, h, y = _spectra(image, psf, axes)
    ratio = _noise_to_signal(seen, A, y) if snr is None else np.asarray(1 / snr)
    return _filtered(seen, A, transform, np.conj(h) / (np.abs(h) ** 2 + ratio), y)


def _noise_to_signal(seen: Observation, A: Blur, y: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return N / P on the half spectrum of A's grid."""
    if np.ptp(y) == 0:
        return np.asarray(0.0)
    spectrum = noise_spectrum(seen, y)
    # the larger of two that see different bands: what was taken out of the one would be amplified in the other
    noise = max(spectrum.sigma, estimate_sigma(y, seen.axes), seen.rounding) ** 2
    rho = frequencies(tuple(A.dims[a] for a in A.axes))
    rho[(0,) * rho.ndim] = 1 / max(A.dims)
    ratio = noise / spectrum.signal * rho**spectrum.slope
    # what the image is continued by beyond its edges was not blurred: a share of the scene's own power counts as noise
    inside = float(np.prod([seen.y.shape[a] / A.dims[a] for a in A.axes]))
    ratio = ratio + _CONTINUED * (1 - inside)
    return np.expand_dims(ratio, tuple(a for a in range(y.ndim) if a not in A.axes))


def _spectra(
    image: ArrayLike, psf: ArrayLike, axes: int | Sequence[int] | None
) -> tuple[Observation, Blur, Fourier, NDArray[np.complexfloating], NDArray[np.floating]]:
    """Return what was observed, its blur, the transform on the larger grid, the PSF's spectrum, and the image without holes."""
    seen = observe(image, psf, axes)
    if "masked" in seen.missing:
        raise ValueError("image holds NaN or masked samples, which a filter cannot do without; use unblur.restore, which can")
    A = Blur(seen.psf, seen.y.shape, boundary="unknown", axes=seen.axes)
    K = Blur(seen.psf, A.dims, boundary="periodic", axes=seen.axes)
    transform = Fourier(K.dims, K.axes)
    return seen, A, transform, symbol(K, transform), filled(seen.y, seen.known, seen.axes)


def _filtered(seen: Observation, A: Blur, transform: Fourier, response: NDArray[Any], y: NDArray[np.floating]) -> NDArray[Any]:
    """Return the image filtered on the larger grid, its mean as it was."""
    mean = y.mean(dtype=np.float64)
    spectrum = transform.forward(A.extend(y - y.dtype.type(mean)))
    x = A.crop(transform.inverse(spectrum * response.astype(np.result_type(y.dtype, np.complex64))))
    return seen.to_given(x + x.dtype.type(mean))
