from __future__ import annotations

import numpy as np
import pylops
import pyproximal
import pytest
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg
from pylops.optimization.basic import cg, cgls, lsqr
from pylops.optimization.sparsity import fista, splitbregman

from unblur.operators import (
    Blur,
    Convolve2D,
    FirstDerivative,
    Fourier,
    Gradient,
    Identity,
    Operator,
    Stack,
    aslinearoperator,
    check_operator,
    from_functions,
)

from .dense import BOUNDARIES, assert_adjoint, assert_close, matrix_of, random_array

DIMS = (9, 8)
RNG = np.random.default_rng(0)
# a strong origin: well conditioned, so that a few hundred steps of any solver reach the answer
PSF = 0.05 * RNG.uniform(size=(3, 4))
PSF[1, 2] = 1
A = Blur(PSF, DIMS, boundary="reflect")
D = Gradient(DIMS, boundary="reflect")
Y = RNG.standard_normal(DIMS)
DENSE_A, DENSE_D = matrix_of(A), matrix_of(D)
STACKED = np.vstack([DENSE_A, 0.5 * np.eye(72)])
RIGHT = np.concatenate([Y.ravel(), np.zeros(72)])
#: the minimiser of |A x − y|² + |x|²/4, by a dense factorisation
DAMPED = np.linalg.lstsq(STACKED, RIGHT, rcond=None)[0]


# -- ours in theirs ---------------------------------------------------------------------------------


def test_pylops_cg():
    normal = A.H @ A + 0.25 * Identity(DIMS)
    x = cg(normal, A.H @ Y.ravel(), np.zeros(72), niter=200, tol=1e-28)[0]
    # PyLops gives the shape that the operator has
    assert x.shape == DIMS
    np.testing.assert_allclose(x.ravel(), DAMPED, atol=1e-10)


@pytest.mark.parametrize("shape", ["flat", "n-D"])
def test_pylops_cgls_and_lsqr(shape):
    y = Y.ravel() if shape == "flat" else Y
    for solver in (cgls, lsqr):
        x = solver(A, y, damp=0.5, niter=200, **({"tol": 1e-28} if solver is cgls else {"atol": 0, "btol": 0}))[0]
        assert x.shape == DIMS
        np.testing.assert_allclose(x.ravel(), DAMPED, atol=1e-9)


def test_pylops_solvers_on_stacks():
    stacked = pylops.VStack([A, 0.5 * Identity(DIMS)])
    x = cgls(stacked, RIGHT, np.zeros(72), niter=200, tol=1e-28)[0]
    np.testing.assert_allclose(x.ravel(), DAMPED, atol=1e-10)


def test_pylops_fista():
    thresholded = fista(A, Y.ravel(), niter=800, eps=0.2, tol=1e-14)[0].ravel()
    # optimality of ½|A x − y|² + ½·0.2 |x|₁, which is what PyLops's fista minimises
    slope = DENSE_A.T @ (Y.ravel() - DENSE_A @ thresholded)
    assert np.abs(slope).max() <= 0.1 + 1e-6
    active = thresholded != 0
    np.testing.assert_allclose(slope[active], 0.1 * np.sign(thresholded[active]), atol=1e-6)


def test_pylops_splitbregman():
    rows = [FirstDerivative(DIMS, axis=i, boundary="reflect") for i in (0, 1)]
    arguments = {"niter_outer": 8, "niter_inner": 3, "mu": 1.5, "epsRL1s": [0.3, 0.3], "tol": 1e-12, "tau": 1.0}
    inner = {"iter_lim": 30, "damp": 0.0}
    ours = splitbregman(A, Y.ravel(), rows, **arguments, **inner)[0].ravel()
    dense = [pylops.MatrixMult(matrix_of(row)) for row in rows]
    theirs = splitbregman(pylops.MatrixMult(DENSE_A), Y.ravel(), dense, **arguments, **inner)[0]
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert np.abs(DENSE_D @ ours).sum() < np.abs(DENSE_D @ Y.ravel()).sum()


def test_scipy_solvers():
    for solver in (scipy.sparse.linalg.lsqr, scipy.sparse.linalg.lsmr):
        x = solver(A, Y.ravel(), damp=0.5, atol=1e-14, btol=1e-14)[0]
        np.testing.assert_allclose(x, DAMPED, atol=1e-10)
    x, status = scipy.sparse.linalg.cg(A.H @ A + 0.25 * Identity(DIMS), A.H @ Y.ravel(), rtol=1e-14)
    assert status == 0
    np.testing.assert_allclose(x, DAMPED, atol=1e-10)
    largest = scipy.sparse.linalg.svds(scipy.sparse.linalg.aslinearoperator(A), k=1, return_singular_vectors=False)
    assert largest[0] == pytest.approx(np.linalg.norm(DENSE_A, 2))


