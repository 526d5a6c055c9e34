from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, lsq_linear, minimize

from unblur.inversion import (
    CG,
    LBFGS,
    LSQR,
    Box,
    Denoiser,
    Direct,
    Distance,
    Huber,
    LeastAbsolute,
    LeastSquares,
    Nonnegative,
    PlugAndPlay,
    Poisson,
    PrimalDual,
    ProximalGradient,
    RichardsonLucy,
    Smooth,
    Sparsity,
    SplitBregman,
    Tikhonov,
    TotalVariation,
    UnsolvableError,
    certify,
    iterate,
    solve,
    stops,
)
from unblur.operators import Blur, Gradient, Mask

BOUNDARIES = ("periodic", "zero", "reflect", "mirror", "nearest", "unknown")


def problem_of(seed, boundary, isotropic, colour, masked, weight):
    """Return a small random problem with a box, blocky and noisy, and the blur."""
    rng = np.random.default_rng(seed)
    shape = (7, 8, 2) if colour else (8, 7)
    axes = (0, 1)
    psf = rng.uniform(size=(3, 2))
    A = Blur(psf / psf.sum(), shape, boundary=boundary, axes=axes)
    y = np.kron(rng.uniform(size=(4, 4)), np.ones((2, 2)))[: shape[0], : shape[1]]
    y = (y[..., None] * np.array([1, 0.5]) if colour else y) + 0.1 * rng.normal(size=shape)
    weights = rng.uniform(size=shape) > 0.3 if masked else None
    return LeastSquares(A, y, weights) + weight * TotalVariation(isotropic=isotropic) + Box(-0.5, 1.2)


def check_bounds(problem, iterations, most):
    """Assert that the true suboptimality after so many iterations is not below 0 and not above the gap."""
    result = solve(problem, tol=0, max_iterations=iterations)
    best = solve(problem, tol=1e-8, max_iterations=most)
    objective = result.certificate.objective
    # the optimum lies between the best objective and its own lower bound
    optimum = (best.certificate.objective - best.gap, best.certificate.objective)
    rounding = 1e-12 * abs(objective)
    assert objective - optimum[0] >= -rounding
    assert objective - optimum[1] <= result.gap + rounding


PROBLEMS = {
    "seed": st.integers(0, 10**6),
    "isotropic": st.booleans(),
    "colour": st.booleans(),
    "masked": st.booleans(),
    "weight": st.sampled_from([0.003, 0.03, 0.3]),
}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(boundary=st.sampled_from(["periodic", "unknown"]), iterations=st.sampled_from([3, 30, 300]), **PROBLEMS)
def test_true_suboptimality_is_between_zero_and_the_gap(boundary, iterations, seed, isotropic, colour, masked, weight):
    check_bounds(problem_of(seed, boundary, isotropic, colour, masked, weight), iterations, most=1500)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(boundary=st.sampled_from(["zero", "reflect", "mirror", "nearest"]), iterations=st.sampled_from([3, 30]), **PROBLEMS)
def test_it_is_so_where_the_updates_are_inexact(boundary, iterations, seed, isotropic, colour, masked, weight):
    check_bounds(problem_of(seed, boundary, isotropic, colour, masked, weight), iterations, most=120)


@pytest.mark.parametrize("boundary", ["periodic", "unknown"])
@pytest.mark.parametrize("masked", [False, True])
def test_the_gap_closes(boundary, masked):
    problem = problem_of(0, boundary, True, False, masked, 0.03)
    gaps = [solve(problem, tol=0, max_iterations=n).gap for n in (10, 100, 3000)]
    assert gaps[2] < 1e-6 * problem.objective(np.zeros(problem.dims))
    assert gaps[0] > gaps[1] > gaps[2]


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_it_holds_for_any_x_and_any_boundary_without_a_solver(boundary):
    # the bound is an inequality, true of a random x too; the best of many x must not fall below it
    rng = np.random.default_rng(1)
    problem = problem_of(2, boundary, True, False, False, 0.03)
    points = [np.clip(problem.initial() + scale * rng.normal(size=problem.dims), -0.5, 1.2) for scale in (0, 0.01, 0.1, 1)]
    certificates = [certify(problem, x) for x in points]
    lowest = min(problem.objective(x) for x in points)
    for certificate in certificates:
        assert certificate.objective - certificate.gap <= lowest
        assert certificate.gap > 0


