"""Functionals of a user's own: what they may leave out is made up for, and what they write to is theirs to write to.

Their functions are handed copies, so that one that works in its argument reaches neither the state of a solver nor data, and
what they return is copied, so that one that returns the same buffer each time changes no earlier result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from unblur.operators._namespace import asarray


def value_at(function: Callable[[Any], Any], z: Any) -> float:
    """Return the value of a user's function at `z`."""
    found = function(z.copy())
    try:
        return float(found)
    except (TypeError, ValueError):
        raise TypeError(f"{_name(function)} gave {found!r}; it must return one real number") from None


def slope_at(function: Callable[[Any], Any], z: Any) -> Any:
    """Return the gradient that a user's function gives at `z`, in the type and the library of `z`."""
    slope = asarray(function(z.copy()), z, "the gradient")
    if slope.shape != z.shape:
        raise ValueError(f"the gradient has shape {slope.shape} at a point of shape {z.shape}; it must keep the shape")
    # other libraries have a precision of their own
    return slope.astype(z.dtype)


@dataclass(frozen=True, eq=False)
class OwnFunctional:
    """A functional of a user's own, with `value`, and with `prox` or `gradient`, as solvers take it.

    What else solvers ask for is looked for in it, and found wanting where it is not there.
    """

    own: Any

    def value(self, z: Any) -> float:
        """Return f(z)."""
        return value_at(self.own.value, z)

    def __getattr__(self, name: str) -> Any:
        # of copies and pickles, before there is anything inside
        if name.startswith("__") or name == "own":
            raise AttributeError(name)
        found = getattr(self.own, name)
        wrap = {"prox": self._prox, "gradient": self._gradient, "subgradient": self._gradient}.get(name)
        return found if wrap is None else wrap(found)

    def default_penalty(self, weight: float, scale: float, stiffness: float) -> float:
        """Return the functional's own, or that of a norm: the threshold is a few per cent of the range."""
        own = getattr(self.own, "default_penalty", None)
        return weight / (0.045 * scale) if own is None else float(own(weight, scale, stiffness))

    @staticmethod
    def _gradient(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda z: slope_at(function, z)

    @staticmethod
    def _prox(function: Callable[..., Any]) -> Callable[..., Any]:
        def prox(v: Any, step: float, out: Any) -> Any:
            found = function(v.copy(), step, out)
            # it may return its result, or write it to `out`
            if found is not None and found is not out:
                found = asarray(found, v, "what prox gave")
                if found.shape != v.shape:
                    raise ValueError(f"{_name(function)} gave an array of shape {found.shape} for one of {v.shape}")
                out[...] = found
            return out

        return prox


def read_functional(functional: Any) -> Any:
    """Return a functional as solvers take it: one of this library as it is, and a user's own in a wrapper.

    Raises
    ------
    TypeError
        If it is none.
    """
    if isinstance(functional, type):
        raise TypeError(f"functional is the class {functional.__name__}; give an instance, {functional.__name__}(...)")
    if type(functional).__module__.startswith("unblur."):
        return functional
    if not callable(getattr(functional, "value", None)):
        raise TypeError(
            f"functional is {functional!r}, which has no value(z); give one that has, and prox(v, step, out) or gradient(z)"
        )
    return OwnFunctional(functional)


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", type(function).__name__)
