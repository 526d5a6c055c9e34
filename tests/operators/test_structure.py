from __future__ import annotations

import numpy as np
import pylops
import pytest
import scipy.sparse

from unblur.operators import (
    Blur,
    Crop,
    FirstDerivative,
    Fourier,
    Gradient,
    Identity,
    Stack,
    aslinearoperator,
    from_functions,
    gram_symbol,
    norm_bound,
    split,
    symbol,
)
from unblur.operators.structure import ffts

from .dense import assert_close, assert_symbol, matrix_of

DIMS = (5, 4)


def blur(seed=0, boundary="periodic", shape=DIMS):
    return Blur(np.random.default_rng(seed).standard_normal((3, 2)), shape, boundary=boundary)


def complex_blur():
    rng = np.random.default_rng(9)
    return Blur(rng.standard_normal((2, 3)) + 1j * rng.standard_normal((2, 3)), DIMS, boundary="periodic")


A, B, C = blur(1), blur(2), complex_blur()
D = FirstDerivative(DIMS, 0, boundary="periodic")
DIAGONAL = {
    "A": A,
    "complex": C,
    "I": Identity(DIMS),
    "2 A": 2 * A,
    "A (-1.5)": A * -1.5,
    "(2 - 3i) C": (2 - 3j) * C,
    "-A": -A,
    "A + B": A + B,
    "A - B": A - B,
    "A B": A @ B,
    "C A": C @ A,
    "A**3": A**3,
    "A.H": A.H,
    "C.H": C.H,
    "A.T": A.T,
    "(A B).H": (A @ B).H,
    "(A + 2 B).H A": (A + 2 * B).H @ A,
    "A.H A + 0.1 D.H D": A.H @ A + 0.1 * (D.H @ D),
    "(3 C).H": (3 * C).H,
    "A + pylops.Identity": A + pylops.Identity(20),
    "pylops.Diagonal A": pylops.Diagonal(np.full(20, 3.0)) @ A,
    "wrapped": aslinearoperator(2 * A @ B),
}
GRAM = {
    "VStack": pylops.VStack([A, 2 * D, A @ B]),
    "Stack": Stack([A, D, 3 * B]),
    "Gradient": Gradient(DIMS, boundary="periodic"),
    "2 Gradient": 2 * Gradient(DIMS, boundary="periodic"),
    "Gradient A": Gradient(DIMS, boundary="periodic") @ A,
    "VStack A": pylops.VStack([A, D]) @ B * 0.5,
    "VStack of complex": pylops.VStack([C, 1j * C]),
    "nested": pylops.VStack([Gradient(DIMS, boundary="periodic"), A]),
}


def transform_for(op):
    return Fourier(DIMS, (0, 1), real=np.dtype(op.dtype).kind != "c")


@pytest.mark.parametrize("name", DIAGONAL)
def test_symbol_equals_the_dense_spectrum(name):
    op = DIAGONAL[name]
    dense = matrix_of(op, op.dtype)
    for transform in {transform_for(op), Fourier(DIMS, (0, 1), real=False)}:
        assert symbol(op, transform) is not None
        assert_symbol(dense, symbol(op, transform), transform)
        assert_symbol(dense.conj().T @ dense, gram_symbol(op, transform), transform)


@pytest.mark.parametrize("name", GRAM)
def test_gram_symbol_equals_the_dense_spectrum(name):
    op = GRAM[name]
    dense = matrix_of(op, op.dtype)
    transform = transform_for(op)
    assert symbol(op, transform) is None
    claimed = gram_symbol(op, transform)
    assert np.isrealobj(claimed)
    assert np.min(claimed) >= 0
    assert_symbol(dense.conj().T @ dense, claimed, transform)


@pytest.mark.parametrize("name", DIAGONAL | GRAM)
def test_norm_bound_is_a_bound(name):
    op = (DIAGONAL | GRAM)[name]
    bound = norm_bound(op)
    assert bound is not None
    assert bound >= np.linalg.norm(matrix_of(op, op.dtype), 2) * (1 - 1e-12)


def test_a_sum_of_gradients_has_a_symbol_but_no_gram_of_parts():
    # (A + B)ᴴ(A + B) has cross terms: it must not be the sum of the two Grams
    transform = Fourier(DIMS, (0, 1))
    together, apart = gram_symbol(A + B, transform), gram_symbol(A, transform) + gram_symbol(B, transform)
    assert not np.allclose(together, apart)
    # two stacks have Gram symbols, but none can be told for their sum
    G = Gradient(DIMS, boundary="periodic")
    assert gram_symbol(G + 2 * G, transform) is None
    assert gram_symbol(G.H, transform) is None


OPAQUE = {
    "zero boundary": blur(3, "zero"),
    "reflect": FirstDerivative(DIMS, 1, boundary="reflect"),
    "sum with opaque": A + blur(3, "zero"),
    "product with opaque inside": A @ blur(3, "zero"),
    "product with opaque outside": blur(3, "zero") @ A,
    "VStack with opaque": pylops.VStack([A, blur(3, "zero")]),
    "power of opaque": blur(3, "zero") ** 2,
    "pylops": pylops.FirstDerivative(DIMS, axis=0),
    "conjugate": A.conj() @ C,
    "real part": C.toreal(),
    "matrix": aslinearoperator(np.eye(20)),
    "varying diagonal": pylops.Diagonal(np.arange(20.0)),
    "block diagonal": pylops.BlockDiag([A, A]),
    "horizontal": pylops.HStack([A, A]),
    "functions": from_functions(np.flipud, np.flipud, DIMS),
}


