import numpy as np
import pytest

from unblur.inversion import (
    Box,
    Denoiser,
    Distance,
    Huber,
    LeastAbsolute,
    LeastSquares,
    Nonnegative,
    Poisson,
    Problem,
    Smooth,
    Sparsity,
    Term,
    Tikhonov,
    TotalVariation,
)
from unblur.operators import Blur, FirstDerivative, Gradient


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_values_are_those_of_the_formulas(rng):
    A, y, x = rng.normal(size=(5, 6)), rng.normal(size=5), rng.normal(size=6)
    w = rng.uniform(size=5)
    assert LeastSquares(A, y).value(x) == pytest.approx(0.5 * np.sum((A @ x - y) ** 2))
    assert LeastSquares(A, y, weights=w).value(x) == pytest.approx(0.5 * np.sum(w * (A @ x - y) ** 2))
    assert (3 * Tikhonov(A, target=y)).value(x) == pytest.approx(1.5 * np.sum((A @ x - y) ** 2))


def test_values_of_the_other_terms_are_those_of_their_formulas(rng):
    A, y, x = rng.uniform(size=(5, 6)), rng.uniform(1, 2, size=5), rng.uniform(size=6)
    r, u = A @ x - y, A @ x + 0.5
    assert LeastAbsolute(A, y).value(x) == pytest.approx(np.abs(r).sum())
    assert Distance(A, y).value(x) == pytest.approx(np.linalg.norm(r))
    assert Distance(A).value(x) == pytest.approx(np.linalg.norm(A @ x))
    assert (2 * Poisson(A, y, 0.5)).value(x) == pytest.approx(2 * np.sum(u - y + y * np.log(y / u)))
    small = np.abs(r) <= 0.3
    assert Huber(A, y, 0.3).value(x) == pytest.approx(0.5 * np.sum(r[small] ** 2) + 0.3 * np.sum(np.abs(r[~small]) - 0.15))
    assert Sparsity(A, 0.7).value(x) == pytest.approx(np.sum(np.abs(A @ x) ** 0.7))
    assert Smooth(np.sum, np.ones_like, A).value(x) == pytest.approx(np.sum(A @ x))
    bound = LeastSquares(np.eye(2), np.ones(2)) + Nonnegative()
    assert bound.objective(np.array([1.0, -1e-3])) == np.inf
    assert np.isnan(Denoiser().functional.value(x))


@pytest.mark.parametrize(
    "term",
    [
        LeastSquares(np.eye(3), np.ones(3), weights=[1, 0, 2]),
        3 * LeastAbsolute(np.eye(3), np.ones(3)),
        Huber(np.eye(3), np.ones(3), 0.5),
        0.5 * Poisson(np.eye(3), np.ones(3), 0.3, weights=[1, 0, 2]),
        Distance(np.eye(3), np.ones(3)),
    ],
    ids=repr,
)
def test_a_problem_takes_other_data(term, rng):
    x, y = rng.uniform(size=3), rng.uniform(size=3)
    other = Problem((term,)).with_data(y)
    assert repr(other) == repr(Problem((term,)))
    shift = other.objective(x) - Problem((term,)).objective(x)
    assert shift != 0
    assert Problem((term,)).with_data(np.ones(3)).objective(x) == Problem((term,)).objective(x)


def test_masked_counts_may_be_nan():
    y = np.array([1.0, np.nan, 3.0])
    problem = Poisson(np.eye(3), y, weights=[True, False, True]) + Tikhonov(np.eye(3))
    assert np.isfinite(problem.objective(np.array([1.0, -1.0, 1.0])))
    assert np.isfinite(problem.initial()).all()
    assert np.isnan(y[1]), "the data are not changed"


def test_a_prior_alone_carries_no_data():
    assert not Distance(np.eye(3)).carries_data
    assert Distance(np.eye(3), np.zeros(3)).carries_data
    problem = LeastSquares(np.eye(3), np.ones(3)) + Distance(2 * np.eye(3))
    assert problem.objective(np.ones(3)) == pytest.approx(2 * np.sqrt(3))


def test_a_term_of_no_weight_counts_nothing():
    problem = LeastSquares(np.eye(3), np.ones(3)) + 0 * Denoiser() + 0 * LeastAbsolute(np.eye(3), np.zeros(3))
    assert problem.objective(np.zeros(3)) == 1.5


