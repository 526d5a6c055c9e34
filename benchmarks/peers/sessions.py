"""A worker at the other end of a pipe."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
from pathlib import Path
from typing import Any, Self

#: read by the libraries that take their number of threads from there
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "UNBLUR_WORKERS")
ENVIRONMENT = dict.fromkeys(THREADS, "2") | {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}


class WorkerError(Exception):
    """What a worker says went wrong."""


class Session:
    """A process that answers commands about one problem."""

    def __init__(self, python: Path, script: Path, problem: Path, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log.open("a")
        self._process = subprocess.Popen(
            [python, script, problem],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=os.environ | ENVIRONMENT,
        )
        self._log_path = log
        try:
            self.versions: dict[str, str] = self._read(300)["versions"]
        except WorkerError:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def ask(self, command: str, timeout: float = 900, **arguments: Any) -> dict[str, Any]:
        """Return the worker's answer; raise `WorkerError` with its reason, or if it died or was silent for too long."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps([command, arguments]) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise WorkerError(self._last_words()) from None
        answer = self._read(timeout)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def _read(self, timeout: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(timeout):
                raise WorkerError(f"no answer within {timeout:g} s")
        line = self._process.stdout.readline()
        if not line:
            raise WorkerError(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self) -> str:
        lines = self._log_path.read_text().strip().splitlines()
        return f"the worker ended: {lines[-1] if lines else 'no reason given'}"
