from __future__ import annotations

import pickle
from functools import reduce

import numpy as np
import pytest

from unblur.operators import Blur, set_workers
from unblur.operators._separable import factors

from .dense import BOUNDARIES, DTYPES, assert_adjoint, assert_close, matrix_of, random_array
from .test_blur import CASES, dense_of

ONE_FOR_ALL = [name for name in CASES if "per" not in name]
cases = pytest.mark.parametrize("case", ONE_FOR_ALL)
boundaries = pytest.mark.parametrize("boundary", BOUNDARIES)


def make(case, boundary, rng, dtype=np.float64):
    shape, psf_shape, axes, center = CASES[case]
    psf = reduce(np.multiply.outer, [random_array(rng, (n,), dtype) for n in psf_shape])
    return Blur(psf, shape, boundary=boundary, axes=axes, center=center, separable=True)


@cases
@boundaries
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_passes_equal_the_dense_matrix(case, boundary, dtype):
    A = make(case, boundary, np.random.default_rng(1), dtype)
    assert A.ffts == 0
    dense = dense_of(A)
    assert_close(matrix_of(A), dense)
    assert_close(matrix_of(A.H), dense.conj().T)


@cases
@boundaries
@pytest.mark.parametrize("dtype", DTYPES)
def test_adjoint_of_the_passes_is_exact(case, boundary, dtype):
    rng = np.random.default_rng(2)
    assert_adjoint(make(case, boundary, rng), dtype, rng)
    assert_adjoint(make(case, boundary, rng, np.complex128), dtype, rng)


@boundaries
@pytest.mark.parametrize("shape", [(300, 301), (4, 150, 151), (70_001,)])
def test_sizes_at_which_the_work_is_cut_in_pieces(boundary, shape):
    rng = np.random.default_rng(3)
    psf = reduce(np.multiply.outer, [rng.uniform(size=n) for n in (3, 4, 2)[: len(shape)]])
    one, other = (Blur(psf, shape, boundary=boundary, separable=s) for s in (True, False))
    assert (one.ffts, other.ffts) == (0, 2)
    for dtype in (np.float32, np.float64):
        x, y = rng.standard_normal(one.dims).astype(dtype), rng.standard_normal(one.dimsd).astype(dtype)
        assert one.apply(x).dtype == dtype
        assert_close(one.apply(x), other.apply(x), dtype)
        assert_close(one.apply_adjoint(y), other.apply_adjoint(y), dtype)


def test_a_common_grid():
    A = Blur(np.ones((3, 2)), (7, 6), boundary="unknown", dims=(18, 16), separable=True)
    B = Blur(np.ones((3, 2)), (7, 6), boundary="unknown", dims=(18, 16), separable=False)
    assert_close(matrix_of(A), matrix_of(B))
    assert_close(matrix_of(A.H), matrix_of(B.H))
    x = np.random.default_rng(4).standard_normal(A.dims)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(A)).apply(x), A.apply(x))


def test_what_is_a_product_is_found():
    rng = np.random.default_rng(5)
    kernels = [rng.standard_normal(n) for n in (5, 4, 3)]
    psf = reduce(np.multiply.outer, kernels)
    found = factors(psf)
    np.testing.assert_allclose(reduce(np.multiply.outer, found), psf, rtol=1e-14)
    psf[0, 0, 0] *= 1 + 1e-9
    assert factors(psf) is None
    assert factors(np.eye(3)) is None


def test_short_products_are_taken_and_others_left():
    assert Blur(np.ones((3, 5)), (64, 64), boundary="reflect").ffts == 0
    assert Blur(np.ones((3, 5)), (64, 64), boundary="reflect", separable=False).ffts == 2
    assert Blur(np.ones((25, 25)), (64, 64), boundary="reflect").ffts == 2
    assert Blur(np.eye(3), (64, 64), boundary="reflect").ffts == 2


def test_what_is_no_product_is_named():
    with pytest.raises(ValueError, match=r"separable is True.*\(3, 3\)"):
        Blur(np.eye(3), (8, 8), boundary="zero", separable=True)
    with pytest.raises(ValueError, match="separable is True"):
        Blur(np.ones((3, 3, 2)), (8, 8, 2), axes=(0, 1), boundary="zero", separable=True)


@pytest.mark.parametrize("boundary", ["periodic", "zero", "reflect", "mirror", "nearest", "unknown"])
@pytest.mark.parametrize("shape", [(5, 300), (300, 5), (40, 31, 3), (7, 40, 31), (2, 9, 50, 2), (1, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_compiled_passes_are_those_of_numpy_and_their_transposes(boundary, shape, dtype):
    rng = np.random.default_rng(11)
    axes = (1, 2) if len(shape) > 2 else (0, 1)
    kernels = rng.standard_normal(8), rng.standard_normal(11)
    A = Blur(np.outer(*kernels), shape, boundary=boundary, axes=axes, center=(2, 9), separable=True)
    rounding = 200 * np.finfo(dtype).eps
    x, y = (rng.standard_normal(dims).astype(dtype) for dims in (A.dims, A.dimsd))
    for compiled, z in ((A.apply, x), (A.apply_adjoint, y)):
        # complex arrays go by NumPy
        expected = compiled(z + 0j).real
        np.testing.assert_allclose(compiled(z), expected, rtol=0, atol=rounding * np.abs(expected).max())
    Ax, Ay = A.apply(x), A.apply_adjoint(y)
    gap = abs(np.vdot(Ax.astype(float), y) - np.vdot(x.astype(float), Ay))
    assert gap <= 50 * np.finfo(dtype).eps * np.sqrt(x.size) * np.linalg.norm(Ax) * np.linalg.norm(y) + 1e-300


def test_passes_do_not_depend_on_the_number_of_threads():
    A = Blur(np.outer(np.hanning(9)[1:-1], np.hanning(9)[1:-1]), (200, 333), boundary="mirror")
    x = np.random.default_rng(12).standard_normal(A.dims).astype(np.float32)
    answers = []
    try:
        for workers in (1, 2, 5):
            set_workers(workers)
            answers.append((A.apply(x), A.apply_adjoint(x)))
    finally:
        set_workers(None)
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer, answers[0])
