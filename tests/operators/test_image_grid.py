"""Along which axes x is an image and how it goes on beyond its edges: told by operators, and never guessed."""

import numpy as np
import pylops
import pytest
import pywt
import scipy.sparse

from unblur.operators import (
    Bayer,
    Blur,
    ChannelMix,
    Convolve2D,
    Cosine,
    CosineTransform,
    Crop,
    Downsample,
    Fourier,
    FourierTransform,
    Gradient,
    Hessian,
    Identity,
    Laplacian,
    Mask,
    Stack,
    StationaryWavelet,
    VaryingBlur,
    Wavelet,
    aslinearoperator,
    check_operator,
    from_functions,
    image_grid,
)

SHAPE = (20, 24, 3)
PSF = np.outer([1, 2, 1], [1, 3, 1, 1.0]) / 24
RNG = np.random.default_rng(0)
MASK = RNG.random(SHAPE) > 0.3
REFLECTED = Blur(PSF, SHAPE, boundary="reflect", axes=(0, 1))
UNKNOWN = Blur(PSF, SHAPE, boundary="unknown", axes=(0, 1))
GREY = [[0.3, 0.6, 0.1]]
WINDOW = (slice(2, 18), slice(0, 24), slice(None))

KNOWN = {
    "blur": (REFLECTED, ((0, 1), "reflect")),
    "its edges are unknown": (UNKNOWN, ((0, 1), "periodic")),
    "channels first": (Blur(PSF, (3, 20, 24), boundary="zero", axes=(1, 2)), ((1, 2), "zero")),
    "masked": (Mask(MASK) * REFLECTED, ((0, 1), "reflect")),
    "masked, edges unknown": (Mask(MASK) * UNKNOWN, ((0, 1), "periodic")),
    "masked by PyLops": (pylops.Diagonal(MASK.astype(float)) * REFLECTED, ((0, 1), "reflect")),
    "mask before": (REFLECTED * Mask(MASK), ((0, 1), "reflect")),
    "decimated": (Downsample(SHAPE, 2, axes=(0, 1)) * REFLECTED, ((0, 1), "reflect")),
    "decimated, all axes": (Downsample(SHAPE, (2, 2, 1)) * REFLECTED, ((0, 1), "reflect")),
    "decimated alone": (Downsample(SHAPE, 2, axes=(0, 1)), ((0, 1), "nearest")),
    "decimated before": (
        Blur(PSF, (10, 12, 3), boundary="zero", axes=(0, 1)) * Downsample(SHAPE, (2, 2, 1)),
        ((0, 1), "nearest"),
    ),
    "cropped": (Crop(SHAPE, WINDOW) * REFLECTED, ((0, 1), "reflect")),
    "cropped before": (Blur(PSF, (16, 24, 3), boundary="periodic", axes=(0, 1)) * Crop(SHAPE, WINDOW), ((0, 1), "nearest")),
    "mixed": (ChannelMix(GREY, SHAPE) * REFLECTED, ((0, 1), "reflect")),
    "mixed before": (Blur(PSF, (20, 24, 1), boundary="mirror", axes=(0, 1)) * ChannelMix(GREY, SHAPE), ((0, 1), "mirror")),
    "mosaic": (Bayer(SHAPE), ((0, 1), "nearest")),
    "mosaic of a blur": (Bayer(SHAPE) * REFLECTED, ((0, 1), "reflect")),
    "scaled": (2j * REFLECTED, ((0, 1), "reflect")),
    "divided": (REFLECTED / 3, ((0, 1), "reflect")),
    "sum": (REFLECTED + 0.1 * Identity(SHAPE), ((0, 1), "reflect")),
    "sum along two axes": (
        Blur([1, 2], SHAPE, boundary="zero", axes=1) + Blur([1, 1], SHAPE, boundary="zero", axes=0),
        ((1, 0), "zero"),
    ),
    "twice": (REFLECTED * REFLECTED, ((0, 1), "reflect")),
    "power": (REFLECTED**2, ((0, 1), "reflect")),
    "adjoint": (REFLECTED.H, ((0, 1), "reflect")),
    "adjoint of unknown edges": (UNKNOWN.H, ((0, 1), "nearest")),
    "adjoint of a product": ((Mask(MASK) * REFLECTED).H * REFLECTED, ((0, 1), "reflect")),
    "conjugate": ((1j * REFLECTED).conj(), ((0, 1), "reflect")),
    "real part": ((1j * REFLECTED).toreal(), ((0, 1), "reflect")),
    "stack": (Stack([REFLECTED, 2 * REFLECTED]), ((0, 1), "reflect")),
    "VStack": (pylops.VStack([REFLECTED, Mask(MASK) * REFLECTED]), ((0, 1), "reflect")),
    "varying": (VaryingBlur(np.ones((2, 1, 3, 3)), (20, 24), boundary="nearest"), ((0, 1), "nearest")),
    "Convolve2D": (Convolve2D(SHAPE, PSF, axes=(0, 1)), ((0, 1), "zero")),
    "PyLops's Convolve2D": (pylops.signalprocessing.Convolve2D(SHAPE, PSF, axes=(0, 1)), ((0, 1), "zero")),
}
UNTOLD = {
    "mask": Mask(MASK),
    "identity": Identity(SHAPE),
    "crop": Crop(SHAPE, WINDOW),
    "decimation of what?": Downsample(SHAPE, (2, 2, 1)),
    "mixing": ChannelMix(np.eye(3), SHAPE),
    "mixing of what was blurred over": Blur([1, 1], SHAPE, boundary="zero", axes=2) * ChannelMix(np.eye(3), SHAPE),
    "spectrum": FourierTransform(SHAPE),
    "from a spectrum": REFLECTED * FourierTransform(SHAPE).H,
    "cosines": CosineTransform((20, 24)),
    "wavelets": Wavelet((16, 16)),
    "edges that differ": Stack([REFLECTED, Blur(PSF, SHAPE, boundary="zero", axes=(0, 1))]),
    "functions": from_functions(np.negative, np.negative, SHAPE),
    "matrix": np.eye(30),
    "sparse": scipy.sparse.eye_array(30),
    "PyLops's": pylops.Flip((20, 24)),
    "flat": pylops.Diagonal(np.ones(30)),
    "masks": Mask(MASK) * Mask(~MASK),
}


