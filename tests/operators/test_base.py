from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pylops
import pytest
import scipy.sparse

from unblur.operators import (
    Blur,
    Crop,
    FirstDerivative,
    Gradient,
    Identity,
    Operator,
    Stack,
    aslinearoperator,
    from_functions,
    get_workers,
    set_workers,
)

from .dense import BOUNDARIES, DTYPES, assert_adjoint, assert_close, matrix_of, random_array

DIMS = (6, 5)
PSF = np.arange(1.0, 7).reshape(2, 3)
OPERATORS = {
    **{boundary: Blur(PSF, DIMS, boundary=boundary) for boundary in BOUNDARIES},
    "colour": Blur(PSF, (*DIMS, 3), axes=(0, 1), boundary="reflect"),
    "one dimension": Blur(PSF[0], (9,), boundary="mirror"),
    "volume": Blur(np.ones((2, 2, 2)), (3, 4, 5), boundary="unknown"),
    "complex": Blur(PSF * 1j, DIMS, boundary="nearest"),
    "rows": FirstDerivative(DIMS, 0, boundary="reflect"),
    "columns": FirstDerivative(DIMS, 1, boundary="periodic", kind="centered"),
    "gradient": Gradient(DIMS, boundary="zero"),
    "stack": Stack([Identity(DIMS), Blur(PSF, DIMS, boundary="zero")]),
    "identity": Identity(DIMS),
    "crop": Crop(DIMS, (slice(1, 4), slice(None))),
    "adjoint": Blur(PSF, DIMS, boundary="unknown").H,
    "functions": from_functions(np.flipud, np.flipud, DIMS),
    "functions that give views": from_functions(lambda x: x.T, lambda y: y.T, (3, 4), (4, 3)),
    "scaled": aslinearoperator(2 * Blur(PSF, DIMS, boundary="zero")),
    "PyLops": aslinearoperator(pylops.FirstDerivative(DIMS, axis=0, dtype="float64")),
    "sparse": aslinearoperator(scipy.sparse.csr_array(np.random.default_rng(1).binomial(3, 0.2, size=(7, 9)).astype(float))),
}
operators = pytest.mark.parametrize("name", OPERATORS)


@operators
@pytest.mark.parametrize("dtype", DTYPES)
def test_adjoint_is_exact(name, dtype):
    assert_adjoint(OPERATORS[name], dtype, np.random.default_rng(1))


@operators
@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("float16", "float32"),
        ("float32", "float32"),
        ("float64", "float64"),
        ("uint8", "float64"),
        ("int64", "float64"),
        ("bool", "float64"),
        ("complex64", "complex64"),
        ("complex128", "complex128"),
        (">f4", "float32"),
    ],
)
def test_precision_follows_the_argument(name, given, wanted):
    A = OPERATORS[name]
    if A.dtype.kind == "c":
        wanted = np.result_type(wanted, np.complex64).name
    x, y = np.ones(A.dims, given), np.ones(A.dimsd, given)
    assert A.apply(x).dtype == wanted
    assert A.apply_adjoint(y).dtype == wanted
    assert A.apply(x).dtype.isnative
    assert A.matvec(x.ravel()).dtype == wanted
    assert A.rmatvec(y.ravel()).dtype == wanted


@operators
def test_short_precision_keeps_the_values(name):
    A, rng = OPERATORS[name], np.random.default_rng(2)
    x = rng.standard_normal(A.dims)
    assert_close(A.apply(x.astype(np.float32)), A.apply(x), np.float32)


@operators
@pytest.mark.parametrize("dtype", DTYPES)
def test_out_is_honoured(name, dtype):
    A, rng = OPERATORS[name], np.random.default_rng(3)
    for apply, given, wanted in ((A.apply, A.dims, A.dimsd), (A.apply_adjoint, A.dimsd, A.dims)):
        x = random_array(rng, given, dtype)
        expected = apply(x)
        out = np.full(wanted, np.nan, expected.dtype)
        assert apply(x, out) is out
        np.testing.assert_array_equal(out, expected)
        strided = np.full((2, *wanted), np.nan, expected.dtype).transpose(*range(1, len(wanted) + 1), 0)[..., 0]
        assert apply(x, strided) is strided
        np.testing.assert_array_equal(strided, expected)