def test_without_a_box_it_says_why_and_gives_the_kkt_residual():
    problem = problem_of(3, "unknown", True, False, False, 0.03)
    free = sum(problem.terms[:2])
    result = solve(free, tol=1e-8, max_iterations=20_000)
    assert np.isnan(result.gap)
    assert "add Box" in result.certificate.note
    assert result.certificate.kkt < 1e-5
    assert certify(free, result.x + 0.1 * np.random.default_rng(0).normal(size=result.x.shape)).kkt > 1e-2


def test_kkt_of_a_quadratic_problem_vanishes_at_its_solution():
    rng = np.random.default_rng(4)
    A, y = rng.normal(size=(8, 5)), rng.normal(size=8)
    problem = LeastSquares(A, y) + 0.3 * Tikhonov(np.eye(5))
    x = np.linalg.solve(A.T @ A + 0.3 * np.eye(5), A.T @ y)
    assert certify(problem, x).kkt < 1e-12
    assert certify(problem, x + 1).kkt > 0.1


def test_closed_form_against_pencil_and_paper():
    # min ½(x − 2)² over [0, 1] has its optimum ½ at x = 1; at x = ½ the objective is 9/8
    problem = LeastSquares(np.eye(1), np.array([2.0])) + Box(0, 1)
    assert certify(problem, np.array([1.0])).gap == pytest.approx(0)
    assert certify(problem, np.array([0.5])).gap >= 9 / 8 - 1 / 2


def test_the_better_of_two_residuals_is_taken():
    problem = problem_of(5, "unknown", True, False, False, 0.03)
    state = next(islice(iterate(problem, SplitBregman()), 100, None))
    with_state, without = certify(problem, state.x, state), certify(problem, state.x)
    assert with_state.gap < 0.1 * without.gap


def test_float32_answers_are_certified_in_float64():
    problem = problem_of(6, "unknown", True, False, False, 0.03)
    single = LeastSquares(problem.operator, problem.data[0].offset.astype(np.float32)) + sum(problem.terms[1:])
    result = solve(single, tol=1e-6, max_iterations=5000)
    assert result.x.dtype == np.float32
    assert 0 <= result.gap < 1e-3 * result.objective


RNG = np.random.default_rng(0)
SHAPE = (8, 8)
SCENE = np.kron(RNG.uniform(size=(4, 4)), np.ones((2, 2)))
A = Blur(RNG.uniform(size=(3, 3)) / 4.5, SHAPE, boundary="periodic")
D = Gradient(A)
Y = A.apply(SCENE) + 0.05 * RNG.normal(size=SHAPE)
COUNTS = RNG.poisson(20 * A.apply(SCENE)).astype(float)
SEEN = RNG.random(SHAPE) < 0.7
UNEVEN = RNG.uniform(0.1, 2, SHAPE)
HIGH = np.where(RNG.random(SHAPE) < 0.5, 0.6, 1.0)
M = np.eye(64).reshape(64, *SHAPE)
DENSE_A = np.stack([A.apply(e).ravel() for e in M], axis=1)
DENSE_D = np.stack([D.apply(e).ravel() for e in M], axis=1)

