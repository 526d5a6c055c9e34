"""The problems, made once by unblur and kept on disk with their optima."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve
from skimage import data, transform, util

import unblur
from unblur.inversion import GCV, LeastSquares, Tikhonov, TotalVariation, solve
from unblur.operators import Blur

sys.path.insert(0, str(Path(__file__).parent / "workers"))
from model import Problem

BSNR = 40
REFERENCE_ITERATIONS = 2000
BOX = np.full((9, 9), 1 / 81)


def scene(size: int, colour: bool = False) -> Any:
    """Return a photograph of `size`² pixels."""
    image = util.img_as_float64(data.astronaut() if colour else data.camera())
    if size == image.shape[0]:
        return image
    return transform.resize(image, (size, size), anti_aliasing=size < image.shape[0])


def noise(blurred: Any, bsnr: float) -> tuple[Any, float]:
    sigma = float(np.std(blurred) * 10 ** (-bsnr / 20))
    return np.random.default_rng(0).normal(scale=sigma, size=blurred.shape), sigma


def weight_for(sigma: float) -> float:
    """Return the same for everyone: 6σ² at a range of 1."""
    return 6 * sigma**2


def circular(truth: Any, psf: Any, **options: Any) -> Problem:
    """Return a problem whose data wrap around."""
    axes = tuple(range(psf.ndim))
    blurred = Blur(psf, truth.shape, boundary="periodic", axes=axes).apply(truth)
    n, sigma = noise(blurred, BSNR)
    return make(blurred + n, psf, truth, boundary="periodic", weight=weight_for(sigma), **options)


def make(y: Any, psf: Any, truth: Any, *, boundary: str, weight: float, **options: Any) -> Problem:
    A = Blur(psf, y.shape, boundary=boundary, axes=tuple(range(psf.ndim)))
    offset = (0,) * psf.ndim
    if boundary == "unknown":
        numbered = np.arange(np.prod(A.dims), dtype=np.float64).reshape(A.dims)
        offset = np.unravel_index(int(A.crop(numbered).ravel()[0]), A.dims)[: psf.ndim]
    settings = {"name": "", "method": "tv", "prior": "isotropic", "iterations": 0} | options
    arrays = {"y": y, "psf": psf, "truth": truth}
    return Problem(
        **{k: np.asarray(v, np.float32) for k, v in arrays.items()},
        boundary=boundary,
        weight=weight,
        grid=tuple(int(n) for n in A.dims),
        offset=tuple(int(o) for o in offset),
        **settings,
    )


def periodic(n: int) -> Problem:
    return circular(scene(n), BOX)


def valid_box(n: int) -> tuple[Any, Any, float]:
    """Return what a camera sees of a larger scene through a 9×9 box, the scene there, and the noise."""
    wide = scene(n + n // 4)
    start = (wide.shape[0] - n) // 2
    blurred = fftconvolve(wide, BOX, mode="valid")[start - 4 :][:n, start - 4 :][:, :n]
    truth = wide[start : start + n, start : start + n]
    e, sigma = noise(blurred, BSNR)
    return blurred + e, truth, sigma


def unknown(n: int) -> Problem:
    y, truth, sigma = valid_box(n)
    return make(y, BOX, truth, boundary="unknown", weight=weight_for(sigma))


def colour(n: int) -> Problem:
    return circular(scene(n, colour=True), unblur.psf.motion(15, 30))


def anisotropic(n: int) -> Problem:
    return circular(scene(n), BOX, prior="anisotropic")


def linear(n: int, method: str) -> Problem:
    truth = scene(n)
    blurred = fftconvolve(truth, BOX, mode="same")
    y = blurred + noise(blurred, BSNR)[0]
    return make(y, BOX, truth, boundary="zero", weight=1e-3, method=method, prior="quadratic", iterations=50)


def counts(n: int) -> Problem:
    truth = np.maximum(scene(n), 0.01)
    blurred = fftconvolve(truth, BOX, mode="same")
    y = np.random.default_rng(0).poisson(1000 * blurred) / 1000
    return make(y, BOX, truth, boundary="zero", weight=0.0, method="richardson-lucy", prior="none", iterations=30)


def closed_form(n: int) -> Problem:
    problem = circular(scene(n), BOX, method="gcv", prior="quadratic", iterations=1)
    A = Blur(problem.psf, problem.y.shape, boundary="periodic")
    found = solve(LeastSquares(A, problem.y.astype(np.float64)) + Tikhonov(), weight=GCV())
    return replace(problem, weight=found.weight)


def volume(n: int) -> Problem:
    """Return balls of several brightnesses, blurred by a Gaussian."""
    rng = np.random.default_rng(0)
    axis = np.arange(n) / n
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    truth = np.zeros((n, n, n))
    for _ in range(40):
        c, radius = rng.random(3), rng.uniform(0.03, 0.2)
        truth[(z - c[0]) ** 2 + (y - c[1]) ** 2 + (x - c[2]) ** 2 < radius**2] = rng.uniform(0.1, 1)
    return circular(gaussian_filter(truth, 0.5, mode="wrap"), unblur.psf.gaussian(1.5, ndim=3))


@dataclass(frozen=True)
class Case:
    """A problem of the table: what it is called, how it is made, and from which size."""

    title: str
    make: Callable[[int], Problem]
    size: int
    quick_size: int


CASES = {
    "a": Case("total variation, periodic", periodic, 512, 256),
    "b": Case("total variation, unknown boundary", unknown, 512, 256),
    "c": Case("total variation in colour, motion", colour, 512, 256),
    "d": Case("anisotropic total variation", anisotropic, 512, 256),
    "e-lsqr": Case("50 iterations of LSQR", lambda n: linear(n, "lsqr"), 512, 256),
    "e-cg": Case("50 iterations of conjugate gradients", lambda n: linear(n, "cg"), 512, 256),
    "f": Case("30 iterations of Richardson and Lucy", counts, 512, 256),
    "g": Case("Tikhonov in closed form, weight by rule", closed_form, 512, 256),
    "h": Case("total variation in three dimensions", volume, 128, 48),
}


def reference(problem: Problem, iterations: int = REFERENCE_ITERATIONS, dtype: Any = np.float64) -> Problem:
    """Return the problem with its optimum, from a run in double precision far beyond any tolerance here."""
    A = Blur(problem.psf, problem.y.shape, boundary=problem.boundary, axes=problem.axes)
    terms = LeastSquares(A, problem.y.astype(dtype))
    terms += problem.weight * TotalVariation(isotropic=problem.prior == "isotropic")
    x = solve(terms, tol=1e-8, max_iterations=iterations).x
    return replace(problem, optimum=problem.objective(x), optimum_psnr=problem.psnr(x))


def on_disk(name: str, size: int, folder: Path) -> Path:
    """Return the file of a problem, made if it is not there or if unblur would now choose another grid for it."""
    path = folder / f"{name}-{size}.npz"
    if path.exists():
        kept = Problem.load(path)
        if kept.grid == Blur(kept.psf, kept.y.shape, boundary=kept.boundary, axes=kept.axes).dims:
            return path
    folder.mkdir(parents=True, exist_ok=True)
    problem = replace(CASES[name].make(size), name=name)
    if problem.method == "tv":
        print(f"({name}) {size}: finding the optimum", flush=True)
        problem = reference(problem)
    problem.save(path)
    return path
