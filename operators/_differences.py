"""Differences along one axis in one pass over memory, whatever the axis."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from .boundaries import source_indices

# samples that stay in a core's cache from one operation to the next
_BLOCK = 1 << 15


class _Edge(NamedTuple):
    """A row of a difference that meets an edge: which samples are added and which subtracted."""

    row: int
    plus: list[int]
    minus: list[int]


Edges = list[_Edge]


def difference(x: Any, out: Any, axis: int, plus: int, minus: int, c: float, edges: Edges) -> Any:
    """Return c (x[i + plus] − x[i + minus]) along `axis`, and at the edges what `edges` list."""
    x = np.ascontiguousarray(x)
    y = np.empty_like(x) if out is None or not out.flags.c_contiguous else out
    # as if the array were a line: what wraps from one line to the next falls on edges, which are written after
    source, target, stride = x.reshape(-1), y.reshape(-1), prod(x.shape[axis + 1 :])
    first, last = -min(plus, minus, 0) * stride, x.size - max(plus, minus, 0) * stride
    a, b = plus * stride, minus * stride
    step = x.size if c == 1 else _BLOCK
    for i in range(first, last, step):
        j = min(i + step, last)
        np.subtract(source[i + a : j + a], source[i + b : j + b], out=target[i:j])
        if c != 1:
            target[i:j] *= c  # while it is in the cache
    _write_edges(x.reshape(-1, x.shape[axis], stride), y.reshape(-1, x.shape[axis], stride), edges, c)
    if out is None or out is y:
        return y
    out[...] = y
    return out


def edge_rows(n: int, a: int, b: int, boundary: str) -> tuple[Edges, Edges]:
    """Return the rows of the difference and of its transpose that meet an edge."""
    # the sample that stands at position i is that of index sources[i - a]
    sources = source_indices(n, -a, b, boundary).tolist()
    inside = range(-a, n - b)
    edges = [_Edge(i, *_cancel([sources[i + b - a]], [sources[i]])) for i in range(n) if i not in inside]
    # column k of the matrix is met by rows k − b and k − a, and by those at the edges that repeat sample k
    repeated = {k for edge in edges for k in (*edge.plus, *edge.minus)}
    adjoint = []
    for k in sorted({k for k in (0, 1, n - 2, n - 1) if 0 <= k < n} | repeated):
        plus = [k - b] if k - b in inside else []
        minus = [k - a] if k - a in inside else []
        plus += [edge.row for edge in edges for source in edge.plus if source == k]
        minus += [edge.row for edge in edges for source in edge.minus if source == k]
        adjoint.append(_Edge(k, *_cancel(plus, minus)))
    return edges, adjoint


def _cancel(plus: list[int], minus: list[int]) -> tuple[list[int], list[int]]:
    """Return the indices without those of zeros, −1, and without those that are on both sides."""
    plus, minus = ([k for k in side if k >= 0] for side in (plus, minus))
    return [k for k in plus if k not in minus], [k for k in minus if k not in plus]


def _write_edges(source: Any, target: Any, edges: Edges, c: float) -> None:
    for row, plus, minus in edges:
        line = target[:, row]
        line[...] = source[:, plus[0]] if plus else 0
        for k in plus[1:]:
            line += source[:, k]
        for k in minus:
            line -= source[:, k]
        if c != 1:
            line *= c
