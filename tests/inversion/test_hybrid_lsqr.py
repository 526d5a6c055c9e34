"""The hybrid method against dense Tikhonov solutions, a projection built another way, and the oracle's weight."""

from itertools import islice

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
import scipy.sparse.linalg
import skimage.data

from unblur.inversion import (
    HybridLSQR,
    LeastSquares,
    Problem,
    Record,
    Tikhonov,
    TotalVariation,
    UnsolvableError,
    iterate,
    plan,
    solve,
)
from unblur.operators import Blur, Gradient, Identity, Wavelet

from ._dense import PSF, matrix

BOX = np.ones((3, 3)) / 9


def noisy(boundary="zero", noise=0.02, dtype=float):
    """A blur of a block, its matrix and its noisy data."""
    rng = np.random.default_rng(0)
    A = Blur(BOX, (10, 9), boundary=boundary)
    x = np.zeros(A.dims)
    x[3:7, 2:6] = 1
    y = A.apply(x)
    return A, matrix(A), (y + noise * rng.normal(size=y.shape)).astype(dtype)


def tikhonov(H, y, weight, target=0):
    target = np.broadcast_to(target, H.shape[1])
    return target + np.linalg.solve(H.T @ H + weight * np.eye(len(target)), H.T @ (y.ravel() - H @ target))


def last(problem, algorithm, count):
    *_, state = islice(iterate(problem, algorithm), count)
    return state


@pytest.mark.parametrize("boundary", ["periodic", "zero", "reflect", "mirror", "nearest"])
def test_equals_dense_tikhonov_at_the_weight_that_it_found(boundary):
    A, H, y = noisy(boundary)
    result = solve(
        LeastSquares(A, y) + Tikhonov(Identity(A.dims)),
        HybridLSQR(),
        tol=1e-9,
        callbacks=[Record({"weight": lambda s: s.weight})],
    )
    assert result.status.success
    weight = result.history["weight"][-1]
    # the smallest eigenvalue of HᵀH + weight I is at least the weight: the gradient bounds the error
    bound = 1e-9 * np.linalg.norm(H.T @ y.ravel()) / weight
    error = np.linalg.norm(result.x.ravel() - tikhonov(H, y, weight))
    assert error < bound + 1e-10
    assert bound < 1e-4 * np.linalg.norm(result.x)


def test_the_weight_is_a_factor_on_the_prior_as_declared():
    A, H, y = noisy()
    target = np.random.default_rng(1).normal(size=A.dims)
    prior = Tikhonov(Identity(A.dims), target)
    plain = last(LeastSquares(A, y) + prior, HybridLSQR(), 12)
    scaled = last(4 * LeastSquares(A, y) + 8 * prior, HybridLSQR(), 12)
    assert scaled.weight == pytest.approx(0.5 * plain.weight, rel=1e-4)
    full = last(LeastSquares(A, y) + prior, HybridLSQR(), len(y.ravel()))
    expected = tikhonov(H, y, full.weight, target.ravel())
    bound = full.residual * np.linalg.norm(H.T @ (y - A.apply(target)).ravel()) / full.weight
    assert np.linalg.norm(full.x.ravel() - expected) < bound + 1e-8


def test_any_orthogonal_transform_serves_as_the_identity():
    rng = np.random.default_rng(2)
    A = Blur(BOX, (8, 8), boundary="zero")
    y = A.apply(rng.normal(size=(8, 8)))
    W = Wavelet(A.dims, "haar", level=2)
    target = rng.normal(size=(8, 8))
    one = last(LeastSquares(A, y) + Tikhonov(Identity(A.dims), target), HybridLSQR(), 6)
    other = last(LeastSquares(A, y) + Tikhonov(W, W.apply(target)), HybridLSQR(), 6)
    # a minimum is known to the square root of the precision with which its value is
    assert other.weight == pytest.approx(one.weight, rel=1e-5)
    np.testing.assert_allclose(other.x, one.x, atol=1e-5)


