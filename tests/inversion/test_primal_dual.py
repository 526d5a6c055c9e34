import numpy as np
import pytest
import scipy.linalg
import scipy.optimize

from unblur.inversion import (
    Box,
    Distance,
    Huber,
    LeastAbsolute,
    LeastSquares,
    Nonnegative,
    Poisson,
    PrimalDual,
    Smooth,
    Sparsity,
    SplitBregman,
    Term,
    Tikhonov,
    TotalVariation,
    UnsolvableError,
    iterate,
    plan,
    solve,
)
from unblur.operators import Blur, FirstDerivative, Gradient, Identity, Wavelet

BOUNDARIES = ("periodic", "zero", "reflect", "mirror", "nearest", "unknown")
PSF = np.array([[0.02, 0.1, 0.02], [0.1, 0.4, 0.15], [0.02, 0.15, 0.04]])


class Bare:
    """An operator with nothing but matvec and rmatvec."""

    def __init__(self, matrix, dtype=float):
        self.matrix, self.shape, self.dtype = matrix, matrix.shape, np.dtype(dtype)

    def matvec(self, x):
        return self.matrix @ x

    def rmatvec(self, y):
        return self.matrix.conj().T @ y


def dense(A):
    """Return the matrix of an operator, column by column."""
    return np.stack([A.apply(e.reshape(A.dims)).ravel() for e in np.eye(A.shape[1])], axis=1)


def run(problem, tol=1e-10, **options):
    return solve(problem, PrimalDual(**options), tol=tol, max_iterations=100_000)


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(0)
    x = np.zeros((7, 8))
    x[2:5, 2:6] = 1
    return x + 0.05 * rng.normal(size=x.shape)


def test_tv_denoising_in_one_dimension_is_the_exact_dual_solution():
    rng = np.random.default_rng(1)
    y, weight = np.repeat([0.0, 2.0, 1.0], 10) + 0.3 * rng.normal(size=30), 0.5
    D = dense(FirstDerivative((30,), 0, boundary="nearest"))
    dual = scipy.optimize.lsq_linear(D.T, y, bounds=(-weight, weight), tol=1e-14)
    expected = y - D.T @ dual.x
    x = run(LeastSquares(np.eye(30), y) + weight * TotalVariation(D)).x
    np.testing.assert_allclose(x, expected, atol=1e-7)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_optimum_is_that_of_a_dense_quadratic_programme(scene, boundary):
    # of ½‖Hx − y‖² + ε/2‖x‖² + w‖Dx‖₁ the dual is least squares over a box, which has an exact solver
    A = Blur(PSF, (6, 7), boundary=boundary)
    y, weight, eps = scene[:6, 1:], 0.05, 0.01
    D = Gradient(A)
    problem = LeastSquares(A, y) + eps * Tikhonov(Identity(A.dims)) + weight * TotalVariation(D, isotropic=False)
    H, G = dense(A), dense(D)
    normal = H.T @ H + eps * np.eye(A.shape[1])
    L = np.linalg.cholesky(normal)
    dual = scipy.optimize.lsq_linear(
        scipy.linalg.solve_triangular(L, G.T, lower=True),
        scipy.linalg.solve_triangular(L, H.T @ y.ravel(), lower=True),
        bounds=(-weight, weight),
        tol=1e-14,
        max_iter=1000,
    )
    x = np.linalg.solve(normal, H.T @ y.ravel() - G.T @ dual.x)
    optimum = 0.5 * np.sum((H @ x - y.ravel()) ** 2) + 0.5 * eps * x @ x + weight * np.abs(G @ x).sum()
    result = run(problem)
    assert result.status.success
    assert result.objective == pytest.approx(optimum, rel=1e-6)


@pytest.mark.parametrize("boundary", ["periodic", "unknown"])
def test_equals_split_bregman(scene, boundary):
    A = Blur(PSF, scene.shape, boundary=boundary)
    problem = LeastSquares(A, scene) + 0.03 * TotalVariation() + 0.01 * Sparsity(Wavelet(A.dims, "haar", level=1)) + Box(0, 1)
    split = solve(problem, SplitBregman(), tol=1e-10, max_iterations=50_000).x
    result = run(problem)
    assert result.x.min() >= 0
    assert result.x.max() <= 1, "the box is met exactly: it is the prox in x"
    assert result.objective == pytest.approx(problem.objective(np.clip(split, 0, 1)), rel=1e-6)


