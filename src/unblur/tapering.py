"""Edges made fit for methods that take an image for periodic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unblur.operators import Blur

from .intensity import from_working, to_working
from .kernel import read_image_axes, read_psf


def edgetaper(image: Any, psf: Any, axes: int | Sequence[int] | None = None) -> Any:
    r"""Blur the edges of an image so that opposite ones join.

    .. math:: \hat y = \alpha \, y + (1 - \alpha) \, (h * y), \qquad \alpha_i = \prod_a \big(1 - r_a(d_a(i)) / r_a(0)\big)

    with * the periodic convolution, :math:`r_a` the autocorrelation of the PSF's projection onto axis a, and
    :math:`d_a(i)` the distance of sample i to the nearer end of that axis. The weight α is 0 at the edges, which are
    blurred altogether, and 1 from a PSF's size inwards, where nothing changes.

    Parameters
    ----------
    image, psf, axes
        As for `unblur.restore`; the PSF at most half as large as the image.

    Returns
    -------
    array of the shape and the type of `image`

    Raises
    ------
    ValueError, TypeError
        As `unblur.restore`; and if the PSF is larger than half the image along an axis.

    Notes
    -----
    Two FFTs. It lessens the ringing of `wiener`-like filters that assume a periodic image, at the price of the outermost
    samples. `unblur.restore` assumes nothing beyond the edges and has no need of it.

    References
    ----------
    Reeves, "Fast image restoration without boundary artifacts", IEEE Trans. Image Process. 14 (2005), on this and other
    remedies.

    Examples
    --------
    >>> import numpy as np, unblur
    >>> ramp = np.tile(np.linspace(0, 1, 40), (40, 1))
    >>> tapered = unblur.edgetaper(ramp, unblur.psf.disk(3))
    >>> step = abs(tapered[:, -1] - tapered[:, 0]).max()
    >>> bool(step < 0.2), bool(np.allclose(tapered[7:-7, 7:-7], ramp[7:-7, 7:-7]))
    (True, True)
    """
    y = to_working(image)
    named = read_image_axes(axes, y.shape, psf)
    if np.ndim(psf) != len(named):
        raise ValueError(f"psf has shape {np.shape(psf)}, one for each colour; give one for all, or taper colour by colour")
    sizes = tuple(y.shape[a] for a in named)
    h = read_psf(psf, sizes)
    if any(2 * p > n for p, n in zip(h.shape, sizes, strict=True)):
        raise ValueError(f"psf has shape {h.shape}, more than half of the image, {sizes}; crop it to what is not zero")
    blurred = Blur(h, y.shape, boundary="periodic", axes=named).apply(y)
    alpha = np.ones((), y.dtype)
    for axis, position in enumerate(named):
        weights = _inner_weights(h.sum(axis=tuple(a for a in range(h.ndim) if a != axis)), y.shape[position])
        shape = [1] * y.ndim
        shape[position] = -1
        alpha = alpha * weights.astype(y.dtype).reshape(shape)
    return from_working(blurred + alpha * (y - blurred), np.asarray(image).dtype)


def _inner_weights(projection: Any, size: int) -> Any:
    """Return 1 less the normalised autocorrelation at each sample's distance to the nearer end."""
    correlation = np.correlate(projection, projection, mode="full")[projection.size - 1 :]
    at = np.arange(size)
    distance = np.minimum(at, size - 1 - at)
    inside = distance < correlation.size
    return 1 - np.where(inside, correlation[np.where(inside, distance, 0)] / correlation[0], 0.0)
