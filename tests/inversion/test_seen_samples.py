"""Rules and the discrepancy stop count what is seen, however the rest is hidden, and take no data that they do not fit."""

import warnings

import numpy as np
import pytest

from unblur import psf
from unblur.inversion import (
    CG,
    GCV,
    UPRE,
    Discrepancy,
    Distance,
    Huber,
    LeastAbsolute,
    LeastSquares,
    Nonnegative,
    Poisson,
    SplitBregman,
    Tikhonov,
    TotalVariation,
    UnreliableWeightWarning,
    Whiteness,
    solve,
    stops,
)
from unblur.inversion.weight_choice import rescaled
from unblur.inversion.weight_fits import gaussian_data, image_axes, samples_of
from unblur.inversion.weight_guess import first_guess
from unblur.inversion.weight_sampling import SampledFits
from unblur.operators import Blur, Gradient, Identity, Mask

RULES = [GCV(), UPRE(0.05), UPRE(), Discrepancy(0.05), Discrepancy(), Whiteness()]
SIGMA = 0.05


def weight_of(problem, rule):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnreliableWeightWarning)
        return solve(problem, weight=rule, max_iterations=1).weight


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(0)
    A = Blur(psf.gaussian(1.2), (48, 50), boundary="unknown")
    picture = np.kron(rng.uniform(size=(10, 10)), np.ones((8, 8)))[: A.dims[0], : A.dims[1]]
    y = A.apply(picture) + SIGMA * rng.normal(size=A.dimsd)
    # an edge, a corner and single samples
    seen = rng.uniform(size=y.shape) < 0.95
    seen[:9] = seen[30:, 40:] = False
    return A, y, seen


def hidden(scene, how):
    """Return the data term of the seen samples, wild values being hidden."""
    A, y, seen = scene
    if how == "weights":
        return LeastSquares(A, np.where(seen, y, 77.0), seen)
    if how == "NaN":
        return LeastSquares(A, np.where(seen, y, np.nan), seen)
    if how == "mask":
        return LeastSquares(Mask(seen) * A, np.where(seen, y, 77.0))
    return LeastSquares(np.where(seen, 1.0, 0.0).ravel()[:, None] * np.eye(y.size), np.where(seen, y, 77.0).ravel())


@pytest.mark.parametrize("how", ["weights", "NaN", "mask", "rows of 0"])
def test_samples_are_counted(scene, how):
    data = gaussian_data(hidden(scene, how) + Tikhonov(Identity(hidden(scene, how).A.dims)))
    assert samples_of(data) == scene[2].sum()


def test_a_masked_colour_image_is_three_images(scene):
    rng = np.random.default_rng(3)
    A = Blur(psf.gaussian(1.2), (24, 26, 3), boundary="reflect", axes=(0, 1))
    assert image_axes(Mask(rng.uniform(size=A.dims) < 0.9) * A) == image_axes(A) == (0, 1)
    assert image_axes(Mask(scene[2]) * scene[0]) == (0, 1)
    assert image_axes(LeastSquares(np.eye(4), np.ones(4)).A) == (0,)


def fit_of(problem, factor, step=0.1 * SIGMA):
    """Return the fit at a factor, solved for closely, so that where a solver starts does not matter."""
    return SampledFits(problem, rescaled, SplitBregman(), None, step, True, 0, tol=1e-6, max_iterations=5000).fit(factor)


def check_same(fit, other):
    assert fit.samples == other.samples
    for name in ("energy", "freedom", "whiteness"):
        assert getattr(fit, name) == pytest.approx(getattr(other, name), rel=2e-3)


def test_fits_do_not_depend_on_how_samples_are_hidden(scene):
    prior = TotalVariation(Gradient(scene[0]))
    first, *others = (fit_of(hidden(scene, how) + prior, 0.01) for how in ("weights", "NaN", "mask"))
    for other in others:
        check_same(other, first)


def test_even_weights_are_another_unit_of_the_noise(scene):
    A, y, _ = scene
    prior = TotalVariation(Gradient(A))
    scaled = fit_of(LeastSquares(2 * A, 2 * y) + prior, 0.01)
    check_same(fit_of(LeastSquares(A, y, np.full(y.shape, 4.0)) + prior, 0.01), scaled)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_weight_hardly_depends_on_how_samples_are_hidden(scene, rule):
    # the minimum is flat, and what is tried depends on where the search starts
    prior = TotalVariation(Gradient(scene[0]))
    weights = [weight_of(hidden(scene, how) + prior, rule) for how in ("weights", "NaN", "mask")]
    assert weights[0] == weights[1]
    assert weights[2] == pytest.approx(weights[0], rel=1.5)


@pytest.mark.parametrize("how", ["weights", "mask"])
def test_discrepancy_meets_its_equation_over_what_is_seen(scene, how):
    A, y, seen = scene
    result = solve(hidden(scene, how) + TotalVariation(Gradient(A)), weight=Discrepancy(SIGMA, tol=1e-3), tol=1e-6)
    assert np.mean((A.apply(result.x) - y)[seen] ** 2) == pytest.approx(SIGMA**2, rel=1e-2)


