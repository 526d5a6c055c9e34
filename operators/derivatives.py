"""First derivatives by differences, and stacks of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._arguments import BOUNDARIES, read_axis, read_choice, read_dims, read_ordered_axes, read_spacing
from ._differences import difference, edge_rows
from .base import Operator
from .stack import Stack
from .transforms import Fourier

# kind: positions a, b and the factor c of c (x[i + b] − x[i + a])
_STENCILS = {"forward": (0, 1, 1.0), "backward": (-1, 0, 1.0), "centered": (-1, 1, 0.5)}
_WORDS = tuple(word for word in BOUNDARIES if word != "unknown")


class FirstDerivative(Operator):
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
    One pass over memory. Diagonal in the Fourier transform where the boundary is periodic.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import FirstDerivative
    >>> FirstDerivative((4,), 0, boundary="nearest").apply(np.array([0.0, 1.0, 3.0, 6.0]))
    array([1., 2., 3., 0.])
    """

    def __init__(self, dims: Any, axis: int, *, boundary: str, sampling: float = 1.0, kind: str = "forward") -> None:
        dims = read_dims(dims)
        super().__init__(dims, dims)
        self.axis = read_axis(axis, len(dims))
        self.axes = (self.axis,)
        self.boundary = _read_edge(boundary)
        self.kind = read_choice(kind, tuple(_STENCILS), "kind")
        self.sampling = read_spacing(sampling)
        a, b, c = _STENCILS[kind]
        self._stencil = a, b, c / self.sampling
        self._edges, self._adjoint_edges = edge_rows(dims[self.axis], a, b, boundary)

    def _apply(self, x: Any, out: Any) -> Any:
        a, b, c = self._stencil
        return difference(x, out, self.axis, b, a, c, self._edges)

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        a, b, c = self._stencil
        return difference(y, out, self.axis, -b, -a, c, self._adjoint_edges)

    def symbol(self, transform: Any) -> Any:
        fits = isinstance(transform, Fourier) and transform.dims == self.dims and self.axis in transform.axes
        if self.boundary != "periodic" or not fits:
            return None
        a, b, c = self._stencil
        omega = transform.frequencies(self.axis)
        return c * (np.exp(1j * b * omega) - np.exp(1j * a * omega))

    def norm_bound(self) -> float:
        # each tap of the stencil repeats an edge sample once at most
        c = self._stencil[2]
        return c * (2.0 if self.boundary in ("periodic", "zero") else 1 + np.sqrt(2))

    def __repr__(self) -> str:
        return f"∂{self.axis}({'×'.join(map(str, self.dims))}, {self.boundary}, {self.kind})"


class Gradient(Stack):
    r"""The first derivatives along several axes, stacked.

    .. math:: D x = (\partial_a x)_{a \in \text{axes}}

    Parameters
    ----------
    dims : tuple of int, or a blur
        Shape of x. Of a blur `dims`, `axes` and the matching boundary are taken: its own, or periodic on its grid
        where that is unknown. This keeps a transform that diagonalises both.
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
        if hasattr(dims, "matvec"):
            A, dims = dims, tuple(dims.dims)
            axes = getattr(A, "axes", None) if axes is None else axes
            own = getattr(A, "boundary", "periodic")
            boundary = ("periodic" if own == "unknown" else own) if boundary is None else boundary
        if boundary is None:
            raise ValueError(f"boundary is missing; give one of {', '.join(map(repr, _WORDS))}")
        dims = read_dims(dims)
        axes = read_ordered_axes(axes, len(dims))
        given: Any = sampling
        steps = [read_spacing(s) for s in (given if np.iterable(given) and not isinstance(given, str) else (given,))]
        if len(steps) not in (1, len(axes)):
            raise ValueError(f"sampling is {sampling!r}; give one distance, or one for each of axes {axes}")
        steps = steps * len(axes) if len(steps) == 1 else steps
        super().__init__(
            [FirstDerivative(dims, axis, boundary=boundary, sampling=s, kind=kind) for axis, s in zip(axes, steps, strict=True)]
        )
        self.axes, self.boundary, self.sampling, self.kind = axes, boundary, tuple(steps), kind

    def __repr__(self) -> str:
        return f"∇({'×'.join(map(str, self.dims))}, axes {self.axes}, {self.boundary}, {self.kind})"


def _read_edge(boundary: str) -> str:
    if boundary == "unknown":
        raise ValueError(
            "boundary is 'unknown'; a derivative lives on the grid of x: give 'periodic', or take Gradient(A) of the blur"
        )
    return read_choice(boundary, _WORDS, "boundary")
