"""A first guess of the priors' common factor, by formula, from the noise and the size of things."""

from __future__ import annotations

from typing import Any

import numpy as np

from unblur.operators import norm_bound
from unblur.operators._backend import sum_of_squares

from .functionals import capability
from .noise import robust_range
from .problem import Problem
from .quadratic import transforms
from .terms import Term
from .weight_fits import image_axes


def first_guess(problem: Problem, priors: list[Term], sigma: float) -> float:
    r"""Return the factor that suits noise of standard deviation `sigma`, to an order of magnitude.

    .. math:: \frac1f = \sum_p \frac{w_p}{\lambda_p}, \qquad
              \lambda_p = \begin{cases}
                  \sigma^2 / \left( 30 \; \overline{|D y - t|^2} \right) & \text{quadratic} \\
                  12 \, \sqrt{G} \, \sigma^2 / (\|D\| R) & \text{else}
              \end{cases}

    with R the range of the data brought to x's grid, in which a sample that stands out alone does not count, and G the number
    of entries that a norm gathers: 6 √C σ²/R for total variation of C colours. Scaled data scale both as their solutions do.
    The mean square is less what noise adds to it.
    """
    x = problem.initial()
    axes = image_axes(problem.operator)
    size = robust_range(x, axes if x.ndim == len(problem.operator.dimsd) else tuple(range(x.ndim)))
    # what the noise is in x: the data were scaled on their way there
    noise = sigma * size / robust_range(problem.data[0].offset, axes)
    inverse = 0.0
    for t in priors:
        weight = t.weight / problem.data[0].weight
        if capability(t.functional, "curvature") is not None:
            inverse += weight * 30 * _slope(problem, t, x, noise) / sigma**2
        else:
            inverse += weight * (norm_bound(t.operator) or 2 * np.sqrt(2)) * size / (12 * _gathered(t) * sigma**2)
    return 1 / inverse


def _slope(problem: Problem, t: Term, x: Any, noise: float) -> float:
    """Return the mean of |D x − t|², less what noise adds to it."""
    assert t.operator is not None
    direct = t.operator.in_one_pass(x) if t.offset is None else None
    if direct is not None:
        energy = direct.energy(x)
    else:
        z = t.operator.apply(x)
        energy = sum_of_squares(z if t.offset is None else z - t.offset)
    seen = energy / np.prod(t.operator.dimsd)
    return max(seen - noise**2 * _gain(problem, t, x), 0.05 * seen) or 1.0


def _gain(problem: Problem, t: Term, x: Any) -> float:
    """Return the mean of |D n|² for white noise n of unit variance, by a trace or where that is not known by trial."""
    assert t.operator is not None
    size = int(np.prod(t.operator.dimsd))
    for transform in transforms(problem):
        gram = problem.spectra.gram(t.operator, transform)
        if gram is not None:
            return float(np.sum(np.broadcast_to(transform.multiplicity() * gram, transform.shape))) / size
    probe = np.random.default_rng(0).choice([-1.0, 1.0], x.shape)
    return sum_of_squares(t.operator.apply(probe)) / size


def _gathered(t: Term) -> float:
    """Return √G, of G entries gathered in each norm, from what the functional makes of ones; 1 where that says nothing."""
    ones = np.ones(t.operator.dimsd)  # type: ignore[union-attr]
    value = float(t.functional.value(ones))
    return ones.size / value if np.isfinite(value) and value > 0 else 1.0