def smallest(problem, x, scale):
    """Assert that no point near `x` has a lower objective, in random directions and towards single pixels."""
    rng = np.random.default_rng(2)
    best = problem.objective(x)
    for size in (1e-1, 1e-2, 1e-3):
        for _ in range(100):
            d = rng.normal(size=x.shape) * (rng.uniform(size=x.shape) < rng.uniform())
            assert problem.objective(x + scale * size * d) >= best * (1 - 1e-6)


@pytest.mark.parametrize("make", [LeastAbsolute, lambda A, y: Huber(A, y, 0.05), Distance], ids=["absolute", "huber", "distance"])
def test_robust_data_terms_equal_split_bregman(scene, make):
    y = scene.copy()
    y[4, 4] = 30
    A = Blur(PSF, scene.shape, boundary="periodic")
    problem = make(A, y) + 0.2 * TotalVariation()
    result = run(problem, tol=1e-9)
    split = solve(problem, SplitBregman(), tol=1e-10, max_iterations=30_000)
    assert result.objective == pytest.approx(split.objective, rel=1e-5)
    smallest(problem, result.x, 1.0)


def test_a_lasso_of_outliers_equals_linear_programming():
    # min ‖Hx − y‖₁ + w‖x‖₁ is a linear programme
    rng = np.random.default_rng(3)
    H, y = rng.normal(size=(12, 6)), rng.normal(size=12)
    one, zero = np.eye(12), np.zeros((12, 6))
    cost = np.r_[np.zeros(6), np.ones(12), np.full(6, 0.5)]
    above = np.block([[H, -one, zero], [-H, -one, zero], [np.eye(6), np.zeros((6, 12)), -np.eye(6)]])
    above = np.vstack([above, np.hstack([-np.eye(6), np.zeros((6, 12)), -np.eye(6)])])
    programme = scipy.optimize.linprog(cost, above, np.r_[y, -y, np.zeros(12)], bounds=(None, None))
    result = run(LeastAbsolute(H, y) + 0.5 * Sparsity())
    assert result.objective == pytest.approx(programme.fun, rel=1e-7)


def test_counts_meet_the_conditions_of_an_optimum():
    rng = np.random.default_rng(4)
    H, background = rng.uniform(size=(12, 5)), 0.5
    y = rng.poisson(H @ np.array([0, 3.0, 10, 0, 5]) + background).astype(float)
    x = run(Poisson(H, y, background) + Nonnegative()).x
    gradient = H.T @ (1 - y / (H @ x + background))
    np.testing.assert_allclose(gradient[x > 1e-6], 0, atol=1e-6)
    assert np.all(gradient[x <= 1e-6] >= -1e-6)


def test_counts_with_total_variation_equal_split_bregman(scene):
    rng = np.random.default_rng(5)
    A = Blur(np.full((3, 3), 1 / 9), scene.shape, boundary="periodic")
    y = rng.poisson(50 * np.maximum(A.apply(scene), 0) + 2).astype(float)
    problem = Poisson(A, y, background=2) + 0.1 * TotalVariation() + Nonnegative()
    result = run(problem, tol=1e-9)
    split = np.maximum(solve(problem, SplitBregman(), tol=1e-10, max_iterations=30_000).x, 0)
    assert result.objective == pytest.approx(problem.objective(split), rel=1e-6)


def test_the_solution_does_not_depend_on_steps_relaxation_or_start(scene):
    A = Blur(PSF, scene.shape, boundary="nearest")
    problem = LeastSquares(A, scene) + 0.05 * TotalVariation() + Box(0, 1)
    rng = np.random.default_rng(6)
    objectives = [
        solve(problem, PrimalDual(dual_step, relaxation), x0=rng.normal(size=A.dims), tol=1e-9, max_iterations=50_000).objective
        for dual_step, relaxation in ((None, 1.5), (0.3, 1.0), ([3.0], 1.9))
    ]
    np.testing.assert_allclose(objectives, objectives[0], rtol=1e-6)


def test_takes_operators_with_nothing_but_matvec_and_rmatvec():
    rng = np.random.default_rng(7)
    H, W, y = rng.normal(size=(8, 6)), rng.normal(size=(9, 6)), rng.normal(size=8)
    bare = run(LeastSquares(Bare(H), y) + 0.3 * Sparsity(Bare(W)))
    # the dual is least squares over a box
    L = np.linalg.cholesky(H.T @ H)
    dual = scipy.optimize.lsq_linear(
        scipy.linalg.solve_triangular(L, W.T, lower=True),
        scipy.linalg.solve_triangular(L, H.T @ y, lower=True),
        bounds=(-0.3, 0.3),
        tol=1e-14,
    )
    np.testing.assert_allclose(bare.x, np.linalg.solve(H.T @ H, H.T @ y - W.T @ dual.x), atol=1e-6)


