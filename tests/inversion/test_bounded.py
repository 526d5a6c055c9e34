"""Which problems are refused because they fall without end: against what is known of each on paper."""

import numpy as np
import pytest
import scipy.linalg
import scipy.special

from unblur.inversion import (
    GCV,
    LBFGS,
    Box,
    Huber,
    LeastAbsolute,
    LeastSquares,
    Nonnegative,
    Poisson,
    Smooth,
    Sparsity,
    Term,
    Tikhonov,
    TotalVariation,
    iterate,
    plan,
    solve,
)
from unblur.inversion.normal import NormalEquations
from unblur.inversion.null_space import least_resisted
from unblur.inversion.plan import admit
from unblur.operators import Blur, Gradient, Identity

from ._dense import PSF, matrix, stack

RNG = np.random.default_rng(0)
SHAPE = (6, 7)
Y = RNG.normal(size=SHAPE)
C = RNG.normal(size=SHAPE)
EYE = Identity(SHAPE)
D = Gradient(SHAPE, boundary="periodic")
FULL = Blur(PSF, SHAPE, boundary="zero")  # its smallest singular value is not small
SEEN = np.ones(SHAPE)
SEEN[2, 3:5] = 0


def linear(c=C, **options):
    return Smooth(lambda z: np.vdot(c, z).real, lambda z: np.broadcast_to(c, z.shape).astype(z.dtype), **options)


def falling_squares(c):
    return Smooth(lambda z: -0.5 * c * np.sum(z * z), lambda z: -c * z, convex=False)


def softplus(sign=1.0):
    return Smooth(lambda z: np.sum(np.logaddexp(0, sign * z)), lambda z: sign * scipy.special.expit(sign * z))


class Rosenbrock:
    convex = False

    def value(self, z):
        a, b = z.ravel()[:-1], z.ravel()[1:]
        return float(np.sum(100 * (b - a**2) ** 2 + (1 - a) ** 2))

    def gradient(self, z):
        flat = z.ravel()
        a, b = flat[:-1], flat[1:]
        slope = np.zeros_like(flat)
        slope[:-1] += -400 * a * (b - a**2) - 2 * (1 - a)
        slope[1:] += 200 * (b - a**2)
        return slope.reshape(z.shape)


class Rising:
    """−Σ zᵢ by its prox alone."""

    def value(self, z):
        return -float(np.sum(z))

    def prox(self, z, step, out):
        return np.add(z, step, out=out)

    def default_penalty(self, weight, scale, stiffness):
        return weight


def middle(c):
    """Return c less its mean, which the gradient of an image does not see."""
    return c - c.mean()


SMALLEST = scipy.linalg.eigvalsh(matrix(FULL).T @ matrix(FULL))[0]
NULL = scipy.linalg.null_space(matrix(Blur(np.array([1.0, 1.0]), (8,), boundary="unknown", dims=(9,))))

UNBOUNDED = {
    "nothing resists": lambda: linear(data=Y),
    "behind an operator": lambda: Smooth(np.sum, np.ones_like, FULL, data=Y),
    "masked": lambda: LeastSquares(FULL, Y, SEEN * 0 + (np.arange(7) < 4)) + linear(),
    "two pixels masked": lambda: LeastSquares(EYE, Y, SEEN) + linear(),
    "gradient": lambda: LeastSquares(D, np.zeros((2, *SHAPE))) + linear(),
    "cropped": lambda: LeastSquares(np.eye(6, 9), np.ones(6)) + linear(RNG.normal(size=9)),
    "cropped blur": lambda: LeastSquares(Blur(np.ones(2), (8,), boundary="unknown", dims=(9,)), Y.ravel()[:8])
    + linear(RNG.normal(size=9)),
    "less than the slope": lambda: LeastAbsolute(EYE, Y) + linear(1.01 * np.sign(C)),
    "outliers": lambda: Huber(EYE, Y, 1.0) + linear(2 * np.sign(C)),
    "variation in a null space": lambda: LeastSquares(EYE, Y, SEEN) + 0.01 * TotalVariation(D) + linear(10 * C),
    "constants under variation": lambda: LeastSquares(D, np.zeros((2, *SHAPE))) + 9 * TotalVariation() + linear(C),
    "counts": lambda: Poisson(EYE, Y**2) + linear(np.full(SHAPE, -2.0)),
    "half bounded": lambda: LeastSquares(EYE, Y, SEEN) + Nonnegative() + linear(np.full(SHAPE, -1.0)),
    "negative squares": lambda: LeastSquares(FULL, Y) + falling_squares(1.5 * SMALLEST + 0.01),
    "two by two": lambda: LeastSquares(np.diag([1.0, 0.1]), np.ones(2)) + falling_squares(0.5),
    "a class": lambda: LeastSquares(EYE, Y, SEEN) + 0.1 * Term(Rising()),
    "softplus of the wrong sign": lambda: LeastSquares(EYE, Y, SEEN) + Smooth(
        lambda z: -np.sum(np.logaddexp(0, z)), lambda z: -scipy.special.expit(z), convex=False
    ),
    "single precision": lambda: LeastSquares(EYE, Y.astype(np.float32), SEEN) + linear(C.astype(np.float32)),
    "complex": lambda: LeastSquares(EYE, Y + 1j * C, SEEN) + linear(C + 1j * Y),
    "three terms": lambda: LeastSquares(EYE, Y, SEEN) + softplus() + linear(3 * C),  # beyond −1 where masked
}  # fmt: skip

