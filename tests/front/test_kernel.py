import warnings

import numpy as np
import pytest

import unblur
from unblur import psf
from unblur.kernel import read_image_axes, read_psf


@pytest.mark.parametrize("margins", [((5, 5), (5, 5)), ((0, 2), (2, 0)), ((3, 3), (40, 40))])
def test_margins_go_and_the_origin_stays(margins):
    h = psf.motion(7, 30)
    padded = np.pad(h, margins)
    origin = [n // 2 for n in padded.shape]
    with warnings.catch_warnings():
        # unequal margins move the mass off the origin, which is told
        warnings.simplefilter("ignore", unblur.UnusualPSFWarning)
        read = read_psf(padded)
    assert read.sum() == pytest.approx(1)
    assert all(n <= m for n, m in zip(read.shape, padded.shape, strict=True))
    # each sample is as far from the origin as it was
    there = {tuple(i - np.array(origin)): padded[tuple(i)] for i in np.argwhere(padded)}
    here = {tuple(i - np.array([n // 2 for n in read.shape])): read[tuple(i)] for i in np.argwhere(read)}
    assert here.keys() == there.keys()
    np.testing.assert_allclose([here[k] for k in there], list(there.values()), rtol=1e-12)


def test_margins_cost_nothing_and_may_be_larger_than_the_picture():
    h = psf.gaussian(1.5)
    y = unblur.synthesis.blur(np.random.default_rng(0).random((60, 60)).cumsum(0).cumsum(1) / 1000, h, sigma=0.01, rng=0)
    plain, wide = unblur.restore(y, h, sigma=0.01), unblur.restore(y, np.pad(h, 100), sigma=0.01)
    np.testing.assert_array_equal(plain.image, wide.image)
    assert wide.result.iterations == plain.result.iterations
    with pytest.raises(ValueError, match="larger than the image"):
        unblur.restore(y[:9, :9], h)


@pytest.mark.parametrize(
    ("h", "words"),
    [
        (psf.gaussian(2) + 0.005, "background"),
        (np.pad(psf.disk(3), ((0, 4), (0, 0))), r"-2\.0 samples off its origin, n // 2, along axis 0"),
        (np.ones((4, 4)), "its size there, 4, being even"),
        (psf.gaussian(2) - 0.4 * psf.gaussian(3)[4:-4, 4:-4], "negative"),
    ],
)
def test_what_is_odd_is_told(h, words):
    with pytest.warns(unblur.UnusualPSFWarning, match=words):
        read_psf(h)


@pytest.mark.parametrize("h", [psf.gaussian(2), psf.disk(5), psf.motion(21, 30), np.ones((9, 9)), np.ones((1, 7)), psf.disk(0.4)])
def test_what_is_usual_is_not_told(h, recwarn):
    read_psf(h)
    assert len(recwarn) == 0


def test_a_psf_in_three_colours_is_one_for_each():
    rng = np.random.default_rng(0)
    y = rng.random((40, 50, 3)).cumsum(0).cumsum(1) / 1000
    # of one size, so that each alone has the same area beyond the edges
    hs = [psf.gaussian(1.2, truncate=5), psf.gaussian(1.5), psf.disk(6)]
    assert {h.shape for h in hs} == {(13, 13)}
    together = unblur.restore(y, 7 * np.stack(hs, -1), prior="tikhonov", weight=1e-3, tol=1e-8).image
    for c, h in enumerate(hs):
        alone = unblur.restore(y[..., c], h, prior="tikhonov", weight=1e-3, tol=1e-8).image
        np.testing.assert_allclose(together[..., c], alone, atol=2e-4)


def test_axes_are_in_the_order_of_the_psf():
    assert read_image_axes((1, 0), (9, 8), np.ones((3, 5))) == (1, 0)
    assert read_image_axes((-1, 0), (9, 8), np.ones((3, 5))) == (1, 0)
    y = np.random.default_rng(0).random((30, 40))
    h = np.arange(1, 16.0).reshape(3, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", unblur.UnusualPSFWarning)
        a = unblur.restore(y, h, axes=(1, 0), weight=1e-3).image
        b = unblur.restore(y, h.T, axes=(0, 1), weight=1e-3).image
        np.testing.assert_allclose(a, b, atol=1e-6)
        np.testing.assert_allclose(unblur.wiener(y, h, axes=(1, 0)), unblur.wiener(y, h.T), atol=1e-6)


@pytest.mark.parametrize(
    "make", [lambda: psf.disk(20000), lambda: psf.gaussian(1e6), lambda: psf.motion(1e300), lambda: psf.gaussian(300, ndim=3)]
)
def test_a_psf_is_refused_before_it_is_made(make):
    with pytest.raises(ValueError, match="which makes a PSF of"):
        make()
