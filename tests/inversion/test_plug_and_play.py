import numpy as np
import pytest
import scipy.fft
import skimage.data

from unblur.inversion import (
    Box,
    Denoiser,
    LeastAbsolute,
    LeastSquares,
    PlugAndPlay,
    SplitBregman,
    Tikhonov,
    TotalVariation,
    UnsolvableError,
    iterate,
    plan,
    sliding_dct,
    solve,
)
from unblur.operators import Blur, Identity


class Bare:
    """An operator with nothing but matvec and rmatvec."""

    def __init__(self, matrix):
        self.matrix, self.shape, self.dtype = matrix, matrix.shape, matrix.dtype

    def matvec(self, x):
        return self.matrix @ x

    def rmatvec(self, y):
        return self.matrix.T @ y


def psnr(a, b):
    return -10 * np.log10(np.mean((a - b) ** 2))


def dense(A):
    """Return the matrix of an operator, column by column."""
    return np.stack([A.apply(e.reshape(A.dims)).ravel() for e in np.eye(A.shape[1])], axis=1)


# -- the bundled denoiser --------------------------------------------------------------------------------------------------


def naive_sliding_dct(image, sigma, size, threshold):
    """Block by block, in two loops, of an image of even reflection about its edges."""
    margin = size - 1
    padded = np.pad(image, margin, mode="symmetric")
    total, weight = np.zeros_like(padded), np.zeros_like(padded)
    for i in range(image.shape[0] + margin):
        for j in range(image.shape[1] + margin):
            window = np.s_[i : i + size, j : j + size]
            c = scipy.fft.dctn(padded[window], norm="ortho")
            keep = np.abs(c) >= threshold * sigma
            keep[0, 0] = True
            total[window] += scipy.fft.idctn(c * keep, norm="ortho") / keep.sum()
            weight[window] += 1 / keep.sum()
    return (total / weight)[margin:-margin, margin:-margin]


@pytest.mark.parametrize("shape", [(9, 13), (8, 8), (5, 20), (17, 3)])
def test_denoiser_equals_two_loops_over_blocks(shape):
    image = np.random.default_rng(0).normal(size=shape)
    np.testing.assert_allclose(sliding_dct(image, 0.5), naive_sliding_dct(image, 0.5, 8, 2.7), atol=1e-12)
    np.testing.assert_allclose(sliding_dct(image, 0.5, size=3, threshold=1.0), naive_sliding_dct(image, 0.5, 3, 1.0), atol=1e-12)


def test_denoiser_of_colours_is_that_of_their_decorrelated_planes():
    image = np.random.default_rng(1).normal(size=(10, 12, 3))
    planes = scipy.fft.dct(image, axis=2, norm="ortho")
    expected = np.stack([naive_sliding_dct(planes[..., c], 0.5, 8, 2.7) for c in range(3)], axis=2)
    np.testing.assert_allclose(sliding_dct(image, 0.5), scipy.fft.idct(expected, axis=2, norm="ortho"), atol=1e-12)


def test_denoiser_keeps_what_has_no_noise_and_its_argument():
    image = np.random.default_rng(2).normal(size=(11, 10)).astype(np.float32)
    kept = image.copy()
    clean = sliding_dct(image, 0)
    assert clean.dtype == np.float32
    np.testing.assert_allclose(clean, image, atol=1e-5)
    np.testing.assert_array_equal(image, kept)
    np.testing.assert_allclose(sliding_dct(np.full((9, 9), 3.0), 1.0), 3.0)
    assert sliding_dct(np.arange(20.0), 0.1).shape == (20,)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((np.ones((4, 4), complex), 1.0), TypeError, "complex"),
        ((np.ones((2, 2, 2, 2)), 1.0), ValueError, r"image has shape \(2, 2, 2, 2\)"),
        ((np.ones((4, 4)), -1.0), ValueError, "sigma is -1"),
        ((np.ones((4, 4)), np.nan), ValueError, "sigma is nan"),
    ],
)
def test_denoiser_refuses_bad_input_by_name(arguments, error, words):
    with pytest.raises(error, match=words):
        sliding_dct(*arguments)


