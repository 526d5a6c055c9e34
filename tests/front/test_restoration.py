import numpy as np
import pytest
from scipy.signal import fftconvolve
from skimage import data
from skimage.metrics import peak_signal_noise_ratio

import unblur
from unblur import psf


def blurred(scene, h, sigma, seed=0):
    """Return a valid convolution with noise, and the part of the scene that it shows."""
    kernel = h if scene.ndim == h.ndim else h[..., None]
    y = fftconvolve(scene, kernel, mode="valid", axes=range(h.ndim))
    y = y + np.random.default_rng(seed).normal(scale=sigma, size=y.shape)
    return y, scene[tuple(slice(n // 2, n // 2 + m) for n, m in zip(h.shape, y.shape, strict=False))]


@pytest.fixture(scope="module")
def coffee():
    return data.coffee()[100:260, 150:330] / 255


@pytest.mark.parametrize("prior", ["tv", "tikhonov"])
@pytest.mark.parametrize("h", [psf.motion(11, 40), psf.disk(3)], ids=["motion", "disk"])
def test_unattended_it_beats_the_blurred_image_by_far(coffee, h, prior):
    y, truth = blurred(coffee, h, 0.01)
    restored = unblur.deblur(y, h, prior=prior)
    gain = peak_signal_noise_ratio(truth, restored, data_range=1) - peak_signal_noise_ratio(truth, y, data_range=1)
    assert gain > (3 if prior == "tv" else 1.5)


def test_edges_are_as_good_as_the_middle(coffee):
    h = psf.disk(4)
    y, truth = blurred(coffee, h, 0.005)
    error = (unblur.deblur(y, h) - truth) ** 2
    edge = np.ones(error.shape[:2], bool)
    edge[8:-8, 8:-8] = False
    assert error[edge].mean() < 2.5 * error[~edge].mean()


# what rounding adds to half-precision numbers grows with them: no white noise
@pytest.mark.filterwarnings("ignore::unblur.UnreliableRestorationWarning")
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("colour", [False, True])
def test_shape_type_and_range_come_back(coffee, dtype, colour):
    scale = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    h = psf.disk(2)
    y, truth = blurred(coffee if colour else coffee[..., 0], h, 0)
    image = (np.clip(y, 0, 1) * scale).astype(dtype)
    before = image.copy()
    restored = unblur.deblur(image, h)
    assert restored.shape == image.shape
    assert restored.dtype == image.dtype
    np.testing.assert_array_equal(image, before)
    assert np.linalg.norm(restored / scale - truth) < 0.6 * np.linalg.norm(image / scale - truth)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_scaling_the_data_scales_the_answer(coffee, scale):
    h = psf.gaussian(1.2)
    y, _ = blurred(coffee, h, 0.01)
    one, other = (unblur.restore((s * y).astype(np.float32), h) for s in (1, scale))
    assert other.weight == pytest.approx(scale * one.weight, rel=1e-3)
    np.testing.assert_allclose(other.image / scale, one.image, atol=2e-3)


def test_volumes_are_restored_along_all_axes():
    rng = np.random.default_rng(0)
    scene = np.zeros((20, 24, 24))
    scene[6:14, 8:16, 8:16] = 1
    h = psf.gaussian([1.0, 1.5, 1.5])
    y = fftconvolve(np.pad(scene, 8), h, mode="same")[8:-8, 8:-8, 8:-8] + 0.01 * rng.normal(size=scene.shape)
    restored = unblur.deblur(y, h)
    assert np.linalg.norm(restored - scene) < 0.6 * np.linalg.norm(y - scene)


def test_channels_first_by_naming_axes(coffee):
    h = psf.disk(2)
    y, _ = blurred(coffee, h, 0.01)
    first, last = unblur.restore(np.moveaxis(y, -1, 0), h, axes=(1, 2), sigma=0.01), unblur.restore(y, h, sigma=0.01)
    np.testing.assert_allclose(np.moveaxis(first.image, 0, -1), last.image, atol=1e-6)
    # the weight by itself is found with random signs, which fall differently
    assert unblur.restore(np.moveaxis(y, -1, 0), h, axes=(1, 2)).weight == pytest.approx(unblur.restore(y, h).weight, rel=0.15)


def test_given_numbers_are_used(coffee):
    h = psf.disk(2)
    y, _ = blurred(coffee[..., 0], h, 0.01)
    assert unblur.restore(y, h, weight=0.01).weight == 0.01
    assert unblur.restore(y, h, weight=0.01).sigma is None
    # the range in which a few bright samples do not count
    low, high = np.quantile(y, [0.005, 0.995])
    assert unblur.restore(y, h, sigma=0.02).weight == pytest.approx(6 * 0.02**2 / (high - low), rel=0.02)
    image = unblur.restore(y, h, bounds=(0.2, 0.6), tol=1e-5).image
    assert image.min() >= 0.2 - 1e-3
    assert image.max() <= 0.6 + 1e-3


def test_a_psf_is_normalised(coffee):
    h = psf.disk(2)
    y, _ = blurred(coffee[..., 0], h, 0.01)
    np.testing.assert_allclose(unblur.deblur(y, 255 * h), unblur.deblur(y, h), atol=1e-12)


@pytest.mark.parametrize("image", [np.zeros((20, 20)), np.full((20, 20, 3), 200, np.uint8)])
def test_a_constant_image_comes_back(image):
    np.testing.assert_allclose(unblur.deblur(image, psf.disk(2)), image, atol=1e-6)
    np.testing.assert_allclose(unblur.wiener(image, psf.disk(2)), image, atol=1e-6)
    np.testing.assert_allclose(unblur.inverse_filter(image, psf.disk(2)), image, atol=1e-6)


def test_filters_undo_the_blur_of_an_object_on_empty_ground():
    # nothing lies at the edges, so that any continuation is right, and this PSF's spectrum vanishes nowhere
    x = np.zeros((40, 44))
    x[10:30, 12:30] = np.random.default_rng(0).uniform(size=(20, 18))
    h = np.array([[0, 0.1, 0], [0.1, 0.6, 0.1], [0, 0.1, 0]])
    y = fftconvolve(x, h, mode="same")
    np.testing.assert_allclose(unblur.inverse_filter(y, h, floor=0), x, atol=1e-10)
    np.testing.assert_allclose(unblur.wiener(y, h, snr=1e9), x, atol=1e-6)


def test_wiener_and_inverse_filter_are_behind_total_variation(coffee):
    h = psf.motion(11, 40)
    y, truth = blurred(coffee, h, 0.01)
    best = peak_signal_noise_ratio(truth, unblur.deblur(y, h), data_range=1)
    for method in (unblur.wiener, unblur.inverse_filter):
        quality = peak_signal_noise_ratio(truth, method(y, h), data_range=1)
        assert peak_signal_noise_ratio(truth, y, data_range=1) < quality < best - 1


def test_report_is_a_figure(coffee, tmp_path):
    y, _ = blurred(coffee, psf.disk(2), 0.01)
    restoration = unblur.restore(y.astype(np.float32), psf.disk(2))
    restoration.report(tmp_path / "report.png")
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
    assert "prior tv" in repr(restoration)


@pytest.mark.parametrize(
    ("image", "kernel", "options", "error", "words"),
    [
        (np.ones((9, 9)), np.zeros((3, 3)), {}, ValueError, "psf is all zero"),
        (np.ones((9, 9)), np.ones((0, 3)), {}, ValueError, "psf is empty"),
        (np.ones((9, 9)), np.full((3, 3), np.nan), {}, ValueError, "psf is empty or holds NaN"),
        (np.ones((9, 9)), np.ones((11, 3)), {}, ValueError, r"psf has shape \(11, 3\), larger than the image"),
        (np.ones((9, 9)), np.array([[1.0, -1.0]]), {}, ValueError, "psf sums to 0"),
        (np.ones((9, 9)), np.ones((3, 3), complex), {}, TypeError, "psf has dtype complex128"),
        (np.full((9, 9), np.nan), np.ones((3, 3)), {}, ValueError, "image holds NaN"),
        (np.ones((0, 9)), np.ones((3, 3)), {}, ValueError, "image has shape"),
        (np.ones((9, 9), complex), np.ones((3, 3)), {}, TypeError, "image has dtype complex128"),
        (np.array([["a"]]), np.ones((1, 1)), {}, TypeError, "image has dtype"),
        (np.ones((9, 9, 5)), np.ones((3, 3)), {}, ValueError, "axes"),
        (np.ones((9, 9)), np.ones((3, 3)), {"axes": 0}, ValueError, "axes is 0"),
        (np.ones((9, 9)), np.ones((3, 3)), {"prior": "l2"}, ValueError, "prior is 'l2'"),
        (np.ones((9, 9)), np.ones((3, 3)), {"weight": -1}, ValueError, "weight is -1"),
        (np.ones((9, 9)), np.ones((3, 3)), {"sigma": np.inf}, ValueError, "sigma is inf"),
        (np.ones((9, 9)), np.ones((3, 3)), {"bounds": (1, 0)}, ValueError, "low is 1"),
    ],
)
def test_bad_input_is_refused_by_name(image, kernel, options, error, words):
    with pytest.raises(error, match=words):
        unblur.deblur(image, kernel, **options)


def test_bad_filter_options_are_refused_by_name():
    with pytest.raises(ValueError, match="floor is 1"):
        unblur.inverse_filter(np.ones((9, 9)), np.ones((3, 3)), floor=1)
    with pytest.raises(ValueError, match="snr is 0"):
        unblur.wiener(np.ones((9, 9)), np.ones((3, 3)), snr=0)


@pytest.mark.filterwarnings("ignore::unblur.UnreliableRestorationWarning")
def test_rounding_to_integers_is_noise_that_is_not_overlooked(coffee):
    # a strong blur of a picture with flat parts: most neighbours round to the same level, and the estimate sees too little
    h = psf.gaussian(6)
    y, truth = blurred(coffee[..., 0], h, 0)
    y = np.rint(255 * y).astype(np.uint8)
    restoration = unblur.restore(y, h)
    assert restoration.sigma >= 1 / (255 * np.sqrt(12))
    assert unblur.restore(y / 255, h).sigma < restoration.sigma
    assert peak_signal_noise_ratio(truth, unblur.wiener(y, h) / 255, data_range=1) > 19
