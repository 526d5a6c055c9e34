"""Convolution along one axis by the compiled kernels: how arrays are laid out for them."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ._namespace import contiguous, is_numpy

# a stride from which on it is a vector of its own, and how much of it is summed at a time
_LONG, _VECTOR = 16, 128
# samples of the lines that are done together
_BLOCK = 1 << 14


class CompiledPass:
    """Convolution along one axis of real arrays in main memory.

    Parameters
    ----------
    taps : array of one dimension, real
    axis, n : int
        The axis, and the size of the result along it.
    sources : array of int
        Which sample of the argument stands at each of the ``n + len(taps) - 1`` positions that the taps meet; -1 where it
        is zero.
    size : int
        Size of the argument along the axis.
    """

    def __init__(self, taps: Any, axis: int, n: int, sources: Any, size: int) -> None:
        self.axis, self.n, self.size, self.sources = axis, n, size, sources
        self.taps = {np.dtype(kind): np.ascontiguousarray(taps, kind) for kind in (np.float32, np.float64)}
        self.run = _longest_run(sources)

    def takes(self, x: Any) -> bool:
        """Return whether `x` is an array that the kernels are for."""
        return is_numpy(x) and x.dtype in self.taps

    def apply(self, x: Any) -> Any:
        """Return the convolution of `x` along the axis."""
        return self._run(x, self.n, adjoint=False)

    def apply_adjoint(self, y: Any) -> Any:
        """Return its transpose at `y`."""
        return self._run(y, self.size, adjoint=True)

    def _run(self, x: Any, size: int, adjoint: bool) -> Any:
        from . import _separable_kernels as kernels
        from ._compiled import over_slabs

        x, axis = contiguous(x), self.axis
        out = np.empty((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype)
        lines, stride = prod(x.shape[:axis]), prod(x.shape[axis + 1 :])
        source, target = x.reshape(lines, x.shape[axis], stride), out.reshape(lines, size, stride)
        taps = self.taps[x.dtype]
        if stride < _LONG:
            together = max(1, _BLOCK // (self.n * stride))
            along = kernels.along_lines_adjoint if adjoint else kernels.along_lines
            over_slabs(along, -(-lines // together), source, self.sources, self.run, taps, target, together, worth=2)
        else:
            across = kernels.across_lines_adjoint if adjoint else kernels.across_lines
            over_slabs(across, lines * -(-stride // _VECTOR), source, self.sources, taps, target, _VECTOR, worth=2)
        return out


def _longest_run(sources: Any) -> tuple[int, int, int]:
    """Return where the longest run of neighbouring samples begins among the positions, at which sample, and its length."""
    breaks = np.flatnonzero((np.diff(sources) != 1) | (sources[1:] < 0) | (sources[:-1] < 0)) + 1
    starts = np.concatenate([[0], breaks])
    lengths = np.diff(np.concatenate([starts, [len(sources)]]))
    best = int(np.argmax(np.where(sources[starts] >= 0, lengths, 0)))
    first = int(starts[best])
    return (first, int(sources[first]), int(lengths[best])) if sources[first] >= 0 else (0, 0, 0)
