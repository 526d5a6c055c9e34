"""Reading what callers pass: dims, axes and boundary words, with errors that say what to change."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

BOUNDARIES = ("periodic", "zero", "reflect", "mirror", "nearest", "unknown")


def read_dims(dims: Any, name: str = "dims") -> tuple[int, ...]:
    """Return `dims` as a tuple of positive ints."""
    try:
        sizes = tuple(index(n) for n in (dims if np.iterable(dims) else (dims,)))
    except TypeError:
        raise TypeError(f"{name} is {dims!r}; give a whole number or a tuple of them, such as image.shape") from None
    if not sizes or min(sizes) < 1:
        raise ValueError(f"{name} is {dims!r}; every size must be 1 or more")
    return sizes


def read_axes(axes: int | Sequence[int] | None, ndim: int, name: str = "axes") -> tuple[int, ...]:
    """Return `axes` as a sorted tuple of non-negative ints; None stands for all of them."""
    return tuple(sorted(read_ordered_axes(axes, ndim, name)))


def read_axis(axis: int, ndim: int, name: str = "axis") -> int:
    """Return one axis as a non-negative int."""
    axes = read_ordered_axes(axis, ndim, name)
    if len(axes) != 1:
        raise ValueError(f"{name} is {axis!r}; give one axis")
    return axes[0]


def read_ordered_axes(axes: int | Sequence[int] | None, ndim: int, name: str = "axes") -> tuple[int, ...]:
    """Return `axes` as non-negative ints in the order given, where something else is given for each of them."""
    if axes is None:
        return tuple(range(ndim))
    try:
        given = tuple(index(a) for a in (axes if isinstance(axes, Sequence) else (axes,)))
    except TypeError:
        raise TypeError(f"{name} is {axes!r}; give a whole number or a tuple of them") from None
    if not given or any(not -ndim <= a < ndim for a in given):
        raise ValueError(f"{name} is {axes!r}; each must be from {-ndim} to {ndim - 1} for an array of {ndim} dimensions")
    normal = tuple(a % ndim for a in given)
    if len(set(normal)) < len(normal):
        raise ValueError(f"{name} is {axes!r}; an axis may be named once only")
    return normal


def read_spacing(sampling: Any, name: str = "sampling") -> float:
    """Return a distance between samples."""
    try:
        spacing = float(sampling) if not isinstance(sampling, str) else None
    except TypeError:
        spacing = None
    if spacing is None:
        raise TypeError(f"{name} is {sampling!r}; give a number")
    if not np.isfinite(spacing) or spacing <= 0:
        raise ValueError(f"{name} is {sampling!r}; give a distance above 0")
    return spacing


def read_choice(value: Any, choices: Sequence[str], name: str) -> str:
    """Return `value` if it is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; choose one of {', '.join(map(repr, choices))}")
    return str(value)
