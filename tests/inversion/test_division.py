"""The division of spectra against its formula, written out."""

from itertools import product

import numpy as np
import pytest

from unblur.inversion.division import Division
from unblur.operators import Cosine, Fourier, _multiplier


def spectrum_of(rng, shape, axes):
    """Return the symbol of a random convolution, the same along the other axes."""
    within = [n if a in axes else 1 for a, n in enumerate(shape)]
    return np.fft.rfftn(rng.normal(size=within), axes=axes)


@pytest.mark.parametrize("few", [0, 10**9], ids=["compiled", "by transforms"])
@pytest.mark.parametrize(("blurs", "right", "beside"), [given for given in product([0, 1, 2], [0, 1], [0, 1]) if any(given)])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [((24, 30), (0, 1)), ((24, 30, 3), (0, 1)), ((2, 16, 9), (1, 2)), ((8, 9, 10), (0, 1, 2)), ((7, 11), (0, 1))],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_the_formula(few, blurs, right, beside, shape, axes, dtype, monkeypatch):
    monkeypatch.setattr(_multiplier, "_FEW", few)
    rng = np.random.default_rng(8)
    transform = Fourier(shape, axes)
    kind = np.result_type(dtype, np.complex64)
    symbols = [spectrum_of(rng, shape, axes).astype(kind) for _ in range(blurs)]
    inverse = (1 / (1 + np.abs(spectrum_of(rng, shape, axes)) ** 2)).astype(dtype)
    R = np.fft.rfftn(rng.normal(size=shape), axes=axes).astype(kind) if right else 0
    g = rng.normal(size=shape).astype(dtype) if beside else None
    targets = [rng.normal(size=shape).astype(dtype) for _ in symbols]

    X = (0 if g is None else np.fft.rfftn(g, axes=axes)) + R
    X = (X + sum(h.conj() * np.fft.rfftn(t, axes=axes) for h, t in zip(symbols, targets, strict=True))) * inverse
    expected = [np.fft.irfftn(s * X, [shape[a] for a in axes], axes) for s in (1, *symbols)]

    x = np.full(shape, np.nan, dtype)
    Division(transform, R, inverse, symbols)(g, targets, x)
    for found, wanted in zip((x, *targets), expected, strict=True):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, wanted, rtol=0, atol=30 * np.finfo(dtype).eps * np.abs(wanted).max())


@pytest.mark.parametrize("blurs", [0, 1])
def test_symbols_of_each_channel_and_of_all(blurs, monkeypatch):
    monkeypatch.setattr(_multiplier, "_FEW", 0)
    rng = np.random.default_rng(9)
    shape, axes = (16, 18, 3), (0, 1)
    one, each = np.fft.rfftn(rng.normal(size=(16, 18, 1)), axes=axes), np.fft.rfftn(rng.normal(size=shape), axes=axes)
    for h, denominator in product((one, each), repeat=2):
        inverse = 1 / (1 + np.abs(denominator) ** 2)
        g, t = rng.normal(size=(2, *shape))
        X = np.fft.rfftn(g, axes=axes) + blurs * h.conj() * np.fft.rfftn(t, axes=axes)
        wanted = [np.fft.irfftn(s * X * inverse, shape[:2], axes) for s in (1, h)]
        x = np.empty(shape)
        Division(Fourier(shape, axes), 0, inverse, [h] * blurs)(g, [t] * blurs, x)
        np.testing.assert_allclose(x, wanted[0], atol=1e-12)
        if blurs:
            np.testing.assert_allclose(t, wanted[1], atol=1e-12)


def test_symbols_of_each_image_of_a_stack(monkeypatch):
    monkeypatch.setattr(_multiplier, "_FEW", 0)
    rng = np.random.default_rng(10)
    shape, axes = (3, 8, 10), (1, 2)
    h = np.fft.rfftn(rng.normal(size=shape), axes=axes)
    inverse = 1 / (1 + np.abs(h) ** 2)
    g, t = rng.normal(size=(2, *shape))
    X = (np.fft.rfftn(g, axes=axes) + h.conj() * np.fft.rfftn(t, axes=axes)) * inverse
    x = np.empty(shape)
    Division(Fourier(shape, axes), 0, inverse, [h])(g, [t], x)
    np.testing.assert_allclose(x, np.fft.irfftn(X, shape[1:], axes), atol=1e-12)
    np.testing.assert_allclose(t, np.fft.irfftn(h * X, shape[1:], axes), atol=1e-12)


def test_the_cosine_transform():
    import scipy.fft

    rng = np.random.default_rng(11)
    inverse, g, R = rng.uniform(size=(3, 9, 10))
    x = np.empty((9, 10))
    Division(Cosine((9, 10), (0, 1)), R.copy(), inverse, [])(g, [], x)
    np.testing.assert_allclose(x, scipy.fft.idctn((scipy.fft.dctn(g) + R) * inverse), atol=1e-12)
