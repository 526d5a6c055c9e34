"""One type of the unknown: as precise as the data, complex where data, an operator or a target is, for every algorithm."""

import numpy as np
import pylops
import pytest

from unblur.inversion import (
    CG,
    LBFGS,
    LSQR,
    UPRE,
    Box,
    Denoiser,
    Direct,
    GradientDescent,
    HybridLSQR,
    LeastSquares,
    NewtonCG,
    Nonnegative,
    PlugAndPlay,
    Poisson,
    PrimalDual,
    ProximalGradient,
    RichardsonLucy,
    Sparsity,
    SplitBregman,
    Tikhonov,
    TotalVariation,
    iterate,
    plan,
    solve,
)
from unblur.operators import Blur, CosineTransform, FourierTransform, Gradient, Identity, Mask, aslinearoperator

from ._dense import matrix

N = 12
RNG = np.random.default_rng(0)
REAL, IMAGINARY = RNG.normal(size=(2, N))
PSF = np.array([0.2, 0.5, 0.3])
BLUR = Blur(PSF, (N,), boundary="periodic")
COMPLEX_PSF = Blur(PSF + 0.4j * PSF[::-1], (N,), boundary="periodic")
EYE = Identity((N,))

#: what makes x complex, alone; beside it everything is real
SOURCES = {
    "data": lambda y: LeastSquares(BLUR, y + 1j * IMAGINARY.astype(y.dtype)) + 0.1 * Tikhonov(EYE),
    "factor": lambda y: LeastSquares(1j * BLUR, y) + 0.1 * Tikhonov(EYE),
    "complex PSF": lambda y: LeastSquares(COMPLEX_PSF, y) + 0.1 * Tikhonov(EYE),
    "complex PSF, masked": lambda y: LeastSquares(Mask(np.arange(N) % 4 > 0) * COMPLEX_PSF, y) + 0.1 * Tikhonov(EYE),
    "complex PSF, cropped": lambda y: LeastSquares(Blur(PSF + 1j, (N,), boundary="unknown"), y) + 0.1 * Tikhonov(),
    "complex PSF, zero": lambda y: LeastSquares(Blur(PSF + 1j, (N,), boundary="zero"), y) + 0.1 * Tikhonov(),
    "transform": lambda y: LeastSquares(FourierTransform((N,)), y) + 0.1 * Tikhonov(EYE),
    "sum": lambda y: LeastSquares(BLUR + 0.5j * EYE, y) + 0.1 * Tikhonov(EYE),
    "matrix": lambda y: LeastSquares(matrix(COMPLEX_PSF, complex), y) + 0.1 * Tikhonov(EYE),
    "diagonal": lambda y: LeastSquares(pylops.Diagonal(REAL + 1j * IMAGINARY, dtype=complex), y) + 0.1 * Tikhonov(EYE),
    "prior": lambda y: LeastSquares(BLUR, y) + 0.1 * Tikhonov(COMPLEX_PSF, REAL) + 0.01 * Tikhonov(EYE),
    "prior's factor": lambda y: LeastSquares(BLUR, y) + 0.1 * Tikhonov(2j * Gradient(BLUR)) + 0.01 * Tikhonov(EYE, REAL),
    "target": lambda y: LeastSquares(BLUR, y) + 0.1 * Tikhonov(EYE, 1j * IMAGINARY),
    "target of another": lambda y: LeastSquares(BLUR, y) + 0.1 * Tikhonov(EYE) + 0.05 * Tikhonov(BLUR, np.full(N, 2 + 1j)),
    "second data": lambda y: LeastSquares(BLUR, y) + LeastSquares(COMPLEX_PSF, y) + 0.1 * Tikhonov(EYE),
    "weighted": lambda y: LeastSquares(1j * BLUR, y, np.arange(N) % 3) + 0.1 * Tikhonov(EYE),
    "reflected": lambda y: LeastSquares(1j * Blur([1, 2, 1], (N,), boundary="reflect"), y) + 0.1 * Tikhonov(EYE),
}
ALGORITHMS = [
    None,
    Direct(),
    CG(),
    CG(preconditioner="auto"),
    LSQR(),
    SplitBregman(),
    SplitBregman(inner_iterations=5),
    PrimalDual(),
    ProximalGradient(),
    GradientDescent(),
    NewtonCG(),
    LBFGS(),
]
#: those are diagonal in no transform
NOT_DIRECT = {"complex PSF, masked", "complex PSF, cropped", "complex PSF, zero", "matrix", "diagonal", "weighted"}


