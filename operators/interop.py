"""The entrance for operators from elsewhere: PyLops, SciPy, matrices, and pairs of functions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pylops
import scipy.sparse.linalg
from pylops import linearoperator as combinators

from . import structure
from ._arguments import read_dims, read_dtype, read_function
from ._namespace import asarray, is_array, library, require_numpy
from .base import ImageGrid, Operator
from .grids import image_grid


class Foreign(Operator):
    """An operator that has `matvec` and `rmatvec` on flat vectors, made to keep shape and precision."""

    def __init__(self, op: Any, dims: tuple[int, ...], dimsd: tuple[int, ...]) -> None:
        super().__init__(dims, dimsd, op.dtype if op.dtype is not None else np.float64)
        self.op = op
        self._own = not _is_a_librarys(op)
        self.ffts = structure.ffts(op)

    def _apply(self, x: Any, out: Any) -> Any:
        self._require_its_library(x)
        return _fit(_in_parts(self.op.matvec, x.ravel(), self.dtype, self._own), x, self.dimsd, out, self._own)

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        self._require_its_library(y)
        try:
            x = _in_parts(self.op.rmatvec, y.ravel(), self.dtype, self._own)
        except NotImplementedError:
            raise TypeError(
                f"{self!r} has no adjoint, which solvers need; give it rmatvec, or take from_functions(forward, adjoint, dims)"
            ) from None
        return _fit(x, y, self.dims, out, self._own)

    def _require_its_library(self, x: Any) -> None:
        if isinstance(self.op, scipy.sparse.linalg.LinearOperator):
            require_numpy(repr(self), x)

    def symbol(self, transform: Any) -> Any:
        return structure.symbol(self.op, transform)

    def gram_symbol(self, transform: Any) -> Any:
        return structure.gram_symbol(self.op, transform)

    def split(self) -> tuple[Any, Any] | None:
        return structure.split(self.op)

    def norm_bound(self) -> float | None:
        return structure.norm_bound(self.op)

    def image_grid(self, behind: ImageGrid | None = None) -> ImageGrid | None:
        return image_grid(self.op, behind)

    def rows(self) -> list[Any] | None:
        """Return the operators whose results it gives, one after the other; None for what is no such stack."""
        return structure.rows(self.op)

    def __repr__(self) -> str:
        return f"{type(self.op).__name__.strip('_')}({'×'.join(map(str, self.dims))} → {'×'.join(map(str, self.dimsd))})"


class RealLinear(Foreign):
    """A foreign operator that is linear over the real numbers only: it takes, or gives, the real part of complex ones.

    On real arrays its adjoint is the one under Re⟨·, ·⟩, and so it is here on complex ones: a real side sees their real parts.
    """

    def __init__(self, op: Any, dims: tuple[int, ...], dimsd: tuple[int, ...], real: tuple[bool, bool]) -> None:
        super().__init__(op, dims, dimsd)
        self.dtype: Any = np.result_type(op.dtype, np.complex64)
        self.clinear = False
        #: whether arguments and whether results are real
        self.real = real

    def _apply(self, x: Any, out: Any) -> Any:
        self._require_its_library(x)
        return _fit(self.op.matvec((x.real if self.real[0] else x).ravel()), x, self.dimsd, out)

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        self._require_its_library(y)
        return _fit(self.op.rmatvec((y.real if self.real[1] else y).ravel()), y, self.dims, out)


class FunctionOperator(Operator):
    """A pair of functions as an operator; made by `from_functions`."""

    def __init__(self, forward: Callable[[Any], Any], adjoint: Callable[[Any], Any], dims: Any, dimsd: Any, dtype: Any) -> None:
        super().__init__(dims, dimsd, dtype)
        self.forward = forward
        self.adjoint_function = adjoint

    def _apply(self, x: Any, out: Any) -> Any:
        return _fit(_in_parts(self.forward, x, self.dtype, own=True), x, self.dimsd, out, own=True)

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        return _fit(_in_parts(self.adjoint_function, y, self.dtype, own=True), y, self.dims, out, own=True)

    def __repr__(self) -> str:
        return (
            f"{getattr(self.forward, '__name__', 'function')}({'×'.join(map(str, self.dims))} → {'×'.join(map(str, self.dimsd))})"
        )


def from_functions(
    forward: Callable[[Any], Any],
    adjoint: Callable[[Any], Any],
    dims: tuple[int, ...],
    dimsd: tuple[int, ...] | None = None,
    dtype: Any = np.float64,
) -> Operator:
    """Make an operator of two functions.

    Parameters
    ----------
    forward : callable
        Takes an array of shape `dims`, returns A x of shape `dimsd`.
    adjoint : callable
        Takes an array of shape `dimsd`, returns Aᴴ y of shape `dims`.
    dims : tuple of int
    dimsd : tuple of int, optional
        By default `dims`.
    dtype : dtype, optional
        A complex one if the functions turn real arrays into complex ones.

    Returns
    -------
    Operator

    Raises
    ------
    TypeError
        If one of the two is not callable.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import from_functions
    >>> flip = from_functions(np.flipud, np.flipud, dims=(2, 2))
    >>> (flip @ np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[3.0, 4.0], [1.0, 2.0]]
    """
    for name, function in (("forward", forward), ("adjoint", adjoint)):
        read_function(function, name, "a function of one array")
    read = read_dims(dims)
    return FunctionOperator(forward, adjoint, read, read if dimsd is None else read_dims(dimsd, "dimsd"), read_dtype(dtype))


def aslinearoperator(A: Any, name: str = "A") -> Operator:
    """Return `A` as an operator that has `apply` and `apply_adjoint` on n-D arrays.

    Parameters
    ----------
    A : operator or matrix
        One of ours is returned as it is. PyLops and SciPy operators, sparse and dense matrices, and any object
        with `shape`, `dtype`, `matvec` and `rmatvec` are wrapped; matrices are copied, operators are not. Their `dims` and
        `dimsd` are kept if they have them, and so are the methods by which they tell their structure.

    name : str
        What errors call it.

    Returns
    -------
    Operator

    Raises
    ------
    TypeError
        If `A` is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import aslinearoperator
    >>> aslinearoperator(np.eye(2)).apply(np.array([1.0, 2.0]))
    array([1., 2.])
    """
    if isinstance(A, Operator):
        return A
    if isinstance(A, type):
        raise TypeError(f"{name} is the class {A.__name__}; give an operator, {A.__name__}(...)")
    if is_array(A) and not isinstance(A, np.ndarray):
        raise TypeError(
            f"{name} is a matrix of {library(A)}; give from_functions(lambda x: A @ x, lambda y: A.conj().T @ y, dims, dimsd)"
        )
    if isinstance(A, np.ndarray) and A.ndim != 2:
        raise TypeError(f"{name} is an array of shape {A.shape}; a matrix has two dimensions")
    sparse: bool = scipy.sparse.issparse(A)
    if isinstance(A, np.ndarray) or sparse:
        if A.dtype.kind not in "biufc":
            raise TypeError(f"{name} is a matrix of dtype {A.dtype}; give one of numbers")
        # what is written to it afterwards changes no answer
        A = scipy.sparse.linalg.aslinearoperator(A.copy())
    missing = [part for part in ("shape", "dtype") if not hasattr(A, part)]
    missing += [part for part in ("matvec", "rmatvec") if not callable(getattr(A, part, None))]
    if missing:
        raise TypeError(
            f"{name} is {type(A).__name__}, which has no {', '.join(missing)}; give an operator, a matrix, or from_functions(...)"
        )
    dims = tuple(map(int, getattr(A, "dims", (A.shape[1],))))
    dimsd = tuple(map(int, getattr(A, "dimsd", (A.shape[0],))))
    if not _is_real_linear(A):
        return Foreign(A, dims, dimsd)
    real = _real_sides(A)
    return Foreign(A, dims, dimsd) if all(real) else RealLinear(A, dims, dimsd, real)


def _is_real_linear(A: Any) -> bool:
    """Return whether an operator of PyLops's, or one that it is made of, takes real parts; PyLops does not always tell."""
    if not getattr(A, "clinear", True) or isinstance(A, combinators._RealImagLinearOperator):
        return True
    parts = (*getattr(A, "ops", ()), *getattr(A, "args", ()), getattr(A, "Op", None), getattr(A, "op", None))
    return any(_is_real_linear(B) for B in parts if hasattr(B, "matvec"))


