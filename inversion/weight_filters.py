"""The fit at any factor for one data term in closed form, where a factor is no more than a filter of one residual."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unblur.operators import Fourier

from .problem import Problem
from .quadratic import right_side
from .terms import Term
from .weight_fits import Fit, Fits


class FilteredFits(Fits):
    r"""Fits without a solve, many in one pass over real arrays.

    .. math:: \hat r_f = \varphi_f \, \hat r_\infty, \qquad \varphi_f = \frac{f}{f + \rho}, \qquad \rho = \frac{G}{P}, \qquad
              N - \mathrm{df} = \sum \varphi_f

    with G and P the Gram symbols of the data term and of the priors, weighted, and :math:`r_\infty = y - A t` what is left
    of the data where the priors alone say what x is, t.

    Parameters
    ----------
    problem : Problem
        With one data term, whose operator has a symbol; see `takes`.
    priors : list of Term
        The terms that the factor multiplies.
    transform : Fourier
        As `weight_spectral.diagonalising` gives it.

    Notes
    -----
    Symbols and spectra are those in the precision of the data, which a solver needs too; sums are in float64. A frequency
    of which neither data nor priors say anything goes into the residual whole.
    """

    cheap = True
    x = None

    def __init__(self, problem: Problem, priors: list[Term], transform: Fourier) -> None:
        from .filter_kernels import filter_moments

        spectra, data = problem.spectra, problem.data[0]
        assert data.offset is not None
        self.samples = data.offset.size
        gram = data.weight * spectra.gram(data.operator, transform)
        prior = sum(t.weight * spectra.gram(t.operator, transform) for t in priors)
        left = spectra.data(data.offset, transform).copy()
        side = right_side(priors, transform, spectra)
        if np.ndim(side):
            left -= spectra.symbol(data.operator, transform) * np.divide(side, prior, out=np.zeros_like(left), where=prior > 0)
        # whiteness is that of the residual less its mean, which goes its own way: it may be larger than all else by far
        mean = tuple(slice(1) if a in transform.axes else slice(None) for a in range(left.ndim))
        samples = float(np.prod([transform.dims[a] for a in transform.axes]))
        self.mean_power = np.abs(left[mean].astype(np.complex128)) ** 2 / samples
        left[mean] = 0
        # the fourth power of what is at most 1 is within the range of single precision
        size = float(np.abs(left).max()) or 1.0
        self.unit = size**2 / samples
        # the channels behind frequencies that have one ratio have one filter
        varied = [a for a, n in enumerate(np.broadcast_shapes(gram.shape, prior.shape)) if n > 1]
        behind = max(transform.axes + tuple(varied)) + 1
        counts = transform.multiplicity().astype(np.int8)
        frequencies = left.shape[:behind] + (1,) * (left.ndim - behind)
        gram, prior, count = (np.broadcast_to(a, frequencies).ravel() for a in (gram, prior, counts))
        self.ratio, self.moments = filter_moments(left.reshape(gram.size, -1), gram, prior, count, 1 / size)
        self.mean_ratio = self.ratio.reshape(frequencies)[mean]

    def fit(self, factor: float) -> Fit:
        """Return the fit of the problem whose priors are weighted by `factor`; one pass."""
        return self.fits([factor])[0]

    def fits(self, factors: Sequence[float]) -> list[Fit]:
        """Return the fit at each factor, all from one pass."""
        from .filter_kernels import filtered_sums

        f = np.array(factors)
        sums = filtered_sums(self.ratio, self.moments, f)
        behind = f.reshape(f.size, *[1] * self.mean_ratio.ndim)
        filters = behind / (behind + self.mean_ratio)
        of_mean = np.sum((self.mean_power * filters**2).reshape(f.size, self.mean_power.size), axis=1)
        found = []
        for (left, energy, fourth), mean in zip(sums.tolist(), of_mean.tolist(), strict=True):
            whiteness = self.samples * fourth / energy**2 if energy > 0 else np.inf
            found.append(Fit(self.samples, self.unit * energy + mean, self.samples - left, whiteness))
        return found


def takes(problem: Problem, transform: Any) -> bool:
    """Return whether there is one data term, and an operator that is diagonal in Fourier's transform, not its Gram alone."""
    return (
        isinstance(transform, Fourier)
        and len(problem.data) == 1
        and problem.spectra.symbol(problem.data[0].operator, transform) is not None
    )
