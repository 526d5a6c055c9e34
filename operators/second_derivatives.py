"""Second derivatives by differences, their sum and the stack of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ._arguments import read_axes, read_choice, read_dims, read_spacing
from .base import Operator
from .derivatives import FirstDerivative
from .stack import Stack
from .stencils import Stencil, read_grid, read_spacings

# kind: the weight of each offset
_STENCILS = {"forward": {0: 1, 1: -2, 2: 1}, "centered": {-1: 1, 0: -2, 1: 1}, "backward": {-2: 1, -1: -2, 0: 1}}


class SecondDerivative(Stencil):
    r"""The second derivative along one axis, by differences.

    .. math:: (D x)_i = \frac{x_{i-1} - 2 x_i + x_{i+1}}{s^2} \;\text{(centered)}, \quad
              \frac{x_i - 2 x_{i+1} + x_{i+2}}{s^2} \;\text{(forward)}, \quad
              \frac{x_{i-2} - 2 x_{i-1} + x_i}{s^2} \;\text{(backward)}

    Parameters
    ----------
    dims : tuple of int
        Shape of x, and of the result.
    axis : int
    boundary : {"periodic", "zero", "reflect", "mirror", "nearest"}
        What x is beyond its edges; as for `FirstDerivative`.
    sampling : float
        The distance s between samples.
    kind : {"centered", "forward", "backward"}

    Raises
    ------
    ValueError
        If an argument is not one of those above.

    Notes
    -----
    One pass over memory, in pieces that stay in the cache. Diagonal in the Fourier transform where the boundary is
    periodic; in the cosine transform where it is reflect, if centered.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import SecondDerivative
    >>> SecondDerivative((4,), 0, boundary="reflect").apply(np.array([0.0, 1.0, 4.0, 9.0]))
    array([ 1.,  2.,  2., -5.])
    """

    def __init__(self, dims: Any, axis: int, *, boundary: str, sampling: float = 1.0, kind: str = "centered") -> None:
        self.kind = read_choice(kind, tuple(_STENCILS), "kind")
        self.sampling = read_spacing(sampling)
        super().__init__(dims, axis, boundary=boundary, taps=_STENCILS[kind], scale=1 / self.sampling**2)

    def __repr__(self) -> str:
        return f"∂{self.axis}²({'×'.join(map(str, self.dims))}, {self.boundary}, {self.kind})"


class MixedDerivative(Operator):
    r"""The second derivative along two different axes, by differences along the one and then the other.

    .. math:: D x = w \, \partial_a \partial_b x

    Parameters
    ----------
    dims : tuple of int
        Shape of x, and of the result.
    axes : tuple of two int
        The axes a and b.
    boundary : {"periodic", "zero", "reflect", "mirror", "nearest"}
        What x is beyond its edges; as for `FirstDerivative`.
    sampling : float or sequence of float
        Distance between samples, one for both axes or one for each, in the order of `axes`.
    kind : {"forward", "backward", "centered"}
    weight : float
        The factor w.

    Raises
    ------
    ValueError
        If an argument does not fit.

    Notes
    -----
    Two passes over memory, with one image between them.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import MixedDerivative
    >>> i, j = np.indices((3, 3))
    >>> MixedDerivative((3, 3), (0, 1), boundary="nearest").apply(i * j).tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """

    def __init__(
        self,
        dims: Any,
        axes: Sequence[int],
        *,
        boundary: str,
        sampling: float | Sequence[float] = 1.0,
        kind: str = "forward",
        weight: float = 1.0,
    ) -> None:
        dims = read_dims(dims)
        self.axes = read_axes(axes, len(dims))
        if len(self.axes) != 2:
            raise ValueError(f"axes is {axes!r}; a mixed derivative takes two: for one there is SecondDerivative")
        super().__init__(dims, dims)
        self.boundary, self.kind, self.weight = boundary, kind, float(weight)
        self.sampling = read_spacings(sampling, self.axes)
        self.outer, self.inner = (
            FirstDerivative(dims, a, boundary=boundary, sampling=s, kind=kind)
            for a, s in zip(self.axes, self.sampling, strict=True)
        )
        self.outer.scale *= self.weight

    def _apply(self, x: Any, out: Any) -> Any:
        return self.outer._apply(self.inner._apply(x, None), out)

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        return self.inner._apply_adjoint(self.outer._apply_adjoint(y, None), out)

    def _add_adjoint(self, y: Any, out: Any) -> None:
        self.inner._add_adjoint(self.outer._apply_adjoint(y, None), out)

    def symbol(self, transform: Any) -> Any:
        parts = [D.symbol(transform) for D in (self.outer, self.inner)]
        return None if any(s is None for s in parts) else parts[0] * parts[1]

    def gram_symbol(self, transform: Any) -> Any:
        # along different axes they commute, and so do their Gram operators
        parts = [D.gram_symbol(transform) for D in (self.outer, self.inner)]
        return None if any(g is None for g in parts) else parts[0] * parts[1]

    def norm_bound(self) -> float:
        return self.outer.norm_bound() * self.inner.norm_bound()

    def __repr__(self) -> str:
        factor = "" if self.weight == 1 else f"{self.weight:.4g} "
        return f"{factor}∂{self.axes[0]}∂{self.axes[1]}({'×'.join(map(str, self.dims))}, {self.boundary}, {self.kind})"


class Laplacian(Operator):
    r"""The sum of the second derivatives along several axes.

    .. math:: \Delta x = \sum_{a \in \text{axes}} \partial_a^2 x

    Parameters
    ----------
    dims : tuple of int, or a blur
        Shape of x, and of the result. Of a blur `dims`, `axes` and the matching boundary are taken, as by `Gradient`.
    boundary : {"periodic", "zero", "reflect", "mirror", "nearest"}
        To be given unless `dims` is a blur.
    axes : int or tuple of int, optional
        By default all, or the blur's.
    sampling : float or sequence of float
        Distance between samples, one for all axes or one for each.
    kind : {"centered", "forward", "backward"}

    Raises
    ------
    ValueError
        If an argument does not fit.

    Notes
    -----
    One pass over memory for each axis, into one output. Diagonal in the Fourier transform where the boundary is periodic,
    in the cosine transform where it is reflect, if centered.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import Laplacian
    >>> point = np.zeros((3, 3))
    >>> point[1, 1] = 1
    >>> Laplacian((3, 3), boundary="periodic").apply(point).tolist()
    [[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]
    """

    def __init__(
        self,
        dims: Any,
        *,
        boundary: str | None = None,
        axes: int | Sequence[int] | None = None,
        sampling: float | Sequence[float] = 1.0,
        kind: str = "centered",
    ) -> None:
        dims, self.boundary, self.axes = read_grid(dims, boundary, axes)
        super().__init__(dims, dims)
        self.sampling, self.kind = read_spacings(sampling, self.axes), kind
        self.terms = [
            SecondDerivative(dims, axis, boundary=self.boundary, sampling=s, kind=kind)
            for axis, s in zip(self.axes, self.sampling, strict=True)
        ]

    def _apply(self, x: Any, out: Any) -> Any:
        first, *others = self.terms
        out = first._apply(x, out)
        for D in others:
            D._add(x, out)
        return out

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        first, *others = self.terms
        out = first._apply_adjoint(y, out)
        for D in others:
            D._add_adjoint(y, out)
        return out

    def symbol(self, transform: Any) -> Any:
        parts = [D.symbol(transform) for D in self.terms]
        return None if any(s is None for s in parts) else sum(parts)

    def norm_bound(self) -> float:
        return sum(D.norm_bound() for D in self.terms)

    def __repr__(self) -> str:
        return f"Δ({'×'.join(map(str, self.dims))}, axes {self.axes}, {self.boundary}, {self.kind})"


class Hessian(Stack):
    r"""All second derivatives along several axes, stacked, so that the norm of a sample is that of its Hessian matrix.

    .. math:: H x = \big( (\partial_a^2 x)_{a}, \; (\sqrt 2 \, \partial_a \partial_b x)_{a < b} \big), \qquad
              \sum_c |(H x)_{c}|^2 = \sum_{a, b} |\partial_a \partial_b x|^2

    Parameters
    ----------
    dims : tuple of int, or a blur
        Shape of x. Of a blur `dims`, `axes` and the matching boundary are taken, as by `Gradient`.
    boundary : {"periodic", "zero", "reflect", "mirror", "nearest"}
        To be given unless `dims` is a blur.
    axes : int or tuple of int, optional
        By default all, or the blur's. Components come in the order in which the axes are named.
    sampling : float or sequence of float
        Distance between samples, one for all axes or one for each.
    kind : {"forward", "backward", "centered"}
        Of the mixed ones too: centred they do not see a checkerboard.

    Raises
    ------
    ValueError
        If an argument does not fit.

    Notes
    -----
    For d axes the result has shape ``(d (d + 1) / 2, *dims)``: first the d pure derivatives, then the mixed ones in the
    order (0, 1), (0, 2), …, (1, 2), …. The sum of its magnitudes is the Hessian–Frobenius prior of [1]_, which
    favours planes as total variation favours constants.

    References
    ----------
    .. [1] S. Lefkimmiatis, A. Bourquard, M. Unser, "Hessian-based norm regularization for image restoration with
       biomedical applications", IEEE Transactions on Image Processing 21 (2012) 983–995.

    Examples
    --------
    >>> from unblur.operators import Blur, Hessian
    >>> A = Blur([[0.25, 0.5, 0.25]], (60, 61, 3), boundary="periodic", axes=(0, 1))
    >>> Hessian(A).dimsd
    (3, 60, 61, 3)
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
        step = dict(zip(axes, steps, strict=True))
        pure = [SecondDerivative(dims, a, boundary=boundary, sampling=step[a], kind=kind) for a in axes]
        mixed = [
            MixedDerivative(dims, (a, b), boundary=boundary, sampling=(step[a], step[b]), kind=kind, weight=np.sqrt(2))
            for a, b in combinations(axes, 2)
        ]
        super().__init__([*pure, *mixed])
        self.axes, self.boundary, self.sampling, self.kind = axes, boundary, steps, kind

    def __repr__(self) -> str:
        return f"∇∇ᵀ({'×'.join(map(str, self.dims))}, axes {self.axes}, {self.boundary}, {self.kind})"
