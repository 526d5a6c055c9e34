"""Sums and updates of vectors of any shape: those that solvers of linear systems are made of.

Sums accumulate in float64 whatever the type of the arrays. Long arrays of NumPy's go through compiled kernels, others through
their library.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

#: the types that kernels take, each with the real one that it is made of
_REAL = {np.dtype(c): np.empty(0, c).real.dtype for c in "fdFD"}

# where the call of a kernel costs less than what it saves
_LONG = 1 << 14


def runs(*arrays: Any) -> list[Any] | None:
    """Return each array as one run of real numbers in memory, where kernels take them all and are worth their call; else None."""
    first = arrays[0]
    if type(first) is not np.ndarray or first.size < _LONG or first.dtype not in _REAL:
        return None
    for a in arrays:
        if type(a) is not np.ndarray or a.dtype != first.dtype or a.shape != first.shape or not a.flags.c_contiguous:
            return None
    return [a.reshape(-1).view(_REAL[first.dtype]) for a in arrays]


def sum_of_squares(x: Any, weights: Any = None) -> float:
    """Return Σ w|x|², accumulated in float64 whatever the type of `x`, without a copy of it."""
    if weights is None:
        return inner(x, x)
    found = runs(x, weights)
    if found is not None and x.dtype.kind == "f":
        from . import _vector_kernels as kernels

        return _total(kernels.weighted_squares, *found)
    flat, w = np.ravel(x), np.ravel(weights)
    parts = (flat.real, flat.imag) if flat.dtype.kind == "c" else (flat,)
    return float(sum(np.einsum("i,i,i->", w, p, p, dtype=np.float64) for p in parts))


def inner(x: Any, y: Any) -> float:
    """Return the real part of ⟨x, y⟩, accumulated in float64 whatever the type of the two, without a copy of them."""
    found = runs(x, y)
    if found is not None:
        from . import _vector_kernels as kernels

        return _total(kernels.products, *found)
    a, b = np.ravel(x), np.ravel(y)
    pairs = ((a.real, b.real), (a.imag, b.imag)) if a.dtype.kind == "c" else ((a, b),)
    return float(sum(np.einsum("i,i->", p, q, dtype=np.float64) for p, q in pairs))


def axpby(a: float, x: Any, b: float, y: Any, work: Any) -> None:
    """Replace y by a x + b y; `work`, like y, is for where there is no kernel, and may be x."""
    if _axpby(a, x, b, y) is None:
        _generic_axpby(a, x, b, y, work)


def axpby_norm(a: float, x: Any, b: float, y: Any, work: Any) -> float:
    """As `axpby`, and return ‖y‖."""
    squares = _axpby(a, x, b, y)
    if squares is None:
        _generic_axpby(a, x, b, y, work)
        squares = sum_of_squares(y)
    return math.sqrt(squares)


def _axpby(a: float, x: Any, b: float, y: Any) -> float | None:
    """Replace y by a x + b y, and return ‖y‖², where there is a kernel for it; else do nothing."""
    found = runs(x, y)
    if found is None:
        return None
    from . import _vector_kernels as kernels

    real = found[0].dtype.type
    return _total(kernels.axpby, *found, real(a), real(b))


def _generic_axpby(a: float, x: Any, b: float, y: Any, work: Any) -> None:
    if b != 1:
        y *= b
    y += x if a == 1 else np.multiply(x, a, out=work)


def _total(kernel: Any, *arguments: Any) -> float:
    """Run a kernel that leaves a sum for each slab, and return that of all."""
    from ._compiled import over_slabs
    from ._vector_kernels import SLAB

    sums = np.empty(-(-arguments[0].size // SLAB))
    over_slabs(kernel, sums.size, *arguments, sums)
    return float(sums.sum())
