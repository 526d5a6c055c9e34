import numpy as np
import pytest

from unblur.operators import (
    Blur,
    Cosine,
    Fourier,
    Gradient,
    Hessian,
    Laplacian,
    MixedDerivative,
    SecondDerivative,
)

from ._explicit import BOUNDARIES, along, check_contract, check_matrix, check_symbols, shifted_sum

FIRST = {"forward": {0: -1, 1: 1}, "backward": {-1: -1, 0: 1}, "centered": {-1: -0.5, 1: 0.5}}
SECOND = {"forward": {0: 1, 1: -2, 2: 1}, "backward": {-2: 1, -1: -2, 0: 1}, "centered": {-1: 1, 0: -2, 1: 1}}
KINDS = tuple(SECOND)
each_boundary = pytest.mark.parametrize("boundary", BOUNDARIES)
each_kind = pytest.mark.parametrize("kind", KINDS)


def second(dims, axis, boundary, kind, sampling=1.0):
    return along(shifted_sum(dims[axis], SECOND[kind], boundary), dims, axis) / sampling**2


def first(dims, axis, boundary, kind, sampling=1.0):
    return along(shifted_sum(dims[axis], FIRST[kind], boundary), dims, axis) / sampling


def transforms(dims):
    axes = tuple(range(len(dims)))
    return [Fourier(dims, axes, real=False), Fourier(dims, axes), Cosine(dims, axes)]


@each_boundary
@each_kind
@pytest.mark.parametrize(("dims", "axis"), [((7,), 0), ((1,), 0), ((2,), 0), ((4, 5), 0), ((5, 4), -1), ((3, 2, 4), 1)])
def test_second_derivative_is_its_matrix(dims, axis, boundary, kind):
    D = SecondDerivative(dims, axis, boundary=boundary, sampling=0.5, kind=kind)
    expected = second(dims, D.axis, boundary, kind, 0.5)
    check_matrix(D, expected)
    claims = check_symbols(D, expected, transforms(dims))
    if boundary == "periodic":
        assert claims[0] == claims[1] == (True, True)
    if boundary == "reflect" and kind == "centered":
        assert claims[2] == (True, True)


@each_boundary
@each_kind
@pytest.mark.parametrize("dims", [(7, 8), (20, 6, 3)])
def test_second_derivatives_keep_the_contract(dims, boundary, kind):
    check_contract(SecondDerivative(dims, 1, boundary=boundary, kind=kind))
    check_contract(MixedDerivative(dims, (0, 1), boundary=boundary, sampling=(2, 3), kind=kind))
    check_contract(Laplacian(dims, boundary=boundary, kind=kind, sampling=0.5))
    check_contract(Hessian(dims, boundary=boundary, axes=(0, 1), kind=kind))