def _real_sides(A: Any) -> tuple[bool, bool]:
    r"""Return whether such an operator's arguments and results are real; refuse one without a true adjoint.

    .. math:: \operatorname{Re} \langle A x, y \rangle = \operatorname{Re} \langle x, A^H y \rangle

    It is put to random arrays, since PyLops's ``toreal`` and ``toimag`` keep this in some of their forms only.
    """
    rng = np.random.default_rng(0)

    def draw(n: int, real: bool) -> Any:
        return rng.standard_normal(n) if real else rng.standard_normal(n) + 1j * rng.standard_normal(n)

    given = np.dtype(A.dtype).kind != "c"
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            takes_real = not np.iscomplexobj(A.rmatvec(draw(A.shape[0], given)))
            Ax = A.matvec(x := draw(A.shape[1], takes_real))
            gives_real = not np.iscomplexobj(Ax)
            By = A.rmatvec(y := draw(A.shape[0], gives_real))
        except np.exceptions.ComplexWarning as drops:
            raise TypeError(
                f"A is {type(A).__name__}, declared as {A.dtype}, and drops imaginary parts; declare it, or what it is made of, "
                "as complex, with dtype=complex"
            ) from drops
    left, right = np.vdot(Ax, y).real, np.vdot(x, By).real
    if abs(left - right) > 1e-3 * np.linalg.norm(Ax) * np.linalg.norm(y):
        raise TypeError(
            f"A is {type(A).__name__}, linear over the real numbers only, and its rmatvec is not its adjoint under Re⟨·, ·⟩: "
            f"Re⟨A x, y⟩ = {left:.6g}, but Re⟨x, Aᴴ y⟩ = {right:.6g}; for the real part of results take A.toreal(), for real "
            "arguments A.toreal(forw=False), or give from_functions(forward, adjoint, ...)"
        )
    return takes_real, gives_real


