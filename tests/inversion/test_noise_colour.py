import numpy as np
import pytest
import scipy.ndimage as ndi
from skimage import data, util

import unblur
from unblur.inversion import NoiseSpectrum, fit_noise_spectrum
from unblur.inversion.noise_colour import frequencies, windowed_power

SCENE = util.img_as_float(data.camera())
PSFS = {"gaussian": unblur.psf.gaussian(2), "motion": unblur.psf.motion(21, 30), "disk": unblur.psf.disk(4)}


@pytest.mark.parametrize("sigma", [0.005, 0.02])
@pytest.mark.parametrize("h", PSFS.values(), ids=PSFS)
def test_white_noise_is_found(h, sigma):
    y = unblur.synthesis.blur(SCENE, h, sigma=sigma, rng=0)
    spectrum = fit_noise_spectrum(y, h)
    assert spectrum.sigma == pytest.approx(sigma, rel=0.35)
    assert spectrum.power(np.array(0.4)) == pytest.approx(sigma**2, rel=0.25)
    assert not spectrum.coloured


@pytest.mark.parametrize("h", PSFS.values(), ids=PSFS)
def test_smoothed_noise_has_the_smoothing_s_spectrum(h):
    y = ndi.gaussian_filter(unblur.synthesis.blur(SCENE, h, sigma=0.02, rng=0), 0.7)
    spectrum = fit_noise_spectrum(y, h)
    assert spectrum.coloured
    rho = np.array([0.25, 0.35, 0.45])
    right = 0.02**2 * np.exp(-((2 * np.pi * 0.7 * rho) ** 2))
    np.testing.assert_allclose(np.log(spectrum.power(rho)), np.log(right), atol=np.log(2.2))


def test_nothing_depends_on_unit_offset_or_the_order_of_axes():
    h = unblur.psf.gaussian([1.0, 2.0])
    y = unblur.synthesis.blur(SCENE[:200, :240], h, sigma=0.01, rng=0)
    right = fit_noise_spectrum(y, h).sigma
    assert fit_noise_spectrum(1e12 * y + 1e13, h).sigma == pytest.approx(1e12 * right, rel=1e-2)
    assert fit_noise_spectrum(y.T, h, (1, 0)).sigma == pytest.approx(right, rel=1e-2)
    assert fit_noise_spectrum(np.stack([y, y]), h, (1, 2)).sigma == pytest.approx(right, rel=1e-2)
    assert fit_noise_spectrum(np.stack([y, y], -1), h, (-3, -2)).sigma == pytest.approx(right, rel=1e-2)


@pytest.mark.parametrize("shape", [(4000,), (20, 24, 28), (1, 150, 150)])
def test_noise_alone_of_any_dimension(shape):
    y = np.random.default_rng(0).normal(scale=3, size=shape)
    spectrum = fit_noise_spectrum(y, np.ones([min(3, n) for n in shape]) / np.prod([min(3, n) for n in shape]))
    assert spectrum.power(np.array(0.3)) == pytest.approx(9, rel=0.2)


def test_a_constant_picture_is_refused():
    with pytest.raises(ValueError, match="y is constant"):
        fit_noise_spectrum(np.ones((30, 30)), np.ones((3, 3)) / 9)


def test_the_periodogram_of_white_noise_is_its_variance():
    z = np.random.default_rng(0).normal(scale=2, size=(5, 64, 63))
    power, multiplicity = windowed_power(z, 2)
    mean = np.sum(power * multiplicity) / np.sum(np.broadcast_to(multiplicity, power.shape))
    assert mean == pytest.approx(4, rel=0.05)
    assert np.sum(np.broadcast_to(multiplicity, power.shape)) == z.size
    rho = frequencies((64, 63))
    assert rho.shape == power.shape[1:]
    assert rho[0, 0] == 0
    assert rho[32, 0] == 0.5


def test_power_is_what_its_formula_says():
    spectrum = NoiseSpectrum(signal=1, slope=2, noise=4.0, cutoff=0.2, steepness=3.0, rounding=0.5)
    assert spectrum.power(np.array([0.0, 0.2])) == pytest.approx([4.5, 4 / np.e + 0.5])
    assert spectrum.sigma == pytest.approx(np.sqrt(4.5))
    assert not spectrum.white
    white = NoiseSpectrum(signal=1, slope=2, noise=4.0, cutoff=np.inf, steepness=3.0, rounding=0.0)
    assert white.white
    assert white.power(np.array([0.0, 0.5])).tolist() == [4.0, 4.0]
