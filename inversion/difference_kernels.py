r"""Compiled steps of split Bregman for total variation: difference, shrinkage, dual update and adjoint in one pass.

Of every pair or triple of differences one vector is kept, w = h + u, from which v = shrink(w) and u = w − v follow.
A pass over the image reads x and w, and with K the differences does

.. math::
    w \leftarrow w + \alpha (K x - v), \qquad v \leftarrow \operatorname{shrink}(w, \tau), \qquad
    g \leftarrow \rho K^T (2 v - w).

Slabs are rows of the image, or planes of a volume. What the last row of a slab adds to g in the next slab is written to
`seams`, which the caller adds afterwards. Rows of an image with channels hold them interleaved.
"""

from __future__ import annotations

import numpy as np

from unblur.operators._compiled import kernel, part_of_kernel, taken

#: how the lengths that are shrunk are formed: of each difference by itself, of each gradient, of all channels' gradients
ANISOTROPIC, ISOTROPIC, JOINT = 0, 1, 2


@part_of_kernel
def _shrink_each(w, d, t, totals, tau, alpha, rho):  # type: ignore[no-untyped-def]
    """Step one row of differences `d`, each shrunk by itself: update `w`, write 2v − w, scaled, to `t`."""
    zero = w.dtype.type(0)
    change, length, moved, primal, dual = zero, zero, zero, zero, zero
    for e in range(w.size):
        a = w[e]
        v = a - min(max(a, -tau), tau)
        r = d[e] - v
        a += alpha * r
        u = min(max(a, -tau), tau)
        new = a - u
        change += r * r
        length += a * a
        moved += (new - v) * (new - v)
        primal += new * new
        dual += u * u
        w[e] = a
        t[e] = rho * (new - u)
    _add(totals, change, length, moved, primal, dual)


@part_of_kernel
def _shrink_pairs(w0, w1, d0, d1, t0, t1, totals, tau, tiny, alpha, rho0, rho1):  # type: ignore[no-untyped-def]
    """Step one row of gradients in the plane, shrunk in length."""
    one, zero = w0.dtype.type(1), w0.dtype.type(0)
    change, length, moved, primal, dual = zero, zero, zero, zero, zero
    for e in range(w0.size):
        a0, a1 = w0[e], w1[e]
        f = max(zero, one - tau / np.sqrt(max(a0 * a0 + a1 * a1, tiny)))
        v0, v1 = f * a0, f * a1
        r0, r1 = d0[e] - v0, d1[e] - v1
        a0 += alpha * r0
        a1 += alpha * r1
        q = a0 * a0 + a1 * a1
        f = max(zero, one - tau / np.sqrt(max(q, tiny)))
        n0, n1 = f * a0, f * a1
        u0, u1 = a0 - n0, a1 - n1
        change += r0 * r0 + r1 * r1
        length += q
        moved += (n0 - v0) * (n0 - v0) + (n1 - v1) * (n1 - v1)
        primal += n0 * n0 + n1 * n1
        dual += u0 * u0 + u1 * u1
        w0[e], w1[e] = a0, a1
        t0[e], t1[e] = rho0 * (n0 - u0), rho1 * (n1 - u1)
    _add(totals, change, length, moved, primal, dual)


@part_of_kernel
def _shrink_triples(w0, w1, w2, d0, d1, d2, t0, t1, t2, totals, tau, tiny, alpha, rho0, rho1, rho2):  # type: ignore[no-untyped-def]
    """Step one row of gradients in space, shrunk in length."""
    one, zero = w0.dtype.type(1), w0.dtype.type(0)
    change, length, moved, primal, dual = zero, zero, zero, zero, zero
    for e in range(w0.size):
        a0, a1, a2 = w0[e], w1[e], w2[e]
        f = max(zero, one - tau / np.sqrt(max(a0 * a0 + a1 * a1 + a2 * a2, tiny)))
        v0, v1, v2 = f * a0, f * a1, f * a2
        r0, r1, r2 = d0[e] - v0, d1[e] - v1, d2[e] - v2
        a0 += alpha * r0
        a1 += alpha * r1
        a2 += alpha * r2
        q = a0 * a0 + a1 * a1 + a2 * a2
        f = max(zero, one - tau / np.sqrt(max(q, tiny)))
        n0, n1, n2 = f * a0, f * a1, f * a2
        u0, u1, u2 = a0 - n0, a1 - n1, a2 - n2
        change += r0 * r0 + r1 * r1 + r2 * r2
        length += q
        moved += (n0 - v0) * (n0 - v0) + (n1 - v1) * (n1 - v1) + (n2 - v2) * (n2 - v2)
        primal += n0 * n0 + n1 * n1 + n2 * n2
        dual += u0 * u0 + u1 * u1 + u2 * u2
        w0[e], w1[e], w2[e] = a0, a1, a2
        t0[e], t1[e], t2[e] = rho0 * (n0 - u0), rho1 * (n1 - u1), rho2 * (n2 - u2)
    _add(totals, change, length, moved, primal, dual)