def solution(problem):
    """The minimiser, from dense complex matrices."""
    total, right = 0, 0
    for t in problem.terms:
        H = matrix(t.operator, complex)
        W = np.ones(len(H)) if t.functional.weights is None else t.functional.weights.ravel()
        b = np.zeros(len(H)) if t.offset is None else t.offset.ravel()
        total = total + t.weight * np.matmul(H.conj().T * W, H)
        right = right + t.weight * np.matmul(H.conj().T * W, b)
    return np.linalg.solve(total, right).reshape(problem.dims)


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=repr)
@pytest.mark.parametrize("source", SOURCES)
def test_every_algorithm_finds_the_complex_minimiser(source, algorithm):
    problem = SOURCES[source](REAL)
    if isinstance(algorithm, Direct) and source in NOT_DIRECT:
        pytest.skip("not diagonal")
    right = solution(problem)
    assert source == "prior's factor" or np.abs(right.imag).max() > 1e-3
    found = solve(problem, algorithm, tol=1e-11, max_iterations=20000)
    assert found.x.dtype == complex
    np.testing.assert_allclose(found.x, right, atol=1e-7)


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=repr)
@pytest.mark.parametrize("source", SOURCES)
def test_single_precision_stays_single(source, algorithm):
    problem = SOURCES[source](REAL.astype(np.float32))
    if isinstance(algorithm, Direct) and source in NOT_DIRECT:
        pytest.skip("not diagonal")
    found = solve(problem, algorithm, tol=1e-5, max_iterations=3000)
    assert problem.dtype == found.x.dtype == np.complex64
    np.testing.assert_allclose(found.x, solution(problem), atol=3e-3)


