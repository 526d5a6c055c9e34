"""The part of a problem that one transform diagonalises: a sum of quadratic terms, minimised in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unblur.operators import Cosine, Fourier, Operator
from unblur.operators.grids import acts_on

from .problem import Problem
from .spectra import Spectra
from .terms import Term


class UnsolvableError(TypeError):
    """An algorithm cannot take a problem; the message names the term, the reason and what would."""


def transforms(problem: Problem) -> list[Fourier | Cosine]:
    """Return the transforms that may diagonalise the problem's operators, most likely first."""
    return transforms_of([t.A for t in problem.terms], problem.dims, problem.dtype)


def transforms_of(operators: Sequence[Operator], dims: tuple[int, ...], dtype: np.dtype[Any]) -> list[Fourier | Cosine]:
    """Return the transforms of arrays of one shape and type that may diagonalise operators, most likely first."""
    everything = tuple(range(len(dims)))
    axes = [tuple(sorted(acts_on(A) or everything)) for A in operators]
    real = dtype.kind == "f"
    over = [a for a in dict.fromkeys([*axes, everything]) if set(a) <= set(everything)]
    return [*(Fourier(dims, a, real) for a in over), *(Cosine(dims, a) for a in over)]


def right_side(terms: list[Term], transform: Fourier | Cosine, spectra: Spectra) -> Any:
    """Return the spectrum of Σ w Aᴴ b; 0 where no term has an offset."""
    total: Any = 0
    for t in terms:
        if t.offset is None:
            continue
        s = spectra.symbol(t.operator, transform)
        if s is None:
            total = total + t.weight * transform.forward(t.operator.apply_adjoint(t.offset))  # type: ignore[union-attr]
        else:
            # s̄ y = conj(s ȳ) takes one array
            product = np.conj(spectra.data(t.offset, transform))
            product *= s
            np.conj(product, out=product)
            product *= t.weight
            # in place where it is the second
            total = product if np.ndim(total) == 0 else np.add(total, product, out=product)
    return total


def reciprocal(terms: list[Term], extra: Any, transform: Fourier | Cosine, spectra: Spectra) -> Any:
    """Return 1 / (Σ w g(A) + `extra`), and 0 where that sum vanishes, so that the solution is that of least norm."""
    total = extra + sum(t.weight * spectra.gram(t.operator, transform) for t in terms)
    zero = total <= np.finfo(total.dtype).eps * total.max()
    total[zero] = np.inf
    return np.divide(1, total, out=total)
