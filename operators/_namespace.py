"""Where arrays come from: the library of the arrays that are given, and NumPy where nothing else is said.

Functions such as ``np.add(x, y, out=z)``, ``np.abs`` and ``np.empty_like`` go to the library of their arguments by
themselves; what makes arrays from nothing, or from something else, asks here.

Arrays may go to a device unasked, once: what an operator or a term holds is made by NumPy and follows the data. None comes
back from a device unasked: what computes in NumPy alone says so by `require_numpy`.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

#: array libraries, each with what is to it what SciPy is to NumPy; another one is another entry, if it follows NumPy's
#: ``__array_ufunc__`` and ``__array_function__`` and has `asnumpy`
LIBRARIES = {"numpy": "scipy", "cupy": "cupyx.scipy"}


def library(x: Any) -> str | None:
    """Return the name of the library whose array `x` is; None for scalars, lists and the like, which go with any."""
    if isinstance(x, np.ndarray):
        return "numpy" if x.ndim else None
    root = type(x).__module__.partition(".")[0]
    return root if root != "numpy" and root in LIBRARIES else None


def namespace(*arrays: Any) -> ModuleType:
    """Return the library of the arrays, as a module.

    Raises
    ------
    TypeError
        If they are of several.
    """
    # the one question of every apply
    if len(arrays) == 1 and type(arrays[0]) is np.ndarray:
        return np
    names = {name for x in arrays if (name := library(x)) is not None}
    if len(names) > 1:
        raise TypeError(f"arrays of {' and '.join(sorted(names))} meet; bring them to one library")
    return sys.modules[names.pop()] if names else np


def is_numpy(*arrays: Any) -> bool:
    """Return whether no array is of another library, so that what is compiled for NumPy's applies."""
    for x in arrays:  # noqa: SIM110 - all() of a generator takes three times as long, which every apply would pay
        if type(x) is not np.ndarray and library(x) not in (None, "numpy"):
            return False
    return True


def is_array(x: Any) -> bool:
    """Return whether `x` is an array of a library that is known here."""
    return isinstance(x, np.ndarray) or library(x) is not None


def asarray(x: Any, like: Any = None, name: str = "an array") -> Any:
    """Return `x` as an array of its own library; with `like`, as one of that array's, to which NumPy's are brought.

    Raises
    ------
    TypeError
        If `x`, called `name`, is of a library that is neither that of `like` nor NumPy.
    """
    if type(x) is np.ndarray and (like is None or type(like) is np.ndarray):
        return x
    target = namespace(x if like is None else like)
    found = library(x)
    if found not in (None, "numpy", target.__name__):
        raise TypeError(f"{name} is of {found}, but what it goes with is of {target.__name__}; bring both to one library")
    return target.asarray(x)


def asnumpy(x: Any) -> Any:
    """Return `x` as an array of NumPy's, brought from a device where it lies there."""
    return np.asarray(x) if is_numpy(x) else namespace(x).asnumpy(x)


def owned(x: Any) -> Any:
    """Return a copy of `x` as an array of NumPy's that cannot be written to: what an operator is made of stays what it was."""
    copy = np.array(asnumpy(x))
    copy.flags.writeable = False
    return copy


def contiguous(x: Any) -> Any:
    """Return `x` in one run of memory, the last axis fastest; `x` itself where it is."""
    return namespace(x).ascontiguousarray(x)


def require_numpy(who: str, *arrays: Any) -> None:
    """Raise in the name of `who`, which computes in NumPy, where an array is of another library.

    Raises
    ------
    TypeError
        If one is.
    """
    for x in arrays:
        if not is_numpy(x):
            found = library(x)
            raise TypeError(f"{who} computes in NumPy, but was given an array of {found}; give {found}.asnumpy(...) of it")


@cache
def _part_of_scipy(library: str, part: str) -> ModuleType:
    return import_module(f"{LIBRARIES[library]}.{part}")


def scipy_namespace(part: str, *arrays: Any) -> ModuleType:
    """Return what goes by the name of ``scipy.part`` in the world of the arrays' library."""
    return _part_of_scipy(namespace(*arrays).__name__, part)


class Constant:
    """An array that an operator holds: made by NumPy, and brought once to each other library that asks.

    Parameters
    ----------
    array : array of NumPy's
    """

    def __init__(self, array: Any) -> None:
        self.array = array
        self._copies: dict[str, Any] = {}

    def like(self, x: Any) -> Any:
        """Return it as an array of the library of `x`."""
        if type(x) is np.ndarray:
            return self.array
        name = namespace(x).__name__
        if name not in self._copies:
            self._copies[name] = asarray(self.array, x)
        return self._copies[name]

    def __reduce__(self) -> tuple[type[Constant], tuple[Any]]:
        return Constant, (self.array,)
