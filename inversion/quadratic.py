"""The part of a problem that one transform diagonalises: a sum of quadratic terms, minimised in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np

from unblur.operators import Cosine, Fourier, gram_symbol, symbol
from unblur.operators._backend import real_dtype
from unblur.operators._namespace import asarray

from .problem import Problem
from .terms import Term


class UnsolvableError(TypeError):
    """An algorithm cannot take a problem; the message names the term, the reason and what would."""


def transforms(problem: Problem) -> list[Fourier | Cosine]:
    """Return the transforms that may diagonalise the problem's operators, most likely first."""
    everything = tuple(range(len(problem.dims)))
    axes = [tuple(getattr(t.operator, "axes", everything)) for t in problem.terms]
    real = problem.dtype.kind == "f"
    over = [a for a in dict.fromkeys([*axes, everything]) if set(a) <= set(everything)]
    return [*(Fourier(problem.dims, a, real) for a in over), *(Cosine(problem.dims, a) for a in over)]


def right_side(terms: list[Term], transform: Fourier | Cosine) -> Any:
    """Return the spectrum of Σ w Aᴴ b; 0 where no term has an offset."""
    total: Any = 0
    for t in terms:
        if t.offset is None:
            continue
        s = symbol(t.operator, transform)
        if s is None:
            total = total + t.weight * transform.forward(t.operator.apply_adjoint(t.offset))  # type: ignore[union-attr]
        else:
            factor = asarray(in_precision(t.weight * np.conj(s), t.offset.dtype), t.offset)
            total = total + factor * transform.forward(t.offset)
    return total


def reciprocal(terms: list[Term], extra: Any, transform: Fourier | Cosine, dtype: Any) -> Any:
    """Return 1 / (Σ w g(A) + `extra`), and 0 where that sum vanishes, so that the solution is that of least norm."""
    total = extra + sum(t.weight * gram_symbol(t.operator, transform) for t in terms)
    zero = total <= np.finfo(dtype).eps * total.max()
    return np.where(zero, 0, 1 / np.where(zero, 1, total)).astype(real_dtype(dtype))


def in_precision(symbol: Any, dtype: Any) -> Any:
    """Return a symbol in the precision of `dtype`; a real one stays real."""
    real = real_dtype(dtype)
    return symbol.astype(np.result_type(real, np.complex64) if symbol.dtype.kind == "c" else real)
