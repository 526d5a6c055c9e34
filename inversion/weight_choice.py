"""Handing a problem to a rule: which terms the factor multiplies, how strong the noise is, and how fits are come by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unblur.operators._namespace import require_numpy

from .checkpoint import load_choice
from .noise import estimate_sigma, robust_range
from .plan import Plan, plan
from .problem import Problem
from .terms import Term
from .weight_filters import FilteredFits, takes
from .weight_fits import Fits, gaussian_data, image_axes
from .weight_guess import first_guess
from .weight_sampling import SampledFits
from .weight_search import Curve, Search
from .weight_spectral import SpectralFits, diagonalising
from .weights import Rule


@dataclass(frozen=True)
class Choice:
    """What a rule chose.

    Attributes
    ----------
    rule : Rule
    plan : Plan
        For the problem with its priors weighted.
    x0 : array or None
        Where to start it.
    weight : float
        The factor.
    curve : Curve
    doubt : str
        Why the factor should not be trusted unseen; empty where nothing speaks against it.
    """

    rule: Rule
    plan: Plan
    x0: Any
    weight: float
    curve: Curve
    doubt: str = ""


def choose(rule: Rule, given: Plan, x0: Any = None) -> Choice:
    """Let a rule choose the common factor of the terms that carry no data and take a weight.

    Parameters
    ----------
    rule : Rule
    given : Plan
        Of the problem with its priors as they are; their relative weights are kept.
    x0 : array of the problem's `dims`, optional
        Where to start solving, if that has to be.

    Raises
    ------
    TypeError
        If `rule` is not one, or if the data's noise is not taken for Gaussian.
    ValueError
        If there is nothing to be weighted, or if the algorithm finds the weight by itself.
    """
    _check(rule)
    if getattr(given.algorithm, "finds_weight", False):
        raise ValueError(
            f"weight is {rule!r}, but {type(given.algorithm).__name__} finds the priors' weight by itself and would pay no heed; "
            "leave weight out, or take LSQR"
        )
    problem = given.problem
    require_numpy("a rule for the weight", problem.data[0].target)
    priors = [t for t in problem.terms if _takes_factor(t)]
    if not priors:
        raise ValueError(f"weight is {rule!r}, but no term can be weighted; add a prior, such as Tikhonov() or TotalVariation()")
    data, weights = gaussian_data(problem)[0]
    counted = None if np.ndim(weights) == 0 else weights
    sigma = rule.noise()
    if sigma is None:
        sigma = estimate_sigma(data.offset, image_axes(data.operator), counted)
    search = Search(_fits(rule, given, priors, x0, sigma), first_guess(problem, priors, sigma))
    found = rule.find(search, sigma)
    return Choice(
        rule=rule,
        plan=plan(rescaled(found.factor, problem), given.algorithm),
        x0=x0 if search.fits.x is None else search.fits.x,
        weight=found.factor,
        curve=rule.curve(search, sigma),
        doubt=found.doubt,
    )


def recall(rule: Rule, given: Plan, path: str | Path) -> Choice:
    """Return what the same rule chose for a run that was saved, without another search.

    Raises
    ------
    TypeError
        If `rule` is not one.
    ValueError
        If the file holds no run with a weight by that rule.
    """
    _check(rule)
    weight, curve = load_choice(path, repr(rule))
    return Choice(rule, plan(rescaled(weight, given.problem), given.algorithm), None, weight, curve)


def _check(rule: Any) -> None:
    if not isinstance(rule, Rule):
        raise TypeError(f"weight is {rule!r}; give a rule, such as GCV(), or multiply the priors by the number")


def rescaled(factor: float, problem: Problem) -> Problem:
    """Return the problem with its priors multiplied by `factor`."""
    return problem.with_terms(tuple(t * factor if _takes_factor(t) else t for t in problem.terms))


def _takes_factor(term: Term) -> bool:
    if term.carries_data or term.weight == 0:
        return False
    try:
        term * 1.0
    except TypeError:
        # a constraint
        return False
    return True


def _fits(rule: Rule, given: Plan, priors: list[Term], x0: Any, sigma: float) -> Fits:
    spectrum = rule.noise_spectrum()
    transform = None if spectrum is not None else diagonalising(given.problem)
    if transform is not None:
        return (FilteredFits if takes(given.problem, transform) else SpectralFits)(given.problem, priors, transform)
    step = _step(given.problem, sigma)
    return SampledFits(
        given.problem, rescaled, given.algorithm, x0, step, rule.probes, rule.seed(), spectrum, rule.tol, rule.iterations
    )


def _step(problem: Problem, sigma: float) -> float:
    """Return the size of the probe: a share of the noise, but not so small that rounding shows."""
    data, weights = gaussian_data(problem)[0]
    assert data.offset is not None
    y = np.abs(data.offset) if data.offset.dtype.kind == "c" else data.offset
    return max(0.1 * sigma, 1e-3 * robust_range(y, image_axes(data.operator)) * float(np.sqrt(np.max(weights))))