@pytest.mark.parametrize("algorithm", ALGORITHMS[1:], ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_real_stays_real(algorithm, dtype):
    problem = LeastSquares(BLUR, REAL.astype(dtype)) + 0.1 * Tikhonov(EYE, IMAGINARY)
    state = algorithm.start(problem)
    algorithm.step(state)
    assert problem.dtype == state.x.dtype == dtype
    assert all(a.dtype.kind == "f" for a in vars(problem.terms[1]).values() if isinstance(a, np.ndarray))


@pytest.mark.parametrize("algorithm", [a for a in ALGORITHMS[1:] if not isinstance(a, Direct)], ids=repr)
def test_a_complex_start_is_kept_where_x_is_complex_and_refused_where_it_is_real(algorithm):
    start = REAL + 1j * IMAGINARY
    problem = SOURCES["factor"](REAL)
    right = solution(problem)
    # from the solution nothing moves
    one = solve(problem, algorithm, x0=right, tol=0, max_iterations=1)
    np.testing.assert_allclose(one.x, right, atol=1e-9)
    np.testing.assert_allclose(solve(problem, algorithm, x0=start, tol=1e-11, max_iterations=20000).x, right, atol=1e-7)
    real = LeastSquares(BLUR, REAL) + 0.1 * Tikhonov(EYE)
    with pytest.raises(TypeError, match=r"x0.*real part"):
        solve(real, algorithm, x0=start)
    with pytest.raises(TypeError, match=r"x0.*real part"):
        algorithm.start(real, start)


SPARSE = [SplitBregman(), SplitBregman(inner_iterations=3), PrimalDual(), ProximalGradient(), None]


@pytest.mark.parametrize("algorithm", SPARSE, ids=repr)
@pytest.mark.parametrize("real", [False, True], ids=["complex data", "real data"])
def test_a_complex_prior_that_is_not_quadratic(algorithm, real):
    # ½‖x − y‖² + w ‖F x‖₁ is a threshold in the spectrum
    F, y = FourierTransform((N,)), REAL if real else REAL + 1j * IMAGINARY
    z = F.apply(y)
    right = F.apply_adjoint(z * np.maximum(1 - 0.3 / np.abs(z), 0))
    found = solve(LeastSquares(EYE, y) + 0.3 * Sparsity(F), algorithm, tol=1e-11, max_iterations=20000)
    np.testing.assert_allclose(found.x, right, atol=1e-7)


@pytest.mark.parametrize("algorithm", [SplitBregman(), PrimalDual()], ids=repr)
@pytest.mark.parametrize("source", ["data", "factor", "transform", "complex PSF", "complex PSF, masked", "second data"])
def test_total_variation_of_complex_images_agrees_with_subgradients(source, algorithm):
    D = Gradient((N,), boundary="periodic")
    problem = sum((t for t in SOURCES[source](REAL).terms if t.carries_data), 0) + 0.05 * TotalVariation(D) + 1e-3 * Tikhonov(EYE)
    x = solve(problem, algorithm, tol=1e-12, max_iterations=50000).x
    # the optimum of a convex function of real and imaginary parts: no direction leads down
    best, rng = problem.objective(x), np.random.default_rng(1)
    for size in (1e-1, 1e-2, 1e-3):
        for d in rng.normal(size=(40, N)) + 1j * rng.normal(size=(40, N)):
            assert problem.objective(x + size * d) >= best - 1e-9
    smooth = sum(t.gradient(x) for t in problem.terms if not isinstance(t, TotalVariation))
    # −smooth is Dᴴ p with |p| ≤ w: its sum vanishes
    assert abs(smooth.sum()) < 1e-6


REFUSED = {
    "box": lambda A, y: LeastSquares(A, y) + Box(0, 1),
    "boxes of each sample": lambda A, y: LeastSquares(A, y) + Box(np.zeros(N), np.ones(N), dims=N),
    "nonnegative": lambda A, y: LeastSquares(A, y) + Nonnegative(),
    "counts beside": lambda A, y: LeastSquares(A, y) + Poisson(EYE, np.abs(REAL)),
}


@pytest.mark.parametrize("source", ["operator", "data", "prior", "target"])
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_for_real_numbers_is_refused_in_words(kind, source):
    A = 1j * BLUR if source == "operator" else BLUR
    y = REAL + 1j if source == "data" else REAL
    extra = {"prior": Sparsity(FourierTransform((N,))), "target": Tikhonov(EYE, 1j)}.get(source)
    with pytest.raises(TypeError, match=r"real numbers.*complex.*toreal"):
        REFUSED[kind](A, y) + extra if extra is not None else REFUSED[kind](A, y)


def test_counts_of_a_complex_operator_are_refused_unless_its_real_part_is_taken():
    F = FourierTransform((N,))
    blur = F.H * pylops.Diagonal(np.fft.fft(np.array([0.5, 0.25, *np.zeros(N - 3), 0.25])), dtype=complex) * F
    y = np.abs(REAL) + 1
    with pytest.raises(TypeError, match="toreal"):
        solve(Poisson(blur, y))
    A, x0 = Blur([0.25, 0.5, 0.25], (N,), boundary="periodic"), np.ones(N)
    found = solve(Poisson(blur.toreal(), y), RichardsonLucy(), x0=x0, max_iterations=20).x
    np.testing.assert_allclose(found, solve(Poisson(A, y), RichardsonLucy(), x0=x0, max_iterations=20).x, rtol=1e-6)


def test_a_denoiser_of_complex_images_is_refused_where_it_was_chosen():
    with pytest.raises(TypeError, match="complex"):
        solve(LeastSquares(1j * BLUR, REAL) + 0.01 * Denoiser(), PlugAndPlay())


def test_a_rule_and_a_hybrid_take_complex_operators():
    problem = LeastSquares(1j * BLUR, REAL) + Tikhonov(EYE)
    found = solve(problem, weight=UPRE(0.5))
    same = solve(LeastSquares(BLUR, REAL) + Tikhonov(EYE), weight=UPRE(0.5))
    # 1j turns the phase of the solution, and nothing else
    assert found.weight == pytest.approx(same.weight, rel=1e-5)
    # the search settles the weight to about 1e-6
    np.testing.assert_allclose(1j * found.x, same.x, atol=1e-5)
    hybrid = solve(problem, HybridLSQR(), tol=1e-10, max_iterations=N).x
    real = solve(LeastSquares(BLUR, REAL) + Tikhonov(EYE), HybridLSQR(), tol=1e-10, max_iterations=N).x
    np.testing.assert_allclose(1j * hybrid, real, atol=1e-8)


def test_iterating_and_other_data_go_by_the_same_type():
    problem = SOURCES["factor"](REAL)
    assert next(iterate(problem, CG())).x.dtype == complex
    real = LeastSquares(BLUR, REAL) + 0.1 * Tikhonov(EYE)
    found = plan(real).solve(REAL + 1j * IMAGINARY).x
    np.testing.assert_allclose(found, solution(LeastSquares(BLUR, REAL + 1j * IMAGINARY) + 0.1 * Tikhonov(EYE)), atol=1e-9)


MATRIX = RNG.normal(size=(9, N)) + 1j * RNG.normal(size=(9, N))


@pytest.mark.parametrize("algorithm", [CG(), LSQR(), SplitBregman(), PrimalDual(), ProximalGradient(), LBFGS()], ids=repr)
def test_a_real_unknown_behind_complex_data(algorithm):
    y = MATRIX[:, 0] + np.arange(9)
    A = pylops.MatrixMult(MATRIX, dtype=complex).toreal(forw=False)
    S = np.vstack([MATRIX.real, MATRIX.imag, np.sqrt(0.1) * np.eye(N)])
    right = np.linalg.lstsq(S, np.r_[y.real, y.imag, np.zeros(N)])[0]
    found = solve(LeastSquares(A, y) + 0.1 * Tikhonov(EYE), algorithm, tol=1e-12, max_iterations=20000).x
    np.testing.assert_allclose(found, right, atol=1e-7)


def test_a_complex_unknown_behind_real_data():
    y = np.arange(9.0)
    A = pylops.MatrixMult(MATRIX, dtype=complex).toreal(adj=False)
    S = np.hstack([MATRIX.real, -MATRIX.imag])
    S = np.vstack([S, np.sqrt(0.1) * np.eye(2 * N)])
    right = np.linalg.lstsq(S, np.r_[y, np.zeros(2 * N)])[0]
    found = solve(LeastSquares(A, y) + 0.1 * Tikhonov(EYE), CG(), tol=1e-12).x
    np.testing.assert_allclose(found, right[:N] + 1j * right[N:], atol=1e-9)


def test_spectra_of_complex_kernels_are_not_those_of_real_transforms():
    for A in (1j * BLUR, COMPLEX_PSF, BLUR + 1j * EYE, aslinearoperator(1j * EYE), CosineTransform((N,)) * (1j * EYE)):
        problem = LeastSquares(A, REAL) + 0.1 * Tikhonov(EYE)
        np.testing.assert_allclose(solve(problem, tol=1e-12).x, solution(problem), atol=1e-9)
