"""Operators on the arrays of another library: there they stay, and the bits are NumPy's."""

import pickle

import numpy as np
import pytest

from unblur.operators import (
    Bayer,
    Blur,
    ChannelMix,
    Convolve2D,
    CosineTransform,
    Crop,
    Downsample,
    FirstDerivative,
    FourierTransform,
    Gradient,
    Hessian,
    Identity,
    Laplacian,
    Mask,
    SecondDerivative,
    Stack,
    StationaryWavelet,
    VaryingBlur,
    Wavelet,
    aslinearoperator,
    from_functions,
)
from unblur.operators._backend import inner, sum_of_squares
from unblur.operators._namespace import Constant, asarray, asnumpy, is_numpy, namespace

from ._device import DeviceArray, install

RNG = np.random.default_rng(5)
PSF = RNG.uniform(size=(4, 5))
SHORT = np.outer([1.0, 2, 1], [1.0, 3, 2])
BOUNDARIES = ("periodic", "zero", "reflect", "mirror", "nearest")
SHAPE = (11, 14)

OPERATORS = {
    **{f"Blur {b}": Blur(PSF, SHAPE, boundary=b, separable=False) for b in (*BOUNDARIES, "unknown")},
    **{f"separable Blur {b}": Blur(SHORT, SHAPE, boundary=b, separable=True) for b in (*BOUNDARIES, "unknown")},
    "colour Blur": Blur(PSF, (11, 14, 3), boundary="unknown", axes=(0, 1)),
    "complex Blur": Blur(PSF + 1j, SHAPE, boundary="reflect"),
    "Convolve2D": Convolve2D(SHAPE, PSF, offset=(1, 2)),
    **{f"FirstDerivative {b}": FirstDerivative(SHAPE, 0, boundary=b) for b in BOUNDARIES},
    "centered": FirstDerivative(SHAPE, 1, boundary="reflect", kind="centered", sampling=0.5),
    **{f"SecondDerivative {b}": SecondDerivative(SHAPE, 1, boundary=b) for b in BOUNDARIES},
    "one axis": FirstDerivative((9,), 0, boundary="mirror"),
    "Gradient": Gradient(SHAPE, boundary="nearest"),
    "colour Gradient": Gradient((6, 7, 3), boundary="periodic", axes=(0, 1)),
    "Laplacian": Laplacian(SHAPE, boundary="zero"),
    "Hessian": Hessian(SHAPE, boundary="reflect"),
    "Stack": Stack([Identity(SHAPE), Blur(PSF, SHAPE, boundary="zero")]),
    "Crop": Crop(SHAPE, (slice(2, 9), slice(1, 14))),
    "Downsample": Downsample(SHAPE, (2, 3)),
    "Mask": Mask(RNG.uniform(size=SHAPE) > 0.3),
    "Identity": Identity(SHAPE),
    "Fourier": FourierTransform(SHAPE),
    "Cosine": CosineTransform(SHAPE, axes=1),
    "ChannelMix": ChannelMix(RNG.normal(size=(2, 3)), (5, 6, 3)),
    "ChannelMix first": ChannelMix(RNG.normal(size=(3, 3)), (3, 5, 6), axis=0),
    "Bayer": Bayer((6, 8, 3)),
    "varying before": VaryingBlur(RNG.uniform(size=(2, 2, 3, 3)), SHAPE, boundary="unknown"),
    "varying after": VaryingBlur(RNG.uniform(size=(2, 2, 3, 3)), SHAPE, boundary="reflect", order="after"),
    "StationaryWavelet": StationaryWavelet((12, 16), "db2", level=2),
    "adjoint": Blur(PSF, SHAPE, boundary="mirror").H,
    "functions": from_functions(lambda x: 2 * x, lambda y: 2 * y, SHAPE),
}


@pytest.fixture(autouse=True)
def device(monkeypatch):
    return install(monkeypatch)


def random(shape, dtype):
    x = RNG.normal(size=shape) + (1j * RNG.normal(size=shape) if np.dtype(dtype).kind == "c" else 0)
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64])
@pytest.mark.parametrize("name", OPERATORS)
def test_stays_on_the_device_with_the_bits_of_numpy(name, dtype, device):
    A = OPERATORS[name]

    def same(found, expected):
        # the compiled passes of the processor sum in another order
        atol = 16 * np.finfo(expected.dtype).eps * np.abs(expected).max() if name.startswith("separable") else 0
        np.testing.assert_allclose(found, expected, rtol=0, atol=atol)

    for apply, dims, dimsd in ((A.apply, A.dims, A.dimsd), (A.apply_adjoint, A.dimsd, A.dims)):
        x = random(dims, dtype)
        expected = apply(x)
        there = device.asarray(x)
        found = apply(there)
        assert isinstance(found, DeviceArray)
        assert found.dtype == expected.dtype
        same(device.asnumpy(found), expected)
        np.testing.assert_array_equal(device.asnumpy(there), x)
        out = device.empty(dimsd, expected.dtype)
        # where an operator is complex, a real argument is read as a complex one
        assert apply(there.astype(expected.dtype), out) is out
        same(device.asnumpy(out), apply(x.astype(expected.dtype)))


