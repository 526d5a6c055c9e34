"""First derivatives by differences, and stacks of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._arguments import read_choice, read_spacing
from .stack import Stack
from .stencils import Stencil, read_grid, read_spacings

# kind: the whole-number weight of each offset, and their common factor
_STENCILS = {"forward": ({0: -1, 1: 1}, 1.0), "backward": ({-1: -1, 0: 1}, 1.0), "centered": ({-1: -1, 1: 1}, 0.5)}


class FirstDerivative(Stencil):
    r"""The first derivative along one axis, by differences.

    .. math:: (D x)_i = \frac{x_{i+1} - x_i}{s} \;\text{(forward)}, \quad
              \frac{x_i - x_{i-1}}{s} \;\text{(backward)}, \quad \frac{x_{i+1} - x_{i-1}}{2 s} \;\text{(centered)}

    Parameters
    ----------
    dims : tuple of int
        Shape of x, and of the result.
    axis : int
    boundary : {"periodic", "zero", "reflect", "mirror", "nearest"}
        What x is beyond its edges. With an unknown boundary x lives on a larger, periodic grid: take ``"periodic"``
        there, or `Gradient` of the blur.
    sampling : float
        The distance s between samples.
    kind : {"forward", "backward", "centered"}
        Centred differences do not see a checkerboard: as a prior they let it through.

    Raises
    ------
    ValueError
        If an argument is not one of those above.

    Notes
    -----
    One pass over memory. Diagonal in the Fourier transform where the boundary is periodic; its Gram operator is diagonal
    in the cosine transform where that is reflect.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import FirstDerivative
    >>> FirstDerivative((4,), 0, boundary="nearest").apply(np.array([0.0, 1.0, 3.0, 6.0]))
    array([1., 2., 3., 0.])
    """

    def __init__(self, dims: Any, axis: int, *, boundary: str, sampling: float = 1.0, kind: str = "forward") -> None:
        self.kind = read_choice(kind, tuple(_STENCILS), "kind")
        self.sampling = read_spacing(sampling)
        taps, factor = _STENCILS[kind]
        super().__init__(dims, axis, boundary=boundary, taps=taps, scale=factor / self.sampling)

    def __repr__(self) -> str:
        return f"∂{self.axis}({'×'.join(map(str, self.dims))}, {self.boundary}, {self.kind})"


class Gradient(Stack):
    r"""The first derivatives along several axes, stacked.

    .. math:: D x = (\partial_a x)_{a \in \text{axes}}

    Parameters
    ----------
    dims : tuple of int, or an operator
        Shape of x. Of a blur `dims`, `axes` and the matching boundary are taken: its own, or periodic on its grid
        where that is unknown. This keeps a transform that diagonalises both. What holds a blur, behind a mask for instance,
        is taken like it; other operators that do not tell by `image_grid` are refused.
    boundary : {"periodic", "zero", "reflect", "mirror", "nearest"}
        To be given unless `dims` is a blur.
    axes : int or tuple of int, optional
        By default all, or the blur's. Components come in the order in which the axes are named.
    sampling : float or sequence of float
        Distance between samples, one for all axes or one for each.
    kind : {"forward", "backward", "centered"}

    Raises
    ------
    ValueError
        If an argument does not fit.

    Notes
    -----
    The result has shape ``(len(axes), *dims)``, components first. One pass over memory for each component.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import Blur, Gradient
    >>> A = Blur(np.ones((5, 5)), (60, 60, 3), axes=(0, 1), boundary="unknown")
    >>> Gradient(A).dimsd
    (2, 64, 64, 3)
    """

    def __init__(
        self,
        dims: Any,
        *,
        boundary: str | None = None,
        axes: int | Sequence[int] | None = None,
        sampling: float | Sequence[float] = 1.0,
        kind: str = "forward",
    ) -> None:
        dims, boundary, axes = read_grid(dims, boundary, axes)
        steps = read_spacings(sampling, axes)
        super().__init__(
            [FirstDerivative(dims, axis, boundary=boundary, sampling=s, kind=kind) for axis, s in zip(axes, steps, strict=True)]
        )
        self.axes, self.boundary, self.sampling, self.kind = axes, boundary, steps, kind

    def __repr__(self) -> str:
        return f"∇({'×'.join(map(str, self.dims))}, axes {self.axes}, {self.boundary}, {self.kind})"
