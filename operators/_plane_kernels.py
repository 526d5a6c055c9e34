"""Compiled gradients D of images by forward differences, measured or added to what is there, and their adjoint.

An image is (images, rows, columns × channels), its gradient has a first axis of two. Where it is not periodic, the last
difference is 0. Each slab of rows leaves a sum of squares, in float64.
"""

from __future__ import annotations

import numpy as np

from ._compiled import kernel, part_of_kernel, taken


@part_of_kernel
def _gradient(x, b, i, scale0, scale1, periodic, channels, d0, d1):  # type: ignore[no-untyped-def]
    """Write the gradient of a row to `d0`, to the next row, and `d1`, along the row."""
    rows, size = x.shape[1:]
    here, inside = x[b, i], size - channels
    below = x[b, i + 1] if i + 1 < rows else x[b, 0] if periodic else here
    right = here[channels:]
    for e in range(size):
        d0[e] = scale0 * (below[e] - here[e])
    for e in range(inside):
        d1[e] = scale1 * (right[e] - here[e])
    for c in range(channels):
        d1[inside + c] = scale1 * (here[c] - here[inside + c]) if periodic else scale1 * (here[c] - here[c])


@part_of_kernel
def _squares(d):  # type: ignore[no-untyped-def]
    total = 0.0
    for e in range(d.size):
        total += np.float64(d[e]) * np.float64(d[e])
    return total


@kernel
def energy(x, scale0, scale1, periodic, channels, sums, slab, shares):  # type: ignore[no-untyped-def]
    """Sum the squares of D x."""
    images, rows, size = x.shape
    d0, d1 = np.empty(size, x.dtype), np.empty(size, x.dtype)
    for s in taken(shares):
        sums[s] = 0
        for r in range(s * slab, min((s + 1) * slab, images * rows)):
            _gradient(x, r // rows, r % rows, scale0, scale1, periodic, channels, d0, d1)
            sums[s] += _squares(d0) + _squares(d1)


@kernel
def update(x, y, scale0, scale1, kept, periodic, channels, sums, slab, shares):  # type: ignore[no-untyped-def]
    """Replace y by D x + `kept` y."""
    images, rows, size = x.shape
    d0, d1 = np.empty(size, x.dtype), np.empty(size, x.dtype)
    for s in taken(shares):
        sums[s] = 0
        for r in range(s * slab, min((s + 1) * slab, images * rows)):
            b, i = divmod(r, rows)
            _gradient(x, b, i, scale0, scale1, periodic, channels, d0, d1)
            y0, y1 = y[0, b, i], y[1, b, i]
            for e in range(size):
                d0[e] += kept * y0[e]
                d1[e] += kept * y1[e]
            for e in range(size):
                y0[e] = d0[e]
                y1[e] = d1[e]
            sums[s] += _squares(d0) + _squares(d1)


@kernel
def update_adjoint(y, x, scale0, scale1, kept, periodic, channels, sums, slab, shares):  # type: ignore[no-untyped-def]
    """Replace x by Dᴴ y + `kept` x."""
    images, rows, size = x.shape
    inside = size - channels
    t, zeros = np.empty(size, x.dtype), np.zeros(size, x.dtype)
    for s in taken(shares):
        sums[s] = 0
        for r in range(s * slab, min((s + 1) * slab, images * rows)):
            b, i = divmod(r, rows)
            out, along = x[b, i], y[1, b, i]
            # the last of a plane that is not periodic is the difference of nothing
            here = y[0, b, i] if i + 1 < rows or periodic else zeros
            above = y[0, b, i - 1] if i > 0 else y[0, b, rows - 1] if periodic else zeros
            for e in range(size):
                t[e] = kept * out[e] + scale0 * (above[e] - here[e])
            right = t[channels:]
            for e in range(inside):
                t[e] -= scale1 * along[e]
            for e in range(inside):
                right[e] += scale1 * along[e]
            if periodic:
                for c in range(channels):
                    t[inside + c] -= scale1 * along[inside + c]
                    t[c] += scale1 * along[inside + c]
            for e in range(size):
                out[e] = t[e]
            sums[s] += _squares(t)