@pytest.mark.parametrize("rule", [GCV(), UPRE(SIGMA), Discrepancy(SIGMA)], ids=repr)
def test_uneven_weights_are_one_over_the_variance(scene, rule):
    # noise that differs from sample to sample: with the weights that go with it, nearly as good a picture as can be
    A, _, _ = scene
    rng = np.random.default_rng(1)
    picture = np.kron(rng.uniform(size=(10, 10)), np.ones((8, 8)))[: A.dims[0], : A.dims[1]]
    w = rng.uniform(0.05, 4, A.dimsd)
    y = A.apply(picture) + SIGMA / np.sqrt(w) * rng.normal(size=A.dimsd)
    problem = LeastSquares(A, y, w) + TotalVariation()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnreliableWeightWarning)
        result = solve(problem, weight=rule)

    def error(x):
        return np.mean((A.crop(x) - A.crop(picture)) ** 2)

    factors = result.weight * 2.0 ** np.arange(-4, 5)
    best = min(error(solve(LeastSquares(A, y, w) + f * TotalVariation(), tol=1e-3).x) for f in factors)
    assert error(result.x) < (1.3 if isinstance(rule, Discrepancy) else 1.1) * best


class At:
    def __init__(self, x):
        self.x = x


@pytest.mark.parametrize("how", ["weights", "NaN", "mask"])
def test_the_stop_counts_what_is_seen(scene, how):
    A, y, seen = scene
    term = hidden(scene, how)
    x = A.extend(y)
    size = np.sqrt(np.mean((A.apply(x) - y)[seen] ** 2))
    for problem in (term, term + Tikhonov(Identity(A.dims))):
        assert stops.discrepancy(problem, 0.999 * size)(At(x)) is None
        assert stops.discrepancy(problem, 1.001 * size)(At(x)).name == "noise level"
        assert stops.discrepancy(problem, size / 2, factor=2.002)(At(x)).success


def test_the_stop_looks_at_all_data():
    rng = np.random.default_rng(0)
    y, z, x = rng.normal(size=(3, 40))
    problem = 2 * LeastSquares(Identity((40,)), y) + 6 * LeastSquares(Identity((40,)), z)
    # the second with a third of the variance
    size = np.sqrt((np.sum((x - y) ** 2) + 3 * np.sum((x - z) ** 2)) / 80)
    assert stops.discrepancy(problem, 0.999 * size)(At(x)) is None
    assert stops.discrepancy(problem, 1.001 * size)(At(x)).success


def test_the_stop_ends_a_run_at_the_noise(scene):
    A, y, seen = scene
    problem = hidden(scene, "mask") + 1e-6 * Tikhonov(Identity(A.dims))
    result = solve(problem, CG(), x0=np.zeros(A.dims), stops=[stops.discrepancy(problem, SIGMA)], tol=1e-12)
    assert result.status.name == "noise level"
    assert 0.8 * SIGMA < np.sqrt(np.mean((A.apply(result.x) - y)[seen] ** 2)) <= SIGMA


COUNTS = np.arange(1.0, 37.0).reshape(6, 6)
OTHERS = {
    "Poisson": Poisson(Identity((6, 6)), COUNTS) + Nonnegative(),
    "absolute": LeastAbsolute(Identity((6, 6)), COUNTS),
    "Huber": Huber(Identity((6, 6)), COUNTS, 1.0),
    "distance": Distance(Identity((6, 6)), COUNTS),
    "beside least squares": LeastSquares(Identity((6, 6)), COUNTS) + LeastAbsolute(Identity((6, 6)), COUNTS),
}


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_other_noise_is_refused_with_what_would_do(data):
    problem = data + TotalVariation(Gradient((6, 6), boundary="periodic"))
    for rule in RULES:
        with pytest.raises(TypeError, match=r"a rule for the weight needs data with Gaussian noise.*weigh the priors by numbers"):
            solve(problem, weight=rule)
    with pytest.raises(TypeError, match=r"the discrepancy stop needs data with Gaussian noise.*LeastSquares\(A, y, weights\)"):
        stops.discrepancy(problem, 1.0)


@pytest.mark.parametrize("sigma", [0, -1, np.nan, np.inf])
def test_the_stop_refuses_what_is_no_noise(sigma):
    with pytest.raises(ValueError, match="sigma is"):
        stops.discrepancy(LeastSquares(Identity((6, 6)), COUNTS), sigma)


def test_one_bright_sample_moves_no_first_guess(scene):
    A, y, _ = scene
    hot = y.copy()
    hot[20, 20] = 1000.0
    guesses = []
    for data in (y, hot):
        problem = LeastSquares(A, data) + TotalVariation()
        guesses.append(first_guess(problem, [problem.terms[1]], SIGMA))
    assert guesses[1] == pytest.approx(guesses[0], rel=0.05)
