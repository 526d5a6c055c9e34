import numpy as np
import pytest
from scipy import ndimage
from skimage import data

import unblur
from unblur import psf

LOPSIDED = np.array([[0.0, 1.0, 2.0, 0.0], [3.0, 0.0, 5.0, 2.0], [4.0, 1.0, 0.0, 0.0]])


def tapered_by_definition(y, h):
    """Two dimensions, the autocorrelation by the periodic Fourier transform of one sample less than the image."""
    h = h / h.sum()
    blurred = ndimage.convolve(y, h, mode="wrap")
    weights = []
    for axis, n in enumerate(y.shape):
        spectrum = np.fft.fft(h.sum(axis=1 - axis), n - 1)
        correlation = np.fft.ifft(np.abs(spectrum) ** 2).real
        weights.append(1 - np.append(correlation, correlation[0]) / correlation[0])
    alpha = np.outer(*weights)
    return alpha * y + (1 - alpha) * blurred


@pytest.mark.filterwarnings("ignore::unblur.UnusualPSFWarning")
@pytest.mark.parametrize("shape", [(20, 31), (33, 24)])
@pytest.mark.parametrize("h", [LOPSIDED, psf.disk(2), psf.motion(7, 30)], ids=["lopsided", "disk", "motion"])
def test_it_is_what_its_definition_says(shape, h):
    y = np.random.default_rng(0).random(shape)
    np.testing.assert_allclose(unblur.edgetaper(y, h), tapered_by_definition(y, h), atol=1e-12)


def test_the_outermost_samples_are_blurred_altogether_and_the_middle_is_kept():
    y = np.random.default_rng(1).random((40, 50))
    h = psf.disk(3)
    tapered, blurred = unblur.edgetaper(y, h), ndimage.convolve(y, h, mode="wrap")
    for edge in ((0,), (-1,), (slice(None), 0), (slice(None), -1)):
        np.testing.assert_allclose(tapered[edge], blurred[edge], atol=1e-12)
    np.testing.assert_allclose(tapered[7:-7, 7:-7], y[7:-7, 7:-7], atol=1e-12)


def test_colours_are_tapered_one_by_one_and_the_type_comes_back():
    photograph = data.coffee()[:90, :120]
    tapered = unblur.edgetaper(photograph, psf.motion(15, 60))
    assert tapered.dtype == np.uint8
    for channel in range(3):
        alone = unblur.edgetaper(photograph[..., channel], psf.motion(15, 60))
        assert np.abs(tapered[..., channel].astype(int) - alone).max() <= 1
    first = unblur.edgetaper(np.moveaxis(photograph, -1, 0), psf.motion(15, 60), axes=(1, 2))
    np.testing.assert_array_equal(np.moveaxis(first, 0, -1), tapered)


def test_it_lessens_the_ringing_of_a_periodic_filter():
    scene = data.camera()[100:300, 100:300] / 255
    h = psf.disk(5)
    y = ndimage.convolve(scene, h, mode="mirror")
    spectrum = np.fft.fft2(np.roll(np.pad(h, [(0, 200 - n) for n in h.shape]), [-(n // 2) for n in h.shape], (0, 1)))
    error = [
        np.linalg.norm(np.fft.ifft2(np.fft.fft2(z) * spectrum.conj() / (np.abs(spectrum) ** 2 + 1e-3)).real - scene)
        for z in (y, unblur.edgetaper(y, h))
    ]
    assert error[1] < 0.6 * error[0]


def test_a_psf_larger_than_half_the_image_is_refused():
    with pytest.raises(ValueError, match="half"):
        unblur.edgetaper(np.ones((20, 40)), np.ones((11, 3)))
