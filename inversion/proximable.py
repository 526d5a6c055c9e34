"""What first-order methods ask of a term: how long a step its gradient allows, and whether its prox in x is known."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from unblur.operators import Fourier, Operator, gram_symbol, norm_bound, operator_norm, symbol
from unblur.operators._backend import sum_of_squares

from .functionals import capability
from .terms import Term

#: power iteration comes from below
_MARGIN = 1.05


def norm_above(A: Operator, like: Any = None) -> float:
    """Return an upper bound of ‖A‖: the one that A knows, else one by power iteration on arrays like that, with a margin."""
    bound = norm_bound(A)
    return _MARGIN * operator_norm(A, like=like) if bound is None else bound


def is_smooth(term: Term) -> bool:
    """Return whether a Lipschitz constant of the gradient of f is known, so that explicit steps have a known length."""
    return capability(term.functional, "lipschitz") is not None and hasattr(term.functional, "gradient")


def has_prox(term: Term) -> bool:
    """Return whether f has a prox."""
    return hasattr(term.functional, "prox")


def lipschitz(term: Term, norm: float) -> float:
    """Return a Lipschitz constant of the gradient of w f(A x − b), `norm` being ‖A‖: w L ‖A‖²."""
    return float(term.weight * capability(term.functional, "lipschitz") * norm**2)


def is_identity(A: Operator) -> bool:
    """Return whether A says that it is the identity."""
    s = symbol(A, _every_frequency(A))
    return s is not None and tuple(A.dims) == tuple(A.dimsd) and bool(np.all(s == 1))


def is_unitary(A: Operator) -> bool:
    """Return whether A says that AᴴA = I, and is square, so that AAᴴ = I too."""
    if A.shape[0] != A.shape[1]:
        return False
    g = gram_symbol(A, _every_frequency(A))
    return g is not None and bool(np.all(g == 1))


def _every_frequency(A: Operator) -> Fourier:
    return Fourier(tuple(A.dims), tuple(range(len(A.dims))), real=A.dtype.kind != "c")


def pull(term: Term, norm: float, Ax: Any) -> tuple[Any, float]:
    """Return w ∇f(A x − b) where A x is known, and the size of the force that it makes: ‖A‖ ‖w ∇f‖, `norm` being ‖A‖."""
    slope = term.slope(Ax)
    return slope, norm * math.sqrt(sum_of_squares(slope))


@dataclass(frozen=True)
class OnX:
    """A term whose prox in x is known."""

    term: Term
    direct: bool  #: whether A is the identity, and not only unitary

    def prox(self, v: Any, step: float, out: Any) -> Any:
        """Write to `out`, which may be `v`, the prox in x at `v`: Aᴴ prox(A v)."""
        if self.direct:
            return self.term.prox(v, step, out)
        z = self.term.A.apply(v)
        return self.term.A.apply_adjoint(self.term.prox(z, step, z), out)


def on_x(term: Term) -> OnX | None:
    """Return the term with its prox in x, where f has one and A is the identity or unitary; else None."""
    if not has_prox(term):
        return None
    direct = is_identity(term.A)
    return OnX(term, direct) if direct or is_unitary(term.A) else None


def count_ffts(terms: Iterable[Term]) -> int:
    """Return how many FFTs one apply and one adjoint of each term's operator take."""
    return sum(2 * int(t.A.ffts) for t in terms)
