"""Keeping forks and parallel FFTs apart: at a fork SciPy ends the threads of its FFTs, and one under way elsewhere fails."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])


class _Gate:
    """Lets any number of FFTs through, and a fork when none is under way."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin with nobody inside; a forked child has no other threads."""
        self.changed, self.inside, self.forking = threading.Condition(), 0, False

    def __enter__(self) -> None:
        with self.changed:
            while self.forking:
                self.changed.wait()
            self.inside += 1

    def __exit__(self, *reason: object) -> None:
        with self.changed:
            self.inside -= 1
            if self.forking:
                self.changed.notify_all()

    def close(self) -> None:
        """Wait until nobody is inside, and let nobody in."""
        with self.changed:
            while self.forking:
                self.changed.wait()
            # who comes now waits, or there would always be someone inside
            self.forking = True
            while self.inside:
                self.changed.wait()

    def open(self) -> None:
        """Let others in again."""
        with self.changed:
            self.forking = False
            self.changed.notify_all()


_gate = _Gate()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_gate.close, after_in_parent=_gate.open, after_in_child=_gate.reset)


def apart_from_forks(function: _F) -> _F:
    """Make a function that calls FFTs one during which the process is not forked."""

    @wraps(function)
    def guarded(*args: Any, **options: Any) -> Any:
        with _gate:
            return function(*args, **options)

    return guarded  # type: ignore[return-value]
