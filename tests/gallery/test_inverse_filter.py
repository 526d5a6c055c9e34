"""What the page on the inverse filter says comes out when it runs."""

import os
import runpy
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import ndimage

SCRIPT = Path(__file__).resolve().parents[2] / "gallery" / "plot_inverse_filter.py"
GAUSSIAN, WHOLE, SHORT = "Gaussian, r = 1000", "line across the picture", "line of 31"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    here, folder = Path.cwd(), tmp_path_factory.mktemp("page")
    os.chdir(folder)
    try:
        with pytest.MonkeyPatch.context() as patch, mpl.rc_context():
            mpl.use("agg")
            patch.setattr(plt, "show", lambda: None)
            names = runpy.run_path(str(SCRIPT), run_name="__main__")
        assert list(folder.iterdir()) == [], "it leaves files behind"
        yield names
    finally:
        os.chdir(here)
        plt.close("all")


def test_the_four_views_of_convolution_agree(page):
    expected = ndimage.convolve(page["patch"], page["lopsided"], mode="wrap")
    assert len(page["views"]) == 5
    for name, view in page["views"].items():
        np.testing.assert_allclose(view, expected, atol=1e-12, err_msg=name)


def test_the_four_views_agree_for_sizes_of_every_parity(page):
    rng = np.random.default_rng(3)
    for shape, size in (((6, 9), (3, 3)), ((7, 5), (2, 4)), ((8, 8), (5, 2))):
        x, h = rng.normal(size=shape), rng.normal(size=size)
        expected = page["weighted_average"](x, h)
        for view in ("stamp", "product_of_spectra"):
            np.testing.assert_allclose(page[view](x, h), expected, atol=1e-12)


@pytest.mark.parametrize("name", [GAUSSIAN, WHOLE, SHORT])
def test_in_double_precision_the_trick_is_exact(page, name):
    assert page["psfs"][name].shape == page["original"].shape
    assert np.abs(page["cases"][name]["float64"] - page["original"]).max() < 1e-6


def test_with_epsilon_in_the_inverse_only_nothing_is_restored(page):
    merit = page["figures_of_merit"]
    assert merit[WHOLE]["ε in inverse only"] == pytest.approx(merit[WHOLE]["blurred"], abs=0.01)
    # after the Gaussian the waves below ε, nearly all there are, stay lost
    gain = np.abs(np.fft.fft2(np.fft.ifftshift(page["gaussian"])))
    lost = gain < 0.1 * page["EPSILON"]
    found, truth = (np.fft.fft2(x)[lost] for x in (page["cases"][GAUSSIAN]["ε in inverse only"], page["original"]))
    assert lost.mean() > 0.99
    assert np.linalg.norm(found) < 0.1 * np.linalg.norm(truth)
    # where the gain is nowhere small, ε was never needed
    assert merit[SHORT]["ε in inverse only"] > 60
    assert page["share_above"][SHORT] == 1


def test_single_precision_depends_on_the_sum_of_the_psf(page):
    psnr = page["psnr"]
    assert page["figures_of_merit"][GAUSSIAN]["float32"] < 0
    assert psnr(page["normalised"][GAUSSIAN]["float32"]) > 50
    assert psnr(page["normalised"][WHOLE]["float32"]) > 50


@pytest.mark.parametrize("name", [GAUSSIAN, WHOLE, SHORT])
@pytest.mark.parametrize("results", ["cases", "normalised"])
def test_an_8_bit_file_is_ruin(page, name, results):
    pictures = page[results][name]
    assert page["psnr"](pictures["uint8"]) < page["psnr"](pictures["blurred"]) + 0.01
    assert page["psnr"](pictures["uint8"]) < 20


def test_the_picture_is_hidden_in_the_blurred_one(page):
    assert page["psnr"](page["hidden"]) > 100


def test_fftshift(page):
    # the unshifted PSF moves the result by half its size
    n = page["size"] // 2
    np.testing.assert_allclose(np.roll(page["swapped"], (n, n), (0, 1)), page["straight"], atol=1e-12)
    expected = ndimage.gaussian_filter(page["original"], np.sqrt(500), mode="wrap", truncate=11)
    np.testing.assert_allclose(page["straight"], expected, atol=1e-9)
    assert page["divisor_unshifted"] < 0.1 * page["divisor_shifted"]
    np.testing.assert_allclose(page["divisor_shifted"], page["EPSILON"], rtol=1e-3)


def test_files_clip_and_do_not_wrap(page):
    x = page["overshooting"]
    assert x.min() < -0.1
    assert x.max() > 1.1
    high, low = x > 1.004, x < -0.004
    assert (page["clipped"][high] == 255).all()
    assert (page["clipped"][low] == 0).all()
    assert np.median(page["wrapped"][high]) < 128
    assert np.median(page["wrapped"][low]) > 128
    np.testing.assert_array_equal(page["read_back"], page["clipped"])
    assert np.abs(page["saved_by_imsave"].astype(int) - page["stretched"]).max() <= 2


def test_unblur_ruins_nothing(page):
    table = {(name, method): psnr for name, method, psnr, _ in page["table"]}
    for name in (GAUSSIAN, SHORT):
        blurred = table[name, "blurred, uint8"]
        assert table[name, "inverse filter with ε"] < blurred
        assert table[name, "unblur.restore"] > blurred + 2
        assert table[name, "unblur.restore"] > table[name, "unblur.wiener"]
    assert table[SHORT, "unblur.wiener"] > table[SHORT, "blurred, uint8"] + 3


def test_every_figure_has_a_title(page):
    figures = [plt.figure(number) for number in plt.get_fignums()]
    assert len(figures) == 6
    assert all(figure.get_suptitle() for figure in figures)
