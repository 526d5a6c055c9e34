import numpy as np
import pytest
import scipy.ndimage

from unblur import psf


def supersampled(inside, half, n=101):
    """Return the share of each sample whose n × n points are inside the shape, by counting."""
    at = np.arange(-half, half + 1)[:, None] + (np.arange(n) + 0.5) / n - 0.5
    y, x = -at.ravel()[:, None], at.ravel()[None, :]
    size = 2 * half + 1
    share = inside(x, y).reshape(size, n, size, n).mean(axis=(1, 3))
    return share / share.sum()


def embed(h, half):
    """Return the PSF in the middle of a square."""
    pad = [((2 * half + 1 - n) // 2,) * 2 for n in h.shape]
    return np.pad(h, pad)


@pytest.mark.parametrize(("length", "angle"), [(21, 30), (9.7, 13), (5, 45), (1, 77), (12.5, 100), (31, 177), (8, 271)])
def test_motion_is_the_area_of_a_rectangle(length, angle):
    turn = np.deg2rad(angle)

    def inside(x, y):
        along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        return (np.abs(along) <= length / 2) & (np.abs(across) <= 0.5)

    half = int(length / 2) + 2
    np.testing.assert_allclose(embed(psf.motion(length, angle), half), supersampled(inside, half), atol=2e-3 / length)


@pytest.mark.parametrize("radius", [0.4, 1, 2.5, 5, 7.3])
def test_disk_is_the_area_of_a_disk(radius):
    half = int(radius) + 2
    expected = supersampled(lambda x, y: x**2 + y**2 <= radius**2, half)
    np.testing.assert_allclose(embed(psf.disk(radius), half), expected, atol=2e-3 / radius**2)


def test_whole_lengths_along_an_axis_give_equal_samples():
    np.testing.assert_allclose(psf.motion(21), np.full((1, 21), 1 / 21), atol=1e-15)
    np.testing.assert_allclose(psf.motion(5, 90), np.full((5, 1), 1 / 5), atol=1e-15)
    np.testing.assert_allclose(psf.motion(4), np.array([[0.5, 1, 1, 1, 0.5]]) / 4, atol=1e-15)


def test_angles_go_counter_clockwise_as_the_image_is_shown():
    h = psf.motion(15, 30)
    row, column = np.indices(h.shape) - (np.array(h.shape)[:, None, None] - 1) / 2
    assert np.sum(h * row * column) < 0, "up is towards row 0"
    np.testing.assert_allclose(psf.motion(15, 120), np.rot90(h), atol=1e-12)
    np.testing.assert_allclose(psf.motion(15, 210), h, atol=1e-12)


@pytest.mark.parametrize("sigma", [0.5, 1, 2.7])
def test_gaussian_is_scipys(sigma):
    h = psf.gaussian(sigma)
    delta = np.zeros(h.shape)
    delta[tuple(n // 2 for n in h.shape)] = 1
    # the filter is separable: along each axis it is cut and normalised in the same way
    np.testing.assert_allclose(h, scipy.ndimage.gaussian_filter(delta, sigma, mode="constant"), atol=1e-12)
    assert psf.gaussian([1, 2, 3]).shape == (9, 17, 25)
    assert psf.gaussian(1, ndim=3).shape == (9, 9, 9)


@pytest.mark.parametrize("h", [psf.motion(9.3, 17), psf.disk(3.2), psf.gaussian(1.4)])
def test_all_sum_to_one_about_their_middle(h):
    assert h.sum() == pytest.approx(1, abs=1e-14)
    assert all(n % 2 for n in h.shape)
    np.testing.assert_allclose(h, h[::-1, ::-1], atol=1e-14)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: psf.motion(0.5), "length is 0.5"),
        (lambda: psf.motion(np.nan), "length is nan"),
        (lambda: psf.motion(5, np.inf), "angle is inf"),
        (lambda: psf.disk(0), "radius is 0"),
        (lambda: psf.gaussian(-1), "sigma is -1"),
        (lambda: psf.gaussian(1, truncate=0), "truncate is 0"),
    ],
)
def test_bad_parameters_are_refused_by_name(make, words):
    with pytest.raises(ValueError, match=words):
        make()
