import numpy as np
import pytest
import scipy.linalg
import scipy.optimize

from unblur.inversion import (
    Box,
    Huber,
    LeastSquares,
    Nonnegative,
    Poisson,
    ProximalGradient,
    Smooth,
    Sparsity,
    Tikhonov,
    TotalVariation,
    UnsolvableError,
    iterate,
    plan,
    solve,
)
from unblur.operators import Blur, Gradient, Identity, Wavelet

BOUNDARIES = ("periodic", "zero", "reflect", "mirror", "nearest", "unknown")
PSF = np.array([[0.02, 0.1, 0.02], [0.1, 0.4, 0.15], [0.02, 0.15, 0.04]])


class Bare:
    """An operator with nothing but matvec and rmatvec."""

    def __init__(self, matrix):
        self.matrix, self.shape, self.dtype = matrix, matrix.shape, matrix.dtype

    def matvec(self, x):
        return self.matrix @ x

    def rmatvec(self, y):
        return self.matrix.conj().T @ y


def dense(A):
    """Return the matrix of an operator, column by column."""
    return np.stack([A.apply(e.reshape(A.dims)).ravel() for e in np.eye(A.shape[1])], axis=1)


def run(problem, tol=1e-11, **options):
    return solve(problem, ProximalGradient(**options), tol=tol, max_iterations=50_000)


def lasso(H, y, weight):
    """Return the minimiser of ½‖Hx − y‖² + w‖x‖₁, whose dual is least squares over a box; H has full column rank."""
    L = np.linalg.cholesky(H.T @ H)
    dual = scipy.optimize.lsq_linear(
        scipy.linalg.solve_triangular(L, np.eye(len(L)), lower=True),
        scipy.linalg.solve_triangular(L, H.T @ y, lower=True),
        bounds=(-weight, weight),
        tol=1e-15,
        max_iter=2000,
    )
    return np.linalg.solve(H.T @ H, H.T @ y - dual.x)


@pytest.mark.parametrize("bare", [False, True])
def test_lasso_equals_an_exact_solver(bare):
    rng = np.random.default_rng(0)
    H, y = rng.normal(size=(15, 8)), rng.normal(size=15)
    problem = LeastSquares(Bare(H) if bare else H, y) + 2.0 * Sparsity()
    x = lasso(H, y, 2.0)
    optimum = 0.5 * np.sum((H @ x - y) ** 2) + 2 * np.abs(x).sum()
    result = run(problem)
    assert result.objective == pytest.approx(optimum, rel=1e-8)
    np.testing.assert_allclose(result.x, x, atol=1e-5)
    assert np.any(result.x == 0)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_bounded_least_squares_equals_an_exact_solver(boundary):
    rng = np.random.default_rng(1)
    A = Blur(PSF, (6, 7), boundary=boundary)
    y = rng.normal(size=(6, 7))
    problem = LeastSquares(A, y) + 0.01 * Tikhonov(Identity(A.dims)) + Box(0, 1)
    stacked = np.vstack([dense(A), 0.1 * np.eye(A.shape[1])])
    exact = scipy.optimize.lsq_linear(stacked, np.r_[y.ravel(), np.zeros(A.shape[1])], bounds=(0, 1), tol=1e-14)
    np.testing.assert_allclose(run(problem).x.ravel(), exact.x, atol=1e-6)


def test_sparsity_behind_a_unitary_transform_is_that_of_its_coefficients():
    rng = np.random.default_rng(2)
    W = Wavelet((8, 8), "haar", level=2)
    A = Blur(PSF, (8, 8), boundary="reflect")
    y = rng.normal(size=(8, 8))
    problem = LeastSquares(A, y) + 0.05 * Sparsity(W)
    matrix = dense(W)
    x = matrix.T @ lasso(dense(A) @ matrix.T, y.ravel(), 0.05)
    result = run(problem)
    assert result.objective == pytest.approx(problem.objective(x.reshape(8, 8)), rel=1e-8)
    np.testing.assert_allclose(result.x.ravel(), x, atol=1e-4)


def test_smooth_terms_alone_equal_a_quasi_newton_method():
    rng = np.random.default_rng(3)
    H, D, y = rng.normal(size=(12, 6)), rng.normal(size=(5, 6)), rng.normal(size=12)
    y[3] = 40
    problem = Huber(H, y, 0.5) + 0.3 * Tikhonov(D)
    found = scipy.optimize.minimize(problem.objective, np.zeros(6), jac=problem.gradient, method="BFGS", tol=1e-10)
    np.testing.assert_allclose(run(problem).x, found.x, atol=1e-6)


def test_a_users_smooth_term_of_unknown_curvature():
    rng = np.random.default_rng(4)
    H, D, y = rng.normal(size=(12, 6)), rng.normal(size=(5, 6)), rng.normal(size=12)
    term = Smooth(lambda z: np.sum(np.log(np.cosh(3 * z))), lambda z: 3 * np.tanh(3 * z), D)
    smooth = LeastSquares(H, y) + 5 * term
    found = scipy.optimize.minimize(
        smooth.objective, np.ones(6), jac=smooth.gradient, method="L-BFGS-B", bounds=[(0, None)] * 6, tol=1e-15
    )
    np.testing.assert_allclose(run(smooth + Nonnegative()).x, found.x, atol=1e-5)


