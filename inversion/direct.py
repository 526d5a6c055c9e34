"""The closed form, where every term is quadratic and one transform diagonalises all operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from unblur.operators import Cosine, Fourier

from .functionals import capability
from .problem import Problem
from .quadratic import UnsolvableError, reciprocal, right_side, transforms


@dataclass(slots=True)
class DirectState:
    """The solution, or what stands in its place before the one step."""

    x: Any  #: the image
    spectrum: Any  #: F Σ w Aᴴ b
    inverse: Any  #: 1 / Σ w g(A)
    transform: Fourier | Cosine
    residual: float = float("inf")


@dataclass(frozen=True)
class Direct:
    r"""The closed form of a quadratic problem.

    .. math:: x = F^{-1} \frac{F \sum_t w_t A_t^H b_t}{\sum_t w_t \, g_t}, \qquad A_t^H A_t = F^{-1} g_t F

    Takes every problem whose terms are all quadratic and whose Gram symbols exist in one transform. Where the denominator
    vanishes the solution of least norm is taken.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import Direct, LeastSquares, Tikhonov, solve
    >>> from unblur.operators import Blur, Gradient
    >>> A = Blur([1, 2, 1], (8,), boundary="periodic")
    >>> result = solve(LeastSquares(A, np.full(8, 4.0)) + Tikhonov(Gradient(A)), Direct())
    >>> result.x.round(6).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """

    #: it ends by itself after one step
    max_iterations: ClassVar[int] = 1

    def start(self, problem: Problem, x0: Any = None) -> DirectState:
        """Return the state before the step.

        Raises
        ------
        UnsolvableError
            If a term is not quadratic, or if no transform diagonalises all operators.
        """
        transform = self._transform(problem)
        terms, spectra = list(problem.terms), problem.spectra
        right, inverse = right_side(terms, transform, spectra), reciprocal(terms, 0, transform, spectra)
        x = problem.initial() if x0 is None else x0
        return DirectState(x, right, inverse, transform)

    def step(self, state: DirectState) -> None:
        """Write the solution to ``state.x``."""
        state.x = state.transform.inverse(state.spectrum * state.inverse)
        state.residual = 0.0

    def explain(self, problem: Problem) -> tuple[str, int]:
        """Return why the problem suits, and the FFTs of one step; raise `UnsolvableError` if it does not."""
        transform = self._transform(problem)
        return f"every term is quadratic and {transform} diagonalises every operator: one step in closed form", 2

    def _transform(self, problem: Problem) -> Fourier | Cosine:
        for term in problem.terms:
            if capability(term.functional, "curvature") is None:
                raise UnsolvableError(f"Direct cannot take {term!r}, which is not quadratic; SplitBregman can")
        missing = problem.terms[0]
        for transform in transforms(problem):
            unknown = [t for t in problem.terms if not problem.spectra.diagonalises(transform, t.operator)]
            if not unknown:
                return transform
            missing = unknown[0]
        raise UnsolvableError(
            f"Direct cannot take {missing!r}: no transform is known that diagonalises its operator and all others; "
            "SplitBregman can where the operator is a selection of the samples of one"
        )
