"""Circular blur and differences as PyLops operators, for the peers that are built on it; it has no periodic form of its own.

They are no slower than what PyLops ships: one real FFT pair an apply, float32 throughout.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pylops
import scipy.fft
from model import Problem


class CircularBlur(pylops.LinearOperator):
    def __init__(self, problem: Problem, workers: int) -> None:
        n = int(np.prod(problem.grid))
        super().__init__(dtype=np.dtype(np.float32), shape=(n, n))
        self.grid, self.axes_, self.workers = problem.grid, problem.axes, workers
        h = problem.transfer().astype(np.complex64)
        self.h = h.reshape(h.shape + (1,) * (len(self.grid) - h.ndim))
        self.h_conj = self.h.conj()

    def _apply(self, x: Any, h: Any) -> Any:
        spectrum = scipy.fft.rfftn(x.reshape(self.grid), axes=self.axes_, workers=self.workers)
        spectrum *= h
        shape = tuple(self.grid[a] for a in self.axes_)
        return scipy.fft.irfftn(spectrum, shape, axes=self.axes_, workers=self.workers).ravel()

    def _matvec(self, x: Any) -> Any:
        return self._apply(x, self.h)

    def _rmatvec(self, x: Any) -> Any:
        return self._apply(x, self.h_conj)


class CircularDifference(pylops.LinearOperator):
    """x[i + 1] − x[i] along one axis."""

    def __init__(self, grid: tuple[int, ...], axis: int) -> None:
        n = int(np.prod(grid))
        super().__init__(dtype=np.dtype(np.float32), shape=(n, n))
        self.grid, self.axis_ = grid, axis

    def _matvec(self, x: Any) -> Any:
        x = x.reshape(self.grid)
        return np.subtract(np.roll(x, -1, self.axis_), x).ravel()

    def _rmatvec(self, y: Any) -> Any:
        y = y.reshape(self.grid)
        return np.subtract(np.roll(y, 1, self.axis_), y).ravel()


class CircularGradient(pylops.LinearOperator):
    """All differences in one array, components first and colours after them, as PyProximal's L21 gathers them."""

    def __init__(self, problem: Problem) -> None:
        n = int(np.prod(problem.grid))
        super().__init__(dtype=np.dtype(np.float32), shape=(problem.psf.ndim * n, n))
        self.grid, self.axes_ = problem.grid, problem.axes
        self.colours = len(problem.grid) > problem.psf.ndim

    def _matvec(self, x: Any) -> Any:
        x = x.reshape(self.grid)
        D = np.stack([np.roll(x, -1, a) - x for a in self.axes_])
        return (np.moveaxis(D, -1, 1) if self.colours else D).ravel()

    def _rmatvec(self, p: Any) -> Any:
        if self.colours:
            D = np.moveaxis(p.reshape(len(self.axes_), self.grid[-1], *self.grid[:-1]), 1, -1)
        else:
            D = p.reshape(len(self.axes_), *self.grid)
        return np.asarray(sum(np.roll(d, 1, a) - d for a, d in zip(self.axes_, D, strict=True))).ravel()
