"""The fastest FFTs to be had: FFTW, measured and planned, and ducc0."""

from __future__ import annotations

import ducc0.fft
import numpy as np
import pyfftw
from model import Problem
from pairs import PAIRS, padded_image
from protocol import Candidate, Run, Watch, serve

WORKERS = 2


def fftw(problem: Problem) -> Run:
    image, axes = padded_image(problem)
    x = pyfftw.empty_aligned(image.shape, np.float32)
    half = (*image.shape[:-1], image.shape[-1] // 2 + 1)
    spectrum = pyfftw.empty_aligned(half, np.complex64)
    options = {"axes": axes, "threads": WORKERS, "flags": ("FFTW_MEASURE",)}
    there = pyfftw.FFTW(x, spectrum, **options)
    # the inverse of several dimensions destroys its input, which the next pass makes again
    back = pyfftw.FFTW(spectrum, x, direction="FFTW_BACKWARD", **options)
    x[...] = image

    def run(iterations: int, watch: Watch) -> None:
        for _ in range(iterations):
            there()
            watch(back())

    return run


def ducc(problem: Problem) -> Run:
    x, axes = padded_image(problem)
    spectrum = ducc0.fft.r2c(x, axes=axes, nthreads=WORKERS)
    out = np.empty_like(x)
    scale = {"lastsize": x.shape[-1], "forward": False, "inorm": 2, "nthreads": WORKERS}

    def run(iterations: int, watch: Watch) -> None:
        for _ in range(iterations):
            ducc0.fft.r2c(x, axes=axes, nthreads=WORKERS, out=spectrum)
            watch(ducc0.fft.c2r(spectrum, axes=axes, out=out, **scale))

    return run


def candidates(problem: Problem) -> list[Candidate]:
    # what they make is no image of the problem
    return [
        Candidate("FFTW", lambda: fftw(problem), lambda x: problem.start),
        Candidate("ducc0", lambda: ducc(problem), lambda x: problem.start),
    ]


if __name__ == "__main__":
    serve(candidates, "pyfftw", "ducc0", iterations=PAIRS)
