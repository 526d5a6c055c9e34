"""Priors that are declared without an operator, and stacks that are given as lists, stacks of PyLops's or matrices."""

import numpy as np
import pylops
import pytest
import scipy.sparse

from unblur.inversion import Box, LeastSquares, Nonnegative, Problem, Tikhonov, TotalVariation, plan, solve
from unblur.operators import Blur, ChannelMix, Downsample, FirstDerivative, Gradient, Identity, Mask, Stack

RNG = np.random.default_rng(0)
SHAPE = (10, 12, 3)
PSF = np.outer([1, 2, 1], [1, 3, 1]) / 20
BLUR = Blur(PSF, SHAPE, boundary="periodic", axes=(0, 1))
X = RNG.normal(size=SHAPE)
MASK = RNG.random(SHAPE) > 0.3


@pytest.mark.parametrize("prior", [TotalVariation, Tikhonov])
@pytest.mark.parametrize(
    "A",
    [
        Mask(MASK),
        Identity(SHAPE),
        ChannelMix(np.eye(3), SHAPE),
        np.eye(30),
        scipy.sparse.eye_array(30).tocsr(),
        pylops.Diagonal(np.ones(30)),
        pylops.Flip((10, 12)),
    ],
    ids=lambda A: type(A).__name__,
)
def test_where_nothing_says_what_an_image_is_the_line_to_write_is_named(prior, A):
    y = np.zeros(getattr(A, "dimsd", A.shape[0]))
    with pytest.raises(ValueError, match=rf'{prior.__name__}\(Gradient\(.*boundary="nearest"\)\)') as raised:
        LeastSquares(A, y) + prior()
    assert ("Identity(" in str(raised.value)) == (prior is Tikhonov)
    # what it says works
    line = str(raised.value).split("write ")[1].split(", or ")[0]
    assert isinstance(LeastSquares(A, y) + eval(line), Problem)


@pytest.mark.parametrize("prior", [TotalVariation, Tikhonov])
@pytest.mark.parametrize(
    "A", [Mask(MASK) * BLUR, BLUR / 2, 2 * Mask(MASK) * BLUR, Downsample(SHAPE, 2, axes=(0, 1)) * BLUR, BLUR + BLUR]
)
def test_behind_a_mask_the_prior_is_that_of_the_blur(prior, A):
    problem = LeastSquares(A, np.zeros(A.dimsd)) + prior()
    assert problem.terms[1].value(X) == pytest.approx(prior(Gradient(BLUR)).value(X), rel=1e-12)
    assert "axes (0, 1), periodic" in str(plan(problem))


def test_of_several_data_the_first_that_says_what_an_image_is_gives_the_prior():
    masked, blurred = LeastSquares(Mask(MASK), MASK * X), LeastSquares(BLUR, X)
    for data in (masked + blurred, blurred + masked):
        assert (data + TotalVariation()).terms[2].value(X) == pytest.approx(TotalVariation(Gradient(BLUR)).value(X))


def stacks():
    D = [FirstDerivative(SHAPE, axis=i, boundary="nearest") for i in (0, 1)]
    both = Gradient(SHAPE, boundary="nearest", axes=(0, 1))
    yield "list", D
    yield "tuple", tuple(D)
    yield "list of one gradient", [both]
    yield "nested", [[both]]
    yield "list of stacks", [Stack(D[:1]), D[1]]
    yield "list of a stack of PyLops's", [pylops.VStack(D)]
    yield "Stack", Stack(D)
    yield "VStack", pylops.VStack(D)
    yield "VStack of parts", pylops.VStack([1.0 * d for d in D])
    yield "scaled", 2 * pylops.VStack(D) * 0.5
    yield "scaled by PyLops", pylops.VStack(D) * 1.0
    yield "scaled gradient", 0.5 * (2 * both)
    yield "of a product", pylops.VStack([d * Identity(SHAPE) for d in D])
    yield "behind another", pylops.VStack(D) * Identity(SHAPE)
    yield "gradient", both


