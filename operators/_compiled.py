"""Compiled kernels for arrays in main memory: how they are compiled and kept, and the threads that run them over slabs.

A kernel is a function ``f(*arguments, shares)`` that does ``for s in taken(shares): ...``. All threads run it at once, and
each takes the next slab when it has done one, so that none waits for one that comes late. What a slab is depends on the
shape of the arrays alone, and results are the same to the last bit whatever the number of threads. A kernel may go on to a
second phase, in which slabs read what others wrote. Work space is allocated before the first slab is taken: a thread that
fails with a slab in hand would never be waited for in vain otherwise.
Numba's own threads are not used: they must not be entered from two threads at once, nor from a forked child.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, event, types
from numba.extending import intrinsic

from ._backend import get_workers

# sums may be reordered into vectors, and 1 / √ taken from a table and one step of Newton's; NaN and infinity stay what they are
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz", "arcp", "afn"}}

_kernels: set[Any] = set()
_pool: ThreadPoolExecutor | None = None
_MOST_THREADS = max(32, os.cpu_count() or 1)
# an entry for each call for help that no thread has answered yet
_unanswered: deque[None] = deque()


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


#: makes a function that writes machine instructions into one that kernels call
instruction: Any = intrinsic


@instruction
def _add_atomically(context, array, row, column, amount):  # type: ignore[no-untyped-def]
    """Add to an element of a C-contiguous array of integers, and return what it was; no other thread comes between."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0])
        place = builder.add(builder.mul(arguments[1], ir.Constant(arguments[1].type, _WIDTH)), arguments[2])
        return builder.atomic_rmw("add", builder.gep(data.data, [place]), arguments[3], "seq_cst")

    return types.int64(array, types.int64, types.int64, types.int64), generate


# columns of the shares; a row is two cache lines long, so that what is added to is in a line of its own
_NEXT, _DONE, _COUNT, _WIDTH = 0, 8, 1, 16
# a thread that waits lets others run after so many looks
_LOOKS = 1000
_let_others_run = types.ExternalFunction("sched_yield", types.int32()) if hasattr(os, "sched_yield") else None


@part_of_kernel
def _pause() -> None:
    if _let_others_run is not None:
        _let_others_run()


def _taken(shares: Any, phase: int = 0) -> Iterator[int]:
    """Yield the slabs of one phase of a kernel that fall to this thread, and wait until all are done."""
    count = shares[phase, _COUNT]
    slab = _add_atomically(shares, phase, _NEXT, 1)
    while slab < count:
        yield slab
        _add_atomically(shares, phase, _DONE, 1)
        slab = _add_atomically(shares, phase, _NEXT, 1)
    looks = 0
    while _add_atomically(shares, phase, _DONE, 0) < count:
        looks += 1
        if looks > _LOOKS:
            _pause()


#: ``taken(shares, phase=0)``, for kernels: yields the slabs of a phase that fall to this thread, and waits until all are done
taken: Any = numba.njit(**_OPTIONS)(_taken)


def over_slabs(function: Any, slabs: int | tuple[int, ...], *arguments: Any, worth: int = 4) -> None:
    """Run a kernel over all its slabs, shared out among `get_workers` threads, this one among them.

    Parameters
    ----------
    function : kernel
    slabs : int or tuple of int
        How many there are, for each phase.
    *arguments
        What the kernel takes before its shares.
    worth : int
        Slabs for which it is worth waking a thread: some 50 microseconds of work.
    """
    counts = np.atleast_1d(slabs)
    shares = np.zeros((counts.size, _WIDTH), np.int64)
    shares[:, _COUNT] = counts
    call = [function, (*arguments, shares)]
    for _ in range(min(get_workers(), int(counts.max()) // worth) - 1):
        # where threads do not get to run more calls would only pile up
        if len(_unanswered) >= _MOST_THREADS:
            break
        _unanswered.append(None)
        _threads().submit(_answer, call)
    function(*arguments, shares)
    # who comes later finds nothing to do, and keeps nothing from being freed
    call.clear()


def _answer(call: list[Any]) -> None:
    _unanswered.pop()
    _help(call)


def _help(call: list[Any]) -> None:
    try:
        function, arguments = call
    except ValueError:
        return
    function(*arguments)


def _threads() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        # started as they are needed; none is waited for that has not begun, so that too few only make it slower
        _pool = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="unblur")
    return _pool


def _forget_threads() -> None:
    # a forked child has the pool without its threads
    global _pool
    _pool = None
    _unanswered.clear()


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
