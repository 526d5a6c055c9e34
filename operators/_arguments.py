"""Reading what callers pass, one function for each kind of argument, with errors that name it and say what to change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import inf
from numbers import Number, Real
from operator import index
from typing import Any

import numpy as np

from ._namespace import asarray, is_array

BOUNDARIES = ("periodic", "zero", "reflect", "mirror", "nearest", "unknown")


def _whole(value: Any) -> int:
    """Return a whole number; a boolean is none."""
    if isinstance(value, bool | np.bool_):
        raise TypeError
    return index(value)


def read_dims(dims: Any, name: str = "dims") -> tuple[int, ...]:
    """Return `dims` as a tuple of positive ints."""
    try:
        sizes = tuple(_whole(n) for n in (dims if np.iterable(dims) else (dims,)))
    except TypeError:
        raise TypeError(f"{name} is {dims!r}; give a whole number or a tuple of them, such as image.shape") from None
    if not sizes or min(sizes) < 1:
        raise ValueError(f"{name} is {dims!r}; every size must be 1 or more")
    return sizes


def read_axis(axis: int, ndim: int, name: str = "axis") -> int:
    """Return one axis as a non-negative int."""
    axes = read_axes(axis, ndim, name)
    if len(axes) != 1:
        raise ValueError(f"{name} is {axis!r}; give one axis")
    return axes[0]


def read_axes(axes: int | Sequence[int] | None, ndim: int, name: str = "axes") -> tuple[int, ...]:
    """Return `axes` as non-negative ints in the order given; None stands for all of them."""
    if axes is None:
        return tuple(range(ndim))
    try:
        given = tuple(_whole(a) for a in (axes if np.iterable(axes) else (axes,)))
    except TypeError:
        raise TypeError(f"{name} is {axes!r}; give a whole number or a tuple of them") from None
    if not given or any(not -ndim <= a < ndim for a in given):
        raise ValueError(f"{name} is {axes!r}; each must be from {-ndim} to {ndim - 1} for an array of {ndim} dimensions")
    normal = tuple(a % ndim for a in given)
    if len(set(normal)) < len(normal):
        raise ValueError(f"{name} is {axes!r}; an axis may be named once only")
    return normal


def as_number(x: Any) -> Any:
    """Return a number, also one of NumPy's or an array without axes, as one of Python's; None where `x` is none.

    One of NumPy's would promote single precision to double.
    """
    if isinstance(x, Number):
        return x.item() if isinstance(x, np.generic) else x
    if isinstance(x, np.ndarray | np.generic) and x.ndim == 0 and x.dtype.kind in "biufc":
        return x.item()
    return None


def read_spacing(sampling: Any, name: str = "sampling") -> float:
    """Return a distance between samples."""
    return read_number(sampling, name, above=0)


def read_number(
    value: Any,
    name: str,
    *,
    least: float = -inf,
    above: float = -inf,
    most: float = inf,
    below: float = inf,
    infinite: bool = False,
    remedy: str = "",
) -> float:
    """Return a real number within bounds; `remedy` is what the error proposes beside it.

    Raises
    ------
    TypeError
        If it is no real number. A boolean is none.
    ValueError
        If it is not within the bounds, is NaN, or is not finite where `infinite` does not allow that.
    """
    bounds = [f"{least:g} or more"] if least > -inf else [f"above {above:g}"] if above > -inf else []
    bounds += [f"at most {most:g}"] if most < inf else [f"below {below:g}"] if below < inf else []
    wanted = f"{'a' if infinite else 'a finite'} number{', ' if bounds else ''}{' and '.join(bounds)}{remedy}"
    # a number may come as an array without axes; a boolean passes for a number in Python
    number = value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value
    if isinstance(number, bool | np.bool_) or not isinstance(number, Real):
        raise TypeError(f"{name} is {shown(value)}; give {wanted}")
    found = float(number)
    inside = least <= found <= most and (above < found or above == -inf) and (found < below or below == inf)
    # not a number is within no bounds, of which there always are some
    if not inside or (not infinite and abs(found) == inf):
        raise ValueError(f"{name} is {shown(value)}; give {wanted}")
    return found


def read_whole(value: Any, name: str, *, least: int = 1, remedy: str = "") -> int:
    """Return a whole number from `least` on.

    Raises
    ------
    TypeError
        If it is no number. A boolean is none.
    ValueError
        If it is too small, or not whole: a float never is.
    """
    wanted = f"a whole number, {least} or more{remedy}"
    try:
        number = _whole(value)
    except TypeError:
        number = None
    if number is None and not isinstance(value, float | np.floating):
        raise TypeError(f"{name} is {shown(value)}; give {wanted}")
    if number is None or number < least:
        raise ValueError(f"{name} is {shown(value)}; give {wanted}")
    return number


def read_numbers(value: Any, name: str, **bounds: Any) -> float | tuple[float, ...]:
    """Return a number, or one for each of several things; each as `read_number` takes it."""
    if isinstance(value, list | tuple) or (is_array(value) and value.ndim == 1):
        if len(value) == 0:
            raise ValueError(f"{name} is {shown(value)}; give one number or more")
        try:
            return tuple(read_number(v, name, **bounds) for v in value)
        except (TypeError, ValueError) as error:
            # told of the whole, of which one is wrong
            raise type(error)(f"{name} is {shown(value)}; {str(error).partition('; ')[2]}, for each") from None
    return read_number(value, name, **bounds)


def read_dtype(value: Any, name: str = "dtype") -> np.dtype[Any]:
    """Return a type of numbers."""
    try:
        dtype = np.dtype(value) if isinstance(value, str | type | np.dtype) else None
    except TypeError:
        dtype = None
    if dtype is None or dtype.kind not in "biufc":
        raise TypeError(f"{name} is {shown(value)}; give a type of numbers, such as float or complex")
    return dtype


def read_flag(value: Any, name: str) -> bool:
    """Return True or False; nothing else is taken for one of them."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} is {shown(value)}; give True or False")
    return bool(value)


