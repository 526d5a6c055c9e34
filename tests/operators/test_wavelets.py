from itertools import product

import numpy as np
import pytest
import pywt

from unblur.operators import Cosine, Fourier, StationaryWavelet, Wavelet

from ._explicit import check_contract, check_matrix, check_symbols, matrix, random

WAVELETS = ("haar", "db2", "db4", "sym8", "coif1")


def orthogonal(dims, wavelet, level, axes):
    """The matrix of PyWavelets' transform of x continued by zeros."""
    unit = 2**level
    width = [(0, -n % unit if a in axes else 0) for a, n in enumerate(dims)]
    columns = []
    for e in np.eye(int(np.prod(dims))).reshape(-1, *dims):
        coefficients = pywt.wavedecn(np.pad(e, width), wavelet, "periodization", level, axes)
        columns.append(pywt.coeffs_to_array(coefficients, axes=axes)[0].ravel())
    return np.stack(columns, axis=1)


def undecimated(dims, wavelet, level, axes):
    """The same filters with zeros between their taps, as circulant matrices."""
    w = pywt.Wavelet(wavelet)

    def circulant(taps, step, axis):
        n = dims[axis]
        M = np.zeros((n, n))
        for i in range(n):
            for k, tap in enumerate(taps):
                M[i, (i - (k - len(taps) // 2) * step) % n] += tap / np.sqrt(2)
        return np.kron(np.kron(np.eye(int(np.prod(dims[:axis]))), M), np.eye(int(np.prod(dims[axis + 1 :]))))

    coarse, details = np.eye(int(np.prod(dims))), []
    for step in range(level):
        bands = []
        for choice in product(("dec_lo", "dec_hi"), repeat=len(axes)):
            M = coarse
            for name, axis in zip(choice, axes, strict=True):
                M = circulant(getattr(w, name), 2**step, axis) @ M
            bands.append(M)
        coarse, details = bands[0], bands[1:] + details
    return np.concatenate([coarse, *details])


CASES = [
    ((8,), 3, (0,)),
    ((7,), 2, (0,)),
    ((1,), 1, (0,)),
    ((2,), 1, (0,)),
    ((6, 5), 2, (0, 1)),
    ((4, 3, 5), 1, (0, 2)),
    ((3, 4, 2), 1, (0, 1, 2)),
]


@pytest.mark.filterwarnings("ignore:Level value of:UserWarning")  # of PyWavelets, where filters are longer than x
@pytest.mark.parametrize("wavelet", WAVELETS)
@pytest.mark.parametrize(("dims", "level", "axes"), CASES)
def test_wavelets_are_their_matrices(dims, level, axes, wavelet):
    for A, expected in (
        (Wavelet(dims, wavelet, level, axes), orthogonal(dims, wavelet, level, axes)),
        (StationaryWavelet(dims, wavelet, level, axes), undecimated(dims, wavelet, level, axes)),
    ):
        # the tables of PyWavelets hold to 1e-11
        check_matrix(A, expected, tol=1e-11)
        np.testing.assert_allclose(expected.T @ expected, np.eye(int(np.prod(dims))), atol=1e-10)
        claims = check_symbols(A, expected, [Fourier(dims, axes), Cosine(dims, axes)])
        assert claims == [(False, True)] * 2
        check_contract(A)


@pytest.mark.parametrize("kind", [Wavelet, StationaryWavelet])
@pytest.mark.parametrize("dims", [(33, 40), (64, 31, 3)])
@pytest.mark.parametrize("wavelet", ["haar", "db3"])
def test_larger_images(kind, dims, wavelet):
    A = kind(dims, wavelet, axes=(0, 1))
    check_contract(A)
    for dtype, tol in ((np.float32, 1e-5), (np.float64, 1e-13)):
        x = random(dims, dtype)
        np.testing.assert_allclose(A.apply_adjoint(A.apply(x)), x, atol=tol)
        np.testing.assert_allclose(np.linalg.norm(A.apply(x)), np.linalg.norm(x), rtol=tol)


@pytest.mark.parametrize("wavelet", [w for w in pywt.wavelist(kind="discrete") if pywt.Wavelet(w).orthogonal and w != "dmey"])
def test_filters_are_orthogonal_to_rounding(wavelet):
    W = Wavelet((8,), wavelet, 1)
    known, h = pywt.Wavelet(wavelet), np.array(W.wavelet.dec_lo)
    for name in ("dec_lo", "dec_hi", "rec_lo", "rec_hi"):
        np.testing.assert_allclose(getattr(W.wavelet, name), getattr(known, name), atol=1e-11)
    products = [h[k:] @ h[: h.size - k] for k in range(0, h.size, 2)]
    np.testing.assert_allclose(products, np.eye(len(products))[0], atol=1e-15)
    dense = matrix(W)
    np.testing.assert_allclose(dense @ dense.T, np.eye(8), atol=1e-14)


def test_stationary_wavelet_is_that_of_pywavelets():
    dims, level = (16, 8), 2
    x = random(dims)
    for wavelet in WAVELETS:
        coarse, *details = pywt.swtn(x, wavelet, level, norm=True, trim_approx=True)
        expected = [coarse] + [band[key] for band in details for key in ("ad", "da", "dd")]
        np.testing.assert_allclose(StationaryWavelet(dims, wavelet, level).apply(x), expected, atol=1e-12)


def test_where_the_coarse_coefficients_stand():
    x = np.ones((12, 16, 3))
    for A, size in ((Wavelet((12, 16, 3), level=2, axes=(0, 1)), 12 * 3), (StationaryWavelet((12, 16, 3), axes=(0, 1)), x.size)):
        y = A.apply(x)
        assert y[A.approximation].size == size
        y[A.approximation] = 0
        np.testing.assert_allclose(y, 0, atol=1e-14)


def test_levels_by_default():
    assert Wavelet((512, 300)).level == 3
    assert Wavelet((512, 4)).level == 2
    assert StationaryWavelet((1,)).level == 1


@pytest.mark.parametrize("kind", [Wavelet, StationaryWavelet])
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"wavelet": "bior2.2"},
            ValueError,
            "'bior2.2', which is not orthogonal; take an orthogonal one, such as 'haar'",
        ),
        ({"wavelet": "dmey"}, ValueError, "'dmey', which is not orthogonal"),
        ({"wavelet": "daubechies"}, ValueError, "wavelet is 'daubechies', which PyWavelets does not have"),
        ({"wavelet": "morl"}, ValueError, "wavelet is 'morl'"),
        ({"level": 0}, ValueError, "level is 0; for dims .* from 1 to 3"),
        ({"level": 4}, ValueError, "level is 4; .* give from 1 to 3"),
        ({"level": 1.5}, TypeError, "level is 1.5; give a whole number"),
        ({"axes": 2}, ValueError, "axes is 2"),
    ],
)
def test_bad_arguments(kind, arguments, error, message):
    with pytest.raises(error, match=message):
        kind((8, 8), **arguments)
