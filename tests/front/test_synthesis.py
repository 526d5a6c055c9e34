import numpy as np
import pytest
import scipy.ndimage

from unblur import synthesis

# PSFs are random here, and their middles anywhere
pytestmark = pytest.mark.filterwarnings("ignore::unblur.reliability.UnusualPSFWarning")


def convolved(x, kernel):
    """Return the valid convolution, tap by tap."""
    sizes = [n - k + 1 for n, k in zip(x.shape, kernel.shape, strict=True)]
    total = np.zeros(sizes)
    for place in np.ndindex(kernel.shape):
        start = [k - 1 - i for k, i in zip(kernel.shape, place, strict=True)]
        total += kernel[place] * x[tuple(slice(s, s + n) for s, n in zip(start, sizes, strict=True))]
    return total


@pytest.mark.parametrize(
    ("shape", "psf_shape", "axes"),
    [
        ((20,), (5,), None),
        ((20, 17), (3, 5), None),
        ((20, 17, 3), (3, 5), None),
        ((9, 12, 11), (2, 3, 4), None),
        ((9, 12, 11, 3), (2, 3, 4), None),
        ((9, 12, 11), (3, 4), (1, 2)),
        ((9, 12, 11), (3, 4), (-3, -2)),
        ((9, 12, 4), (3,), 1),
        ((12, 11, 3), (3, 4, 3), (0, 1, 2)),
        ((12, 11), (3, 4), (1, 0)),
        ((9, 12, 11), (2, 3, 4), (2, 0, 1)),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_the_valid_convolution_along_the_axes(shape, psf_shape, axes, dtype):
    rng = np.random.default_rng(0)
    x, psf = rng.uniform(size=shape).astype(dtype), rng.uniform(size=psf_shape)
    blurred = synthesis.blur(x, psf, axes=axes)
    named = tuple(range(len(psf_shape))) if axes is None else (axes,) if isinstance(axes, int) else axes
    named = tuple(a % len(shape) for a in named)
    kernel = (psf / psf.sum()).transpose(np.argsort(named))
    kernel = np.expand_dims(kernel, tuple(set(range(len(shape))) - set(named)))
    assert blurred.dtype == dtype
    np.testing.assert_allclose(blurred, convolved(x.astype(float), kernel), rtol=1e-5 if dtype == np.float32 else 1e-12)


def test_each_colour_may_have_a_psf():
    rng = np.random.default_rng(0)
    x, psf = rng.uniform(size=(20, 17, 3)), rng.uniform(size=(5, 5, 3))
    expected = np.stack([convolved(x[..., c], psf[..., c] / psf[..., c].sum()) for c in range(3)], axis=-1)
    np.testing.assert_allclose(synthesis.blur(x, psf), expected, rtol=1e-12)


def test_a_volume_is_blurred_as_scipy_does_it():
    x = np.random.default_rng(0).uniform(size=(20, 30, 30))
    psf = np.zeros((9, 9, 9))
    psf[4, 4, 4] = 1
    psf = scipy.ndimage.gaussian_filter(psf, 1.0)
    expected = scipy.ndimage.convolve(x, psf / psf.sum())[4:-4, 4:-4, 4:-4]
    np.testing.assert_allclose(synthesis.blur(x, psf), expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("shape", "psf_shape", "options", "words"),
    [
        ((20, 30, 30), (3, 3), {}, r"name the axes that are blurred, such as axes=\(0, 1\)"),
        ((20, 30), (3, 3, 3), {}, "psf"),
        ((20, 30), (3, 31), {}, "psf has shape .* larger than the image"),
        ((20, 30), (3,), {"axes": (0, 1)}, "axes"),
        ((20, 30), (3, 3), {"sigma": -1}, "sigma is -1"),
        ((20, 30), (3, 3), {"sigma": np.nan}, "sigma is nan"),
        ((20, 30), (3, 3), {"axes": (0, 0)}, "axes"),
    ],
)
def test_what_cannot_be_told_is_asked_for(shape, psf_shape, options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        synthesis.blur(np.ones(shape), np.ones(psf_shape), **options)
