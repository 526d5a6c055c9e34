from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unblur.inversion import Box, LeastSquares, SplitBregman, Tikhonov, TotalVariation, certify, iterate, solve
from unblur.operators import Blur

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
