"""A problem on disk, and the measures that every worker takes of an iterate; NumPy is all that it needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Problem:
    """½‖M(h ∗ x) − y‖² + weight · R(x), with h ∗ x circular on `grid` and M a window of it.

    Colours are the last axis. The origin of the PSF is its middle, n // 2, and differences are x[i + 1] − x[i], circular;
    "zero" stands for zero boundaries, where differences past the end are left out.
    """

    name: str
    method: str  #: what is asked for: "tv", "cg", "lsqr", "richardson-lucy" or "gcv"
    prior: str  #: "isotropic", "anisotropic", "quadratic" or "none"
    boundary: str  #: "periodic", "unknown" or "zero"
    y: Any  #: the data, float32
    psf: Any  #: float32
    truth: Any  #: what y shows, without blur and noise
    weight: float
    grid: tuple[int, ...]  #: of x, colours included
    offset: tuple[int, ...]  #: where y begins in it, on the axes of the PSF
    iterations: int  #: how many to run; 0 where a tolerance is to be met
    optimum: float = np.nan  #: the least objective
    optimum_psnr: float = np.nan  #: at the minimiser

    @classmethod
    def load(cls, path: str | Path) -> Problem:
        with np.load(path) as file:
            values = {name: file[name] if file[name].ndim else file[name].item() for name in file.files}
        for name in ("grid", "offset"):
            values[name] = tuple(int(n) for n in values[name])
        return cls(**values)

    def save(self, path: Path) -> None:
        np.savez(path, **{name: getattr(self, name) for name in self.__dataclass_fields__})

    def cropped(self, size: int) -> Problem:
        """Return a small problem of the same kind, to warm up on."""
        window = (slice(size),) * self.psf.ndim
        grown = (g - n + min(n, size) for g, n in zip(self.grid, self.y.shape[: self.psf.ndim], strict=False))
        grid = (*grown, *self.grid[self.psf.ndim :])
        y, truth = (np.ascontiguousarray(a[window]) for a in (self.y, self.truth))
        return replace(self, y=y, truth=truth, grid=grid)

    @property
    def axes(self) -> tuple[int, ...]:
        """Those that the PSF blurs."""
        return tuple(range(self.psf.ndim))

    @property
    def window(self) -> tuple[slice, ...]:
        """Where y lies in the grid."""
        return tuple(slice(o, o + n) for o, n in zip(self.offset, self.y.shape, strict=False))

    @property
    def start(self) -> Any:
        """The data brought to the grid, float32."""
        if self.boundary != "unknown":
            return self.y.copy()
        widths = [(o, g - o - n) for o, g, n in zip(self.offset, self.grid, self.y.shape, strict=False)]
        return np.pad(self.y, widths + [(0, 0)] * (self.y.ndim - self.psf.ndim), mode="edge")

    def transfer(self, shape: tuple[int, ...] | None = None) -> Any:
        """Return the half spectrum of the PSF on the blurred axes, its origin at sample 0, in float64."""
        shape = tuple(self.grid[a] for a in self.axes) if shape is None else shape
        h = np.zeros(shape)
        h[tuple(slice(n) for n in self.psf.shape)] = self.psf
        return np.fft.rfftn(np.roll(h, [-(n // 2) for n in self.psf.shape], self.axes))

    @cached_property
    def _transfer(self) -> Any:
        padded = tuple(self.grid[a] + (self.psf.shape[a] if self.boundary == "zero" else 0) for a in self.axes)
        colours = (1,) * (len(self.grid) - len(padded))
        h = self.transfer(padded)
        return padded, h.reshape(h.shape + colours)

    def blur(self, x: Any) -> Any:
        shape, h = self._transfer
        whole = np.fft.irfftn(np.fft.rfftn(x, shape, self.axes) * h, shape, self.axes)
        return whole[self.window]

    def differences(self, x: Any) -> list[Any]:
        if self.boundary == "zero":
            return [np.diff(x, axis=a) for a in self.axes]
        return [np.roll(x, -1, a) - x for a in self.axes]

    def penalty(self, x: Any) -> float:
        if self.prior == "none":
            return 0.0
        D = self.differences(x)
        if self.prior == "quadratic":
            return 0.5 * sum(float(np.sum(d * d)) for d in D)
        if self.prior == "anisotropic":
            return sum(float(np.abs(d).sum()) for d in D)
        squares = sum(d * d for d in D)
        colours = tuple(range(self.psf.ndim, len(self.grid)))
        return float(np.sqrt(squares.sum(axis=colours)).sum())

    def objective(self, x: Any) -> float:
        """In float64, by code that is neither ours nor a peer's."""
        x = np.asarray(x, np.float64)
        r = self.blur(x) - self.y
        return 0.5 * float(np.sum(r * r)) + self.weight * self.penalty(x)

    def psnr(self, x: Any) -> float:
        """Over the field of view, for a range of 1."""
        error = np.asarray(x, np.float64)[self.window] - self.truth
        return float(-10 * np.log10(np.mean(error**2)))