@operators
def test_out_may_be_the_argument(name):
    A, rng = OPERATORS[name], np.random.default_rng(4)
    if A.dims == A.dimsd and A.dtype.kind != "c":
        for apply in (A.apply, A.apply_adjoint):
            x = rng.standard_normal(A.dims)
            expected = apply(x)
            np.testing.assert_array_equal(apply(x, x), expected)


@operators
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_argument_is_neither_changed_nor_shared(name, dtype):
    A, rng = OPERATORS[name], np.random.default_rng(5)
    for apply, flat, shape in ((A.apply, A.matvec, A.dims), (A.apply_adjoint, A.rmatvec, A.dimsd)):
        x = random_array(rng, shape, dtype)
        before = x.copy()
        x.flags.writeable = False
        result = apply(x)
        assert not np.may_share_memory(result, x)
        assert not np.may_share_memory(flat(x.ravel()), x)
        np.testing.assert_array_equal(x, before)
        first = result.copy()
        apply(random_array(rng, shape, dtype))
        np.testing.assert_array_equal(result, first)


@operators
def test_any_layout_in_memory(name):
    A, rng = OPERATORS[name], np.random.default_rng(6)
    x = rng.standard_normal(A.dims)
    expected = A.apply(x)
    wide = np.zeros([2 * n for n in A.dims])
    wide[tuple(slice(None, None, 2) for _ in A.dims)] = x
    for same in (np.asfortranarray(x), wide[tuple(slice(None, None, 2) for _ in A.dims)], x[::-1].copy()[::-1]):
        assert_close(A.apply(same), expected)


@operators
def test_shapes_are_kept(name):
    A, rng = OPERATORS[name], np.random.default_rng(7)
    x, y = rng.standard_normal(A.dims), rng.standard_normal(A.dimsd)
    assert (A @ x).shape == A.dimsd
    assert (A.H @ y).shape == A.dims
    assert (A @ x.ravel()).shape == (A.shape[0],)
    assert (A.H @ y.ravel()).shape == (A.shape[1],)
    np.testing.assert_array_equal((A @ x).ravel(), A @ x.ravel())
    columns = rng.standard_normal((A.shape[1], 2))
    assert_close(A @ columns, np.stack([A.matvec(c) for c in columns.T], axis=1))


@operators
def test_products_do_not_depend_on_pylops_switch(name):
    A, rng = OPERATORS[name], np.random.default_rng(8)
    x, y = rng.standard_normal(A.dims), rng.standard_normal(A.dimsd)
    expected = A @ x, A.H @ y
    with pylops.disabled_ndarray_multiplication():
        for result, wanted in zip((A @ x, A.H @ y), expected, strict=True):
            np.testing.assert_array_equal(result, wanted)
            assert result.shape == wanted.shape


@operators
def test_adjoint_of_the_adjoint_is_the_operator(name):
    A = OPERATORS[name]
    assert A.H.H is A or A.H.H.A is A.H
    assert A.H.shape == A.shape[::-1]
    assert (A.H.dims, A.H.dimsd) == (A.dimsd, A.dims)
    dense = matrix_of(A, A.dtype)
    assert_close(matrix_of(A.H, A.dtype), dense.conj().T)
    assert_close(matrix_of(A.T, A.dtype), dense.T)
    if A.dtype.kind != "c":
        assert A.T.T is A or A.T.T.A is A.T


@operators
def test_scalings_keep_float32(name):
    A = OPERATORS[name]
    x = np.ones(A.shape[1], np.float32)
    for scaled in (A * np.float64(0.5), np.float64(0.5) * A, 0.5 * A, A * 0.5, -A, A * np.array(0.5)[()]):
        assert isinstance(scaled, pylops.LinearOperator)
        assert (scaled @ x).dtype == (A @ x).dtype
    assert_close((np.float64(0.5) * A) @ x, 0.5 * (A @ x), np.float32)


@operators
def test_pickle(name):
    A, rng = OPERATORS[name], np.random.default_rng(9)
    if name.endswith("views"):
        pytest.skip("lambda functions cannot be pickled")
    x = rng.standard_normal(A.dims)
    expected = A.apply(x)
    again = pickle.loads(pickle.dumps(A))
    np.testing.assert_array_equal(again.apply(x), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(A.H)).apply_adjoint(x), expected)
    assert repr(again) == repr(A)


