r"""Compiled products with a symbol between a real Fourier transform and its inverse, in three passes over memory.

.. math:: y = F^{-1}(s \cdot F x)

The first pass transforms the columns, two real ones as one complex one, and keeps half of their spectra. The second
transforms the rows of these, as many at once as a vector has lanes, multiplies, and transforms back; rows lie side by side
in the vectors, so that blocks of the array are transposed on the way. The third transforms the columns back. Threads go
through the passes together.

x is (n, lines, width): an image has one line, of columns × channels, and a volume a line for each row. A spectrum z is
(n // 2 + 1, rows, `step`), flat, its real parts and its imaginary parts apart; `step`, and what is transposed, are rounded
up to whole vectors. A length is (n, factors, wr, wi): its division into small transforms, and the roots of unity between.
"""

from __future__ import annotations

import numpy as np

from ._compiled import kernel, part_of_kernel, taken
from ._lanes import (
    eight,
    eight_turned,
    five,
    five_turned,
    four,
    four_turned,
    halve,
    join,
    scale,
    solve,
    three,
    three_turned,
    transpose,
    turn,
    turn_back,
    two,
    two_turned,
)
from ._layout import APART, VECTOR

#: what a symbol is: real, complex, or to be conjugated
REAL, COMPLEX, CONJUGATE = 0, 1, 2


@part_of_kernel
def _rooms(count, rows, like):  # type: ignore[no-untyped-def]
    """Return work space: arrays of a number of vectors."""
    lanes = VECTOR // like.itemsize
    return np.empty((count, (rows + APART) * lanes), like.dtype)


@kernel
def _pass(radix, m, s, xr, xi, i, di, yr, yi, o, do, wr, wi, w):  # type: ignore[no-untyped-def]
    """Do one of the passes of Stockham's: rows q + s(p + m t) of x to rows q + s(radix p + t) of y."""
    for p in range(m):
        v = w + p * (radix - 1)
        for q in range(s):
            a, b, da, db = i + (q + s * p) * di, o + (q + s * radix * p) * do, s * m * di, s * do
            if radix == 4:
                if p > 0:
                    four_turned(xr, xi, a, da, yr, yi, b, db, wr, wi, v)
                else:
                    four(xr, xi, a, da, yr, yi, b, db, wr, wi, v)
            elif radix == 8:
                if p > 0:
                    eight_turned(xr, xi, a, da, yr, yi, b, db, wr, wi, v)
                else:
                    eight(xr, xi, a, da, yr, yi, b, db, wr, wi, v)
            elif radix == 2:
                if p > 0:
                    two_turned(xr, xi, a, da, yr, yi, b, db, wr, wi, v)
                else:
                    two(xr, xi, a, da, yr, yi, b, db, wr, wi, v)
            elif radix == 3:
                if p > 0:
                    three_turned(xr, xi, a, da, yr, yi, b, db, wr, wi, v)
                else:
                    three(xr, xi, a, da, yr, yi, b, db, wr, wi, v)
            elif p > 0:
                five_turned(xr, xi, a, da, yr, yi, b, db, wr, wi, v)
            else:
                five(xr, xi, a, da, yr, yi, b, db, wr, wi, v)


@kernel
def _transform(xr, xi, i, di, yr, yi, o, do, work, length, channels):  # type: ignore[no-untyped-def]
    """Transform rows i, i + di, … of x, `channels` sequences that take turns, to rows of y; y may be x.

    With real and imaginary parts exchanged, in x and in y, it is the inverse transform but for the scale.
    """
    n, factors, wr, wi = length
    lanes = VECTOR // work.itemsize
    ar, ai, br, bi = work[0], work[1], work[2], work[3]
    radix, m, s, w = factors[0], n // factors[0], channels, 0
    if m == 1:
        _pass(radix, m, s, xr, xi, i, di, yr, yi, o, do, wr, wi, w)
        return
    _pass(radix, m, s, xr, xi, i, di, ar, ai, 0, lanes, wr, wi, w)
    for k in range(1, factors.size):
        w += m * (radix - 1)
        s *= radix
        radix = factors[k]
        m //= radix
        if m == 1:
            _pass(radix, m, s, ar, ai, 0, lanes, yr, yi, o, do, wr, wi, w)
        else:
            _pass(radix, m, s, ar, ai, 0, lanes, br, bi, 0, lanes, wr, wi, w)
            ar, ai, br, bi = br, bi, ar, ai