@pytest.mark.parametrize("name", OPAQUE)
def test_nothing_is_claimed_where_nothing_is_known(name):
    op = OPAQUE[name]
    for real in (True, False):
        transform = Fourier(DIMS, (0, 1), real=real)
        assert symbol(op, transform) is None
        assert gram_symbol(op, transform) is None


def test_symbols_belong_to_one_grid():
    transform = Fourier((4, 5), (0, 1))
    for op in (*DIAGONAL.values(), *GRAM.values()):
        if op not in (DIAGONAL["I"],):
            assert gram_symbol(op, transform) is None


U = blur(4, "unknown", (4, 3))
SPLIT = {
    "unknown": U,
    "2 U": 2 * U,
    "U B": U @ blur(5, "periodic", U.dims),
    "crop": Crop(DIMS, (slice(1, 4), slice(2))),
    "crop A": Crop(DIMS, (slice(1, 4), slice(2))) @ A,
    "-0.5 crop A": -0.5 * (Crop(DIMS, (slice(1, 4), slice(2))) @ A),
    "restriction": pylops.Restriction(20, [1, 5, 6]),
    "restriction A": pylops.Restriction(20, [1, 5, 6]) @ A,
    "mask": pylops.Diagonal(np.arange(20.0) % 2),
    "mask A": pylops.Diagonal((np.arange(20) % 3 == 0).astype(float)) @ A,
    "wrapped": aslinearoperator(2 * U),
}


@pytest.mark.parametrize("name", SPLIT)
def test_split_is_a_selection_and_a_diagonalised_operator(name):
    op = SPLIT[name]
    M, K = split(op)
    assert_close(matrix_of(M) @ matrix_of(K), matrix_of(op))
    gram = matrix_of(M).T @ matrix_of(M)
    np.testing.assert_array_equal(gram, np.diag(np.diag(gram)))
    assert set(np.unique(np.diag(gram))) <= {0.0, 1.0}
    dims = tuple(K.dims)
    if len(dims) == 2:
        assert symbol(K, Fourier(dims, (0, 1))) is not None


@pytest.mark.parametrize("op", [A, D, A + B, U.H, U.H @ U, pylops.VStack([A, B]), pylops.Diagonal(np.arange(20.0))], ids=repr)
def test_no_split_where_there_is_none(op):
    assert split(op) is None


def test_a_product_of_two_selections_is_one_selection():
    inner = Crop(DIMS, (slice(1, 4), slice(2))) @ A
    outer = Crop((3, 2), (slice(1, 2), slice(2)))
    parts = split(outer @ inner)
    assert parts is not None
    assert_close(matrix_of(parts[0]) @ matrix_of(parts[1]), matrix_of(outer @ inner))
    selection = matrix_of(parts[0])
    assert_close(selection @ selection.T, np.eye(len(selection)))
    assert symbol(parts[1], Fourier(DIMS, (0, 1))) is not None


def test_a_restriction_that_repeats_samples_is_no_selection():
    R = pylops.Restriction(6, [1, 1, 2])
    dense = matrix_of(R)
    assert norm_bound(R) is None or norm_bound(R) >= np.linalg.norm(dense, 2)
    assert split(R) is None


class UsersOwn:
    """Neither PyLops's nor SciPy's: the five methods alone."""

    shape, dtype, dims, dimsd = (20, 20), np.float64, DIMS, DIMS

    def matvec(self, x):
        return 2 * x

    rmatvec = matvec

    def symbol(self, transform):
        return np.full(transform.shape, 2.0)

    def gram_symbol(self, transform):
        return np.full(transform.shape, 4.0)

    def split(self):
        return Identity(DIMS), self

    def norm_bound(self):
        return 2.0


def test_a_users_own_class_may_answer():
    op, transform = UsersOwn(), Fourier(DIMS, (0, 1))
    wrapped = aslinearoperator(op)
    for one in (op, wrapped):
        assert symbol(one, transform)[0, 0] == 2
        assert gram_symbol(one, transform)[0, 0] == 4
        assert norm_bound(one) == 2
        assert split(one)[1] is op
    assert gram_symbol(pylops.VStack([wrapped, A]), transform) is not None
    np.testing.assert_allclose(symbol(wrapped @ A, transform), 2 * symbol(A, transform))


def test_ffts_add_up():
    assert ffts(A) == 2
    assert ffts(D) == 0
    assert ffts(A @ B) == 4
    assert ffts(A + B) == 4
    assert ffts(2 * A) == 2
    assert ffts(pylops.VStack([A, B, D])) == 4
    assert ffts(Stack([A, D])) == 2
    assert ffts(A.H) == 2
    assert ffts(pylops.Identity(3)) == 0


def test_bounds_of_what_is_known_elsewhere():
    assert norm_bound(pylops.Identity(4)) == 1
    assert norm_bound(pylops.Restriction(5, [0, 3])) == 1
    assert norm_bound(pylops.Diagonal(np.array([1.0, -3.0]))) == 3
    assert norm_bound(aslinearoperator(scipy.sparse.eye_array(3))) is None
    assert norm_bound(A + pylops.FirstDerivative(DIMS, axis=0)) is None
