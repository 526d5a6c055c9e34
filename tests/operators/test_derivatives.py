from __future__ import annotations

import numpy as np
import pytest

from unblur.operators import Blur, FirstDerivative, Fourier, Gradient, gram_symbol, symbol

from .dense import BOUNDARIES, DTYPES, assert_adjoint, assert_close, assert_symbol, derivative_matrix, matrix_of

EDGES = BOUNDARIES[:-1]
KINDS = ("forward", "backward", "centered")
CASES = {
    "1-D odd": ((7,), 0),
    "1-D even": ((6,), 0),
    "rows": ((4, 5), 0),
    "columns": ((4, 5), 1),
    "3-D middle": ((3, 4, 2), 1),
    "last by its negative": ((3, 2, 4), -1),
    "one sample": ((1, 3), 0),
    "two samples": ((2,), 0),
}
cases = pytest.mark.parametrize("case", CASES, ids=str)
edges = pytest.mark.parametrize("boundary", EDGES)
kinds = pytest.mark.parametrize("kind", KINDS)


@cases
@edges
@kinds
@pytest.mark.parametrize("dtype", DTYPES)
def test_adjoint_is_exact(case, boundary, kind, dtype):
    dims, axis = CASES[case]
    A = FirstDerivative(dims, axis, boundary=boundary, kind=kind, sampling=0.7)
    assert_adjoint(A, dtype, np.random.default_rng(1))


@cases
@edges
@kinds
def test_equals_the_dense_matrix(case, boundary, kind):
    dims, axis = CASES[case]
    A = FirstDerivative(dims, axis, boundary=boundary, kind=kind, sampling=2.5)
    dense = derivative_matrix(dims, axis, boundary, 2.5, kind)
    assert_close(matrix_of(A), dense)
    assert_close(matrix_of(A.H), dense.T)
    assert A.norm_bound() >= np.linalg.norm(dense, 2) * (1 - 1e-12)


@edges
@kinds
@pytest.mark.parametrize("axis", [0, 1])
def test_out_may_be_strided_and_hold_anything(boundary, kind, axis):
    rng = np.random.default_rng(2)
    A = FirstDerivative((6, 5), axis, boundary=boundary, kind=kind)
    x = rng.standard_normal((5, 6)).T
    out = np.full((12, 5), np.nan)[::2]
    for apply, dense in ((A.apply, matrix_of(A)), (A.apply_adjoint, matrix_of(A).T)):
        assert apply(x, out) is out
        assert_close(out.ravel(), dense @ x.ravel())


@edges
@kinds
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sizes_at_which_the_work_is_cut_in_pieces(boundary, kind, dtype):
    # large enough that any blocking by the implementation is met, in the first, the middle and the last axis
    rng = np.random.default_rng(3)
    for dims in ((700, 701), (5, 700, 151), (300_001,)):
        x = rng.standard_normal(dims).astype(dtype)
        for axis in range(len(dims)):
            A = FirstDerivative(dims, axis, boundary=boundary, kind=kind)
            a, b, c = {"forward": (0, 1, 1), "backward": (-1, 0, 1), "centered": (-1, 1, 0.5)}[kind]
            mode = {"periodic": "wrap", "zero": "constant", "reflect": "symmetric", "mirror": "reflect", "nearest": "edge"}
            width = [(1, 1) if i == axis else (0, 0) for i in range(len(dims))]
            padded = np.pad(x, width, mode=mode[boundary])
            shifted = [np.take(padded, np.arange(dims[axis]) + 1 + s, axis=axis) for s in (b, a)]
            assert_close(A.apply(x), c * (shifted[0] - shifted[1]), dtype)
            assert_adjoint(A, dtype, rng)


@cases
@kinds
@pytest.mark.parametrize("real", [True, False])
def test_symbol(case, kind, real):
    dims, axis = CASES[case]
    A = FirstDerivative(dims, axis, boundary="periodic", kind=kind, sampling=0.5)
    dense = derivative_matrix(dims, axis, "periodic", 0.5, kind) if axis >= 0 else matrix_of(A)
    for axes in {A.axes, tuple(range(len(dims)))}:
        transform = Fourier(dims, axes, real)
        assert_symbol(dense, symbol(A, transform), transform)
        assert_symbol(dense.T @ dense, gram_symbol(A, transform), transform)


