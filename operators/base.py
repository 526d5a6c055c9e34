"""The base of every operator here: a PyLops operator that keeps shape and precision, and knows its structure."""

from __future__ import annotations

from typing import Any, Self, TypeAlias

import numpy as np
import pylops

from ._arguments import as_number, read_dims
from ._backend import working_dtype
from ._namespace import asarray, is_array, library
from ._traced import call, is_jax

#: axes, and a boundary word
ImageGrid: TypeAlias = tuple[tuple[int, ...], str]


class Operator(pylops.LinearOperator):
    """A linear operator on arrays of shape `dims`, giving arrays of shape `dimsd`.

    A subclass writes `_apply` and `_apply_adjoint` on n-D arrays; sums, products, adjoints, stacks and
    all PyLops and SciPy solvers then take it. The precision of the result follows that of the argument.

    Parameters
    ----------
    dims, dimsd : tuple of int
        Shape of the argument and of the result.
    dtype : dtype, optional
        What is declared to PyLops and SciPy. A complex one also makes every result complex.

    Notes
    -----
    `symbol`, `gram_symbol`, `split` and `norm_bound` are how an operator tells solvers what makes it easy to
    invert, `image_grid` what a prior without an operator of its own is to differentiate. Each answers None where the operator
    cannot say: a solver then iterates, and such a prior is refused. Symbols are arrays of NumPy's; solvers bring them to where
    the data are.

    Arrays of CuPy are taken like those of NumPy, and the result is of the library of the argument.
    """

    #: whether the class is a user's own, which is handed copies, since it may write to its argument
    _theirs: bool = False
    #: number of FFTs of the size of the image that one `apply` takes; plans add these up
    ffts: int = 0
    #: whether A x is x
    is_identity: bool = False
    __array_ufunc__ = None

    def __init__(self, dims: tuple[int, ...], dimsd: tuple[int, ...], dtype: Any = np.float64) -> None:
        super().__init__(dtype=np.dtype(dtype), dims=dims, dimsd=dimsd)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._theirs = not cls.__module__.startswith("unblur.")

    # -- what a subclass writes ---------------------------------------------------------------------

    def _apply(self, x: Any, out: Any) -> Any:
        """Return A x, written to `out` where that is not None."""
        raise TypeError(f"{type(self).__name__} does not define _apply; write _apply(self, x, out), which returns A x")

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        """Return Aᴴ y, written to `out` where that is not None."""
        raise TypeError(
            f"{type(self).__name__} does not define _apply_adjoint, which solvers need; write _apply_adjoint(self, y, out), "
            "which returns Aᴴ y"
        )

    def _add_adjoint(self, y: Any, out: Any) -> None:
        """Add Aᴴ y to `out`; to be overridden where this takes no array of its own."""
        out += self._apply_adjoint(y, None)

    def in_one_pass(self, x: Any) -> Any:
        """Return what measures A x, and updates by A x and by Aᴴ y, in one pass over arrays such as `x`; else None.

        That has `energy`, `update` and `update_adjoint`, as `PlaneGradient`.
        """
        return None

    def symbol(self, transform: Any) -> Any:
        """Return the eigenvalues of A where `transform` diagonalises it, broadcastable to `transform.shape`; else None."""
        return None

    def gram_symbol(self, transform: Any) -> Any:
        """Return the eigenvalues of AᴴA, real and not negative, where `transform` diagonalises it; else None."""
        symbol = self.symbol(transform)
        return None if symbol is None else np.abs(symbol) ** 2

    def split(self) -> tuple[Any, Any] | None:
        """Return (M, K) with A = M K, where M selects samples and some transform diagonalises K; else None."""
        return None

    def norm_bound(self) -> float | None:
        """Return an upper bound of the operator norm where one is cheap; else None."""
        return None

    def image_grid(self, behind: ImageGrid | None = None) -> ImageGrid | None:
        """Return the axes along which x is an image, and how a prior is to continue it beyond its edges; else None.

        `behind` is what is known of A x, from an operator that takes it: what leaves samples where they are passes it on.
        By default the attributes `axes` and `boundary` tell, where there are both.
        """
        axes, boundary = getattr(self, "axes", None), getattr(self, "boundary", None)
        if axes is None or boundary is None:
            return None
        # nothing is assumed beyond the larger grid of an unknown boundary, on which blurs are periodic
        return tuple(axes), "periodic" if boundary == "unknown" else boundary

    # -- what callers use ---------------------------------------------------------------------------

    def apply(self, x: Any, out: Any = None) -> Any:
        """Return A x.

        Parameters
        ----------
        x : array of shape `dims`
        out : array of shape `dimsd`, optional
            Where to write the result.

        Returns
        -------
        array of shape `dimsd`
            `out` where that was given.

        Raises
        ------
        ValueError, TypeError
            If the shape or the type of `x` or `out` does not fit.
        """
        x = self._read(x, self.dims, "x")
        return self._into(self._apply, x, self._check_out(out, self.dimsd, x))

    def apply_adjoint(self, y: Any, out: Any = None) -> Any:
        """Return Aᴴ y; as `apply`, with `dims` and `dimsd` exchanged."""
        y = self._read(y, self.dimsd, "y")
        return self._into(self._apply_adjoint, y, self._check_out(out, self.dims, y))

    def _into(self, function: Any, x: Any, out: Any) -> Any:
        if self._theirs:
            x = x.copy()
        if out is None:
            return function(x, None)
        # what is written would be read again
        result = function(x, None if np.may_share_memory(x, out) else out)
        if result is not out:
            if result is None:
                raise TypeError(
                    f"{function.__name__} of {type(self).__name__} returns None; it must return `out`, or a new array"
                )
            # it left `out` alone, and returned an array of its own
            if result.shape != out.shape:
                raise ValueError(f"{function.__name__} of {type(self).__name__} gave shape {result.shape} instead of {out.shape}")
            out[...] = result
        return out

    def _read(self, x: Any, shape: tuple[int, ...], name: str) -> Any:
        x = asarray(x)
        if x.shape != shape:
            raise ValueError(f"{name} has shape {x.shape}, but {self!r} takes {shape} here; {_axes_hint(x.shape, shape)}")
        if x.dtype.kind not in "biufc":
            raise TypeError(f"{name} has dtype {x.dtype}, but {self!r} takes numbers; convert it with .astype(float)")
        return x.astype(working_dtype(x.dtype, self._declared), copy=False)

    @property
    def _declared(self) -> Any:
        """The shortest type that makes a result complex where the operator is."""
        return np.complex64 if self.dtype.kind == "c" else np.float16

    def _check_out(self, out: Any, shape: tuple[int, ...], x: Any) -> Any:
        if out is None:
            return out
        if not is_array(out):
            raise TypeError(f"out is {out!r}; give an array of shape {shape} and dtype {x.dtype}, or None")
        if type(out) is not type(x) and library(out) != library(x):
            raise TypeError(f"out is an array of {library(out)}, but the argument one of {library(x)}; give one of that, or None")
        if out.shape != shape or out.dtype != x.dtype:
            raise ValueError(f"out has shape {out.shape} and dtype {out.dtype}; give one of {shape} and {x.dtype}, or None")
        return out

    # -- PyLops's side ------------------------------------------------------------------------------

    def _matvec(self, x: Any) -> Any:
        if is_jax(x):
            dtype = working_dtype(x.dtype, self._declared)
            return call(self._matvec, lambda y: self._rmatvec(y.conj()).conj(), x, self.shape[0], dtype)
        return self.apply(x.reshape(self.dims)).ravel()

    def _rmatvec(self, x: Any) -> Any:
        if is_jax(x):
            dtype = working_dtype(x.dtype, self._declared)
            return call(self._rmatvec, lambda y: self._matvec(y.conj()).conj(), x, self.shape[1], dtype)
        return self.apply_adjoint(x.reshape(self.dimsd)).ravel()

    def dot(self, x: Any) -> Any:
        """Return A x for an array, the product for an operator, A scaled for a number.

        An n-D array is taken for an image whatever PyLops's process-wide switch for n-D products says,
        because a PyLops solver in another thread flips it.
        """
        if (number := as_number(x)) is not None:
            return _ours(super().dot(number))
        if is_array(x) and len(x.shape) > 1:
            if x.shape == tuple(self.dims):
                return self.apply(x)
            if len(self.dims) > 1 and x.shape[0] != self.shape[1]:
                self._read(x, tuple(self.dims), "x")
        return _ours(super().dot(x))

    def __rmul__(self, x: Any) -> Any:
        number = as_number(x)
        return NotImplemented if number is None else _ours(super().__rmul__(number))

    def __add__(self, other: Any) -> Any:
        return _ours(super().__add__(other))

    def __neg__(self) -> Any:
        return _ours(super().__neg__())

    def __pow__(self, p: Any) -> Any:
        return _ours(super().__pow__(p))

    def __truediv__(self, y: Any, *options: Any, **named: Any) -> Any:
        """Return A divided by a number; for an array, PyLops's least-squares solution of A x = y."""
        number = as_number(y)
        return super().__truediv__(y, *options, **named) if number is None else self * (1 / number)

    def _adjoint(self) -> Any:
        return Adjoint(self)

    def _transpose(self) -> Any:
        return super()._transpose() if self.dtype.kind == "c" else self._adjoint()

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_cache"} | ({"_cache": {}} if "_cache" in self.__dict__ else {})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_sizes(self.dims)} → {_sizes(self.dimsd)})"


