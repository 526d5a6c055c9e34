"""What CG and LSQR both hold."""

import tracemalloc
from itertools import islice

import numpy as np
import pylops
import pytest
import scipy.sparse.linalg

from unblur.inversion import CG, LSQR, Direct, LeastSquares, Tikhonov, TotalVariation, UnsolvableError, iterate, plan, solve
from unblur.operators import Blur, Crop, FirstDerivative, Identity

from ._dense import PROBLEMS, PSF, blurred, matrix, solution, stack

SOLVERS = pytest.mark.parametrize("algorithm", [CG(), CG(preconditioner="auto"), LSQR()], ids=["cg", "pcg", "lsqr"])
BOUNDARIES = ("periodic", "zero", "reflect", "mirror", "nearest", "unknown")


def error(x, expected):
    return np.linalg.norm(x - expected) / np.linalg.norm(expected)


@SOLVERS
@pytest.mark.parametrize("name", PROBLEMS)
def test_equals_the_dense_solution(algorithm, name):
    problem = PROBLEMS[name]()
    assert np.linalg.cond(stack(problem)[0]) ** 2 < 1e4
    result = solve(problem, algorithm, tol=1e-12)
    assert result.status.success
    assert error(result.x, solution(problem)) < 1e-10


@SOLVERS
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_equals_the_dense_solution_with_every_boundary(algorithm, boundary):
    problem = blurred(boundary)
    assert error(solve(problem, algorithm, tol=1e-12).x, solution(problem)) < 1e-10


@SOLVERS
def test_equals_the_closed_form(algorithm):
    problem = blurred("periodic", (16, 15))
    assert error(solve(problem, algorithm, tol=1e-12).x, solve(problem, Direct()).x) < 1e-10


@SOLVERS
@pytest.mark.parametrize("name", PROBLEMS)
def test_starts_anywhere(algorithm, name):
    problem = PROBLEMS[name]()
    x0 = np.random.default_rng(8).normal(size=problem.dims)
    assert error(solve(problem, algorithm, x0=x0, tol=1e-12).x, solution(problem)) < 1e-10


@SOLVERS
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_residual_is_that_of_the_normal_equations(algorithm, name):
    problem = PROBLEMS[name]()
    S, d = stack(problem)
    start = np.linalg.norm(S.conj().T @ d)
    for x0 in (None, np.random.default_rng(9).normal(size=problem.dims)):
        for state in islice(iterate(problem, algorithm, x0), 4):
            actual = np.linalg.norm(S.conj().T @ (d - S @ state.x.ravel())) / start
            assert state.residual == pytest.approx(actual, rel=1e-8, abs=1e-13)


@SOLVERS
def test_stays_at_the_solution_and_at_zero(algorithm):
    problem = blurred("zero")
    result = solve(problem, algorithm, tol=0, max_iterations=300)
    assert error(result.x, solution(problem)) < 1e-10
    zero = LeastSquares(PSF, np.zeros(3)) + Tikhonov(Identity((3,)))
    assert not solve(zero, algorithm, tol=0, max_iterations=3).x.any()
    unweighted = 0 * LeastSquares(PSF, np.ones(3))
    assert not solve(unweighted, algorithm, tol=0, max_iterations=3).x.any()
    exact = solve(LeastSquares(np.diag([1.0, 2.0]), np.array([1.0, 2.0])), algorithm, tol=0, max_iterations=9)
    np.testing.assert_allclose(exact.x, [1, 1], rtol=1e-12)


# -- operators of others ----------------------------------------------------------------------------


class Bare:
    """Nothing but shape, dtype, matvec and rmatvec."""

    def __init__(self, H):
        self.H, self.shape, self.dtype = H, H.shape, H.dtype

    def matvec(self, x):
        return self.H @ x

    def rmatvec(self, y):
        return self.H.T @ y


class Telling(Bare):
    """One that knows its Gram symbol besides: a circulant matrix on an image."""

    def __init__(self, A):
        super().__init__(matrix(A))
        self.A, self.dims, self.dimsd = A, A.dims, A.dimsd

    def gram_symbol(self, transform):
        return self.A.gram_symbol(transform)


@SOLVERS
@pytest.mark.parametrize(
    "make",
    [
        lambda A, H: Bare(H),
        lambda A, H: Telling(A),
        lambda A, H: pylops.signalprocessing.Convolve2D(A.dims, PSF, offset=(1, 1)),
        lambda A, H: scipy.sparse.linalg.aslinearoperator(H),
        lambda A, H: scipy.sparse.csr_array(H),
        lambda A, H: H,
    ],
    ids=["matvec and rmatvec", "with a Gram symbol", "PyLops", "SciPy", "sparse", "dense"],
)
def test_takes_any_operator(algorithm, make):
    A = Blur(PSF, (7, 6), boundary="periodic")
    operator = make(A, matrix(A))
    shape = tuple(getattr(operator, "dims", (42,)))
    y = np.random.default_rng(10).normal(size=shape)
    problem = LeastSquares(operator, y) + 0.1 * Tikhonov(Identity(shape))
    assert error(solve(problem, algorithm, tol=1e-12).x, solution(problem)) < 1e-10


