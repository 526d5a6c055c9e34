"""How strong the noise in blurred data is where the blur lets nothing through, and all that is seen is noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter

from unblur.operators import Blur, Fourier
from unblur.operators._arguments import read_axes
from unblur.operators._namespace import require_numpy

from .noise import mean_of_the_loud

#: how far the window spreads a frequency, in samples of the spectrum either way
_SPREAD = 2
#: of the band
_PARTS = 4


class BlindNoise(NamedTuple):
    """What `noise_where_blind` found.

    Attributes
    ----------
    sigma : float
        The standard deviation of white noise that is as strong in the band; nan where there is no band.
    bins : int
        How many samples of an image's whole spectrum are in the band.
    quarters : tuple of float
        The same for each quarter of the band, from the lowest frequencies to the highest. They agree to a tenth where the noise
        is white; of pictures that were smoothed, compressed or enlarged the first is the largest by far, and the nearest to
        the noise that the restoration amplifies.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import noise_where_blind
    >>> sigma, bins, quarters = noise_where_blind(np.random.default_rng(0).normal(size=(64, 64)), np.ones((5, 5)))
    >>> quarters[0] < 1.3 * quarters[-1]
    True
    """

    sigma: float
    bins: int
    quarters: tuple[float, ...]


def noise_where_blind(y: Any, psf: Any, axes: int | Sequence[int] | None = None, *, through: float = 0.05) -> BlindNoise:
    r"""Return the noise of blurred data in the band of frequencies that their PSF blocks.

    .. math:: \hat\sigma^2 = \operatorname{median}_{k \in B} \; \frac{|\widehat{w y}_k|^2}{\log 2 \; \sum w^2}, \qquad
              B = \{ k : |\hat h_l| < t \max |\hat h| \text{ for all } l \text{ within two samples of } k \}

    with w a Hann window along every axis. It is the noise that a restoration amplifies: what is inside the band comes from
    no scene. Pictures that were compressed, denoised or enlarged after they were blurred have less noise in their finest
    details, at which `estimate_sigma` looks, than here.

    Parameters
    ----------
    y : array of real numbers
        The data.
    psf : array
        The PSF, along `axes` in their order, or of as many dimensions as `y`, which broadcasts: one for each colour.
    axes : int or tuple of int, optional
        The axes that are blurred, by default all. Along others it is a stack of images, of which the noise is the mean of
        theirs, less those that have less than half of the loudest one's.
    through : float
        t, the share of the strongest frequency's response that passes for nothing.

    Returns
    -------
    BlindNoise
        ``(sigma, bins, quarters)``. The estimate spreads by about :math:`1 / \sqrt{\mathrm{bins}}` of itself.

    Raises
    ------
    TypeError
        If `y` is complex.
    ValueError
        If `y` holds NaN or infinite samples, `through` is not between 0 and 1, or `psf` does not fit.

    Notes
    -----
    Two FFTs. The window keeps what the edges of the picture would leak into the band to a millionth. A PSF narrower than about
    two pixels blocks nothing: `bins` is small or 0 then.

    References
    ----------
    Welch, "The use of fast Fourier transform for the estimation of power spectra", IEEE Trans. Audio Electroacoust. 15
    (1967), for the window.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import noise_where_blind
    >>> from unblur.operators import Blur
    >>> scene, h = np.kron(np.eye(8), np.ones((16, 16))), np.full((9, 9), 1 / 81)
    >>> y = Blur(h, scene.shape, boundary="reflect").apply(scene)
    >>> y += np.random.default_rng(0).normal(scale=0.1, size=y.shape)
    >>> found = noise_where_blind(y, h)
    >>> round(found.sigma, 2), found.bins > 1000
    (0.1, True)
    """
    require_numpy("noise_where_blind", y)
    y = np.asarray(y)
    if y.dtype.kind == "c":
        raise TypeError("y is complex; give its real and its imaginary part one after the other")
    if not 0 < through < 1:
        raise ValueError(f"through is {through!r}; give a share between 0 and 1")
    y = y.astype(np.float64)
    if not np.isfinite(y).all():
        raise ValueError("y holds NaN or infinite samples, which have no spectrum; give a part without them")
    A = Blur(psf, y.shape, boundary="periodic", axes=axes)
    image = tuple(sorted(read_axes(axes, y.ndim)))
    transform = Fourier(y.shape, image, real=False)
    response = np.abs(A.symbol(transform))
    near = [2 * _SPREAD + 1 if axis in image else 1 for axis in range(y.ndim)]
    blind = maximum_filter(response, near, mode="wrap") < through * response.max()

    size = float(np.abs(y).max()) or 1.0
    window = reduce(np.multiply, [_hann(y.shape[axis], axis, y.ndim) for axis in image])
    mean = np.sum(window * (y / size), axis=image, keepdims=True) / np.sum(window)
    power = np.abs(transform.forward(window * (y / size - mean))) ** 2 / np.sum(window**2)

    distance = sum((np.fft.fftfreq(y.shape[a]) ** 2).reshape(-1, *[1] * (y.ndim - 1 - a)) for a in image)
    planes, bands, distances = (
        np.moveaxis(np.broadcast_to(a, y.shape), image, range(len(image))).reshape(math.prod(y.shape[a] for a in image), -1).T
        for a in (power, blind, distance)
    )
    levels = [_levels(p[b][np.argsort(d[b])]) for p, b, d in zip(planes, bands, distances, strict=True) if b.any()]
    if not levels:
        return BlindNoise(math.nan, 0, (math.nan,) * _PARTS)
    found = [size * mean_of_the_loud(of_one) for of_one in zip(*levels, strict=True)]
    return BlindNoise(found[0], int(bands.sum(axis=1).max()), tuple(found[1:]))


def _levels(power: Any) -> list[float]:
    """Return the noise of which these are powers, and of each of the parts of them in order."""
    parts = np.array_split(power, _PARTS) if power.size >= _PARTS else [power] * _PARTS
    return [math.sqrt(float(np.median(part)) / math.log(2)) for part in (power, *parts)]


def _hann(n: int, axis: int, ndim: int) -> Any:
    """Return the window of `n` samples along one of `ndim` axes; it is above 0 within."""
    w = np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2
    return w.reshape([n if a == axis else 1 for a in range(ndim)])
