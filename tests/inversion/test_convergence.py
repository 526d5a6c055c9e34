"""What "converged" means: near the optimum, whatever the algorithm, and never on numbers that are not finite."""

import copy
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unblur.inversion import (
    CG,
    LBFGS,
    LSQR,
    Denoiser,
    Direct,
    GradientDescent,
    HybridLSQR,
    Interval,
    LeastSquares,
    NewtonCG,
    Nonnegative,
    PlugAndPlay,
    Poisson,
    PrimalDual,
    Problem,
    ProximalGradient,
    RichardsonLucy,
    Sparsity,
    SplitBregman,
    Term,
    Tikhonov,
    TotalVariation,
    UnsolvableError,
    iterate,
    solve,
    stops,
)
from unblur.operators import Blur, Gradient, Identity, from_functions

from ._convex import draw
from ._dense import matrix

ALGORITHMS = (
    None,
    Direct(),
    CG(),
    CG("auto"),
    LSQR(),
    SplitBregman(),
    PrimalDual(),
    ProximalGradient(),
    RichardsonLucy(),
    GradientDescent(),
    LBFGS(),
    NewtonCG(),
)


def check_that_converged_is_near(seed, tol, limit=None):
    problem, dense, inside, size = draw(seed)
    optimum = dense.optimum(inside, size)
    # the status says no more of data that are met exactly
    at_zero = dense.value(np.zeros(inside.size))
    scale = max(abs(optimum), min(tol**2, 1e-8) * at_zero if np.isfinite(at_zero) else 0)
    consistent = abs(optimum) < scale
    solved = []
    for algorithm in ALGORITHMS:
        try:
            result = solve(problem, algorithm, tol=tol, max_iterations=limit)
        except UnsolvableError:
            continue
        if not result.status.success:
            continue
        x = np.clip(result.x.ravel().astype(float), dense.low, dense.high)
        above = dense.value(x) - optimum
        # the reference is not below what any algorithm finds
        assert above >= -1e-9 * size, (seed, algorithm, above / size)
        assert above <= (10 if consistent else 10 * tol) * scale, (seed, algorithm, above / scale, result.status)
        solved.append(algorithm)
    return solved


@settings(derandomize=True, max_examples=20, deadline=None, database=None)
@given(st.integers(0, 10**6))
def test_converged_is_near_the_optimum(seed):
    # what takes longer is not asked here
    check_that_converged_is_near(seed, 1e-4, 500)


@pytest.mark.slow
@pytest.mark.parametrize("tol", [1e-3, 1e-4, 1e-5])
@settings(derandomize=True, max_examples=200, deadline=None, database=None)
@given(seed=st.integers(0, 10**6))
def test_converged_is_near_the_optimum_of_many_problems(tol, seed):
    check_that_converged_is_near(seed, tol)


def test_most_problems_are_solved():
    # or else what is checked above is little
    solved = [algorithm for seed in range(6) for algorithm in check_that_converged_is_near(seed, 1e-3, 1000)]
    assert solved.count(None) == 6
    for algorithm in (SplitBregman(), PrimalDual(), ProximalGradient()):
        assert solved.count(algorithm) >= 2


@pytest.mark.parametrize(
    "algorithm", [a for a in ALGORITHMS if not isinstance(a, Direct | RichardsonLucy)], ids=lambda a: repr(a)[:20]
)
@pytest.mark.parametrize("bounded", [False, True], ids=["free", "bounded"])
def test_a_heavy_term_that_is_met_hides_no_light_one_that_is_not(algorithm, bounded):
    light, heavy = np.diag(np.linspace(0.01, 1, 50)), np.eye(50)[:1]
    problem = LeastSquares(light, np.ones(50)) + 1e4 * LeastSquares(heavy, np.array([100.0]))
    if bounded:
        problem = problem + Nonnegative()
    try:
        result = solve(problem, algorithm)
    except UnsolvableError:
        pytest.skip("does not take bounds")
    x = np.r_[100, 1 / np.linspace(0.01, 1, 50)[1:]]
    assert not result.status.success or np.linalg.norm(result.x - x) < 0.02 * np.linalg.norm(x)