@pytest.mark.parametrize(("name", "D"), list(stacks()), ids=lambda v: v if isinstance(v, str) else "")
@pytest.mark.parametrize("isotropic", [True, False])
@pytest.mark.parametrize("joint", [None, (), 2])
def test_every_stack_of_derivatives_is_one_norm(name, D, isotropic, joint):
    term = TotalVariation(D, isotropic, joint)
    squares = np.array([np.diff(X, axis=a, append=X.take([-1], a)) for a in (0, 1)]) ** 2
    gathered = squares.sum(axis=0, keepdims=True) if isotropic else squares
    gathered = gathered if joint == () else gathered.sum(axis=-1)
    assert term.value(X) == pytest.approx(np.sqrt(gathered).sum(), rel=1e-12)
    assert ("‖₂,₁" in repr(term)) == isotropic


def test_a_stack_is_solved_like_the_gradient():
    D = [FirstDerivative(SHAPE, axis=i, boundary="periodic") for i in (0, 1)]
    y = BLUR.apply(X)
    best = solve(LeastSquares(BLUR, y) + 0.05 * TotalVariation(), tol=1e-8).x
    for given in (
        D,
        [Gradient(BLUR)],
        pylops.VStack(D),
        0.5 * (2 * Gradient(BLUR)),
        Gradient(SHAPE, boundary="periodic", axes=(1, 0)),
    ):
        found = plan(LeastSquares(BLUR, y) + 0.05 * TotalVariation(given))
        assert found.ffts == 2, "one transform diagonalises both"
        np.testing.assert_allclose(found.solve(tol=1e-8).x, best, atol=1e-6)


def test_matrices_of_which_nothing_is_known_are_one_derivative_or_refused():
    x, D = RNG.normal(size=12), np.eye(12) - np.eye(12, k=1)
    assert TotalVariation(D[:-1]).value(x) == pytest.approx(np.abs(np.diff(x)).sum())
    for tall in (np.vstack([D, D]), scipy.sparse.csr_array(np.vstack([D, D]))):
        with pytest.raises(ValueError, match=r"24 numbers for 12 samples.*isotropic=False"):
            TotalVariation(tall)
        assert TotalVariation(tall, isotropic=False).value(x) == pytest.approx(2 * np.abs(np.dot(D, x)).sum())
    with pytest.raises(ValueError, match="shapes"):
        TotalVariation(pylops.VStack([pylops.Restriction(12, [0, 1]), pylops.Identity(12)]))


@pytest.mark.parametrize("two", [2, 2.0, np.float32(2), np.array(2.0), np.int64(2), True + 1])
def test_terms_and_problems_are_weighed_by_numbers_of_any_kind(two):
    term, box = Tikhonov(Gradient(BLUR)), Box(0, 1)
    for weighed, weight in ((two * term, 2), (term * two, 2), (term / two, 0.5), (two * term / two / two, 0.5)):
        assert weighed.weight == weight
    problem = LeastSquares(BLUR, X) + 0.1 * term + box
    for scaled, factor in ((two * problem, 2), (problem * two, 2), (problem / two, 0.5)):
        assert scaled.objective(np.full(SHAPE, 0.5)) == pytest.approx(factor * problem.objective(np.full(SHAPE, 0.5)))
        assert scaled.box == (0, 1)
    assert "x ≥ 0" in repr(two * (LeastSquares(BLUR, X) + Nonnegative()))


@pytest.mark.parametrize(
    ("call", "error", "word"),
    [
        (lambda t, p: t / 0, ValueError, "divided by 0"),
        (lambda t, p: p / 0.0, ValueError, "divided by 0"),
        (lambda t, p: -1 * p, ValueError, "weight is -1"),
        (lambda t, p: p * np.array(np.nan), ValueError, "weight is nan"),
        (lambda t, p: 1j * t, ValueError, "weight is 1j"),
        (lambda t, p: t / -2, ValueError, "weight is -0.5"),
        (lambda t, p: Box(0, 1) / 2, TypeError, "no weight"),
        (lambda t, p: t * "2", TypeError, "Tikhonov"),
        (lambda t, p: t / np.ones(2), TypeError, "Tikhonov"),
        (lambda t, p: 2 / t, TypeError, "Tikhonov"),
    ],
)
def test_what_is_no_weight_is_refused(call, error, word):
    term = Tikhonov(Gradient(BLUR))
    with pytest.raises(error, match=word):
        call(term, LeastSquares(BLUR, X) + term)
