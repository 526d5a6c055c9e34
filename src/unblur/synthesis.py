"""Blurred images to try things on, made from sharp ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.signal import fftconvolve

from .files import Picture
from .intensity import from_working, to_working
from .kernel import read_psf


def blur(image: Any, psf: Any, *, sigma: float = 0.0, rng: Any = None) -> Any:
    """Return the part of the blurred image whose surroundings are known, with Gaussian noise.

    Parameters
    ----------
    image : array of shape (height, width) or (height, width, colours)
        Integers are scaled by their type's maximum.
    psf : array of two dimensions
        Normalised to sum 1.
    sigma : float
        Standard deviation of the noise.
    rng : numpy.random.Generator or int, optional
        Where the noise comes from.

    Returns
    -------
    array of floats
        Smaller than the image by the PSF's size less 1: a valid convolution.

    Raises
    ------
    ValueError, TypeError
        If the image or the PSF is empty or not finite, or the PSF is larger than the image.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.synthesis import blur
    >>> blur(np.ones((8, 8)), np.ones((3, 3))).shape
    (6, 6)
    """
    x = to_working(image)
    h = read_psf(psf, x.shape[:2], trim=False)
    kernel = (h if x.ndim == 2 else h[..., None]).astype(x.dtype)
    blurred = fftconvolve(x, kernel, mode="valid", axes=(0, 1))
    if sigma:
        blurred = blurred + np.random.default_rng(rng).normal(scale=sigma, size=blurred.shape)
    return blurred.astype(x.dtype, copy=False)


def blur_picture(picture: Picture, psf: Any, sigma: float, seed: int) -> Picture:
    """Return the picture blurred, in its own type; transparency is cut to the same field of view."""
    blurred = blur(picture.pixels, psf, sigma=sigma, rng=seed)
    # the PSF's origin is its middle, n // 2
    start = [n - 1 - n // 2 for n in np.shape(psf)]
    window = tuple(slice(s, s + n) for s, n in zip(start, blurred.shape, strict=False))
    return picture.cut(window).with_pixels(from_working(blurred, picture.pixels.dtype))