@pytest.mark.parametrize("name", KNOWN)
def test_what_an_operator_says(name):
    A, grid = KNOWN[name]
    assert image_grid(aslinearoperator(A)) == image_grid(A) == grid
    D = Gradient(aslinearoperator(A))
    assert (D.axes, D.boundary, D.dims) == (*grid, tuple(A.dims))


@pytest.mark.parametrize("name", UNTOLD)
def test_what_none_says_is_not_guessed(name):
    A = aslinearoperator(UNTOLD[name])
    assert image_grid(A) is None
    for make in (Gradient, Laplacian, Hessian):
        with pytest.raises(ValueError, match=r'Gradient\(.*axes=\(0.*boundary="nearest"'):
            make(A)
        with pytest.raises(ValueError, match="axes"):
            make(A, boundary="zero")
    assert Gradient(A, axes=0, boundary="zero").dimsd == (1, *A.dims)


def test_one_of_ones_own_may_tell():
    class Own:
        shape, dtype, dims, dimsd = (480, 480), np.dtype(float), (20, 24), (20, 24)
        matvec = rmatvec = staticmethod(np.copy)

        def image_grid(self, behind):
            return (1, 0), "mirror"

    assert Gradient(aslinearoperator(Own())).axes == (1, 0)
    assert image_grid(Mask(np.ones((20, 24), bool)) * aslinearoperator(Own())) == ((1, 0), "mirror")


# -- axes in the order given ------------------------------------------------------------------------


@pytest.mark.parametrize("boundary", ["periodic", "zero", "reflect", "mirror", "nearest", "unknown"])
@pytest.mark.parametrize(("axes", "back"), [((1, 0), (0, 1)), ((-2, -3), (0, 1)), (np.array([1, 0]), (0, 1)), ([1, 0], (0, 1))])
def test_a_blur_reads_psf_and_centre_in_the_order_of_axes(boundary, axes, back):
    A = Blur(PSF, SHAPE, boundary=boundary, axes=axes, center=(0, 2))
    B = Blur(PSF.T, SHAPE, boundary=boundary, axes=back, center=(2, 0))
    x = RNG.normal(size=A.dims)
    assert A.dims == B.dims
    np.testing.assert_array_equal(A.apply(x), B.apply(x))


def test_others_too():
    x, h = RNG.normal(size=SHAPE), PSF
    np.testing.assert_allclose(
        Convolve2D(SHAPE, h, offset=(1, 2), axes=(1, 0)).apply(x), Convolve2D(SHAPE, h.T, offset=(2, 1), axes=(0, 1)).apply(x)
    )
    psfs = RNG.random((2, 3, 3, 4))
    A = VaryingBlur(psfs, SHAPE, boundary="zero", axes=(1, 0))
    B = VaryingBlur(psfs.transpose(1, 0, 3, 2), SHAPE, boundary="zero", axes=(0, 1))
    np.testing.assert_allclose(A.apply(x), B.apply(x), atol=1e-12)
    D = Gradient(SHAPE, boundary="nearest", axes=(1, 0), sampling=(2, 1))
    np.testing.assert_array_equal(D.apply(x), Gradient(SHAPE, boundary="nearest", axes=(0, 1), sampling=(1, 2)).apply(x)[::-1])
    np.testing.assert_array_equal(Downsample(SHAPE, (2, 3), axes=(1, 0), offset=(1, 2)).apply(x), x[2::3, 1::2])
    bands = StationaryWavelet(SHAPE[:2], "haar", 1, axes=(1, 0)).apply(x[..., 0])
    swapped = StationaryWavelet(SHAPE[1::-1], "haar", 1, axes=(0, 1)).apply(x[..., 0].T)
    np.testing.assert_allclose(bands, swapped.transpose(0, 2, 1), atol=1e-12)
    (rows, columns), whole = pywt.dwt(x[..., 0], "haar", axis=1), Wavelet(SHAPE[:2], "haar", 1, axes=(1, 0)).apply(x[..., 0])
    del columns
    np.testing.assert_allclose(whole[:10, :12], pywt.dwt(rows, "haar", axis=0)[0], atol=1e-12)


