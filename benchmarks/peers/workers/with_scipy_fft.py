"""The yardstick: a bare real FFT there and back on the grid of the problem, by scipy.fft."""

from __future__ import annotations

import scipy.fft
from model import Problem
from pairs import PAIRS, padded_image
from protocol import Candidate, Run, Watch, serve

WORKERS = 2


def prepare(problem: Problem) -> Run:
    x, axes = padded_image(problem)
    shape = tuple(x.shape[a] for a in axes)

    def run(iterations: int, watch: Watch) -> None:
        for _ in range(iterations):
            spectrum = scipy.fft.rfftn(x, axes=axes, workers=WORKERS)
            watch(scipy.fft.irfftn(spectrum, shape, axes=axes, workers=WORKERS))

    return run


if __name__ == "__main__":
    # what it makes is no image of the problem
    serve(
        lambda problem: [Candidate("rfftn + irfftn, 2 workers", lambda: prepare(problem), lambda x: problem.start)],
        "scipy",
        iterations=PAIRS,
    )
