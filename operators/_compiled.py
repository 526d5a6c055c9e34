"""Compiled kernels for arrays in main memory: how they are compiled and kept, and the threads that run them over slabs.

A kernel is a function ``f(*arguments, first, last)`` that does the slabs from `first` to before `last`. What a slab is
depends on the shape of the arrays alone, so that results are the same to the last bit whatever the number of threads.
Numba's own threads are not used: they must not be entered from two threads at once, nor from a forked child.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
from numba.core import event

from ._backend import get_workers

# sums may be reordered into vectors, and 1 / √ taken from a table and one step of Newton's; NaN and infinity stay what they are
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz", "arcp", "afn"}}

_kernels: set[Any] = set()
_pool: ThreadPoolExecutor | None = None


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` for each combination of types that it is called with, once for all processes."""
    try:
        compiled = numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:
        # no folder to keep it in can be written
        compiled = numba.njit(**_OPTIONS)(function)
    _kernels.add(compiled)
    return compiled


def part_of_kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` into the kernels that call it.

    It becomes part of their text, so that the compiler sees which arrays are work space: a loop over many arrays that may
    overlap is not made into vectors.
    """
    return numba.njit(inline="always", **_OPTIONS)(function)


def over_slabs(function: Any, slabs: int, *arguments: Any) -> None:
    """Run a kernel over all its slabs, shared out among `get_workers` threads, this one among them."""
    share = min(get_workers(), slabs)
    cuts = [slabs * k // share for k in range(share + 1)]
    others = [_threads().submit(function, *arguments, *cuts[k : k + 2]) for k in range(1, share)]
    try:
        function(*arguments, *cuts[:2])
    finally:
        for other in others:
            other.result()


def _threads() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        # started as they are needed; no kernel waits for another, so that too few only make it slower
        _pool = ThreadPoolExecutor(max(32, os.cpu_count() or 1), thread_name_prefix="unblur")
    return _pool


def _forget_threads() -> None:
    # a forked child has the pool without its threads
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)


class _Announcement(event.Listener):
    """Says once that kernels are being compiled: the first call then takes seconds, and those after it do not."""

    said = False

    def on_start(self, event: Any) -> None:
        if not self.said and event.data["dispatcher"] in _kernels:
            type(self).said = True
            logging.getLogger("unblur").warning(
                "compiling kernels for this machine, which takes some seconds; it is done once, and kept in %s",
                event.data["dispatcher"].stats.cache_path or "memory: no folder for it can be written",
            )

    def on_end(self, event: Any) -> None:
        pass


event.register("numba:compile", _Announcement())
