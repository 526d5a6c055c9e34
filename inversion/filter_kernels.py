"""The compiled pass over a spectrum that gives the sums of which the figures of a weight are made, for many factors at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from unblur.operators._compiled import kernel, over_slabs, taken

# frequencies that stay in the cache while factor after factor goes over them
_SLAB = 2048


@kernel
def _filter(ratio, moments, factors, sums, shares):  # type: ignore[no-untyped-def]
    for k in taken(shares):
        start, stop = k * _SLAB, min((k + 1) * _SLAB, ratio.size)
        rho, count = ratio[start:stop], moments[0, start:stop]
        power, square = moments[1, start:stop], moments[2, start:stop]
        for i in range(factors.size):
            f = factors[i]
            a, b, c = 0.0, 0.0, 0.0
            for j in range(rho.size):
                phi = f / (f + rho[j])
                phi2 = phi * phi
                a += count[j] * phi
                b += power[j] * phi2
                c += square[j] * (phi2 * phi2)
            sums[k, i, 0], sums[k, i, 1], sums[k, i, 2] = a, b, c


@kernel
def _moments(residual, gram, prior, count, scale, least, ratio, moments, shares):  # type: ignore[no-untyped-def]
    flat, channels = residual.reshape(residual.size), residual.shape[1]
    powers = np.empty(_SLAB * channels)
    for slab in taken(shares):
        start, stop = slab * _SLAB, min((slab + 1) * _SLAB, ratio.size)
        rho, g, p, m = ratio[start:stop], gram[start:stop], prior[start:stop], count[start:stop]
        for k in range(rho.size):
            # a frequency of which nobody says anything
            silent = (g[k] <= least[0]) & (p[k] <= least[1])
            rho[k] = 0.0 if silent else g[k] / p[k]
        spectrum = flat[start * channels : stop * channels]
        for e in range(spectrum.size):
            re, im = scale * spectrum[e].real, scale * spectrum[e].imag
            powers[e] = re * re + im * im
        number, power, square = moments[0, start:stop], moments[1, start:stop], moments[2, start:stop]
        for k in range(rho.size):
            total, squares = 0.0, 0.0
            for e in range(k * channels, (k + 1) * channels):
                total += powers[e]
                squares += powers[e] * powers[e]
            number[k], power[k], square[k] = m[k] * channels, m[k] * total, m[k] * squares


def filter_moments(residual: Any, gram: Any, prior: Any, count: Any, scale: float) -> tuple[Any, Any]:
    r"""Return ρ = G / P and, over the channels, m, m Σ p and m Σ p² of the powers p = |scale · r̂|², for `filtered_sums`.

    Parameters
    ----------
    residual : complex array of shape ``(frequencies, channels)``
        r̂.
    gram, prior : arrays of shape ``(frequencies,)``
        G and P. Where both vanish to rounding ρ is 0.
    count : array of shape ``(frequencies,)``
        m, how many frequencies each stands for.
    scale : float

    Returns
    -------
    ratio, moments : arrays of shapes ``(frequencies,)`` and ``(3, frequencies)``, in the precision of `gram`
    """
    frequencies = len(residual)
    ratio, moments = np.empty(frequencies, gram.dtype), np.empty((3, frequencies), gram.dtype)
    least = tuple(float(np.finfo(a.dtype).eps * a.max()) for a in (gram, prior))
    slabs = -(-frequencies // _SLAB)
    over_slabs(_moments, slabs, residual, gram, prior, count, scale, least, ratio, moments)
    return ratio, moments


def filtered_sums(ratio: Any, moments: Any, factors: Any) -> Any:
    r"""Return Σ m φ, Σ p φ² and Σ q φ⁴ with φ = f / (f + ρ), for every f.

    Parameters
    ----------
    ratio : array
        ρ, 0 or more, at every frequency; it may be infinite.
    moments : array of shape ``(3, ratio.size)``
        m, p and q.
    factors : array of float64
        f, above 0.

    Returns
    -------
    array of shape ``(factors.size, 3)``
    """
    slabs = -(-ratio.size // _SLAB)
    sums = np.empty((slabs, factors.size, 3))
    over_slabs(_filter, slabs, ratio, moments, factors, sums)
    return sums.sum(axis=0)