def test_a_wrong_lipschitz_constant_is_mended_on_the_way():
    rng = np.random.default_rng(5)
    H, y = rng.normal(size=(12, 6)), rng.normal(size=12)
    too_low = Smooth(lambda z: 0.5 * np.sum(z**2), lambda z: z, 3 * np.eye(6), lipschitz=1e-3)
    x = run(LeastSquares(H, y) + too_low).x
    np.testing.assert_allclose(x, np.linalg.solve(H.T @ H + 9 * np.eye(6), H.T @ y), atol=1e-8)


def test_complex_data():
    rng = np.random.default_rng(6)
    H, y = rng.normal(size=(8, 5)) + 1j * rng.normal(size=(8, 5)), rng.normal(size=8) + 1j * rng.normal(size=8)
    x = run(LeastSquares(H, y) + 0.5 * Tikhonov(np.eye(5))).x
    np.testing.assert_allclose(x, np.linalg.solve(H.conj().T @ H + 0.5 * np.eye(5), H.conj().T @ y), atol=1e-9)
    x = run(LeastSquares(H, y) + 2 * Sparsity()).x
    slope = H.conj().T @ (H @ x - y)
    np.testing.assert_allclose(slope[x != 0], (-2 * x / np.abs(np.where(x == 0, 1, x)))[x != 0], atol=1e-7)
    assert np.all(np.abs(slope[x == 0]) <= 2)


def test_hyper_laplacian_ends_in_a_stationary_point_and_below_its_start():
    rng = np.random.default_rng(7)
    H, y = rng.normal(size=(15, 8)), rng.normal(size=15)
    problem = LeastSquares(H, y) + 1.0 * Sparsity(power=2 / 3)
    objectives = [problem.objective(s.x) for s, _ in zip(iterate(problem, ProximalGradient()), range(50), strict=False)]
    assert np.all(np.diff(objectives) <= 1e-12)
    x = run(problem).x
    alive = x != 0
    slope = H.T @ (H @ x - y)
    np.testing.assert_allclose(slope[alive], (-2 / 3 * np.sign(x) * np.abs(np.where(alive, x, 1)) ** (-1 / 3))[alive], atol=1e-7)


def test_restarts_and_momentum_are_faster_and_change_nothing():
    rng = np.random.default_rng(8)
    H, y = rng.normal(size=(30, 20)) * np.geomspace(1, 0.03, 20), rng.normal(size=30)
    problem = LeastSquares(H, y) + 0.01 * Sparsity()
    with_restart, without = run(problem, tol=1e-9), run(problem, restart=False, tol=1e-9)
    assert with_restart.iterations < 0.5 * without.iterations
    assert with_restart.objective == pytest.approx(without.objective, rel=1e-8)


def test_one_apply_and_one_adjoint_an_iteration():
    rng = np.random.default_rng(9)
    H, calls = rng.normal(size=(8, 6)), []

    class Counted(Bare):
        def matvec(self, x):
            calls.append("A")
            return super().matvec(x)

        def rmatvec(self, y):
            calls.append("Aᴴ")
            return super().rmatvec(y)

    states = iterate(LeastSquares(Counted(H), rng.normal(size=8)) + 0.1 * Sparsity(), ProximalGradient())
    for _ in range(5):
        next(states)
    calls.clear()
    next(states)
    assert sorted(calls) == ["A", "Aᴴ"]


def test_float32_all_the_way_and_nothing_of_the_users_is_changed():
    rng = np.random.default_rng(10)
    y = rng.normal(size=(8, 8)).astype(np.float32)
    A = Blur(PSF.astype(np.float32), y.shape, boundary="unknown")
    x0 = rng.normal(size=A.dims).astype(np.float32)
    kept = y.copy(), x0.copy()
    problem = LeastSquares(A, y, weights=y > 0) + Huber(A, y, 0.1) + 0.1 * Tikhonov() + Sparsity(Identity(A.dims))
    states = iterate(problem, ProximalGradient(), x0)
    for _ in range(3):
        state = next(states)
    assert {a.dtype for a in (state.x, state.before, *(i.Ax for i in state.images))} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(y, kept[0])
    np.testing.assert_array_equal(x0, kept[1])
    assert solve(problem, ProximalGradient(), tol=1e-6).status.success


def test_explains_what_is_done_with_each_term():
    A = Blur(PSF, (8, 8), boundary="zero")
    text = repr(plan(LeastSquares(A, np.ones((8, 8))) + Box(0, 1), ProximalGradient()))
    for part in ("by its gradient: ½‖Blur", "by its prox in x: [0 ≤ x", "4 FFTs an iteration"):
        assert part in text


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda A, y: LeastSquares(A, y) + TotalVariation(Gradient(A)), ["‖∇", "PrimalDual"]),
        (lambda A, y: LeastSquares(A, y) + Sparsity() + Box(0, 1), ["[0 ≤ x ≤ 1] beside Σ|I x|", "PrimalDual takes several"]),
        (lambda A, y: Poisson(A, y) + Nonnegative(), ["KL(y, Blur", "no Lipschitz gradient"]),
    ],
)
def test_refuses_what_it_cannot_take(make, words):
    A = Blur(PSF, (8, 8), boundary="zero")
    with pytest.raises(UnsolvableError) as caught:
        solve(make(A, np.ones((8, 8))), ProximalGradient())
    for word in words:
        assert word in str(caught.value)
