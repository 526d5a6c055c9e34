"""Callbacks: callables that see the state after every iteration, and may return figures for the history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from unblur.operators._arguments import read_function

_OVER = "the iteration that this state belongs to is over; keep what you need of it, such as state.x, while it lasts"


class Snapshot:
    """The state after one iteration, as callbacks and stops see it.

    `x` is a copy, made when it is first asked for, and is the asker's to keep. Everything else, `residual` and what else the
    algorithm's state has, is the state's own: arrays among it are overwritten by the next iteration. Once that has begun,
    only an `x` that was asked for is left.
    """

    __slots__ = ("_state", "_x")

    def __init__(self, state: Any) -> None:
        self._state, self._x = state, None

    @property
    def x(self) -> Any:
        """The image after this iteration."""
        if self._x is None:
            self._x = self.__getattr__("x").copy()
        return self._x

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if self._state is None:
            raise RuntimeError(_OVER)
        return getattr(self._state, name)

    def end(self) -> None:
        """Let go of the state, which goes on."""
        self._state = None


class Record:
    """Put figures of the state into the history.

    Parameters
    ----------
    figures : mapping of names to functions of the state
        Such as ``{"objective": lambda state: problem.objective(state.x)}``.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import LeastSquares, Record, TotalVariation, solve
    >>> from unblur.operators import Blur
    >>> A = Blur(np.full((3, 3), 1 / 9), (8, 8), boundary="periodic")
    >>> problem = LeastSquares(A, np.eye(8)) + 0.01 * TotalVariation()
    >>> record = Record({"objective": lambda state: problem.objective(state.x)})
    >>> result = solve(problem, callbacks=[record])
    >>> len(result.history["objective"]) == result.iterations
    True
    """

    def __init__(self, figures: Mapping[str, Callable[[Any], float]]) -> None:
        if not isinstance(figures, Mapping):
            raise TypeError(f"figures is {figures!r}; give a mapping of names to functions of the state")
        self.figures = {name: read_function(f, f"figures[{name!r}]", "a function of the state") for name, f in figures.items()}

    def __call__(self, state: Any) -> dict[str, float]:
        """Return the figures of `state`."""
        return {name: float(figure(state)) for name, figure in self.figures.items()}


class Progress:
    """Show a progress bar on a terminal, and nothing in a pipe; it begins anew with each run.

    Parameters
    ----------
    description : str
        What stands before the bar.
    """

    def __init__(self, description: str = "") -> None:
        self.description = str(description)
        self.bar: Any = None

    def begin(self, run: Any) -> None:
        """Begin a run at its first iteration."""
        from tqdm.auto import tqdm

        self.close()
        # disable=None: tqdm asks whether stderr is a terminal
        self.bar = tqdm(desc=self.description, disable=None, leave=False, unit="it")

    def __call__(self, state: Any) -> None:
        """Advance the bar."""
        if self.bar is None:
            self.begin(None)
        self.bar.set_postfix_str(f"residual {state.residual:.1e}", refresh=False)
        self.bar.update()

    def close(self) -> None:
        """Remove the bar."""
        if self.bar is not None:
            self.bar.close()
        self.bar = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()