@kernel
def arrange(symbol, n, scale, tiles, out, shares):  # type: ignore[no-untyped-def]
    """Write a symbol, of which half of the last axis is given, to blocks of rows of which half of the first axis is kept."""
    first, lines, kept, own = symbol.shape
    lanes = VECTOR // out.itemsize
    for block in taken(shares):
        for lane in range(lanes):
            if lines == 1:
                plane, line = block * lanes + lane, 0
            else:
                plane, line = block // tiles, block % tiles * lanes + lane
            outside = plane > first // 2 or line >= lines
            for p in range(n):
                for c in range(own):
                    place = ((block * n + p) * own + c) * lanes + lane
                    if outside:
                        s = symbol[0, 0, 0, 0] * 0
                    elif p < kept:
                        s = scale * symbol[plane, line, p, c]
                    else:
                        s = scale * np.conj(symbol[(first - plane) % first, (lines - line) % lines, n - p, c])
                    out[0, place] = s.real
                    if out.shape[0] > 1:
                        out[1, place] = s.imag


@kernel
def forward(x, z, task, seen, width, rows, step, length, work, edge):  # type: ignore[no-untyped-def]
    """Write to z twice the spectra of some neighbouring columns of x; which, the number of the task says.

    x is the first (n, lines, width) of the grid that are `seen`; the others are 0.
    """
    samples, lines, seen_width = seen
    n, lanes = length[0], VECTOR // x.itemsize
    pair = 2 * lanes
    blocks = (width + pair - 1) // pair
    line, c = task // blocks, task % blocks * pair
    zr, zi, sr, si = z[0], z[1], work[4], work[5]
    if line >= lines or c >= seen_width:
        for k in range(n // 2 + 1):
            place = (k * rows + line) * step + c
            zr[place : place + pair] = 0
            zi[place : place + pair] = 0
        return
    start, stride = line * seen_width + c, lines * seen_width
    if samples == n and c + pair <= seen_width:
        _transform(x, x[lanes:], start, stride, sr, si, 0, lanes, work, length, 1)
    else:
        inside = min(pair, seen_width - c)
        edge[:] = 0
        for r in range(samples):
            line_of_x, copy = x[r * stride + start :], edge[r * pair :]
            for e in range(inside):
                copy[e] = line_of_x[e]
        _transform(edge, edge[lanes:], 0, pair, sr, si, 0, lanes, work, length, 1)
    for k in range(n // 2 + 1):
        halve(sr, si, k * lanes, (n - k) % n * lanes, zr, zi, (k * rows + line) * step + c)


@kernel
def backward(z, y, plus, task, shown, width, rows, step, length, work, edge):  # type: ignore[no-untyped-def]
    """Write to y the columns of these spectra, the first (n, lines, width) that are `shown`; add `plus` if it is not empty."""
    samples, lines, shown_width = shown
    n, lanes = length[0], VECTOR // y.itemsize
    pair = 2 * lanes
    blocks = (width + pair - 1) // pair
    line, c = task // blocks, task % blocks * pair
    if line >= lines or c >= shown_width:
        return
    start, stride, inside = line * shown_width + c, lines * shown_width, min(pair, shown_width - c)
    zr, zi, sr, si = z[0], z[1], work[4], work[5]
    for k in range(n // 2 + 1):
        join(zr, zi, (k * rows + line) * step + c, sr, si, k * lanes, (n - k) % n * lanes)
    # real and imaginary parts are exchanged: this is the inverse
    if samples == n and inside == pair:
        _transform(si, sr, 0, lanes, y[lanes:], y, start, stride, work, length, 1)
    else:
        _transform(si, sr, 0, lanes, edge[lanes:], edge, 0, pair, work, length, 1)
        for r in range(samples):
            out, line_of_y = y[r * stride + start :], edge[r * pair :]
            for e in range(inside):
                out[e] = line_of_y[e]
    if plus.size > 0:
        for r in range(samples):
            begin = r * stride + start
            out, more = y[begin : begin + inside], plus[begin:]
            for e in range(inside):
                out[e] += more[e]


@kernel
def gather(z, place, step, count, length, channels, x, X, work):  # type: ignore[no-untyped-def]
    """Transform rows of z from `place` on, as many as there are lanes, to X; `count` values of each, over x."""
    lanes = VECTOR // z.itemsize
    for c in range(0, count, lanes):
        transpose(z[0], place + c, step, x[0], c * lanes, lanes)
        transpose(z[1], place + c, step, x[1], c * lanes, lanes)
    _transform(x[0], x[1], 0, lanes, X[0], X[1], 0, lanes, work, length, channels)


@kernel
def scatter(X, x, z, place, step, count, length, channels, work):  # type: ignore[no-untyped-def]
    """Transform X back to rows of z."""
    lanes = VECTOR // z.itemsize
    _transform(X[1], X[0], 0, lanes, x[1], x[0], 0, lanes, work, length, channels)
    for c in range(0, count, lanes):
        transpose(x[0], c * lanes, lanes, z[0], place + c, step)
        transpose(x[1], c * lanes, lanes, z[1], place + c, step)


@kernel
def between(z, plane, rows, step, count, length, back, work):  # type: ignore[no-untyped-def]
    """Transform a plane of z along its rows, or back; nothing is done to an image, whose rows are not planes."""
    lanes = VECTOR // z.itemsize
    if length[0] == 1:
        return
    for c in range(0, count, lanes):
        place = plane * rows * step + c
        if back:
            _transform(z[1], z[0], place, step, z[1], z[0], place, step, work, length, 1)
        else:
            _transform(z[0], z[1], place, step, z[0], z[1], place, step, work, length, 1)


@kernel
def _multiply(X, n, channels, symbol, start, own, kind):  # type: ignore[no-untyped-def]
    """Multiply rows of X by those of a symbol, which has `own` channels: as many, or one for all."""
    lanes = VECTOR // X.itemsize
    for p in range(n):
        for c in range(channels):
            i, j = (p * channels + c) * lanes, start + (p * own + c % own) * lanes
            if kind == REAL:
                scale(X[0], X[1], i, symbol[0], j)
            elif kind == COMPLEX:
                turn(X[0], X[1], i, symbol[0], symbol[1], j)
            else:
                turn_back(X[0], X[1], i, symbol[0], symbol[1], j)


@kernel
def multiply(x, y, plus, z, layout, first, second, last, seen, shown, symbol, kind, shares):  # type: ignore[no-untyped-def]
    """Write to y the product of x with a symbol, and add `plus` if it is not empty.

    The layout is (width, rows, step, tiles, channels, channels of the symbol); the lengths are along the first axis, those
    between, and the last.
    """
    width, rows, step, tiles, channels, own = layout
    lanes, count = VECTOR // x.itemsize, last[0] * channels
    work, edge = _rooms(6, max(first[0], second[0], count), x), _rooms(1, 2 * first[0], x)[0]
    line, X = _rooms(2, count + lanes, x), _rooms(2, count, x)
    for task in taken(shares, 0):
        forward(x, z, task, seen, width, rows, step, first, work, edge)
    for task in taken(shares, 1):
        between(z, task, rows, step, count, second, False, work)
        for tile in range(task * tiles, (task + 1) * tiles):
            place = tile * lanes * step
            gather(z, place, step, count, last, channels, line, X, work)
            _multiply(X, last[0], channels, symbol, tile * last[0] * own * lanes, own, kind)
            scatter(X, line, z, place, step, count, last, channels, work)
        between(z, task, rows, step, count, second, True, work)
    for task in taken(shares, 2):
        backward(z, y, plus, task, shown, width, rows, step, first, work, edge)


@kernel
def solve_behind(x, t, y, z, layout, first, second, last, factor, symbol, shares):  # type: ignore[no-untyped-def]
    r"""Write to y the solution F⁻¹ X where X = s (F x + h̄ F t), and to t the product F⁻¹ (h X).

    z is two spectra, one after the other, s is `factor` and h `symbol`; the rest is as for `multiply`.
    """
    width, rows, step, tiles, channels, own = layout
    lanes, count = VECTOR // x.itemsize, last[0] * channels
    work, edge = _rooms(6, max(first[0], second[0], count), x), _rooms(1, 2 * first[0], x)[0]
    whole = first[0], second[0], width
    line, X, T = _rooms(2, count + lanes, x), _rooms(2, count, x), _rooms(2, count, x)
    nothing = np.empty(0, x.dtype)
    zx, zt, s = z[:2], z[2:], factor[0]
    for task in taken(shares, 0):
        if task % 2 == 0:
            forward(x, zx, task // 2, whole, width, rows, step, first, work, edge)
        else:
            forward(t, zt, task // 2, whole, width, rows, step, first, work, edge)
    for task in taken(shares, 1):
        between(zx, task, rows, step, count, second, False, work)
        between(zt, task, rows, step, count, second, False, work)
        for tile in range(task * tiles, (task + 1) * tiles):
            place = tile * lanes * step
            gather(zx, place, step, count, last, channels, line, X, work)
            gather(zt, place, step, count, last, channels, line, T, work)
            for p in range(last[0]):
                for c in range(channels):
                    i, j = (p * channels + c) * lanes, ((tile * last[0] + p) * own + c % own) * lanes
                    solve(X[0], X[1], T[0], T[1], i, s, symbol[0], symbol[1], j)
            scatter(X, line, zx, place, step, count, last, channels, work)
            scatter(T, line, zt, place, step, count, last, channels, work)
        between(zx, task, rows, step, count, second, True, work)
        between(zt, task, rows, step, count, second, True, work)
    for task in taken(shares, 2):
        if task % 2 == 0:
            backward(zx, y, nothing, task // 2, whole, width, rows, step, first, work, edge)
        else:
            backward(zt, t, nothing, task // 2, whole, width, rows, step, first, work, edge)
