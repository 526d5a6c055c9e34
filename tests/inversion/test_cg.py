"""Conjugate gradients against SciPy's on the dense normal equations, and the preconditioners."""

from itertools import islice

import numpy as np
import pytest
import scipy.sparse.linalg

from unblur.inversion import CG, LeastSquares, Problem, Tikhonov, iterate, plan, solve
from unblur.operators import Blur, Gradient, Identity, Mask

from ._dense import PROBLEMS, blurred, solution, stack


def scipy_iterates(problem, M=None, x0=None, count=10):
    """The first iterates of scipy.sparse.linalg.cg on the normal equations, as a dense matrix."""
    S, d = stack(problem)
    iterates = []
    scipy.sparse.linalg.cg(
        S.conj().T @ S,
        S.conj().T @ d,
        x0=None if x0 is None else x0.ravel(),
        rtol=0,
        maxiter=count,
        M=M,
        callback=lambda x: iterates.append(x.copy()),
    )
    return iterates


def assert_same_iterates(algorithm, problem, M=None, x0=None):
    expected = scipy_iterates(problem, M, x0)
    for state, x in zip(islice(iterate(problem, algorithm, x0), len(expected)), expected, strict=True):
        assert np.linalg.norm(state.x.ravel() - x) < 1e-10 * np.linalg.norm(x)


@pytest.mark.parametrize("name", PROBLEMS)
def test_iterates_are_those_of_scipy(name):
    assert_same_iterates(CG(), PROBLEMS[name]())


@pytest.mark.parametrize("name", PROBLEMS)
def test_iterates_of_compiled_steps_are_those_of_scipy(name, monkeypatch):
    # arrays of any length then go through kernels
    monkeypatch.setattr("unblur.operators._vectors._LONG", 1)
    assert_same_iterates(CG(), PROBLEMS[name]())


def test_iterates_are_those_of_scipy_from_elsewhere():
    problem = PROBLEMS["weighted"]()
    assert_same_iterates(CG(), problem, x0=np.random.default_rng(0).normal(size=problem.dims))


def test_the_answer_is_that_of_scipy():
    problem = PROBLEMS["weighted"]()
    S, d = stack(problem)
    x, failure = scipy.sparse.linalg.cg(S.T @ S, S.T @ d, rtol=1e-13)
    assert failure == 0
    np.testing.assert_allclose(solve(problem, CG(), tol=1e-12).x.ravel(), x, rtol=0, atol=1e-8 * np.linalg.norm(x))


@pytest.mark.parametrize("kind", ["function", "ours", "matrix", "SciPy's"])
def test_preconditioned_iterates_are_those_of_scipy(kind):
    problem = PROBLEMS["weighted"]()
    S, _ = stack(problem)
    diagonal = 1 / np.sum(S**2, axis=0)
    M = {
        "function": lambda s: diagonal.reshape(s.shape) * s,
        "ours": PointwiseProduct(diagonal.reshape(problem.dims)),
        "matrix": np.diag(diagonal),
        "SciPy's": scipy.sparse.linalg.aslinearoperator(np.diag(diagonal)),
    }[kind]
    assert_same_iterates(CG(preconditioner=M), problem, np.diag(diagonal))
    assert plan(problem, CG(preconditioner=M)).ffts == 4


class PointwiseProduct(Identity):
    def __init__(self, d):
        super().__init__(d.shape)
        self.d = d

    def _apply(self, x, out):
        return np.multiply(self.d, x, out=out)


@pytest.mark.parametrize("boundary", ["periodic", "reflect"])
def test_the_automatic_preconditioner_is_the_inverse_where_a_transform_diagonalises_all(boundary):
    # a symmetric PSF under reflection is diagonal in the cosine transform
    A = Blur(np.outer([1, 2, 1], [1, 2, 1]) / 16, (8, 9), boundary=boundary)
    y = np.random.default_rng(1).normal(size=(8, 9))
    problem = LeastSquares(A, y) + 0.1 * Tikhonov(Gradient(A)) + 1e-3 * Tikhonov(Identity(A.dims))
    result = solve(problem, CG(preconditioner="auto"), tol=1e-10)
    assert result.iterations == 1
    assert np.linalg.norm(result.x - solution(problem)) < 1e-10 * np.linalg.norm(result.x)
    assert "Fourier" in result.plan.reason if boundary == "periodic" else "Cosine" in result.plan.reason


@pytest.mark.parametrize("hidden", ["margin", "mask", "weights"])
def test_the_automatic_preconditioner_saves_iterations_behind_a_selection(hidden):
    rng = np.random.default_rng(2)
    shape = (48, 48)
    psf = np.ones((5, 5)) / 25
    mask = rng.uniform(size=shape) < 0.9
    A = Blur(psf, shape, boundary="unknown" if hidden == "margin" else "periodic")
    y = rng.normal(size=shape)
    data = LeastSquares(A, y, rng.uniform(0.5, 2, size=shape) if hidden == "weights" else None)
    if hidden == "mask":
        data = LeastSquares(Mask(mask) * A, y)
    problem = data + 1e-3 * Tikhonov(Gradient(A)) + 1e-4 * Tikhonov(Identity(A.dims))
    plain, spectral = (solve(problem, CG(preconditioner=M), tol=1e-8) for M in (None, "auto"))
    assert plain.status.success
    assert spectral.status.success
    assert spectral.iterations < 0.7 * plain.iterations
    assert np.linalg.norm(plain.x - spectral.x) < 1e-4 * np.linalg.norm(plain.x)


def test_the_automatic_preconditioner_is_left_out_where_nothing_is_known():
    problem = PROBLEMS["matrix"]()
    chosen = plan(problem, CG(preconditioner="auto"))
    assert "not preconditioned" in chosen.reason
    assert_same_iterates(CG(preconditioner="auto"), problem)


@pytest.mark.parametrize("wrong", ["spectral", 3, 2.0, np.ones(4)])
def test_refuses_what_is_no_preconditioner(wrong):
    with pytest.raises(TypeError, match=r'preconditioner is .*"auto"'):
        CG(preconditioner=wrong)


def test_refuses_a_preconditioner_of_another_size():
    with pytest.raises(ValueError, match=r"preconditioner has shape \(3, 3\).*\(56, 56\)"):
        solve(blurred("zero"), CG(preconditioner=np.eye(3)))


def test_refuses_a_preconditioner_that_is_not_positive_definite():
    with pytest.raises(ValueError, match="preconditioner gave"):
        solve(blurred("zero"), CG(preconditioner=lambda s: -s))


def test_a_preconditioner_keeps_the_minimiser_of_a_blur_that_hides_much():
    # the PSF's spectrum has zeros: the floor of the preconditioner is met
    A = Blur(np.ones((3, 3)) / 9, (9, 9), boundary="periodic")
    problem = Problem((LeastSquares(A, np.random.default_rng(3).normal(size=(9, 9))),))
    result = solve(problem, CG(preconditioner="auto"), tol=1e-8)
    assert result.status.success
    S, d = stack(problem)
    assert np.linalg.norm(S.T @ (d - S @ result.x.ravel())) < 1e-8 * np.linalg.norm(S.T @ d)
