"""How well a problem's minimiser at one factor fits the data: the figures that every rule is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from unblur.operators import Fourier, image_grid
from unblur.operators._backend import real_dtype, sum_of_squares
from unblur.operators._namespace import asarray, namespace

from .functionals import SquaredNorm
from .problem import Problem
from .quadratic import transforms
from .terms import Term


@dataclass(frozen=True)
class Fit:
    """The minimiser at one factor, as seen from the data.

    Attributes
    ----------
    samples : int
        N, the number of samples that are seen.
    energy : float
        ‖r‖², of the residual r = √w (A x − y).
    freedom : float
        The effective degrees of freedom, trace ∂(A x)/∂y; nan where they were not asked for.
    whiteness : float
        N Σ|r̂|⁴ / (Σ|r̂|²)² of the residual's spectrum: 2 for white Gaussian noise, more where some frequencies stand out.
    whitened : float
        Σ|r̂|²/n of the residual under a Hann window, with n the noise's spectrum, 1 where it is greatest; nan where none was
        given.
    audible : float
        The number of samples of the spectrum where that noise was not taken away; nan likewise.
    """

    samples: int
    energy: float
    freedom: float
    whiteness: float
    whitened: float = np.nan
    audible: float = np.nan

    @property
    def sigma(self) -> float:
        """The noise that the residual shows, ‖r‖² / (N − df) under a root."""
        left = self.samples - self.freedom
        return float(np.sqrt(self.energy / left)) if left > 0 else np.inf


class Fits(Protocol):
    """What gives the fit at any factor: in closed form, or by solving."""

    #: whether a fit takes no more than a few passes, so that a search need not be sparing
    cheap: bool
    #: where to start solving at a factor near the last one; None where nothing was solved
    x: Any

    def fit(self, factor: float) -> Fit:
        """Return the fit of the problem whose priors are weighted by `factor`."""

    def fits(self, factors: Sequence[float]) -> list[Fit]:
        """Return the fit at each factor, one after the other; to be overridden where many cost less."""
        return [self.fit(factor) for factor in factors]


def gaussian_data(problem: Problem, asks: str = "a rule for the weight") -> list[tuple[Term, Any]]:
    """Return the data terms with their weights w, numbers or arrays, those of the first as they are.

    What the operator does not see, as behind a mask, has weight 0.

    Raises
    ------
    TypeError
        If the noise of a data term is not taken for Gaussian.
    ValueError
        If there are no data, or the first have weight 0.
    """
    pairs: list[tuple[Term, Any]] = []
    if not problem.data:
        raise ValueError(f"{asks} needs data, but the problem has none; add LeastSquares(A, y)")
    first = problem.data[0].weight
    for t in problem.data:
        if not isinstance(t.functional, SquaredNorm) or t.offset is None:
            raise TypeError(
                f"{asks} needs data with Gaussian noise, but has {t!r}; weigh the priors by numbers, or take "
                "LeastSquares(A, y, weights) with one over the variance of each sample"
            )
        if not first > 0:
            raise ValueError(f"the first data term, {t!r}, has weight 0; leave it out, or give it a weight above 0")
        w = t.weight / first if t.functional.weights is None else t.weight / first * t.functional.weights
        seen = _seen(t, problem)
        pairs.append((t, w if seen is None else seen * w))
    return pairs


def _seen(t: Term, problem: Problem) -> Any:
    """Return 1 where a sample has to do with x, and 0 elsewhere; None where all have."""
    if any(problem.spectra.symbol(t.operator, transform) is not None for transform in transforms(problem)):
        return None
    probe = np.random.default_rng(0).standard_normal(problem.dims).astype(problem.dtype)
    # of rows that are not 0 none happens to give 0
    seen = t.A.apply(asarray(probe, t.offset, "a probe")) != 0
    return None if seen.all() else seen.astype(real_dtype(problem.dtype))


def samples_of(data: Sequence[tuple[Term, Any]]) -> int:
    """Return how many samples of the data are seen."""
    total = 0
    for t, w in data:
        xp, y = namespace(t.offset), t.target
        total += int(xp.count_nonzero(xp.broadcast_to(w, y.shape)))
    return total


def image_axes(operator: Any) -> tuple[int, ...]:
    """Return the axes of the data along which it is an image; all, where the operator does not say."""
    shape, grid = tuple(operator.dimsd), image_grid(operator)
    axes = tuple(sorted(grid[0] if grid is not None else getattr(operator, "axes", ())))
    return axes if axes and len(operator.dims) == len(shape) else tuple(range(len(shape)))


def energy(r: Any, weights: Any) -> float:
    """Return Σ w|r|² in float64."""
    if np.ndim(weights) == 0:
        return float(weights) * sum_of_squares(r)
    return sum_of_squares(r, np.broadcast_to(weights, r.shape))


def residual_power(r: Any, weights: Any, axes: tuple[int, ...]) -> tuple[Any, Any]:
    """Return |r̂|² of √w r less its mean over `axes`, and the multiplicity of its samples.

    Samples of weight 0 stay 0: what is left of white noise behind a mask is white.
    """
    r = r.astype(np.result_type(r, np.float64)) * np.sqrt(weights)
    seen = np.broadcast_to(np.asarray(weights) > 0, r.shape)
    count = np.maximum(seen.sum(axis=axes, keepdims=True), 1)
    r -= seen * (r.sum(axis=axes, keepdims=True) / count)
    transform = Fourier(r.shape, axes, real=r.dtype.kind == "f")
    return np.abs(transform.forward(r)) ** 2 / np.prod([r.shape[a] for a in axes]), transform.multiplicity()


def whiteness(powers: Sequence[tuple[Any, Any]]) -> float:
    """Return M Σ p² / (Σ p)² over the M samples of all spectra p = |r̂|², each given with its samples' multiplicity."""
    count = sum(float(np.sum(np.broadcast_to(m, p.shape))) for p, m in powers)
    first = sum(float(np.sum(m * p)) for p, m in powers)
    second = sum(float(np.sum(m * p * p)) for p, m in powers)
    return count * second / first**2 if first > 0 else np.inf
