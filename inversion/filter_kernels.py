"""The compiled pass over a spectrum that gives the sums of which the figures of a weight are made, for many factors at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from unblur.operators._compiled import kernel, over_slabs

# frequencies that stay in the cache while factor after factor goes over them
_SLAB = 2048


@kernel
def _filter(ratio, moments, factors, sums, first, last):  # type: ignore[no-untyped-def]
    for k in range(first, last):
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


def filtered_sums(ratio: Any, moments: Any, factors: Any) -> Any:
    r"""Return Σ m φ, Σ p φ² and Σ q φ⁴ with φ = f / (f + ρ), for every f.

    Parameters
    ----------
    ratio : array of float64
        ρ, 0 or more, at every frequency; it may be infinite.
    moments : array of float64, of shape ``(3, ratio.size)``
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