class Adjoint(Operator):
    """Aᴴ, with the structure of A."""

    def __init__(self, A: Operator) -> None:
        super().__init__(tuple(A.dimsd), tuple(A.dims), A.dtype)
        self.A = A
        self.ffts = A.ffts

    def _apply(self, x: Any, out: Any) -> Any:
        return self.A.apply_adjoint(x, out)

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        return self.A.apply(y, out)

    def symbol(self, transform: Any) -> Any:
        symbol = self.A.symbol(transform)
        return None if symbol is None else np.conj(symbol)

    def norm_bound(self) -> float | None:
        return self.A.norm_bound()

    def image_grid(self, behind: ImageGrid | None = None) -> ImageGrid | None:
        return moved(self.A.image_grid(behind), self.A.dims, self.dims)

    def _adjoint(self) -> Operator:
        return self.A

    def __repr__(self) -> str:
        return f"{self.A!r}ᴴ"


class Identity(Operator):
    """The identity on arrays of shape `dims`.

    Parameters
    ----------
    dims : tuple of int

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import Identity
    >>> Identity((3,)).apply(np.array([1.0, 2.0, 3.0]))
    array([1., 2., 3.])
    """

    is_identity = True

    def __init__(self, dims: Any) -> None:
        sizes = read_dims(dims)
        super().__init__(sizes, sizes)

    def _apply(self, x: Any, out: Any) -> Any:
        if out is None:
            return x.copy()
        out[...] = x
        return out

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        return self._apply(y, out)

    def symbol(self, transform: Any) -> Any:
        # true of any array of so many samples, flat or not
        return np.ones((1,) * len(transform.dims)) if np.prod(transform.dims) == self.shape[1] else None

    def norm_bound(self) -> float:
        return 1.0

    def image_grid(self, behind: ImageGrid | None = None) -> ImageGrid | None:
        return behind

    def _adjoint(self) -> Self:
        return self

    def __repr__(self) -> str:
        return "I"


def _ours(A: Any) -> Any:
    """Return what PyLops made of an operator as one of ours, which divides, keeps precision, and tells its structure."""
    from .interop import aslinearoperator

    return aslinearoperator(A) if isinstance(A, pylops.LinearOperator) else A


def moved(grid: ImageGrid | None, dims: tuple[int, ...], to: tuple[int, ...]) -> ImageGrid | None:
    """Return the grid of an image on `dims` for one of the same axes on dims of other sizes, which has other edges."""
    if grid is None or len(dims) != len(to):
        return None
    return grid if tuple(dims) == tuple(to) else (grid[0], "nearest")


def _axes_hint(shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    if len(shape) > len(wanted) and (shape[: len(wanted)] == wanted or shape[-len(wanted) :] == wanted):
        return "for colour, batch or time axes make the operator for the whole shape and name `axes`"
    return "give an array of that shape, or flat ones to matvec and rmatvec"


def _sizes(dims: tuple[int, ...]) -> str:
    return "×".join(map(str, dims))
