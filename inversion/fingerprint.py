"""What tells one problem from another, to the last bit: a digest of every array, number and function that it is made of.

Things are taken apart as pickle takes them apart, so that what an object leaves out of its pickles, such as its caches, does
not count. Functions are told by their code and by what they close over. What can neither be taken apart nor read is told by
what it does: the response of its operator, or the value of its functional, at a fixed random vector.
"""

from __future__ import annotations

import functools
import hashlib
import re
import sys
import types
from collections import deque
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from numbers import Number
from operator import itemgetter
from typing import Any

import numpy as np

from unblur.operators._namespace import contiguous

from .problem import Problem

#: of the file and of what is told apart by it
FORMAT = 2
# parts that are listed one by one, and levels that are gone down
_MOST_PARTS, _DEEPEST = 20_000, 60
_EMPTY = frozenset({"None", "dict of 0", "list of 0", "tuple of 0", "set of 0", "deque of 0"})
# whose classes are told by their names and the version of this library
_KNOWN = sys.stdlib_module_names - {"__main__"} | {"unblur", "numpy", "scipy", "pylops", "pywt", "numba", "jax", "torch", "cupy"}
# PyLops's of how often an operator was applied
_COUNTERS = frozenset({"matvec_count", "rmatvec_count", "matmat_count", "rmatmat_count"})
_UNREADABLE = "not readable"

Fingerprint = dict[str, Any]


def fingerprint(problem: Problem, algorithm: Any) -> Fingerprint:
    """Return what tells a run from another: formulae, options and versions in words, and a digest of every part by its name."""
    parts: dict[str, str] = {}
    for name, thing in (("algorithm", algorithm), *((f"terms[{i}]", term) for i, term in enumerate(problem.terms))):
        _Walk(parts).visit(thing, name)
    for i, term in enumerate(problem.terms):
        if any(found.startswith(_UNREADABLE) for path, found in parts.items() if path.startswith(f"terms[{i}]")):
            parts[f"terms[{i}], by what it does"] = _response(term, problem)
    return {
        "format": FORMAT,
        "version": _version(),
        "algorithm": _without_addresses(repr(algorithm)),
        "problem": _without_addresses(repr(problem)),
        "dtype": str(problem.dtype),
        "parts": parts,
    }


def difference(mine: Fingerprint, other: Any) -> str:
    """Return what differs, in words; empty where nothing does."""
    if not isinstance(other, dict) or not isinstance(other.get("parts"), dict):
        return "format"
    for name in ("format", "version", "algorithm", "problem", "dtype"):
        if other.get(name) != mine[name]:
            return f"{name}: {str(other.get(name))[:400]!r} instead of {str(mine[name])[:400]!r}"
    parts, others = mine["parts"], other["parts"]
    differing = [path for path in {**others, **parts} if parts.get(path) != others.get(path)]
    private = {prefix for path in differing if (prefix := _private(path))}
    # what is worked out when it is first needed and kept in a private place may be there or not
    caches = tuple(p for p in private if _is_empty(p, parts) or _is_empty(p, others))
    found = [path for path in differing if not (_private(path) or "").startswith(caches or ("\n",))]
    if not found:
        return ""
    shown = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
    values = [str(found_in.get(found[0], "nothing"))[:200] for found_in in (others, parts)]
    # digests say nothing to anybody
    return shown if any(re.search("[0-9a-f]{32}", v) for v in values) else f"{shown}: {values[0]} instead of {values[1]}"


class _Walk:
    """Takes a thing apart, and puts a line for each part under its name."""

    def __init__(self, parts: dict[str, str]) -> None:
        self.parts = parts
        self.inside: set[int] = set()
        # what is reduced to something made for the purpose must stay alive, or its id would be another's
        self.alive: list[Any] = []
        self.rest = hashlib.blake2b(digest_size=16)

    def visit(self, thing: Any, name: str) -> None:
        """Put down a thing and what it is made of."""
        leaf = _leaf(thing)
        if leaf is not None:
            self._put(name, leaf)
            return
        if id(thing) in self.inside:
            # a circle; what is in it is put down where it began
            self._put(name, f"again a {type(thing).__name__}")
            return
        if len(self.inside) >= _DEEPEST:
            self._put(name, f"{_UNREADABLE}: too deep")
            return
        self.inside.add(id(thing))
        try:
            head, members = _members(thing)
            self.alive.append(members)
            self._put(name, head)
            for key, member in members:
                self.visit(member, f"{name}{key}")
        except Exception as error:
            # a user's own object may fail in any way, which must not end a run
            self._put(name, f"{_UNREADABLE}: {type(thing).__name__} ({type(error).__name__})")
        finally:
            self.inside.discard(id(thing))

    def _put(self, name: str, found: str) -> None:
        if len(self.parts) < _MOST_PARTS:
            self.parts[name] = found
            return
        self.rest.update(f"{name}\n{found}\n".encode())
        self.parts["all others"] = self.rest.hexdigest()