@part_of_kernel
def _add(totals, change, length, moved, primal, dual):  # type: ignore[no-untyped-def]
    # rows are summed in the precision of the image, and their sums in float64
    totals[0] += change
    totals[1] += length
    totals[2] += moved
    totals[3] += primal
    totals[4] += dual


@part_of_kernel
def _factors(squares, lengths, factors, tau, tiny):  # type: ignore[no-untyped-def]
    """Write to `factors`, pixels × channels, by what the gradients of all channels of a pixel are shrunk together."""
    one, zero = lengths.dtype.type(1), lengths.dtype.type(0)
    pixels, channels = squares.shape
    if channels == 3:
        # said in full, so that it is compiled to vectors
        for p in range(pixels):
            lengths[p] = squares[p, 0] + squares[p, 1] + squares[p, 2]
    else:
        for p in range(pixels):
            q = squares[p, 0]
            for c in range(1, channels):
                q += squares[p, c]
            lengths[p] = q
    for p in range(pixels):
        lengths[p] = max(zero, one - tau / np.sqrt(max(lengths[p], tiny)))
    if channels == 3:
        for p in range(pixels):
            f = lengths[p]
            factors[p, 0] = f
            factors[p, 1] = f
            factors[p, 2] = f
    else:
        for p in range(pixels):
            for c in range(channels):
                factors[p, c] = lengths[p]


@part_of_kernel
def _shrink_jointly(w0, w1, d0, d1, t0, t1, q, m, f, channels, totals, tau, tiny, alpha, rho0, rho1):  # type: ignore[no-untyped-def]
    """Step one row of gradients in the plane, those of all channels of a pixel as one vector; `q`, `m`, `f` are work space."""
    zero = w0.dtype.type(0)
    squares, factors = q.reshape(m.size, channels), f.reshape(m.size, channels)
    change, length, moved, primal, dual = zero, zero, zero, zero, zero
    for e in range(w0.size):
        q[e] = w0[e] * w0[e] + w1[e] * w1[e]
    _factors(squares, m, factors, tau, tiny)
    for e in range(w0.size):
        a0, a1 = w0[e], w1[e]
        v0, v1 = f[e] * a0, f[e] * a1
        r0, r1 = d0[e] - v0, d1[e] - v1
        a0 += alpha * r0
        a1 += alpha * r1
        change += r0 * r0 + r1 * r1
        q[e] = a0 * a0 + a1 * a1
        length += q[e]
        w0[e], w1[e] = a0, a1
        t0[e], t1[e] = v0, v1
    _factors(squares, m, factors, tau, tiny)
    for e in range(w0.size):
        n0, n1 = f[e] * w0[e], f[e] * w1[e]
        u0, u1 = w0[e] - n0, w1[e] - n1
        v0, v1 = t0[e], t1[e]
        moved += (n0 - v0) * (n0 - v0) + (n1 - v1) * (n1 - v1)
        primal += n0 * n0 + n1 * n1
        dual += u0 * u0 + u1 * u1
        t0[e], t1[e] = rho0 * (n0 - u0), rho1 * (n1 - u1)
    _add(totals, change, length, moved, primal, dual)


@part_of_kernel
def _along_row(a, scale, periodic, channels, d):  # type: ignore[no-untyped-def]
    """Write to `d` the scaled forward differences along a row."""
    inside = a.size - channels
    right, left = a[channels:], a[:inside]
    for e in range(inside):
        d[e] = scale * (right[e] - left[e])
    for c in range(channels):
        d[inside + c] = scale * (a[c] - a[inside + c]) if periodic else a.dtype.type(0)


@part_of_kernel
def _add_transposed_row(t, channels, out):  # type: ignore[no-untyped-def]
    """Add to `out` the transpose of `_along_row`; where the image is not periodic, the last of `t` is 0."""
    inside = t.size - channels
    for c in range(channels):
        out[c] += t[inside + c] - t[c]
    target, left, here = out[channels:], t[:inside], t[channels:]
    for e in range(inside):
        target[e] += left[e] - here[e]


