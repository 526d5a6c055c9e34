"""Noise that was put in is found, whatever the picture, its axes, its holes and its units."""

import numpy as np
import pytest
import pywt
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve
from scipy.stats import norm
from skimage import data

from unblur import psf
from unblur.inversion import estimate_sigma


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def camera(h=None):
    return fftconvolve(data.camera() / 255, psf.gaussian(1.5) if h is None else h, mode="valid")


@pytest.mark.parametrize("sigma", [0.005, 0.02])
@pytest.mark.parametrize("h", [psf.motion(15, 30), psf.gaussian(2)], ids=["motion", "gaussian"])
@pytest.mark.parametrize("colour", [False, True])
def test_noise_of_a_blurred_photograph_is_found(sigma, h, colour):
    scene = data.astronaut() / 255
    scene = scene if colour else scene[..., 1]
    y = fftconvolve(scene, h[..., None] if colour else h, mode="valid", axes=(0, 1))
    y = y + np.random.default_rng(0).normal(scale=sigma, size=y.shape)
    assert estimate_sigma(y, (0, 1)) == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize("shape", [(9,), (8, 13), (4, 5), (5, 6, 7)], ids=str)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int16])
def test_it_is_the_median_of_the_diagonal_band_of_the_wavelet_transform(shape, dtype):
    # of the stationary transform, which has a detail at every position, those that no edge reaches; few are of one brightness
    y = (100 * np.random.default_rng(0).normal(size=shape)).astype(dtype)
    h = pywt.Wavelet("db2").dec_hi
    band = y.astype(float)
    for axis in range(y.ndim):
        band = np.apply_along_axis(np.convolve, axis, band, h, mode="valid")
    assert band.size < 128
    assert estimate_sigma(y) == pytest.approx(np.median(np.abs(band)) / norm.ppf(0.75), rel=1e-5)


@pytest.mark.parametrize("name", ["camera", "moon", "coffee", "chelsea", "cell"])
def test_classes_of_brightness_find_even_noise_as_well_as_one_median(name):
    image = getattr(data, name)() / 255
    image = image if image.ndim == 2 else image[..., 1]
    y = fftconvolve(image, psf.disk(3), mode="valid")
    assert estimate_sigma(y + 0.02 * noise(*y.shape)) == pytest.approx(0.02, rel=0.04)


@pytest.mark.parametrize("peak", [30, 1000])
@pytest.mark.parametrize("background", [0.05, 1, 5])
@pytest.mark.parametrize("kind", ["stars", "cells"])
def test_photons_on_a_dark_field(kind, background, peak):
    # the noise that a residual will hold is the root of the mean variance, which of counts is their mean
    rng = np.random.default_rng(1)
    if kind == "stars":
        scene = np.zeros((256, 256))
        rows, columns = rng.integers(0, 256, (2, 60))
        scene[rows, columns] = rng.exponential(peak, 60) * 8 * np.pi
        mean = gaussian_filter(scene, 2) + background
    else:
        cell = data.cell()[200:456, 200:456] / 255
        mean = gaussian_filter(np.clip(cell - cell.min() - 0.1, 0, None), 1.5) * peak + background
    assert estimate_sigma(rng.poisson(mean)) == pytest.approx(np.sqrt(mean.mean()), rel=0.15)


@pytest.mark.parametrize(
    ("axes", "same"), [((1, 0), (0, 1)), ((-2, -1), (1, 2)), ((2, 0), (-3, -1)), (None, (0, 1, 2)), (1, (1,))]
)
def test_axes_have_many_names(axes, same):
    y = noise(40, 41, 42)
    assert estimate_sigma(y, axes) == estimate_sigma(y, same)


def test_moved_axes_are_the_same_axes():
    y = np.stack([noise(64, 70), 2 * noise(64, 70, seed=1)])
    assert estimate_sigma(np.moveaxis(y, 0, -1), (0, 1)) == pytest.approx(estimate_sigma(y, (1, 2)), rel=1e-12)
    with pytest.raises(ValueError, match="axes is 3; each must be from -3 to 2"):
        estimate_sigma(y, 3)


@pytest.mark.parametrize("shape", [(1, 4000), (3, 4000), (4000, 2), (64, 1, 64), (2, 64, 64), (60, 70, 3)], ids=str)
def test_short_axes_are_left_out(shape):
    # a slope along the short axis is no noise
    y = noise(*shape) + 100 * np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1)) * (shape[0] < 4)
    assert estimate_sigma(y) == pytest.approx(1, rel=0.1)


def test_the_smallest_pictures():
    found = [[estimate_sigma(noise(*shape, seed=s)) for s in range(200)] for shape in ((2, 2), (3, 3), (2, 1), (3,))]
    # of |d| / 0.6745, for one detail
    np.testing.assert_allclose(np.mean(found, axis=1), np.sqrt(2 / np.pi) / norm.ppf(0.75), rtol=0.25)
    for y in (np.ones((1, 1)), np.full((8, 8), np.nan), np.empty((0, 3))):
        with pytest.raises(ValueError, match=r"shows no two neighbours .*; give sigma"):
            estimate_sigma(y)


