"""An interrupt that waits for the end of a step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Hold back the first SIGINT; the function given tells whether one came. A second interrupts at once.

    Only the main thread receives signals, and a handler that someone else has installed is left alone: there the function
    says no, and an interrupt does what it did before.
    """
    came = threading.Event()
    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def note(number: int, frame: FrameType | None) -> None:
        if came.is_set():
            signal.default_int_handler(number, frame)
        came.set()

    if ours:
        signal.signal(signal.SIGINT, note)
    try:
        yield came.is_set
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