def krylov(H, y, k):
    """An orthonormal basis of span{Hᵀy, HᵀH Hᵀy, …}, the projected matrix H V, by QR instead of a recurrence."""
    vectors = [H.T @ y.ravel()]
    for _ in range(k - 1):
        vectors.append(H.T @ (H @ (vectors[-1] / np.linalg.norm(vectors[-1]))))
    V = np.linalg.qr(np.stack([v / np.linalg.norm(v) for v in vectors], axis=1))[0]
    return V, H @ V


def cross_validation(HV, y, weight, omega):
    k = HV.shape[1]
    influence = HV @ np.linalg.solve(HV.T @ HV + weight * np.eye(k), HV.T)
    residual = y.ravel() - influence @ y.ravel()
    return residual @ residual / (k + 1 - omega * np.trace(influence)) ** 2


@pytest.mark.parametrize("omega", [1.0, 0.6])
def test_the_weight_minimises_the_cross_validation_of_the_projected_problem(omega):
    A, H, y = noisy(noise=0.1)
    state = last(LeastSquares(A, y) + Tikhonov(Identity(A.dims)), HybridLSQR(omega=omega), 5)
    V, HV = krylov(H, y, 5)
    weights = np.logspace(-8, 0.5, 4001)
    best = weights[np.argmin([cross_validation(HV, y, w, omega) for w in weights])]
    assert state.weight == pytest.approx(best, rel=0.01)
    f = np.linalg.solve(HV.T @ HV + state.weight * np.eye(5), HV.T @ y.ravel())
    np.testing.assert_allclose(state.x.ravel(), V @ f, atol=1e-8)


def test_each_omega_makes_the_smallest_singular_value_stationary():
    A, H, y = noisy(noise=0.3)
    state = last(LeastSquares(A, y) + Tikhonov(Identity(A.dims)), HybridLSQR(), 8)
    within = [(k, omega) for k, omega in enumerate(state.omegas, start=1) if omega < 1]
    assert within
    for k, omega in within:
        _, HV = krylov(H, y, k)
        weight = scipy.linalg.svdvals(HV)[-1] ** 2
        values = [cross_validation(HV, y, weight * factor, omega) for factor in (1 - 1e-4, 1, 1 + 1e-4)]
        slope = (values[2] - values[0]) / 2e-4 / values[1]
        assert abs(slope) < 1e-5


def test_right_vectors_stay_orthogonal():
    A, _, y = noisy()
    V = np.stack([v.ravel() for v in last(LeastSquares(A, y) + Tikhonov(Identity(A.dims)), HybridLSQR(), 60).V])
    np.testing.assert_allclose(V @ V.T, np.eye(len(V)), atol=1e-12)


