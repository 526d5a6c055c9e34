"""The noise in the band that the PSF blocks, against noise of known spectrum."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, gaussian_filter1d, median_filter
from scipy.signal import fftconvolve
from skimage import data

from unblur import psf
from unblur.inversion import estimate_sigma, noise_where_blind
from unblur.operators import Blur

PSFS = {"disk": psf.disk(5), "small disk": psf.disk(2), "motion": psf.motion(21, 30), "gaussian": psf.gaussian(2)}


def blurred(name, h, size=192):
    image = getattr(data, name)() / 255
    image = image if image.ndim == 2 else image[..., 1]
    return fftconvolve(image, h, mode="valid")[:size, :size]


def noise(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("h", PSFS.values(), ids=PSFS)
@pytest.mark.parametrize("sigma", [0.005, 0.02])
@pytest.mark.parametrize("name", ["camera", "astronaut", "coffee", "chelsea", "moon"])
def test_white_noise_is_found_on_photographs(name, sigma, h):
    y = blurred(name, h)
    found = noise_where_blind(y + sigma * noise(y.shape), h)
    assert found.sigma == pytest.approx(sigma, rel=0.1)
    np.testing.assert_allclose(found.quarters, sigma, rtol=0.15)
    # a disk of radius 2 blocks a quarter
    assert 0.2 * y.size < found.bins < y.size


def test_coloured_noise_is_found_as_strong_as_it_is_in_the_band():
    h, y = PSFS["disk"], blurred("camera", PSFS["disk"])
    n = gaussian_filter(noise(y.shape), 0.7, mode="wrap")
    found = noise_where_blind(y + 0.02 * n, h)
    # the smoothing's own response, at the frequencies that are blocked
    f = np.fft.fftfreq(192)
    kernel = np.zeros(192)
    kernel[0] = 1
    response = np.abs(np.fft.fft(gaussian_filter1d(kernel, 0.7, mode="wrap")))
    power = np.outer(response, response) ** 2
    far = np.add.outer(f**2, f**2)
    blocked = np.sqrt(far) > np.quantile(np.sqrt(far), 1 - found.bins / y.size)
    parts = np.array_split(power[blocked][np.argsort(far[blocked])], 4)
    expected = [0.02 * np.sqrt(np.median(part)) for part in parts]
    np.testing.assert_allclose(found.quarters, expected, rtol=0.15)
    assert found.sigma == pytest.approx(0.02 * np.sqrt(np.median(power[blocked])), rel=0.15)


@pytest.mark.parametrize("h", PSFS.values(), ids=PSFS)
@pytest.mark.parametrize("process", [lambda y: gaussian_filter(y, 0.7), lambda y: median_filter(y, 3)], ids=["gauss", "median"])
def test_a_picture_that_was_smoothed_shows_it(h, process):
    y = blurred("camera", h)
    y = process(y + 0.01 * noise(y.shape))
    quarters = noise_where_blind(y, h).quarters
    assert quarters[0] > 1.15 * quarters[-1]
    assert quarters[0] > 1.15 * estimate_sigma(y)


@pytest.mark.parametrize("unit", [1e-18, 1e30])
@pytest.mark.parametrize("offset", [0, 60_000])
def test_units_and_offsets_do_not_matter(unit, offset):
    h, y = PSFS["motion"], blurred("camera", PSFS["motion"]) + 0.01 * noise((192, 192))
    assert noise_where_blind(unit * (y + offset), h).sigma / unit == pytest.approx(noise_where_blind(y, h).sigma, rel=1e-5)


def test_lines_and_volumes():
    rng = np.random.default_rng(0)
    box = np.ones(15) / 15
    y = np.convolve(np.cumsum(rng.normal(size=4014)), box, mode="valid")
    assert noise_where_blind(y + rng.normal(size=y.shape), box).sigma == pytest.approx(1, rel=0.15)
    h = psf.gaussian(1.5)[:, :, None] * psf.gaussian(1.5)[0]
    h = h / h.sum()
    scene = np.kron(rng.random((6, 6, 6)), np.ones((8, 8, 8)))
    y = Blur(h, scene.shape, boundary="reflect").apply(scene)
    assert noise_where_blind(y + 0.05 * noise(y.shape), h).sigma == pytest.approx(0.05, rel=0.05)


def test_axes_go_with_the_psf_and_others_are_a_stack():
    h = psf.motion(21, 0)
    y = blurred("camera", h)
    y = y + 0.01 * noise(y.shape)
    one = noise_where_blind(y, h)
    turned = noise_where_blind(y.T, h, axes=(1, 0))
    assert turned[:2] == pytest.approx(one[:2])
    # frequencies of one length are in no order
    assert turned.quarters == pytest.approx(one.quarters, rel=2e-3)
    colours = np.stack([y, y], axis=-1)
    assert noise_where_blind(colours, h, axes=(0, -2)).sigma == pytest.approx(one.sigma)
    assert noise_where_blind(colours, h[..., None], axes=None).bins > 0
    # a colour that was smoothed does not count
    colours[..., 1] = gaussian_filter(y, 2)
    assert noise_where_blind(colours, h, axes=(0, 1)).sigma == pytest.approx(one.sigma)


def test_a_psf_that_blocks_nothing():
    found = noise_where_blind(noise((64, 64)), np.ones((1, 1)))
    assert found.bins == 0
    assert np.isnan([found.sigma, *found.quarters]).all()


def test_refused_by_name():
    y = noise((32, 32))
    with pytest.raises(TypeError, match="y is complex"):
        noise_where_blind(y + 1j, PSFS["disk"])
    with pytest.raises(ValueError, match="y holds NaN"):
        noise_where_blind(np.where(y > 1, np.nan, y), PSFS["disk"])
    with pytest.raises(ValueError, match="through is 2"):
        noise_where_blind(y, PSFS["disk"], through=2)
    with pytest.raises(ValueError, match="name the axes"):
        noise_where_blind(y[..., None], PSFS["disk"])
