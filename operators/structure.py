"""What an operator says of its own structure, seen through PyLops's sums, products, scalings, adjoints and stacks.

Solvers ask here and never look at classes. An operator answers by plain methods (`Operator` shows them); for the
combinators that PyLops builds around operators the answers follow by algebra:

=============  ==============================  =================================
operator       symbol s                        Gram symbol g (of AᴴA)
=============  ==============================  =================================
α A            α s(A)                          abs(α)² g(A)
A + B          s(A) + s(B)                     abs(s)² (a Gram has cross terms)
A B            s(A) s(B)                       g(A) abs(s(B))²
Aᵖ             s(A)ᵖ                           abs(s)²
Aᴴ             conj s(A)                       abs(s(A))²
VStack(Aᵢ)     none                            Σ g(Aᵢ)
=============  ==============================  =================================

What cannot be told is None, and is solved iteratively.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
import pylops
from pylops import linearoperator as combinators
from pylops.signalprocessing._baseffts import _BaseFFT, _BaseFFTND
from scipy.signal import choose_conv_method

from ._backend import working_dtype
from .base import Identity
from .transforms import Fourier


def symbol(A: Any, transform: Any) -> Any:
    """Return the eigenvalues of A where `transform` diagonalises it, broadcastable to `transform.shape`; else None."""
    if _halves(transform, A.dtype):
        return None
    return A.symbol(transform) if hasattr(A, "symbol") else _symbol(A, transform)


def gram_symbol(A: Any, transform: Any) -> Any:
    """Return the eigenvalues of AᴴA, real and not negative, where `transform` diagonalises it; else None."""
    return A.gram_symbol(transform) if hasattr(A, "gram_symbol") else _gram(A, transform)


def split(A: Any) -> tuple[Any, Any] | None:
    """Return (M, K) with A = M K, where M selects samples and some transform diagonalises K; else None."""
    return A.split() if hasattr(A, "split") else _split(A)


def norm_bound(A: Any) -> float | None:
    """Return an upper bound of the operator norm of A where one is cheap; else None."""
    return A.norm_bound() if hasattr(A, "norm_bound") else _norm(A)


def rows(A: Any) -> list[Any] | None:
    """Return the operators whose results A gives, one after the other; None for what is no such stack."""
    return A.rows() if hasattr(A, "rows") else _rows(A)


def ffts(A: Any) -> int:
    """Return the number of FFTs that one apply of A takes, as far as is known."""
    return int(A.ffts) if hasattr(A, "ffts") else _ffts(A)


def _halves(transform: Any, dtype: Any) -> bool:
    """Return whether the transform keeps half a spectrum, which is not all of it where results are of a complex type."""
    return isinstance(transform, Fourier) and transform.real and np.dtype(dtype).kind == "c"


def _all(values: list[Any]) -> list[Any] | None:
    return None if any(v is None for v in values) else values


# -- symbols ----------------------------------------------------------------------------------------


@singledispatch
def _symbol(A: Any, transform: Any) -> Any:
    return None


@_symbol.register
def _(A: combinators._ScaledLinearOperator, transform: Any) -> Any:
    s = symbol(A.args[0], transform)
    return None if s is None else A.args[1] * s


@_symbol.register
def _(A: combinators._SumLinearOperator, transform: Any) -> Any:
    parts = _all([symbol(B, transform) for B in A.args])
    return None if parts is None else parts[0] + parts[1]


@_symbol.register
def _(A: combinators._ProductLinearOperator, transform: Any) -> Any:
    parts = _all([symbol(B, transform) for B in A.args])
    return None if parts is None else parts[0] * parts[1]


@_symbol.register
def _(A: combinators._PowerLinearOperator, transform: Any) -> Any:
    s = symbol(A.args[0], transform)
    return None if s is None else s ** A.args[1]


@_symbol.register
def _(A: combinators._AdjointLinearOperator, transform: Any) -> Any:
    s = symbol(A.args[0], transform)
    return None if s is None else np.conj(s)


@_symbol.register
def _(A: pylops.Identity, transform: Any) -> Any:
    square = A.shape[0] == A.shape[1] == np.prod(transform.dims)
    return np.ones((1,) * len(transform.dims)) if square else None


@_symbol.register
def _(A: pylops.Diagonal, transform: Any) -> Any:
    diagonal = _diagonal(A)
    if A.shape[1] != np.prod(transform.dims) or not (diagonal == diagonal[0]).all() or _halves(transform, diagonal.dtype):
        return None
    return np.full((1,) * len(transform.dims), diagonal[0])


# -- Gram symbols -----------------------------------------------------------------------------------


@singledispatch
def _gram(A: Any, transform: Any) -> Any:
    s = symbol(A, transform)
    return None if s is None else np.abs(s) ** 2


@_gram.register
def _(A: combinators._ScaledLinearOperator, transform: Any) -> Any:
    g = gram_symbol(A.args[0], transform)
    return None if g is None else abs(A.args[1]) ** 2 * g


@_gram.register
def _(A: combinators._ProductLinearOperator, transform: Any) -> Any:
    outer, inner = A.args
    s = symbol(inner, transform)
    g = None if s is None else gram_symbol(outer, transform)
    return None if g is None else g * np.abs(s) ** 2


@_gram.register
def _(A: pylops.VStack, transform: Any) -> Any:
    parts = _all([gram_symbol(B, transform) for B in A.ops])
    return None if parts is None else sum(parts)


# -- splits -----------------------------------------------------------------------------------------


@singledispatch
def _split(A: Any) -> tuple[Any, Any] | None:
    return None


@_split.register
def _(A: combinators._ScaledLinearOperator) -> tuple[Any, Any] | None:
    parts = split(A.args[0])
    return None if parts is None else (parts[0], parts[1] * A.args[1])


@_split.register
def _(A: combinators._ProductLinearOperator) -> tuple[Any, Any] | None:
    outer, inner = A.args
    parts = split(outer)
    if parts is None:
        return None
    # a selection of a selection is one selection, which leaves the inner operator's diagonal part by itself
    within = split(inner) if isinstance(parts[1], Identity) else None
    return (parts[0], parts[1] * inner) if within is None else (parts[0] * within[0], within[1])


@_split.register
def _(A: pylops.Restriction) -> tuple[Any, Any] | None:
    return (A, Identity(A.dims)) if _keeps_each_once(A) else None


@_split.register
def _(A: pylops.Diagonal) -> tuple[Any, Any] | None:
    selects = np.isin(_diagonal(A), (0, 1)).all()
    return (A, Identity(A.dims)) if selects else None


# -- norms ------------------------------------------------------------------------------------------


@singledispatch
def _norm(A: Any) -> float | None:
    return None


@_norm.register
def _(A: combinators._ScaledLinearOperator) -> float | None:
    n = norm_bound(A.args[0])
    return None if n is None else abs(A.args[1]) * n


@_norm.register
def _(A: combinators._SumLinearOperator) -> float | None:
    parts = _all([norm_bound(B) for B in A.args])
    return None if parts is None else float(sum(parts))


@_norm.register
def _(A: combinators._ProductLinearOperator) -> float | None:
    parts = _all([norm_bound(B) for B in A.args])
    return None if parts is None else float(np.prod(parts))


@_norm.register
def _(A: combinators._PowerLinearOperator) -> float | None:
    n = norm_bound(A.args[0])
    return None if n is None else n ** A.args[1]


@_norm.register(combinators._AdjointLinearOperator)
@_norm.register(combinators._TransposedLinearOperator)
def _(A: Any) -> float | None:
    return norm_bound(A.args[0])


@_norm.register
def _(A: pylops.VStack) -> float | None:
    parts = _all([norm_bound(B) for B in A.ops])
    return None if parts is None else float(np.sqrt(np.sum(np.square(parts))))


@_norm.register
def _(A: pylops.Identity) -> float | None:
    return 1.0


@_norm.register
def _(A: pylops.Restriction) -> float | None:
    return 1.0 if _keeps_each_once(A) else None


def _keeps_each_once(A: pylops.Restriction) -> bool:
    return np.unique(A.iava).size == np.size(A.iava)


@_norm.register
def _(A: pylops.Diagonal) -> float | None:
    return float(np.abs(_diagonal(A)).max())


def _diagonal(A: pylops.Diagonal) -> Any:
    """Return what it multiplies by, one number for each sample or one for all, as floating-point numbers: it may be a mask."""
    diagonal = np.ravel(A.diag)
    return diagonal.astype(working_dtype(diagonal.dtype), copy=False)


# -- stacks -----------------------------------------------------------------------------------------


@singledispatch
def _rows(A: Any) -> list[Any] | None:
    return None


@_rows.register
def _(A: pylops.VStack) -> list[Any] | None:
    return list(A.ops)


@_rows.register
def _(A: pylops.Gradient) -> list[Any] | None:
    return rows(A.Op)


@_rows.register
def _(A: combinators._ScaledLinearOperator) -> list[Any] | None:
    parts = rows(A.args[0])
    return None if parts is None else [A.args[1] * B for B in parts]


@_rows.register
def _(A: combinators._ProductLinearOperator) -> list[Any] | None:
    parts = rows(A.args[0])
    return None if parts is None else [B * A.args[1] for B in parts]


# -- FFTs -------------------------------------------------------------------------------------------


@singledispatch
def _ffts(A: Any) -> int:
    method = getattr(A, "method", None)
    if method is not None and hasattr(A, "h"):
        # of a line PyLops leaves the choice to SciPy; that of its kernel is taken anew each time
        chosen = choose_conv_method(np.broadcast_to(0.0, A.dims), A.h, "same") if method == "auto" or len(A.dims) == 1 else method
        return 3 if chosen == "fft" else 0
    # what PyLops makes of operators holds them by these names
    parts = (*getattr(A, "ops", ()), *getattr(A, "args", ()), getattr(A, "Op", None))
    return sum(ffts(B) for B in parts if hasattr(B, "matvec"))


@_ffts.register
def _(A: combinators._PowerLinearOperator) -> int:
    return int(A.args[1]) * ffts(A.args[0])


@_ffts.register(_BaseFFT)
@_ffts.register(_BaseFFTND)
@_ffts.register(pylops.signalprocessing.DCT)
def _(A: Any) -> int:
    return 1
