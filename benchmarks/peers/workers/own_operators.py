"""The blur that PyLops ships: zero boundaries, and a crop of it where nothing is assumed outside the view."""

from __future__ import annotations

from typing import Any

import numpy as np
import pylops
from model import Problem

#: by the number of axes
CONVOLVE = {2: pylops.signalprocessing.Convolve2D, 3: pylops.signalprocessing.ConvolveND}


def zero_blur(problem: Problem, dims: tuple[int, ...]) -> Any:
    offset = tuple(n // 2 for n in problem.psf.shape)
    return CONVOLVE[problem.psf.ndim](dims, problem.psf, offset=offset, dtype="float32")


class Unknown:
    """A blur that assumes nothing outside the view, from parts of PyLops: the zero boundary never shows in the crop."""

    def __init__(self, problem: Problem) -> None:
        self.margins = [(p - 1 - p // 2, p // 2) for p in problem.psf.shape]
        self.dims = tuple(n + p - 1 for n, p in zip(problem.y.shape, problem.psf.shape, strict=True))
        self.operator = pylops.Pad(problem.y.shape, self.margins, dtype="float32").H @ zero_blur(problem, self.dims)
        self.start = np.pad(problem.y, self.margins, mode="edge").ravel()
        self._problem = problem

    def image(self, x: Any) -> Any:
        """Return x on the grid of the problem; outside the view there is nothing to compare."""
        inside = tuple(slice(b, b + n) for (b, _), n in zip(self.margins, self._problem.y.shape, strict=True))
        whole = np.zeros(self._problem.grid)
        whole[self._problem.window] = np.asarray(x).reshape(self.dims)[inside]
        return whole
