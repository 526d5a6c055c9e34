"""Sums and updates, through compiled kernels and without them."""

import math
import subprocess
import sys

import numpy as np
import pytest

import unblur
from unblur.operators import _vectors
from unblur.operators._vectors import axpby, axpby_norm, inner, sum_of_squares

# two slabs of a kernel and a part of a third
LONG = (700, 811)
SHORT = (5, 7)
LAYOUTS = {
    "long": lambda a: a,
    "short": lambda a: a[: SHORT[0], : SHORT[1]].copy(),
    "not contiguous": lambda a: a[::2],
    "columns first": np.asfortranarray,
}
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
LAYOUT = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


def samples(dtype, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=LONG) + 3
    return (x + 1j * rng.normal(size=LONG) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def parts(x):
    return np.stack([x.real, x.imag]).astype(np.float64)


@DTYPES
@LAYOUT
def test_sums_are_exact_enough(dtype, layout):
    x, y = layout(samples(dtype, 1)), layout(samples(dtype, 2))
    w = layout(np.random.default_rng(3).uniform(size=LONG).astype(x.real.dtype))
    assert inner(x, y) == pytest.approx(math.fsum((parts(x) * parts(y)).flat), rel=1e-13)
    assert sum_of_squares(x) == pytest.approx(math.fsum((parts(x) ** 2).flat), rel=1e-13)
    assert sum_of_squares(x, w) == pytest.approx(math.fsum((w.astype(float) * parts(x) ** 2).flat), rel=1e-13)


@DTYPES
@LAYOUT
@pytest.mark.parametrize(("a", "b"), [(0.3, -1.7), (1.0, 0.4), (-2.5, 1.0), (0.0, 1.0)])
def test_updates(dtype, layout, a, b):
    x, y = layout(samples(dtype, 4)), layout(samples(dtype, 5))
    expected = a * x.astype(np.complex128) + b * y.astype(np.complex128)
    eps = np.finfo(dtype).eps
    close = {"rtol": 4 * eps, "atol": 4 * eps * (abs(a) + abs(b)) * 10}
    for work in (np.empty_like(x), None):
        new, given = y.copy(order="K"), x.copy(order="K")
        axpby(a, given, b, new, given if work is None else work)
        np.testing.assert_allclose(new, expected, **close)
        assert new.dtype == dtype
        if work is not None:
            np.testing.assert_array_equal(given, x)
        norm = axpby_norm(a, x.copy(order="K"), b, y.copy(order="K"), np.empty_like(x))
        assert norm == pytest.approx(math.sqrt(math.fsum((parts(new) ** 2).flat)), rel=1e-6 if eps > 1e-10 else 1e-13)


def test_long_arrays_of_one_type_in_one_run_go_through_kernels():
    x = samples(np.float32, 6)
    assert [a.size for a in _vectors.runs(x, x)] == [x.size] * 2
    assert [a.size for a in _vectors.runs(samples(np.complex64, 6))] == [2 * x.size]
    for others in (x.astype(float), x.T, x[:, ::-1], x.astype(x.dtype.newbyteorder()), x > 0, x.ravel()):
        assert _vectors.runs(x, others) is None
    assert _vectors.runs(x[:5]) is None


def test_the_same_bits_whatever_the_number_of_threads():
    x, y = samples(np.float32, 7), samples(np.float32, 8)
    results = []
    for workers in (1, 2, 3):
        unblur.set_workers(workers)
        new = y.copy()
        results.append((inner(x, y), sum_of_squares(x, y), axpby_norm(0.3, x, 0.7, new, x), new.tobytes()))
    unblur.set_workers(None)
    assert results[0] == results[1] == results[2]


def test_kernels_are_read_when_they_are_needed():
    code = """
import sys, numpy as np
from unblur.inversion import CG, LeastSquares, Poisson, RichardsonLucy, solve
from unblur.operators import Blur
A = Blur(np.eye(3) / 3, (16, 16), boundary="periodic")
y = np.ones((16, 16))
solve(LeastSquares(A, y), CG()), solve(Poisson(A, y), RichardsonLucy(), max_iterations=3)
print("unblur.operators._compiled" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
