"""Writing a file whole or not at all.

A link stays a link, and what it points to is replaced; what is replaced keeps its owner and its permissions. A kill leaves at
most one unfinished file behind, which the next write to the same place removes. What is no ordinary file, such as a pipe or
``/dev/stdout``, is written to as it stands.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from zlib import crc32


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a place in the folder of `path` to write to; what stands there at the end takes the place of `path`."""
    target = Path(os.path.realpath(path))
    # short, since the name that was given may be as long as names may be
    stem = f".unblur-{crc32(os.fsencode(target.name)):08x}-"
    partial = target.with_name(f"{stem}{os.getpid()}-{threading.get_ident():x}{target.suffix}")
    _remove_abandoned(target.parent, stem)
    try:
        partial.touch()
        _take_rights(partial, target)
        yield partial
        partial.replace(target)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Put `content` into a file, whole or not at all; into a pipe or a device, as it stands."""
    if is_special(path):
        with path.open("wb", buffering=0) as file:
            rest = memoryview(content)
            while rest:
                rest = rest[file.write(rest) :]
    else:
        with replacing(path) as partial:
            partial.write_bytes(content)


def check_writable(path: Path) -> None:
    """Raise OSError unless something can be written there; nothing is left behind."""
    if is_special(path):
        if not os.access(path, os.W_OK):
            raise PermissionError(None, "Permission denied")
        return
    with suppress(_ProbeError), replacing(path):
        raise _ProbeError


def is_special(path: Path) -> bool:
    """Return whether `path` is a pipe, a device or an open file of this process, which cannot be replaced."""
    if path.is_dir() or not path.exists():
        return False
    # an open file may be an ordinary one, but a name such as /dev/stdout stands for what is open
    return not path.is_file() or path.absolute().parent in (Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd"))


class _ProbeError(Exception):
    pass


def _take_rights(partial: Path, target: Path) -> None:
    """Give `partial` the owner and the permissions of `target`, where there is one."""
    try:
        old = target.stat()
    except FileNotFoundError:
        return
    if not os.access(target, os.W_OK):
        raise PermissionError(None, "Permission denied")
    if hasattr(os, "chown"):
        with suppress(OSError):
            os.chown(partial, old.st_uid, old.st_gid)
    os.chmod(partial, stat.S_IMODE(old.st_mode))


def _remove_abandoned(folder: Path, stem: str) -> None:
    """Remove what processes that are no more left unfinished."""
    if os.name != "posix":
        return
    for partial in folder.glob(f"{stem}*"):
        with suppress(OSError, ValueError):
            process = int(partial.name.removeprefix(stem).partition("-")[0])
            try:
                os.kill(process, 0)
            except ProcessLookupError:
                partial.unlink()
