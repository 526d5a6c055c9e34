"""How compiled Fourier transforms divide a length, and how they lay out what they transform."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from math import prod
from typing import Any

import numpy as np

from .transforms import Fourier

#: (n, its factors, real parts and imaginary parts of the roots of unity)
Length = tuple[int, Any, Any, Any]
#: bytes of a vector, which are those of a line of the cache
VECTOR = 64
#: lines by which arrays that are used side by side are offset, or the cache would not hold them together
APART = 5


def factors(n: int) -> list[int] | None:
    """Return a length as a product of those of the codelets, 8, 4, 2, 3 and 5; None if it is none."""
    found = []
    # 4 · 4 is less work than 8 · 2
    while n % 8 == 0 and n != 16:
        found.append(8)
        n //= 8
    for r in (4, 2, 3, 5):
        while n % r == 0:
            found.append(r)
            n //= r
    return found if n == 1 else None


@cache
def length(n: int, dtype: Any) -> Length:
    """Return a length as kernels take it, with the factors by which they turn what a pass gives to the next.

    A pass that divides m into r parts turns result t of the transform p of these by e^(−2πi p t / m).
    """
    radices, m, turns = factors(n) or [], n, [np.empty(0)]
    for r in radices:
        p, t = np.ogrid[: m // r, 1:r]
        turns.append(np.exp(-2j * np.pi / m * (p * t)).ravel())
        m //= r
    all_turns = np.concatenate(turns)
    return n, np.array(radices, np.int64), all_turns.real.astype(dtype), all_turns.imag.astype(dtype)


@dataclass(frozen=True)
class Layout:
    """How the images or volumes of an array are laid out for kernels that transform them.

    Each is an array of (n, lines, width), and its spectrum one of (planes, rows, step) for real parts and for imaginary parts.
    """

    batches: int  #: images or volumes, one after the other
    sizes: tuple[int, ...]  #: along the axes that are transformed, two or three
    channels: int  #: behind these
    dtype: Any

    @classmethod
    @lru_cache(256)
    def of(cls, transform: Fourier, dtype: Any) -> Layout | None:
        """Return the layout for a real transform of two or three neighbouring axes of good sizes; None for others."""
        first, last = transform.axes[0], transform.axes[-1]
        sizes = transform.dims[first : last + 1]
        neighbours = transform.axes == tuple(range(first, last + 1)) and len(sizes) in (2, 3)
        if not transform.real or not neighbours or min(sizes) < 2 or any(factors(n) is None for n in sizes):
            return None
        return cls(prod(transform.dims[:first]), sizes, prod(transform.dims[last + 1 :]), np.dtype(dtype))

    @property
    def lanes(self) -> int:
        """Numbers in a vector."""
        return VECTOR // int(self.dtype.itemsize)

    def _vectors(self, n: int) -> int:
        return -(-n // self.lanes)

    @property
    def lines(self) -> int:
        """Of an image one, of a volume its rows."""
        return prod(self.sizes[1:-1])

    @property
    def width(self) -> int:
        """Of a line."""
        return self.sizes[-1] * self.channels

    @property
    def planes(self) -> int:
        """Of a spectrum, of which half of the first axis is kept; for an image these are its rows."""
        return self.sizes[0] // 2 + 1

    @property
    def rows(self) -> int:
        """From a plane of a spectrum to the next."""
        return 1 if len(self.sizes) == 2 else self._vectors(self.lines) * self.lanes

    @property
    def step(self) -> int:
        """From a row of a spectrum to the next: an odd number of vectors, so that the cache holds neighbouring rows."""
        return (2 * -(-self._vectors(self.width) // 2) + 1) * self.lanes

    @property
    def tasks(self) -> tuple[int, int, int]:
        """Of the three passes: pairs of vectors of columns, blocks of rows or whole planes, and columns again."""
        columns = self.lines * -(-self._vectors(self.width) // 2)
        return columns, self._vectors(self.planes) if len(self.sizes) == 2 else self.planes, columns

    @property
    def tiles(self) -> int:
        """Blocks of rows in a task of the second pass."""
        return 1 if len(self.sizes) == 2 else self.rows // self.lanes

    def geometry(self, own: int) -> tuple[int, ...]:
        """Return what kernels need to know, for a symbol of its own number of channels."""
        return self.width, self.rows, self.step, self.tiles, self.channels, own

    def part(self, sizes: tuple[int, ...]) -> tuple[int, int, int]:
        """Return (n, lines, width) of an array that is the first so many samples of the grid along the axes."""
        return sizes[0], prod(sizes[1:-1]), sizes[-1] * self.channels

    def lengths(self) -> tuple[Length, Length, Length]:
        """Return the lengths along the first axis, those between, and the last."""
        first, *between, last = self.sizes
        return length(first, self.dtype), length(prod(between), self.dtype), length(last, self.dtype)

    def room(self, count: int) -> Any:
        """Return room for so many spectra: real parts, imaginary parts, and so on."""
        size = self.tasks[1] * self.tiles * self.lanes * self.step
        z = np.empty((2 * count, size + APART * self.lanes), self.dtype)
        # rows that only fill up a block
        outer = (1, -1, self.planes) if len(self.sizes) == 2 else (self.planes, -1, self.lines)
        blocks = z[:, :size].reshape(2 * count, outer[0], -1, self.step)
        blocks[:, :, outer[2] :] = 0
        return z

    def arranged(self, symbol: Any, scale: float = 1) -> Any:
        """Return a symbol, times a scale, in the order in which kernels come upon it, real and imaginary parts apart.

        It comes as (*spectrum of ``rfftn``, channels), or with one channel that stands for all.
        """
        from ._compiled import over_slabs
        from ._multiplier_kernels import arrange

        own, n = symbol.shape[-1], self.sizes[-1]
        # (n, lines, half of the last axis, channels)
        whole = np.broadcast_to(symbol, (*self.sizes[:-1], n // 2 + 1, own)).reshape(self.sizes[0], self.lines, -1, own)
        blocks = self.tasks[1] * self.tiles
        result = np.empty((2 if np.iscomplexobj(symbol) else 1, blocks * n * own * self.lanes + APART * self.lanes), self.dtype)
        over_slabs(arrange, blocks, np.ascontiguousarray(whole), n, scale, self.tiles, result)
        return result
