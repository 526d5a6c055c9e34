r"""The x-update of split Bregman: a linear system, solved exactly in a spectrum or by a few conjugate gradients.

.. math:: \arg\min_x \sum_q \tfrac{w_q}{2} \|A_q x - b_q\|^2 + \sum_s \tfrac{\rho_s}{2} \|K_s x - v_s + u_s\|^2
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from unblur.operators import Cosine, Fourier, Operator, gram_symbol, symbol
from unblur.operators._namespace import asarray, namespace

from .cg import CG, CGState
from .normal import NormalEquations, Quadratic, quadratic
from .quadratic import in_precision, reciprocal, right_side
from .terms import Term


@dataclass(slots=True)
class Split:
    """One term w f(M K x − b), of which v = K x is split off with a penalty."""

    index: int  #: of the term in the problem
    term: Term
    K: Operator
    M: Operator | None  #: selects samples; None for all
    penalty: float = np.nan  #: ρ
    Kx: Any = None  #: K x, then work space
    v: Any = None  #: the split variable
    u: Any = None  #: the scaled dual variable

    def prox(self, w: Any, out: Any) -> Any:
        """Write to `out` the prox of w f(M · − b) at `w`; where M selects samples, it moves only those."""
        if self.M is None:
            return self.term.prox(w, 1 / self.penalty, out)
        np.copyto(out, w)
        if hasattr(self.M, "view"):
            chosen = self.M.view(out)
            self.term.prox(chosen, 1 / self.penalty, chosen)
        else:
            chosen = self.M.apply(w)
            out += self.M.apply_adjoint(self.term.prox(chosen.copy(), 1 / self.penalty, np.empty_like(chosen)) - chosen)
        return out


class ExactUpdate:
    """The x-update where a transform diagonalises every operator: a division of spectra.

    Parameters
    ----------
    transform : Fourier or Cosine
    kept : list of Term
        The quadratic terms that stay in the system.
    splits : list of Split
        With their penalties.
    dtype : dtype
        Of x.
    like : array
        Of the library whose arrays are computed with.
    """

    #: of the linear system, relatively
    residual = 0.0

    def __init__(self, transform: Fourier | Cosine, kept: list[Term], splits: list[Split], dtype: Any, like: Any) -> None:
        self.transform, self.kept, self.splits, self.dtype = transform, kept, splits, dtype
        self.like = namespace(like).empty(0, dtype)
        self.data = right_side(kept, transform)
        self.reweigh()
        # a convolution is cheaper in the spectrum, where x is known, than from x in space; a difference is not
        found = (symbol(s.K, transform) if s.K.ffts else None for s in splits)
        self.symbols = [None if h is None else asarray(in_precision(h, dtype), like) for h in found]
        self.conjugates = [None if h is None else h.conj() for h in self.symbols]
        # work space: arrays of the shape of x for what adjoints give, and a spectrum
        self.gathered, self.part = (namespace(like).empty(transform.dims, dtype) for _ in range(2))
        self.product: Any = None

    def reweigh(self) -> None:
        """Take the penalties as they are now."""
        gram = sum(s.penalty * gram_symbol(s.K, self.transform) for s in self.splits)
        self.inverse = asarray(reciprocal(self.kept, gram, self.transform, self.dtype), self.like)

    @staticmethod
    def ffts(transform: Fourier | Cosine, splits: list[Split]) -> int:
        """Return the FFTs of one update."""
        return 2 + 2 * sum(s.K.ffts > 0 and symbol(s.K, transform) is not None for s in splits)

    def forward(self, x: Any) -> None:
        """Write K x of every split."""
        spectrum = self.transform.forward(x)
        self.product = np.empty_like(spectrum)
        for s, h in zip(self.splits, self.symbols, strict=True):
            s.Kx = s.K.apply(x, s.Kx) if h is None else self.transform.inverse(np.multiply(h, spectrum, out=self.product))

    def minimise(self, x: Any) -> Any:
        """Return the minimiser, and write its K x of every split; `x` is where the iteration stands."""
        F, spectrum, gathered = self.transform, None, None
        for s, h in zip(self.splits, self.conjugates, strict=True):
            target = np.subtract(s.v, s.u, out=s.Kx)
            target *= s.penalty
            if h is not None:
                np.multiply(F.forward(target), h, out=self.product)
                spectrum = self.product.copy() if spectrum is None else np.add(spectrum, self.product, out=spectrum)
            elif gathered is None:
                gathered = s.K.apply_adjoint(target, self.gathered)
            else:
                gathered += s.K.apply_adjoint(target, self.part)
        if gathered is not None:
            spectrum = F.forward(gathered) if spectrum is None else np.add(spectrum, F.forward(gathered), out=spectrum)
        if spectrum is None:
            spectrum = np.zeros_like(self.product)
        spectrum += self.data
        spectrum *= self.inverse
        for s, h in zip(self.splits, self.symbols, strict=True):
            if h is not None:
                s.Kx = F.inverse(np.multiply(h, spectrum, out=self.product))
        x = F.inverse(spectrum)
        for s, h in zip(self.splits, self.symbols, strict=True):
            if h is None:
                s.K.apply(x, s.Kx)
        return x


class InnerCG:
    """The x-update by a few preconditioned conjugate gradients from where x stands.

    Parameters
    ----------
    kept : list of Term
    splits : list of Split
        With their penalties.
    x : array
        Where the iteration starts; not changed.
    iterations : int
        At most, an update.
    preconditioner : None, "auto", operator or callable
        As for `CG`.
    """

    def __init__(self, kept: list[Term], splits: list[Split], x: Any, iterations: int, preconditioner: Any) -> None:
        self.splits, self.iterations = splits, iterations
        self.kept = [quadratic(t, "SplitBregman") for t in kept]
        self.targets = [namespace(x).zeros(s.K.dimsd, x.dtype) for s in splits]
        self.cg = CG(preconditioner)
        self.x = x.copy()
        self.reweigh()

    def reweigh(self) -> None:
        """Take the penalties as they are now."""
        parts = [Quadratic(s.K, target, s.penalty) for s, target in zip(self.splits, self.targets, strict=True)]
        system = NormalEquations([*self.kept, *parts], self.x.shape, self.x.dtype)
        self.state: CGState = self.cg.start_on(system, self.x)

    @property
    def residual(self) -> float:
        """Of the linear system, relatively."""
        return self.state.residual

    def forward(self, x: Any) -> None:
        """Write K x of every split."""
        for s in self.splits:
            s.Kx = s.K.apply(x, s.Kx)

    def minimise(self, x: Any) -> Any:
        """Return the minimiser, nearly, and write its K x of every split."""
        for s, target in zip(self.splits, self.targets, strict=True):
            np.subtract(s.v, s.u, out=target)
        np.copyto(self.state.x, x)
        self.cg.restart(self.state)
        # a tenth of what is left is enough: the next update goes on from here
        enough = 0.1 * self.state.residual
        for _ in range(self.iterations):
            if self.state.residual <= enough:
                break
            self.cg.step(self.state)
        np.copyto(x, self.state.x)
        self.forward(x)
        return x
