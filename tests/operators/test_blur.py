from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from unblur.operators import Blur, Fourier, gram_symbol, split, symbol

from .dense import (
    BOUNDARIES,
    DTYPES,
    assert_adjoint,
    assert_close,
    assert_symbol,
    blur_matrix,
    matrix_of,
    place,
    random_array,
)

# name: image's shape, PSF's shape, axes, centre
CASES = {
    "1-D odd": ((13,), (5,), None, None),
    "1-D even, even PSF": ((12,), (4,), None, None),
    "2-D even PSF": ((7, 8), (4, 2), None, None),
    "2-D first": ((8, 7), (3, 4), None, (0, 0)),
    "2-D last": ((8, 7), (3, 4), None, (2, 3)),
    "2-D off-centre": ((6, 9), (5, 4), None, (1, 3)),
    "larger PSF": ((5, 6), (9, 14), None, None),
    "larger PSF, first": ((4, 5), (12, 5), None, (0, 4)),
    "3-D": ((4, 5, 3), (2, 3, 5), None, None),
    "colour last": ((6, 7, 3), (3, 4), (0, 1), None),
    "colour first": ((3, 6, 5), (3, 2), (1, 2), (0, 1)),
    "one axis": ((4, 3, 5), (4,), 1, 2),
    "PSF per channel": ((6, 5, 3), (3, 2, 3), (0, 1), None),
    "PSF of one channel": ((6, 5, 3), (3, 2, 1), (0, -2), (2, 0)),
    "PSF per time step": ((2, 9), (2, 4), 1, None),
    "one sample": ((1, 1), (3, 2), None, None),
}
cases = pytest.mark.parametrize("case", CASES, ids=str)
boundaries = pytest.mark.parametrize("boundary", BOUNDARIES)


def make(case, boundary, rng, dtype=np.float64):
    shape, psf_shape, axes, center = CASES[case]
    psf = random_array(rng, psf_shape, dtype)
    return Blur(psf, shape, boundary=boundary, axes=axes, center=center)


def dense_of(A):
    """The matrix, its margins from the definition: P − 1 − c samples before the image."""
    start = [0] * len(A.dims)
    if A.boundary == "unknown":
        for axis, c in zip(A.axes, A.center, strict=True):
            size = A.psf.shape[axis] if A.psf.ndim == len(A.dims) else A.psf.shape[A.axes.index(axis)]
            start[axis] = size - 1 - c
    return blur_matrix(A.psf, A.dimsd, A.boundary, A.axes, A.center, A.dims, start)


@cases
@boundaries
@pytest.mark.parametrize("dtype", DTYPES)
def test_adjoint_is_exact(case, boundary, dtype):
    rng = np.random.default_rng(1)
    assert_adjoint(make(case, boundary, rng), dtype, rng)
    assert_adjoint(make(case, boundary, rng, np.complex128), dtype, rng)


@cases
@boundaries
def test_equals_the_dense_matrix(case, boundary):
    rng = np.random.default_rng(2)
    A = make(case, boundary, rng)
    dense = dense_of(A)
    assert_close(matrix_of(A), dense)
    assert_close(matrix_of(A.H), dense.T)
    x = random_array(rng, A.dims, np.complex128)
    assert_close(A.apply(x).ravel(), dense @ x.ravel())
    assert A.norm_bound() >= np.linalg.norm(dense, 2) * (1 - 1e-12)


@cases
@boundaries
def test_complex_psf_equals_the_dense_matrix(case, boundary):
    rng = np.random.default_rng(3)
    A = make(case, boundary, rng, np.complex128)
    dense = dense_of(A)
    assert_close(matrix_of(A), dense)
    assert_close(matrix_of(A.H), dense.conj().T)
    assert A.norm_bound() >= np.linalg.norm(dense, 2) * (1 - 1e-12)


