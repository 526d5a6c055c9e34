import numpy as np
import pytest

from unblur.operators import Blur, Cosine, Crop, Downsample, Fourier, Mask, aslinearoperator, structure

from ._explicit import along, check_contract, check_matrix, matrix, random


def kept(dims, window):
    """The rows of the identity that a window keeps."""
    indices = np.arange(np.prod(dims)).reshape(dims)[window].ravel()
    return np.eye(int(np.prod(dims)))[indices]


@pytest.mark.parametrize(
    ("A", "window"),
    [
        (Crop((5, 4), (slice(1, 4), slice(None))), np.s_[1:4, :]),
        (Crop((5,), (slice(-2, None),)), np.s_[-2:]),
        (Downsample((7,), 2), np.s_[::2]),
        (Downsample((8,), 3, offset=2), np.s_[2::3]),
        (Downsample((6, 5, 3), 2, axes=(0, 1), offset=(1, 0)), np.s_[1::2, ::2]),
        (Downsample((6, 5, 3), (1, 3), axes=(-1, 0)), np.s_[::3, :, ::1]),
        (Downsample((4, 3), 1), np.s_[:, :]),
    ],
)
def test_windows(A, window):
    check_matrix(A, kept(A.dims, window))
    check_contract(A)
    M, K = A.split()
    assert M is A
    np.testing.assert_array_equal(matrix(K), np.eye(K.shape[0]))
    g = A.gram_symbol(Fourier(A.dims, (0,)))
    assert (g is not None) == (A.dims == A.dimsd)


@pytest.mark.parametrize(("shape", "dims"), [((7,), None), ((6, 5), None), ((6, 5, 1), (6, 5, 3)), ((5,), (6, 5))])
def test_mask(shape, dims):
    mask = np.random.default_rng(1).random(shape) < 0.6
    A = Mask(mask, dims)
    check_matrix(A, np.diag(np.broadcast_to(mask, A.dims).ravel().astype(float)))
    check_contract(A)
    assert A.split()[0] is A
    x = np.where(mask, random(A.dims), np.nan)
    np.testing.assert_array_equal(A.apply(x), np.where(mask, x, 0))
    assert A.symbol(Cosine(A.dims, (0,))) is None
    assert Mask(np.ones(3, bool)).symbol(Cosine((3,), (0,))).item() == 1
    assert Mask(np.zeros(3, bool)).norm_bound() == 0


@pytest.mark.parametrize("boundary", ["periodic", "unknown"])
def test_blur_then_decimate(boundary):
    """Super-resolution: a product of ours, whose split solvers see."""
    K = Blur(random((3, 2)), (6, 7), boundary=boundary)
    A = aslinearoperator(Downsample((6, 7), 2) * K)
    dense = kept((6, 7), np.s_[::2, ::2]) @ matrix(K)
    check_matrix(A, dense)
    check_contract(A)
    M, inner = structure.split(A)
    transform = Fourier(K.dims, (0, 1))
    assert structure.symbol(inner, transform) is not None
    np.testing.assert_allclose(matrix(aslinearoperator(M)) @ matrix(aslinearoperator(inner)), dense, atol=1e-12)


def test_downsampling_twice_is_one_selection():
    A = Downsample((4,), 2) * Downsample((8,), 2)
    M, K = structure.split(A)
    np.testing.assert_array_equal(matrix(aslinearoperator(M)), kept((8,), np.s_[::4]))
    np.testing.assert_array_equal(matrix(aslinearoperator(K)), along(np.eye(8), (8,), 0))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Downsample((8,), 0), ValueError, "factor is 0; for axes"),
        (lambda: Downsample((8,), 9), ValueError, "factor is 9; .* from 1 to"),
        (lambda: Downsample((8, 8), (2, 2, 2)), ValueError, r"factor is \(2, 2, 2\); for axes \(0, 1\)"),
        (lambda: Downsample((8,), 2.5), TypeError, "factor is 2.5; give a whole number"),
        (lambda: Downsample((8,), 2, offset=2), ValueError, "offset is 2; .* from 0 to"),
        (lambda: Downsample((8,), 2, axes=1), ValueError, "axes is 1"),
        (lambda: Mask([1, 0, 1]), TypeError, "mask has dtype int64; give booleans, such as mask != 0"),
        (lambda: Mask(np.ones((3, 4), bool), (3, 5)), ValueError, r"mask has shape \(3, 4\), .* broadcast to dims \(3, 5\)"),
        (lambda: Crop((4,), (slice(0, 4, 2),)), ValueError, "each slice must have step 1"),
        (lambda: Crop((4, 4), (slice(0, 2),)), ValueError, "give a slice for each of the 2 axes"),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()