@kernel
def plane(x, w, out, seams, sums, numbers, periodic, channels, norm, add, slab, shares):  # type: ignore[no-untyped-def]
    """Step total variation of images, (images, rows, columns × channels); `w` has a first axis of two."""
    rows, size = x.shape[1:]
    tau, tiny, alpha, rho, scale0, scale1 = numbers
    d0, d1, t0 = np.empty(size, x.dtype), np.empty(size, x.dtype), np.empty(size, x.dtype)
    t1, above = np.empty(size, x.dtype), np.empty(size, x.dtype)
    q, m, f = np.empty(size, x.dtype), np.empty(size // channels, x.dtype), np.empty(size, x.dtype)
    slabs = (rows + slab - 1) // slab
    for s in taken(shares):
        b, k = divmod(s, slabs)
        above[:] = 0
        sums[s] = 0
        for i in range(k * slab, min((k + 1) * slab, rows)):
            here, w0, w1, g = x[b, i], w[0, b, i], w[1, b, i], out[b, i]
            below = x[b, i + 1] if i + 1 < rows else x[b, 0] if periodic else here
            for e in range(size):
                d0[e] = scale0 * (below[e] - here[e])
            _along_row(here, scale1, periodic, channels, d1)
            if norm == ISOTROPIC:
                _shrink_pairs(w0, w1, d0, d1, t0, t1, sums[s], tau, tiny, alpha, rho * scale0, rho * scale1)
            elif norm == JOINT:
                _shrink_jointly(w0, w1, d0, d1, t0, t1, q, m, f, channels, sums[s], tau, tiny, alpha, rho * scale0, rho * scale1)
            else:
                _shrink_each(w0, d0, t0, sums[s], tau, alpha, rho * scale0)
                _shrink_each(w1, d1, t1, sums[s], tau, alpha, rho * scale1)
            if add:
                for e in range(size):
                    g[e] += above[e] - t0[e]
            else:
                for e in range(size):
                    g[e] = above[e] - t0[e]
            _add_transposed_row(t1, channels, g)
            t0, above = above, t0
        seams[s] = above


@kernel
def volume(x, w, out, seams, sums, numbers, periodic, channels, norm, add, slab, shares):  # type: ignore[no-untyped-def]
    """Step total variation of volumes, (volumes, planes, rows, columns × channels); `w` has a first axis of three."""
    planes, rows, size = x.shape[1:]
    tau, tiny, alpha, rho, scale0, scale1, scale2 = numbers
    d0, d1, d2 = np.empty(size, x.dtype), np.empty(size, x.dtype), np.empty(size, x.dtype)
    t0, t1, t2, above = np.empty(size, x.dtype), np.empty(size, x.dtype), np.empty(size, x.dtype), np.empty(size, x.dtype)
    behind = np.empty((rows, size), x.dtype)
    slabs = (planes + slab - 1) // slab
    for s in taken(shares):
        b, k = divmod(s, slabs)
        behind[:] = 0
        sums[s] = 0
        for i in range(k * slab, min((k + 1) * slab, planes)):
            above[:] = 0
            for j in range(rows):
                here, w0, w1, w2, g = x[b, i, j], w[0, b, i, j], w[1, b, i, j], w[2, b, i, j], out[b, i, j]
                beyond = x[b, i + 1, j] if i + 1 < planes else x[b, 0, j] if periodic else here
                below = x[b, i, j + 1] if j + 1 < rows else x[b, i, 0] if periodic else here
                for e in range(size):
                    d0[e] = scale0 * (beyond[e] - here[e])
                    d1[e] = scale1 * (below[e] - here[e])
                _along_row(here, scale2, periodic, channels, d2)
                if norm == ISOTROPIC:
                    r0, r1, r2 = rho * scale0, rho * scale1, rho * scale2
                    _shrink_triples(w0, w1, w2, d0, d1, d2, t0, t1, t2, sums[s], tau, tiny, alpha, r0, r1, r2)
                else:
                    _shrink_each(w0, d0, t0, sums[s], tau, alpha, rho * scale0)
                    _shrink_each(w1, d1, t1, sums[s], tau, alpha, rho * scale1)
                    _shrink_each(w2, d2, t2, sums[s], tau, alpha, rho * scale2)
                back = behind[j]
                if add:
                    for e in range(size):
                        g[e] += back[e] - t0[e] + above[e] - t1[e]
                else:
                    for e in range(size):
                        g[e] = back[e] - t0[e] + above[e] - t1[e]
                _add_transposed_row(t2, channels, g)
                back[:] = t0
                t1, above = above, t1
            # the last row is above the first; where the volume is not periodic it holds zeros
            g = out[b, i, 0]
            for e in range(size):
                g[e] += above[e]
        seams[s] = behind
