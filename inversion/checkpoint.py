"""Saving a run to a file from time to time, and going on from there."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .atomic import replacing
from .problem import Problem

_FORMAT = 1


@dataclass(slots=True)
class Run:
    """A run under way: what a callback's `begin` is given."""

    problem: Problem
    algorithm: Any
    state: Any
    limit: int  #: iterations at most
    history: dict[str, list[float]]
    iteration: int = 0
    seconds: float = 0.0  #: spent so far


class Checkpoint:
    """Save the run to a file every so many iterations.

    The file is written beside its place and then moved there: there is always a whole one. ``solve(..., resume=path)``
    goes on from it, to the same bits as if nothing had happened.

    Parameters
    ----------
    path : str or Path
        An ``.npz`` file, without pickles: the state's arrays and numbers, the history, and a fingerprint of problem and
        options.
    every : int
        Iterations between saves.

    Raises
    ------
    ValueError
        If `every` is below 1, or the folder does not exist.

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile
    >>> from unblur.inversion import Checkpoint, LeastSquares, TotalVariation, solve
    >>> from unblur.operators import Blur
    >>> A = Blur(np.full((3, 3), 1 / 9), (8, 8), boundary="periodic")
    >>> problem = LeastSquares(A, np.eye(8)) + 0.01 * TotalVariation()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "run.npz"
    ...     half = solve(problem, tol=0, max_iterations=10, callbacks=[Checkpoint(path, every=5)])
    ...     whole = solve(problem, tol=0, max_iterations=20, resume=path)
    >>> whole.iterations
    20
    """

    def __init__(self, path: str | Path, every: int = 50) -> None:
        if every < 1:
            raise ValueError(f"every is {every!r}; give 1 iteration or more")
        self.path, self.every = Path(path), every
        if self.path.suffix != ".npz":
            raise ValueError(f"path is {str(path)!r}; name an .npz file")
        if not self.path.parent.is_dir():
            raise ValueError(f"the folder {str(self.path.parent)!r} does not exist; create it, or name another")
        self._run: Run | None = None

    def begin(self, run: Run) -> None:
        """Take note of the run that is to be saved."""
        self._run = run

    def __call__(self, state: Any) -> None:
        """Save, where it is time."""
        assert self._run is not None
        if self._run.iteration % self.every == 0:
            save(self.path, self._run)


def save(path: Path, run: Run) -> None:
    """Write a run to a file."""
    content = {f"state{name}": value for name, value in _collect(run.state, "")}
    content |= {f"history.{name}": np.array(values) for name, values in run.history.items()}
    content["run"] = np.array([run.iteration, run.seconds])
    content["fingerprint"] = np.array(json.dumps(_fingerprint(run)))
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **content)


def load(path: str | Path, run: Run) -> None:
    """Bring a fresh run to where the saved one stood.

    Raises
    ------
    ValueError
        If the file is none of ours, or was saved for another problem or other options.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            content = {name: file[name] for name in file.files}
        saved = json.loads(str(content["fingerprint"]))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"resume is {str(path)!r}, which holds no saved run ({error}); give a Checkpoint's file") from error
    mine = _fingerprint(run)
    for part in ("format", "algorithm", "problem", "data"):
        if saved.get(part) != mine[part]:
            raise ValueError(
                f"resume is {str(path)!r}, saved with another {part}: {saved.get(part)!r} instead of {mine[part]!r}; "
                "start afresh, or give what it was saved with"
            )
    if not np.allclose(saved["probe"], mine["probe"], rtol=1e-4):
        raise ValueError(f"resume is {str(path)!r}, saved with other operators, such as another PSF; start afresh")
    _restore(run.state, "", {name.removeprefix("state"): v for name, v in content.items() if name.startswith("state")})
    run.history.update({n.removeprefix("history."): v.tolist() for n, v in content.items() if n.startswith("history.")})
    run.iteration, run.seconds = int(content["run"][0]), float(content["run"][1])


def _fingerprint(run: Run) -> dict[str, Any]:
    """Return what tells one problem from another: its formula, its data, and what its terms are at a random x."""
    digest = hashlib.sha256()
    for term in run.problem.terms:
        for array in (term.offset, getattr(term.functional, "weights", None)):
            digest.update(b"-" if array is None else np.ascontiguousarray(array).tobytes())
    x = np.random.default_rng(0).standard_normal(run.problem.dims).astype(run.problem.dtype)
    values = [term.value(x) for term in run.problem.terms]
    return {
        "format": _FORMAT,
        "algorithm": repr(run.algorithm),
        "problem": repr(run.problem),
        "data": digest.hexdigest(),
        "probe": [v if np.isfinite(v) else -1.0 for v in values],
    }


def _members(thing: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the keys and values of a dataclass, list or dictionary."""
    if is_dataclass(thing):
        yield from ((f.name, getattr(thing, f.name)) for f in fields(thing))
    elif isinstance(thing, list):
        yield from enumerate(thing)
    elif isinstance(thing, dict):
        yield from thing.items()


def _is_state(value: Any) -> bool:
    """Whether a member is a part of the state, rather than of the problem; those are frozen."""
    mutable = is_dataclass(value) and not value.__dataclass_params__.frozen  # type: ignore[union-attr]
    return mutable or isinstance(value, list | dict)


def _collect(thing: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(thing, list):
        yield f"{name}.length", np.array(len(thing))
    for key, value in _members(thing):
        if isinstance(value, np.ndarray | bool | int | float | np.generic):
            yield f"{name}.{key}", np.asarray(value)
        elif isinstance(value, np.random.Generator):
            yield f"{name}.{key}", np.array(json.dumps(value.bit_generator.state))
        elif _is_state(value):
            yield from _collect(value, f"{name}.{key}")


def _restore(thing: Any, name: str, saved: dict[str, Any]) -> None:
    if isinstance(thing, list):
        # a list that grows with the iterations, such as a basis
        thing.extend([None] * (int(saved[f"{name}.length"]) - len(thing)))
    for key, value in _members(thing):
        found = saved.get(f"{name}.{key}")
        if isinstance(value, np.random.Generator):
            value.bit_generator.state = json.loads(str(found))
        elif _is_state(value):
            _restore(value, f"{name}.{key}", saved)
        elif found is not None:
            new = found if found.ndim else found.item() if not isinstance(value, np.ndarray) else found
            if isinstance(thing, list | dict):
                thing[key] = new
            else:
                setattr(thing, key, new)
