"""What a blur claims of its spectrum, against its matrix built tap by tap."""

import numpy as np
import pytest

from unblur.operators import Blur, Cosine, Fourier

from ._explicit import along, check_symbols, convolution, random


def even(*sizes, seed=0):
    """A PSF symmetric in each axis, not separable."""
    h = random(sizes, seed=seed)
    for axis in range(len(sizes)):
        h = h + np.flip(h, axis)
    return h


@pytest.mark.parametrize(
    ("psf", "shape", "center"),
    [
        (even(3), (7,), None),
        (even(5), (4,), None),
        (even(9), (4,), None),
        (even(3, 5), (6, 5), None),
        (even(7, 1), (5, 4), None),
        (np.pad(even(3), (1, 0)), (6,), None),  # of even size, with a zero that makes it odd
        (np.pad(even(3, 3), ((2, 0), (0, 4))), (6, 5), (3, 1)),
    ],
)
def test_a_symmetric_psf_has_a_cosine_spectrum(psf, shape, center):
    A = Blur(psf, shape, boundary="reflect", center=center)
    axes = tuple(range(len(shape)))
    expected = convolution(psf, shape, "reflect", center)
    assert check_symbols(A, expected, [Cosine(shape, axes), Fourier(shape, axes)]) == [(True, True), (False, False)]
    assert A.norm_bound() == pytest.approx(np.linalg.norm(expected, 2), rel=1e-10)


@pytest.mark.parametrize(
    ("psf", "center"),
    [
        (random((3, 3)), None),
        (np.ones((2, 3)), None),  # even-sized: half a pixel off
        (np.ones((3, 3)), (0, 1)),
        (np.eye(3), None),  # symmetric about its centre, but in no axis
        (np.array([[1.0, 2.0, 1.0 + 1e-9]]), None),
    ],
)
def test_an_asymmetric_psf_has_none(psf, center):
    A = Blur(psf, (6, 7), boundary="reflect", center=center)
    assert A.symbol(Cosine((6, 7), (0, 1))) is None
    assert A.gram_symbol(Cosine((6, 7), (0, 1))) is None
    assert np.linalg.norm(convolution(psf, (6, 7), "reflect", center), 2) <= A.norm_bound() * (1 + 1e-12)


@pytest.mark.parametrize("boundary", ["periodic", "zero", "mirror", "nearest", "unknown"])
def test_other_boundaries_have_no_cosine_spectrum(boundary):
    A = Blur(even(3, 3), (6, 7), boundary=boundary)
    assert A.symbol(Cosine(A.dims, (0, 1))) is None


@pytest.mark.parametrize("boundary", ["periodic", "reflect"])
def test_a_psf_for_each_channel(boundary):
    shape = (4, 5, 3)
    psf = np.stack([even(3, 3, seed=s) for s in range(3)], axis=2)
    A = Blur(psf, shape, boundary=boundary, axes=(0, 1))
    E = np.eye(3)
    channel = [convolution(psf[..., c], shape[:2], boundary) for c in range(3)]
    expected = sum(np.kron(channel[c], np.diag(E[c])) for c in range(3))
    transforms = [Fourier(shape, (0, 1)), Fourier(shape, (0, 1, 2)), Cosine(shape, (0, 1)), Cosine(shape, (0, 1, 2))]
    claims = check_symbols(A, expected, transforms)
    assert [s for s, _ in claims] == [boundary == "periodic", False, boundary == "reflect", False]


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (0, 2, 1), (1, 0)])
@pytest.mark.parametrize("real", [True, False])
def test_a_transform_may_act_on_more_axes_and_in_another_order(axes, real):
    shape, psf = (4, 5, 3), random((3, 2))
    A = Blur(psf, shape, boundary="periodic", axes=(0, 1))
    expected = along(convolution(psf, shape[:2], "periodic"), (20, 3), 0)
    assert check_symbols(A, expected, [Fourier(shape, axes, real=real)]) == [(True, True)]
