r"""How far an answer is from the optimum, by a bound that holds whatever the algorithm did.

For a problem of convex terms :math:`w_t f_t(A_t x - b_t)` over a box, any :math:`q_t` give a lower bound of the optimum,

.. math::
    \min_x \sum_t w_t f_t(A_t x - b_t) \;\ge\;
    -\sum_t \big( w_t f_t^*(q_t / w_t) + \langle q_t, b_t \rangle \big)
    + \sum_i \min_{l \le x_i \le h} c_i x_i, \qquad c = \sum_t A_t^H q_t,

by Fenchel's inequality. It is tight at the q of the optimum, of which solvers hold estimates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from unblur.operators._namespace import asarray

from .functionals import capability
from .problem import Problem
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
        Why there is no gap, where there is none.
    """

    objective: float
    gap: float
    kkt: float
    note: str = ""


def certify(problem: Problem, x: Any, state: Any = None) -> Certificate:
    """Return what is certain about `x`.

    Parameters
    ----------
    problem : Problem
    x : array of the problem's `dims`
    state : state of an algorithm, optional
        Its `duals`, where it has them, are estimates of the q.

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
    double = np.result_type(problem.dtype, np.float64)
    terms = [t.cast(double) for t in problem.terms if t.weight > 0]
    low, high = problem.box
    x = problem.feasible(asarray(x, problem.data[0].target, "x").astype(double))
    priced = [t for t in terms if t.box is None]
    objective = float(sum(t.value(x) for t in priced))
    held: dict[int, Any] = state.duals() if hasattr(state, "duals") else {}
    estimates = [held.get(i) for i, t in enumerate(problem.terms) if t.weight > 0 and t.box is None]
    note = _obstacle(priced, low, high, double)

    bounds, kkt = [-np.inf], np.inf
    # a data term's q is best taken from the solver's split, or from the residual at x: try both
    for prefer_residual in (False, True):
        forces, bound = [], 0.0
        for term, estimate in zip(priced, estimates, strict=True):
            q = _dual(term, x, estimate, prefer_residual)
            if q is None:
                break
            forces.append(term.operator.apply_adjoint(q))  # type: ignore[union-attr]
            if not note:
                bound -= term.conjugate(q)
        else:
            c = sum(forces)
            size = sum(float(np.linalg.norm(f)) for f in forces)
            kkt = min(kkt, float(np.linalg.norm(_unopposed(c, x, low, high))) / size if size > 0 else 0.0)
            if not note:
                bounds.append(bound + float(np.sum(np.minimum(low * c, high * c))))
    gap = np.nan if note else max(objective - max(bounds), 0.0)
    return Certificate(objective, float(gap), float(kkt) if np.isfinite(kkt) else np.nan, note)


def _obstacle(terms: list[Term], low: Any, high: Any, dtype: Any) -> str:
    """Return why no gap can be given, or nothing."""
    for term in terms:
        if not capability(term.functional, "convex"):
            return f"{term!r} is not convex, so that there is no bound"
        if not hasattr(term.functional, "conjugate"):
            return f"{term!r} has no conjugate, so that there is no bound"
    if dtype.kind == "c":
        return "x is complex; the bound is for real images"
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        return "x has no finite bounds, without which the bound is minus infinity; add Box(low, high)"
    return ""


def _dual(term: Term, x: Any, estimate: Any, prefer_residual: bool) -> Any:
    """Return a feasible q for a term: the solver's estimate, or a subgradient at x; None where there is neither."""
    functional: Any = term.functional
    if estimate is not None and not (prefer_residual and term.carries_data):
        p = estimate.astype(x.dtype) / term.weight
    elif hasattr(functional, "subgradient"):
        p = functional.subgradient(term.residual(x))
    elif hasattr(functional, "gradient"):
        p = functional.gradient(term.residual(x))
    else:
        return None
    # what a single-precision run holds may be out of bounds by its rounding
    return term.weight * (functional.project_dual(p) if hasattr(functional, "project_dual") else p)


def _unopposed(c: Any, x: Any, low: Any, high: Any) -> Any:
    """Return the force on x where no bound holds it."""
    if np.iscomplexobj(c):
        return c
    return np.where((x <= low) & (c > 0) | (x >= high) & (c < 0), 0, c)
