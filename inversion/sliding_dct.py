"""A denoiser by the discrete cosine transform of small blocks, at every place."""

from __future__ import annotations

from typing import Any

import numpy as np

from unblur.operators._arguments import read_array, read_number, read_whole
from unblur.operators._backend import fft_namespace, get_workers, working_dtype
from unblur.operators._forks import apart_from_forks
from unblur.operators._namespace import require_numpy


def sliding_dct(image: Any, sigma: float, *, size: int = 8, threshold: float = 2.7) -> Any:
    r"""Remove white noise: threshold the cosine transform of every block of an image, and average.

    .. math:: \hat x = \frac{\sum_b w_b \, R_b^T C^T H_{t \sigma}(C R_b x)}{\sum_b w_b \, R_b^T 1}

    R_b cuts block b out, C is the orthonormal DCT-II, H puts to zero what is below t σ, and w_b is one over the number of
    coefficients that are kept, so that blocks that are told in few words count for more.

    Parameters
    ----------
    image : array, 1-D, 2-D, or 2-D with colours last
        Colours are turned by a DCT over them, which takes their mean and their differences apart.
    sigma : float
        Standard deviation of the noise, in the units of the image; 0 returns the image.
    size : int
        Side of a block in pixels.
    threshold : float
        t.

    Returns
    -------
    array of the image's shape
        In single precision where the image is, else in double.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If the image is complex.

    Notes
    -----
    The cost is ``size**2`` pairs of block transforms of the image's size, the memory about four images. The image is
    continued by reflection.

    References
    ----------
    Yaroslavsky, Egiazarian, Astola, "Transform domain image restoration methods: review, comparison, and interpretation",
    Proc. SPIE 4304 (2001).
    Yu, Sapiro, "DCT image denoising: a simple and effective image denoising algorithm", Image Processing On Line 1 (2011).

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import sliding_dct
    >>> noise = np.random.default_rng(0).normal(scale=0.1, size=(32, 32))
    >>> bool(sliding_dct(noise, 0.1).std() < 0.03)
    True
    """
    require_numpy("sliding_dct", image)
    x = read_array(image, "image")
    x = x.astype(working_dtype(x.dtype), copy=False)
    if x.dtype.kind == "c":
        raise TypeError("image is complex; denoise its real and its imaginary part")
    if not 1 <= x.ndim <= 3 or x.size == 0:
        raise ValueError(f"image has shape {x.shape}; give one of 1 or 2 dimensions, or of 2 with colours last")
    sigma, size = read_number(sigma, "sigma", least=0), read_whole(size, "size", remedy=" of pixels")
    threshold = read_number(threshold, "threshold", least=0)
    fft, workers = fft_namespace(x), get_workers()
    dct, idct, dctn, idctn = map(apart_from_forks, (fft.dct, fft.idct, fft.dctn, fft.idctn))
    colours = x.ndim == 3
    if colours:
        x = dct(x, axis=2, norm="ortho", workers=workers)
    sides = x.shape[:2] if colours else x.shape
    # so many blocks that each pixel is seen from every place in one
    counts = [-(-(n + size - 1) // size) for n in sides]
    margins = [(size - 1, c * size - n) for n, c in zip(sides, counts, strict=True)]
    padded = np.pad(x, margins + [(0, 0)] * (x.ndim - len(sides)), mode="symmetric")
    # an array of blocks: counts and sides in turn
    blocks_shape = sum(((c, size) for c in counts), ()) + x.shape[len(sides) :]
    inside = tuple(range(1, 2 * len(sides), 2))
    total, weight = np.zeros_like(padded), np.zeros_like(padded)
    for shift in np.ndindex(*(size,) * len(sides)):
        window = tuple(slice(s, s + c * size) for s, c in zip(shift, counts, strict=True))
        coefficients = dctn(padded[window].reshape(blocks_shape), axes=inside, norm="ortho", workers=workers)
        kept = np.abs(coefficients) >= threshold * sigma
        mean = tuple(0 if axis in inside else slice(None) for axis in range(kept.ndim))
        kept[mean] = True
        coefficients *= kept
        w = 1 / np.sum(kept, axis=inside, keepdims=True, dtype=x.dtype)
        blocks = idctn(coefficients, axes=inside, norm="ortho", overwrite_x=True, workers=workers)
        blocks *= w
        total[window] += blocks.reshape(total[window].shape)
        weight[window] += np.broadcast_to(w, blocks.shape).reshape(total[window].shape)
    total /= weight
    x = total[tuple(slice(size - 1, size - 1 + n) for n in sides)]
    return idct(x, axis=2, norm="ortho", workers=workers) if colours else x
