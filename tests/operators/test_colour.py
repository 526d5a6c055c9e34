import numpy as np
import pytest

from unblur.operators import Bayer, ChannelMix, Cosine, Fourier

from ._explicit import along, check_contract, check_matrix, check_symbols, random


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
@pytest.mark.parametrize("m", [1, 3, 4])
def test_channel_mix(axis, m):
    dims = (3, 3, 3)
    matrix = random((m, 3), seed=m)
    A = ChannelMix(matrix, dims, axis)
    check_matrix(A, along(matrix, dims, axis % 3))
    check_contract(A)


def test_complex_channel_mix():
    matrix = random((2, 3), np.complex128)
    A = ChannelMix(matrix, (4, 3))
    np.testing.assert_allclose(A.apply(random((4, 3))), random((4, 3)) @ matrix.T)
    check_contract(A)


def test_channel_mix_symbols():
    dims, space, every = (4, 5, 3), (0, 1), (0, 1, 2)
    transforms = [Fourier(dims, space), Cosine(dims, space), Fourier(dims, every)]
    diagonal = np.diag([1.0, -2.0, 3.0])
    rotation = np.linalg.qr(random((3, 3)))[0]
    scaled = 2 * rotation
    for matrix, claims in (
        (diagonal, [(True, True), (True, True), (False, False)]),
        (scaled, [(False, True)] * 3),
        (random((3, 3)), [(False, False)] * 3),
        (-1.5 * np.eye(3), [(True, True)] * 3),
    ):
        A = ChannelMix(matrix, dims)
        assert check_symbols(A, along(matrix, dims, 2), transforms) == claims
    assert ChannelMix([[1.0, 2, 3]], dims).gram_symbol(transforms[0]) is None


def mosaic(dims, pattern, channel_axis, rows, columns):
    """The rows of the identity that the filters let through."""
    others = [a for a in range(len(dims)) if a != channel_axis]
    M = []
    for place in np.ndindex(*(dims[a] for a in others)):
        at = dict(zip(others, place, strict=True))
        letter = pattern[2 * (at[rows] % 2) + at[columns] % 2]
        unit = np.zeros(dims)
        unit[tuple("RGB".index(letter) if a == channel_axis else at[a] for a in range(len(dims)))] = 1
        M.append(unit.ravel())
    return np.array(M)


@pytest.mark.parametrize("pattern", ["RGGB", "BGGR", "GRBG", "GBRG"])
@pytest.mark.parametrize(
    ("dims", "axis", "axes"),
    [((4, 5, 3), -1, None), ((3, 5, 4), 0, None), ((2, 3, 3, 4), 2, (1, 3)), ((1, 1, 3), 2, None)],
)
def test_bayer(dims, axis, axes, pattern):
    A = Bayer(dims, pattern, axis, axes)
    check_matrix(A, mosaic(dims, pattern, A.axis, *A.axes))
    check_contract(A)
    assert A.split()[0] is A
    y = random(A.dimsd)
    np.testing.assert_array_equal(A.apply(A.apply_adjoint(y)), y)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ChannelMix(np.eye(2), (4, 3)), ValueError, r"matrix has shape \(2, 2\); for the 3 channels of axis -1"),
        (lambda: ChannelMix([[np.nan, 1, 1]], (4, 3)), ValueError, "NaN"),
        (lambda: ChannelMix([["a", "b", "c"]], (4, 3)), TypeError, "matrix has dtype"),
        (lambda: ChannelMix(np.eye(3), (4, 3), axis=2), ValueError, "axis is 2"),
        (lambda: Bayer((4, 4)), ValueError, "axis is -1, along which dims .* has 4 channels; name the axis of 3"),
        (lambda: Bayer((2, 4, 4, 3)), ValueError, r"name the two axes of rows and columns, such as axes=\(0, 1\)"),
        (lambda: Bayer((4, 4, 3), "RGBW"), ValueError, "pattern is 'RGBW'; give the four filters"),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()