def read_function(value: Any, name: str, wanted: str) -> Callable[..., Any]:
    """Return `value` if it can be called; `wanted` says what with."""
    if not callable(value):
        raise TypeError(f"{name} is {shown(value)}; give {wanted}")
    if isinstance(value, type):
        raise TypeError(f"{name} is the class {value.__name__}; give an instance, {value.__name__}(...)")
    return value  # type: ignore[no-any-return]


def read_functions(values: Any, name: str, wanted: str) -> tuple[Callable[..., Any], ...]:
    """Return a sequence of what can be called as a tuple; one that stands alone is refused, for it may be a sequence too."""
    if callable(values) or isinstance(values, str | dict) or not isinstance(values, Iterable):
        raise TypeError(f"{name} is {shown(values)}; give a sequence of functions of the state, such as [{wanted}]")
    one = f"a function of the state, such as {wanted}"
    return tuple(read_function(value, f"{name}[{i}]", one) for i, value in enumerate(values))


def read_array(value: Any, name: str, like: Any = None) -> Any:
    """Return numbers as an array: `value` itself where it is one.

    Raises
    ------
    TypeError
        If they are no numbers, or if some are masked.
    ValueError
        If they are no array: rows of different lengths.
    """
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise TypeError(
            f"{name} is a masked array, whose mask says nothing here; give {name}.filled(0), and weights=~{name}.mask"
        )
    if not is_array(value) and callable(value):
        raise TypeError(f"{name} is {shown(value)}; give an array of numbers")
    try:
        array = asarray(value, like, name)
    except ValueError as error:
        raise ValueError(f"{name} is no array of numbers ({error}); give rows of the same length") from None
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{name} has dtype {array.dtype}; give an array of numbers")
    return array


def shown(value: Any) -> str:
    """Return how a value is written in a message, no longer than a line."""
    if is_array(value) and value.ndim > 0:
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 120 else f"{text[:80]} … ({type(value).__name__})"


def read_choice(value: Any, choices: Sequence[str], name: str) -> str:
    """Return `value` if it is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} is {value!r}; choose one of {', '.join(map(repr, choices))}")
    return str(value)