@each_boundary
@each_kind
@pytest.mark.parametrize("dims", [(5, 4), (3, 2, 4)])
def test_sums_and_stacks_are_their_matrices(dims, boundary, kind):
    axes = tuple(range(len(dims)))
    steps = tuple(1 + 0.5 * a for a in axes)
    pure = [second(dims, a, boundary, kind, steps[a]) for a in axes]
    mixed = [
        np.sqrt(2) * first(dims, a, boundary, kind, steps[a]) @ first(dims, b, boundary, kind, steps[b])
        for a in axes
        for b in axes
        if a < b
    ]
    for A, expected in (
        (Laplacian(dims, boundary=boundary, sampling=steps, kind=kind), sum(pure)),
        (Hessian(dims, boundary=boundary, sampling=steps, kind=kind), np.concatenate([*pure, *mixed])),
    ):
        check_matrix(A, expected)
        if A.dims == A.dimsd:
            claims = check_symbols(A, expected, transforms(dims))
        else:
            assert A.dimsd == (len(axes) * (len(axes) + 1) // 2, *dims)
            claims = check_symbols(A, expected, transforms(dims))
        if boundary == "periodic":
            assert claims[0][1]
            assert claims[1][1]
        if boundary == "reflect" and kind == "centered":
            assert claims[2][1]


@each_kind
def test_gradient_under_reflection_has_a_cosine_spectrum(kind):
    dims = (5, 4)
    D = Gradient(dims, boundary="reflect", kind=kind)
    expected = np.concatenate([first(dims, a, "reflect", kind) for a in (0, 1)])
    assert check_symbols(D, expected, transforms(dims))[2] == (False, True)
    if kind != "centered":
        g = np.broadcast_to(D.gram_symbol(Cosine(dims, (0, 1))), dims)
        k = np.indices(dims)
        np.testing.assert_allclose(g, sum(2 - 2 * np.cos(np.pi * k[a] / dims[a]) for a in (0, 1)), atol=1e-14)


def test_no_cosine_spectrum_is_claimed_where_there_is_none():
    dims = (6, 5)
    T = Cosine(dims, (0, 1))
    assert SecondDerivative(dims, 0, boundary="reflect", kind="forward").gram_symbol(T) is None
    assert SecondDerivative(dims, 0, boundary="mirror").gram_symbol(T) is None
    assert Laplacian(dims, boundary="zero").symbol(T) is None
    assert Laplacian(dims, boundary="periodic").symbol(T) is None
    assert Laplacian(dims, boundary="reflect").symbol(Cosine(dims, (0,))) is None
    assert Laplacian(dims, boundary="reflect").symbol(Cosine((5, 6), (0, 1))) is None
    assert Laplacian(dims, boundary="reflect").symbol(Fourier(dims, (0, 1))) is None


def test_long_arrays_are_cut_into_pieces_without_a_seam():
    rng = np.random.default_rng(3)
    for dims, axis in (((700, 301), 0), ((700, 301), 1), ((3, 300, 301), 1), ((200_001,), 0)):
        x = rng.standard_normal(dims)
        D = SecondDerivative(dims, axis, boundary="periodic")
        expected = np.roll(x, 1, axis) - 2 * x + np.roll(x, -1, axis)
        np.testing.assert_allclose(D.apply(x), expected, atol=1e-13)
        total = x.copy()
        D._add(x, total)
        np.testing.assert_allclose(total, x + expected, atol=1e-13)


def test_the_hessian_of_a_quadratic():
    i, j = np.indices((12, 13)).astype(float)
    h = Hessian((12, 13), boundary="nearest").apply(3 * i * i + 5 * i * j - j * j)[:, 2:-2, 2:-2]
    np.testing.assert_allclose(h[0], 6)
    np.testing.assert_allclose(h[1], -2)
    np.testing.assert_allclose(h[2], 5 * np.sqrt(2))


def test_dims_axes_and_boundary_come_from_a_blur():
    A = Blur(np.ones((3, 4)), (20, 21, 3), axes=(0, 1), boundary="unknown")
    for D in (Laplacian(A), Hessian(A)):
        assert D.dims == A.dims
        assert D.axes == (0, 1)
        assert D.boundary == "periodic"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SecondDerivative((4,), 0, boundary="unknown"), "boundary is 'unknown'.*'periodic'"),
        (lambda: SecondDerivative((4,), 0, boundary="wrap"), "boundary is 'wrap'; choose one of 'periodic'"),
        (lambda: SecondDerivative((4,), 2, boundary="zero"), "axis is 2"),
        (lambda: SecondDerivative((4,), 0, boundary="zero", kind="central"), "kind is 'central'; choose"),
        (lambda: SecondDerivative((4,), 0, boundary="zero", sampling=0), "sampling is 0; give a finite number, above 0"),
        (lambda: MixedDerivative((4, 4), (0,), boundary="zero"), "takes two"),
        (lambda: Laplacian((4, 4)), "boundary is missing"),
        (lambda: Laplacian((4, 4), boundary="zero", sampling=(1, 2, 3)), "sampling is .* one for each of axes"),
        (lambda: Hessian((4, 0), boundary="zero"), "every size must be 1 or more"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