# -- manners ----------------------------------------------------------------------------------------


@SOLVERS
def test_float32_stays_float32(algorithm):
    problem, double = blurred("unknown", dtype=np.float32), blurred("unknown")
    for state in islice(iterate(problem, algorithm), 30):
        arrays = [state.x, *(getattr(state, name) for name in ("p", "s", "z", "v", "w") if hasattr(state, name))]
        arrays += [a for name in ("r", "q", "u") if hasattr(state, name) for a in getattr(state, name)]
        assert {a.dtype for a in arrays} == {np.dtype(np.float32)}
        assert isinstance(state.residual, float)
        assert not isinstance(state.residual, np.floating)
    assert error(state.x, solution(double)) < 1e-5


@SOLVERS
def test_changes_nothing_of_the_users(algorithm):
    rng = np.random.default_rng(11)
    A = Blur(PSF, (6, 6), boundary="zero")
    arrays = {"y": rng.normal(size=(6, 6)), "weights": rng.uniform(size=(6, 6)), "target": rng.normal(size=(6, 6))}
    x0 = rng.normal(size=(6, 6))
    for array in (*arrays.values(), x0):
        array.flags.writeable = False
    problem = LeastSquares(A, arrays["y"], arrays["weights"]) + Tikhonov(Identity((6, 6)), arrays["target"])
    first = solve(problem, algorithm, x0=x0, tol=0, max_iterations=5).x
    np.testing.assert_array_equal(solve(problem, algorithm, x0=x0, tol=0, max_iterations=5).x, first)


@SOLVERS
def test_an_integer_start_is_read_and_a_complex_one_refused(algorithm):
    problem = blurred("zero")
    assert solve(problem, algorithm, x0=np.zeros((7, 8), int)).x.dtype == float
    with pytest.raises(TypeError, match="complex"):
        solve(problem, algorithm, x0=np.zeros((7, 8), complex))


@SOLVERS
def test_refuses_what_is_not_quadratic(algorithm):
    problem = blurred("periodic") + 0.1 * TotalVariation()
    with pytest.raises(UnsolvableError, match=rf"{type(algorithm).__name__} cannot take .*∇.*SplitBregman"):
        solve(problem, algorithm)


@pytest.mark.parametrize(("algorithm", "ffts"), [(CG(), 4), (CG(preconditioner="auto"), 6), (LSQR(), 4)])
def test_says_what_it_costs(algorithm, ffts):
    assert plan(blurred("unknown"), algorithm).ffts == ffts


def peak(function):
    """Return the memory that a call leaves taken, and the most that it takes on its way."""
    tracemalloc.start()
    function()
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept, most


@SOLVERS
@pytest.mark.parametrize("boundary", [*BOUNDARIES, "no blur"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_a_step_allocates_no_image_but_what_the_ffts_do(algorithm, boundary, weighted, one_thread):
    shape = (256, 256)
    rng = np.random.default_rng(12)
    blurs = boundary != "no blur"
    # a crop and a difference take no memory of their own, so that nothing of the solver's hides behind what an FFT takes
    A = Blur(np.ones((5, 7)) / 35, shape, boundary=boundary) if blurs else Crop((260, 258), (slice(2, 258), slice(1, 257)))
    D = FirstDerivative(A.dims, 0, boundary="nearest")
    weights = rng.uniform(size=shape) if weighted else None
    problem = LeastSquares(A, rng.normal(size=shape), weights) + 0.1 * Tikhonov(D) + 0.1 * Tikhonov(Identity(A.dims))
    states = iterate(problem, algorithm)
    next(states)
    x, Mx, y, Dx = np.ones(A.dims), np.ones(A.dims), np.ones(A.dimsd), np.ones(D.dimsd)
    M = getattr(next(states), "M", None)
    applies = [lambda: A.apply(x, y), lambda: A.apply_adjoint(y, x), lambda: D.apply(x, Dx), lambda: D.apply_adjoint(Dx, x)]
    if M is not None:
        applies.append(lambda: M(x, Mx))
    operators = max(peak(apply)[1] for apply in applies)
    kept, step = peak(lambda: next(states))
    small = x.nbytes / 16
    assert step < operators + small
    assert kept < small
    if not blurs and M is None:
        assert operators < small
