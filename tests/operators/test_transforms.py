import numpy as np
import pytest
import scipy.fft

from unblur.operators import Cosine

from ._explicit import along, cosine_matrix, random


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize(("dims", "axes"), [((5,), (0,)), ((4, 5, 3), (0, 1)), ((4, 5, 3), (2,))])
def test_cosine_transform(dims, axes, dtype):
    T, x = Cosine(dims, axes), random(dims, dtype)
    X = T.forward(x)
    expected = x.ravel()
    for axis in axes:
        expected = along(2 * cosine_matrix(dims[axis]), dims, axis) @ expected
    eps = np.finfo(dtype).eps
    assert X.dtype == x.dtype
    assert X.shape == T.shape == dims
    np.testing.assert_allclose(X.ravel(), expected, atol=1e3 * eps)
    np.testing.assert_allclose(T.inverse(X.copy()), x, atol=1e2 * eps)
    sizes = tuple(n - 1 if a in axes else n for a, n in enumerate(dims))
    window = tuple(map(slice, sizes))
    np.testing.assert_allclose(T.inverse(X.copy(), sizes), x[window], atol=1e2 * eps)
    padded = np.pad(x[window], [(0, n - m) for n, m in zip(dims, sizes, strict=True)])
    np.testing.assert_allclose(T.forward(x[window]), scipy.fft.dctn(padded, axes=axes), atol=1e3 * eps)


def test_cosine_frequencies():
    T = Cosine((4, 5), (1,))
    assert T.frequencies(1).shape == (1, 5)
    np.testing.assert_allclose(T.frequencies(1).ravel(), np.pi * np.arange(5) / 5)
    assert repr(T) == "Cosine(4×5, axes (1,))"