def _leaf(thing: Any) -> str | None:
    """Return the line of what has no parts of its own; None for other things."""
    if thing is None or isinstance(thing, str | bytes | range | slice | np.dtype | Number) or thing is Ellipsis:
        text = f"{thing!r}"
        kind = f"{thing.dtype} " if isinstance(thing, np.generic) else ""
        return kind + (text if len(text) <= 80 else _digest(text.encode("utf-8", "backslashreplace")))
    if isinstance(thing, np.ndarray) and not thing.dtype.hasobject:
        # -0 and 0 differ, and so does every NaN
        whole = contiguous(thing)
        return f"{thing.dtype}{thing.shape} {_digest(whole.view(np.uint8).data if whole.size else b'')}"
    if isinstance(thing, types.ModuleType | types.BuiltinFunctionType | np.ufunc):
        owner = getattr(thing, "__self__", None)
        if owner is None or isinstance(owner, types.ModuleType):
            return f"{getattr(thing, '__module__', '')}.{thing.__name__}"
    return None


def _members(thing: Any) -> tuple[str, list[tuple[str, Any]]]:
    """Return the line of a thing, and its parts with what their names end with."""
    kind = type(thing)
    if kind in (list, tuple, deque):
        if len(thing) > 1000 and all(isinstance(member, Number) for member in thing):
            return f"{kind.__name__} {_digest(repr(thing).encode())}", []
        return f"{kind.__name__} of {len(thing)}", [(f"[{i}]", member) for i, member in enumerate(thing)]
    if kind is dict:
        return f"dict of {len(thing)}", [(f"[{_without_addresses(repr(key))}]", value) for key, value in thing.items()]
    if kind in (set, frozenset):
        return f"set of {len(thing)}", [("{}", sorted(_without_addresses(repr(member)) for member in thing))]
    if isinstance(thing, type):
        methods = "".join(f"{name} {_code(function)}\n" for name, function in _methods(thing))
        return f"class {thing.__module__}.{thing.__qualname__} {_digest(methods.encode()) if methods else ''}".rstrip(), []
    if isinstance(thing, types.FunctionType):
        return f"function {thing.__name__} {_digest(_code(thing.__code__).encode())}", list(_of_function(thing))
    if isinstance(thing, types.MethodType | types.BuiltinMethodType):
        return f"method {thing.__name__}", [(".__self__", thing.__self__)]
    if isinstance(thing, functools.partial):
        return "partial", [(".func", thing.func), (".args", thing.args), (".keywords", thing.keywords)]
    for name in ("py_func", "__wrapped__"):
        # compiled from a function
        if isinstance(getattr(thing, name, None), types.FunctionType):
            return f"{kind.__name__} of", [("", getattr(thing, name))]
    return f"a {kind.__module__}.{kind.__qualname__}", list(_of_object(thing))


def _of_function(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    if function.__defaults__ or function.__kwdefaults__:
        yield ".defaults", (function.__defaults__, function.__kwdefaults__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield f".{name}", cell.cell_contents
    # what its module holds, unless that is a library's
    if function.__module__.partition(".")[0] not in _KNOWN:
        for name in sorted(_names(function.__code__) & function.__globals__.keys()):
            yield f".{name}", function.__globals__[name]


def _of_object(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield what pickle would keep of an object."""
    if type(thing).__module__.partition(".")[0] not in _KNOWN:
        yield ".class", type(thing)
    reduced = thing.__reduce_ex__(4)
    if isinstance(reduced, str):
        return
    make, arguments, state, members, items = (*reduced, None, None, None)[:5]
    if make.__name__ not in ("__newobj__", "__newobj_ex__"):
        yield ".made by", make
    if len(arguments) > 1 or (arguments and arguments[0] is not type(thing)):
        yield ".made of", arguments
    states = state if isinstance(state, tuple) else (state,)
    for part in states:
        if isinstance(part, dict):
            named = sorted(((str(name), value) for name, value in part.items() if name not in _COUNTERS), key=itemgetter(0))
            yield from ((f".{name}", value) for name, value in named)
        elif part is not None:
            yield ".state", part
    if members is not None:
        yield ".members", list(members)
    if items is not None:
        yield ".items", dict(items)


def _code(code: types.CodeType) -> str:
    """Return what a function does, without where it stands in its file."""
    return f"{code.co_code!r} {code.co_names} {code.co_varnames} {[_constant(c) for c in code.co_consts]}"


def _constant(constant: Any) -> str:
    if isinstance(constant, types.CodeType):
        return _code(constant)
    # the order of a set changes from process to process
    return str(sorted(map(repr, constant))) if isinstance(constant, frozenset) else repr(constant)


def _methods(kind: type) -> Iterator[tuple[str, types.CodeType]]:
    """Yield the code of a user's own class."""
    for base in kind.__mro__:
        if base.__module__.partition(".")[0] not in _KNOWN:
            for name, member in vars(base).items():
                function = getattr(member, "fget", None) or getattr(member, "__func__", member)
                if isinstance(function, types.FunctionType):
                    yield name, function.__code__


def _names(code: types.CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names(constant)
    return found


def _response(term: Any, problem: Problem) -> str:
    x = np.random.default_rng(0).standard_normal(problem.dims).astype(problem.dtype)
    Ax = term.A.apply(x)
    return f"{_leaf(Ax)}, {term.functional.value(Ax)!r}"


def _digest(content: Any) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _without_addresses(text: str) -> str:
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def _private(path: str) -> str | None:
    """Return the beginning of a path up to the first private name in it; None where it has none."""
    found = re.match(r".*?\._\w+", path)
    return found[0] if found else None


def _is_empty(prefix: str, parts: dict[str, str]) -> bool:
    held = [found for path, found in parts.items() if _private(path) == prefix]
    return not held or (len(held) == 1 and held[0] in _EMPTY)


def _version() -> str:
    try:
        return version("unblur")
    except PackageNotFoundError:
        return ""
