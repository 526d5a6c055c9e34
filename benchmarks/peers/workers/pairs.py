"""What the yardsticks transform."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
from model import Problem

#: in one timing
PAIRS = 30


def padded_image(problem: Problem) -> tuple[Any, tuple[int, ...]]:
    """Return noise on the grid of the problem, float32, colours first, and the axes of the transform.

    Around zero boundaries as much is added as a linear convolution needs.
    """
    margin = 1 if problem.boundary == "zero" else 0
    spatial = [problem.grid[a] + margin * (problem.psf.shape[a] - 1) for a in problem.axes]
    spatial = [scipy.fft.next_fast_len(n, real=True) if margin else n for n in spatial]
    colours = problem.grid[len(spatial) :]
    x = np.random.default_rng(0).random((*colours, *spatial), np.float32)
    return x, tuple(range(len(colours), x.ndim))
