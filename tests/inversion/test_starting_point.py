"""Where solvers start: the data on x's grid, with what is not seen filled from what is."""

import numpy as np
import pytest

from unblur.inversion import Box, LeastSquares, Poisson, Problem, SplitBregman, Tikhonov, TotalVariation, iterate, solve
from unblur.inversion.starting_point import filled
from unblur.operators import Bayer, Blur, Crop, Downsample, FourierTransform, Gradient, Identity, Mask, from_functions

RNG = np.random.default_rng(0)
SHAPE = (14, 15, 3)
SCENE = RNG.uniform(1, 2, SHAPE)
SEEN = RNG.random(SHAPE) > 0.4
#: a blur that blurs nothing: the data are the scene
SHARP = Blur([[1.0]], SHAPE, boundary="periodic", axes=(0, 1))


def nearest(y, seen):
    """Of each sample of an image the distance to the nearest one that is seen, and the values there are at that distance."""
    places = np.argwhere(seen)
    for place in np.ndindex(*y.shape):
        squares = ((places - place) ** 2).sum(axis=1)
        yield place, {y[tuple(p)] for p in places[squares == squares.min()]}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64])
def test_holes_are_filled_by_the_nearest_sample_of_the_same_colour(dtype):
    y = (SCENE * (1 + 2j if np.dtype(dtype).kind == "c" else 1)).astype(dtype)
    given = np.where(SEEN, y, np.nan)
    x = filled(given, SEEN, (0, 1))
    assert x.dtype == dtype
    for c in range(3):
        for place, values in nearest(y[..., c], SEEN[..., c]):
            assert x[(*place, c)] in values
    assert np.isnan(given[~SEEN]).all(), "the data are not changed"


def test_axes_may_stand_anywhere_and_what_nothing_sees_is_zero():
    y, seen = np.moveaxis(SCENE, -1, 0), np.moveaxis(SEEN, -1, 0).copy()
    np.testing.assert_array_equal(filled(y, seen, (1, 2)), np.moveaxis(filled(SCENE, SEEN, (0, 1)), -1, 0))
    seen[1] = False
    x = filled(y, seen, (2, 1))
    assert (x[1] == 0).all()
    assert (x[[0, 2]] > 0).all()
    np.testing.assert_array_equal(filled(y, np.ones_like(seen), (1, 2)), y)


GRID = (slice(2, 12), slice(1, 14), slice(None))


def decimated():
    seen = np.zeros(SHAPE, bool)
    seen[1::2, ::3] = True
    return seen


def mosaic():
    return Bayer(SHAPE).apply_adjoint(np.ones(SHAPE[:2])) > 0


def window():
    seen = np.zeros(SHAPE, bool)
    seen[GRID] = True
    return seen


WAYS = {
    "weights": (lambda: LeastSquares(SHARP, SCENE, SEEN), SEEN),
    "weights of a larger scene": (lambda: LeastSquares(Blur([[1.0]], SHAPE, boundary="unknown", axes=(0, 1)), SCENE, SEEN), SEEN),
    "mask": (lambda: LeastSquares(Mask(SEEN) * SHARP, SEEN * SCENE), SEEN),
    "scaled mask": (lambda: LeastSquares(Mask(SEEN) * SHARP / 2, SEEN * SCENE / 2), SEEN),
    "counts": (lambda: Poisson(SHARP, SCENE, weights=SEEN), SEEN),
    "decimated": (
        lambda: LeastSquares(Downsample(SHAPE, (2, 3), axes=(0, 1), offset=(1, 0)) * SHARP, SCENE[1::2, ::3]),
        decimated(),
    ),
    "mosaic": (lambda: LeastSquares(Bayer(SHAPE) * SHARP, Bayer(SHAPE).apply(SCENE)), mosaic()),
    "mosaic alone": (lambda: LeastSquares(Bayer(SHAPE), Bayer(SHAPE).apply(SCENE)), mosaic()),
    "window": (lambda: LeastSquares(Crop(SHAPE, GRID) * SHARP, SCENE[GRID]), window()),
    "mask alone, and a gradient": (lambda: LeastSquares(Mask(SEEN), SEEN * SCENE) + Tikhonov(GRADIENT), SEEN),
    "weights alone, and a gradient": (lambda: LeastSquares(Identity(SHAPE), SCENE, SEEN) + Tikhonov(GRADIENT), SEEN),
    "masked and weighted": (
        lambda: LeastSquares(Mask(SEEN) * SHARP, SEEN * SCENE, decimated() | SEEN[::-1]),
        SEEN & (decimated() | SEEN[::-1]),
    ),
}
GRADIENT = Gradient(SHAPE, axes=(0, 1), boundary="nearest")


@pytest.mark.parametrize("name", WAYS)
def test_however_samples_are_hidden_the_start_has_no_holes(name):
    make, seen = WAYS[name]
    made = make()
    problem = made if isinstance(made, Problem) else made + Box(0, 5)
    crop = getattr(problem.operator, "crop", lambda x: x)
    np.testing.assert_allclose(crop(problem.initial()), filled(SCENE, seen, (0, 1)), rtol=1e-9)


def test_where_nothing_says_what_the_image_is_the_start_is_a_multiple_of_the_adjoint():
    F = FourierTransform((12,))
    for A in (Mask(SEEN), from_functions(np.negative, np.negative, SHAPE), Mask(np.arange(12) > 3) * F.H):
        y = A.apply(RNG.normal(size=A.dims))
        x, back = (LeastSquares(A, y) + Tikhonov(Identity(A.dims))).initial(), A.apply_adjoint(y)
        assert abs(np.vdot(x, back)) == pytest.approx(np.linalg.norm(x) * np.linalg.norm(back))
        # and the best multiple
        assert abs(np.vdot(A.apply(x), A.apply(x) - y)) < 1e-9 * np.linalg.norm(y) ** 2


def test_a_complex_factor_is_made_up_for():
    x = (LeastSquares(2j * SHARP, SCENE) + Tikhonov()).initial()
    np.testing.assert_allclose(x, SCENE / 2j, atol=1e-12)


@pytest.mark.parametrize("boundary", ["periodic", "unknown"])
def test_filled_holes_save_iterations(boundary):
    i, j = np.indices((64, 64))
    scene = np.sin(i / 9) + np.cos(j / 7) + (i > 30) + 2
    seen = np.random.default_rng(1).random(scene.shape) > 0.3
    seen[10:20, 30:42] = False
    A = Blur(np.ones((5, 5)) / 25, scene.shape, boundary=boundary)
    y = A.apply(A.extend(scene)) + np.random.default_rng(2).normal(scale=0.01, size=scene.shape)
    problem = LeastSquares(A, y, seen) + 1e-3 * TotalVariation()
    best = solve(problem, SplitBregman(), tol=1e-8, max_iterations=5000).objective

    def iterations(x0):
        states = iterate(problem, SplitBregman(), x0)
        return next(k for k, state in enumerate(states) if problem.objective(state.x) < 1.01 * best)

    assert iterations(None) < 0.75 * iterations(A.extend(np.where(seen, y, 0)))