BOUNDED = {
    "full rank": lambda: LeastSquares(FULL, Y) + linear(),
    "in the range": lambda: LeastSquares(EYE, Y, SEEN) + linear(C * SEEN),
    "in the range of a gradient": lambda: LeastSquares(D, np.zeros((2, *SHAPE))) + linear(middle(C)),
    "a weak prior": lambda: LeastSquares(EYE, Y, SEEN) + 1e-9 * Tikhonov(EYE) + linear(),
    "a weak prior, single": lambda: LeastSquares(EYE, Y.astype(np.float32), SEEN) + 1e-9 * Tikhonov(EYE)
    + linear(C.astype(np.float32)),
    "box": lambda: LeastSquares(EYE, Y, SEEN) + Box(0, 1) + linear(),
    "the right half": lambda: LeastSquares(EYE, Y, SEEN) + Nonnegative() + linear(np.abs(C)),
    "more than the slope": lambda: LeastAbsolute(EYE, Y) + linear(0.99 * np.sign(C)),
    "counts": lambda: Poisson(EYE, Y**2) + Nonnegative() + linear(np.full(SHAPE, -0.9)),
    "variation holds": lambda: LeastSquares(EYE, Y, SEEN) + 10 * TotalVariation(D) + linear(1e-2 * middle(C) * (1 - SEEN)),
    "softplus": lambda: LeastSquares(EYE, Y, SEEN) + softplus() + softplus(-1.0),
    "one softplus": lambda: LeastSquares(EYE, Y, SEEN) + softplus(),
    "softplus holds": lambda: LeastSquares(EYE, Y, SEEN) + softplus() + linear(),  # C lies between −1 and 0 where masked
    "exponential": lambda: Smooth(lambda z: np.sum(np.exp(-z)), lambda z: -np.exp(-z), data=Y),
    "saturating": lambda: Smooth(lambda z: -np.sum(np.tanh(z)), lambda z: -1 / np.cosh(z) ** 2, data=Y, convex=False),
    "waves": lambda: Smooth(lambda z: np.sum(np.cos(z)), lambda z: -np.sin(z), data=Y, convex=False),
    "far clipped": lambda: Smooth(
        lambda z: np.sum(np.maximum(z, -1e6)), lambda z: (z > -1e6).astype(z.dtype), data=Y
    ),
    "rosenbrock": lambda: LeastSquares(EYE, Y, SEEN) + Term(Rosenbrock()),
    "rosenbrock alone": lambda: LeastSquares(EYE, Y, np.zeros(SHAPE)) + Term(Rosenbrock()),
    "negative squares": lambda: LeastSquares(FULL, Y) + falling_squares(0.9 * SMALLEST),
    "two by two": lambda: LeastSquares(np.diag([1.0, 0.8]), np.ones(2)) + falling_squares(0.5),
    "complex": lambda: LeastSquares(EYE, Y + 1j * C) + linear(C + 1j * Y),
    "a constant, and a large one": lambda: LeastSquares(EYE, Y, SEEN) + Smooth(lambda z: 1e12, np.zeros_like),
    # no proof: it falls ever more slowly, or is not finite, or its domain ends
    "barrier": lambda: LeastSquares(EYE, Y**2 + 1, SEEN) + Smooth(lambda z: -np.sum(np.log(z)), lambda z: -1 / z),
    "root": lambda: LeastSquares(EYE, Y, SEEN) + Smooth(lambda z: -np.sqrt(np.sum(np.abs(z))), np.negative, convex=False),
    "not finite": lambda: LeastSquares(EYE, Y, SEEN) + Smooth(lambda z: np.nan, np.ones_like),
    "refusing": lambda: LeastSquares(EYE, Y, SEEN) + Term(Refusing()),
}  # fmt: skip


class Refusing:
    """Of a domain of its own."""

    def value(self, z):
        if np.abs(z).max() > 100:
            raise ValueError("out of range")
        return -float(np.sum(z))

    def gradient(self, z):
        return -np.ones_like(z)


@pytest.mark.parametrize("name", UNBOUNDED)
def test_what_falls_without_end_is_refused_by_name(name):
    with pytest.raises(ValueError, match=r"no minimum: .* falls without bound .*; add Box\(low, high\)"):
        plan(UNBOUNDED[name]())


@pytest.mark.parametrize("name", BOUNDED)
def test_what_has_a_minimum_or_shows_no_proof_is_taken(name):
    admit(BOUNDED[name]())


def test_the_term_that_falls_is_named_and_not_those_beside_it():
    falling = Smooth(np.sum, np.ones_like)
    with pytest.raises(ValueError, match=r"no minimum: sum\(I"):
        plan(LeastSquares(EYE, Y, SEEN) + softplus() + falling)


