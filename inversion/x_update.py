r"""The x-update of split Bregman: a linear system, solved exactly in a spectrum or by a few conjugate gradients.

.. math:: \arg\min_x \sum_q \tfrac{w_q}{2} \|A_q x - b_q\|^2 + \sum_s \tfrac{\rho_s}{2} \|K_s x - v_s + u_s\|^2
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from unblur.operators import Cosine, Fourier
from unblur.operators._backend import sum_of_squares
from unblur.operators._namespace import namespace

from .cg import CG, CGState
from .division import Division
from .normal import NormalEquations, Quadratic, quadratic
from .proximable import norm_above
from .quadratic import reciprocal, right_side
from .spectra import Spectra
from .splitting import Split
from .terms import Term


class ExactUpdate:
    """The x-update where a transform diagonalises every operator: a division of spectra.

    Parameters
    ----------
    transform : Fourier or Cosine
    kept : list of Term
        The quadratic terms that stay in the system.
    splits : list of Split
        With their penalties.
    spectra : Spectra
        Of the problem's operators.
    """

    #: what is left of the linear system, and the size of the forces of the terms that stay in it, where it is known
    left, size = 0.0, 0.0

    def __init__(self, transform: Fourier | Cosine, kept: list[Term], splits: list[Split], spectra: Spectra) -> None:
        self.transform, self.kept, self.splits, self.spectra = transform, kept, splits, spectra
        # a convolution is cheaper in the spectrum, where x is known, than from x in space; a difference is not
        symbols = ((s, spectra.symbol(s.K, transform) if s.K.ffts else None) for s in splits)
        self.behind = [(s, h) for s, h in symbols if h is not None]
        self.beside = [s for s in splits if all(s is not other for other, _ in self.behind)]
        for s in self.beside:
            s.L = s.K
        self.reweigh()

    def release(self) -> None:
        """Let go of what new penalties make void."""
        self.division: Division | None = None

    def reweigh(self) -> None:
        """Take the penalties as they are now."""
        self.release()
        gram = sum(s.penalty * self.spectra.gram(s.K, self.transform) for s in self.splits)
        inverse = reciprocal(self.kept, gram, self.transform, self.spectra)
        del gram
        self.spectra.release()
        # worked out anew where penalties change, rather than kept: that is seldom
        known = right_side(self.kept, self.transform, self.spectra)
        self.spectra.release()
        self.division = Division(self.transform, known, inverse, [h for _, h in self.behind])

    @staticmethod
    def ffts(transform: Fourier | Cosine, splits: list[Split], spectra: Spectra) -> int:
        """Return the FFTs of one update."""
        # behind the division K x comes from the spectrum, by one each way; beside it K is applied, and its adjoint
        behind = [s.K.ffts > 0 and spectra.symbol(s.K, transform) is not None for s in splits]
        return 2 + sum(2 if b else 2 * s.K.ffts for s, b in zip(splits, behind, strict=True))

    def begin(self, x: Any) -> None:
        """Set out from `x`."""
        spectrum = self.transform.forward(x) if self.behind else None
        for s, h in self.behind:
            s.begin(self.transform.inverse(h * spectrum))
        for s in self.beside:
            s.begin(s.K.apply(x, namespace(x).empty(s.K.dimsd, x.dtype)))
        # an iteration that moves nothing gives what the first update needs
        self.gathered, self.spare = (namespace(x).empty(x.shape, x.dtype) for _ in range(2))
        self.targets = [s.w.copy() for s, _ in self.behind]
        self.advance(x, 0.0)

    def minimise(self, x: Any) -> Any:
        """Return the minimiser, and write its K x where they come from the spectrum; `x` is where the iteration stands."""
        # x is written to an iteration later: until then one may go back to it
        solution, self.spare = self.spare, x
        assert self.division is not None
        self.division(self.gathered if self.beside else None, self.targets, solution)
        return solution

    def advance(self, x: Any, relaxation: float, measure: bool = False) -> None:
        """Advance every split, and gather Σ ρ Kᴴ (v − u)."""
        for (s, _), target in zip(self.behind, self.targets, strict=True):
            s.advance(target, relaxation, target, s.penalty, measure=measure)
        for k, s in enumerate(self.beside):
            s.advance(x, relaxation, self.gathered, s.penalty, add=k > 0, measure=measure)


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
        self.norms = [norm_above(part.A, x) for part in self.kept]
        self.targets = [namespace(x).zeros(s.K.dimsd, x.dtype) for s in splits]
        self.cg = CG(preconditioner)
        self.x = x.copy()
        self.reweigh()

    @staticmethod
    def ffts(kept: list[Term], splits: list[Split], iterations: int, preconditioner: Any) -> int:
        """Return the FFTs of one update at most."""
        behind = sum(s.K.ffts for s in splits)
        each = behind + sum(t.A.ffts for t in kept)
        inverse = 2 if isinstance(preconditioner, str) else int(getattr(preconditioner, "ffts", 0))
        # to set out takes one apply of each operator and two adjoints, an iteration one of both, the splits one apply more
        return int(2 * iterations + 3) * int(each) + (iterations + 1) * inverse + int(behind)

    def release(self) -> None:
        """Let go of what new penalties make void: nothing large."""

    def reweigh(self) -> None:
        """Take the penalties as they are now."""
        parts = [Quadratic(s.K, target, s.penalty) for s, target in zip(self.splits, self.targets, strict=True)]
        system = NormalEquations([*self.kept, *parts], self.x.shape, self.x.dtype)
        self.state: CGState = self.cg.start_on(system, self.x)

    @property
    def left(self) -> float:
        """What is left of the linear system, its length."""
        return self.state.residual * self.state.scale

    @property
    def size(self) -> float:
        """Σ ‖A‖ ‖w (A x − b)‖, of the forces of the terms that stay in the system."""
        return sum(n * math.sqrt(sum_of_squares(r)) for n, r in zip(self.norms, self.state.r, strict=False))

    def begin(self, x: Any) -> None:
        """Set out from `x`."""
        for s in self.splits:
            s.begin(s.K.apply(x, namespace(x).empty(s.K.dimsd, x.dtype)))
        self.advance(x, 0.0)

    def minimise(self, x: Any) -> Any:
        """Return the minimiser, nearly; `x` is where the iteration stands, and is overwritten."""
        np.copyto(self.state.x, x)
        self.cg.restart(self.state)
        # a tenth of what is left is enough: the next update goes on from here
        enough = 0.1 * self.state.residual
        for _ in range(self.iterations):
            if self.state.residual <= enough:
                break
            self.cg.step(self.state)
        np.copyto(x, self.state.x)
        return x

    def advance(self, x: Any, relaxation: float, measure: bool = False) -> None:
        """Advance every split, and write the v − u that K x should come near."""
        for s, target in zip(self.splits, self.targets, strict=True):
            s.K.apply(x, target)
            s.advance(target, relaxation, target, 1.0, measure=measure)
