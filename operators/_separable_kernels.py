r"""Compiled convolution along one axis of an array, with its continuation at the edges, and the exact transpose.

.. math:: y_i = \sum_j t_j \, x_{s(i + j)}, \qquad x'_{s} = \sum_{i + j \,:\, s(i + j) = s} t_j \, y_i

s tells which sample stands at each position of the continued line, -1 where that is zero. Arrays come as (lines, samples,
stride). Where the stride is short a line is laid out with its margins in work space; where it is long, a vector of it is
summed for each sample. In blocks of that vector, or line by line, the work is shared out.
"""

from __future__ import annotations

import numpy as np

from ._compiled import kernel, part_of_kernel, taken


@part_of_kernel
def _correlated(line, taps, step, out):  # type: ignore[no-untyped-def]
    """Write Σ taps[j] line[e + j · step] to `out`."""
    size = out.size
    for e in range(size):
        out[e] = taps[0] * line[e]
    j = 1
    # four at a time, so that sums are loaded and stored less often
    while j + 4 <= taps.size:
        a, b, c, d = taps[j], taps[j + 1], taps[j + 2], taps[j + 3]
        p, q, r, s = line[j * step :], line[(j + 1) * step :], line[(j + 2) * step :], line[(j + 3) * step :]
        for e in range(size):
            out[e] += a * p[e] + b * q[e] + c * r[e] + d * s[e]
        j += 4
    while j < taps.size:
        a, p = taps[j], line[j * step :]
        for e in range(size):
            out[e] += a * p[e]
        j += 1


@kernel
def along_lines(x, sources, run, taps, y, block, shares):  # type: ignore[no-untyped-def]
    """Convolve lines of a short stride, `block` of them at a time.

    `run` is where the longest run of neighbouring samples begins among the positions, at which sample, and its length.
    """
    lines, n, stride = y.shape
    position, sample, length = run
    padded, total = np.empty(sources.size * stride, x.dtype), np.empty(n * stride, x.dtype)
    middle = padded[position * stride : (position + length) * stride]
    for s in taken(shares):
        for i in range(s * block, min((s + 1) * block, lines)):
            line = x[i].reshape(x.shape[1] * stride)[sample * stride :]
            for e in range(middle.size):
                middle[e] = line[e]
            for p in range(sources.size):
                if position <= p < position + length:
                    continue
                for c in range(stride):
                    padded[p * stride + c] = x[i, sources[p], c] if sources[p] >= 0 else x.dtype.type(0)
            _correlated(padded, taps, stride, total)
            out = y[i].reshape(n * stride)
            for e in range(total.size):
                out[e] = total[e]


@kernel
def along_lines_adjoint(y, sources, run, taps, x, block, shares):  # type: ignore[no-untyped-def]
    """Apply the transpose of `along_lines`."""
    lines, n, stride = y.shape
    position, sample, length = run
    reach = taps.size - 1
    padded, total = np.zeros((n + 2 * reach) * stride, y.dtype), np.empty(sources.size * stride, y.dtype)
    inside = padded[reach * stride : (reach + n) * stride]
    middle = total[position * stride : (position + length) * stride]
    mirrored = taps[::-1].copy()
    for s in taken(shares):
        for i in range(s * block, min((s + 1) * block, lines)):
            line = y[i].reshape(n * stride)
            for e in range(line.size):
                inside[e] = line[e]
            _correlated(padded, mirrored, stride, total)
            x[i] = 0
            out = x[i].reshape(x.shape[1] * stride)[sample * stride :]
            for e in range(middle.size):
                out[e] = middle[e]
            for p in range(sources.size):
                if position <= p < position + length or sources[p] < 0:
                    continue
                for c in range(stride):
                    x[i, sources[p], c] += total[p * stride + c]


@part_of_kernel
def _sum_of_rows(x, rows, taps, start, stop, t):  # type: ignore[no-untyped-def]
    """Write Σ taps[j] x[rows[j], start:stop] to `t`; rows of -1 are zero."""
    t[:] = 0
    j = 0
    while j < taps.size:
        if j + 4 <= taps.size and min(rows[j], rows[j + 1], rows[j + 2], rows[j + 3]) >= 0:
            a, b, c, d = taps[j], taps[j + 1], taps[j + 2], taps[j + 3]
            p, q = x[rows[j], start:stop], x[rows[j + 1], start:stop]
            r, s = x[rows[j + 2], start:stop], x[rows[j + 3], start:stop]
            for e in range(t.size):
                t[e] += a * p[e] + b * q[e] + c * r[e] + d * s[e]
            j += 4
            continue
        if rows[j] >= 0:
            a, p = taps[j], x[rows[j], start:stop]
            for e in range(t.size):
                t[e] += a * p[e]
        j += 1


@kernel
def across_lines(x, sources, taps, y, block, shares):  # type: ignore[no-untyped-def]
    """Convolve lines of a long stride, `block` neighbouring lines at a time."""
    n, stride = y.shape[1:]
    blocks = (stride + block - 1) // block
    total = np.empty(block, x.dtype)
    for k in taken(shares):
        i, b = divmod(k, blocks)
        start, stop = b * block, min((b + 1) * block, stride)
        t = total[: stop - start]
        for r in range(n):
            _sum_of_rows(x[i], sources[r : r + taps.size], taps, start, stop, t)
            out = y[i, r, start:stop]
            for e in range(t.size):
                out[e] = t[e]


@kernel
def across_lines_adjoint(y, sources, taps, x, block, shares):  # type: ignore[no-untyped-def]
    """Apply the transpose of `across_lines`."""
    n, stride = y.shape[1:]
    blocks = (stride + block - 1) // block
    total, rows = np.empty(block, y.dtype), np.empty(taps.size, sources.dtype)
    for k in taken(shares):
        i, b = divmod(k, blocks)
        start, stop = b * block, min((b + 1) * block, stride)
        t = total[: stop - start]
        x[i, :, start:stop] = 0
        for p in range(sources.size):
            if sources[p] < 0:
                continue
            for j in range(taps.size):
                rows[j] = p - j if 0 <= p - j < n else -1
            _sum_of_rows(y[i], rows, taps, start, stop, t)
            out = x[i, sources[p], start:stop]
            for e in range(t.size):
                out[e] += t[e]
