import numpy as np
import pytest

from unblur.operators import Blur, Gradient, VaryingBlur

from ._explicit import BOUNDARIES, along, check_contract, check_matrix, convolution, matrix, random

ALL = (*BOUNDARIES, "unknown")


def linear(places, n, start=0):
    """The share of each position at each pixel, written out."""
    w = np.zeros((len(places), n))
    for i in range(n):
        at = i - start
        if at <= places[0]:
            w[0, i] = 1
        elif at >= places[-1]:
            w[-1, i] = 1
        else:
            j = max(k for k, p in enumerate(places) if p <= at)
            share = (at - places[j]) / (places[j + 1] - places[j])
            w[j, i], w[j + 1, i] = 1 - share, share
    return w


def expected_matrix(psfs, shape, boundary, order, places, A):
    d = len(shape)
    grid, psf_shape = psfs.shape[:d], psfs.shape[d:]
    if boundary == "unknown" and order == "before":
        starts = [p - 1 - p // 2 for p in psf_shape]
        weights = [linear(p, n, s) for p, n, s in zip(places, A.dims, starts, strict=True)]
    else:
        weights = [linear(p, n) for p, n in zip(places, shape, strict=True)]
    total = 0
    for place in np.ndindex(*grid):
        w = np.ones(1)
        for axis, j in enumerate(place):
            w = np.multiply.outer(w, weights[axis][j])
        K = convolution(psfs[place], shape, boundary, dims=A.dims)
        total = total + (K * w.ravel() if order == "before" else w.ravel()[:, None] * K)
    return total


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("boundary", ALL)
@pytest.mark.parametrize(
    ("grid", "psf", "shape", "positions"),
    [
        ((3,), (3,), (8,), None),
        ((2,), (4,), (7,), [[1.5, 5]]),
        ((1,), (5,), (3,), None),
        ((2, 3), (3, 2), (5, 6), None),
        ((2, 2), (1, 3), (4, 5), [[0, 3], [-1, 7]]),
    ],
)
def test_varying_blur_is_its_matrix(grid, psf, shape, positions, boundary, order):
    psfs = random((*grid, *psf))
    A = VaryingBlur(psfs, shape, boundary=boundary, order=order, positions=positions)
    tiles = [(np.arange(g) + 0.5) * n / g - 0.5 for g, n in zip(grid, shape, strict=True)]
    check_matrix(A, expected_matrix(psfs, shape, boundary, order, tiles if positions is None else positions, A))
    check_contract(A)


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("boundary", ALL)
@pytest.mark.parametrize("shape", [(20, 23), (21, 18, 3)])
def test_larger_images(shape, boundary, order):
    A = VaryingBlur(random((2, 3, 5, 4)), shape, boundary=boundary, order=order, axes=(0, 1), center=(0, 3))
    check_contract(A)


@pytest.mark.parametrize("order", ["before", "after"])
def test_equal_psfs_are_one_blur(order):
    psf = random((3, 4))
    for boundary in ALL:
        A = VaryingBlur(np.broadcast_to(psf, (2, 3, 3, 4)), (6, 7), boundary=boundary, order=order)
        np.testing.assert_allclose(matrix(A), matrix(Blur(psf, (6, 7), boundary=boundary)), atol=1e-12)


def test_batch_axes_and_channels():
    psfs = random((2, 2, 3, 3))
    plain = matrix(VaryingBlur(psfs, (4, 5), boundary="mirror"))
    colour = VaryingBlur(psfs, (4, 5, 2), boundary="mirror", axes=(0, 1))
    np.testing.assert_allclose(matrix(colour), along(plain, (20, 2), 0), atol=1e-12)
    each = VaryingBlur(psfs[..., None] * np.array([1.0, 2.0]), (4, 5, 2), boundary="mirror", axes=(0, 1))
    np.testing.assert_allclose(matrix(each), np.kron(plain, np.diag([1.0, 2.0])), atol=1e-12)
    assert np.linalg.norm(matrix(each), 2) <= each.norm_bound()


def test_complex_psfs():
    A = VaryingBlur(random((2, 3), np.complex128), (7,), boundary="nearest")
    check_contract(A)


def test_the_adjoint_of_one_order_is_the_other_with_flipped_psfs():
    psfs = random((3, 5))
    A = VaryingBlur(psfs, (9,), boundary="periodic", order="before")
    B = VaryingBlur(psfs[:, ::-1], (9,), boundary="periodic", order="after")
    np.testing.assert_allclose(matrix(A, adjoint=True), matrix(B), atol=1e-12)


def test_field_of_view():
    A = VaryingBlur(np.ones((2, 2, 3, 4)), (12, 13), boundary="unknown", dims=(20, 20))
    y = random((12, 13))
    assert A.dims == (20, 20)
    np.testing.assert_array_equal(A.crop(A.extend(y)), y)
    np.testing.assert_array_equal(A.crop(A.extend(y)), A.extend(y)[A.field_of_view])
    assert Gradient(A).dimsd == (2, 20, 20)
    assert A.ffts == 5
    assert repr(A) == "VaryingBlur(2×2 psfs 3×4, 12×13, boundary='unknown', order='before', x on 20×20)"


def test_from_function_takes_the_centres_of_tiles():
    seen = []

    def psf(y, x):
        seen.append((y, x))
        return [[1 - x / 10, x / 10]]

    A = VaryingBlur.from_function(psf, (4, 9, 3), (2, 3), boundary="zero", axes=(0, 1), order="after")
    assert seen == [(0.5, 1.0), (0.5, 4.0), (0.5, 7.0), (2.5, 1.0), (2.5, 4.0), (2.5, 7.0)]
    assert A.psfs.shape == (2, 3, 1, 2)
    # a linear change of the PSF is interpolated exactly: in between, and constant beyond
    x = random((4, 9, 3))
    share = np.clip(np.arange(9), 1, 7)[None, :, None] / 10
    following = np.pad(x, ((0, 0), (0, 1), (0, 0)))[:, 1:]
    np.testing.assert_allclose(A.apply(x), (1 - share) * following + share * x, atol=1e-14)
    assert VaryingBlur.from_function(psf, (4, 9), 2, boundary="zero").psfs.shape == (2, 2, 1, 2)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: VaryingBlur(np.ones((2, 3, 3)), (8, 8), boundary="zero"), ValueError, "psfs has 3 dimensions; .* give 2 of"),
        (lambda: VaryingBlur(np.ones((2, 2, 3, 3)), (8, 8, 3), boundary="zero"), ValueError, "name other axes"),
        (lambda: VaryingBlur(np.ones((2, 3)), (8,), boundary="zero", order="both"), ValueError, "order is 'both'; choose"),
        (lambda: VaryingBlur(np.ones((2, 3)), (8,), boundary="edge"), ValueError, "boundary is 'edge'"),
        (lambda: VaryingBlur(np.ones((2, 3)), (8,), boundary="zero", positions=[[1]]), ValueError, "positions has shapes"),
        (
            lambda: VaryingBlur(np.ones((2, 3)), (8,), boundary="zero", positions=[[5, 1]]),
            ValueError,
            "finite and increase",
        ),
        (lambda: VaryingBlur(np.zeros((2, 3)), (8,), boundary="zero"), ValueError, "psf is all zero"),
        (lambda: VaryingBlur.from_function(3, (8,), 2, boundary="zero"), TypeError, "function is 3; give a function"),
        (lambda: VaryingBlur.from_function(lambda x: [1], (8,), (2, 2), boundary="zero"), ValueError, r"grid is \(2, 2\); give"),
        (
            lambda: VaryingBlur.from_function(lambda x: np.ones(1 + (x > 4)), (8,), 2, boundary="zero"),
            ValueError,
            "PSFs of shapes .* make them one size",
        ),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()
