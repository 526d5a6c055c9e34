"""Operators from elsewhere through every algorithm: the answers are those of our own operator of the same matrix."""

import numpy as np
import pylops
import pytest
import scipy.sparse.linalg

from unblur.inversion import (
    CG,
    LBFGS,
    LSQR,
    Denoiser,
    Direct,
    GradientDescent,
    HybridLSQR,
    LeastSquares,
    NewtonCG,
    PlugAndPlay,
    Poisson,
    PrimalDual,
    ProximalGradient,
    RichardsonLucy,
    SplitBregman,
    Tikhonov,
    TotalVariation,
    iterate,
    solve,
)
from unblur.operators import Blur, Convolve2D, Gradient, Identity, from_functions

DIMS = (8, 9)
KERNEL = np.array([[0.0, 0.1, 0.05], [0.15, 0.4, 0.1], [0.05, 0.15, 0.0]])
ZERO, PERIODIC = (Blur(KERNEL, DIMS, boundary=boundary) for boundary in ("zero", "periodic"))


class Plain:
    """Nothing but what SciPy's solvers ask for."""

    def __init__(self, A):
        self.A, self.shape, self.dtype = A, A.shape, np.dtype(float)

    def matvec(self, x):
        return self.A.matvec(x)

    def rmatvec(self, y):
        return self.A.rmatvec(y)


class WithDims(Plain):
    """The same on images."""

    dims = dimsd = DIMS


class WithGramSymbol(WithDims):
    """The same, and it knows its spectrum."""

    def gram_symbol(self, transform):
        return self.A.gram_symbol(transform)


FOREIGN = {
    "matvec and rmatvec": (Plain(ZERO), ZERO),
    "with dims": (WithDims(ZERO), ZERO),
    "with a Gram symbol": (WithGramSymbol(PERIODIC), PERIODIC),
    "PyLops": (pylops.signalprocessing.Convolve2D(DIMS, h=KERNEL, offset=(1, 1)), Convolve2D(DIMS, h=KERNEL, offset=(1, 1))),
    "SciPy": (scipy.sparse.linalg.LinearOperator((72, 72), ZERO.matvec, ZERO.rmatvec, dtype=float), ZERO),
    "matrix": (np.stack([ZERO.matvec(e) for e in np.eye(72)], axis=1), ZERO),
}
OPERATORS = pytest.mark.parametrize(("foreign", "ours"), FOREIGN.values(), ids=FOREIGN.keys())

Y = np.random.default_rng(0).uniform(0.2, 1, size=DIMS)


def data(A):
    """Return the samples in the shape that the operator has."""
    return Y if hasattr(A, "dimsd") else Y.ravel()


@OPERATORS
@pytest.mark.parametrize(
    "algorithm",
    [CG(), CG("auto"), LSQR(), SplitBregman(), PrimalDual(), ProximalGradient(), GradientDescent(), LBFGS(), NewtonCG()],
    ids=lambda algorithm: repr(algorithm)[:24],
)
def test_quadratic_problems(foreign, ours, algorithm):
    size = Identity(DIMS if hasattr(foreign, "dims") else 72)
    x = solve(LeastSquares(foreign, data(foreign)) + 0.1 * Tikhonov(size), algorithm, tol=1e-9, max_iterations=20_000).x
    expected = solve(LeastSquares(ours, Y) + 0.1 * Tikhonov(Identity(DIMS)), CG(), tol=1e-12).x
    np.testing.assert_allclose(x.reshape(DIMS), expected, atol=1e-6)


@OPERATORS
@pytest.mark.parametrize("algorithm", [SplitBregman(), PrimalDual()], ids=lambda algorithm: type(algorithm).__name__)
def test_total_variation(foreign, ours, algorithm):
    D = Gradient(DIMS, boundary="periodic")
    # a flat operator wants a gradient of flat vectors; components come first all the same
    flat = from_functions(
        lambda x: D.apply(x.reshape(DIMS)).reshape(2, 72),
        lambda p: D.apply_adjoint(p.reshape(2, *DIMS)).ravel(),
        dims=(72,),
        dimsd=(2, 72),
    )
    problem = LeastSquares(foreign, data(foreign)) + 0.05 * TotalVariation(D if hasattr(foreign, "dims") else flat)
    expected = solve(LeastSquares(ours, Y) + 0.05 * TotalVariation(D), tol=1e-8, max_iterations=20_000)
    result = solve(problem, algorithm, tol=1e-7, max_iterations=20_000)
    assert result.objective == pytest.approx(expected.objective, rel=1e-5)


@OPERATORS
def test_richardson_lucy(foreign, ours):
    start = np.ones(DIMS if hasattr(foreign, "dims") else 72)
    theirs = solve(Poisson(foreign, data(foreign)), RichardsonLucy(), x0=start, tol=0, max_iterations=20).x
    expected = solve(Poisson(ours, Y), RichardsonLucy(), x0=np.ones(DIMS), tol=0, max_iterations=20).x
    np.testing.assert_allclose(theirs.reshape(DIMS), expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["with dims", "with a Gram symbol", "PyLops"])
def test_plug_and_play(name):
    foreign, ours = FOREIGN[name]
    problems = (LeastSquares(A, Y) + 0.02 * Denoiser() for A in (foreign, ours))
    theirs, expected = (solve(problem, PlugAndPlay(), x0=Y).x for problem in problems)
    # a few conjugate gradients stand for the closed form
    np.testing.assert_allclose(theirs, expected, atol=5e-3)


@OPERATORS
def test_hybrid_lsqr(foreign, ours):
    size = Identity(DIMS if hasattr(foreign, "dims") else 72)
    for theirs, expected, _ in zip(
        iterate(LeastSquares(foreign, data(foreign)) + Tikhonov(size), HybridLSQR()),
        iterate(LeastSquares(ours, Y) + Tikhonov(Identity(DIMS)), HybridLSQR()),
        range(6),
        strict=False,
    ):
        np.testing.assert_allclose(theirs.x.reshape(DIMS), expected.x, atol=1e-8)


def test_the_closed_form_wants_nothing_but_gram_symbols():
    foreign, ours = FOREIGN["with a Gram symbol"]
    theirs, expected = (
        solve(LeastSquares(A, Y) + 0.1 * Tikhonov(Gradient(DIMS, boundary="periodic")), Direct()).x for A in (foreign, ours)
    )
    np.testing.assert_allclose(theirs, expected, atol=1e-12)
