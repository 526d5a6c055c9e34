"""Blurred images to try things on, made from sharp ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.signal import fftconvolve

from unblur.operators._arguments import read_array, read_number

from .files import Picture
from .intensity import from_working, to_working
from .kernel import in_colour, read_image_axes, read_psf


def blur(image: Any, psf: Any, *, sigma: float = 0.0, rng: Any = None, axes: int | Sequence[int] | None = None) -> Any:
    """Return the part of the blurred image whose surroundings are known, with Gaussian noise.

    Parameters
    ----------
    image : array
        A line, an image or a volume, with an axis of colours or without. Integers are scaled by their type's maximum.
    psf : array
        With a dimension for each axis that is blurred, in their order; normalised to sum 1. For an image of three colours it
        may be of three too, one PSF a colour.
    sigma : float
        Standard deviation of the noise, 0 or more.
    rng : numpy.random.Generator or int, optional
        Where the noise comes from.
    axes : int or tuple of int, optional
        The axes that are blurred. By default all, or all but the last where that is of three colours and the PSF has a
        dimension less; where neither is the case they have to be named.

    Returns
    -------
    array of floats
        Along the axes that are blurred smaller than the image by the PSF's size less 1: a valid convolution.

    Raises
    ------
    ValueError, TypeError
        If the image or the PSF is empty or not finite, the PSF is larger than the image, or it cannot be told which axes are
        blurred.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.synthesis import blur
    >>> blur(np.ones((8, 8)), np.ones((3, 3))).shape
    (6, 6)
    >>> blur(np.ones((8, 8, 3)), np.ones((3, 3))).shape
    (6, 6, 3)
    >>> blur(np.ones((5, 8, 8)), np.ones((3, 3, 3))).shape
    (3, 6, 6)
    """
    x, psf = to_working(image), read_array(psf, "psf")
    sigma = read_number(sigma, "sigma", least=0)
    named = read_image_axes(axes, x.shape, psf)
    each_colour = axes is None and in_colour(x.shape, psf.shape)
    kernel = read_psf(psf, tuple(x.shape[a] for a in named), channel=2 if each_colour else None, trim=False).astype(x.dtype)
    if not each_colour:
        # in the order of the image's axes
        kernel = np.expand_dims(kernel.transpose(np.argsort(named)), tuple(set(range(x.ndim)) - set(named)))
    blurred = fftconvolve(x, kernel, mode="valid", axes=sorted(named))
    if sigma:
        blurred = blurred + np.random.default_rng(rng).normal(scale=sigma, size=blurred.shape)
    return blurred.astype(x.dtype, copy=False)


def blur_picture(picture: Picture, psf: Any, sigma: float, seed: int) -> Picture:
    """Return the picture blurred, in its own type; transparency is cut to the same field of view."""
    blurred = blur(picture.pixels, psf, sigma=sigma, rng=seed, axes=(0, 1))
    # the PSF's origin is its middle, n // 2
    start = [n - 1 - n // 2 for n in np.shape(psf)]
    window = tuple(slice(s, s + n) for s, n in zip(start, blurred.shape, strict=False))
    return picture.cut(window).with_pixels(from_working(blurred, picture.pixels.dtype))
