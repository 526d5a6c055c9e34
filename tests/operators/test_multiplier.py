"""Compiled Fourier multipliers against NumPy's FFT."""

from itertools import product
from math import prod

import numpy as np
import pytest
import scipy.fft

from unblur.operators import Cosine, Fourier, _multiplier, set_workers
from unblur.operators._backend import fft_is_scipys
from unblur.operators._codelets import CODELETS, halves, joined
from unblur.operators._layout import factors, length
from unblur.operators._multiplier import Multiplier, channelled, compilable

# shapes, and the axes that are transformed
CASES = [
    ((48, 60), (0, 1)),
    ((75, 50), (0, 1)),
    ((2, 3), (0, 1)),
    ((64, 16), (0, 1)),
    ((40, 36, 3), (0, 1)),
    ((3, 18, 20), (1, 2)),
    ((2, 40, 36, 2), (1, 2)),
    ((20, 18, 24), (0, 1, 2)),
    ((5, 2, 8), (0, 1, 2)),
    ((2, 9, 15, 25, 2), (1, 2, 3)),
]  # fmt: skip


@pytest.fixture(autouse=True)
def short_arrays_too(monkeypatch):
    monkeypatch.setattr(_multiplier, "_FEW", 0)


@pytest.fixture
def never_by_transforms(monkeypatch):
    def refuse(*arguments):
        raise AssertionError("not compiled")

    monkeypatch.setattr(Fourier, "forward", refuse)


def some_symbol(rng, dims, axes, channels, real):
    """Return the symbol of a random convolution, in double precision, for all channels or for each."""
    within = [n if a in axes or (channels and a > axes[-1]) else 1 for a, n in enumerate(dims)]
    s = np.fft.rfftn(rng.standard_normal(within), axes=axes)
    return np.abs(s) ** 2 if real else s


def by_numpy(x, symbol, axes):
    return np.fft.irfftn(np.fft.rfftn(x.astype(float), axes=axes) * symbol, [x.shape[a] for a in axes], axes)


@pytest.mark.parametrize("radix", CODELETS)
def test_codelets_are_discrete_fourier_transforms(radix):
    x = np.random.default_rng(radix).standard_normal((2, radix, 5))
    results = CODELETS[radix]([(x[0, t], x[1, t]) for t in range(radix)])
    np.testing.assert_allclose([re + 1j * im for re, im in results], np.fft.fft(x[0] + 1j * x[1], axis=0), atol=1e-14)


@pytest.mark.parametrize("n", [7, 8])
def test_two_real_sequences_are_transformed_as_one(n):
    x, y = np.random.default_rng(n).standard_normal((2, n))
    z, X, Y = np.fft.fft(x + 1j * y), np.fft.fft(x), np.fft.fft(y)
    for k in range(n):
        at, behind = z[k], z[-k % n]
        for found, wanted in zip(halves((at.real, at.imag), (behind.real, behind.imag)), (X[k], Y[k]), strict=True):
            np.testing.assert_allclose(complex(*found), 2 * wanted, atol=1e-13)
        for found, wanted in zip(joined((X[k].real, X[k].imag), (Y[k].real, Y[k].imag)), (at, behind), strict=True):
            np.testing.assert_allclose(complex(*found), wanted, atol=1e-13)


