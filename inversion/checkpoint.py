"""Saving a run to a file from time to time, and going on from there."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unblur.operators._arguments import read_whole
from unblur.operators._namespace import require_numpy

from .archive import Archive, BadArchiveError
from .atomic import replacing
from .fingerprint import Fingerprint, difference, fingerprint
from .problem import Problem
from .saved_state import Restoring, collect
from .weight_search import Curve

if TYPE_CHECKING:
    from .weight_choice import Choice


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
    _identity: Fingerprint = field(default_factory=dict)

    def identity(self) -> Fingerprint:
        """Return what tells this run from those of other problems, worked out once."""
        if not self._identity:
            self._identity = fingerprint(self.problem, self.algorithm)
        return self._identity


class Checkpoint:
    """Save the run to a file every so many iterations.

    The file is written beside its place and then moved there: there is always a whole one. ``solve(..., resume=path)``
    goes on from it, to the same bits as if nothing had happened; it is refused where anything that the problem is made of is
    another, to the last bit, and so are options and the version of this library. Where a rule chose the weight, the file holds
    the weight too: give the same ``weight=rule`` again, and it is taken over without another search.

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
    TypeError
        If `path` names no file, or `every` is no whole number.

    Notes
    -----
    Files are read without trust: what is damaged or crafted is refused before it takes time or memory. One checkpoint serves any
    number of runs, one after the other.

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
        self.path, self.every = read_path(path, "path"), read_whole(every, "every")
        if self.path.suffix != ".npz":
            raise ValueError(f"path is {str(path)!r}; name an .npz file")
        if not self.path.parent.is_dir():
            raise ValueError(f"the folder {str(self.path.parent)!r} does not exist; create it, or name another")

    def begin(self, run: Run) -> Callable[[Any], None]:
        """Return what saves a run where it is time."""
        require_numpy("Checkpoint", run.problem.data[0].target)
        # of the problem as it is now, before any function of the user's own has counted its calls
        run.identity()

        def save_in_time(state: Any) -> None:
            if run.iteration % self.every == 0:
                save(self.path, run)

        return save_in_time

    def __call__(self, state: Any) -> None:
        """Refuse: without a run there is nothing to save."""
        raise TypeError("Checkpoint saves a run; give it to solve(..., callbacks=[checkpoint])")


def save(path: Path, run: Run) -> None:
    """Write a run to a file."""
    content: dict[str, Any] = {}
    first: dict[int, str] = {}
    for name, value in collect(run.state, "state"):
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
    content["fingerprint"] = np.array(json.dumps(run.identity()))
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **content)


def load(path: str | Path, run: Run) -> None:
    """Bring a fresh run to where the saved one stood.

    Raises
    ------
    TypeError
        If `path` names no file.
    ValueError
        If the file is none of ours, is damaged, or was saved for another problem, other options or by another version.
    """
    require_numpy("resume", run.problem.data[0].target)
    with _opened(path) as saved:
        differs = difference(run.identity(), _saved_identity(saved))
        if differs:
            rule = ""
            if "choice.rule" in saved and run.choice is None:
                rule = f", weight={saved.text('choice.rule')} among it"
            raise ValueError(
                f"resume is {str(path)!r}, saved with another {differs}; start afresh, or give what it was saved with{rule}"
            )
        Restoring(saved, _largest(run)).restore(run.state)
        if not (math.isfinite(run.state.residual) and run.state.residual >= 0):
            raise BadArchiveError(f"its residual is {run.state.residual}")
        iteration, seconds = saved.read("run", shape=(2,), dtype=np.float64).tolist()
        if not (iteration >= 1 and iteration.is_integer() and 0 <= seconds < math.inf):
            raise BadArchiveError(f"it says to have run {iteration:g} iterations in {seconds:g} s")
        run.iteration, run.seconds = int(iteration), seconds
        run.history.update(_saved_history(saved, run))
    if hasattr(run.algorithm, "resumed"):
        run.algorithm.resumed(run.state)


def load_choice(path: str | Path, rule: str) -> tuple[float, Curve]:
    """Return the weight that a rule, given by its `repr`, had chosen for a saved run, and the curve that it saw.

    Raises
    ------
    TypeError
        If `path` names no file.
    ValueError
        If the file is none of ours, or was saved without a rule for the weight or with another.
    """
    with _opened(path) as saved:
        _saved_identity(saved)
        if "choice.rule" not in saved:
            raise ValueError(
                f"weight is {rule}, but resume is {str(path)!r}, saved by a run with the weights as declared; leave weight out"
            )
        found = saved.text("choice.rule")
        if found != rule:
            raise ValueError(f"weight is {rule}, but resume is {str(path)!r}, saved with {found}; give that, or start afresh")
        weight, target = (float(saved.read(f"choice.{name}", shape=(), dtype=np.float64)) for name in ("weight", "target"))
        if not 0 <= weight < math.inf:
            raise BadArchiveError(f"its weight is {weight}")
        factors = saved.read("choice.factors", dtype=np.float64)
        figures = saved.read("choice.figures", shape=factors.shape, dtype=np.float64)
        return weight, Curve(saved.text("choice.name"), factors, figures, None if np.isnan(target) else target)


def read_path(path: Any, name: str) -> Path:
    """Return the path of a file."""
    if isinstance(path, str | os.PathLike):
        found = os.fspath(path)
        if isinstance(found, str) and found and "\0" not in found:
            return Path(found)
    raise TypeError(f"{name} is {path!r}; give the name of a file")


@contextmanager
def _opened(path: Any) -> Iterator[Archive]:
    """Open a saved run; what is wrong with it is said in the name of `resume`."""
    place = read_path(path, "resume")
    try:
        with Archive(place) as saved:
            yield saved
    except BadArchiveError as error:
        raise ValueError(f"resume is {str(path)!r}, which holds no saved run: {error}; give a Checkpoint's file") from error


def _saved_identity(saved: Archive) -> Any:
    try:
        return json.loads(saved.text("fingerprint"))
    except (ValueError, RecursionError) as error:
        raise BadArchiveError(f"its fingerprint cannot be read: {error}") from error


def _saved_history(saved: Archive, run: Run) -> dict[str, list[Any]]:
    history = {}
    for name in saved.names:
        if name.startswith("history."):
            figures = saved.read(name)
            if figures.ndim == 0:
                raise BadArchiveError(f"{name!r} is no list of figures")
            history[name.removeprefix("history.")] = figures.tolist()
    for name in run.history:
        if len(history.get(name, ())) != run.iteration:
            raise BadArchiveError(f"it holds {len(history.get(name, ()))} figures of {name!r} for {run.iteration} iterations")
    return history


def _largest(run: Run) -> int:
    """Return how many samples an array of a state may have that a fresh one does not hold yet."""
    sizes: list[int] = [math.prod(run.problem.dims), *(t.A.shape[0] for t in run.problem.terms)]
    return 2 * max(sizes)


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