def test_nearly_noise_free_data_converge_later_and_not_far_from_the_optimum():
    rng = np.random.default_rng(0)
    scene = np.kron(rng.uniform(size=(4, 4)), np.ones((7, 7)))
    A = Blur(np.full((5, 5), 1 / 25), (24, 24), boundary="unknown", dims=scene.shape)
    problem = LeastSquares(A, A.apply(scene) + 1e-6 * rng.normal(size=A.dimsd)) + 1e-7 * TotalVariation()
    optimum = solve(problem, tol=0, max_iterations=10_000).objective
    for tol in (1e-3, 1e-4):
        result = solve(problem, tol=tol, max_iterations=10_000)
        assert result.status.success
        assert result.objective - optimum <= 10 * tol * optimum


def test_the_objective_is_looked_at_seldom(monkeypatch):
    rng = np.random.default_rng(1)
    A = Blur(np.full((3, 3), 1 / 9), (24, 24), boundary="unknown")
    problem = LeastSquares(A, rng.uniform(size=(24, 24))) + 0.02 * TotalVariation()
    looks = []
    monkeypatch.setattr(Problem, "objective", lambda self, x, f=Problem.objective: looks.append(1) or f(self, x))
    result = solve(problem, tol=1e-5)
    assert result.status.success
    assert len(looks) <= 5


def test_a_constraint_behind_an_operator_that_is_met_in_the_limit_is_told_from_data_that_are_infinite():
    A = Blur([0.2, 0.6, 0.2], (16,), boundary="periodic")
    y = np.random.default_rng(2).normal(size=16)
    rising = Term(Interval(0.0, np.inf), Gradient((16,), boundary="nearest"))
    result = solve(LeastSquares(A, y) + rising, tol=1e-3)
    assert result.status.success
    counts = Poisson(Identity((16,)), np.zeros(16))
    # x is pushed below 0, where counts have no likelihood
    outside = solve(counts + 2 * LeastSquares(A, -1 - np.abs(y)), SplitBregman(), tol=1e-3)
    assert not outside.status.success or np.isfinite(outside.objective)


@pytest.mark.parametrize("tol", [1e-2, 1e-4])
def test_residual_below_asks_for_no_more(tol):
    A = Blur(np.full((3, 3), 1 / 9), (16, 16), boundary="unknown")
    problem = LeastSquares(A, np.eye(16)) + 0.01 * TotalVariation()
    result = solve(problem, tol=0, stops=[stops.residual_below(tol)])
    assert result.status.name == "residual reached"
    assert result.history["residual"][-1] <= tol < result.history["residual"][:-1].min()


def test_a_denoiser_ends_with_its_schedule_and_claims_no_optimum():
    result = solve(LeastSquares(np.eye(16), np.arange(16.0)) + 0.1 * Denoiser(lambda z, sigma: z), PlugAndPlay(steps=4))
    assert result.status.name == "done"
    assert "no optimum is claimed" in result.status.message


# -- residuals against dense matrices -----------------------------------------------------------------


def kkt(problem, x, duals):
    """Return what is left of Σ Aᴴ q, all terms with a gradient at x and the others by their duals."""
    total = np.zeros(x.size)
    for index, term in enumerate(problem.terms):
        q = duals[index].ravel() if index in duals else term.weight * term.functional.gradient(term.residual(x)).ravel()
        total += matrix(term.operator).T @ q
    return np.linalg.norm(total)


