"""Passes over counts, through compiled kernels and without them, against SciPy and plain expressions in double precision."""

import math
import tracemalloc
from itertools import islice

import numpy as np
import pytest
import scipy.special

import unblur
from unblur.inversion import Poisson, RichardsonLucy, Tikhonov, iterate
from unblur.inversion.counts import correct, divergence, extrapolate
from unblur.inversion.fidelities import KullbackLeibler
from unblur.operators import Blur
from unblur.operators._vectors import runs

# a part of a slab of one kernel, several of another
LONG = (300, 401)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SIZES = pytest.mark.parametrize("shape", [LONG, (6, 7)], ids=["long", "short"])


def fitted(dtype, shape=LONG):
    """Return counts and what is expected of them, dark pixels and bad fits among them."""
    rng = np.random.default_rng(1)
    u = rng.gamma(1.0, 200, shape)
    y = rng.poisson(u).astype(dtype)
    u[:2] *= rng.uniform(1e-6, 1e6, u[:2].shape)
    y[3], u[4], y[4] = 0, 0, 0
    return u.astype(dtype), y


def exact(u, y, w=1.0):
    return math.fsum((w * scipy.special.kl_div(y.astype(float), u.astype(float))).flat)


@DTYPES
@SIZES
@pytest.mark.parametrize("background", [0.0, 0.7])
@pytest.mark.parametrize("weighted", [False, True])
def test_divergence(dtype, shape, background, weighted):
    u, y = fitted(dtype, shape)
    w = np.random.default_rng(2).uniform(size=shape).astype(dtype) if weighted else None
    f = KullbackLeibler(y, background, w)
    expected = exact(u.astype(float) + background, y, 1.0 if w is None else w.astype(float))
    assert f.value(u) == pytest.approx(expected, rel=1e-6 if dtype == np.float32 else 1e-13)
    assert (divergence(u, y, w, background) is None) is (shape != LONG)


@DTYPES
def test_the_divergence_of_a_good_fit_is_not_lost_in_rounding(dtype):
    # where y / u = 1 ± δ, two terms of the size of y leave half of δ² y
    y = np.full(LONG, 1000, dtype)
    for delta in (1e-3, -1e-3, 0.3, -0.3, 1.0, 5.0, 30.0):
        u = y * dtype(1 + max(delta, -0.9))
        gap = y.astype(float) - u
        expected = math.fsum((y * np.log1p(gap / u) - gap).flat)
        assert divergence(u, y, None, 0.0) == pytest.approx(expected, rel=2e-6 if dtype == np.float32 else 1e-12)
    assert divergence(y, y, None, 0.0) == 0


@DTYPES
def test_the_divergence_is_infinite_where_nothing_is_expected_and_something_seen(dtype):
    u, y = fitted(dtype)
    y[0, 0], u[0, 0] = 1, 0
    assert KullbackLeibler(y).value(u) == np.inf
    weights = np.ones_like(y)
    y[0, 0] = weights[0, 0] = 0
    assert np.isfinite(KullbackLeibler(y, 0.0, weights).value(u))
    u[0, 0] = -0.01 * u.max()
    assert KullbackLeibler(y).value(u) == np.inf
    # but not where an FFT leaves a rounding error of a pixel that expects nothing
    u[0, 0] = -np.finfo(dtype).eps * u.max()
    y[0, 0] = 0
    assert KullbackLeibler(y).value(u) == pytest.approx(exact(np.maximum(u, 0), y), rel=1e-6)
    u[0, 0] = np.nan
    assert np.isnan(KullbackLeibler(y).value(u))


@DTYPES
def test_the_divergence_beyond_the_range_of_a_kernel(dtype):
    u, y = fitted(dtype)
    y[0, 0], u[0, 0] = 1e3, np.finfo(dtype).tiny
    assert divergence(u, y, None, 0.0) is None
    assert KullbackLeibler(y).value(u) == pytest.approx(exact(u, y), rel=1e-6)


@DTYPES
@SIZES
def test_ratio(dtype, shape):
    u, y = fitted(dtype, shape)
    u[4] = 1
    u[0, 0], y[0, 0] = 0, 0
    for background in (0.0, 0.5, np.full(shape, 0.5, dtype)):
        f = KullbackLeibler(y, background)
        total = u + np.asarray(background, dtype)
        expected = y / np.maximum(total, np.finfo(dtype).eps * total.max())
        np.testing.assert_allclose(f.ratio(u), expected, rtol=4 * np.finfo(dtype).eps)
        out = u.copy()
        assert f.ratio(out, out) is out
        np.testing.assert_array_equal(out, f.ratio(u))