def test_complex_data():
    rng = np.random.default_rng(8)
    H = rng.normal(size=(8, 5)) + 1j * rng.normal(size=(8, 5))
    y = rng.normal(size=8) + 1j * rng.normal(size=8)
    problem = LeastSquares(Bare(H, complex), y) + 0.5 * Sparsity(np.eye(5) + 0.2 * np.eye(5, k=1))
    result = run(problem)
    smallest(problem, result.x, 1.0)

    def value(v):
        return problem.objective(v[:5] + 1j * v[5:])

    v = scipy.optimize.minimize(value, np.r_[result.x.real, result.x.imag] + 0.01, method="Powell", tol=1e-12).fun
    assert result.objective <= v * (1 + 1e-8)


def test_two_exposures_make_one_problem(scene):
    first, second = (Blur(psf, scene.shape, boundary="reflect") for psf in (np.full((1, 3), 1 / 3), np.full((3, 1), 1 / 3)))
    a, b = first.apply(scene), second.apply(scene)
    problem = LeastSquares(first, a) + LeastSquares(second, b) + 1e-3 * Tikhonov(Identity(scene.shape))
    H, G = dense(first), dense(second)
    normal = H.T @ H + G.T @ G + 1e-3 * np.eye(scene.size)
    expected = np.linalg.solve(normal, H.T @ a.ravel() + G.T @ b.ravel())
    np.testing.assert_allclose(run(problem, tol=1e-12).x.ravel(), expected, atol=1e-7)


def test_float32_all_the_way_and_nothing_of_the_users_is_changed(scene):
    y = np.abs(scene).astype(np.float32)
    A = Blur(PSF.astype(np.float32), scene.shape, boundary="mirror")
    kept, x0 = y.copy(), y.copy()
    for term in (LeastSquares(A, y, weights=y > 0.02), Huber(A, y, 0.1), Poisson(A, y, np.full(y.shape, 0.5)), Distance(A, y)):
        problem = term + 0.05 * TotalVariation() + 0.01 * Sparsity(Wavelet(A.dims, level=1)) + Box(0, 1)
        states = iterate(problem, PrimalDual(), x0)
        next(states)
        state = next(states)
        assert {a.dtype for a in (state.x, state.relaxed, *(d.u for d in state.behind))} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(y, kept)
    np.testing.assert_array_equal(x0, kept)


def test_explains_what_is_done_with_each_term(scene):
    A = Blur(PSF, scene.shape, boundary="zero")
    text = repr(plan(LeastSquares(A, scene) + 0.1 * TotalVariation() + Box(0, 1), PrimalDual()))
    for part in ("by its gradient: ½‖Blur", "by its dual: 0.1 · ‖∇", "by its prox in x: [0 ≤ x", "4 FFTs an iteration"):
        assert part in text


@pytest.mark.parametrize(
    ("term", "words"),
    [
        (Sparsity(power=0.5), ["|I x|^0.5", "not convex", "SplitBregman"]),
        (Smooth(np.sum, np.ones_like), ["no known Lipschitz constant", "ProximalGradient"]),
        (Smooth(np.sum, np.ones_like, convex=False, lipschitz=1), ["not convex"]),
    ],
)
def test_refuses_what_it_cannot_take(term, words):
    with pytest.raises(UnsolvableError) as caught:
        solve(LeastSquares(np.eye(3), np.ones(3)) + term, PrimalDual())
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("options", [{"dual_step": 0}, {"dual_step": np.nan}, {"relaxation": 2}, {"relaxation": 0.9}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        PrimalDual(**options)


def test_as_many_dual_steps_as_dual_terms(scene):
    with pytest.raises(ValueError, match="dual_step has 2 numbers, but 1"):
        solve(LeastSquares(Blur(PSF, scene.shape, boundary="zero"), scene) + TotalVariation(), PrimalDual([1, 2]))


def test_a_users_functional_in_ten_lines(scene):
    class Hinge:
        """Σ max(z, 0)."""

        def value(self, z):
            return float(np.maximum(z, 0).sum())

        def prox(self, z, step, out):
            return np.subtract(z, np.clip(z, 0, step), out=out)

        def default_penalty(self, weight, scale, stiffness):
            return weight / scale

    A = Blur(PSF, scene.shape, boundary="zero")
    problem = LeastSquares(A, scene) + Term(Hinge(), 0.1 * Gradient(A)) + 0.1 * Tikhonov(Identity(A.dims))
    smallest(problem, run(problem, tol=1e-9).x, 1.0)