def test_the_residual_is_that_of_the_normal_equations_at_the_present_weight():
    A, H, y = noisy("mirror")
    scale = np.linalg.norm(H.T @ y.ravel())
    for state in islice(iterate(LeastSquares(A, y) + Tikhonov(Identity(A.dims)), HybridLSQR()), 20):
        x = state.x.ravel()
        gradient = H.T @ (y.ravel() - H @ x) - state.weight * x
        assert state.residual == pytest.approx(np.linalg.norm(gradient) / scale, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(
    ("psf", "sigma"),
    [
        ("box", 0.005),
        ("box", 0.02),
        ("gauss", 0.02),
    ],
)
def test_within_half_a_decibel_of_the_best_weight(psf, sigma):
    scene = skimage.data.camera()[100:292:3, 150:342:3] / 255
    bell = np.exp(-(np.arange(-4, 5) ** 2) / 4.5)
    h = {"box": np.ones((5, 5)) / 25, "gauss": np.outer(bell, bell) / bell.sum() ** 2}[psf]
    size = scene.shape[0] - h.shape[0] + 1
    # blurred from a larger scene, so that the solver's grid is not the truth's
    y = scipy.signal.convolve2d(scene, h, mode="valid") + sigma * np.random.default_rng(3).normal(size=(size, size))
    A = Blur(h, y.shape, boundary="unknown")
    inside = (slice(h.shape[0] // 2, h.shape[0] // 2 + size),) * 2
    target = np.full(A.dims, y.mean())

    def psnr(image):
        return -10 * np.log10(np.mean((image - scene[inside]) ** 2))

    problem = LeastSquares(A, y) + Tikhonov(Identity(A.dims), target)
    found = solve(problem, HybridLSQR())
    assert found.status.success
    H = scipy.sparse.linalg.LinearOperator(A.shape, matvec=A.matvec, rmatvec=A.rmatvec, dtype=float)
    rest = (y - A.apply(target)).ravel()

    def oracle(weight):
        z = scipy.sparse.linalg.lsqr(H, rest, damp=np.sqrt(weight), atol=1e-5, btol=1e-5, iter_lim=300)[0]
        return psnr(A.crop(target + z.reshape(A.dims)))

    assert psnr(found.image) > max(map(oracle, np.logspace(-4, 0, 13))) - 0.5


def test_float32_stays_float32_and_y_unchanged():
    A, _, y = noisy(dtype=np.float32)
    y.flags.writeable = False
    state = last(LeastSquares(A, y) + Tikhonov(Identity(A.dims)), HybridLSQR(), 20)
    assert {a.dtype for a in (state.x, *state.u, *state.V)} == {np.dtype(np.float32)}
    double = last(LeastSquares(A, y.astype(float)) + Tikhonov(Identity(A.dims)), HybridLSQR(), 20)
    assert state.weight == pytest.approx(double.weight, rel=1e-2)
    assert np.linalg.norm(state.x - double.x) < 1e-3 * np.linalg.norm(double.x)


def test_complex_data():
    A, _, y = noisy()
    problem = LeastSquares(A, y * np.exp(0.7j)) + Tikhonov(Identity(A.dims))
    real = last(LeastSquares(A, y) + Tikhonov(Identity(A.dims)), HybridLSQR(), 12)
    state = last(problem, HybridLSQR(), 12)
    assert state.weight == pytest.approx(real.weight, rel=1e-5)
    np.testing.assert_allclose(state.x, np.exp(0.7j) * real.x, atol=1e-5)


def test_an_exhausted_space_ends_it():
    problem = LeastSquares(2 * np.eye(6), np.ones(6)) + Tikhonov(Identity((6,)))
    result = solve(problem, HybridLSQR(), tol=0, max_iterations=5)
    assert np.isfinite(result.x).all()
    assert result.history["residual"][-1] == 0
    assert not solve(LeastSquares(np.eye(6), np.zeros(6)) + Tikhonov(Identity((6,))), HybridLSQR()).x.any()


def test_refuses_what_it_cannot_take():
    A, _, y = noisy()
    data = LeastSquares(A, y)
    with pytest.raises(UnsolvableError, match=r"HybridLSQR takes one prior.*Tikhonov\(Identity"):
        solve(Problem((data,)), HybridLSQR())
    with pytest.raises(UnsolvableError, match=r"HybridLSQR cannot take .*∇.*evenly; LSQR can"):
        solve(data + Tikhonov(Gradient(A)), HybridLSQR())
    with pytest.raises(UnsolvableError, match="HybridLSQR cannot take"):
        solve(data + TotalVariation(Identity(A.dims)), HybridLSQR())
    with pytest.raises(ValueError, match="x0 is given"):
        solve(data + Tikhonov(Identity(A.dims)), HybridLSQR(), x0=np.zeros(A.dims))
    for omega in (0, 1.5, np.nan):
        with pytest.raises(ValueError, match="omega is"):
            HybridLSQR(omega=omega)


def test_says_what_it_costs():
    A = Blur(PSF, (6, 6), boundary="zero")
    chosen = plan(LeastSquares(A, np.ones((6, 6))) + Tikhonov(Identity(A.dims)), HybridLSQR())
    assert chosen.ffts == 4
    assert "cross-validation" in chosen.reason
