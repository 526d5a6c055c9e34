"""The peak of this process's memory."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path


def _status(field: str) -> Iterator[int]:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            yield 1024 * int(line.split()[1])


def forget_peak() -> bool:
    """Let the peak begin anew, so that importing does not hide it; only Linux can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def resident() -> int:
    return next(_status("VmRSS"))


def peak() -> int:
    try:
        return next(_status("VmHWM"))
    except OSError:
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