def test_good_sizes_are_divided_and_others_refused():
    for n in range(1, 2000):
        found = factors(n)
        smooth = prod(p for p in (2, 3, 5) for _ in range(20) if n % p ** (_ + 1) == 0) == n
        assert (found is not None) == smooth
        if found is not None:
            assert prod(found) == n
            assert set(found) <= set(CODELETS)
            # one factor for each result but the first of each small transform
            _, radices, wr, wi = length(n, np.dtype(np.float64))
            behind = [n // prod(found[: k + 1]) for k in range(len(found))]
            assert wr.size == wi.size == sum(m * (r - 1) for m, r in zip(behind, radices, strict=True))
            np.testing.assert_allclose(np.hypot(wr, wi), 1)


@pytest.mark.parametrize(("dims", "axes"), CASES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("real", [False, True], ids=["complex", "real"])
@pytest.mark.parametrize("channels", [False, True], ids=["for all", "for each"])
def test_products_are_those_of_numpys_fft(dims, axes, dtype, real, channels, never_by_transforms):
    rng = np.random.default_rng(1)
    symbol = some_symbol(rng, dims, axes, channels, real)
    x, plus = rng.standard_normal((2, *dims)).astype(dtype)
    T = Multiplier(Fourier(dims, axes), lambda: symbol)
    for adjoint, more in product([False, True], [None, plus]):
        expected = by_numpy(x, symbol.conj() if adjoint else symbol, axes) + (0 if more is None else more)
        found = T.apply(x, plus=more, adjoint=adjoint)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=0, atol=8 * np.finfo(dtype).eps * np.abs(expected).max())


@pytest.mark.parametrize(("dims", "axes"), CASES, ids=str)
def test_shorter_arrays_are_continued_by_zeros_and_results_cut(dims, axes, never_by_transforms):
    rng = np.random.default_rng(6)
    symbol = some_symbol(rng, dims, axes, False, False)
    T = Multiplier(Fourier(dims, axes), lambda: symbol)
    for _ in range(4):
        seen, shown = (tuple(rng.integers(1, n + 1) if a in axes else n for a, n in enumerate(dims)) for _ in range(2))
        x, plus = rng.standard_normal(seen), rng.standard_normal(shown)
        grid = np.zeros(dims)
        grid[tuple(map(slice, seen))] = x
        expected = by_numpy(grid, symbol, axes)[tuple(map(slice, shown))]
        np.testing.assert_allclose(T.apply(x, sizes=shown), expected, atol=1e-11)
        np.testing.assert_allclose(T.apply(x, plus=plus, sizes=shown), expected + plus, atol=1e-11)


def test_where_results_go(never_by_transforms):
    rng = np.random.default_rng(2)
    symbol = some_symbol(rng, (24, 30), (0, 1), False, False)
    T = Multiplier(Fourier((24, 30), (0, 1)), lambda: symbol)
    x = rng.standard_normal((24, 30))
    expected = by_numpy(x, symbol, (0, 1))
    for out in (np.empty((24, 30)), np.empty((30, 24)).T, np.empty((24, 60))[:, ::2]):
        assert T.apply(x, out) is out
        np.testing.assert_allclose(out, expected, atol=1e-12)
    cut = T.apply(x, sizes=(20, 7))
    np.testing.assert_array_equal(cut, T.apply(x)[:20, :7])
    assert cut.flags.c_contiguous
    for order in (np.asfortranarray(x), np.broadcast_to(x, (24, 30)), np.repeat(x, 2, axis=0)[::2]):
        order.flags.writeable = False
        np.testing.assert_array_equal(T.apply(order), T.apply(x))
    # what is read is read before anything is written
    assert T.apply(x, x) is x
    np.testing.assert_allclose(x, expected, atol=1e-12)


def test_other_arrays_go_by_transforms():
    rng = np.random.default_rng(3)
    for dims, axes, kind in (
        ((14, 15), (0, 1), "f"),  # 7
        ((30,), (0,), "f"),
        ((6, 5, 4), (0, 2), "f"),
        ((1, 8), (0, 1), "f"),
        ((8, 9), (0, 1), "c"),
        ((3, 8, 9), (1, 2), "one for each"),
    ):
        symbol = some_symbol(rng, dims, axes, False, False)
        x = rng.standard_normal(dims)
        transform = Fourier(dims, axes, real=kind != "c")
        if kind == "c":
            symbol = np.fft.fftn(rng.standard_normal(dims))
            x = x + 1j * rng.standard_normal(dims)
            expected = np.fft.ifftn(np.fft.fftn(x) * symbol)
        else:
            if kind != "f":
                assert compilable(transform)
                symbol = np.fft.rfftn(x, axes=axes)
                assert channelled(symbol, transform) is None
            else:
                assert not compilable(transform)
            expected = by_numpy(x, symbol, axes)
        np.testing.assert_allclose(Multiplier(transform, lambda s=symbol: s).apply(x), expected, atol=1e-12)
    assert not compilable(Cosine((8, 9), (0, 1)))


class Counting:
    """An FFT library that counts its calls, and does as SciPy does."""

    __ua_domain__ = "numpy.scipy.fft"
    calls = 0

    @classmethod
    def __ua_function__(cls, method, args, kwargs):
        cls.calls += 1
        with scipy.fft.set_backend("scipy"):
            return method(*args, **kwargs)


def test_another_fft_library_is_used_where_one_is_set():
    rng = np.random.default_rng(4)
    symbol = some_symbol(rng, (24, 30), (0, 1), False, False)
    T = Multiplier(Fourier((24, 30), (0, 1)), lambda: symbol)
    x = rng.standard_normal((24, 30))
    before = T.apply(x)
    assert fft_is_scipys()
    assert Counting.calls == 0
    with scipy.fft.set_backend("scipy"):
        assert fft_is_scipys()
    with scipy.fft.set_backend(Counting):
        assert not fft_is_scipys()
        np.testing.assert_allclose(T.apply(x), before, atol=1e-12)
    assert Counting.calls == 4
    scipy.fft.set_global_backend(Counting)
    try:
        assert not fft_is_scipys()
    finally:
        scipy.fft.set_global_backend("scipy", try_last=True)
    assert fft_is_scipys()


@pytest.mark.parametrize(("dims", "axes"), [((200, 180), (0, 1)), ((30, 32, 36), (0, 1, 2))])
def test_the_number_of_threads_changes_no_bit(dims, axes, never_by_transforms):
    rng = np.random.default_rng(5)
    symbol = some_symbol(rng, dims, axes, False, False)
    T, x = Multiplier(Fourier(dims, axes), lambda: symbol), rng.standard_normal(dims).astype(np.float32)
    found = []
    try:
        for workers in (1, 2, 5):
            set_workers(workers)
            found.append(T.apply(x))
    finally:
        set_workers(None)
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])
