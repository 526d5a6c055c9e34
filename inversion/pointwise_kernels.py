r"""Compiled steps of split Bregman where each sample has a variable of its own: bounds, and data behind a crop or a mask.

As in `difference_kernels`, w = h + u is what is kept of each sample, and a pass does

.. math::
    w \leftarrow w + \alpha (z - v), \qquad v \leftarrow \operatorname{prox}(w), \qquad g \leftarrow \rho \, (2 v - w).

Arrays are (rows, columns). `rows` tells which row of the data each row meets, -1 for none, and the data begin at column
`left`. Where there are no data the prox is the identity.
"""

from __future__ import annotations

import numpy as np

from unblur.operators._compiled import kernel, part_of_kernel, taken

#: which prox: ½ c (v − y)², c (v − y log v) with a background, and bounds
LEAST_SQUARES, POISSON, BOUNDS = 0, 1, 2


@part_of_kernel
def _free(z, w, g, totals, alpha, rho, add):  # type: ignore[no-untyped-def]
    """Step samples that meet no data: v = w."""
    zero = w.dtype.type(0)
    change, length = zero, zero
    for e in range(w.size):
        r = z[e] - w[e]
        a = w[e] + alpha * r
        change += r * r
        length += a * a
        w[e] = a
        g[e] = g[e] + rho * a if add else rho * a
    totals[0] += change
    totals[1] += length
    totals[2] += alpha * alpha * change
    totals[3] += length


@part_of_kernel
def _prox(w, y, weights, weighted, numbers, prox, v):  # type: ignore[no-untyped-def]
    """Write the prox at a row of `w` to `v`."""
    c, low, high, background = numbers[2:]
    one, zero, half = w.dtype.type(1), w.dtype.type(0), w.dtype.type(0.5)
    if prox == BOUNDS:
        for e in range(w.size):
            v[e] = min(max(w[e], low), high)
    elif prox == LEAST_SQUARES and weighted:
        for e in range(w.size):
            t = c * weights[e]
            v[e] = (w[e] + t * y[e]) / (one + t)
    elif prox == LEAST_SQUARES:
        f = one / (one + c)
        for e in range(w.size):
            v[e] = f * (w[e] + c * y[e])
    else:
        for e in range(w.size):
            # the root above 0 of u² − (s − t) u − t y, s = w + b, in the form that cancels nothing
            t = c * weights[e] if weighted else c
            h = half * (w[e] + background - t)
            q = abs(h) + np.sqrt(h * h + t * y[e])
            u = q if h > zero else t * y[e] / q if q > zero else zero
            v[e] = u - background if t > zero else w[e]


@part_of_kernel
def _seen(z, w, g, y, weights, weighted, numbers, prox, v, new, totals, add):  # type: ignore[no-untyped-def]
    """Step samples that meet data; `v` and `new` are work space."""
    alpha, rho = numbers[:2]
    zero = w.dtype.type(0)
    change, length, moved, primal, dual = zero, zero, zero, zero, zero
    _prox(w, y, weights, weighted, numbers, prox, v)
    for e in range(w.size):
        r = z[e] - v[e]
        a = w[e] + alpha * r
        change += r * r
        length += a * a
        w[e] = a
    _prox(w, y, weights, weighted, numbers, prox, new)
    for e in range(w.size):
        u = w[e] - new[e]
        moved += (new[e] - v[e]) * (new[e] - v[e])
        primal += new[e] * new[e]
        dual += u * u
        v[e] = rho * (new[e] - u)
    if add:
        for e in range(w.size):
            g[e] += v[e]
    else:
        for e in range(w.size):
            g[e] = v[e]
    totals[0] += change
    totals[1] += length
    totals[2] += moved
    totals[3] += primal
    totals[4] += dual


@kernel
def pointwise(z, w, out, y, weights, rows, left, sums, numbers, prox, add, slab, shares):  # type: ignore[no-untyped-def]
    """Step the rows of all slabs; `weights` of no rows stands for 1 everywhere."""
    alpha, rho = numbers[:2]
    right = left + y.shape[1]
    weighted = weights.shape[0] > 0
    v, new = np.empty(y.shape[1], w.dtype), np.empty(y.shape[1], w.dtype)
    for s in taken(shares):
        sums[s] = 0
        for i in range(s * slab, min((s + 1) * slab, rows.size)):
            k = rows[i]
            if k < 0:
                _free(z[i], w[i], out[i], sums[s], alpha, rho, add)
                continue
            _free(z[i, :left], w[i, :left], out[i, :left], sums[s], alpha, rho, add)
            _free(z[i, right:], w[i, right:], out[i, right:], sums[s], alpha, rho, add)
            here, some = w[i, left:right], weights[k] if weighted else y[k]
            _seen(z[i, left:right], here, out[i, left:right], y[k], some, weighted, numbers, prox, v, new, sums[s], add)
