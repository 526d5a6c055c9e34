"""The stacked least-squares system of a quadratic problem, and its Golub–Kahan bidiagonalisation, in place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from unblur.operators._vectors import axpby_norm, sum_of_squares

from .normal import NormalEquations, Quadratic


class StackedSystem(NormalEquations):
    r"""The operator S of blocks √(w W) A, one for each quadratic term, and the data d of blocks √(w W) b.

    .. math:: \|S x - d\|^2 = \sum_t w_t \| A_t x - b_t \|_{W_t}^2

    Parameters
    ----------
    parts : sequence of Quadratic
    dims : tuple of int
        Shape of x.
    dtype : dtype
        Of x, and of all arrays here.

    Notes
    -----
    Vectors in the space of d are lists with an array for each term; nothing is stacked. Beside them an array for each term
    and one of the shape of x are held to work in, and the square roots of weights that are arrays.
    """

    def __init__(self, parts: Sequence[Quadratic], dims: tuple[int, ...], dtype: Any) -> None:
        super().__init__(parts, dims, dtype)
        self.roots = [None if part.W is None else np.sqrt(part.W) for part in self.parts]
        self.data_work = self.data_arrays()

    def first_vectors(self, x: Any, u: list[Any], v: Any) -> tuple[float, float]:
        """Write the first vectors, β u = d − S x and α v = Sᴴ u, and return β and α; `x` may be None, for 0."""
        for part, root, u_t in zip(self.parts, self.roots, u, strict=True):
            part.residual(x, u_t)
            u_t *= part.weight**0.5
            if root is not None:
                u_t *= root
        beta = _normalise(u, math.sqrt(sum(map(sum_of_squares, u))))
        v[...] = 0
        return beta, self.right(u, beta, v)

    def left(self, v: Any, alpha: float, u: list[Any]) -> float:
        """Replace u by the next one, β u = S v − α u, and return β."""
        norms = []
        for part, root, u_t, Sv in zip(self.parts, self.roots, u, self.data_work, strict=True):
            if (direct := part.one_pass(v)) is not None:
                norms.append(math.sqrt(direct.update(part.weight**0.5, v, -alpha, u_t)))
                continue
            part.A.apply(v, Sv)
            if root is not None:
                Sv *= root
            norms.append(axpby_norm(part.weight**0.5, Sv, -alpha, u_t, Sv))
        return _normalise(u, math.hypot(*norms))

    def right(self, u: list[Any], beta: float, v: Any) -> float:
        """Replace v by the next one, α v = Sᴴ u − β v, and return α."""
        norm, factor = 0.0, -beta
        for part, root, u_t, scaled in zip(self.parts, self.roots, u, self.data_work, strict=True):
            if (direct := part.one_pass(v)) is not None:
                norm, factor = math.sqrt(direct.update_adjoint(part.weight**0.5, u_t, factor, v)), 1.0
                continue
            part.A.apply_adjoint(u_t if root is None else np.multiply(u_t, root, out=scaled), self.work)
            norm, factor = axpby_norm(part.weight**0.5, self.work, factor, v, self.work), 1.0
        return _normalise([v], norm)


def _normalise(blocks: list[Any], norm: float) -> float:
    """Divide all blocks by their norm, where that is not 0, and return it."""
    if norm > 0:
        for block in blocks:
            block /= norm
    return norm
