import numpy as np
import pytest

from unblur.inversion import Box, LeastSquares, Problem, Term, Tikhonov, TotalVariation
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
    problem = LeastSquares(np.eye(3), np.ones(3)) + TotalVariation()
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
        (lambda: LeastSquares("A", np.ones(3)), TypeError, ["str", "from_functions"]),
        (lambda: -1 * TotalVariation(), ValueError, ["weight is -1.0", "0 or more"]),
        (lambda: np.nan * TotalVariation(), ValueError, ["weight is nan"]),
        (lambda: Box(1, 0), ValueError, ["low is 1", "high is 0"]),
        (lambda: 2 * Box(0, 1), TypeError, ["no weight"]),
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
    assert (problem + LeastSquares(A, y)).memory_usage() < problem.memory_usage() + 1000, "an array counts once"