def test_total_variation_gathers_what_it_is_told_to(rng):
    x = rng.normal(size=(5, 6, 3))
    d = np.stack([np.roll(x, -1, axis=a) - x for a in (0, 1)])
    D = Gradient(x.shape, boundary="periodic", axes=(0, 1))
    assert TotalVariation(D).value(x) == pytest.approx(np.sqrt((d**2).sum(axis=(0, 3))).sum())
    assert TotalVariation(D, joint=()).value(x) == pytest.approx(np.sqrt((d**2).sum(axis=0)).sum())
    assert TotalVariation(D, isotropic=False).value(x) == pytest.approx(np.sqrt((d**2).sum(axis=3)).sum())
    assert TotalVariation(D, isotropic=False, joint=()).value(x) == pytest.approx(np.abs(d).sum())


def test_total_variation_of_a_list_of_derivatives_is_that_of_the_gradient(rng):
    x = rng.normal(size=(5, 6))
    D = [FirstDerivative(x.shape, axis=i, boundary="periodic") for i in (0, 1)]
    assert TotalVariation(D).value(x) == TotalVariation(Gradient(x.shape, boundary="periodic")).value(x)


@pytest.mark.parametrize("term", [LeastSquares(np.eye(4), np.arange(4.0)), TotalVariation(np.eye(4)), Box(-0.5, 0.5)])
def test_prox_is_the_minimiser(term, rng):
    v, step = rng.normal(size=4), 0.7
    p = term.bind(None).prox(v, step, np.empty_like(v)) if term.operator else term.functional.prox(v, step)
    f = term.functional.value if term.offset is None else lambda z: term.functional.value(z - term.offset)
    best = f(p) + np.sum((p - v) ** 2) / (2 * step)
    for scale in (1e-4, 1e-2, 1):
        for _ in range(200):
            z = p + scale * rng.normal(size=4)
            assert f(z) + np.sum((z - v) ** 2) / (2 * step) >= best - 1e-12


def test_gradient_is_the_slope(rng):
    A, y, x, d = rng.normal(size=(5, 6)), rng.normal(size=5), rng.normal(size=6), rng.normal(size=6)
    problem = LeastSquares(A, y) + 0.3 * Tikhonov(np.eye(6), target=np.ones(6))
    slope = (problem.objective(x + 1e-6 * d) - problem.objective(x - 1e-6 * d)) / 2e-6
    assert np.vdot(problem.gradient(x), d) == pytest.approx(slope, rel=1e-6)


def test_a_term_without_gradient_says_so():
    problem = LeastSquares(np.eye(3), np.ones(3)) + TotalVariation(np.eye(3))
    with pytest.raises(TypeError, match="no gradient"):
        problem.gradient(np.ones(3))


def test_algebra_makes_problems():
    fit, prior = LeastSquares(np.eye(3), np.ones(3)), Tikhonov(np.eye(3))
    for problem in (fit + prior, sum([fit, prior]), fit + (0.5 * prior + 0.5 * prior), 1.0 * (fit + prior)):
        assert isinstance(problem, Problem)
        assert problem.objective(np.full(3, 2.0)) == pytest.approx(7.5)
    assert (np.float64(2) * prior).weight == 2
    assert prior.weight == 1, "terms are not changed"


def test_masked_samples_may_be_nan():
    y = np.array([1.0, np.nan, 3.0])
    term = LeastSquares(np.eye(3), y, weights=[True, False, True])
    assert term.value(np.zeros(3)) == 5.0
    assert np.isnan(y[1]), "the data are not changed"


