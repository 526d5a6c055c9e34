r"""How far an answer is from the optimum, by a bound that holds whatever the algorithm did.

For a problem of convex terms :math:`w_t f_t(A_t x - b_t)` over a box, any :math:`q_t` give a lower bound of the optimum,

.. math::
    \min_x \sum_t w_t f_t(A_t x - b_t) \;\ge\;
    -\sum_t \big( w_t f_t^*(q_t / w_t) + \langle q_t, b_t \rangle \big)
    + \sum_i \min_{l \le x_i \le h} c_i x_i, \qquad c = \sum_t A_t^H q_t,

by Fenchel's inequality. It is tight at the q of the optimum, of which solvers hold estimates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from unblur.operators._arguments import read_array

from .functionals import capability
from .problem import Problem, as_problem
from .terms import Term


@dataclass(frozen=True)
class Certificate:
    """What is certain about an answer; evaluated in double precision.

    Attributes
    ----------
    objective : float
        At the answer, brought into the box.
    gap : float
        The objective is no further than this above the optimum; nan where nothing can be said.
    kkt : float
        ‖Σ Aᴴq‖ / Σ‖Aᴴq‖, how far the terms' forces are from cancelling; 0 at the optimum.
    note : str
        Why there is no gap, where there is none, up to the first comma or semicolon in short.
    """

    objective: float
    gap: float
    kkt: float
    note: str = ""


def certify(problem: Problem | Term, x: Any, state: Any = None) -> Certificate:
    """Return what is certain about `x`.

    Parameters
    ----------
    problem : Problem
    x : array of the problem's `dims`
    state : state of an algorithm, optional
        Its duals, where it has them, are estimates of the q; what it has none for is taken from x.

    Returns
    -------
    Certificate

    Notes
    -----
    A handful of applies of each operator.

    References
    ----------
    Rockafellar, "Convex Analysis", Princeton (1970), section 31.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import Box, LeastSquares, certify
    >>> problem = LeastSquares(np.eye(2), np.array([0.25, 0.75])) + Box(0, 1)
    >>> certify(problem, np.array([0.25, 0.75])).gap
    0.0
    """
    problem = as_problem(problem)
    x = read_array(x, "x", problem.data[0].target if problem.data else None)
    if x.shape != problem.dims:
        raise ValueError(f"x has shape {x.shape}, but that of the problem lives on {problem.dims}; give one of that shape")
    double = np.result_type(problem.dtype, np.float64)
    low, high = problem.box
    x = problem.feasible(x.astype(double))
    held = duals_of(state)
    # bounds of x are priced as such
    priced = [(t.cast(double), held.get(i)) for i, t in enumerate(problem.terms) if t.weight > 0 and t.box is None]
    note = why_no_gap(problem)
    if not note and not np.isfinite(x).all():
        note = "x is not finite, so that there is nothing to bound"
    objective = float(sum(t.value(x) for t, _ in priced))

    bounds, kkt = [-np.inf], np.inf
    for forces in _guesses(priced, x):
        pulls = [t.A.apply_adjoint(q) for (t, _), q in zip(priced, forces, strict=True)]
        c, size = sum(pulls), sum(float(np.linalg.norm(pull)) for pull in pulls)
        kkt = min(kkt, float(np.linalg.norm(_unopposed(c, x, low, high))) / size if size > 0 else 0.0)
        if not note:
            conjugates = sum(t.conjugate(q) for (t, _), q in zip(priced, forces, strict=True))
            bounds.append(float(np.sum(np.minimum(low * c, high * c))) - conjugates)
    gap = np.nan if note else max(objective - max(bounds), 0.0)
    return Certificate(objective, float(gap), float(kkt) if np.isfinite(kkt) else np.nan, note)


def duals_of(state: Any) -> dict[int, Any]:
    """Return the forces that a state, or what a result holds of one, has for terms, by their places in the problem."""
    if hasattr(state, "forces"):
        state = state.forces()
    duals = getattr(state, "duals", None)
    return duals() if callable(duals) else {}


def why_no_gap(problem: Problem) -> str:
    """Return why no gap can be given, in the first words and then with a remedy; nothing where one can."""
    for term in problem.terms:
        if term.weight == 0 or term.box is not None:
            continue
        name = type(term).__name__
        if not capability(term.functional, "convex"):
            return f"{name} is not convex, so that there is no bound; {term!r}"
        if not hasattr(term.functional, "conjugate"):
            return f"{name} has no conjugate, so that there is no bound; {term!r}"
    if problem.dtype.kind == "c":
        return "x is complex, and the bound is for real images"
    if not all(np.isfinite(bound).all() for bound in problem.box):
        return "x has no finite bounds, without which the bound is minus infinity; add Box(low, high)"
    return ""


def _guesses(priced: list[tuple[Term, Any]], x: Any) -> Iterator[list[Any]]:
    """Yield feasible forces of all terms: as the solver has them, and with what x or the others say of some of them."""
    # a data term's force is best taken from the solver's split, or from the residual at x
    for from_residual in (False, True):
        forces = [_force(t, x, None if from_residual and t.carries_data else estimate) for t, estimate in priced]
        if any(q is None for q in forces):
            return
        yield forces
        # a norm of x itself, of whose force the solver held nothing, balances the others as far as it can
        for place, (t, estimate) in enumerate(priced):
            if estimate is None and t.A.is_identity and hasattr(t.functional, "subgradient"):
                others = [u.A.apply_adjoint(q) for k, ((u, _), q) in enumerate(zip(priced, forces, strict=True)) if k != place]
                yield [_feasible(t, -sum(others, np.zeros_like(x))) if k == place else q for k, q in enumerate(forces)]


def _force(term: Term, x: Any, estimate: Any) -> Any:
    """Return a feasible force of a term: the solver's estimate, or a subgradient at x; None where there is neither."""
    functional: Any = term.functional
    if estimate is not None:
        return _feasible(term, estimate.astype(x.dtype))
    slope = getattr(functional, "subgradient", None) or getattr(functional, "gradient", None)
    return None if slope is None else _feasible(term, term.weight * slope(term.residual(x)))


def _feasible(term: Term, q: Any) -> Any:
    """Return the force, or the nearest that the term can have: one from single precision may be out by rounding."""
    project = getattr(term.functional, "project_dual", None)
    return q if project is None else term.weight * project(q / term.weight)


def _unopposed(c: Any, x: Any, low: Any, high: Any) -> Any:
    """Return the force on x where no bound holds it."""
    if np.iscomplexobj(c):
        return c
    return np.where((x <= low) & (c > 0) | (x >= high) & (c < 0), 0, c)