@pytest.mark.parametrize("share", [0.95, 0.5, 0.1])
def test_holes_are_left_out_however_they_are_told(share):
    y, seen = noise(200, 200), np.random.default_rng(1).random((200, 200)) < share
    wild = np.where(seen, y, 1e6)
    found = [
        estimate_sigma(wild, weights=seen),
        estimate_sigma(np.where(seen, y, np.nan)),
        estimate_sigma(np.where(seen, y, np.inf)),
        estimate_sigma(np.ma.masked_array(wild, ~seen)),
        estimate_sigma(np.ma.masked_array(np.where(seen | (y > 0), wild, np.nan), ~seen & (y > 0)), weights=seen | (y < 1)),
    ]
    np.testing.assert_array_equal(found, found[0])
    assert found[0] == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("unit", [1.0, 1e-30, 1e30])
def test_weights_are_those_of_least_squares(unit):
    # noise of variance 1 / w: that of √w y is 1, even where weights differ from sample to sample
    w = np.random.default_rng(1).uniform(0.05, 5, (128, 128))
    assert estimate_sigma(noise(128, 128) / np.sqrt(unit * w), weights=unit * w) == pytest.approx(1, rel=0.04)
    with pytest.raises(ValueError, match=r"weights has shape \(3,\)"):
        estimate_sigma(w, weights=np.ones(3))


def test_complex_noise_has_two_parts():
    y = noise(128, 128) + 1j * noise(128, 128, seed=1)
    assert estimate_sigma(y) == pytest.approx(np.sqrt(2), rel=0.04)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("clean", [False, True])
@pytest.mark.parametrize("unit", [1e-18, 1e-3, 255.0, 1e30])
def test_units_do_not_matter(unit, dtype, clean):
    y = (camera() + (0 if clean else 0.01 * noise(*camera().shape))).astype(dtype)
    assert estimate_sigma(y * dtype(unit)) / unit == pytest.approx(estimate_sigma(y), rel=1e-5)


@pytest.mark.parametrize("offset", [-1e5, 60_000.0])
def test_offsets_do_not_matter(offset):
    y = camera()
    assert estimate_sigma(y + offset) == pytest.approx(estimate_sigma(y), rel=1e-6)
    y = y + 0.01 * noise(*y.shape)
    assert estimate_sigma(y + offset) == pytest.approx(estimate_sigma(y), rel=1e-6)
    # single precision adds rounding, which is uniform over 1/128
    assert estimate_sigma((y + 2**17).astype(np.float32)) == pytest.approx(np.hypot(0.01, 2**-6 / 12**0.5), rel=0.1)


def test_without_noise_it_is_a_small_share_of_the_range():
    y = np.linspace(0, 100, 400).reshape(20, 20)
    assert estimate_sigma(y) == pytest.approx(0.05)
    y[3, 4] = 1e5
    assert estimate_sigma(y) < 0.11


@pytest.mark.parametrize(
    "y", [np.zeros((9, 9)), np.full((9, 9), 3.0), np.full((9, 9), -1e30, np.float32)], ids=["0", "3", "-1e30"]
)
def test_nothing_at_all_is_a_little_above_zero(y):
    assert 0 < estimate_sigma(y) <= max(1e-6 * np.abs(y).max(), 5e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_eight_bits_have_the_noise_of_their_rounding(dtype):
    y = np.round(camera() * 255)
    y = y.astype(dtype) if dtype is np.uint8 else (y / 255).astype(dtype)
    assert estimate_sigma(y) == pytest.approx((1 if dtype is np.uint8 else 1 / 255) / np.sqrt(12), rel=0.3)


def test_noise_below_half_a_step_is_not_taken_for_more_than_rounding():
    # most details are exactly 0
    ramp = np.linspace(0, 60, 256) + np.zeros((256, 1))
    y = np.round(ramp + 0.1 * noise(256, 256))
    assert estimate_sigma(y) == pytest.approx(np.sqrt(1 / 12), rel=0.35)


@pytest.mark.parametrize("levels", [2, 7, 1000])
def test_a_drawing_without_noise_is_not_taken_for_noise(levels):
    y = np.kron(np.random.default_rng(0).integers(0, levels, (8, 8)), np.ones((16, 16)))
    assert estimate_sigma(y) <= 1e-3 * np.ptp(y)


@pytest.mark.parametrize("value", [0.0, 7.3, -300.0])
def test_constant_parts_are_left_out(value):
    y = noise(256, 256)
    y[:, :170] = value
    assert estimate_sigma(y) == pytest.approx(1, rel=0.1)


def test_clipped_parts_are_left_out():
    y = camera() + 0.02 * noise(*camera().shape)
    for clipped in (np.clip(2 * y, None, 1), np.clip(y - 0.3, 0, None), np.clip(2 * y - 0.5, 0, 1)):
        gain = 1 if clipped.max() < 1 else 2
        assert estimate_sigma(clipped) == pytest.approx(gain * 0.02, rel=0.1)


@pytest.mark.parametrize(("share", "height"), [(0.001, 1000.0), (0.01, 5.0), (0.01, -5.0)])
def test_hot_pixels_count_little(share, height):
    y = camera() + 0.01 * noise(*camera().shape)
    y[np.random.default_rng(1).random(y.shape) < share] = height
    assert estimate_sigma(y) == pytest.approx(0.01, rel=0.3)


def test_the_colours_of_a_file_are_smoother_than_its_luminance():
    y = noise(128, 128, 3)
    y[..., 1:] = gaussian_filter(y[..., 1:], (2, 2, 0))
    assert estimate_sigma(y, (0, 1)) == pytest.approx(1, rel=0.05)
    # a colour that is not there says nothing
    y[..., 1:] = 0
    assert estimate_sigma(y, (0, 1)) == pytest.approx(1, rel=0.05)
