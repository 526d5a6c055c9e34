"""The closed forms of the textbooks, for comparison and for speed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unblur.inversion import Direct, LeastSquares, Tikhonov, solve
from unblur.inversion.noise import estimate_sigma
from unblur.operators import Blur, Fourier, Identity, symbol

from .intensity import from_working, rounding_sigma, to_working
from .restoration import read_image_axes, read_psf
from .weights import signal_to_noise


def inverse_filter(image: Any, psf: Any, *, floor: float = 0.1, axes: int | Sequence[int] | None = None) -> Any:
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
    if not 0 <= floor < 1:
        raise ValueError(f"floor is {floor!r}; give a number from 0 to below 1")
    A, K, y = _periodic(image, psf, axes)
    transform = Fourier(K.dims, K.axes)
    h = symbol(K, transform)
    keep = np.abs(h) > floor * np.abs(h).max()
    inverse = np.where(keep, 1 / np.where(keep, h, 1), 0)
    x = transform.inverse(transform.forward(A.extend(y)) * inverse.astype(np.result_type(y.dtype, np.complex64)))
    return from_working(A.crop(x), np.asarray(image).dtype)


def wiener(image: Any, psf: Any, *, snr: float | None = None, axes: int | Sequence[int] | None = None) -> Any:
    r"""Apply the Wiener filter for a white image in white noise.

    .. math:: \hat x = \frac{\hat h^*}{|\hat h|^2 + 1 / \mathrm{SNR}} \, \hat y

    Parameters
    ----------
    image, psf, axes
        As for `unblur.restore`.
    snr : float, optional
        The signal-to-noise ratio, a ratio of variances; by default estimated from the image.

    Returns
    -------
    array of the shape and the type of `image`

    Raises
    ------
    ValueError, TypeError
        As `unblur.restore`; and if `snr` is not above 0.

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
    if snr is not None and not (np.isfinite(snr) and snr > 0):
        raise ValueError(f"snr is {snr!r}; give a finite number above 0, or None to have it estimated")
    A, K, y = _periodic(image, psf, axes)
    if snr is None:
        sigma = max(estimate_sigma(y, A.axes), rounding_sigma(np.asarray(image).dtype))
        snr = signal_to_noise(y, sigma, A.axes)
    mean = y.mean()
    problem = LeastSquares(K, A.extend(y - mean)) + Tikhonov(Identity(K.dims)) * (1 / snr)
    x = solve(problem, Direct()).x + mean
    return from_working(A.crop(x), np.asarray(image).dtype)


def _periodic(image: Any, psf: Any, axes: int | Sequence[int] | None) -> tuple[Blur, Blur, Any]:
    """Return the blur of the image, its periodic part on the larger grid, and the image in floating point."""
    y = to_working(image)
    axes = read_image_axes(axes, y, np.ndim(psf))
    h = read_psf(psf, tuple(y.shape[a] for a in axes))
    A = Blur(h, y.shape, boundary="unknown", axes=axes)
    return A, Blur(h, A.dims, boundary="periodic", axes=axes), y