DECLARED = {
    "total variation": LeastSquares(A, Y) + 0.02 * TotalVariation() + Box(0, 1),
    "anisotropic, weighted": LeastSquares(A, Y, UNEVEN) + 0.02 * TotalVariation(isotropic=False) + Box(0, 1),
    "masked": LeastSquares(Mask(SEEN) * A, Mask(SEEN).apply(Y)) + 0.02 * TotalVariation(D) + Box(0, 1),
    "bounds for each pixel": LeastSquares(A, Y) + 0.02 * TotalVariation() + Box(np.zeros(SHAPE), HIGH, dims=SHAPE),
    "outliers": LeastAbsolute(A, Y) + 0.05 * TotalVariation() + Box(0, 1),
    "outliers, anisotropic": LeastAbsolute(A, Y) + 0.05 * TotalVariation(isotropic=False) + Box(0, 1),
    "Huber": Huber(A, Y, 0.03) + 0.02 * TotalVariation() + Box(0, 1),
    "Huber, smooth": Huber(A, Y, 0.03) + 0.02 * Tikhonov() + Box(0, 1),
    "distance": Distance(A, Y) + 0.05 * TotalVariation() + Box(0, 1),
    "counts": Poisson(20.0 * A, COUNTS) + 0.5 * TotalVariation(D) + Box(0, 2),
    "counts, smooth": Poisson(20.0 * A, COUNTS, background=2.0) + 0.5 * Tikhonov(D) + Box(0, 2),
    "counts, weighted": Poisson(20.0 * A, COUNTS, weights=SEEN) + 0.5 * TotalVariation(D) + Box(0, 2),
    "sparse": LeastSquares(A, Y) + 0.02 * Sparsity() + Box(-1, 1),
    "sparse, after the box": Box(-1, 1) + LeastSquares(A, Y) + 0.02 * Sparsity(),
    "quadratic": LeastSquares(A, Y) + 0.1 * Tikhonov() + Box(0, 0.8),
    "quadratic, each pixel": LeastSquares(A, Y) + 0.1 * Tikhonov() + Box(0.1, HIGH, dims=SHAPE),
}


def reference(name):
    """Return the optimum, from SciPy's solvers on dense matrices; None where none of them takes the problem."""
    y = Y.ravel()
    if name.startswith("quadratic"):
        low, high = (0, 0.8) if name == "quadratic" else (0.1, HIGH.ravel())
        K = np.concatenate([DENSE_A, np.sqrt(0.1) * DENSE_D])
        return lsq_linear(K, np.concatenate([y, np.zeros(128)]), (low, high), method="bvls", tol=1e-14).cost
    if name == "outliers, anisotropic":
        # min Σ s + 0.05 Σ t, −s ≤ A x − y ≤ s, −t ≤ D x ≤ t
        one, two, none = np.eye(64), np.eye(128), np.zeros((128, 64))
        rows = [[sign * DENSE_A, -one, none.T] for sign in (1, -1)] + [[sign * DENSE_D, none, -two] for sign in (1, -1)]
        bounds = [(0, 1)] * 64 + [(None, None)] * 192
        side = np.concatenate([y, -y, np.zeros(256)])
        costs = np.repeat([0, 1, 0.05], [64, 64, 128])
        return linprog(costs, np.block(rows), side, bounds=bounds).fun
    if name in ("Huber, smooth", "counts, smooth"):
        problem, high = DECLARED[name], 1 if name == "Huber, smooth" else 2
        found = minimize(
            lambda x: (problem.terms[0] + problem.terms[1]).objective(x.reshape(SHAPE)),
            np.full(64, 0.5),
            jac=lambda x: (problem.terms[0] + problem.terms[1]).gradient(x.reshape(SHAPE)).ravel(),
            bounds=[(0, high)] * 64,
            method="L-BFGS-B",
            options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 10_000},
        )
        return found.fun
    return None


def answers(problem, iterations, dtype=np.float64):
    if dtype != np.float64:
        problem = problem.with_data(Y.astype(dtype))
    found = []
    for algorithm in (SplitBregman(), PrimalDual(), ProximalGradient()):
        try:
            found.append(solve(problem, algorithm, tol=1e-9, max_iterations=iterations))
        except UnsolvableError:
            continue
    return found


@pytest.mark.parametrize("name", DECLARED)
def test_every_algorithm_with_duals_is_certified(name):
    results = answers(DECLARED[name], 1200)
    early = answers(DECLARED[name], 30)
    assert len(results) > 1
    optimum = reference(name)
    if optimum is None:
        optimum = min(r.certificate.objective for r in results)
    for r in results + early:
        assert r.certificate.note == ""
        assert r.gap >= r.certificate.objective - optimum - 1e-7 * optimum
        assert "gap" in repr(r)
    for r in results:
        assert r.gap < 1e-2 * optimum
    # some of them to more digits
    assert min(r.gap for r in results) < (1e-3 if name.startswith("outliers") else 1e-4) * optimum
    # what was not yet known is seen
    assert min(r.gap for r in early) > 1e-3 * min(r.gap for r in results)


