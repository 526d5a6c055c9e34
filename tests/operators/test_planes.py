"""Gradients of images in one pass with what follows them, against plain differences and the operator itself."""

import math

import numpy as np
import pytest

import unblur
from unblur.operators import FirstDerivative, Gradient, Stack

#: shape and axes; two slabs, a frame axis, channels, frames and channels, few rows, few columns
GRIDS = [
    ((700, 811), (0, 1)),
    ((3, 80, 81), (1, 2)),
    ((90, 91, 3), (0, 1)),
    ((2, 50, 61, 3), (1, 2)),
    ((2, 9000), (0, 1)),
    ((9000, 2), (0, 1)),
]
CASES = [
    pytest.mark.parametrize(("shape", "axes"), GRIDS, ids=lambda v: "×".join(map(str, v))),
    pytest.mark.parametrize("boundary", ["periodic", "nearest", "reflect"]),
    pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128]),
]


def every_case(function):
    for mark in CASES:
        function = mark(function)
    return function


def samples(shape, dtype, seed):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) + (1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else 0)).astype(dtype)


def differences(x, axes, spacings, boundary):
    """Return the gradient of `x` in double precision."""
    x = x.astype(np.result_type(x.dtype, np.float64))
    ends = {} if boundary == "periodic" else {"mode": "edge"}
    parts = []
    for axis, spacing in zip(axes, spacings, strict=True):
        beyond = [(0, int(a == axis)) for a in range(x.ndim)]
        parts.append(np.diff(np.pad(x, beyond, **(ends or {"mode": "wrap"})), axis=axis) / spacing)
    return np.stack(parts)


def squares(a):
    return math.fsum((np.abs(a.astype(np.complex128)) ** 2).flat)


@every_case
def test_energy_and_updates(shape, axes, boundary, dtype):
    spacings = (2.0, 0.5)
    D = Gradient(shape, boundary=boundary, axes=axes, sampling=spacings)
    x, y = samples(shape, dtype, 1), samples(D.dimsd, dtype, 2)
    direct = D.in_one_pass(x)
    Dx = differences(x, axes, spacings, boundary)
    eps = np.finfo(dtype).eps
    rel = 1e-5 if eps > 1e-10 else 1e-12
    assert direct.energy(x) == pytest.approx(squares(Dx), rel=rel)

    new = y.copy()
    length = direct.update(0.3, x, -0.7, new)
    np.testing.assert_allclose(new, 0.3 * Dx - 0.7 * y, rtol=0, atol=100 * eps)
    assert length == pytest.approx(squares(new), rel=rel)

    # ⟨D x, y⟩ = ⟨x, Dᴴ y⟩ for every x, by the operator that other tests hold to this
    back = D.apply_adjoint(y.astype(np.result_type(dtype, np.float64)))
    new = x.copy()
    length = direct.update_adjoint(-1.3, y, 0.4, new)
    np.testing.assert_allclose(new, -1.3 * back + 0.4 * x, rtol=0, atol=100 * eps)
    assert length == pytest.approx(squares(new), rel=rel)


def test_what_is_taken_in_one_pass():
    shape = (150, 160)
    x = np.ones(shape)
    D = [FirstDerivative(shape, axis, boundary="nearest") for axis in (0, 1)]
    assert Stack(D).in_one_pass(x) is not None
    assert Stack(D[::-1]).in_one_pass(x) is None
    assert D[0].in_one_pass(x) is None
    assert Gradient(shape, boundary="zero").in_one_pass(x) is None
    assert Gradient(shape, boundary="periodic", kind="centered").in_one_pass(x) is None
    assert Gradient((40, 30, 20), boundary="periodic").in_one_pass(np.ones((40, 30, 20))) is None
    assert Gradient((5, 6), boundary="periodic").in_one_pass(np.ones((5, 6))) is None


def test_the_same_bits_whatever_the_number_of_threads():
    D = Gradient((1100, 700), boundary="periodic")
    x, y = samples(D.dims, np.float32, 3), samples(D.dimsd, np.float32, 4)
    found = []
    for workers in (1, 2, 3):
        unblur.set_workers(workers)
        direct, new, back = D.in_one_pass(x), y.copy(), x.copy()
        sums = direct.energy(x), direct.update(0.3, x, 0.4, new), direct.update_adjoint(0.3, y, 0.4, back)
        found.append((sums, new.tobytes(), back.tobytes()))
    unblur.set_workers(None)
    assert found[0] == found[1] == found[2]
