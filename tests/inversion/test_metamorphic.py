"""What must hold between the solutions of two related problems, whatever they are."""

import numpy as np
import pytest

from unblur.inversion import LeastSquares, Tikhonov, TotalVariation, solve
from unblur.operators import Blur

PSF = np.array([[0.1, 0.2, 0.0], [0.05, 0.3, 0.15], [0.0, 0.1, 0.1]])
PRIORS = {"tv": (TotalVariation, 1), "tikhonov": (Tikhonov, 0)}
BOUNDARIES = ("periodic", "unknown", "reflect", "nearest")


@pytest.fixture
def y():
    rng = np.random.default_rng(0)
    return np.kron(rng.uniform(size=(4, 5)), np.ones((3, 3))) + 0.05 * rng.normal(size=(12, 15))


def answer(y, prior, weight=0.02, boundary="periodic", psf=PSF, **blur):
    A = Blur(psf, y.shape, boundary=boundary, **blur)
    return solve(LeastSquares(A, y) + weight * PRIORS[prior][0](), tol=1e-10, max_iterations=20_000).image


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_scaling_the_data_scales_the_answer(y, prior, boundary):
    # of a prior of degree 1 the weight scales too, of one of degree 2 it does not
    scaled = answer(7 * y, prior, 0.02 * 7 ** PRIORS[prior][1], boundary)
    np.testing.assert_allclose(scaled, 7 * answer(y, prior, 0.02, boundary), atol=2e-5)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_constant_added_comes_out(y, prior, boundary):
    # the PSF sums to 1
    np.testing.assert_allclose(answer(y + 3, prior, boundary=boundary), answer(y, prior, boundary=boundary) + 3, atol=2e-5)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_transposed_in_transposed_out(y, prior, boundary):
    turned = answer(y.T, prior, boundary=boundary, psf=PSF.T)
    np.testing.assert_allclose(turned.T, answer(y, prior, boundary=boundary), atol=2e-5)


@pytest.mark.parametrize("prior", PRIORS)
def test_a_shift_of_one_pixel_shifts(y, prior):
    shifted = answer(np.roll(y, 1, axis=1), prior)
    np.testing.assert_allclose(np.roll(shifted, -1, axis=1), answer(y, prior), atol=2e-5)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_three_equal_colours_give_the_grey_answer_at_root_three_times_the_weight(y, boundary):
    colour = np.repeat(y[..., None], 3, axis=-1)
    restored = answer(colour, "tv", 0.02 * np.sqrt(3), boundary, axes=(0, 1))
    np.testing.assert_allclose(restored, np.repeat(answer(y, "tv", 0.02, boundary)[..., None], 3, axis=-1), atol=2e-5)