def _is_a_librarys(op: Any) -> bool:
    """Return whether no function of a user's own is in an operator: it neither writes to its argument nor keeps its result."""
    if isinstance(op, Operator):
        return not op._theirs
    known = type(op).__module__.partition(".")[0] in ("pylops", "scipy")
    if not known or isinstance(op, pylops.FunctionOperator) or type(op).__name__ == "_CustomLinearOperator":
        return False
    inner = (*getattr(op, "args", ()), *getattr(op, "ops", ()), getattr(op, "Op", None))
    return all(_is_a_librarys(B) for B in inner if hasattr(B, "matvec"))


def _in_parts(function: Callable[[Any], Any], x: Any, declared: Any, own: bool) -> Any:
    """Return A x of a function that may be a user's own, which is then handed a copy."""
    if x.dtype.kind != "c" or declared.kind == "c":
        return function(x.copy() if own else x)
    # many a real operator drops the imaginary part, or refuses it
    return function(x.real.copy()) + 1j * function(x.imag.copy())


def _fit(y: Any, like: Any, shape: tuple[int, ...], out: Any, own: bool = False) -> Any:
    """Give a foreign result its shape and the precision of the argument."""
    y = asarray(y, like, "the result of an operator")
    if y.size != np.prod(shape):
        raise ValueError(f"an operator gave an array of shape {y.shape} where {shape} was declared; mend its dims or dimsd")
    if y.dtype.kind == "c" and like.dtype.kind != "c":
        raise TypeError(f"an operator gave {y.dtype} for {like.dtype}; declare it as complex, with dtype=complex")
    y = y.reshape(shape)
    if out is None:
        # the result may be a view of the argument, or a buffer that a user's own function uses again
        return y.astype(like.dtype, copy=own or np.may_share_memory(y, like))
    out[...] = y
    return out
