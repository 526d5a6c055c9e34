"""The filter that a factor is, against the spectra of x and of the residual written out, and the compiled pass against NumPy."""

import numpy as np
import pytest

import unblur
from unblur.inversion import GCV, UPRE, LeastSquares, Tikhonov, Whiteness, solve, weight_choice
from unblur.inversion.filter_kernels import filter_moments, filtered_sums
from unblur.inversion.weight_filters import FilteredFits, takes
from unblur.inversion.weight_spectral import SpectralFits, diagonalising
from unblur.operators import Blur, Gradient, Identity, SecondDerivative

RNG = np.random.default_rng(0)


def blurred(shape, axes=None, psf=None, dtype=np.float64):
    axes = tuple(range(len(shape))) if axes is None else axes
    psf = RNG.normal(size=(3,) * len(axes)) if psf is None else psf
    A = Blur(psf, shape, boundary="periodic", axes=axes)
    y = RNG.normal(1.0, size=shape)
    return A, (y + 1j * RNG.normal(size=shape) if psf.dtype.kind == "c" else y).astype(dtype)


def problems():
    A, y = blurred((37, 42))
    yield "grey", 3 * LeastSquares(A, y) + 0.3 * Tikhonov()
    yield "two priors", LeastSquares(A, y) + 0.3 * Tikhonov() + 2 * Tikhonov(Identity(A.dims))
    yield "target", LeastSquares(A, y) + Tikhonov(Gradient(A), RNG.normal(size=(2, 37, 42))) + 0.2 * Tikhonov(Identity(A.dims))
    # neither data nor prior say anything of the mean
    A, y = blurred((16, 15), psf=np.array([[1.0, -2.0, 1.0]]))
    D = SecondDerivative(A.dims, 1, boundary="periodic")
    yield "null space", LeastSquares(A, y) + Tikhonov(D)
    A, y = blurred((12, 11, 3), axes=(0, 1))
    yield "colour", LeastSquares(A, y) + Tikhonov(Gradient(A))
    A, y = blurred((12, 11, 3), axes=(0, 1), psf=RNG.normal(size=(3, 3, 3)))
    yield "a PSF for each colour", LeastSquares(A, y) + Tikhonov(Gradient((12, 11, 3), boundary="periodic", axes=(0, 1)))
    A, y = blurred((3, 12, 10), axes=(1, 2))
    yield "stack", LeastSquares(A, y) + Tikhonov(Gradient(A))
    A, y = blurred((9, 10, 11))
    yield "volume", LeastSquares(A, y) + Tikhonov()
    A, y = blurred((10, 11), psf=RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3)), dtype=np.complex128)
    yield "complex", LeastSquares(A, y) + Tikhonov()
    y = RNG.normal(size=(8, 9))
    yield "one ratio", LeastSquares(Identity((8, 9)), y) + Tikhonov(Identity((8, 9)))
    yield "scaled", LeastSquares(Identity((8, 9)), (1e15 * y).astype(np.float32)) + 1e-5 * Tikhonov(Identity((8, 9)))


def both(problem):
    priors, transform = [t for t in problem.terms if not t.carries_data], diagonalising(problem)
    assert takes(problem, transform)
    return FilteredFits(problem, priors, transform), SpectralFits(problem, priors, transform)


@pytest.mark.parametrize("problem", [pytest.param(p, id=name) for name, p in problems()])
def test_figures_are_those_of_the_spectra_written_out(problem):
    filtered, written_out = both(problem)
    tolerance = 1e-9 if problem.dtype.itemsize > 4 else 1e-5
    factors = [1e-4, 0.01, 1.0, 30.0]
    for factor, fit in zip(factors, filtered.fits(factors), strict=True):
        other = written_out.fit(factor)
        assert fit.samples == other.samples
        assert fit == filtered.fit(factor)
        assert fit.energy == pytest.approx(other.energy, rel=tolerance)
        assert fit.freedom == pytest.approx(other.freedom, rel=tolerance)
        assert fit.whiteness == pytest.approx(other.whiteness, rel=tolerance)


@pytest.mark.parametrize("rule", [GCV(), UPRE(), Whiteness()], ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda t: t.__name__)
def test_the_weight_is_that_of_spectra_in_double_precision(rule, dtype, monkeypatch):
    from skimage import data

    A = Blur(np.full((9, 9), 1 / 81), (512, 512), boundary="periodic")
    y = A.apply(data.camera() / 255) + np.random.default_rng(1).normal(scale=0.003, size=A.dims)
    problem = LeastSquares(A, y.astype(dtype)) + Tikhonov()
    found = solve(problem, weight=rule)
    monkeypatch.setattr(weight_choice, "takes", lambda *_: False)
    expected = solve(problem, weight=rule)
    # the search ends at a millionth of the logarithm, which is below ten
    assert found.weight == pytest.approx(expected.weight, rel=1e-5)
    assert np.abs(found.x - expected.x).max() < 1e-5 * np.ptp(expected.x)


def test_compiled_sums_are_numpys():
    ratio = np.exp(10 * RNG.normal(size=5000))
    ratio[:3] = np.inf, 0, 1e-300
    moments, factors = RNG.uniform(size=(3, 5000)), np.geomspace(1e-8, 1e8, 7)
    phi = factors[:, None] / (factors[:, None] + ratio)
    expected = np.stack([phi @ moments[0], phi**2 @ moments[1], phi**4 @ moments[2]], axis=1)
    np.testing.assert_allclose(filtered_sums(ratio, moments, factors), expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda t: t.__name__)
def test_compiled_moments_are_numpys(dtype):
    residual = (RNG.normal(size=(4999, 3)) + 1j * RNG.normal(size=(4999, 3))).astype(np.result_type(dtype, np.complex64))
    gram, prior = RNG.uniform(size=(2, 4999)).astype(dtype)
    gram[:2], prior[1:3] = 0, 0
    count = RNG.integers(1, 3, 4999).astype(np.int8)
    ratio, moments = filter_moments(residual, gram, prior, count, 0.3)
    power = np.abs(0.3 * residual.astype(complex)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = gram / prior
    expected[1] = 0
    np.testing.assert_allclose(ratio, expected, rtol=1e-6)
    np.testing.assert_allclose(moments, [3 * count, count * power.sum(axis=1), count * (power**2).sum(axis=1)], rtol=1e-6)


def test_the_number_of_threads_changes_no_bit():
    scene = np.kron(np.eye(7), np.ones((20, 21)))
    A = Blur(np.full((3, 5), 1 / 15), scene.shape, boundary="periodic")
    y = A.apply(scene) + np.random.default_rng(1).normal(scale=0.01, size=A.dims)
    problem = LeastSquares(A, y.astype(np.float32)) + Tikhonov()
    found = []
    try:
        for workers in (1, 2, 5):
            unblur.set_workers(workers)
            found.append(solve(problem, weight=GCV(guard=False)))
    finally:
        unblur.set_workers(None)
    for other in found[1:]:
        assert other.weight == found[0].weight
        np.testing.assert_array_equal(other.curve.figures, found[0].curve.figures)