@DTYPES
@SIZES
def test_extrapolation(dtype, shape):
    x, before = np.random.default_rng(3).uniform(size=(2, *shape)).astype(dtype)
    x[1], before[2] = 0, 0
    x[3] = before[3] = 0
    out = np.empty_like(x)
    extrapolate(x, before, 0.8, out)
    a, d = x.astype(float), 0.8 * (x.astype(float) - before)
    expected = np.where(d < 0, a * (a / np.where(d < 0, a - d, 1)), a + d)
    np.testing.assert_allclose(out, expected, rtol=8 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)
    assert (out[x > 0] > 0).all()


@DTYPES
@SIZES
def test_correction(dtype, shape):
    rng = np.random.default_rng(4)
    z, back, front, step = rng.uniform(size=(4, *shape)).astype(dtype)
    front += dtype(0.5)
    front[0], back[1] = 0, -1e-9
    z[2], z[3] = 1e-4, 0
    quotient = np.where(front > 0, np.maximum(back.astype(float), 0) / np.where(front > 0, front, 1), 1)
    least = dtype(1e-3)
    expected, before, new = np.maximum(z * quotient, np.minimum(z, least)), step.astype(float), np.empty_like(z)
    done = correct(z, back, front, 0.7, least, new, step)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(new, expected, rtol=4 * eps)
    np.testing.assert_allclose(step, expected - z, rtol=0, atol=8 * eps)
    d, n, c = step.astype(float), new.astype(float), front.astype(float)
    short = c * np.maximum(quotient - 1, 0)
    assert done.change == pytest.approx(math.fsum((d * d).flat), rel=1e-12)
    assert done.along == pytest.approx(math.fsum((d * before).flat), rel=1e-12)
    assert done.left == pytest.approx(math.fsum(((c * d / 0.7) ** 2 + short**2).flat), rel=float(300 * eps))
    assert done.size == pytest.approx(math.fsum(((c * n / 0.7) ** 2).flat), rel=float(300 * eps))


@DTYPES
@SIZES
def test_what_is_not_finite_shows(dtype, shape):
    for spoilt in range(3):
        arrays = np.random.default_rng(5).uniform(0.5, 1, size=(5, *shape)).astype(dtype)
        arrays[spoilt, 0, 0] = np.nan
        z, back, front, new, step = arrays
        done = correct(z, back, front, 0.7, 1e-9, new, step)
        assert math.isnan(done.left)
        assert math.isnan(done.size)
    z, y = fitted(dtype, shape)
    z[0, 0] = np.nan
    assert np.isnan(KullbackLeibler(y).ratio(z)[0, 0])


def problem(dtype=np.float64, weighted=True, shape=(150, 160)):
    _, y = fitted(dtype, shape)
    A = Blur(np.outer([1, 2, 1], [1, 3, 2]) / 24, shape, boundary="unknown")
    w = (np.random.default_rng(5).uniform(size=shape) > 0.2).astype(dtype) if weighted else None
    return Poisson(A, y, 0.5, w)


@pytest.mark.parametrize("prior", [False, True], ids=["plain", "with a prior"])
@pytest.mark.parametrize("weighted", [False, True])
def test_compiled_steps_are_the_generic_ones(weighted, prior, monkeypatch):
    terms = problem(weighted=weighted) + 1e-6 * Tikhonov() if prior else problem(weighted=weighted)
    assert runs(problem().functional.counts) is not None
    compiled = [state.x.copy() for state in islice(iterate(terms, RichardsonLucy()), 12)]
    for module in ("unblur.inversion.counts", "unblur.operators._vectors"):
        monkeypatch.setattr(f"{module}.runs", lambda *arrays: None)
    for state, expected in zip(iterate(terms, RichardsonLucy()), compiled, strict=False):
        np.testing.assert_allclose(state.x, expected, rtol=1e-9, atol=1e-9)


def test_the_same_bits_whatever_the_number_of_threads():
    found = []
    for workers in (1, 2, 3):
        unblur.set_workers(workers)
        state = next(islice(iterate(problem(np.float32, shape=(600, 500)), RichardsonLucy()), 6, None))
        found.append((state.objective, state.x.tobytes()))
    unblur.set_workers(None)
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("shape", [(256, 256), (100, 101)], ids=["long", "short"])
def test_a_step_allocates_no_image_but_what_the_ffts_do(shape, one_thread):
    A = Blur(np.ones((5, 7)) / 35, shape, boundary="periodic")
    y = np.random.default_rng(6).poisson(20.0, shape).astype(float)
    states = iterate(Poisson(A, y, 0.1), RichardsonLucy())
    for _ in range(4):
        next(states)
    x, out = np.ones(shape), np.ones(shape)

    def peak(function):
        tracemalloc.start()
        function()
        kept, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return kept, most

    A.apply(x, out)
    operator = peak(lambda: A.apply(x, out))[1]
    kept, step = peak(lambda: next(states))
    # without a kernel the divergence makes an array, and the correction three
    assert step < operator + x.nbytes / 16 + (0 if shape == (256, 256) else 3 * x.nbytes)
    assert kept < x.nbytes / 16
