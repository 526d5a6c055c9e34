import numpy as np
import pytest
import scipy.linalg

from unblur.inversion import Direct, LeastSquares, Tikhonov, TotalVariation, UnsolvableError, solve
from unblur.operators import Blur, FirstDerivative, Gradient, Identity


def dense(A):
    """Return the matrix of an operator, column by column."""
    return np.stack([A.apply(e.reshape(A.dims)).ravel() for e in np.eye(A.shape[1])], axis=1)


@pytest.mark.parametrize("iterations", [1, 3])
@pytest.mark.parametrize("shape", [(7, 8), (8, 7), (6, 5, 3), (9,)])
def test_equals_the_dense_solution(shape, iterations):
    rng = np.random.default_rng(0)
    axes = (0, 1) if len(shape) > 1 else (0,)
    A = Blur(rng.normal(size=(3,) * len(axes)), shape, boundary="periodic", axes=axes)
    D = Gradient(A)
    y, target = rng.normal(size=shape), rng.normal(size=shape)
    problem = LeastSquares(A, y) + 0.2 * Tikhonov(D) + 0.1 * Tikhonov(Identity(shape), target)
    # one step is all; more change nothing
    x = solve(problem, Direct(), tol=0, max_iterations=iterations).x
    H, G, one = dense(A), dense(D), np.eye(A.shape[1])
    expected = scipy.linalg.solve(H.T @ H + 0.2 * G.T @ G + 0.1 * one, H.T @ y.ravel() + 0.1 * target.ravel())
    np.testing.assert_allclose(x.ravel(), expected, rtol=0, atol=1e-10)


def test_a_singular_problem_has_its_solution_of_least_norm():
    rng = np.random.default_rng(1)
    D = FirstDerivative((8,), 0, boundary="periodic")
    y = rng.normal(size=8)
    x = solve(LeastSquares(D, y), Direct()).x
    np.testing.assert_allclose(x, np.linalg.pinv(dense(D)) @ y, atol=1e-12)


def test_complex_data():
    rng = np.random.default_rng(2)
    A = Blur(rng.normal(size=3) + 1j * rng.normal(size=3), (8,), boundary="periodic")
    y = rng.normal(size=8) + 1j * rng.normal(size=8)
    x = solve(LeastSquares(A, y) + 0.1 * Tikhonov(Identity((8,))), Direct()).x
    H = np.stack([A.apply(e) for e in np.eye(8).astype(complex)], axis=1)
    np.testing.assert_allclose(x, np.linalg.solve(H.conj().T @ H + 0.1 * np.eye(8), H.conj().T @ y), atol=1e-12)


def test_refuses_what_it_cannot_take():
    A = Blur(np.ones((3, 3)), (8, 8), boundary="unknown")
    with pytest.raises(UnsolvableError, match=r"½‖Blur.*no transform"):
        solve(LeastSquares(A, np.ones((8, 8))), Direct())
    K = Blur(np.ones((3, 3)), (8, 8), boundary="periodic")
    with pytest.raises(UnsolvableError, match=r"∇.*not quadratic"):
        solve(LeastSquares(K, np.ones((8, 8))) + TotalVariation(), Direct())