def test_no_step_of_an_algorithm_is_taken():
    class Untouched(LBFGS):
        def start(self, problem, x0=None):
            raise AssertionError("started")

        def explain(self, problem):
            raise AssertionError("asked")

    problem = UNBOUNDED["masked"]()
    for call in (
        lambda: solve(problem, Untouched()),
        lambda: solve(problem, Untouched(), weight=GCV()),
        lambda: plan(problem, Untouched()),
        lambda: next(iterate(problem, Untouched())),
    ):
        with pytest.raises(ValueError, match="no minimum"):
            call()


def test_where_every_term_is_ours_nothing_is_applied():
    class Counting(Identity):
        applied = 0

        def _apply(self, x, out):
            Counting.applied += 1
            return super()._apply(x, out)

    A = Counting(SHAPE)
    admit(LeastSquares(A, Y, SEEN) + TotalVariation(D) + Sparsity(A) + Nonnegative())
    ours = Counting.applied
    admit(LeastSquares(A, Y, SEEN) + TotalVariation(D) + Sparsity(A) + Nonnegative() + softplus())
    assert ours == 0
    assert Counting.applied > 0


def test_a_functional_that_says_it_is_bounded_is_not_looked_at():
    class Sure(Rosenbrock):
        bounded_below = True

        def value(self, z):
            raise AssertionError("looked at")

    plan(LeastSquares(EYE, Y, SEEN) + Term(Sure()), LBFGS())


def test_functions_are_given_the_precision_of_the_data():
    kinds = set()

    def value(z):
        kinds.add(z.dtype)
        return float(np.sum(np.abs(z)))

    admit(LeastSquares(EYE, Y.astype(np.float32), SEEN) + Smooth(value, np.sign))
    assert kinds == {np.dtype(np.float32)}


@pytest.mark.parametrize("kind", ["gap", "full rank", "complex"])
def test_least_resisted_is_that_of_the_krylov_space(kind):
    """Against a dense eigendecomposition: the null space's part of g, else the least eigenvector that g holds any of."""
    rng = np.random.default_rng(1)
    B = rng.normal(size=(12, 12)) + (1j * rng.normal(size=(12, 12)) if kind == "complex" else 0)
    U = np.linalg.qr(B)[0]
    values = np.array([1, 1.3, 2, 2, 2.5, 3, 3, 3, 4] + ([0.3, 0.3, 0.3] if kind == "full rank" else [0, 0, 0]))
    A = np.sqrt(values)[:, None] * U.conj().T
    problem = LeastSquares(A, np.zeros(12, A.dtype)) + Tikhonov(np.zeros((1, 12)))
    g = (rng.normal(size=12) + (1j * rng.normal(size=12) if kind == "complex" else 0)).astype(A.dtype)
    least = U[:, 9:] @ (U[:, 9:].conj().T @ g)
    v = least_resisted(NormalEquations.of(problem, "test"), g)
    np.testing.assert_allclose(v, least / np.linalg.norm(least), atol=1e-6)


def test_least_resisted_of_one_step_is_the_vector_itself():
    problem = LeastSquares(FULL, Y) + Tikhonov(EYE)
    v = least_resisted(NormalEquations.of(problem, "test"), C, steps=1)
    np.testing.assert_allclose(v, C / np.linalg.norm(C))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("seed", range(20))
def test_a_linear_term_is_refused_just_where_it_is_outside_the_range_of_the_adjoint(seed, dtype):
    """min ½‖A x − y‖² + ⟨c, x⟩ is finite where c is in the range of Aᵀ, and only there."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 30))
    rank = int(rng.integers(1, n))
    V = np.linalg.qr(rng.normal(size=(n, n)))[0][:, :rank]
    data = LeastSquares(10 ** rng.uniform(-0.5, 0, size=(rank, 1)) * V.T, rng.normal(size=rank).astype(dtype))
    inside, outside = np.dot(V, rng.normal(size=rank)), rng.normal(size=n)
    # in double precision whatever it is given, so that c is in the range to rounding
    plan(data + linear(inside))
    with pytest.raises(ValueError, match="no minimum"):
        plan(data + linear(outside))


@pytest.mark.parametrize("weight", [0.5, 1.5])
def test_concave_squares_are_refused_just_where_the_hessian_is_indefinite(weight):
    data = LeastSquares(FULL, Y) + 0.3 * Tikhonov(Gradient(FULL))
    S, _ = stack(data)
    least = scipy.linalg.eigvalsh(S.T @ S)[0]
    problem = data + falling_squares(weight * least)
    if weight < 1:
        plan(problem)
    else:
        with pytest.raises(ValueError, match="no minimum"):
            plan(problem)


def test_a_problem_that_is_taken_is_solved():
    problem = LeastSquares(EYE, Y) + linear()
    for algorithm in (LBFGS(), None):
        np.testing.assert_allclose(solve(problem, algorithm, tol=1e-9).x, Y - C, atol=1e-7)
