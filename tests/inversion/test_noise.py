import numpy as np
import pytest
import pywt
from scipy.signal import fftconvolve
from scipy.stats import norm
from skimage import data

from unblur import psf
from unblur.inversion import estimate_sigma


@pytest.mark.parametrize("sigma", [0.005, 0.02])
@pytest.mark.parametrize("h", [psf.motion(15, 30), psf.gaussian(2)], ids=["motion", "gaussian"])
@pytest.mark.parametrize("colour", [False, True])
def test_noise_of_a_blurred_photograph_is_found(sigma, h, colour):
    scene = data.astronaut() / 255
    scene = scene if colour else scene[..., 1]
    y = fftconvolve(scene, h[..., None] if colour else h, mode="valid", axes=(0, 1))
    y = y + np.random.default_rng(0).normal(scale=sigma, size=y.shape)
    assert estimate_sigma(y, (0, 1)) == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize("shape", [(9,), (8, 13), (2, 3), (5, 6, 7)], ids=str)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int16])
def test_it_is_the_median_of_the_diagonal_band_of_the_wavelet_transform(shape, dtype):
    y = (100 * np.random.default_rng(0).normal(size=shape)).astype(dtype)
    axes = tuple(range(len(shape)))
    band = pywt.dwtn(y.astype(float), "db2", axes=axes)["d" * len(axes)]
    assert estimate_sigma(y, axes) == pytest.approx(np.median(np.abs(band)) / norm.ppf(0.75), rel=1e-5)


def test_without_noise_it_is_a_small_share_of_the_range():
    assert estimate_sigma(np.linspace(0, 100, 400).reshape(20, 20), (0, 1)) == pytest.approx(0.05)