def test_printing_reads_as_mathematics():
    A = Blur(np.ones((3, 3)), (6, 6), boundary="periodic")
    text = repr(LeastSquares(A, np.ones((6, 6))) + 0.002 * TotalVariation() + Box(0, 1))
    others = Poisson(A, np.ones((6, 6)), 1) + 3 * Huber(A, np.ones((6, 6)), 0.5) + Sparsity(power=0.5) + Nonnegative()
    others = others + LeastAbsolute(A, np.ones((6, 6))) + Distance(A, np.ones((6, 6))) + Smooth(np.sum, np.ones_like)
    for part in (
        "KL(y, Blur",
        "x + b)",
        "3 · huber(Blur",
        "x − y, 0.5)",
        "Σ|I x|^0.5",
        "[x ≥ 0]",
        "x − y‖₁",
        "x − y‖₂",
        "sum(I x)",
    ):
        assert part in repr(others)
    for part in ("minimise over x of 6×6", "½‖Blur", "x − y‖²", "+ 0.002 · ‖∇", "[0 ≤ x ≤ 1]"):
        assert part in text


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: LeastSquares(np.eye(3), np.ones(4)), ValueError, ["y has shape (4,)", "(3,)"]),
        (lambda: LeastSquares(np.eye(3), [1, np.nan, 1]), ValueError, ["y holds NaN", "mask"]),
        (lambda: LeastSquares(np.eye(3), [1, np.inf, 1], weights=[1, 1, 1]), ValueError, ["y holds NaN", "weights"]),
        (lambda: LeastSquares(np.eye(3), np.ones(3), weights=[1, -1, 1]), ValueError, ["weights", "0 or more"]),
        (lambda: LeastSquares(np.eye(3), np.ones(3), weights=np.ones(4)), ValueError, ["weights has shape (4,)", "(3,)"]),
        (lambda: LeastSquares(np.eye(3), np.ones(3), weights=1j * np.ones(3)), TypeError, ["weights is complex"]),
        (lambda: LeastSquares(np.eye(3), np.ones(3), weights="a"), TypeError, ["weights has dtype"]),
        (lambda: Poisson(np.eye(3), np.ones(3), background=1j), TypeError, ["background is complex"]),
        (lambda: Huber(np.eye(3), np.ones(3), 1j), TypeError, ["delta is 1j"]),
        (lambda: LeastSquares("A", np.ones(3)), TypeError, ["str", "from_functions"]),
        (lambda: -1 * TotalVariation(), ValueError, ["weight is -1.0", "0 or more"]),
        (lambda: np.nan * TotalVariation(), ValueError, ["weight is nan"]),
        (lambda: Box(1, 0), ValueError, ["low is 1", "high is 0"]),
        (lambda: 2 * Box(0, 1), TypeError, ["no weight"]),
        (lambda: 2 * Nonnegative(), TypeError, ["Nonnegative", "no weight"]),
        (lambda: Huber(np.eye(3), np.ones(3), 0), ValueError, ["delta is 0", "above 0"]),
        (lambda: Huber(np.eye(3), np.ones(3), np.inf), ValueError, ["delta is inf"]),
        (lambda: Poisson(np.eye(3), [1, -2, 3]), ValueError, ["y holds -2", "background"]),
        (lambda: Poisson(np.eye(3), np.ones(3), -1), ValueError, ["background", "negative"]),
        (lambda: Poisson(np.eye(3), np.ones(3), np.ones(4)), ValueError, ["background has shape (4,)", "(3,)"]),
        (lambda: Poisson(np.eye(3), np.ones(3) * 1j), TypeError, ["y is complex", "LeastSquares"]),
        (lambda: Poisson(np.eye(3), [1, np.nan, 3], weights=[1, 1, 0]), ValueError, ["y holds NaN", "weights"]),
        (lambda: LeastAbsolute(np.eye(3), [1, np.nan, 3]), ValueError, ["y holds NaN"]),
        (lambda: Distance(np.eye(3), 2.0), ValueError, ["y is 2.0", "(3,)"]),
        (lambda: Sparsity(power=0), ValueError, ["power is 0", "at most 1"]),
        (lambda: Sparsity(power=1.5), ValueError, ["power is 1.5"]),
        (lambda: Denoiser("bm3d"), TypeError, ["f is 'bm3d'", "standard deviation"]),
        (lambda: Smooth(np.sum, None), TypeError, ["gradient is None"]),
        (lambda: Smooth(np.sum, np.ones_like, lipschitz=-1), ValueError, ["lipschitz is -1"]),
        (lambda: Tikhonov(target=1.0), ValueError, ["target", "D"]),
        (lambda: LeastSquares(np.eye(3), np.ones(3)) + Tikhonov(np.eye(4)), ValueError, ["(4,)", "(3,)"]),
    ],
)
def test_bad_input_is_refused_by_name(make, error, words):
    with pytest.raises(error) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


def test_a_functional_of_ones_own():
    class Quartic:
        curvature = None

        def value(self, z):
            return float(np.sum(z**4))

        def gradient(self, z):
            return 4 * z**3

    problem = LeastSquares(np.eye(2), np.ones(2)) + Term(Quartic(), 2 * np.eye(2))
    assert problem.objective(np.ones(2)) == 32
    assert problem.gradient(np.ones(2)).tolist() == [64, 64]


def test_memory_usage_counts_what_is_held():
    y = np.ones((64, 64), np.float32)
    A = Blur(np.random.default_rng(0).uniform(size=(9, 9)), (64, 64), boundary="periodic")
    problem = LeastSquares(A, y) + TotalVariation()
    held = problem.memory_usage()
    assert y.nbytes + A.psf.nbytes <= held < y.nbytes + A.psf.nbytes + 20_000
    A.apply(y)
    assert problem.memory_usage() - held == 64 * 33 * 8, "a cached spectrum of complex64"
    assert (problem + problem.data[0]).memory_usage() < problem.memory_usage() + 1000, "an array counts once"