@pytest.mark.parametrize(
    "name", ["total variation", "anisotropic, weighted", "outliers", "Huber", "distance", "sparse", "quadratic"]
)
def test_single_precision_is_certified_to_its_digits(name):
    results, doubles = answers(DECLARED[name], 800, np.float32), answers(DECLARED[name], 800)
    optimum = min(r.certificate.objective for r in doubles)
    # after so few iterations absolute values are far from theirs in double precision too
    digits = 2e-2 if name == "outliers" else 1e-3
    for r in results:
        assert r.x.dtype == np.float32
        assert r.certificate.objective - optimum - 1e-6 * optimum <= r.gap < digits * optimum


@pytest.mark.parametrize("name", DECLARED)
def test_any_point_is_certified_without_a_solver(name):
    problem = DECLARED[name]
    best = min(r.certificate.objective for r in answers(problem, 100))
    rng = np.random.default_rng(2)
    for x in (SCENE, rng.uniform(-1, 2, SHAPE), np.full(SHAPE, 0.5)):
        certificate = certify(problem, x)
        assert certificate.objective - certificate.gap <= best


@pytest.mark.parametrize(
    ("problem", "algorithm", "why"),
    [
        (LeastSquares(A, Y) + 0.02 * TotalVariation(), SplitBregman(), "x has no finite bounds"),
        (LeastSquares(A, Y) + 0.02 * TotalVariation() + Nonnegative(), PrimalDual(), "x has no finite bounds"),
        (LeastSquares(A, Y) + 0.02 * Tikhonov() + Box(0, np.where(SEEN, 1, np.inf), dims=SHAPE), None, "x has no finite bounds"),
        (LeastSquares(A, Y) + 0.02 * Tikhonov(), CG(), "x has no finite bounds"),
        (LeastSquares(A, Y) + 0.02 * Tikhonov(), LSQR(), "x has no finite bounds"),
        (LeastSquares(A, Y) + 0.02 * Tikhonov(), Direct(), "x has no finite bounds"),
        (LeastSquares(A, Y) + 0.02 * Tikhonov(), LBFGS(), "x has no finite bounds"),
        (Poisson(20.0 * A, COUNTS) + Nonnegative(), RichardsonLucy(), "x has no finite bounds"),
        (LeastSquares(A, Y + 0j) + 0.02 * Tikhonov(), None, "x is complex"),
        (LeastSquares(A, Y) + 0.02 * Sparsity(D, power=0.5) + Box(0, 1), SplitBregman(), "Sparsity is not convex"),
        (LeastSquares(A, Y) + Denoiser(lambda z, sigma: z), PlugAndPlay(), "Denoiser is not convex"),
        (
            Smooth(lambda z: float(np.sum(np.cosh(z - Y))), lambda z: np.sinh(z - Y), data=Y) + Box(0, 1),
            ProximalGradient(),
            "Smooth has no conjugate",
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value,
)
def test_why_there_is_no_gap_stands_in_the_result(problem, algorithm, why):
    result = solve(problem, algorithm, max_iterations=20)
    # before it was asked for, and after
    for _ in range(2):
        assert f"no gap: {why}" in repr(result)
        assert np.isnan(result.gap)
    assert result.certificate.note.startswith(why)


def test_the_gap_stands_in_the_result_once_it_is_known():
    result = solve(DECLARED["total variation"], tol=1e-6)
    assert "gap" not in repr(result)
    assert f"gap {result.gap:.2g}" in repr(result)


@pytest.mark.parametrize("algorithm", [SplitBregman(), PrimalDual()], ids=lambda a: type(a).__name__)
def test_a_run_may_end_by_its_gap(algorithm):
    problem = DECLARED["total variation"]
    result = solve(problem, algorithm, tol=0, max_iterations=5000, stops=[stops.gap_below(problem, 1e-5)])
    assert result.status.name == "certified"
    assert result.gap <= 1e-5 * result.certificate.objective


def test_one_term_is_a_problem():
    assert np.isnan(certify(LeastSquares(np.eye(2), np.ones(2)), np.zeros(2)).gap)
