"""Several operators on one array, their results stacked along a new first axis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from . import structure
from ._namespace import namespace
from ._planes import PlaneGradient
from ._vectors import runs
from .base import ImageGrid, Operator
from .grids import agreed
from .interop import aslinearoperator


class Stack(Operator):
    r"""Several operators on one x, their results along a new first axis.

    .. math:: (A x)_i = A_i x

    Parameters
    ----------
    operators : sequence of operators
        All of the same `dims` and the same `dimsd`.

    Raises
    ------
    ValueError
        If there is none, or if their shapes differ.

    Notes
    -----
    The result has shape ``(len(operators), *dimsd)``. `pylops.VStack` does the same on flat vectors.

    Examples
    --------
    >>> from unblur.operators import FirstDerivative, Stack
    >>> Stack([FirstDerivative((4, 4), axis=i, boundary="periodic") for i in (0, 1)]).dimsd
    (2, 4, 4)
    """

    def __init__(self, operators: Sequence[Any]) -> None:
        if not isinstance(operators, Iterable) or isinstance(operators, str | dict):
            raise TypeError(f"operators is {operators!r}; give a list of operators")
        self.operators = tuple(aslinearoperator(A, f"operators[{i}]") for i, A in enumerate(operators))
        shapes = {(tuple(A.dims), tuple(A.dimsd)) for A in self.operators}
        if len(shapes) != 1:
            raise ValueError(f"operators have shapes {sorted(shapes)}; give one or more, all with the same dims and dimsd")
        dims, dimsd = shapes.pop()
        kinds = np.result_type(*(A.dtype for A in self.operators))
        super().__init__(dims, (len(self.operators), *dimsd), kinds)
        self.ffts = sum(A.ffts for A in self.operators)
        if all(hasattr(A, "axes") for A in self.operators):
            self.axes: tuple[int, ...] = tuple(sorted({axis for A in self.operators for axis in A.axes}))

    def _apply(self, x: Any, out: Any) -> Any:
        out = namespace(x).empty(self.dimsd, x.dtype) if out is None else out
        for A, part in zip(self.operators, out, strict=True):
            A.apply(x, part)
        return out

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        out = self.operators[0].apply_adjoint(y[0], out)
        for A, part in zip(self.operators[1:], y[1:], strict=True):
            A._add_adjoint(part, out)
        return out

    def in_one_pass(self, x: Any) -> PlaneGradient | None:
        return None if runs(x) is None else self._plane

    @cached_property
    def _plane(self) -> PlaneGradient | None:
        if self.forward_differences is None:
            return None
        axes, scales, periodic = self.forward_differences
        first = axes[0]
        return PlaneGradient(self.dims, first, scales, periodic) if axes == (first, first + 1) else None

    def gram_symbol(self, transform: Any) -> Any:
        total: Any = 0
        for A in self.operators:
            gram = structure.gram_symbol(A, transform)
            if gram is None:
                return None
            total = total + gram
        return total

    def rows(self) -> list[Operator]:
        """Return the operators that are stacked."""
        return list(self.operators)

    def image_grid(self, behind: ImageGrid | None = None) -> ImageGrid | None:
        return agreed([A.image_grid() for A in self.operators])

    @property
    def forward_differences(self) -> tuple[tuple[int, ...], tuple[float, ...], bool] | None:
        """The axes, the scales and whether all are periodic, where all parts are forward differences; else None."""
        found = [getattr(A, "forward_differences", None) for A in self.operators]
        if None in found or len({periodic for *_, periodic in found}) != 1:  # type: ignore[misc]
            return None
        axes, scales, ends = zip(*found, strict=True)
        return sum(axes, ()), sum(scales, ()), ends[0]

    def norm_bound(self) -> float | None:
        bounds = [structure.norm_bound(A) for A in self.operators]
        return None if None in bounds else float(np.sqrt(np.sum(np.square(bounds))))  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"[{'; '.join(map(repr, self.operators))}]"