@pytest.mark.parametrize("boundary", EDGES[1:])
def test_no_symbol_where_there_is_none(boundary):
    A = FirstDerivative((4, 5), 0, boundary=boundary)
    assert symbol(A, Fourier((4, 5), (0, 1))) is None
    assert symbol(FirstDerivative((4, 5), 0, boundary="periodic"), Fourier((4, 5), (1,))) is None


@edges
@kinds
def test_gradient_stacks_components_first(boundary, kind):
    rng = np.random.default_rng(4)
    dims, axes, sampling = (4, 3, 5), (2, 0), (0.5, 2.0)
    A = Gradient(dims, boundary=boundary, axes=axes, sampling=sampling, kind=kind)
    assert A.dimsd == (2, *dims)
    dense = np.vstack([derivative_matrix(dims, a, boundary, s, kind) for a, s in zip(axes, sampling, strict=True)])
    assert_close(matrix_of(A), dense)
    assert_close(matrix_of(A.H), dense.T)
    assert A.norm_bound() >= np.linalg.norm(dense, 2) * (1 - 1e-12)
    for dtype in DTYPES:
        assert_adjoint(A, dtype, rng)


@pytest.mark.parametrize("real", [True, False])
def test_gram_symbol_of_a_gradient(real):
    A = Gradient((4, 3, 2), boundary="periodic", axes=(0, 1))
    dense = matrix_of(A)
    for axes in ((0, 1), (0, 1, 2)):
        transform = Fourier(A.dims, axes, real)
        assert_symbol(dense.T @ dense, gram_symbol(A, transform), transform)
    assert gram_symbol(A, Fourier(A.dims, (0,))) is None


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_gradient_of_a_blur_lives_on_its_grid(boundary):
    A = Blur(np.ones((3, 3)), (12, 11, 3), axes=(0, 1), boundary=boundary)
    D = Gradient(A)
    assert D.dims == A.dims
    assert D.axes == A.axes
    assert D.boundary == ("periodic" if boundary == "unknown" else boundary)
    assert Gradient(A, axes=1, boundary="nearest").dimsd == (1, *A.dims)


def test_checkerboard_is_seen_by_forward_differences():
    board = np.indices((6, 6)).sum(0) % 2 * 2.0 - 1
    assert np.abs(Gradient((6, 6), boundary="periodic").apply(board)).min() == 2
    assert np.abs(Gradient((6, 6), boundary="periodic", kind="centered").apply(board)).max() == 0


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"axis": 2}, ValueError, ["axis", "2", "from -2 to 1"]),
        ({"axis": "x"}, TypeError, ["axis", "'x'"]),
        ({"axis": (0, 1)}, ValueError, ["axis", "(0, 1)", "one"]),
        ({"boundary": "unknown"}, ValueError, ["boundary", "'unknown'", "'periodic'"]),
        ({"boundary": "wrap"}, ValueError, ["boundary", "'wrap'", "'periodic'"]),
        ({"kind": "central"}, ValueError, ["kind", "'central'", "'centered'"]),
        ({"sampling": 0}, ValueError, ["sampling", "0"]),
        ({"sampling": np.nan}, ValueError, ["sampling", "nan"]),
        ({"sampling": "1"}, TypeError, ["sampling", "'1'"]),
        ({"dims": (3, -1)}, ValueError, ["dims", "(3, -1)"]),
    ],
)
def test_bad_arguments_are_named(arguments, error, words):
    with pytest.raises(error) as caught:
        FirstDerivative(**({"dims": (4, 5), "axis": 0, "boundary": "periodic"} | arguments))
    for word in words:
        assert word in str(caught.value)


def test_gradient_names_what_is_wrong():
    with pytest.raises(ValueError, match=r"boundary is missing.*'periodic'"):
        Gradient((3, 3))
    with pytest.raises(ValueError, match=r"sampling is \(1, 2, 3\)"):
        Gradient((3, 3), boundary="periodic", sampling=(1, 2, 3))
    with pytest.raises(TypeError, match=r"sampling is 'wide'"):
        Gradient((3, 3), boundary="periodic", sampling="wide")
