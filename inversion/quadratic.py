"""The part of a problem that one transform diagonalises: a sum of quadratic terms, minimised in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np

from unblur.operators import Cosine, Fourier
from unblur.operators._namespace import namespace

from .problem import Problem
from .spectra import Spectra
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
            product = transform.forward(t.offset)
            product *= t.weight * s.conj()
            total = total + product
    return total


def reciprocal(terms: list[Term], extra: Any, transform: Fourier | Cosine, spectra: Spectra) -> Any:
    """Return 1 / (Σ w g(A) + `extra`), and 0 where that sum vanishes, so that the solution is that of least norm."""
    total = extra + sum(t.weight * spectra.gram(t.operator, transform) for t in terms)
    zero = total <= np.finfo(total.dtype).eps * total.max()
    total[zero] = np.inf
    return np.divide(1, total, out=total)


class Division:
    r"""The division of spectra that solves for x, and the products that follow where blurs are split off.

    .. math:: X \leftarrow \frac{X + \sum_s \bar h_s Z_s + R}{\sum_t w_t \, g_t}, \qquad Z_s \leftarrow h_s X

    Parameters
    ----------
    transform : Fourier or Cosine
    right_side : array or 0
        R.
    inverse : array
        One over the denominator.
    symbols : list of array
        h of every blur that is split off.
    """

    def __init__(self, transform: Fourier | Cosine, right_side: Any, inverse: Any, symbols: list[Any]) -> None:
        self.shape, self.right_side, self.inverse, self.symbols = transform.shape, right_side, inverse, symbols
        from .fused import division

        self._fused = division(transform.shape, right_side, inverse, symbols)

    def __call__(self, X: Any, Z: list[Any]) -> Any:
        """Return X and change `Z`, both in place; X may be None, for 0."""
        if self._fused is not None and X is not None:
            return self._fused(X, Z)
        if X is None:
            kinds = [a.dtype for a in (self.inverse, self.right_side, *Z) if np.ndim(a)]
            X = namespace(self.inverse).zeros(self.shape, np.result_type(*kinds))
        for h, z in zip(self.symbols, Z, strict=True):
            X += h.conj() * z
        X += self.right_side
        X *= self.inverse
        for h, z in zip(self.symbols, Z, strict=True):
            np.multiply(h, X, out=z)
        return X
