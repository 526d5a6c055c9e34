"""Gradients of images by forward differences, in one pass with what solvers do to them next."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ._vectors import runs

# samples of a slab, below whose length another thread would cost more to wake than it saves
_SLAB = 1 << 16


class PlaneGradient:
    """The forward differences of an array along two adjacent axes, for long arrays of NumPy's.

    Parameters
    ----------
    dims : tuple of int
        Shape of the array.
    axis : int
        The first of the two axes.
    scales : tuple of float
        By what the differences are multiplied.
    periodic : bool
        Whether the last sample meets the first, rather than itself.
    """

    def __init__(self, dims: tuple[int, ...], axis: int, scales: tuple[float, ...], periodic: bool) -> None:
        self.shape = (prod(dims[:axis]), dims[axis], prod(dims[axis + 1 :]))
        self.channels, self.scales, self.periodic = prod(dims[axis + 2 :]), scales, periodic
        self.slab = max(1, _SLAB // self.shape[2])

    def energy(self, x: Any) -> float:
        """Return ‖D x‖²."""
        return self._run("energy", 1.0, x)

    def update(self, a: float, x: Any, b: float, y: Any) -> float:
        """Replace y by a D x + b y, and return ‖y‖²."""
        return self._run("update", a, x, y, kept=b)

    def update_adjoint(self, a: float, y: Any, b: float, x: Any) -> float:
        """Replace x by a Dᴴ y + b x, and return ‖x‖²."""
        return self._run("update_adjoint", a, y, x, kept=b)

    def _run(self, name: str, factor: float, *arrays: Any, kept: float | None = None) -> float:
        from . import _plane_kernels as kernels
        from ._compiled import over_slabs

        images, rows, size = self.shape
        flat = [runs(a)[0] for a in arrays]  # type: ignore[index]
        # a complex sample is two real ones
        parts = arrays[0].itemsize // flat[0].itemsize
        whole = images * rows * size * parts
        shaped = [a.reshape((2,) * (a.size > whole) + (images, rows, size * parts)) for a in flat]
        real = flat[0].dtype.type
        numbers = [real(factor * scale) for scale in self.scales] + ([] if kept is None else [real(kept)])
        sums = np.empty(-(-images * rows // self.slab))
        over_slabs(getattr(kernels, name), sums.size, *shaped, *numbers, self.periodic, self.channels * parts, sums, self.slab)
        return float(sums.sum())