def test_pyproximal():
    tau = 0.99 / A.norm_bound() ** 2
    proximal = pyproximal.optimization.primal.ProximalGradient(
        pyproximal.L2(Op=A, b=Y.ravel()), pyproximal.L1(sigma=0.1), x0=np.zeros(72), tau=tau, niter=600, acceleration="fista"
    ).ravel()
    slope = DENSE_A.T @ (Y.ravel() - DENSE_A @ proximal)
    assert np.abs(slope).max() <= 0.1 + 1e-4
    size = D.norm_bound() ** 2
    arguments = {"tau": 0.9 / size, "mu": 1.0, "x0": np.zeros(72), "niter": 300}
    data, prior = pyproximal.L2(b=Y.ravel()), pyproximal.L1(sigma=0.2)
    linearised = pyproximal.optimization.primal.LinearizedADMM
    ours = linearised(data, prior, D, **arguments)[0]
    theirs = linearised(data, prior, pylops.MatrixMult(DENSE_D), **arguments)[0]
    np.testing.assert_allclose(ours, theirs, atol=1e-10)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_pylops_combinators(boundary):
    B = Blur(PSF, DIMS, boundary=boundary)
    dense = matrix_of(B)
    other = pylops.FirstDerivative(tuple(B.dims), axis=0, kind="forward", dtype="float64")
    first = matrix_of(other)
    combined = {
        "VStack": (pylops.VStack([B, other]), np.vstack([dense, first])),
        "HStack": (pylops.HStack([B.H, other]), np.hstack([dense.T, first])),
        "BlockDiag": (pylops.BlockDiag([B, other]), scipy.linalg.block_diag(dense, first)),
        "sum": (B.H @ B + 2 * other, dense.T @ dense + 2 * first),
        "difference": (other - B.H @ B, first - dense.T @ dense),
        "product": (B @ other, dense @ first),
        "product from the left": (pylops.MatrixMult(np.ones((2, B.shape[0]))) @ B, np.ones((2, B.shape[0])) @ dense),
        "PyLops @ SciPy": (B @ scipy.sparse.linalg.aslinearoperator(first), dense @ first),
        "Kronecker": (pylops.Kronecker(pylops.Identity(2), B), np.kron(np.eye(2), dense)),
        "power": ((B.H @ B) ** 2, np.linalg.matrix_power(dense.T @ dense, 2)),
    }
    for name, (op, expected) in combined.items():
        assert op.shape == expected.shape, name
        assert_close(matrix_of(op), expected)
        assert_close(matrix_of(op.H), expected.T)
    # PyLops's operator of some columns has no working adjoint
    assert_close(matrix_of(B.apply_columns(np.arange(3))), dense[:, :3])


def test_pylops_dottest_and_todense():
    assert pylops.utils.dottest(A, rtol=1e-10)
    assert pylops.utils.dottest(D, rtol=1e-10)
    assert_close(A.todense(), DENSE_A)
    assert A.eigs(neigs=1, symmetric=False)[0].real > 0


def test_the_switch_of_a_pylops_solver_does_not_reach_ours():
    seen = []

    def forward(x):
        # in the middle of a PyLops solver, as another thread would
        seen.append((A @ Y).shape)
        return DENSE_A @ x.ravel()

    lsqr(from_functions(forward, lambda y: DENSE_A.T @ y.ravel(), DIMS), Y.ravel(), np.zeros(72), niter=2)
    assert set(seen) == {DIMS}


def test_torch():
    torch = pytest.importorskip("torch")
    x = torch.tensor(Y, requires_grad=True)
    y = pylops.TorchOperator(A).apply(x.reshape(-1))
    y.square().sum().backward()
    assert_close(x.grad.numpy().ravel(), 2 * DENSE_A.T @ DENSE_A @ Y.ravel())


def test_jax():
    jax = pytest.importorskip("jax")
    op = pylops.JaxOperator(A)
    flat = Y.ravel().astype(np.float32)
    x = jax.numpy.asarray(flat)
    for function, expected in (
        (op.matvec, DENSE_A @ flat),
        (op.rmatvec, DENSE_A.T @ flat),
        (lambda y: op.rmatvecad(jax.numpy.zeros(72), y), DENSE_A.T @ flat),
        (jax.grad(lambda x: (op.matvec(x) ** 2).sum()), 2 * DENSE_A.T @ DENSE_A @ flat),
    ):
        assert_close(np.asarray(function(x)), expected, np.float32)


