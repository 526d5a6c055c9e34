"""How the command line speaks: one line on stderr for whatever goes wrong, and nothing of what libraries say among themselves."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import click

#: which argument of the command line an error of the front names first
BY_FIRST_WORD = {"psf": "--psf", "sigma": "--sigma", "weight": "--weight", "prior": "--prior"}


class ArgumentError(Exception):
    """What is wrong with an argument of the command line, and what to do about it."""


class Argument:
    """Name the argument that an error inside belongs to.

    Parameters
    ----------
    name : str
    words : mapping of str to str
        Other arguments, for errors that begin with a word.
    """

    def __init__(self, name: str, words: Mapping[str, str] | None = None) -> None:
        self.name, self.words = name, words or {}

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, MemoryError):
            raise ArgumentError(f"{self.name}: it is too large for the memory of this machine; give something smaller") from error
        if isinstance(error, OSError) and error.strerror:
            raise ArgumentError(f"{self.name}: {error.strerror}: {error.filename!r}; name another file") from error
        if isinstance(error, ValueError | TypeError | ArithmeticError):
            message = str(error)
            name = self.words.get(message.partition(" ")[0], self.name)
            raise ArgumentError(f"{name}: {message}") from error


@contextmanager
def loading() -> Iterator[None]:
    """Blame the environment where libraries do not load, which they do else; and where they would not compile."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        raise ArgumentError("NUMBA_DISABLE_JIT: unblur does not run uncompiled; unset it")
    try:
        yield
    except Exception as error:
        theirs = sorted(name for name in os.environ if name.startswith(("NUMBA_", "SCIPY_", "NPY_")))
        raise ArgumentError(
            f"{', '.join(theirs) or 'libraries'}: what unblur stands on does not load ({error}); "
            f"{'unset what is not needed' if theirs else 'install it again'}"
        ) from error


def say(message: str, speaker: str = "unblur: ") -> None:
    """Put one line on stderr, where there is one."""
    with suppress(OSError, ValueError):
        click.echo(speaker + one_line(message), err=True)


def one_line(text: str) -> str:
    """Return the text in one line."""
    return " ".join(text.split())


@contextmanager
def orderly() -> Iterator[None]:
    """Say our own warnings and log records as lines on stderr, and none of other libraries'."""
    ours = _Lines()
    others = logging.NullHandler()
    logging.getLogger("unblur").addHandler(ours)
    logging.getLogger().addHandler(others)
    if sys.stdout is not None and hasattr(sys.stdout, "reconfigure"):
        # the table of the demonstration holds signs that a terminal may not have
        sys.stdout.reconfigure(errors="replace")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = _Warnings()
            yield
    finally:
        logging.getLogger("unblur").removeHandler(ours)
        logging.getLogger().removeHandler(others)


class _Warnings:
    """Says each warning of ours once."""

    def __init__(self) -> None:
        self.said: set[str] = set()

    def __call__(self, message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if category.__module__.partition(".")[0] == "unblur" and str(message) not in self.said:
            self.said.add(str(message))
            say(f"warning: {message}")


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())
