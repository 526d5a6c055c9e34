"""Gradient descent, L-BFGS and Newton-CG against dense solves and SciPy's own minimisers."""

from dataclasses import dataclass
from itertools import islice

import numpy as np
import pylops
import pytest
import scipy.optimize
import scipy.sparse.linalg

from unblur.inversion import (
    LBFGS,
    Box,
    GradientDescent,
    LeastSquares,
    NewtonCG,
    Poisson,
    Problem,
    Smooth,
    Term,
    Tikhonov,
    TotalVariation,
    UnsolvableError,
    iterate,
    plan,
    solve,
)
from unblur.inversion.differentiable import Differentiable
from unblur.operators import Blur, FirstDerivative, Gradient, Identity, norm_bound

from ._dense import PROBLEMS, PSF, blurred, matrix, solution

SOLVERS = pytest.mark.parametrize("algorithm", [GradientDescent(), LBFGS(), NewtonCG()], ids=["gd", "lbfgs", "newton"])


def error(x, expected):
    return np.linalg.norm(x - expected) / np.linalg.norm(expected)


@dataclass(frozen=True)
class LogCosh:
    """Σ log cosh(z / δ): smooth, convex, not quadratic; a user's own functional."""

    delta: float

    def value(self, z):
        return float(np.sum(np.logaddexp(z / self.delta, -z / self.delta) - np.log(2), dtype=np.float64))

    def gradient(self, z):
        return np.tanh(z / self.delta) / self.delta


class DoubleWell:
    """Σ (z² − 1)² / 4, which is not convex: its minima are ±1."""

    def value(self, z):
        return float(np.sum((z**2 - 1) ** 2) / 4)

    def gradient(self, z):
        return z**3 - z


def robust(dtype=float):
    """A blur, outliers counted by log cosh, and a smooth edge-preserving prior."""
    rng = np.random.default_rng(0)
    A = Blur(PSF, (7, 6), boundary="mirror")
    D = FirstDerivative(A.dims, 1, boundary="nearest")
    y, b = rng.normal(size=(7, 6)).astype(dtype), rng.normal(size=(7, 6)).astype(dtype)
    return LeastSquares(A, y) + 0.3 * Term(LogCosh(0.4), A, b) + 0.2 * Term(LogCosh(0.1), D) + 0.01 * Tikhonov(Identity(A.dims))


@pytest.fixture(scope="module")
def robust_solution():
    """The minimiser of the same sum written out on dense matrices, by SciPy's trust-region Newton method."""
    problem = robust()
    fit, outliers, edges, _ = problem.terms
    H, D = matrix(fit.operator), matrix(edges.operator)
    y, b = fit.offset.ravel(), outliers.offset.ravel()

    def value(x):
        log_cosh = [np.log(np.cosh(z)).sum() for z in ((H @ x - b) / 0.4, D @ x / 0.1)]
        return 0.5 * np.sum((H @ x - y) ** 2) + 0.3 * log_cosh[0] + 0.2 * log_cosh[1] + 0.005 * np.sum(x**2)

    def gradient(x):
        return H.T @ (H @ x - y + 0.75 * np.tanh((H @ x - b) / 0.4)) + 2 * D.T @ np.tanh(D @ x / 0.1) + 0.01 * x

    def hessian(x):
        outer = 1 + 1.875 / np.cosh((H @ x - b) / 0.4) ** 2
        return H.T @ (outer[:, None] * H) + D.T @ ((20 / np.cosh(D @ x / 0.1) ** 2)[:, None] * D) + 0.01 * np.eye(len(x))

    result = scipy.optimize.minimize(value, np.zeros(42), jac=gradient, hess=hessian, method="trust-exact", tol=1e-12)
    return result.x.reshape(7, 6)