# -- theirs in ours ---------------------------------------------------------------------------------


class OfMethodsAlone:
    shape, dtype = (2, 3), np.float64

    def matvec(self, x):
        return x[:2] * 2

    def rmatvec(self, y):
        return np.append(y * 2, 0)


MATRIX = np.random.default_rng(1).standard_normal((5, 7))
FOREIGN = {
    "dense": (MATRIX, MATRIX),
    "complex dense": (MATRIX * 1j, MATRIX * 1j),
    "sparse array": (scipy.sparse.csr_array(MATRIX), MATRIX),
    "sparse matrix": (scipy.sparse.coo_matrix(MATRIX), MATRIX),
    "SciPy": (scipy.sparse.linalg.aslinearoperator(MATRIX), MATRIX),
    "PyLops": (pylops.MatrixMult(MATRIX), MATRIX),
    "PyLops's sum": (2 * A + pylops.Identity(72), 2 * DENSE_A + np.eye(72)),
    "methods alone": (OfMethodsAlone(), np.array([[2.0, 0, 0], [0, 2, 0]])),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_aslinearoperator(name):
    foreign, dense = FOREIGN[name]
    op = aslinearoperator(foreign)
    assert isinstance(op, Operator)
    assert_close(matrix_of(op, op.dtype), dense)
    assert_close(matrix_of(op.H, op.dtype), dense.conj().T)
    rng = np.random.default_rng(2)
    for dtype in ("float32", "float64", "complex64", "complex128"):
        assert_adjoint(op, dtype, rng)
        x = random_array(rng, op.dims, dtype)
        assert_close(op.apply(x).ravel(), dense @ x.ravel(), dtype)


def test_aslinearoperator_keeps_ours_and_the_shapes_of_pylops():
    assert aslinearoperator(A) is A
    op = aslinearoperator(pylops.Gradient(DIMS))
    assert op.dims == DIMS
    assert op.dimsd == (2, *DIMS)
    assert op.apply(Y).shape == (2, *DIMS)


def test_foreign_operators_in_a_stack():
    rows = [A, pylops.FirstDerivative(DIMS, axis=1, dtype="float64"), 2 * A, aslinearoperator(pylops.Identity(DIMS))]
    stack = Stack(rows)
    expected = np.vstack([matrix_of(row) for row in rows])
    assert_close(matrix_of(stack), expected)
    assert_close(matrix_of(stack.H), expected.T)
    assert stack.apply(Y.astype(np.float32)).dtype == np.float32
    flat = Stack([MATRIX, scipy.sparse.csr_array(MATRIX), pylops.MatrixMult(MATRIX)])
    assert_close(matrix_of(flat), np.vstack([MATRIX] * 3))


def test_what_is_no_operator_is_named():
    with pytest.raises(TypeError, match=r"A is int, which has no shape.*from_functions"):
        aslinearoperator(3)
    with pytest.raises(TypeError, match=r"A is an array of shape \(3,\)"):
        aslinearoperator(np.ones(3))
    with pytest.raises(TypeError, match="forward is 3"):
        from_functions(3, np.flipud, (2,))
    with pytest.raises(TypeError, match="adjoint is None"):
        from_functions(np.flipud, None, (2,))
    with pytest.raises(ValueError, match="dimsd is"):
        from_functions(np.flipud, np.flipud, (2,), (0,))


def test_results_that_were_not_declared_are_named():
    with pytest.raises(ValueError, match=r"shape \(2,\) where \(3,\) was declared"):
        from_functions(lambda x: x[:2], lambda y: y, (3,)).apply(np.ones(3))
    with pytest.raises(TypeError, match="dtype=complex"):
        from_functions(np.fft.fft, np.fft.ifft, (4,)).apply(np.ones(4))
    assert from_functions(np.fft.fft, np.fft.ifft, (4,), dtype=complex).apply(np.ones(4)).dtype == np.complex128


def test_convolve2d_in_pylops_own_deblurring():
    # the model of PyLops's tutorial: a kernel, its middle as offset, lsqr with n-D switched off inside
    h = np.outer(np.hanning(5), np.hanning(3))
    x = {}
    for module in (pylops.signalprocessing.Convolve2D, Convolve2D):
        C = module(DIMS, h=h, offset=(2, 1), dtype="float64")
        x[module] = lsqr(C, C.matvec(Y.ravel()), np.zeros(72), niter=10)[0]
    one, two = x.values()
    np.testing.assert_allclose(one, two, rtol=1e-8, atol=1e-8)


# -- linear over the real numbers only --------------------------------------------------------------

_M = RNG.normal(size=(7, 5)) + 1j * RNG.normal(size=(7, 5))
COMPLEX = pylops.MatrixMult(_M, dtype=complex)
SPECTRUM = pylops.signalprocessing.FFT((6,), real=True)

#: operators of PyLops's that take real parts, each with what it does to (complex) arrays
REAL_LINEAR = {
    "real part of the result": (COMPLEX.toreal(adj=False), lambda x: np.dot(_M, x).real),
    "real arguments": (COMPLEX.toreal(forw=False), lambda x: np.dot(_M, x.real)),
    "twice": (2 * COMPLEX.toreal(forw=False), lambda x: 2 * np.dot(_M, x.real)),
    "behind a real one": (COMPLEX.toreal(forw=False) * pylops.Diagonal(np.arange(5.0)), lambda x: _M @ (np.arange(5) * x.real)),
    "before a complex one": (COMPLEX.H * COMPLEX.toreal(forw=False), lambda x: _M.conj().T @ (_M @ x.real)),
    "adjoint": (COMPLEX.toreal(forw=False).H, lambda y: np.dot(_M.conj().T, y).real),
    "Real": (pylops.Real(6), np.real),
    "Imag": (pylops.Imag(6), np.imag),
    "Conj": (pylops.Conj(6), np.conj),
    "half spectrum": (SPECTRUM, lambda x: SPECTRUM.matvec(x.real)),
    "half spectrum of differences": (
        SPECTRUM * pylops.FirstDerivative(6),
        lambda x: SPECTRUM.matvec(np.gradient(x.real) * [0, 1, 1, 1, 1, 0]),
    ),
}


@pytest.mark.parametrize("name", REAL_LINEAR)
def test_real_parts_have_the_adjoint_of_the_real_inner_product(name):
    op, action = REAL_LINEAR[name]
    B = aslinearoperator(op)
    x, y = (RNG.normal(size=n) + 1j * RNG.normal(size=n) for n in (B.shape[1], B.shape[0]))
    np.testing.assert_allclose(B.apply(x), action(x), atol=1e-12)
    # the transpose of the matrix over real and imaginary parts
    stacked = np.array([np.r_[B.apply(e).real, B.apply(e).imag] for e in (*np.eye(x.size), *(1j * np.eye(x.size)))]).T
    both = np.dot(stacked.T, np.r_[y.real, y.imag])
    np.testing.assert_allclose(B.apply_adjoint(y), both[: x.size] + 1j * both[x.size :], atol=1e-12)
    report = check_operator(B)
    assert report.ok, str(report)


@pytest.mark.parametrize("part", ["real", "imag"])
def test_a_real_or_imaginary_part_on_both_sides_is_a_real_matrix(part):
    B = aslinearoperator(COMPLEX.toreal() if part == "real" else COMPLEX.toimag())
    assert B.dtype.kind == "f"
    assert_adjoint(B, np.float64, RNG)
    np.testing.assert_allclose(matrix_of(B), getattr(_M, part), atol=1e-14)


@pytest.mark.parametrize(
    ("op", "words"),
    [
        (COMPLEX.toimag(forw=False), ["_RealImagLinearOperator", "not its adjoint", "toreal"]),
        (COMPLEX.toimag(adj=False), ["not its adjoint", "toreal"]),
        (1j * COMPLEX.toreal(forw=False), ["not its adjoint"]),
        (pylops.VStack([COMPLEX.toreal(forw=False)] * 2), ["VStack", "drops imaginary parts", "dtype=complex"]),
    ],
)
def test_what_has_no_true_adjoint_is_refused(op, words):
    with pytest.raises(TypeError) as raised:
        aslinearoperator(op)
    for word in words:
        assert word in str(raised.value)


def test_conjugates_of_matrices_are_linear_and_boolean_diagonals_are_numbers():
    np.testing.assert_allclose(matrix_of(aslinearoperator(COMPLEX.conj()), np.complex128), _M.conj(), atol=1e-14)
    for diagonal in (np.array([True, False, True]), np.array([1, 0, 2]), np.array([3, 3, 3], np.uint8), np.ones(3, bool)):
        B = aslinearoperator(pylops.Diagonal(diagonal))
        assert check_operator(B).ok
        assert B.norm_bound() == diagonal.max()
        s = B.symbol(Fourier((3,), (0,)))
        assert (s is None) == (len(set(diagonal.tolist())) > 1)
    turned = pylops.Diagonal(np.full(3, 1j), dtype=complex)
    assert aslinearoperator(turned).symbol(Fourier((3,), (0,))) is None
    assert aslinearoperator(turned).symbol(Fourier((3,), (0,), real=False)) == pytest.approx(1j)
