"""The fit at any factor by solving, with the degrees of freedom found by a random probe."""

from __future__ import annotations

from typing import Any

import numpy as np

from .noise_colour import NoiseSpectrum, frequencies, windowed_power
from .plan import Algorithm
from .problem import Problem
from .weight_fits import Fit, Fits, energy, gaussian_data, image_axes, residual_power, samples_of, whiteness

#: iterations between two looks at the figures
_ROUND = 5
#: of noise weaker than this share of its greatest power the model of its spectrum knows nothing
_FAINTEST = 1e-3


class SampledFits(Fits):
    r"""Fits by solving, twice where the degrees of freedom are asked for.

    .. math:: \mathrm{df} \approx \frac{1}{\varepsilon} \, b^T \big( A x(y + \varepsilon b) - A x(y) \big), \qquad b_i = \pm 1

    Both solutions go through the same iterations from the same start, so that what is not yet converged in one is not in the
    other and falls out of the difference. Each factor starts from the solutions at the last one.

    Parameters
    ----------
    problem : Problem
    rescale : callable
        Takes a factor and a problem and returns that with its priors weighted.
    algorithm : Algorithm
    x0 : array, optional
    step : float
        ε, in the units of √w y.
    probe : bool
        Whether the degrees of freedom are wanted.
    rng : seed or numpy Generator
    spectrum : NoiseSpectrum, optional
        Of the noise, where the residual's whitened energy is wanted.
    tol : float
        Solving at a factor ends where the figures change by less over five iterations, and the state's residual is below.
    max_iterations : int
        For one factor.
    """

    cheap = False

    def __init__(
        self,
        problem: Problem,
        rescale: Any,
        algorithm: Algorithm,
        x0: Any,
        step: float,
        probe: bool,
        rng: Any,
        spectrum: NoiseSpectrum | None = None,
        tol: float = 1e-3,
        max_iterations: int = 100,
    ) -> None:
        self.problem, self.rescale, self.algorithm = problem, rescale, algorithm
        self.data = gaussian_data(problem)
        self.samples = samples_of(self.data)
        self.step, self.tol, self.spectrum = step, tol, spectrum
        self.rounds = max(1, min(max_iterations, algorithm.max_iterations) // _ROUND)
        self.round = min(_ROUND, algorithm.max_iterations)
        self.x = x0
        self.probes: list[Any] = []
        if probe:
            generator = np.random.default_rng(rng)
            self.probes = [generator.choice([-1.0, 1.0], t.offset.shape) * np.sqrt(w) for t, w in self.data]  # type: ignore[union-attr]
            self.moved, self.moved_x = self._move(), x0

    def _move(self) -> Problem:
        """Return the problem for the data y + ε b / √w, where w is not 0."""
        terms = list(self.problem.terms)
        for (t, w), b in zip(self.data, self.probes, strict=True):
            shift = np.divide(self.step * b, w, out=np.zeros(b.shape), where=np.broadcast_to(w, b.shape) > 0)
            y = t.offset + shift.astype(t.offset.dtype)  # type: ignore[union-attr]
            terms[terms.index(t)] = t.with_data(y)  # type: ignore[attr-defined]
        return self.problem.with_terms(tuple(terms))

    def fit(self, factor: float) -> Fit:
        """Return the fit of the problem whose priors are weighted by `factor`."""
        state = self.algorithm.start(self.rescale(factor, self.problem), self.x)
        pair = self.algorithm.start(self.rescale(factor, self.moved), self.moved_x) if self.probes else None
        last = (np.inf, np.inf)
        for _ in range(self.rounds):
            for _ in range(self.round):
                self.algorithm.step(state)
                if pair is not None:
                    self.algorithm.step(pair)
            residuals = self._residuals(state.x)
            fitted = sum(energy(r, w) for r, (_, w) in zip(residuals, self.data, strict=True))
            freedom = self._freedom(residuals, pair.x) if pair is not None else 0.0
            figures = (fitted, self.samples - freedom)
            settled = all(abs(new - old) <= self.tol * abs(new) for new, old in zip(figures, last, strict=True))
            last = figures
            if not np.isfinite(fitted) or (settled and state.residual <= self.tol):
                break
        self.x = state.x.copy()
        if pair is not None:
            self.moved_x = pair.x.copy()
        powers = [residual_power(r, w, image_axes(t.operator)) for r, (t, w) in zip(residuals, self.data, strict=True)]
        coloured = [self._whitened(r, w, t) for r, (t, w) in zip(residuals, self.data, strict=True)]
        whitened, audible = (sum(figures) for figures in zip(*coloured, strict=True))
        return Fit(self.samples, fitted, freedom if self.probes else np.nan, whiteness(powers), whitened, audible)

    def _residuals(self, x: Any) -> list[Any]:
        return [t.operator.apply(x) - t.offset for t, _ in self.data]  # type: ignore[union-attr]

    def _whitened(self, r: Any, weights: Any, term: Any) -> tuple[float, float]:
        """Return Σ|r̂|²/n of √w r, with n the noise's spectrum, 1 where it is greatest, and how many samples n is audible at."""
        if self.spectrum is None:
            return np.nan, np.nan
        axes = image_axes(term.operator)
        z = np.moveaxis(r * np.sqrt(weights), axes, range(-len(axes), 0))
        noise = self.spectrum.power(frequencies(z.shape[-len(axes) :]))
        noise = noise / (_FAINTEST * noise.max())
        power, multiplicity = windowed_power(z, len(axes))
        audible = np.sum(np.broadcast_to(multiplicity * np.minimum(noise, 1), power.shape))
        return float(np.sum(multiplicity * power / np.maximum(noise, 1))), float(audible) * self.samples / z.size

    def _freedom(self, residuals: list[Any], x: Any) -> float:
        """Return bᵀ (A x′ − A x) / ε, with b holding √w already."""
        total = 0.0
        for (t, _), r, b in zip(self.data, residuals, self.probes, strict=True):
            change = t.operator.apply(x) - t.offset - r  # type: ignore[union-attr]
            total += float(np.sum(b * change.real, dtype=np.float64))
        return total / self.step
