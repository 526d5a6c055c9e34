"""What images operators take: along which axes, and how they go on beyond their edges; seen through PyLops's combinators.

An operator answers by its method `image_grid`. What cannot be told is None, and never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import pylops
from pylops import linearoperator as combinators

from .base import ImageGrid, moved


def image_grid(A: Any, behind: ImageGrid | None = None) -> ImageGrid | None:
    """Return the axes along which x is an image, and how a prior is to continue it beyond its edges; else None.

    Parameters
    ----------
    A : operator
    behind : tuple, optional
        What is known of A x, in the same form.

    Returns
    -------
    axes : tuple of int
    boundary : {"periodic", "zero", "reflect", "mirror", "nearest"}
        None, and not these two, where A does not say: a matrix, or a mask alone, may act on anything.

    Notes
    -----
    Of a product B A what A says counts, and what B says where A leaves samples where they are, as a mask does; of sums and
    stacks what their parts say, if they agree.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import Blur, Mask, image_grid
    >>> A = Blur(np.ones((3, 3)) / 9, (20, 24, 3), boundary="reflect", axes=(0, 1))
    >>> image_grid(Mask(np.ones((20, 24, 3), bool)) * A)
    ((0, 1), 'reflect')
    >>> image_grid(Mask(np.ones((20, 24, 3), bool))) is None
    True
    """
    return A.image_grid(behind) if hasattr(A, "image_grid") else _grid(A, behind)


def acts_on(A: Any) -> tuple[int, ...]:
    """Return the axes that A works along, or along which x is an image; none where A does not say."""
    grid = image_grid(A)
    return tuple(getattr(A, "axes", () if grid is None else grid[0]))


def agreed(grids: Sequence[ImageGrid | None]) -> ImageGrid | None:
    """Return the one grid that all name which name one, over the axes of all; None where their boundaries differ."""
    named = [grid for grid in grids if grid is not None]
    if len({boundary for _, boundary in named}) != 1:
        return None
    return tuple(dict.fromkeys(axis for axes, _ in named for axis in axes)), named[0][1]


@singledispatch
def _grid(A: Any, behind: ImageGrid | None) -> ImageGrid | None:
    return None


@_grid.register(combinators._ScaledLinearOperator)
@_grid.register(combinators._PowerLinearOperator)
def _(A: Any, behind: ImageGrid | None) -> ImageGrid | None:
    return image_grid(A.args[0], behind)


@_grid.register(combinators._ConjLinearOperator)
@_grid.register(combinators._RealImagLinearOperator)
def _(A: Any, behind: ImageGrid | None) -> ImageGrid | None:
    return image_grid(A.Op, behind)


@_grid.register
def _(A: combinators._ProductLinearOperator, behind: ImageGrid | None) -> ImageGrid | None:
    outer, inner = A.args
    return image_grid(inner, image_grid(outer, behind))


@_grid.register
def _(A: combinators._SumLinearOperator, behind: ImageGrid | None) -> ImageGrid | None:
    return agreed([image_grid(B, behind) for B in A.args])


@_grid.register
def _(A: pylops.VStack, behind: ImageGrid | None) -> ImageGrid | None:
    return agreed([image_grid(B) for B in A.ops])


@_grid.register(combinators._AdjointLinearOperator)
@_grid.register(combinators._TransposedLinearOperator)
def _(A: Any, behind: ImageGrid | None) -> ImageGrid | None:
    B = A.args[0]
    return moved(image_grid(B, behind), B.dims, B.dimsd)


@_grid.register(pylops.Identity)
@_grid.register(pylops.Diagonal)
@_grid.register(pylops.Restriction)
def _(A: Any, behind: ImageGrid | None) -> ImageGrid | None:
    return moved(behind, A.dimsd, A.dims)


@_grid.register
def _(A: pylops.signalprocessing.Convolve2D, behind: ImageGrid | None) -> ImageGrid | None:
    return tuple(map(int, A.axes)), "zero"
