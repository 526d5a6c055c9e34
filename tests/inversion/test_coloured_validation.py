import warnings

import numpy as np
import pytest
import scipy.ndimage as ndi
from skimage import data, util

import unblur
from unblur.inversion import (
    GCV,
    ColouredGCV,
    LeastSquares,
    NoiseSpectrum,
    TotalVariation,
    UnreliableWeightWarning,
    fit_noise_spectrum,
    solve,
)
from unblur.inversion.weight_fits import Fit
from unblur.operators import Blur

H = unblur.psf.disk(3)
SCENE = util.img_as_float(data.camera())[100:240, 150:290]
TRUTH = SCENE[3:-3, 3:-3]
WHITE = NoiseSpectrum(signal=1, slope=2, noise=1e-4, cutoff=np.inf, steepness=1, rounding=0)


def quality(result):
    return 10 * np.log10(1 / np.mean((result.image - TRUTH) ** 2))


def problem(y):
    return LeastSquares(Blur(H, y.shape, boundary="unknown"), y) + TotalVariation()


def best(y):
    weights = np.geomspace(1e-6, 1e-1, 16)
    p = problem(y)
    return max(quality(solve(p.with_terms((p.terms[0], p.terms[1] * w)))) for w in weights)


@pytest.mark.filterwarnings("error")
def test_white_noise_is_weighed_as_by_plain_validation():
    y = unblur.synthesis.blur(SCENE, H, sigma=0.01, rng=0)
    coloured = solve(problem(y), weight=ColouredGCV(fit_noise_spectrum(y, H)))
    assert coloured.weight == pytest.approx(solve(problem(y), weight=GCV(guard=False)).weight, rel=0.3)
    assert quality(coloured) > best(y) - 0.2


@pytest.mark.parametrize("width", [0.7, 1.0])
def test_smoothed_noise_is_weighed_near_the_best(width):
    y = ndi.gaussian_filter(unblur.synthesis.blur(SCENE, H, sigma=0.02, rng=0), width)
    with pytest.warns(UnreliableWeightWarning, match="noise is not white"):
        coloured = solve(problem(y), weight=ColouredGCV(fit_noise_spectrum(y, H)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = solve(problem(y), weight=GCV(guard=False))
    assert quality(coloured) > best(y) - 0.6
    assert quality(coloured) > quality(plain) + 1


def test_the_figure_is_its_formula():
    fit = Fit(samples=100, energy=3.0, freedom=20.0, whiteness=2.0, whitened=5.0, audible=90.0)
    assert ColouredGCV(WHITE).figure(fit, 1.0) == pytest.approx(90 * 5 / 70**2)
    silent = Fit(samples=100, energy=3.0, freedom=20.0, whiteness=2.0, whitened=5.0, audible=10.0)
    assert ColouredGCV(WHITE).figure(silent, 1.0) == np.inf


def test_of_white_noise_the_figure_is_that_of_plain_validation():
    y = unblur.synthesis.blur(SCENE, H, sigma=0.05, rng=0)
    curve = solve(problem(y), weight=ColouredGCV(WHITE), max_iterations=1).curve
    plain = solve(problem(y), weight=GCV(guard=False), max_iterations=1).curve
    shared = sorted(set(np.round(np.log(curve.factors), 6)) & set(np.round(np.log(plain.factors), 6)))
    # where the searches met; the window alone tells the two apart
    for t in shared:
        a, b = (c.figures[np.argmin(abs(np.log(c.factors) - t))] for c in (curve, plain))
        assert a == pytest.approx(b, rel=0.1)
    assert ColouredGCV(WHITE).noise() == pytest.approx(0.01)
