"""Refusing a problem that has no minimum because a function of the user's own falls without end."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from unblur.operators._backend import sum_of_squares
from unblur.operators._namespace import is_numpy

from .functionals import capability
from .normal import NormalEquations, Quadratic, quadratic
from .null_space import NEGLIGIBLE, least_resisted
from .problem import Problem
from .spectra import in_precision
from .terms import Term

# How far to look, in lengths of the start: a minimum that a regulariser of weight 1e-9 makes lies within.
_REACH = np.array([1e4, 1e6, 1e8, 1e10, 1e12])
#: share of its steepest slope that a fall must keep to the end; √t keeps a ten-thousandth
_PERSISTING = 0.5


def refuse_unbounded(problem: Problem) -> None:
    r"""Refuse a problem whose objective F is seen to fall without bound.

    .. math:: \lim_{t \to \infty} \frac{F(x_0 + t d) - F(x_0)}{t} < 0

    Where every functional is known to be bounded below, as all of this library are, nothing is computed. Otherwise F is
    followed along rays from the data brought to x's grid: against the gradients of F and of the terms in doubt, along the
    constant image, and along what the other terms resist least of those terms' gradient. Directions that leave the bounds
    of x are cut to them.

    Raises
    ------
    ValueError
        If along one of these the fall keeps its slope from 10⁴ to 10¹² lengths of the start.

    Notes
    -----
    What falls more slowly than linearly, as −log t does, has no minimum either, but cannot be told from what levels off: it
    is left to the run, as is any ray with a value that is not finite. So are directions that would show only after more than
    the fifty products by the normal operator that are spent on finding one, and arrays of other libraries than NumPy.
    """
    terms = [t for t in problem.terms if t.weight > 0]
    doubtful = [t for t in terms if not capability(t.functional, "bounded_below")]
    if not doubtful or all(np.isfinite(bound).all() for bound in problem.box) or not is_numpy(problem.data[0].target):
        return
    with np.errstate(all="ignore"):
        ray = _Rays(problem, doubtful, [t for t in terms if t not in doubtful])
        for d, words in ray.directions():
            term = ray.falling(d)
            if term is not None:
                raise ValueError(
                    f"the problem has no minimum: {term!r} falls without bound {words}, and nothing holds it; add "
                    "Box(low, high), or a data term or prior that grows in that direction, or check the sign of the function"
                )


class _Rays:
    """The objective along rays from one start.

    The user's functions are given arrays in the problem's precision, as in a run; all else is done in double precision, so
    that a null direction stays one a long way out.
    """

    def __init__(self, problem: Problem, doubtful: list[Term], others: list[Term]) -> None:
        self.problem, self.doubtful, self.others = problem, doubtful, others
        self.dtype = np.result_type(problem.dtype, np.float64)
        self.x = problem.feasible(problem.initial()).astype(self.dtype)
        self.scale = _length(self.x) or math.sqrt(self.x.size)
        self.slope = sum((self._gradient(t) for t in doubtful), np.zeros_like(self.x))
        self.start = self._values(self.x)

    def directions(self) -> Iterator[tuple[Any, str]]:
        """Yield directions in which F may fall, and how they are called."""
        yield -self.slope, "against its own gradient"
        if all(hasattr(t.functional, "gradient") for t in self.others):
            yield -self.slope - sum(t.gradient(self.x) for t in self.others), "against the gradient of the objective"
        for sign, words in ((1, "along the constant image"), (-1, "along the constant image, downwards")):
            yield np.full_like(self.x, sign), words
        held = [t for t in self.others if t.box is None]
        square = [t for t in held if _is_quadratic(t)]
        if _length(self.slope) > 0:
            for terms in (square, held) if len(square) < len(held) else (square,):
                if terms:
                    system = NormalEquations([_resistance(t) for t in terms], self.problem.dims, self.dtype)
                    yield least_resisted(system, -self.slope), "where the other terms resist its gradient least"

    def falling(self, d: Any) -> Term | None:
        """Return the term whose fall along `d` the objective keeps following; None where it does not, or does not show."""
        d = self._within_bounds(d)
        length = _length(d)
        if not 0 < length < np.inf:
            return None
        # most rays turn out at their far end
        end = self._values(self.x + (_REACH[-1] * self.scale / length) * d)
        if not (end.sum() < self.start.sum() and end[1:].sum() < self.start[1:].sum()):
            return None
        values = np.array([self._values(self.x + (t * self.scale / length) * d) for t in _REACH[:-1]] + [end])
        if not np.isfinite(values).all():
            return None
        slopes = np.diff(values, axis=0) / (np.diff(_REACH) * self.scale)[:, None]
        whole, theirs = slopes.sum(axis=1), slopes[:, 1:].sum(axis=1)
        # only what is in doubt can fall without end; what is seen of it must be more than rounding
        shows = theirs[-1] < -NEGLIGIBLE * _length(self.slope) and whole[-1] < 1e-3 * theirs[-1]
        if not (shows and _persists(whole) and _persists(theirs)):
            return None
        return self.doubtful[int(np.argmin(slopes[-1, 1:]))]

    def _values(self, x: Any) -> Any:
        """Return the sum of the terms that are bounded below, and each of the others."""
        return np.array([sum(t.value(x) for t in self.others), *(self._value(t, x) for t in self.doubtful)])

    def _value(self, term: Term, x: Any) -> float:
        try:
            return term.weight * float(term.functional.value(self._argument(term, x)))
        except (ArithmeticError, ValueError):
            # outside its domain, or beyond the range of numbers
            return math.nan

    def _gradient(self, term: Term) -> Any:
        """Return the term's gradient at the start, or that of its envelope; 0 where it gives none."""
        z = self._argument(term, self.x)
        f: Any = term.functional
        try:
            slope = f.gradient(z) if hasattr(f, "gradient") else z - f.prox(z, 1.0, z.copy())
        except (ArithmeticError, AttributeError, ValueError):
            return np.zeros_like(self.x)
        gradient = term.weight * term.A.apply_adjoint(np.asarray(slope, np.result_type(slope, np.float64)))
        return gradient if np.isfinite(gradient).all() else np.zeros_like(self.x)

    def _argument(self, term: Term, x: Any) -> Any:
        return in_precision(term.residual(x), self.problem.spectra.like)

    def _within_bounds(self, d: Any) -> Any:
        low, high = self.problem.box
        if np.iscomplexobj(d):
            return d
        return np.clip(d, np.where(np.isfinite(low), 0, -np.inf), np.where(np.isfinite(high), 0, np.inf))


def _is_quadratic(term: Term) -> bool:
    return capability(term.functional, "quadratic") or capability(term.functional, "curvature") is not None


def _resistance(term: Term) -> Quadratic:
    """Return a quadratic term that vanishes along the same directions."""
    if _is_quadratic(term):
        return quadratic(term, "the search for a minimum")
    return Quadratic(term.A, W=getattr(term.functional, "weights", None))


def _persists(slopes: Any) -> bool:
    return bool(slopes[-1] < 0 and slopes[-1] <= _PERSISTING * slopes.min())


def _length(v: Any) -> float:
    return math.sqrt(sum_of_squares(v))
