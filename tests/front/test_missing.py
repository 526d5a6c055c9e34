import numpy as np
import pytest
from skimage import data, util

import unblur
from unblur import psf
from unblur.missing import defective, filled, saturated

from ._photographs import picture, psnr

H = psf.disk(3)
TRUTH = util.img_as_float(data.camera())[100:240, 150:300]
BLURRED = unblur.synthesis.blur(TRUTH, H, sigma=0.005, rng=0)
SEEN = TRUTH[3:-3, 3:-3]
HOLE = np.zeros(BLURRED.shape, bool)
HOLE[40:52, 60:70] = HOLE[100, :] = True


def as_masked(y):
    return np.ma.masked_array(np.where(HOLE, 7, y), HOLE), None


def as_nan(y):
    return np.where(HOLE, np.nan, y), None


def as_mask(y):
    return np.where(HOLE, 7, y), ~HOLE


@pytest.mark.parametrize("hide", [as_masked, as_nan, as_mask])
@pytest.mark.parametrize("prior", ["tv", "tikhonov"])
def test_what_is_hidden_does_not_count(hide, prior):
    image, mask = hide(BLURRED)
    holed = unblur.restore(image, H, mask=mask, prior=prior, sigma=0.005).image
    whole = unblur.restore(BLURRED, H, prior=prior, sigma=0.005).image
    assert np.isfinite(holed).all()
    assert psnr(holed[~HOLE], SEEN[~HOLE]) > psnr(whole[~HOLE], SEEN[~HOLE]) - 0.5
    assert psnr(holed[HOLE], SEEN[HOLE]) > 17


@pytest.mark.parametrize("hide", [as_masked, as_nan, as_mask])
def test_all_ways_to_hide_are_one(hide):
    image, mask = hide(BLURRED)
    reference = unblur.restore(BLURRED, H, mask=~HOLE, sigma=0.005, tol=1e-6).image
    np.testing.assert_allclose(unblur.restore(image, H, mask=mask, sigma=0.005, tol=1e-6).image, reference, atol=1e-3)


def test_hidden_samples_are_told_and_the_mask_may_be_of_the_image_axes_alone():
    colour = np.dstack([BLURRED] * 3)
    a = unblur.restore(colour, H, mask=~HOLE, sigma=0.005, max_iterations=20)
    b = unblur.restore(colour, H, mask=np.dstack([~HOLE] * 3), sigma=0.005, max_iterations=20)
    np.testing.assert_array_equal(a.image, b.image)
    masked = unblur.restore(np.where(HOLE, np.nan, BLURRED), H, sigma=0.005, max_iterations=20)
    assert masked.missing == {"masked": HOLE.sum()}
    assert f"{HOLE.sum()} samples masked" in repr(masked)


@pytest.mark.parametrize("method", [unblur.wiener, unblur.inverse_filter, unblur.edgetaper])
def test_filters_refuse_holes_in_words(method):
    for image in (as_masked(BLURRED)[0], as_nan(BLURRED)[0]):
        with pytest.raises(ValueError, match="masked samples"):
            method(image, H)


def test_saturated_samples_are_missing():
    bright = TRUTH * 0.6
    bright[60:66, 70:76] = 6
    y = unblur.synthesis.blur(bright, H, sigma=0.002, rng=0)
    clipped = util.img_as_ubyte(y.clip(0, 1))
    restoration = unblur.restore(clipped, H, sigma=0.002)
    assert restoration.missing["saturated"] >= np.count_nonzero(clipped == 255)
    # away from the light itself nothing rings
    away = np.ones(SEEN.shape, bool)
    away[45:75, 55:85] = False
    ring = np.zeros(SEEN.shape, bool)
    ring[48:72, 58:82] = True
    ring[54:66, 64:76] = False
    truth = bright[3:-3, 3:-3]
    ignorant = unblur.restore(clipped.astype(np.float32) / 255, H, sigma=0.002).image
    found = restoration.image / 255
    assert np.mean((found - truth)[ring] ** 2) < 0.5 * np.mean((ignorant - truth)[ring] ** 2)
    assert np.mean((found - truth)[away] ** 2) < 1.1 * np.mean((ignorant - truth)[away] ** 2)


def test_white_paper_is_not_saturated():
    page = np.full((40, 40), 255, np.uint8)
    page[15:25, 15:25] = 0
    assert saturated(page, (0, 1)) is None
    page[:, :30] = 100
    assert saturated(page, (0, 1)).sum() == 40 * 11
    assert saturated(page.astype(float), (0, 1)) is None


@pytest.mark.parametrize("value", [-3.0, 0.0, 1.0, 20.0, 1000.0])
def test_defective_pixels_are_found_and_nothing_else(value):
    y, rng = BLURRED.copy(), np.random.default_rng(1)
    at = tuple(rng.integers(0, n, 8) for n in y.shape)
    y[at] = value
    stands_out = np.abs(y - BLURRED) > 0.15
    found = defective(y, H, (0, 1))
    assert found is not None
    # and what stands out less
    assert (found & (y == BLURRED)).sum() == 0
    assert (found & stands_out).sum() >= 0.75 * stands_out.sum()
    assert defective(BLURRED, H, (0, 1)) is None


def test_stars_are_not_defective():
    rng = np.random.default_rng(0)
    sky = np.zeros((150, 150))
    sky[tuple(rng.integers(0, 150, (2, 60)))] = rng.uniform(1, 100, 60)
    for h in (psf.gaussian(1.0), psf.motion(9, 20), psf.disk(1.5)):
        assert defective(unblur.synthesis.blur(sky, h, sigma=0.01, rng=0), h, (0, 1)) is None
        photons = rng.poisson(unblur.synthesis.blur(sky, h).clip(0) * 50 + 3).astype(float)
        found = defective(photons, h, (0, 1))
        assert found is None or found.sum() <= 3


def test_one_hot_pixel_ruins_nothing():
    y, h, truth = picture("white noise", "camera", "disk")
    spoilt = y.copy()
    spoilt[100, 100] = 1000
    assert psnr(unblur.deblur(spoilt, h), truth) > psnr(unblur.deblur(y, h), truth) - 0.2


def test_holes_are_filled_by_the_nearest_seen():
    y = np.arange(12.0).reshape(3, 4)
    known = np.ones(y.shape, bool)
    known[1, 1] = False
    assert filled(y, known, (0, 1))[1, 1] in (1, 4, 6, 9)
    colours = np.dstack([y, 100 + y])
    known = np.dstack([known, np.ones_like(known)])
    assert filled(colours, known, (0, 1))[1, 1, 0] < 50


@pytest.mark.parametrize(
    ("mask", "error", "words"),
    [
        (np.ones((3, 3)), ValueError, r"mask has shape \(3, 3\)"),
        (np.zeros(BLURRED.shape, bool), ValueError, "mask hides"),
        (np.full(BLURRED.shape, 2.0), ValueError, "mask holds numbers outside"),
        (np.full(BLURRED.shape, np.nan), ValueError, "mask holds numbers outside"),
        (np.full(BLURRED.shape, "a"), TypeError, "mask has dtype"),
    ],
)
def test_masks_are_refused_by_name(mask, error, words):
    with pytest.raises(error, match=words):
        unblur.restore(BLURRED, H, mask=mask)


@pytest.mark.parametrize("image", [np.full((20, 20), np.nan), np.ma.masked_all((20, 20))])
def test_an_image_that_is_not_seen_is_refused(image):
    with pytest.raises(ValueError, match="only"):
        unblur.restore(image, H)
