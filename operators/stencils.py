"""Differences of shifted samples along one axis: what first and second derivatives are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from ._arguments import BOUNDARIES, read_axes, read_axis, read_choice, read_dims, read_spacing
from ._namespace import contiguous, is_numpy, namespace
from .base import Operator
from .boundaries import source_indices
from .grids import image_grid
from .transforms import Cosine, Fourier

EDGES = tuple(word for word in BOUNDARIES if word != "unknown")

# rows, each with the rows that it sums and their weights
_Edges: TypeAlias = Mapping[int, Mapping[int, int]]

# a difference of several pairs goes over its output more than once: in pieces that stay in the cache
_PIECE = 1 << 18


class Stencil(Operator):
    r"""A sum of shifted copies of x along one axis, whose whole-number weights sum to zero.

    .. math:: (D x)_i = c \sum_k w_k \, x_{i+k}

    Parameters
    ----------
    dims : tuple of int
        Shape of x, and of the result.
    axis : int
    boundary : {"periodic", "zero", "reflect", "mirror", "nearest"}
    taps : mapping of int to int
        The weight w of each offset k.
    scale : float
        The factor c, above 0.

    Raises
    ------
    ValueError
        If an argument is not one of those above.

    Notes
    -----
    Weights that sum to zero are pairs of one plus and one minus: a stencil of one pair is one pass over memory, and
    no stencil needs an image beside its output.
    """

    def __init__(self, dims: Any, axis: int, *, boundary: str, taps: Mapping[int, int], scale: float = 1.0) -> None:
        dims = read_dims(dims)
        super().__init__(dims, dims)
        self.axis = read_axis(axis, len(dims))
        self.axes = (self.axis,)
        self.boundary = read_edge(boundary)
        self.taps, self.scale = dict(sorted(taps.items())), float(scale)
        # the sample that stands at position i is that of index sources[i + before]
        self._before, self._after = max(0, -min(taps)), max(0, max(taps))
        self._sources = source_indices(dims[self.axis], self._before, self._after, boundary)
        self._mirrored = {-offset: weight for offset, weight in self.taps.items()}
        self._edges, self._adjoint_edges = self._read_edges()

    def _shift(self, offset: int) -> Any:
        """Return, for each row, the index of the one that stands `offset` away."""
        return self._sources[self._before + offset :][: self.dims[self.axis]]

    def _read_edges(self) -> tuple[_Edges, _Edges]:
        """Return the rows of D and of Dᴴ that are not plain differences, each with its sources and their weights."""
        n = self.dims[self.axis]
        meets = {*range(min(self._before, n)), *range(max(n - self._after, 0), n)}
        touched = {i for row in meets for offset in self.taps if (i := int(self._shift(offset)[row])) >= 0}
        touched |= {*range(min(self._after, n)), *range(max(n - self._before, 0), n)}
        forward: dict[int, Counter[int]] = {row: Counter() for row in sorted(meets)}
        adjoint: dict[int, Counter[int]] = {row: Counter() for row in sorted(touched)}
        for offset, weight in self.taps.items():
            shift = self._shift(offset)
            for row, parts in forward.items():
                parts[int(shift[row])] += weight
            for row, parts in adjoint.items():
                for user in np.flatnonzero(shift == row).tolist():
                    parts[user] += weight
        for rows in (forward, adjoint):
            for parts in rows.values():
                for index in [i for i, weight in parts.items() if weight == 0 or i < 0]:
                    del parts[index]
        return forward, adjoint

    # -- the sums -----------------------------------------------------------------------------------

    def _apply(self, x: Any, out: Any) -> Any:
        return self._sum(x, out, self.taps, self._edges)

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        return self._sum(y, out, self._mirrored, self._adjoint_edges)

    def _add(self, x: Any, out: Any) -> None:
        self._sum(x, out, self.taps, self._edges, add=True)

    def _add_adjoint(self, y: Any, out: Any) -> None:
        self._sum(y, out, self._mirrored, self._adjoint_edges, add=True)

    def _sum(self, x: Any, out: Any, taps: Mapping[int, int], edges: _Edges, add: bool = False) -> Any:
        x = contiguous(x)
        target = namespace(x).empty(self.dims, x.dtype) if out is None or not out.flags.c_contiguous else out
        if add and target is not out:
            out += self._sum(x, target, taps, edges)
            return out
        source, rows = np.moveaxis(x, self.axis, 0), np.moveaxis(target, self.axis, 0)
        kept = {row: rows[row].copy() for row in edges} if add else dict.fromkeys(edges, 0)
        # All rows at once, as one run of memory: NumPy pays for each row of a two-dimensional array. What is wrong at
        # the edges is then put right.
        stride = int(np.prod(self.dims[self.axis + 1 :]))
        _differences(x.reshape(-1), target.reshape(-1), _pairs(taps, stride), self.scale, add)
        for row, parts in edges.items():
            rows[row] = kept[row] + self.scale * sum(weight * source[index] for index, weight in parts.items())
        if out is None or target is out:
            return target
        out[...] = target
        return out

    # -- structure ----------------------------------------------------------------------------------

    @property
    def forward_differences(self) -> tuple[tuple[int, ...], tuple[float, ...], bool] | None:
        """The axes, the scales, and whether the last sample meets the first rather than itself; None for other stencils."""
        if self.taps != {0: -1, 1: 1}:
            return None
        periodic = self._continues("periodic")
        return (self.axes, (self.scale,), periodic) if periodic or self._continues("nearest") else None

    def _continues(self, boundary: str) -> bool:
        """Whether the samples outside are those of another boundary: with one of them, reflect and nearest are one."""
        n = self.dims[self.axis]
        return np.array_equal(self._sources, source_indices(n, self._before, self._after, boundary))

    def _response(self, omega: Any) -> Any:
        return self.scale * sum(weight * np.exp(1j * offset * omega) for offset, weight in self.taps.items())

    def _fits(self, transform: Any) -> bool:
        return transform.dims == self.dims and self.axis in transform.axes

    def symbol(self, transform: Any) -> Any:
        if isinstance(transform, Fourier) and self._fits(transform) and self._continues("periodic"):
            return self._response(transform.frequencies(self.axis))
        even = self.taps == self._mirrored
        if isinstance(transform, Cosine) and self._fits(transform) and even and self._continues("reflect"):
            return self._response(transform.frequencies(self.axis)).real
        return None

    def gram_symbol(self, transform: Any) -> Any:
        # A reflected cosine under an odd stencil is a sine. Sines about a sample (DST-II) or about a midpoint (DST-I) are
        # orthogonal again; about a point further away they are not.
        reach = min(self.taps) + max(self.taps)
        odd = self.taps == {reach - offset: -weight for offset, weight in self.taps.items()} and abs(reach) <= 1
        if isinstance(transform, Cosine) and self._fits(transform) and odd and self._continues("reflect"):
            return np.abs(self._response(transform.frequencies(self.axis))) ** 2
        return super().gram_symbol(transform)

    def norm_bound(self) -> float:
        # A shift that repeats a sample m times has norm √m. Where sines and cosines diagonalise, none is longer than
        # the weights' sum.
        repeats = [1.0] * len(self.taps)
        if self.gram_symbol(Cosine(self.dims, self.axes)) is None:
            shifts = map(self._shift, self.taps)
            repeats = [float(np.bincount(s[s >= 0], minlength=1).max()) for s in shifts]
        return self.scale * float(sum(abs(w) * np.sqrt(m) for w, m in zip(self.taps.values(), repeats, strict=True)))


def read_edge(boundary: str) -> str:
    """Return `boundary` if it is one that a derivative can have."""
    if isinstance(boundary, str) and boundary == "unknown":
        raise ValueError(
            "boundary is 'unknown'; a derivative lives on the grid of x: give 'periodic', or take Gradient(A) of the blur"
        )
    return read_choice(boundary, EDGES, "boundary")


def read_grid(dims: Any, boundary: str | None, axes: Any) -> tuple[tuple[int, ...], str, tuple[int, ...]]:
    """Return dims, boundary and axes as given, or those of an operator's image where `dims` is a blur or the like."""
    if hasattr(dims, "matvec"):
        A, dims = dims, tuple(dims.dims)
        grid = image_grid(A)
        if grid is None and (axes is None or boundary is None):
            raise ValueError(
                f"{A!r} does not say along which axes its argument is an image, nor what that is beyond its edges; give both, as "
                f'in Gradient({dims}, axes={tuple(range(min(2, len(dims))))}, boundary="nearest")'
            )
        if grid is not None:
            axes = grid[0] if axes is None else axes
            boundary = grid[1] if boundary is None else boundary
    if boundary is None:
        raise ValueError(f"boundary is missing; give one of {', '.join(map(repr, EDGES))}")
    sizes = read_dims(dims)
    return sizes, read_edge(boundary), read_axes(axes, len(sizes))


