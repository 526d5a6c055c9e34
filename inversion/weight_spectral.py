"""The fit at any factor in closed form, where the problem is quadratic and one transform diagonalises all operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from unblur.operators import Fourier

from .functionals import capability
from .problem import Problem
from .quadratic import right_side, transforms
from .spectra import Spectra
from .terms import Term
from .weight_fits import Fit, Fits, energy, gaussian_data, image_axes, residual_power, whiteness


def diagonalising(problem: Problem) -> Any:
    """Return the transform in which the problem is a sum over frequencies; None where there is none."""
    if any(capability(t.functional, "curvature") is None for t in problem.terms):
        return None
    for transform in transforms(problem):
        if all(problem.spectra.gram(t.operator, transform) is not None for t in problem.terms):
            return transform
    return None


class SpectralFits(Fits):
    r"""Fits without a solve.

    .. math:: \hat x = \frac{\sum_d c_d \bar s_d \hat y_d + f \sum_p w_p \bar s_p \hat t_p}{G + f P}, \qquad
              \hat r_d = s_d \hat x - \hat y_d, \qquad \mathrm{df} = \sum \frac{G}{G + f P}

    with G and P the weighted sums of the Gram symbols of the data terms and of the priors. Sums run over the whole spectrum,
    in float64 whatever the data's precision.

    Parameters
    ----------
    problem : Problem
    priors : list of Term
        The terms that the factor multiplies.
    transform : Fourier or Cosine
        As `diagonalising` gives it.
    """

    cheap = True
    x = None

    def __init__(self, problem: Problem, priors: list[Term], transform: Any) -> None:
        self.transform = transform
        self.count = transform.multiplicity()
        self.parseval = transform.energy_weights()
        spectra = Spectra(np.empty(0))
        data = [(t.cast(np.result_type(problem.dtype, np.float64)), w) for t, w in gaussian_data(problem)]
        priors = [t.cast(np.result_type(problem.dtype, np.float64)) for t in priors]
        self.samples = sum(t.offset.size for t, _ in data)  # type: ignore[union-attr]
        # whiteness is that of Fourier coefficients; and of a stack, say, the Gram alone is diagonal
        spectral = isinstance(transform, Fourier)
        symbols = [spectra.symbol(t.operator, transform) if spectral else None for t, _ in data]
        self.square = [(w, s, transform.forward(t.offset)) for (t, w), s in zip(data, symbols, strict=True) if s is not None]
        # others have their residuals looked at in space
        self.others = [pair for pair, s in zip(data, symbols, strict=True) if s is None]
        self.data_gram = sum(t.weight * spectra.gram(t.operator, transform) for t, _ in data)
        self.prior_gram = sum(t.weight * spectra.gram(t.operator, transform) for t in priors)
        self.data_side = right_side([t for t, _ in data], transform, spectra)
        self.prior_side = right_side(priors, transform, spectra)

    def fit(self, factor: float) -> Fit:
        """Return the fit of the problem whose priors are weighted by `factor`; some ten passes over a spectrum."""
        total = self.data_gram + factor * self.prior_gram
        zero = total <= np.finfo(float).eps * total.max()
        inverse = np.where(zero, 0, 1 / np.where(zero, 1, total))
        spectrum = (self.data_side + factor * self.prior_side) * inverse
        fitted, powers = 0.0, []
        for weight, s, y in self.square:
            power = np.abs(s * spectrum - y) ** 2
            fitted += weight * float(np.sum(self.parseval * power))
            powers.append((self._without_mean(weight * power * self.parseval / self.count), self.count))
        if self.others:
            x = self.transform.inverse(spectrum)
            for t, weight in self.others:
                r = t.operator.apply(x) - t.offset  # type: ignore[union-attr]
                fitted += energy(r, weight)
                powers.append(residual_power(r, weight, image_axes(t.operator)))
        freedom = np.sum(np.broadcast_to(self.count * (self.data_gram * inverse), self.transform.shape))
        return Fit(self.samples, fitted, float(freedom), whiteness(powers))

    def _without_mean(self, power: Any) -> Any:
        mean: list[Any] = [slice(None)] * power.ndim
        for axis in self.transform.axes:
            mean[axis] = 0
        power[tuple(mean)] = 0
        return power
