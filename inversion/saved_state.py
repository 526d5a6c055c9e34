"""What of a solver's state goes into a file, and how it comes back: arrays and numbers, each under the name of its place."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from .archive import Archive, BadArchiveError


def members(thing: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the keys and values of a part of a state: a dataclass that is not frozen, a sequence or a dictionary."""
    made: Any = getattr(thing, "__dataclass_params__", None)
    if made is not None and not made.frozen:
        yield from ((f.name, getattr(thing, f.name)) for f in fields(thing))
    elif isinstance(thing, list | tuple | deque):
        yield from enumerate(thing)
    elif isinstance(thing, dict):
        yield from thing.items()


def collect(thing: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the arrays and numbers within a state, each with a name that tells where it stands."""
    if isinstance(thing, np.ndarray | bool | int | float | np.generic):
        yield name, thing
    elif isinstance(thing, np.random.Generator):
        yield name, np.str_(json.dumps(thing.bit_generator.state))
    elif isinstance(thing, list | tuple | deque):
        yield f"{name}.length", np.int64(len(thing))
    for key, value in members(thing):
        yield from collect(value, f"{name}.{key}")


class Restoring:
    """Puts what was saved in the place of what a fresh state holds, of which it must be the like.

    Parameters
    ----------
    saved : Archive
    most : int
        Samples of an array that has no counterpart in the fresh state.
    """

    def __init__(self, saved: Archive, most: int) -> None:
        self.saved, self.most = saved, most
        self.arrays: dict[str, Any] = {}

    def restore(self, state: Any) -> None:
        """Restore a state, all of it."""
        self._part(state, "state")
        unknown = [n for n in self.saved.names if n.startswith("state.") and n not in self.arrays]
        if unknown:
            raise BadArchiveError(f"it holds {unknown[0]!r}, for which there is no place")

    def _part(self, fresh: Any, name: str) -> Any:
        """Return a part of the state as it was saved."""
        if isinstance(fresh, np.random.Generator):
            try:
                fresh.bit_generator.state = json.loads(self._text(name))
            except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
                raise BadArchiveError(f"{name!r} is no state of a random generator: {error}") from error
            return fresh
        if isinstance(fresh, np.ndarray):
            return self._array(name, fresh)
        if isinstance(fresh, bool | int | float | np.generic):
            return self._number(name, fresh)
        if f"{name}.length" in self.saved:
            return self._sequence(fresh, name)
        if fresh is None:
            return self._grown(name)
        for key, value in list(members(fresh)):
            new = self._part(value, f"{name}.{key}")
            if isinstance(fresh, dict):
                fresh[key] = new
            else:
                setattr(fresh, key, new)
        return fresh

    def _array(self, name: str, fresh: Any) -> Any:
        if f"{name}.alias" in self.saved:
            # one array under two names stays one
            first = self._text(f"{name}.alias")
            found = self.arrays.get(first)
            if found is None or (fresh is not None and (found.shape, found.dtype) != (fresh.shape, fresh.dtype)):
                raise BadArchiveError(f"{name!r} is said to be {first!r}, which it cannot be")
            return found
        array = self.saved.read(name, fresh.shape, fresh.dtype)
        if not np.isfinite(array).all():
            raise BadArchiveError(f"{name!r} holds NaN or infinite samples")
        self.arrays[name] = array
        return array

    def _number(self, name: str, fresh: Any) -> Any:
        found = self.saved.read(name, ())
        kind = np.result_type(fresh).kind
        # a sum of nothing is whole, and a float when something is added
        if found.dtype.kind not in {"b": "b", "i": "i", "u": "u", "f": "iuf", "c": "c"}[kind]:
            raise BadArchiveError(f"{name!r} is of {found.dtype}, where a number such as {fresh!r} belongs")
        # what is not known yet may not be a number, and what is known is one
        if np.isfinite(fresh) and not np.isfinite(found):
            raise BadArchiveError(f"{name!r} is {found}")
        self.arrays[name] = found
        return float(found) if kind == "f" else found.item()

    def _sequence(self, fresh: Any, name: str) -> Any:
        """Return a sequence, which may have grown with the iterations, as a basis does."""
        length = self._number(f"{name}.length", 0)
        if not 0 <= length <= len(self.saved.names):
            raise BadArchiveError(f"{name!r} is said to have {length} parts")
        old = [*(() if fresh is None else fresh)]
        # what is new is the like of what is there
        like = old[0] if old and isinstance(old[0], np.ndarray | float) else None
        parts = [self._part(old[i] if i < len(old) else like, f"{name}.{i}") for i in range(length)]
        if isinstance(fresh, deque):
            return deque(parts, fresh.maxlen)
        if isinstance(fresh, list):
            return parts
        return type(fresh)(*parts) if hasattr(fresh, "_fields") else tuple(parts)

    def _grown(self, name: str) -> Any:
        """Return what has no counterpart in the fresh state; None where nothing was saved."""
        if f"{name}.alias" in self.saved:
            return self._array(name, None)
        if name not in self.saved:
            return None
        found = self.saved.read(name, most=self.most)
        if found.dtype.kind not in "biufc" or not np.isfinite(found).all():
            raise BadArchiveError(f"{name!r} holds what is no finite number")
        self.arrays[name] = found
        return found if found.ndim else found.item()

    def _text(self, name: str) -> str:
        self.arrays[name] = None
        return self.saved.text(name)
