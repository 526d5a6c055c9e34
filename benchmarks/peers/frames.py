"""A hundred frames through one plan, each started from the last: how many a second come within 0.1 dB of the full solve."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import problems
import scipy.fft
from scipy.signal import fftconvolve

from unblur.inversion import LeastSquares, Plan, TotalVariation, plan
from unblur.operators import Blur, set_workers

WORKERS = 2
FRAMES = 100
NEAR = 0.1
#: frames on which the number of iterations is found
PROBES = 8


@dataclass
class Film:
    """Data and truth of each frame; the scene goes by at a pixel a frame along both axes."""

    data: list[Any]
    truths: list[Any]
    weight: float

    def plan(self, boundary: str) -> Plan:
        A = Blur(problems.BOX, self.data[0].shape, boundary=boundary)
        return plan(LeastSquares(A, self.data[0]) + self.weight * TotalVariation())


def shoot(n: int, boundary: str) -> Film:
    margin = 4
    wide = problems.scene(n + FRAMES + 2 * margin)
    seen = fftconvolve(wide, problems.BOX, mode="valid")
    rng = np.random.default_rng(0)
    sigma = float(np.std(seen)) * 10 ** (-problems.BSNR / 20)
    film = Film([], [], problems.weight_for(sigma))
    for k in range(FRAMES):
        truth = wide[margin + k :, margin + k :][:n, :n]
        blurred = seen[k:, k:][:n, :n]
        if boundary == "periodic":
            blurred = Blur(problems.BOX, truth.shape, boundary=boundary).apply(truth)
        film.data.append((blurred + rng.normal(scale=sigma, size=blurred.shape)).astype(np.float32))
        film.truths.append(truth)
    return film


def psnr(image: Any, truth: Any) -> float:
    return float(-10 * np.log10(np.mean((image.astype(np.float64) - truth) ** 2)))


def run(film: Film, reused: Plan, iterations: int, frames: int) -> tuple[float, list[float]]:
    """Return the seconds of `frames` frames and the PSNR of each; the first is solved from nothing to the default tolerance."""
    x, seconds, quality = None, 0.0, []
    for y, truth in zip(film.data[:frames], film.truths, strict=False):
        start = perf_counter()
        options = {} if x is None else {"tol": 0, "max_iterations": iterations}
        result = reused.solve(y, x0=x, **options)
        seconds += perf_counter() - start
        x = result.x
        quality.append(psnr(result.image, truth))
    return seconds, quality


def enough_iterations(film: Film, reused: Plan) -> int:
    """Return the least number at which each frame comes within 0.1 dB of what a full solve of it reaches."""
    full = [
        psnr(reused.solve(y, tol=1e-6, max_iterations=1000).image, truth)
        for y, truth in zip(film.data[:PROBES], film.truths, strict=False)
    ]
    for iterations in range(1, 200):
        _, quality = run(film, reused, iterations, PROBES)
        if all(q >= f - NEAR for q, f in zip(quality[1:], full[1:], strict=True)):
            return iterations
    raise RuntimeError(f"200 iterations a frame do not come within {NEAR} dB of the full solve")


def pair(shape: tuple[int, ...]) -> float:
    x = np.random.default_rng(0).random(shape, np.float32)
    times = []
    for _ in range(30):
        start = perf_counter()
        scipy.fft.irfft2(scipy.fft.rfft2(x, workers=WORKERS), x.shape, workers=WORKERS)
        times.append(perf_counter() - start)
    return float(np.median(times))


def measure(quick: bool) -> dict[str, Any]:
    set_workers(WORKERS)
    n = 256 if quick else 512
    rows = {}
    for boundary in ("periodic", "unknown"):
        film = shoot(n, boundary)
        reused = film.plan(boundary)
        iterations = enough_iterations(film, reused)
        runs = [run(film, reused, iterations, FRAMES) for _ in range(1 if quick else 3)]
        seconds = float(np.median([s for s, _ in runs]))
        shape = film.plan(boundary).problem.dims
        rows[boundary] = {
            "iterations": iterations,
            "frames_per_second": FRAMES / seconds,
            "pairs_per_frame": seconds / FRAMES / pair(shape),
            "psnr": float(np.mean(runs[0][1])),
        }
        print(f"  (i) {boundary}: {rows[boundary]}", flush=True)
    return {"title": f"{FRAMES} frames through one plan, each started from the last", "size": n, "frames": rows}
