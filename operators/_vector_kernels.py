"""Compiled sums and updates over runs of real numbers; each slab leaves a sum, in float64, in `sums`.

Slabs are long: below their length another thread would cost more to wake than it saves. Sums go in blocks, whose own sums
are short enough to lose nothing.
"""

from __future__ import annotations

import numpy as np

from ._compiled import kernel, taken

SLAB, _BLOCK = 1 << 16, 1 << 12


@kernel
def products(x, y, sums, shares):  # type: ignore[no-untyped-def]
    """Sum x y."""
    for s in taken(shares):
        sums[s] = 0
        for i in range(s * SLAB, min((s + 1) * SLAB, x.size), _BLOCK):
            u, v = x[i : i + _BLOCK], y[i : i + _BLOCK]
            total = 0.0
            for e in range(u.size):
                total += np.float64(u[e]) * np.float64(v[e])
            sums[s] += total


@kernel
def weighted_squares(x, weights, sums, shares):  # type: ignore[no-untyped-def]
    """Sum w x²."""
    for s in taken(shares):
        sums[s] = 0
        for i in range(s * SLAB, min((s + 1) * SLAB, x.size), _BLOCK):
            u, w = x[i : i + _BLOCK], weights[i : i + _BLOCK]
            total = 0.0
            for e in range(u.size):
                total += np.float64(w[e]) * np.float64(u[e]) * np.float64(u[e])
            sums[s] += total


@kernel
def axpby(x, y, a, b, sums, shares):  # type: ignore[no-untyped-def]
    """Replace y by a x + b y; sum its squares."""
    for s in taken(shares):
        sums[s] = 0
        for i in range(s * SLAB, min((s + 1) * SLAB, x.size), _BLOCK):
            u, v = x[i : i + _BLOCK], y[i : i + _BLOCK]
            total = 0.0
            for e in range(u.size):
                new = a * u[e] + b * v[e]
                v[e] = new
                total += np.float64(new) * np.float64(new)
            sums[s] += total