@pytest.mark.parametrize("axes", [(1, 0), (0, 1), (2, 0), (0, 2, 1), (-1, 0)])
def test_spectra_are_halved_along_the_axis_named_last(axes):
    x, F = RNG.normal(size=(5, 6, 4)), Fourier((5, 6, 4), axes)
    X = F.forward(x)
    assert F.axes == tuple(a % 3 for a in axes)
    assert X.shape == F.shape
    np.testing.assert_allclose(X, np.fft.rfftn(x, axes=axes), atol=1e-12)
    np.testing.assert_allclose(F.inverse(X), x, atol=1e-12)
    assert Cosine((5, 6, 4), axes).axes == F.axes


@pytest.mark.parametrize("axes", [(1, 0), (0, 1), (1, 2, 0), (2, 1, 0)])
def test_symbols_follow_the_order_of_the_transform(axes):
    x = RNG.normal(size=(5, 6, 4))
    for A in (Blur(PSF[:, :3], x.shape, boundary="periodic", axes=(0, 1)), Laplacian(x.shape, boundary="periodic", axes=(1, 0))):
        F = Fourier(x.shape, axes)
        np.testing.assert_allclose(F.inverse(A.symbol(F) * F.forward(x)), A.apply(x), atol=1e-12)


# -- results where they are asked for, and numbers --------------------------------------------------


class Doubling(Identity):
    """Ignores where its result is wanted."""

    def _apply(self, x, out):
        return 2 * x


class Forgetful(Identity):
    """Writes its result, and does not return it."""

    def _apply(self, x, out):
        if out is not None:
            out[...] = x


def test_a_result_is_brought_to_where_it_is_wanted():
    A, x, out = Doubling((3,)), np.arange(3.0), np.full(3, np.nan)
    assert A.apply(x, out) is out
    np.testing.assert_array_equal(out, 2 * x)
    assert A.apply_adjoint(x, x) is x
    np.testing.assert_array_equal(x, [0, 2, 4])
    with pytest.raises(TypeError, match=r"_apply of Forgetful returns None"):
        Forgetful((3,)).apply(x, out)
    failed = {check.name for check in check_operator(A).failed}
    assert {"apply writes into out", "apply_adjoint writes into out"} <= failed
    assert check_operator(Identity((3,))).ok


@pytest.mark.parametrize("two", [2, 2.0, np.float32(2), np.float64(2), np.array(2.0), np.array(2), 2 + 0j])
def test_operators_are_scaled_and_divided_by_numbers_of_any_kind(two):
    x = RNG.normal(size=SHAPE).astype(np.float32)
    y = REFLECTED.apply(x)
    for B, factor in (
        (two * REFLECTED, 2),
        (REFLECTED * two, 2),
        (REFLECTED / two, 0.5),
        (REFLECTED * REFLECTED.H / two, None),
        ((REFLECTED + Identity(SHAPE)) / two - Identity(SHAPE) / two, 0.5),
        (-(two * REFLECTED), -2),
        (two * REFLECTED / two / two, 0.5),
    ):
        found = B.apply(x)
        assert found.dtype == (np.complex64 if isinstance(two, complex) else np.float32)
        wanted = 0.5 * REFLECTED.apply(REFLECTED.apply_adjoint(x)) if factor is None else factor * y
        np.testing.assert_allclose(found, wanted, atol=2e-6)
    flat = np.arange(3.0)
    np.testing.assert_allclose(Identity((3,)) / flat, flat, atol=1e-6, err_msg="PyLops solves for an array")


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, bool, np.float16])
def test_integers_are_continued_as_numbers(dtype):
    y = (RNG.random((9, 8)) * 200).astype(dtype)
    A = Blur(np.ones((4, 3)) / 12, y.shape, boundary="unknown")
    V = VaryingBlur(np.ones((1, 2, 4, 3)) / 12, y.shape, boundary="unknown")
    for B in (A, V):
        x = B.extend(y)
        np.testing.assert_allclose(x, B.extend(y.astype(float)), rtol=1e-6)
        np.testing.assert_array_equal(B.crop(x), y)