@operators
def test_eight_threads_give_the_same_bits(name):
    A, rng = OPERATORS[name], np.random.default_rng(10)
    images = [rng.standard_normal(A.dims).astype(np.float32) for _ in range(16)]
    expected = [A.apply(x) for x in images]
    with ThreadPoolExecutor(8) as pool:
        for result, wanted in zip(pool.map(A.apply, images), expected, strict=True):
            np.testing.assert_array_equal(result, wanted)


def test_the_number_of_workers_does_not_change_the_bits():
    x = np.random.default_rng(11).standard_normal((300, 301)).astype(np.float32)
    A, D = Blur(PSF, x.shape, boundary="reflect"), Gradient(x.shape, boundary="reflect")
    results = []
    try:
        for workers in (1, 2, 5):
            set_workers(workers)
            assert get_workers() == workers
            results.append((A.apply(x), D.apply(x), D.apply_adjoint(D.apply(x))))
    finally:
        set_workers(None)
    for more in results[1:]:
        for one, other in zip(results[0], more, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("setting", ["0", "two", "-1", ""])
def test_a_wrong_number_of_workers_is_named(setting, monkeypatch):
    monkeypatch.setenv("UNBLUR_WORKERS", setting)
    with pytest.raises(ValueError, match=f"UNBLUR_WORKERS is '{setting}'"):
        get_workers()
    with pytest.raises(ValueError, match="workers is 0"):
        set_workers(0)


@operators
def test_wrong_shapes_are_named(name):
    A = OPERATORS[name]
    wrong = tuple(n + 1 for n in A.dims)
    for call in (A.apply, A.dot) if len(A.dims) > 1 else (A.apply,):
        with pytest.raises(ValueError) as caught:
            call(np.zeros(wrong))
        assert "x has shape" in str(caught.value)
        assert str(wrong) in str(caught.value)
        assert str(A.dims) in str(caught.value)
    with pytest.raises(ValueError, match="y has shape"):
        A.apply_adjoint(np.zeros((*A.dimsd, 1, 1)))


@pytest.mark.parametrize("shape", [(6, 5, 3), (3, 6, 5)])
def test_a_colour_image_on_grey_dims_names_axes(shape):
    for A in (OPERATORS["zero"], OPERATORS["rows"], OPERATORS["gradient"], OPERATORS["identity"]):
        for call in (A.apply, A.dot, A.__matmul__):
            with pytest.raises(ValueError, match="axes"):
                call(np.zeros(shape))


@operators
def test_wrong_types_are_named(name):
    A = OPERATORS[name]
    for dtype in (object, "U3", "datetime64[s]"):
        with pytest.raises(TypeError, match=r"x has dtype .*astype"):
            A.apply(np.zeros(A.dims, dtype))
    for out in (np.zeros(A.dimsd, np.float16), np.zeros((1, *A.dimsd), np.complex128)):
        with pytest.raises(ValueError, match="out has shape"):
            A.apply(np.zeros(A.dims), out)
    with pytest.raises(TypeError, match="out is"):
        A.apply(np.zeros(A.dims), [0.0])


class Half(Operator):
    """What a user writes at the least."""

    def __init__(self):
        super().__init__((4,), (4,))

    def _apply(self, x, out):
        return np.multiply(x, x.dtype.type(0.5), out=out)

    _apply_adjoint = _apply


def test_a_users_subclass_has_it_all():
    A = Half()
    x = np.arange(4, dtype=np.float32)
    np.testing.assert_array_equal(A @ x, x / 2)
    assert (A @ x).dtype == np.float32
    assert A.H.H is A
    assert A.symbol(None) is A.gram_symbol(None) is A.split() is A.norm_bound() is None
    assert repr(A) == "Half(4 → 4)"
    assert repr(A.H) == "Half(4 → 4)ᴴ"
    with pytest.raises(TypeError, match="does not define _apply"):
        Operator((2,), (2,)).apply(np.zeros(2))


@pytest.mark.parametrize(
    ("window", "words"),
    [((slice(2),), "2 axes"), ((slice(0, 4, 2), slice(2)), "step 1"), ((slice(3, 3), slice(2)), "keep"), ((1, 2), "slice")],
)
def test_a_wrong_window_is_named(window, words):
    with pytest.raises(ValueError, match=rf"window is .*{words}"):
        Crop((5, 5), window)


def test_a_stack_of_unlike_operators_is_named():
    with pytest.raises(ValueError, match=r"operators have shapes.*same dims"):
        Stack([Identity((3,)), Identity((4,))])
    with pytest.raises(ValueError, match="one or more"):
        Stack([])