def test_primal_dual_bounds_what_is_left_of_the_forces():
    A = Blur([0.2, 0.5, 0.3], (20,), boundary="reflect")
    D = Gradient((20,), boundary="nearest")
    problem = LeastSquares(A, np.random.default_rng(3).normal(size=20)) + 0.1 * TotalVariation(D)
    for state, _ in zip(iterate(problem, PrimalDual(relaxation=1.0)), range(60), strict=False):
        left = kkt(problem, state.x, {1: state.behind[0].u})
        q = np.linalg.norm(A.apply(state.x) - problem.data[0].target)
        size = q + 2 * np.linalg.norm(state.behind[0].u) + 1e-3
        # the sizes are those of the point where the step started, nearly
        assert left / size <= 1.5 * state.residual + 1e-12


def test_splitting_bounds_what_is_left_of_the_forces():
    A = Blur(np.full((3, 3), 1 / 9), (8, 8), boundary="periodic")
    D = Gradient(A)
    problem = LeastSquares(A, np.random.default_rng(4).normal(size=(8, 8))) + 0.1 * TotalVariation(D)
    for state, _ in zip(iterate(problem, SplitBregman(balancing=False)), range(60), strict=False):
        (split,) = state.splits
        left = kkt(problem, state.x, {1: split.penalty * split.u})
        assert left <= 10 * state.residual * split.penalty * np.sqrt(8) * np.linalg.norm(split.u) * (1 + 1e-6)
        apart = np.linalg.norm(D.apply(state.x) - split.v)
        assert apart <= state.residual * np.linalg.norm(split.w) * (1 + 1e-6)


def test_proximal_gradient_bounds_what_is_left_of_the_forces():
    rng = np.random.default_rng(5)
    A = rng.normal(size=(12, 9))
    problem = LeastSquares(A, rng.normal(size=12)) + 0.5 * Sparsity()
    L = None
    for state, _ in zip(iterate(problem, ProximalGradient()), range(40), strict=False):
        L = L or state.L
        gradient = problem.data[0].gradient(state.x)
        # the nearest subgradient of the norm
        nearest = np.where(state.x != 0, -0.5 * np.sign(state.x), np.clip(gradient, -0.5, 0.5))
        left = np.linalg.norm(gradient - nearest) if (state.x != 0).any() else 0.0
        # the size that it is relative to is that at z
        assert left <= state.residual * 2 * math.sqrt(L) * np.linalg.norm(problem.data[0].target) + 1e-12


# -- what is not finite -------------------------------------------------------------------------------


def spoilt(functional, number, after, calls):
    """Return a functional that gives one number that is not finite, after so many calls, which are counted."""

    def method(name):
        def call(self, z, *others):
            calls[0] += 1
            result = getattr(type(functional), name)(self, z, *others)
            if calls[0] > after:
                result = result.copy() if name == "gradient" else result
                result.flat[3] = number
            return result

        return call

    # neither compiled steps nor copies by which they would be lost
    methods = {"fused": lambda self, split: None, "cast": lambda self, *others: self}
    methods |= {name: method(name) for name in ("gradient", "prox", "ratio") if hasattr(functional, name)}
    found = copy.copy(functional)
    object.__setattr__(found, "__class__", type("Spoilt", (type(functional),), methods))
    return found


def tikhonov(A, y):
    return LeastSquares(A, y) + 0.1 * Tikhonov(Identity(A.dims))


RUNS = {
    "CG": (CG(), tikhonov),
    "LSQR": (LSQR(), tikhonov),
    "HybridLSQR": (HybridLSQR(), tikhonov),
    "GradientDescent": (GradientDescent(), tikhonov),
    "LBFGS": (LBFGS(), tikhonov),
    "NewtonCG": (NewtonCG(), tikhonov),
    "SplitBregman": (
        SplitBregman(),
        lambda A, y: LeastSquares(A, y) + 0.1 * TotalVariation(Gradient(A.dims, boundary="nearest")),
    ),
    "PrimalDual": (PrimalDual(), lambda A, y: LeastSquares(A, y) + 0.1 * TotalVariation(Gradient(A.dims, boundary="nearest"))),
    "ProximalGradient": (ProximalGradient(), lambda A, y: LeastSquares(A, y) + 0.1 * Sparsity()),
    "RichardsonLucy": (RichardsonLucy(), lambda A, y: Poisson(A, y) + 0.1 * Tikhonov(Identity(A.dims))),
    "RichardsonLucy, plain": (RichardsonLucy(acceleration=False), lambda A, y: Poisson(A, y)),
    "RichardsonLucy, TV": (
        RichardsonLucy(),
        lambda A, y: Poisson(A, y) + 0.1 * TotalVariation(Gradient(A.dims, boundary="nearest")),
    ),
    "PlugAndPlay": (PlugAndPlay(), lambda A, y: LeastSquares(A, y) + 0.01 * Denoiser()),
}


