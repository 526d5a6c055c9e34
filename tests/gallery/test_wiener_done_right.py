"""What the page on the Wiener filter says comes out when it runs."""

import os
import runpy
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import ndimage
from skimage import restoration
from skimage.registration import phase_cross_correlation

SCRIPT = Path(__file__).resolve().parents[2] / "gallery" / "plot_wiener_done_right.py"


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


def lies_away(x, truth):
    found = phase_cross_correlation(x.mean(axis=-1), truth.mean(axis=-1), upsample_factor=100)[0]
    return np.abs(found).max()


def test_the_kernel_and_the_data(page):
    assert page["kernel"].shape == (31, 31)
    assert page["kernel"].sum() == pytest.approx(1)
    assert ndimage.center_of_mass(page["kernel"]) == pytest.approx((15, 15))
    row, column = np.indices((31, 31)) - 15
    inertia = page["kernel"] * (row + 1j * -column) ** 2
    # the axis of a line along (column, row) = (cos 60°, -sin 60°)
    assert np.rad2deg(np.angle(inertia.sum()) / 2) % 180 == pytest.approx(30, abs=0.5)
    assert page["file"].dtype == np.uint8


@pytest.mark.parametrize(
    "name",
    ["reflected, then filtered", "edgetaper", "inverse crime", "unknown boundary, TV", "unblur.wiener", "unblur.deblur"],
)
def test_right_results_lie_on_the_original(page, name):
    assert page["ways"][name].shape == page["original"].shape
    assert lies_away(page["ways"][name], page["original"]) < 0.1


@pytest.mark.parametrize("name", ["as it is", "window to black"])
def test_what_rings_or_is_black_at_the_edges_lies_right_inside(page, name):
    inner = (slice(60, -60), slice(80, -80))
    assert lies_away(page["ways"][name][inner], page["original"][inner]) < 0.1


def test_where_the_kernel_was_put_is_where_the_picture_lies(page):
    rows, columns = page["original"].shape[:2]
    assert page["shifts"]["right"] == pytest.approx((0, 0), abs=0.1)
    assert page["shifts"]["in the corner"] == pytest.approx((-15, -15), abs=0.1)
    assert page["shifts"]["off by one"] == pytest.approx((-1, -1), abs=0.1)
    assert np.abs(page["shifts"]["in the middle, not shifted"]) == pytest.approx((rows // 2, columns // 2), abs=0.1)
    # but for the place they are the right picture
    for name, (down, right) in (("in the corner", (15, 15)), ("off by one", (1, 1)), ("in the middle, not shifted", (200, 300))):
        np.testing.assert_allclose(np.roll(page["placement"][name], (down, right), (0, 1)), page["plain"], atol=1e-9)


def test_overlays_show_the_shift(page):
    def colour(name):
        return np.mean(np.abs(page["seams"][name][..., 0] - page["seams"][name][..., 1]))

    assert colour("right") < colour("off by one") < colour("in the corner")
    assert colour("unknown boundary, TV") < colour("edgetaper")


def test_the_filter_is_the_textbook_one(page):
    # scikit-image takes the PSF's origin for its middle; a constant regulariser is an impulse
    impulse = np.zeros((3, 3))
    impulse[1, 1] = 1
    channel = page["blurred"][..., 1]
    expected = restoration.wiener(channel, page["kernel"], balance=0.01, reg=impulse, clip=False)
    np.testing.assert_allclose(page["plain"][..., 1], expected, atol=1e-6)


def test_the_imaginary_part_is_checked(page):
    assert page["imaginary"] < 1e-12
    assert page["wrong_axes"] > 0.1


def test_every_mistake_is_worse_than_the_right_filter(page):
    merit = page["merit"]
    assert len(page["mistakes"]) == 14
    for name in page["mistakes"]:
        assert merit[name] < merit["as it is"], name
    for name in set(page["mistakes"]) - {"off by one", "absolute value"}:
        assert merit[name] < merit["as it is"] - 5, name
    assert merit["ε = 10"] < merit["ε = 0.8"] < merit["as it is"]


def test_epsilon_on_every_sample_regularises_nothing(page):
    bare = page["division"]["no regularisation"]
    for name in ("ε = 1e-3 on every sample", "ε = 2 on every sample"):
        difference = page["division"][name] - bare
        assert np.ptp(difference, axis=(0, 1)).max() < 1e-6 * np.abs(bare).max()


def test_epsilon_of_two_gives_the_blurred_picture_a_third_as_bright(page):
    dark = page["division"]["ε = 2 on the spectrum"]
    assert dark.mean() == pytest.approx(page["blurred"].mean() / 3, rel=1e-3)
    assert np.corrcoef(dark.ravel(), page["blurred"].ravel())[0, 1] > 0.98
    assert page["epsilons"]["ε = 10"].mean() == pytest.approx(page["blurred"].mean() / 11, rel=1e-3)


def test_what_is_made_of_a_signed_result(page):
    below, over = page["plain"] < -0.01, page["plain"] > 1.01
    made = page["afterwards"]
    assert (made["clipped"][below] == 0).all()
    assert (made["absolute value"][below] > 0).all()
    assert np.median(made["wrapped"][over]) < 0.5
    assert np.ptp(made["one channel for all"], axis=-1).max() == 0


def test_the_order_is_as_told(page):
    merit = page["merit"]
    told = [
        "window to black",
        "as it is",
        "blurred",
        "reflected, then filtered",
        "edgetaper",
        "inverse crime",
        "unknown boundary, TV",
    ]
    decibels = [merit[name] for name in told]
    assert decibels == sorted(decibels)
    assert merit["unknown boundary, TV"] > merit["edgetaper"] + 6
    assert merit["unblur.deblur"] > merit["edgetaper"] + 6
    assert merit["unblur.wiener"] > merit["edgetaper"]
    # in the middle, away from the edges, each is better than the blurred picture
    assert min(page["inside"].values()) > 21.5


def test_data_of_a_camera_give_the_same_order(page):
    told = ["as it is", "blurred", "reflected, then filtered", "edgetaper", "unblur.deblur"]
    decibels = [page["honest_merit"][name] for name in told]
    assert decibels == sorted(decibels)


def test_the_window_is_black_at_the_ends_and_white_in_the_middle(page):
    w = page["window"](601)
    np.testing.assert_allclose(w, w[::-1], atol=1e-12)
    assert w[0] < 2e-3
    assert w[300] == pytest.approx(1)
    # half at t = ±γ/2
    assert w[round((np.pi - 2.5) / (2 * np.pi) * 600)] == pytest.approx(0.5, abs=0.05)


def test_sliders_change_the_picture(page):
    explorer, original = page["explorer"], page["original"][..., 1]

    def merit():
        return page["psnr"](np.asarray(explorer["image"].get_array()), original)

    right = merit()
    explorer["angle"].set_val(55)
    assert right - 2 < merit() < right - 1
    explorer["angle"].set_val(60)
    assert merit() == pytest.approx(right)
    explorer["epsilon"].set_val(-1)
    assert merit() < right - 2
    explorer["epsilon"].set_val(np.log10(0.002))
    assert merit() > right + 0.7


def test_every_figure_has_a_title(page):
    figures = [plt.figure(number) for number in plt.get_fignums()]
    assert len(figures) == 11
    assert all(figure.get_suptitle() for figure in figures)
