"""Saving a run to a file from time to time, and going on from there."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unblur.operators._namespace import require_numpy

from .atomic import replacing
from .problem import Problem
from .weight_search import Curve

if TYPE_CHECKING:
    from .weight_choice import Choice

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
    choice: Choice | None = None  #: of the weight, where a rule made it


class Checkpoint:
    """Save the run to a file every so many iterations.

    The file is written beside its place and then moved there: there is always a whole one. ``solve(..., resume=path)``
    goes on from it, to the same bits as if nothing had happened. Where a rule chose the weight, the file holds the weight too:
    give the same ``weight=rule`` again, and it is taken over without another search.

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
        require_numpy("Checkpoint", run.problem.data[0].target)
        self._run = run

    def __call__(self, state: Any) -> None:
        """Save, where it is time."""
        assert self._run is not None
        if self._run.iteration % self.every == 0:
            save(self.path, self._run)


def save(path: Path, run: Run) -> None:
    """Write a run to a file."""
    content: dict[str, Any] = {}
    first: dict[int, str] = {}
    for name, value in _collect(run.state, "state"):
        if isinstance(value, np.ndarray) and id(value) in first:
            # one array under two names stays one
            content[f"{name}.alias"] = np.array(first[id(value)])
        else:
            first[id(value)] = name
            content[name] = np.asarray(value)
    content |= {f"history.{name}": np.array(values) for name, values in run.history.items()}
    if run.choice is not None:
        content |= {f"choice.{name}": np.array(value) for name, value in _choice(run.choice).items()}
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
    require_numpy("resume", run.problem.data[0].target)
    content, saved = _read(path)
    mine = _fingerprint(run)
    for part in ("format", "algorithm", "problem", "data"):
        if saved.get(part) != mine[part]:
            rule = f", weight={content['choice.rule']} among it" if "choice.rule" in content and run.choice is None else ""
            raise ValueError(
                f"resume is {str(path)!r}, saved with another {part}: {saved.get(part)!r} instead of {mine[part]!r}; "
                f"start afresh, or give what it was saved with{rule}"
            )
    if not np.allclose(saved["probe"], mine["probe"], rtol=1e-4):
        raise ValueError(f"resume is {str(path)!r}, saved with other operators, such as another PSF; start afresh")
    for name in [n for n in content if n.endswith(".alias")]:
        content[name.removesuffix(".alias")] = content[str(content[name])]
    _restored(run.state, "state", content)
    if hasattr(run.algorithm, "resumed"):
        run.algorithm.resumed(run.state)
    run.history.update({n.removeprefix("history."): v.tolist() for n, v in content.items() if n.startswith("history.")})
    run.iteration, run.seconds = int(content["run"][0]), float(content["run"][1])


def load_choice(path: str | Path, rule: str) -> tuple[float, Curve]:
    """Return the weight that a rule, given by its `repr`, had chosen for a saved run, and the curve that it saw.

    Raises
    ------
    ValueError
        If the file is none of ours, or was saved without a rule for the weight or with another.
    """
    content, _ = _read(path, "choice.")
    if "choice.rule" not in content:
        raise ValueError(
            f"weight is {rule}, but resume is {str(path)!r}, saved by a run with the weights as declared; leave weight out"
        )
    if str(content["choice.rule"]) != rule:
        raise ValueError(
            f"weight is {rule}, but resume is {str(path)!r}, saved with {content['choice.rule']}; give that, or start afresh"
        )
    target = float(content["choice.target"])
    curve = Curve(
        str(content["choice.name"]),
        content["choice.factors"],
        content["choice.figures"],
        None if np.isnan(target) else target,
    )
    return float(content["choice.weight"]), curve


def _choice(choice: Choice) -> dict[str, Any]:
    curve = choice.curve
    target = np.nan if curve.target is None else curve.target
    return {
        "rule": repr(choice.rule),
        "weight": choice.weight,
        "name": curve.name,
        "factors": curve.factors,
        "figures": curve.figures,
        "target": target,
    }


def _read(path: str | Path, prefix: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a file holds under names that begin with `prefix`, and the fingerprint in it."""
    try:
        with np.load(path, allow_pickle=False) as file:
            content = {name: file[name] for name in file.files if name.startswith(prefix)}
            return content, json.loads(str(file["fingerprint"]))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"resume is {str(path)!r}, which holds no saved run ({error}); give a Checkpoint's file") from error


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
    """Yield the keys and values of a part of a state: a dataclass that is not frozen, a sequence or a dictionary."""
    made: Any = getattr(thing, "__dataclass_params__", None)
    if made is not None and not made.frozen:
        yield from ((f.name, getattr(thing, f.name)) for f in fields(thing))
    elif isinstance(thing, list | tuple | deque):
        yield from enumerate(thing)
    elif isinstance(thing, dict):
        yield from thing.items()


def _collect(thing: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the arrays and numbers within a state, each with a name that tells where it stands."""
    if isinstance(thing, np.ndarray | bool | int | float | np.generic):
        yield name, thing
    elif isinstance(thing, np.random.Generator):
        yield name, np.array(json.dumps(thing.bit_generator.state))
    elif isinstance(thing, list | tuple | deque):
        yield f"{name}.length", np.array(len(thing))
    for key, value in _members(thing):
        yield from _collect(value, f"{name}.{key}")


def _restored(thing: Any, name: str, saved: dict[str, Any]) -> Any:
    """Return a part of a fresh state as it was saved."""
    found = saved.get(name)
    if isinstance(thing, np.random.Generator):
        thing.bit_generator.state = json.loads(str(found))
        return thing
    if found is not None:
        return found if found.ndim or isinstance(thing, np.ndarray) else found.item()
    if f"{name}.length" in saved:
        # it may have grown with the iterations, as a basis does
        old = [*(() if thing is None else thing)]
        length = int(saved[f"{name}.length"])
        parts = [_restored(old[i] if i < len(old) else None, f"{name}.{i}", saved) for i in range(length)]
        return deque(parts, thing.maxlen) if isinstance(thing, deque) else parts if isinstance(thing, list) else tuple(parts)
    for key, value in list(_members(thing)):
        new = _restored(value, f"{name}.{key}", saved)
        if isinstance(thing, dict):
            thing[key] = new
        else:
            setattr(thing, key, new)
    return thing