def run_spoilt(name, place, number, after):
    """Solve a problem a part of which gives what is not finite after so many calls; return the result and whether it did."""
    algorithm, make = RUNS[name]
    y = np.random.default_rng(0).uniform(1, 2, size=(6, 7))
    blur = Blur(np.array([[0.1, 0.2, 0.1], [0.2, 0.3, 0.1]]), (6, 7), boundary="zero")
    calls = [0]

    def spoil(image):
        calls[0] += 1
        if calls[0] > after:
            image.flat[5] = number
        return image

    A = (
        from_functions(lambda x: spoil(blur.apply(x)), lambda r: spoil(blur.apply_adjoint(r)), (6, 7))
        if place == "operator"
        else blur
    )
    terms = list(Problem((make(A, y),) if isinstance(make(blur, y), Term) else make(A, y).terms).terms)
    if place != "operator":
        index = 0 if place == "data" else 1
        terms[index] = terms[index]._with(functional=spoilt(terms[index].functional, number, after, calls))
    calls[0] = 0
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # NumPy warns of what is then told in words
        warnings.simplefilter("ignore", RuntimeWarning)
        result = solve(Problem(tuple(terms)), algorithm, tol=0, max_iterations=40)
    return result, calls[0] > after


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("place", ["operator", "data", "prior"])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_not_finite_is_no_success_and_leaves_a_finite_image(name, place, number):
    if place == "prior" and name == "RichardsonLucy, plain":
        pytest.skip("no prior")
    met = 0
    for after in (0, 1, 7, 8, 15):
        result, happened = run_spoilt(name, place, number, after)
        if not happened:
            continue
        met += 1
        assert not result.status.success
        assert np.isfinite(result.x).all()
        assert result.status.name == "not finite" or (number == np.inf and result.status.name == "stalled")
    # solvers of linear systems read a quadratic functional once, and a denoiser is no functional of these
    assert met >= 2 or name in ("CG", "LSQR", "HybridLSQR", "PlugAndPlay", "SplitBregman")


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_direct_looks_at_what_it_returns(number):
    class Blinded(Blur):
        def symbol(self, transform):
            found = super().symbol(transform).copy()
            found.flat[1] = number
            return found

    y = np.random.default_rng(0).uniform(size=16)
    problem = LeastSquares(Blinded([0.2, 0.6, 0.2], (16,), boundary="periodic"), y) + 0.1 * Tikhonov()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        result = solve(problem, Direct())
    assert result.status.name == "not finite"
    assert np.isfinite(result.x).all()


def test_not_finite_at_the_first_step_gives_the_start_back():
    y = np.linspace(1, 2, 12)
    A = from_functions(lambda x: x * np.nan, lambda r: r * np.nan, (12,))
    start = np.arange(12.0)
    for algorithm in (CG(), LSQR(), GradientDescent(), LBFGS(), NewtonCG()):
        result = solve(LeastSquares(A, y) + Tikhonov(Identity((12,))), algorithm, x0=start)
        assert result.status.name == "not finite"
        np.testing.assert_array_equal(result.x, start)


def test_bounds_that_exclude_each_other_are_refused_before_any_work():
    from unblur.inversion import Box

    with pytest.raises(ValueError, match="no x lies within"):
        solve(LeastSquares(np.eye(3), np.ones(3)) + Box(0, 0.2) + Box(0.5, 1))
