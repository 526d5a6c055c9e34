"""Compiled passes over spectra: the division that solves for x, and the products with the symbol of a blur that is split off.

Spectra come as (frequencies, channels); symbols as (frequencies, 1), which stand for all channels, or as the spectra do.
Data of no frequencies stand for 0. A pass goes in blocks whose parts stay in the cache.
"""

from __future__ import annotations

import numpy as np

from unblur.operators._compiled import kernel, part_of_kernel


@part_of_kernel
def _spread(symbol, channels, start, out):  # type: ignore[no-untyped-def]
    """Write a block of a symbol to `out`, once for each channel."""
    if symbol.shape[1] == channels:
        flat = symbol.reshape(symbol.size)[start * channels :]
        for e in range(out.size):
            out[e] = flat[e]
    else:
        for p in range(out.size // channels):
            for c in range(channels):
                out[p * channels + c] = symbol[start + p, 0]


@kernel
def divide(X, data, inverse, block, first, last):  # type: ignore[no-untyped-def]
    """Solve for the spectrum of x, X ← (X + data) · inverse, in blocks `first` to `last`."""
    frequencies, channels = X.shape
    spectrum, known = X.reshape(X.size), data.reshape(data.size)
    factors = np.empty(block * channels, inverse.dtype)
    for k in range(first, last):
        start, stop = k * block, min((k + 1) * block, frequencies)
        x, f = spectrum[start * channels : stop * channels], factors[: (stop - start) * channels]
        _spread(inverse, channels, start, f)
        if known.size > 0:
            b = known[start * channels : stop * channels]
            for e in range(x.size):
                x[e] = (x[e] + b[e]) * f[e]
        else:
            for e in range(x.size):
                x[e] = x[e] * f[e]


@kernel
def divide_behind(X, Z, symbol, data, inverse, block, first, last):  # type: ignore[no-untyped-def]
    """Solve for the spectrum of x where a blur h is split off: X ← (X + h̄ Z + data) · inverse and Z ← h X."""
    frequencies, channels = X.shape
    spectrum, split, known = X.reshape(X.size), Z.reshape(Z.size), data.reshape(data.size)
    factors, responses = np.empty(block * channels, inverse.dtype), np.empty(block * channels, symbol.dtype)
    solved = np.empty(block * channels, X.dtype)
    for k in range(first, last):
        start, stop = k * block, min((k + 1) * block, frequencies)
        a, b = start * channels, stop * channels
        x, z, f, h, t = spectrum[a:b], split[a:b], factors[: b - a], responses[: b - a], solved[: b - a]
        _spread(inverse, channels, start, f)
        _spread(symbol, channels, start, h)
        for e in range(x.size):
            t[e] = x[e] + np.conj(h[e]) * z[e]
        if known.size > 0:
            d = known[a:b]
            for e in range(x.size):
                t[e] += d[e]
        for e in range(x.size):
            t[e] *= f[e]
            x[e] = t[e]
        for e in range(x.size):
            z[e] = h[e] * t[e]
