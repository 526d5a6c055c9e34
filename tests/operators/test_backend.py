from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from unblur.operators._backend import good_fft_size, real_dtype, sum_of_squares, working_dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("shape", [(), (7,), (3, 5), (2, 3, 4)])
def test_sum_of_squares_is_exact_enough(dtype, shape):
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else 0)
    x, w = np.asarray(x).astype(dtype), rng.uniform(size=shape)
    squares = [Fraction(float(z.real)) ** 2 + Fraction(float(z.imag)) ** 2 for z in x.flat]
    weights = [Fraction(float(v)) for v in np.ravel(w)]
    assert sum_of_squares(x) == pytest.approx(float(sum(squares)), rel=1e-14)
    assert sum_of_squares(x, w) == pytest.approx(float(sum(a * v for a, v in zip(squares, weights, strict=True))), rel=1e-14)


def test_sum_of_squares_does_not_lose_short_samples():
    x = np.full(2**20, 0.1, np.float32)
    assert sum_of_squares(x) == pytest.approx(2**20 * float(np.float32(0.1)) ** 2, rel=1e-12)
    assert sum_of_squares(x.reshape(1024, 1024).T[::2]) == pytest.approx(2**19 * float(np.float32(0.1)) ** 2, rel=1e-12)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (("float16",), "float32"),
        (("float32", "float16"), "float32"),
        (("float32", "float64"), "float64"),
        (("int8",), "float64"),
        (("float32", "int8"), "float64"),
        (("complex64", "float32"), "complex64"),
        (("complex64", "float64"), "complex128"),
        (("longdouble",), "float64"),
        ((">f4",), "float32"),
        ((">c8",), "complex64"),
    ],
)
def test_working_dtype(given, wanted):
    found = working_dtype(*given)
    assert found == wanted
    assert found.isnative


def test_working_dtype_refuses_what_is_no_number():
    with pytest.raises(TypeError, match="dtype object"):
        working_dtype(object)


def test_real_dtype_and_good_sizes():
    assert real_dtype(np.complex64) == np.float32
    assert real_dtype(np.float64) == np.float64
    assert good_fft_size(1021) == 1024
    assert good_fft_size(1) == 1
