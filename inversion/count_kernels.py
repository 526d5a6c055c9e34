r"""Compiled passes over counts y and what was expected of them, u = z + b, and over the image that they correct.

Arrays are runs of numbers; `weights` of no samples stand for 1 everywhere.

The divergence y log(y/u) − y + u is far smaller than y where the fit is good, and is found without subtracting what is
nearly equal: with v = 2ᵏ u the one nearest to y, and s = (y − v) / (y + v), so that s² ≤ 0.03,

.. math::
    y \log\frac{y}{v} - y + v = s (y - v) + 2 y s^3 \left( \tfrac13 + \tfrac15 s^2 + \tfrac17 s^4 + \dots \right),

to which k y log 2 + u − v is added.
"""

from __future__ import annotations

import math

import numpy as np

from unblur.operators._compiled import kernel, part_of_kernel, taken

#: samples of a slab, below whose length another thread would cost more to wake than it saves; of heavy work fewer
SLAB, HEAVY_SLAB = 1 << 16, 1 << 14
_BLOCK = 1 << 11

#: of a float's type: the bits of √½ and of 1, and how many are those of a fraction, in integers of the same length
BITS = {
    np.dtype(f): np.array([*np.array([0.5**0.5, 1], f).view(i), np.finfo(f).nmant], i)
    for f, i in ((np.float32, np.int32), (np.float64, np.int64))
}


@kernel
def ratio(z, y, background, floor, out, shares):  # type: ignore[no-untyped-def]
    """Write y / u, with u no less than `floor`, to `out`, which may be z."""
    u = np.empty(_BLOCK, z.dtype)
    for s in taken(shares):
        for i in range(s * SLAB, min((s + 1) * SLAB, z.size), _BLOCK):
            a, b, o = z[i : i + _BLOCK], y[i : i + _BLOCK], out[i : i + _BLOCK]
            for e in range(a.size):
                t = a[e] + background
                # nan stays
                u[e] = floor if t < floor else t
            for e in range(a.size):
                o[e] = b[e] / u[e]


@part_of_kernel
def _divergences(y, u, d, q, power, k, power_bits, bits, tiny):  # type: ignore[no-untyped-def]
    """Write the divergences of a block to `d`, where `q` is y / u; `k` and `power_bits` are the bits of `q` and `power`."""
    t = u.dtype.type
    ln2, two = t(math.log(2)), t(2)
    c3, c5, c7, c9, c11, c13 = t(1 / 3), t(1 / 5), t(1 / 7), t(1 / 9), t(1 / 11), t(1 / 13)
    c15, c17, c19, c21, c23 = t(1 / 15), t(1 / 17), t(1 / 19), t(1 / 21), t(1 / 23)
    root_half, one, shift = bits[0], bits[1], bits[2]
    for e in range(d.size):
        k[e] = (k[e] - root_half) >> shift
        power_bits[e] = (k[e] << shift) + one
    for e in range(d.size):
        v = power[e] * u[e]
        s = (y[e] - v) / max(y[e] + v, tiny)
        r = s * s
        high = c13 + r * (c15 + r * (c17 + r * (c19 + r * (c21 + r * c23))))
        series = c3 + r * (c5 + r * (c7 + r * (c9 + r * (c11 + r * high))))
        d[e] = s * (y[e] - v) + two * y[e] * s * r * series + (t(k[e]) * ln2 * y[e] + (u[e] - v))


@kernel
def divergence(z, y, weights, background, bits, tiny, limit, sums, shares):  # type: ignore[no-untyped-def]
    """Sum w (y log(y/u) − y + u), with u no less than 0, and count the y / u above `limit`, for which this is not made."""
    zero, weighted = z.dtype.type(0), weights.size > 0
    u, d, q = np.empty(_BLOCK, z.dtype), np.empty(_BLOCK, z.dtype), np.empty(_BLOCK, z.dtype)
    power = np.empty(_BLOCK, z.dtype)
    k, power_bits = q.view(bits.dtype), power.view(bits.dtype)
    for s in taken(shares):
        sums[s] = 0
        for i in range(s * HEAVY_SLAB, min((s + 1) * HEAVY_SLAB, z.size), _BLOCK):
            a, b = z[i : i + _BLOCK], y[i : i + _BLOCK]
            n = a.size
            for e in range(n):
                u[e] = max(a[e] + background, zero)
                q[e] = b[e] / max(u[e], tiny)
            beyond = 0
            for e in range(n):
                beyond += q[e] > limit
            _divergences(b, u, d[:n], q, power, k, power_bits, bits, tiny)
            total = 0.0
            if weighted:
                w = weights[i : i + _BLOCK]
                for e in range(n):
                    total += np.float64(w[e]) * np.float64(d[e])
            else:
                for e in range(n):
                    total += np.float64(d[e])
            sums[s, 0] += total
            sums[s, 1] += beyond


@kernel
def extrapolate(x, before, alpha, out, shares):  # type: ignore[no-untyped-def]
    """Write x + α (x − x₋) to `out` where x has grown, and x / (1 + α (x₋ − x) / x) where it has shrunk."""
    zero = x.dtype.type(0)
    for s in taken(shares):
        a, b, o = x[s * SLAB : (s + 1) * SLAB], before[s * SLAB : (s + 1) * SLAB], out[s * SLAB : (s + 1) * SLAB]
        for e in range(a.size):
            d = alpha * (a[e] - b[e])
            o[e] = a[e] * (a[e] / (a[e] - d)) if d < zero else a[e] + d


@kernel
def correct(z, back, front, mean, least, new, step, sums, shares):  # type: ignore[no-untyped-def]
    """Write z q to `new`, with q = (back)₊ / front, or 1 where front is 0, and to `step` what that adds.

    What falls below `least` stays where it was. Sums ‖step‖², ⟨step, step₋⟩, ‖front step / mean‖² + ‖front (q − 1)₊‖² and
    ‖front new / mean‖²; the last two, of numbers near 1, in the image's own type over each block.
    """
    one, zero = z.dtype.type(1), z.dtype.type(0)
    unit = one / mean
    d, h = np.empty(_BLOCK, z.dtype), np.empty(_BLOCK, z.dtype)
    for s in taken(shares):
        sums[s] = 0
        for i in range(s * SLAB, min((s + 1) * SLAB, z.size), _BLOCK):
            a, b, c = z[i : i + _BLOCK], back[i : i + _BLOCK], front[i : i + _BLOCK]
            o, t = new[i : i + _BLOCK], step[i : i + _BLOCK]
            left, size = zero, zero
            for e in range(a.size):
                # nan stays
                p = zero if b[e] < zero else b[e]
                q = one if c[e] == zero else p / c[e]
                v, w = a[e] * q, min(a[e], least)
                o[e] = w if v < w else v
                d[e] = o[e] - a[e]
                h[e] = zero if q < one else c[e] * (q - one)
            for e in range(a.size):
                f = unit * c[e]
                left += (f * d[e]) * (f * d[e]) + h[e] * h[e]
                size += (f * o[e]) * (f * o[e])
            change, along = 0.0, 0.0
            for e in range(a.size):
                change += np.float64(d[e]) * np.float64(d[e])
                along += np.float64(d[e]) * np.float64(t[e])
                t[e] = d[e]
            sums[s, 0] += change
            sums[s, 1] += along
            sums[s, 2] += left
            sums[s, 3] += size