# -- the splitting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("boundary", ["periodic", "unknown"])
def test_is_better_than_total_variation_with_the_best_of_weights(boundary):
    rng = np.random.default_rng(3)
    sigma, psf = 0.01, np.full((7, 7), 1 / 49)
    scene = skimage.data.camera()[100:206, 180:286] / 255
    truth = scene[5:101, 5:101]
    A = Blur(psf, truth.shape, boundary=boundary)
    seen = A.apply(truth) if boundary == "periodic" else Blur(psf, truth.shape, boundary="unknown", dims=scene.shape).apply(scene)
    y = seen + sigma * rng.normal(size=truth.shape)
    tv = max(
        psnr(solve(LeastSquares(A, y) + w * sigma**2 * TotalVariation(), max_iterations=100).image, truth) for w in (4, 8, 16, 32)
    )
    result = solve(LeastSquares(A, y) + 0.23 * sigma**2 * Denoiser(), PlugAndPlay())
    assert result.status.success
    assert result.iterations == 16
    assert psnr(result.image, truth) > tv + 0.3


@pytest.mark.parametrize("boundary", ["periodic", "zero", "unknown"])
def test_one_step_is_the_dense_regularised_inverse(boundary):
    rng = np.random.default_rng(4)
    psf = rng.uniform(size=(3, 3))
    A = Blur(psf / psf.sum(), (7, 6), boundary=boundary)
    y = rng.normal(size=(7, 6))
    problem = LeastSquares(A, y) + 0.1 * Tikhonov(Identity(A.dims)) + 0.04 * Denoiser(lambda x, sigma: 0.5 * x)
    algorithm = PlugAndPlay(steps=3, first_sigma=0.4, last_sigma=0.1, inner_iterations=100)
    x0 = rng.normal(size=A.dims)
    H, x = dense(A), x0.ravel()
    for sigma, state in zip((0.4, 0.2, 0.1), iterate(problem, algorithm, x0), strict=False):
        alpha = 0.04 / sigma**2
        normal = H.T @ H + (0.1 + alpha) * np.eye(len(x))
        x = np.linalg.solve(normal, H.T @ y.ravel() + alpha * 0.5 * x)
        np.testing.assert_allclose(state.x.ravel(), x, atol=1e-9)


def test_a_denoiser_that_is_a_prox_gives_the_optimum_of_that_prior():
    # with σ fixed, half-quadratic splitting minimises ½‖Ax − y‖² + w/σ² · M(x), M being the Moreau envelope of σ² |·|₁ / w
    rng = np.random.default_rng(5)
    y, sigma, weight = rng.normal(size=8), 0.5, 0.25
    prior = Denoiser(lambda x, s: np.sign(x) * np.maximum(np.abs(x) - 0.3, 0))
    x = solve(LeastSquares(np.eye(8), y) + weight * prior, PlugAndPlay(steps=200, first_sigma=sigma, last_sigma=sigma), tol=0).x
    # x − y + (x − shrink(x)) = 0, element by element
    np.testing.assert_allclose(2 * x - np.sign(x) * np.maximum(np.abs(x) - 0.3, 0), y, atol=1e-9)


