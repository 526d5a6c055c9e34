"""Convolution with a product of one-dimensional kernels, one pass along each axis."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ._namespace import contiguous, is_numpy, namespace
from ._separable_compiled import CompiledPass
from .boundaries import Extension, source_indices

# samples that stay in a core's cache from one tap to the next
_BLOCK = 1 << 14


def factors(psf: Any) -> list[Any] | None:
    """Return one-dimensional kernels whose outer product is `psf` to rounding; None where there are none."""
    peak = np.unravel_index(np.argmax(np.abs(psf)), psf.shape)
    lines = [psf[(*peak[:a], slice(None), *peak[a + 1 :])] for a in range(psf.ndim)]
    lines[1:] = [line / psf[peak] for line in lines[1:]]
    product = np.ones(())
    for line in lines:
        product = np.multiply.outer(product, line)
    return lines if np.abs(product - psf).max() <= 4 * np.finfo(np.float64).eps * np.abs(psf[peak]) else None


class Pass:
    """Convolution along one axis, as an operator from n samples to n, or from a longer grid to its middle.

    Parameters
    ----------
    kernel : array of one dimension
    center : int
        Index of the kernel's origin.
    axis, n : int
        The axis, and the size of the result along it.
    boundary : str
    size, start : int
        With an unknown boundary, the size of the grid and where the result begins in it; else n and 0.
    """

    def __init__(self, kernel: Any, center: int, axis: int, n: int, boundary: str, size: int, start: int) -> None:
        self.axis, self.n, self.size = axis, n, size
        self.taps = [k.item() for k in kernel[::-1]]
        self.adjoint_taps = [k.conjugate().item() for k in kernel]
        before = len(kernel) - 1 - center
        if boundary == "unknown":
            sources = np.arange(start - before, start - before + n + len(kernel) - 1)
        else:
            sources = source_indices(n, before, center, boundary)
        self._compiled = None if np.iscomplexobj(kernel) else CompiledPass(kernel[::-1], axis, n, sources, size)
        self.reach = len(kernel) - 1
        # where the samples that the result meets lie in the argument
        self.met = slice(start - before, start - before + n + self.reach) if boundary == "unknown" else None
        self.extension = None if boundary in ("zero", "unknown") else Extension(axis, n, before, center, boundary)
        self.inside = slice(before, before + n)

    def apply(self, x: Any) -> Any:
        """Return the convolution of `x` along the axis."""
        if self._compiled is not None and self._compiled.takes(x):
            return self._compiled.apply(x)
        if self.met is not None:
            return _correlate(x, self.taps, self.axis, self.n, self.met.start)
        extended = self._zeros(x, self.n + self.reach)
        self._part(extended, self.inside)[...] = x
        if self.extension is not None:
            self.extension.fill(extended)
        return _correlate(extended, self.taps, self.axis, self.n, 0)

    def apply_adjoint(self, y: Any) -> Any:
        """Return the transposed, conjugated convolution of `y` along the axis."""
        if self._compiled is not None and self._compiled.takes(y):
            return self._compiled.apply_adjoint(y)
        padded = self._zeros(y, self.n + 2 * self.reach)
        self._part(padded, slice(self.reach, self.reach + self.n))[...] = y
        extended = _correlate(padded, self.adjoint_taps, self.axis, self.n + self.reach, 0)
        if self.met is not None:
            x = self._zeros(y, self.size)
            self._part(x, self.met)[...] = extended
            return x
        if self.extension is not None:
            self.extension.fold(extended)
        return self._part(extended, self.inside)

    def _zeros(self, like: Any, size: int) -> Any:
        return namespace(like).zeros((*like.shape[: self.axis], size, *like.shape[self.axis + 1 :]), like.dtype)

    def _part(self, x: Any, window: slice) -> Any:
        return x[(slice(None),) * self.axis + (window,)]


def _correlate(x: Any, taps: list[Any], axis: int, n: int, start: int) -> Any:
    """Return Σ taps[j] x[i + start + j] for i < n along `axis`."""
    xp, x = namespace(x), contiguous(x)
    y = xp.empty((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype)
    stride = prod(x.shape[axis + 1 :])
    source, target = x.reshape(-1, x.shape[axis], stride), y.reshape(-1, n, stride)
    # a device has no use for blocks: all at once there
    block_size = _BLOCK if is_numpy(x) else y.size
    lines = max(1, block_size // (n * stride))
    rows = n if lines > 1 else max(1, min(n, block_size // stride))
    work = xp.empty((min(lines, len(target)), rows, stride), x.dtype)
    for a in range(0, len(target), lines):
        for i in range(0, n, rows):
            block = target[a : a + lines, i : i + rows]
            product = work[: block.shape[0], : block.shape[1]]
            for j, tap in enumerate(taps):
                first = i + start + j
                seen = source[a : a + lines, first : first + block.shape[1]]
                np.multiply(seen, tap, out=product if j else block)
                if j:
                    block += product
    return y