@SOLVERS
@pytest.mark.parametrize("name", PROBLEMS)
def test_equals_the_dense_solution_of_a_quadratic_problem(algorithm, name):
    problem = PROBLEMS[name]()
    result = solve(problem, algorithm, tol=1e-11)
    assert result.status.success
    assert error(result.x, solution(problem)) < 1e-8


@SOLVERS
@pytest.mark.parametrize("start", ["the data", "far away"])
def test_equals_scipy_on_a_problem_that_is_not_quadratic(algorithm, start, robust_solution):
    x0 = None if start == "the data" else 10 * np.random.default_rng(1).normal(size=(7, 6))
    result = solve(robust(), algorithm, x0=x0, tol=1e-9)
    assert result.status.success
    assert error(result.x, robust_solution) < 1e-6


@SOLVERS
def test_the_residual_is_the_gradient_over_the_sizes_of_its_parts(algorithm):
    problem = robust()
    x0 = np.random.default_rng(2).normal(size=(7, 6))
    rounding = np.finfo(float).eps ** 0.5 * np.linalg.norm(problem.gradient(x0))
    for state in islice(iterate(problem, algorithm, x0), 5):
        slopes = [t.weight * t.functional.gradient(t.residual(state.x)) for t in problem.terms]
        bounds = [norm_bound(t.operator) for t in problem.terms]
        size = sum(n * np.linalg.norm(q) for n, q in zip(bounds, slopes, strict=True)) + rounding
        assert state.residual == pytest.approx(np.linalg.norm(problem.gradient(state.x)) / size, rel=1e-9)


@SOLVERS
def test_of_a_single_term_the_residual_is_the_gradient_over_that_at_the_start(algorithm):
    y = np.linspace(-1, 1, 12)
    loss = Smooth(lambda z: np.sum(np.cosh(z - y)), lambda z: np.sinh(z - y), data=y)
    for state in islice(iterate(loss, algorithm, y + 1), 3):
        assert state.residual == pytest.approx(np.linalg.norm(np.sinh(state.x - y)) / np.linalg.norm(np.sinh(np.ones(12))))


@SOLVERS
def test_a_gradient_that_is_not_the_values_is_no_success(algorithm):
    y = np.linspace(-1, 1, 12)
    loss = Smooth(lambda z: np.sum(np.cosh(z - y)), lambda z: -np.sinh(z - y), data=y)
    result = solve(loss, algorithm, x0=y + 1.5)
    assert result.status.name == "stalled"
    assert not result.status.success
    assert "check that `gradient` is that of `value`" in result.status.message
    np.testing.assert_array_equal(result.x, y + 1.5)


@SOLVERS
def test_the_edge_of_where_the_objective_is_finite_is_no_success(algorithm):
    # the minimum, at −1 in the first sample, is no zero of the gradient
    problem = Poisson(np.eye(2), np.array([0.0, 100.0]), background=1.0) + 0.01 * Tikhonov(np.eye(2))
    result = solve(problem, algorithm, tol=1e-8)
    assert not result.status.success
    assert np.isfinite(result.objective)
    assert "Nonnegative()" in result.status.message


@SOLVERS
def test_a_start_outside_of_where_the_objective_is_finite_is_said(algorithm):
    problem = Poisson(np.eye(2), np.array([1.0, 2.0])) + 0.01 * Tikhonov(np.eye(2))
    result = solve(problem, algorithm, x0=np.zeros(2))
    assert result.status.name == "not finite"
    np.testing.assert_array_equal(result.x, 0)


@SOLVERS
def test_finds_a_minimum_where_the_problem_is_not_convex(algorithm):
    # near the maximum at 0 the curvature is negative
    x0 = np.array([0.1, -0.2, 0.3, 0.05])
    tether = 0 * LeastSquares(Identity((4,)), np.zeros(4))
    result = solve(Problem((tether, Term(DoubleWell(), Identity((4,))))), algorithm, x0=x0, tol=1e-8)
    np.testing.assert_allclose(result.x, [1, -1, 1, 1], atol=1e-6)