def test_masks_custom_operators_and_colour():
    rng = np.random.default_rng(6)
    y = rng.uniform(size=(12, 12, 3))
    A = Blur(np.full((3, 3), 1 / 9), y.shape, boundary="unknown", axes=(0, 1))
    mask = rng.uniform(size=y.shape) > 0.1
    spoilt = np.where(mask, y, np.nan)
    x = solve(LeastSquares(A, spoilt, weights=mask) + 1e-4 * Denoiser(), PlugAndPlay(steps=4)).x
    assert np.isfinite(x).all()
    H, z = rng.normal(size=(9, 6)), rng.normal(size=9)
    problem = LeastSquares(Bare(H), z) + 0.01 * Denoiser(lambda x, s: np.zeros_like(x))
    x = solve(problem, PlugAndPlay(steps=2, first_sigma=0.1, last_sigma=0.1, inner_iterations=20)).x
    np.testing.assert_allclose(x, np.linalg.solve(H.T @ H + np.eye(6), H.T @ z), atol=1e-9)


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_scaling_the_data_scales_the_answer(scale):
    rng = np.random.default_rng(7)
    A = Blur(np.full((3, 3), 1 / 9), (16, 16), boundary="periodic")
    y = rng.uniform(size=(16, 16))
    one, other = (solve(LeastSquares(A, s * y) + 1e-4 * s * s * Denoiser(), PlugAndPlay(steps=5)).x for s in (1, scale))
    np.testing.assert_allclose(other / scale, one, atol=1e-9)


@pytest.mark.parametrize("boundary", ["periodic", "unknown"])
def test_float32_all_the_way_and_nothing_of_the_users_is_changed(boundary):
    rng = np.random.default_rng(8)
    A = Blur(np.full((3, 3), 1 / 9), (16, 16), boundary=boundary)
    y = rng.uniform(size=(16, 16)).astype(np.float32)
    x0 = A.extend(y)
    kept = y.copy(), x0.copy()

    def denoise(image, sigma):
        image *= 0.9  # in place, and in double precision
        return image.astype(np.float64)

    states = iterate(LeastSquares(A, y) + 1e-3 * Tikhonov() + 1e-4 * Denoiser(denoise), PlugAndPlay(), x0)
    next(states)
    state = next(states)
    assert {a.dtype for a in (state.x, state.z, state.gram)} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(y, kept[0])
    np.testing.assert_array_equal(x0, kept[1])


def test_explains_itself():
    y = np.ones((8, 8))
    for boundary, part in (("periodic", "2 FFTs"), ("unknown", "5 conjugate gradient steps, preconditioned")):
        A = Blur(np.full((3, 3), 1 / 9), y.shape, boundary=boundary)
        text = repr(plan(LeastSquares(A, y) + 1e-4 * Denoiser(), PlugAndPlay()))
        assert part in text
        assert "0.0001 · R(x; sliding_dct)" in text


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda A, y: LeastSquares(A, y) + Tikhonov(), ["one Denoiser()", "0 are there"]),
        (lambda A, y: LeastSquares(A, y) + Denoiser() + Denoiser(), ["2 are there"]),
        (lambda A, y: LeastAbsolute(A, y) + Denoiser(), ["‖Blur", "not quadratic"]),
        (lambda A, y: LeastSquares(A, y) + Denoiser() + Box(0, 1), ["[0 ≤ x ≤ 1]", "clip"]),
    ],
)
def test_refuses_what_it_cannot_take(make, words):
    A = Blur(np.full((3, 3), 1 / 9), (8, 8), boundary="periodic")
    with pytest.raises(UnsolvableError) as caught:
        solve(make(A, np.ones((8, 8))), PlugAndPlay())
    for word in words:
        assert word in str(caught.value)


def test_others_refuse_a_denoiser():
    A = Blur(np.full((3, 3), 1 / 9), (8, 8), boundary="periodic")
    with pytest.raises(UnsolvableError, match="sliding_dct"):
        solve(LeastSquares(A, np.ones((8, 8))) + Denoiser(), SplitBregman())


def test_a_denoiser_that_changes_the_shape_is_refused():
    problem = LeastSquares(np.eye(3), np.ones(3)) + Denoiser(lambda x, sigma: x[:2])
    with pytest.raises(ValueError, match=r"denoiser gave an array of shape \(2,\)"):
        solve(problem, PlugAndPlay())


@pytest.mark.parametrize("options", [{"steps": 0}, {"inner_iterations": 0}, {"first_sigma": 0}, {"last_sigma": -1}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        PlugAndPlay(**options)