@pytest.mark.parametrize("name", OPERATORS)
def test_what_an_operator_holds_is_brought_once(name, device):
    A = pickle.loads(pickle.dumps(OPERATORS[name])) if name != "functions" else OPERATORS[name]
    x, y = device.asarray(random(A.dims, np.float32)), device.asarray(random(A.dimsd, np.float32))
    A.apply(x), A.apply_adjoint(y)
    device.uploads.clear()
    A.apply(x), A.apply_adjoint(y)
    assert device.uploads == []


@pytest.mark.parametrize("name", ["Blur unknown", "Gradient", "Mask", "ChannelMix"])
def test_flat_and_by_the_sign_of_a_product(name, device):
    A = OPERATORS[name]
    x = random(A.dims, np.float64)
    expected = A.apply(x)
    np.testing.assert_array_equal(device.asnumpy(A.matvec(device.asarray(x.ravel()))), expected.ravel())
    np.testing.assert_array_equal(device.asnumpy(A @ device.asarray(x)), expected)
    y = random(A.dimsd, np.float64)
    np.testing.assert_array_equal(device.asnumpy(A.rmatvec(device.asarray(y.ravel()))), A.apply_adjoint(y).ravel())


def test_extend_and_crop(device):
    A = OPERATORS["Blur unknown"]
    y = random(A.dimsd, np.float32)
    x = A.extend(device.asarray(y))
    np.testing.assert_array_equal(device.asnumpy(x), A.extend(y))
    np.testing.assert_array_equal(device.asnumpy(A.crop(x)), y)


def test_operators_are_made_from_arrays_of_the_device_too(device):
    x = random(SHAPE, np.float64)
    kept = x > 0
    for there, here in (
        (Blur(device.asarray(PSF), SHAPE, boundary="zero"), Blur(PSF, SHAPE, boundary="zero")),
        (Mask(device.asarray(kept)), Mask(kept)),
    ):
        np.testing.assert_array_equal(there.apply(x), here.apply(x))


def test_refusals_name_the_library(device):
    A, x = OPERATORS["Gradient"], random(SHAPE, np.float64)
    with pytest.raises(TypeError, match="out is an array of numpy, but the argument one of mockdevice"):
        A.apply(device.asarray(x), np.empty(A.dimsd))
    with pytest.raises(TypeError, match="out is an array of mockdevice, but the argument one of numpy"):
        A.apply(x, device.empty(A.dimsd))
    with pytest.raises(TypeError, match=r"Wavelet.* computes in NumPy, but was given an array of mockdevice"):
        Wavelet(SHAPE).apply(device.asarray(x))
    with pytest.raises(TypeError, match="computes in NumPy, but was given an array of mockdevice"):
        aslinearoperator(np.eye(3)).apply(device.asarray(np.ones(3)))
    with pytest.raises(TypeError, match="A is a matrix of mockdevice"):
        aslinearoperator(device.asarray(np.eye(3)))


def test_the_library_of_arrays(device):
    here, there = np.ones(3), device.asarray(np.ones(3))
    assert namespace() is namespace(1.0, [1, 2], None) is namespace(here, 2, np.float32(1)) is np
    assert namespace(there) is namespace(2.0, there, np.array(3.0)) is device
    assert is_numpy(here, 1.0)
    assert not is_numpy(here, there)
    with pytest.raises(TypeError, match="arrays of mockdevice and numpy meet"):
        namespace(here, there)
    assert asarray(here) is asarray(here, here) is here
    assert asarray(there) is asarray(there, there) is there
    assert isinstance(asarray(here, there), DeviceArray)
    assert isinstance(asarray([1.0], there), DeviceArray)
    with pytest.raises(TypeError, match="weights is of mockdevice, but what it goes with is of numpy"):
        asarray(there, here, "weights")
    np.testing.assert_array_equal(asnumpy(there), here)
    assert asnumpy(here) is here


def test_a_constant_is_pickled_without_its_copies(device):
    constant = Constant(np.arange(3.0))
    there = device.asarray(np.zeros(1))
    assert constant.like(there) is constant.like(there)
    assert constant.like(np.zeros(1)) is constant.array
    assert pickle.loads(pickle.dumps(constant))._copies == {}


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_sums(dtype, device):
    x, y, w = random((5, 6), dtype), random((5, 6), dtype), RNG.uniform(size=(5, 6)).astype(np.float32)
    X, Y, W = map(device.asarray, (x, y, w))
    assert sum_of_squares(X) == sum_of_squares(x)
    assert sum_of_squares(X, W) == sum_of_squares(x, w)
    assert inner(X, Y) == inner(x, y)
