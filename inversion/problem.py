"""A sum of terms over one unknown."""

from __future__ import annotations

from numbers import Real
from types import ModuleType
from typing import Any, Self

import numpy as np

from unblur.operators import Operator, image_grid
from unblur.operators._arguments import as_number
from unblur.operators._namespace import asarray, contiguous, is_array, namespace

from .functionals import capability
from .spectra import Spectra
from .starting_point import starting_point
from .terms import Term, read_divisor, read_weight


class Problem:
    r"""A sum of terms to be minimised over x.

    .. math:: \min_x \; \sum_t w_t \, f_t(A_t x - b_t)

    Made by adding terms; the first that carries data gives x its shape, and gives the priors that were declared without
    an operator theirs.

    Parameters
    ----------
    terms : sequence of Term

    Raises
    ------
    ValueError
        If the terms' operators act on arrays of different shapes.
    TypeError
        If the data are arrays of several libraries.

    Notes
    -----
    x lives where the data are: with data of CuPy's every array of a solver is, and so is the answer. What terms hold beside
    the data, weights and targets, is brought there once, in the precision of the data.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import Box, LeastSquares, TotalVariation
    >>> from unblur.operators import Blur
    >>> A = Blur(np.full((3, 3), 1 / 9), (6, 6), boundary="unknown")
    >>> LeastSquares(A, np.ones((6, 6))) + 0.1 * TotalVariation() + Box(0, 1)
    minimise over x of 8×8
        ½‖Blur(psf 3×3, 6×6, boundary='unknown', x on 8×8) x − y‖²
      + 0.1 · ‖∇(8×8, axes (0, 1), periodic, forward) x‖₂,₁
      + [0 ≤ x ≤ 1]
    """

    __array_ufunc__ = None

    def __init__(self, terms: tuple[Term, ...]) -> None:
        self.data = tuple(t for t in terms if t.carries_data)
        if self.data:
            A = self.data[0].operator
            assert A is not None
            first = self.data[0].target
            for t in self.data:
                _check_library(t, first)
            # of several data operators, the first that says what an image is to it
            tells = next((t.A for t in self.data if image_grid(t.A) is not None), A)
            terms = tuple(t.bind(tells) for t in terms)
            #: of x, and of all arrays of a solver: as precise as the data, and complex where anything is
            self.dtype = _dtype_of_unknown(terms)
            terms = tuple(t.cast(self.dtype, first) for t in terms)
            self.data = tuple(t for t in terms if t.carries_data)
            for term in terms:
                assert term.operator is not None
                if tuple(term.operator.dims) != tuple(A.dims):
                    raise ValueError(
                        f"the operator of {term!r} takes arrays of shape {tuple(term.operator.dims)}, but the data "
                        f"put x on {tuple(A.dims)}; make it for that shape, A.dims"
                    )
            _check_bounds(terms)
            self.spectra = Spectra(self.xp.empty(0, self.dtype))
        self.terms = terms

    # -- algebra ------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Problem:
        if isinstance(other, Term):
            return Problem((*self.terms, other))
        if isinstance(other, Problem):
            return Problem((*self.terms, *other.terms))
        return self if isinstance(other, Real) and other == 0 else NotImplemented

    __radd__ = __add__

    def __mul__(self, factor: Any) -> Problem:
        number = as_number(factor)
        if number is None:
            return NotImplemented
        weight = read_weight(number)
        return self.with_terms(tuple(t._weighed(weight) for t in self.terms))

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> Problem:
        number = as_number(divisor)
        return NotImplemented if number is None else self * (1 / read_divisor(number))

    def with_data(self, y: Any) -> Self:
        """Return the same problem for other data, of the same shape; of its first data term where it has several."""
        first = self.data[0]
        return self.with_terms(tuple(t.with_data(y) if t is first else t for t in self.terms))  # type: ignore[attr-defined]

    def with_terms(self, terms: tuple[Term, ...]) -> Self:
        """Return the problem of these terms, which shares what is known of the operators."""
        new = type(self)(terms)
        if self.data and new.data and new.dtype == self.dtype:
            new.spectra = self.spectra
        return new

    # -- evaluation ---------------------------------------------------------------------------------

    @property
    def operator(self) -> Operator:
        """The operator of the first data term."""
        if not self.data:
            raise ValueError("the problem has no data term, so nothing ties x to a measurement; add LeastSquares(A, y)")
        assert self.data[0].operator is not None
        return self.data[0].operator

    @property
    def dims(self) -> tuple[int, ...]:
        """Shape of x."""
        return tuple(self.operator.dims)

    @property
    def xp(self) -> ModuleType:
        """The library of the data's arrays, and so of x."""
        return namespace(self.data[0].target)

    def objective(self, x: Any) -> float:
        """Return the value of the sum at `x`, accumulated in float64."""
        return float(sum(t.value(x) for t in self.terms))

    def gradient(self, x: Any) -> Any:
        """Return the gradient of the sum at `x`.

        Raises
        ------
        TypeError
            If a term is not differentiable.
        """
        for term in self.terms:
            if not hasattr(term.functional, "gradient"):
                raise TypeError(f"{term!r} has no gradient; leave it out, or solve by a method that splits it")
        return sum(t.gradient(x) for t in self.terms)

    @property
    def box(self) -> tuple[Any, Any]:
        """The bounds that the terms put on x, as numbers or as arrays of its shape; infinite where they put none."""
        low, high = -np.inf, np.inf
        for bounds in filter(None, (t.box for t in self.terms)):
            low, high = np.maximum(low, bounds[0]), np.minimum(high, bounds[1])
        return (float(low) if np.ndim(low) == 0 else low), (float(high) if np.ndim(high) == 0 else high)

    def feasible(self, x: Any) -> Any:
        """Return `x` brought between the bounds, in its own precision; itself where there are none."""
        if all(t.box is None for t in self.terms):
            return x
        return np.clip(x, *(b if np.ndim(b) == 0 else asarray(b, x).astype(x.dtype, copy=False) for b in self.box))

    def memory_usage(self) -> int:
        """Return the bytes that data, weights and operators hold, cached spectra included; solvers add their states."""
        seen: dict[int, int] = {}
        for term in self.terms:
            for thing in (term.offset, term.functional, term.operator):
                _add_arrays(thing, seen)
        return sum(seen.values()) + self.spectra.nbytes()

    def initial(self) -> Any:
        """Return the first data brought to x's grid and to the scale that explains them; 0 where that is not finite.

        Samples that are not seen are filled from their neighbours; see `starting_point`.
        """
        x = starting_point(self)
        return x if np.isfinite(x).all() else self.xp.zeros(self.dims, x.dtype)

    def read_start(self, x0: Any) -> Any:
        """Return a copy of `x0` in the library of the data and as the type of x, in one run of memory; for None `initial()`."""
        return copied(self.initial() if x0 is None else x0, self.spectra.like)

    def __repr__(self) -> str:
        where = f" of {'×'.join(map(str, self.dims))}" if self.data else ""
        return f"minimise over x{where}\n    " + "\n  + ".join(t.formula() for t in self.terms)


