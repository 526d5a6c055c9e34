import numpy as np
import pytest
import scipy.fft

from unblur.operators import Cosine, Fourier

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


@pytest.mark.parametrize(
    "T",
    [
        Fourier((5, 6, 3), (0, 1)),
        Fourier((6, 5), (0, 1)),
        Fourier((6, 1), (0, 1)),
        Fourier((4, 5), (0,)),
        Fourier((4, 6), (0, 1), real=False),
        Cosine((5, 4, 3), (0, 1)),
    ],
    ids=str,
)
def test_energy_and_trace_are_sums_over_a_spectrum(T):
    x = random(T.dims, np.float64 if getattr(T, "real", True) else np.complex128)
    X = T.forward(x)
    np.testing.assert_allclose(np.sum(T.energy_weights() * np.abs(X) ** 2), np.sum(np.abs(x) ** 2), rtol=1e-13)
    # the trace of the identity
    assert np.sum(np.broadcast_to(T.multiplicity(), T.shape)) == x.size
