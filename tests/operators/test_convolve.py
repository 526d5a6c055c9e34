from __future__ import annotations

import pickle

import numpy as np
import pylops
import pytest

from unblur.operators import Convolve2D

from .dense import DTYPES, assert_adjoint, assert_close

CASES = {
    "odd": ((12, 11), (3, 5), (1, 2), (-2, -1)),
    "even": ((9, 12), (4, 2), (2, 1), (-2, -1)),
    "default offset": ((9, 12), (4, 3), (0, 0), (-2, -1)),
    "last": ((8, 9), (4, 3), (3, 2), (-2, -1)),
    "off-centre": ((8, 9), (5, 4), (1, 3), (0, 1)),
    "first two axes": ((8, 9, 3), (3, 4), (1, 1), (0, 1)),
    "last two axes": ((3, 8, 9), (3, 4), (2, 0), (-2, -1)),
    "outer axes": ((8, 3, 9), (3, 4), (1, 3), (0, 2)),
    "one row": ((8, 9), (1, 4), (0, 1), (-2, -1)),
}


@pytest.mark.parametrize("case", CASES)
def test_equals_pylops(case):
    dims, size, offset, axes = CASES[case]
    rng = np.random.default_rng(1)
    h = rng.standard_normal(size)
    ours = Convolve2D(dims, h, offset=offset, axes=axes)
    theirs = pylops.signalprocessing.Convolve2D(dims, h, offset=offset, axes=axes)
    x = rng.standard_normal(dims)
    assert ours.dims == ours.dimsd == dims
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    assert_close(ours @ x, theirs @ x)
    assert_close(ours.H @ x, theirs.H @ x)
    assert_close(ours @ x.ravel(), theirs @ x.ravel())
    for dtype in DTYPES:
        assert_adjoint(ours, dtype, rng)


def test_float32_stays():
    h, x = np.ones((3, 3)), np.ones((8, 8), np.float32)
    assert (pylops.signalprocessing.Convolve2D((8, 8), h) @ x).dtype == np.float64
    assert (Convolve2D((8, 8), h) @ x).dtype == np.float32
    assert Convolve2D((8, 8), h, dtype="float32").dtype == np.float32
    assert Convolve2D((8, 8), h * 1j, dtype="float32").dtype == np.complex64


def test_positional_arguments_are_pylops_own():
    A = Convolve2D((8, 8), np.ones((3, 3)), (1, 1), (0, 1), "auto", "float32", "H")
    B = pylops.signalprocessing.Convolve2D((8, 8), np.ones((3, 3)), (1, 1), (0, 1), "auto", "float32", "H")
    assert (A.name, A.dtype, A.method) == (B.name, B.dtype, "auto")
    assert "3×3" in repr(A)
    assert_close(pickle.loads(pickle.dumps(A)) @ np.eye(8), A @ np.eye(8))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"h": np.ones(3)}, ["h has 1"]),
        ({"offset": (3, 0)}, ["offset is (3, 0)", "(3, 3)"]),
        ({"offset": (1,)}, ["offset is (1,)"]),
        ({"axes": (0,)}, ["axes is (0,)", "two"]),
        ({"axes": (0, 2)}, ["axes is (0, 2)"]),
        ({"dims": (8,)}, ["dims is (8,)"]),
        ({"method": "fast"}, ["method is 'fast'"]),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(ValueError) as caught:
        Convolve2D(**({"dims": (8, 8), "h": np.ones((3, 3))} | arguments))
    for word in words:
        assert word in str(caught.value)
