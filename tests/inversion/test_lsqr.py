"""LSQR against SciPy's on the dense stacked matrix."""

from itertools import islice

import numpy as np
import pytest
import scipy.sparse.linalg

from unblur.inversion import CG, LSQR, LeastSquares, Tikhonov, iterate, solve
from unblur.operators import Blur, Identity

from ._dense import PROBLEMS, PSF, stack


def scipy_lsqr(S, d, iterations, x0=None):
    return scipy.sparse.linalg.lsqr(S, d, atol=0, btol=0, conlim=0, iter_lim=iterations, x0=x0)


@pytest.mark.parametrize("name", PROBLEMS)
def test_iterates_and_estimates_are_those_of_scipy(name):
    problem = PROBLEMS[name]()
    S, d = stack(problem)
    for k, state in enumerate(islice(iterate(problem, LSQR()), 10), start=1):
        x, _, _, r_norm, _, S_norm, condition, gradient_norm, x_norm, _ = scipy_lsqr(S, d, k)
        assert np.linalg.norm(state.x.ravel() - x) < 1e-10 * np.linalg.norm(x)
        estimates = [state.residual_norm, state.operator_norm, state.condition, state.gradient_norm, state.x_norm]
        np.testing.assert_allclose(estimates, [r_norm, S_norm, condition, gradient_norm, x_norm], rtol=1e-8)


@pytest.mark.parametrize("name", PROBLEMS)
def test_iterates_of_compiled_steps_are_those_of_scipy(name, monkeypatch):
    # arrays of any length then go through kernels
    monkeypatch.setattr("unblur.operators._vectors._LONG", 1)
    test_iterates_and_estimates_are_those_of_scipy(name)


def test_iterates_are_those_of_scipy_from_elsewhere():
    problem = PROBLEMS["weighted"]()
    S, d = stack(problem)
    x0 = np.random.default_rng(0).normal(size=problem.dims)
    for k, state in enumerate(islice(iterate(problem, LSQR(), x0), 10), start=1):
        x = scipy_lsqr(S, d, k, x0.ravel())[0]
        assert np.linalg.norm(state.x.ravel() - x) < 1e-10 * np.linalg.norm(x)


@pytest.mark.parametrize("name", PROBLEMS)
def test_iterates_are_those_of_conjugate_gradients(name):
    problem = PROBLEMS[name]()
    for one, other in islice(zip(iterate(problem, LSQR()), iterate(problem, CG()), strict=True), 10):
        assert np.linalg.norm(one.x - other.x) < 1e-10 * np.linalg.norm(other.x)


def test_the_answer_is_that_of_scipy_with_damping():
    rng = np.random.default_rng(1)
    A = Blur(PSF, (8, 7), boundary="mirror")
    y = rng.normal(size=(8, 7))
    H = np.stack([A.apply(e.reshape(A.dims)).ravel() for e in np.eye(56)], axis=1)
    x = scipy.sparse.linalg.lsqr(H, y.ravel(), damp=0.3, atol=1e-14, btol=1e-14, iter_lim=500)[0]
    result = solve(LeastSquares(A, y) + 0.09 * Tikhonov(Identity(A.dims)), LSQR(), tol=1e-12)
    assert np.linalg.norm(result.x.ravel() - x) < 1e-8 * np.linalg.norm(x)


def test_estimates_of_the_norms_meet_the_true_ones():
    problem = PROBLEMS["matrix"]()
    S, d = stack(problem)
    *_, state = islice(iterate(problem, LSQR()), S.shape[1])
    # Lanczos has then seen every singular value
    assert state.operator_norm == pytest.approx(np.linalg.norm(S), rel=1e-6)
    assert state.condition == pytest.approx(np.linalg.norm(S) * np.linalg.norm(np.linalg.pinv(S)), rel=1e-6)
    assert state.residual_norm == pytest.approx(np.linalg.norm(S @ state.x - d), rel=1e-10)