@SOLVERS
def test_units_do_not_matter(algorithm):
    def problem(scale):
        y = scale * np.random.default_rng(3).normal(size=(7, 8))
        A = Blur(PSF, (7, 8), boundary="zero")
        return LeastSquares(A, y) + 0.1 * Tikhonov(Gradient(A))

    one, large, small = (solve(problem(s), algorithm, tol=0, max_iterations=6).x for s in (1, 2.0**20, 2.0**-20))
    np.testing.assert_allclose(large, 2.0**20 * one, rtol=1e-9, atol=1e-9 * np.abs(large).max())
    np.testing.assert_allclose(small, 2.0**-20 * one, rtol=1e-9, atol=1e-9 * np.abs(small).max())


@SOLVERS
@pytest.mark.parametrize(
    "make",
    [
        lambda A: pylops.signalprocessing.Convolve2D(A.dims, PSF, offset=(1, 1)),
        lambda A: scipy.sparse.linalg.aslinearoperator(matrix(A)),
        lambda A: matrix(A),
    ],
    ids=["PyLops", "SciPy", "dense"],
)
def test_takes_any_operator(algorithm, make):
    operator = make(Blur(PSF, (7, 6), boundary="zero"))
    shape = tuple(getattr(operator, "dims", (42,)))
    problem = LeastSquares(operator, np.random.default_rng(4).normal(size=shape)) + 0.1 * Tikhonov(Identity(shape))
    assert error(solve(problem, algorithm, tol=1e-11).x, solution(problem)) < 1e-8


@SOLVERS
def test_float32_stays_float32(algorithm, robust_solution):
    result = solve(robust(np.float32), algorithm, tol=1e-4)
    assert result.status.success
    assert result.x.dtype == np.float32
    assert error(result.x, robust_solution) < 1e-2
    # the operators are applied in single precision too
    seen = set()

    class Watched(Identity):
        def _apply(self, x, out):
            seen.add(x.dtype)
            return super()._apply(x, out)

    solve(LeastSquares(Watched((4,)), np.ones(4, np.float32)) + Tikhonov(Identity((4,))), algorithm)
    assert seen == {np.dtype(np.float32)}


@SOLVERS
def test_changes_nothing_of_the_users(algorithm):
    problem = robust()
    x0 = np.random.default_rng(5).normal(size=(7, 6))
    arrays = [x0, *(t.offset for t in problem.terms if t.offset is not None)]
    for array in arrays:
        array.flags.writeable = False
    first = solve(problem, algorithm, x0=x0, tol=0, max_iterations=5).x
    np.testing.assert_array_equal(solve(problem, algorithm, x0=x0, tol=0, max_iterations=5).x, first)


@SOLVERS
def test_stays_at_the_solution(algorithm):
    result = solve(blurred("zero"), algorithm, tol=0, max_iterations=400)
    assert error(result.x, solution(blurred("zero"))) < 1e-7
    zero = LeastSquares(PSF, np.zeros(3)) + Tikhonov(Identity((3,)))
    assert not solve(zero, algorithm, tol=0, max_iterations=3).x.any()


@SOLVERS
@pytest.mark.parametrize("extra", [0.1 * TotalVariation(), Box(0, 1)], ids=["TV", "box"])
def test_refuses_what_has_no_gradient(algorithm, extra):
    with pytest.raises(UnsolvableError, match=rf"{type(algorithm).__name__} cannot take .*no gradient.*SplitBregman"):
        solve(blurred("periodic") + extra, algorithm)


@SOLVERS
def test_says_what_it_costs(algorithm):
    assert plan(blurred("unknown"), algorithm).ffts == 4


def test_a_fixed_step_is_textbook_gradient_descent():
    problem = PROBLEMS["weighted"]()
    x = x0 = np.random.default_rng(6).normal(size=problem.dims)
    for state in islice(iterate(problem, GradientDescent(step_size=0.2), x0), 5):
        x = x - 0.2 * problem.gradient(x)
        np.testing.assert_allclose(state.x, x, rtol=1e-13)


