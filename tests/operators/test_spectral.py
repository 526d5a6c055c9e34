import numpy as np
import pytest

from unblur.operators import Cosine, CosineTransform, Fourier, FourierTransform

from ._explicit import along, check_contract, check_matrix, check_symbols, cosine_matrix, matrix


def fourier_matrix(n):
    k, i = np.indices((n, n))
    return np.exp(-2j * np.pi * k * i / n) / np.sqrt(n)


def orthonormal_cosine_matrix(n):
    C = cosine_matrix(n) * np.sqrt(2 / n)
    C[0] /= np.sqrt(2)
    return C


@pytest.mark.parametrize(("dims", "axes"), [((5,), None), ((1,), 0), ((4, 3), None), ((4, 3, 2), (0, 1)), ((3, 4), -1)])
@pytest.mark.parametrize(
    ("kind", "along_one"), [(FourierTransform, fourier_matrix), (CosineTransform, orthonormal_cosine_matrix)]
)
def test_transforms_are_unitary_matrices(kind, along_one, dims, axes):
    A = kind(dims, axes)
    expected = np.eye(int(np.prod(dims)))
    for axis in A.axes:
        expected = along(along_one(dims[axis]), dims, axis) @ expected
    check_matrix(A, expected)
    np.testing.assert_allclose(matrix(A) @ matrix(A).conj().T, np.eye(len(expected)), atol=1e-13)
    assert check_symbols(A, expected, [Fourier(dims, (0,), real=False), Cosine(dims, (0,))]) == [(False, True)] * 2
    check_contract(A)


@pytest.mark.parametrize("kind", [FourierTransform, CosineTransform])
@pytest.mark.parametrize("dims", [(31, 40), (32, 17, 3)])
def test_larger_images(kind, dims):
    check_contract(kind(dims, axes=(0, 1)))


def test_bad_arguments():
    with pytest.raises(ValueError, match="axes is 2; each must be from -2 to 1"):
        FourierTransform((4, 4), 2)
    with pytest.raises(TypeError, match="dims is 'image'"):
        CosineTransform("image")