def read_spacings(sampling: Any, axes: tuple[int, ...]) -> tuple[float, ...]:
    """Return a distance between samples for each of `axes`, from one for all or from one for each."""
    if isinstance(sampling, str) or not np.iterable(sampling):
        return (read_spacing(sampling),) * len(axes)
    spacings = tuple(read_spacing(s) for s in sampling)
    if len(spacings) != len(axes):
        raise ValueError(f"sampling is {sampling!r}; give one distance, or one for each of axes {axes}")
    return spacings


def _pairs(taps: Mapping[int, int], stride: int) -> list[tuple[int, int]]:
    """Return the offsets (plus, minus) of the pairs that a stencil consists of, in samples of memory."""
    plus = [offset * stride for offset, weight in taps.items() for _ in range(weight)]
    minus = [offset * stride for offset, weight in taps.items() for _ in range(-weight)]
    return list(zip(plus, minus, strict=True))


def _differences(x: Any, out: Any, pairs: list[tuple[int, int]], scale: float, add: bool) -> None:
    """Write the scaled sum of differences to `out`, or add it, wherever all their offsets lie inside."""
    offsets = [0, *(offset for pair in pairs for offset in pair)]
    first, last = -min(offsets), x.size - max(offsets)
    (plus, minus), *others = pairs
    step = _PIECE // x.itemsize if is_numpy(x) and (others or add or scale != 1) else x.size
    for i in range(first, last, step):
        j = min(i + step, last)
        piece = out[i:j]
        part = np.empty_like(piece) if add else piece
        np.subtract(x[i + plus : j + plus], x[i + minus : j + minus], out=part)
        for p, m in others:
            part += x[i + p : j + p]
            part -= x[i + m : j + m]
        if scale != 1:
            part *= scale
        if add:
            piece += part