@boundaries
def test_every_size_parity_and_centre_in_one_dimension(boundary):
    rng = np.random.default_rng(4)
    for n in (1, 2, 5, 6):
        for size in (1, 2, 3, 4, 7, 12):
            for center in {0, size // 2, size - 1, min(1, size - 1)}:
                A = Blur(rng.standard_normal(size), (n,), boundary=boundary, center=center)
                dense = dense_of(A)
                assert_close(matrix_of(A), dense)
                assert_close(matrix_of(A.H), dense.T)


@boundaries
def test_axes_out_of_order_keep_their_psf_and_centre(boundary):
    rng = np.random.default_rng(16)
    psf = rng.standard_normal((4, 3))
    A = Blur(psf, (6, 3, 7), boundary=boundary, axes=(2, 0), center=(3, 0))
    B = Blur(psf.T, (6, 3, 7), boundary=boundary, axes=(0, 2), center=(0, 3))
    assert A.dims == B.dims
    x = rng.standard_normal(A.dims)
    np.testing.assert_array_equal(A.apply(x), B.apply(x))


MODES = {"periodic": "wrap", "zero": "constant", "reflect": "reflect", "mirror": "mirror", "nearest": "nearest"}


@pytest.mark.parametrize("boundary", MODES)
@pytest.mark.parametrize("shape", [(9,), (8, 11), (7, 6, 5)])
def test_equals_ndimage(boundary, shape):
    rng = np.random.default_rng(5)
    x = rng.standard_normal(shape)
    for size in (1, 2, 3, 4, 5):
        psf = rng.standard_normal((size, 3, 2)[: len(shape)])
        for center in {tuple(n // 2 for n in psf.shape), (0,) * psf.ndim, tuple(n - 1 for n in psf.shape)}:
            # ndimage flips the kernel, so its origin counts from the middle of the flipped one
            origin = [c - n // 2 for n, c in zip(psf.shape, center, strict=True)]
            expected = scipy.ndimage.convolve(x, psf, mode=MODES[boundary], origin=origin)
            A = Blur(psf, shape, boundary=boundary, center=center)
            assert_close(A.apply(x), expected)
            assert_close(A.apply(x.astype(np.float32)), expected, np.float32)


@cases
def test_unknown_boundary_equals_valid_convolution(case):
    rng = np.random.default_rng(6)
    A = make(case, "unknown", rng)
    x = rng.standard_normal(A.dims)
    psf = A.psf
    if psf.ndim < x.ndim:
        psf = psf.reshape([psf.shape[A.axes.index(a)] if a in A.axes else 1 for a in range(x.ndim)])
    psf = np.broadcast_to(psf, [n if a in A.axes else x.shape[a] for a, n in enumerate(psf.shape)])
    apart = [a for a in range(x.ndim) if a not in A.axes]
    expected = np.empty(A.dimsd)
    for index in np.ndindex(*(x.shape[a] for a in apart)):
        one = [slice(None)] * x.ndim
        for a, i in zip(apart, index, strict=True):
            one[a] = i
        one = tuple(one)
        valid = scipy.signal.convolve(x[one], psf[one], mode="valid", method="direct")
        expected[one] = valid[tuple(slice(A.dimsd[a]) for a in A.axes)]
    assert_close(A.apply(x), expected)


@cases
@boundaries
def test_crop_undoes_extend(case, boundary):
    rng = np.random.default_rng(7)
    A = make(case, boundary, rng)
    y = rng.standard_normal(A.dimsd).astype(np.float32)
    x = A.extend(y)
    assert x.shape == A.dims
    assert x.dtype == np.float32
    assert not np.may_share_memory(x, y)
    np.testing.assert_array_equal(A.crop(x), y)


def test_forced_dims_give_several_blurs_one_grid():
    rng = np.random.default_rng(8)
    for psf_shape in ((3, 3), (4, 1), (6, 5)):
        A = Blur(rng.standard_normal(psf_shape), (7, 6), boundary="unknown", dims=(18, 16))
        assert A.dims == (18, 16)
        start = [(18 - 7) // 2, (16 - 6) // 2]
        assert_close(matrix_of(A), blur_matrix(A.psf, (7, 6), "unknown", A.axes, A.center, A.dims, start))
        y = rng.standard_normal((7, 6))
        np.testing.assert_array_equal(A.crop(A.extend(y)), y)
        assert A.field_of_view == (slice(5, 12), slice(5, 11))


@cases
@pytest.mark.parametrize("real", [True, False])
def test_symbol_of_a_periodic_blur(case, real):
    A = make(case, "periodic", np.random.default_rng(9))
    transform = Fourier(A.dims, A.axes, real=real)
    dense = dense_of(A)
    # a PSF for each channel varies along an axis that the transform leaves alone: the spectrum is still a diagonal
    assert_symbol(dense, symbol(A, transform), transform)
    assert_symbol(dense.T @ dense, gram_symbol(A, transform), transform)


@cases
@boundaries
def test_every_symbol_claimed_over_all_axes_is_true(case, boundary):
    A = make(case, boundary, np.random.default_rng(10))
    for real in (True, False):
        transform = Fourier(A.dims, tuple(range(len(A.dims))), real=real)
        claimed = symbol(A, transform)
        if boundary != "periodic" or "per" in case:
            assert claimed is None
        else:
            assert_symbol(dense_of(A), claimed, transform)


def test_symbol_of_a_complex_psf():
    A = make("2-D even PSF", "periodic", np.random.default_rng(11), np.complex128)
    assert A.symbol(Fourier(A.dims, A.axes)) is None
    transform = Fourier(A.dims, A.axes, real=False)
    assert_symbol(dense_of(A), A.symbol(transform), transform)


def test_symbol_is_refused_for_another_grid():
    A = make("2-D even PSF", "periodic", np.random.default_rng(12))
    assert A.symbol(Fourier((8, 7), (0, 1))) is None
    assert A.symbol(Fourier(A.dims, (0,))) is None


@cases
def test_split_is_a_selection_after_a_periodic_blur(case):
    A = make(case, "unknown", np.random.default_rng(13))
    M, K = split(A)
    dense_M = matrix_of(M)
    assert set(np.unique(dense_M)) <= {0.0, 1.0}
    gram = dense_M.T @ dense_M
    np.testing.assert_array_equal(gram, np.diag(np.diag(gram)))
    assert_close(dense_M @ matrix_of(K), dense_of(A))
    assert symbol(K, Fourier(A.dims, A.axes)) is not None


@boundaries
def test_pickle_drops_the_cached_spectra(boundary):
    rng = np.random.default_rng(14)
    A = make("2-D off-centre", boundary, rng)
    x = rng.standard_normal(A.dims)
    before = len(pickle.dumps(A))
    expected = A.apply(x)
    data = pickle.dumps(A)
    assert len(data) <= before + 100
    np.testing.assert_array_equal(pickle.loads(data).apply(x), expected)


@boundaries
def test_eight_threads_give_the_same_bits(boundary):
    rng = np.random.default_rng(15)
    psf = rng.standard_normal((5, 4))
    x = [rng.standard_normal((41, 37)).astype(np.float32) for _ in range(8)]
    serial, shared = Blur(psf, (41, 37), boundary=boundary), Blur(psf, (41, 37), boundary=boundary)
    x = [serial.extend(image) for image in x]
    expected = [serial.apply(image) for image in x]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            for a, b in zip(pool.map(shared.apply, x), expected, strict=True):
                np.testing.assert_array_equal(a, b)


def test_the_callers_psf_is_neither_kept_nor_changed():
    psf = np.ones((3, 3))
    A = Blur(psf, (6, 6), boundary="periodic")
    expected = A.apply(np.eye(6))
    B = Blur(psf, (6, 6), boundary="periodic")
    psf *= 2
    np.testing.assert_array_equal(B.apply(np.eye(6)), expected)


@boundaries
def test_repr_names_what_matters(boundary):
    A = Blur(np.ones((3, 5)), (60, 50), boundary=boundary)
    for part in ("Blur", "3×5", "60×50", repr(boundary)):
        assert part in repr(A)
    assert ("64×54" in repr(A)) == (boundary == "unknown")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"psf": np.zeros((3, 3))}, ValueError, ["psf", "zero"]),
        ({"psf": np.full((3, 3), np.nan)}, ValueError, ["psf", "NaN"]),
        ({"psf": np.ones((0, 3))}, ValueError, ["psf", "(0, 3)"]),
        ({"psf": np.array("abc")}, TypeError, ["psf", "dtype"]),
        ({"psf": np.array([[object()]])}, TypeError, ["psf", "object"]),
        ({"psf": np.ones(3)}, ValueError, ["psf", "axes"]),
        ({"psf": np.ones(3), "axes": (0, 1)}, ValueError, ["psf", "1 dimensions", "2"]),
        ({"psf": np.ones((3, 4)), "axes": 0}, ValueError, ["psf", "axis 1", "1 or 6"]),
        ({"boundary": "constant"}, ValueError, ["boundary", "'constant'", "'zero'"]),
        ({"boundary": ["zero"]}, ValueError, ["boundary", "['zero']"]),
        ({"axes": 2}, ValueError, ["axes", "2"]),
        ({"axes": (0, 0)}, ValueError, ["axes", "(0, 0)", "once"]),
        ({"axes": 1.5}, TypeError, ["axes", "1.5"]),
        ({"center": 3}, ValueError, ["center", "3"]),
        ({"center": (1,)}, ValueError, ["center", "(1,)"]),
        ({"center": (1.0, 1.0)}, ValueError, ["center", "(1.0, 1.0)"]),
        ({"center": (-1, 0)}, ValueError, ["center", "(-1, 0)"]),
        ({"dims": (9, 9)}, ValueError, ["dims", "(9, 9)", "periodic"]),
        ({"dims": (7, 9), "boundary": "unknown"}, ValueError, ["dims", "(7, 9)", "8"]),
        ({"dims": (9,), "boundary": "unknown"}, ValueError, ["dims", "(9,)", "2"]),
        ({"shape": (6, 0)}, ValueError, ["shape", "(6, 0)"]),
        ({"shape": "ab"}, TypeError, ["shape", "'ab'"]),
    ],
)
def test_bad_arguments_are_named(arguments, error, words):
    good = {"psf": np.ones((3, 3)), "shape": (6, 6), "boundary": "periodic"}
    with pytest.raises(error) as caught:
        Blur(**(good | arguments))
    for word in words:
        assert word in str(caught.value)


def test_boundary_has_no_default():
    with pytest.raises(TypeError, match="boundary"):
        Blur(np.ones(3), (5,))


def test_the_loops_know_the_boundaries():
    line = "abcd"
    expected = {"periodic": "cdabcdab", "reflect": "baabcddc", "mirror": "cbabcdcb", "nearest": "aaabcddd"}
    for boundary, word in expected.items():
        assert "".join(line[place(i, 4, boundary)] for i in range(-2, 6)) == word