def test_newton_solves_a_quadratic_problem_in_few_steps():
    result = solve(blurred("reflect"), NewtonCG(), tol=1e-10)
    assert result.iterations < 10


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_by_the_hessian_are_those_of_the_dense_one(dtype):
    rng = np.random.default_rng(7)
    A = Blur(PSF, (7, 6), boundary="mirror")
    y, x, d = (rng.normal(size=(7, 6)).astype(dtype) for _ in range(3))
    problem = 2 * LeastSquares(A, y, rng.uniform(size=(7, 6))) + 0.3 * Term(LogCosh(1.0), A, y)
    H = matrix(A)
    curvature = 2 * problem.terms[0].functional.weights.ravel() + 0.3 / np.cosh(H @ x.ravel() - y.ravel()) ** 2
    product = Differentiable(problem, "test").hessian(x).apply(d)
    assert product.dtype == dtype
    # a central difference with the best step is good to eps^(2/3), 4e-11 or 2e-5
    assert error(product.ravel(), H.T @ (curvature * (H @ d.ravel()))) < 10 * np.finfo(dtype).eps ** (2 / 3)


@pytest.mark.parametrize(
    ("make", "error_type", "name"),
    [
        (lambda: GradientDescent(step_size=0), ValueError, "step_size is 0"),
        (lambda: GradientDescent(step_size=np.inf), ValueError, "step_size is inf"),
        (lambda: LBFGS(memory=0), ValueError, "memory is 0"),
        (lambda: LBFGS(memory=1.5), ValueError, "memory is 1.5"),
        (lambda: NewtonCG(max_inner_iterations=0), ValueError, "max_inner_iterations is 0"),
        (lambda: NewtonCG(max_inner_iterations="many"), TypeError, "max_inner_iterations is 'many'"),
    ],
)
def test_bad_options_are_refused_by_name(make, error_type, name):
    with pytest.raises(error_type, match=name):
        make()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_whole_loss_of_ones_own(dtype):
    """A problem of one `Smooth` term with its data is solved as the same declared by terms."""
    A = Blur(PSF, (7, 6), boundary="mirror")
    y = np.random.default_rng(0).normal(size=A.dimsd).astype(dtype)
    declared = LeastSquares(A, y) + 0.1 * Tikhonov(Identity(A.dims))
    loss = Smooth(declared.objective, declared.gradient, data=y)
    result = solve(loss, LBFGS(), tol=1e-6 if dtype is np.float64 else 1e-4)
    assert result.x.dtype == dtype
    assert error(result.x, solve(declared, LBFGS(), tol=1e-7).x) < 1e-3
    assert plan(loss).algorithm == LBFGS()


def test_a_smooth_term_of_data_behind_an_operator():
    A = Blur(PSF, (7, 6), boundary="unknown")
    y = np.random.default_rng(0).normal(size=A.dimsd)
    term = Smooth(lambda z: 0.5 * np.sum((z - y) ** 2), lambda z: z - y, A, data=y.ravel())
    problem, expected = (data + Tikhonov(Identity(A.dims)) for data in (term, LeastSquares(A, y)))
    assert problem.dims == A.dims
    assert error(solve(problem, LBFGS(), tol=1e-8).x, solve(expected, LBFGS(), tol=1e-8).x) < 1e-6
    np.testing.assert_array_equal(problem.initial(), expected.initial())
    with pytest.raises(TypeError, match="make a new Smooth"):
        problem.with_data(y)


@pytest.mark.parametrize(("data", "match"), [(np.ones(5), "data has shape"), (np.full((7, 6), np.nan), "data holds NaN")])
def test_smooth_refuses_data_that_do_not_fit(data, match):
    with pytest.raises(ValueError, match=match):
        Smooth(np.sum, np.ones_like, Identity((7, 6)), data=data)