def as_problem(problem: Any) -> Problem:
    """Return a problem; of one term, where that is all that is given.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if isinstance(problem, Term):
        return Problem((problem,))
    if not isinstance(problem, Problem):
        an_operator = is_array(problem) or hasattr(problem, "matvec")
        remedy = "LeastSquares(A, y), of an operator and the data, to which priors are added" if an_operator else "a sum of terms"
        kind = f"the class {problem.__name__}" if isinstance(problem, type) else f"a {type(problem).__name__}"
        raise TypeError(f"problem is {kind}; give {remedy}, such as LeastSquares(A, y) + 0.01 * TotalVariation()")
    return problem


def copied(x0: Any, like: Any) -> Any:
    """Return a copy of `x0` in the type and the library of `like`, in one run of memory; what is complex is not made real."""
    x0 = asarray(x0, like, "x0")
    if not np.can_cast(x0.dtype, like.dtype, "same_kind"):
        raise TypeError(f"x0 has dtype {x0.dtype}, but x is of {like.dtype}; give its real part")
    return contiguous(x0.astype(like.dtype))


def _check_bounds(terms: tuple[Term, ...]) -> None:
    """Refuse bounds that leave no x between them."""
    boxes = [t for t in terms if t.box is not None]
    for i, t in enumerate(boxes):
        for other in boxes[:i]:
            if np.any(np.maximum(t.box[0], other.box[0]) > np.minimum(t.box[1], other.box[1])):  # type: ignore[index]
                raise ValueError(f"no x lies within both {other!r} and {t!r}; mend the bounds")


def _dtype_of_unknown(terms: tuple[Term, ...]) -> np.dtype[Any]:
    """Return the type of x; refuse a complex one where a term is for real numbers."""
    precision = np.result_type(*(t.target.dtype for t in terms if t.carries_data))
    reasons = [reason for t in terms if (reason := _complex_part(t))]
    if not reasons:
        return precision
    for t in terms:
        if capability(t.functional, "real_only"):
            raise TypeError(
                f"{t!r} is for real numbers, but x is complex, since {reasons[0]}; leave it out, or give data, operators and "
                "targets that are real (A.toreal() makes an operator so)"
            )
    return np.result_type(precision, np.complex64)


def _complex_part(term: Term) -> str:
    """Return what makes x complex in a term; nothing where nothing does."""
    if term.operator is not None and term.operator.dtype.kind == "c":
        return f"the operator of {term!r} is"
    if any(b is not None and b.dtype.kind == "c" for b in (term.offset, term.target)):
        return f"the {'data' if term.carries_data else 'target'} of {term!r} are"
    return ""


def _check_library(term: Term, first: Any) -> None:
    mine, its = namespace(term.target).__name__, namespace(first).__name__
    if mine != its:
        raise TypeError(f"the data of {term!r} are of {mine}, but those of the first term of {its}; bring both to one library")


def _add_arrays(thing: Any, seen: dict[int, int]) -> None:
    """Note the bytes of every array within, once each: those of an array's owner, where it is a view."""
    if is_array(thing):
        owner = thing
        while is_array(owner.base):
            owner = owner.base
        seen[id(owner)] = owner.nbytes
    elif isinstance(thing, dict | list | tuple):
        for part in thing.values() if isinstance(thing, dict) else thing:
            _add_arrays(part, seen)
    elif hasattr(thing, "__dict__") and not isinstance(thing, type) and id(thing) not in seen:
        seen[id(thing)] = 0
        _add_arrays(vars(thing), seen)
