"""What a benchmark ran on."""

from __future__ import annotations

import datetime as dt
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any


def cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def describe() -> dict[str, Any]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "date": dt.date.today().isoformat(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu(),
        "cores": cores,
        "python": platform.python_version(),
        "unblur": version("unblur"),
        "numpy": version("numpy"),
        "scipy": version("scipy"),
    }


def sentence(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {machine[name]}" for name in ("unblur", "numpy", "scipy"))
    where = f"{machine['date']}, {machine['cpu']}, {machine['cores']} cores, {machine['system']}"
    return f"{where}, Python {machine['python']}, {versions}"
