"""Searching one factor, on a logarithmic scale, with every fit kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from .weight_fits import Fit, Fits

# in closed form: a grid of two to the decade, wide enough for anything, then Brent to a millionth of the factor
_GRID: list[float] = (np.log(10) * np.linspace(-8, 8, 33)).tolist()
# by solving: no grid but steps of a factor of 2.5 downhill, which all figures share, and a parabola through the lowest three
_STEP = np.log(2.5)
_REACH = 12 * _STEP


@dataclass(frozen=True)
class Curve:
    """What a rule saw.

    Attributes
    ----------
    name : str
        Of the rule's figure.
    factors : array
        The factors tried, ascending.
    figures : array
        The rule's figure at each.
    target : float or None
        What the figure was to be; None where it was to be least.
    """

    name: str
    factors: Any
    figures: Any
    target: float | None = None


@dataclass(frozen=True)
class Found:
    """What a search or a rule found.

    Attributes
    ----------
    factor : float
    edge : int
        Whether the search ran into its end: -1 at the low one, 1 at the high one, else 0.
    doubt : str
        Why the factor should not be trusted unseen, and what to do; empty where nothing speaks against it.
    """

    factor: float
    edge: int = 0
    doubt: str = ""


class Search:
    """The fits at all factors tried so far, and how to find more.

    Parameters
    ----------
    fits : Fits
    start : float
        The first guess of the factor, which fixes the scale: everything else is relative to it.
    """

    def __init__(self, fits: Fits, start: float) -> None:
        self.fits, self.start = fits, start
        self.seen: dict[float, Fit] = {}

    def fit(self, t: float) -> Fit:
        """Return the fit at the factor start · exp(t)."""
        if t not in self.seen:
            self.seen[t] = self.fits.fit(self.factor(t))
        return self.seen[t]

    def factor(self, t: float) -> float:
        """Return the factor start · exp(t)."""
        return float(self.start * np.exp(t))

    def at(self, factor: float) -> Fit:
        """Return the fit at a factor; that of the nearest tried, where it is one of these."""
        t = float(np.log(factor / self.start))
        nearest = min(self.seen, key=lambda tried: abs(tried - t))
        return self.fit(nearest if abs(nearest - t) < 1e-9 else t)

    def nearest(self, factor: float) -> Fit:
        """Return the fit at the tried factor that is nearest to this one."""
        t = float(np.log(factor / self.start))
        return self.seen[min(self.seen, key=lambda tried: abs(tried - t))]

    def minimise(self, figure: Callable[[Fit], float], above: float = 0.0) -> Found:
        """Return the factor with the least figure of all, refined within its neighbours; none below `above` is looked at."""
        low, high = self._reach()
        low = max(low, float(np.log(above / self.start)) if above > 0 else low)
        # where all that was tried lies below, the bound itself is the first to be looked at
        tried = [t for t in self._first_look() if t >= low] or [low]
        values = [figure(self.fit(t)) for t in tried]
        while True:
            # a figure that is not a number is none to choose; `argmin` would take the first
            best = int(np.argmin(np.where(np.isnan(values), np.inf, values)))
            if 0 < best < len(tried) - 1:
                break
            t = tried[best] + (_STEP if best else -_STEP)
            if len(tried) == 1:
                t = tried[0] + _STEP
            if not low <= t <= high:
                return Found(self.factor(tried[best]), 1 if best else -1)
            place = len(tried) if t > tried[best] else 0
            tried.insert(place, t)
            values.insert(place, figure(self.fit(t)))
        a, b, c = tried[best - 1 : best + 2]
        if not values[best] < min(values[best - 1], values[best + 1]):
            return Found(self.factor(b))
        if not self.fits.cheap:
            return Found(self.factor(_vertex(tried[best - 1 : best + 2], values[best - 1 : best + 2])))
        found = minimize_scalar(
            lambda t: figure(self.fit(float(t))), bracket=(a, b, c), method="brent", options={"xtol": 1e-6, "maxiter": 100}
        )
        return Found(self.factor(float(found.x)))

    def root(self, figure: Callable[[Fit], float]) -> Found:
        """Return the factor where an ascending figure is 0."""
        tried = self._first_look()
        below = [t for t in tried if figure(self.fit(t)) <= 0]
        above = [t for t in tried if t not in below]
        low, high = self._reach()
        while not (below and above):
            t = min(above) - _STEP if above else max(below) + _STEP
            if not low <= t <= high:
                return Found(self.factor(min(above)), -1) if above else Found(self.factor(max(below)), 1)
            (below if figure(self.fit(t)) <= 0 else above).append(t)
        accuracy = 1e-13 if self.fits.cheap else 2e-3
        t = brentq(lambda t: figure(self.fit(float(t))), max(below), min(above), xtol=accuracy, rtol=1e-13)
        return Found(self.factor(float(t)))

    def curve(self, name: str, figure: Callable[[Fit], float], target: float | None = None) -> Curve:
        """Return the figure at every factor tried."""
        ascending = sorted(self.seen)
        figures = np.array([figure(self.seen[t]) for t in ascending])
        return Curve(name, np.array([self.factor(t) for t in ascending]), figures, target)

    def _first_look(self) -> list[float]:
        new = [t for t in _GRID if t not in self.seen] if self.fits.cheap else []
        # a second search finds the whole grid seen
        if new:
            self.seen.update(zip(new, self.fits.fits([self.factor(t) for t in new]), strict=True))
        if not self.seen:
            self.fit(0.0)
        return sorted(self.seen)

    def _reach(self) -> tuple[float, float]:
        return (float(_GRID[0]), float(_GRID[-1])) if self.fits.cheap else (-_REACH, _REACH)


def _vertex(places: Sequence[float], figures: Sequence[float]) -> float:
    """Return where a parabola through three points, the middle one lowest, is least; through logarithms where there are."""
    a, b, c = places
    low, middle, high = np.log(figures) if min(figures) > 0 else figures
    left, right = (b - a) * (middle - high), (b - c) * (middle - low)
    return float(b - ((b - a) * left - (b - c) * right) / (2 * (left - right))) if np.isfinite(left - right) else b
