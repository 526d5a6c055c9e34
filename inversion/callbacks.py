"""Callbacks: callables that see the state after every iteration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


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
        self.figures = dict(figures)

    def __call__(self, state: Any) -> dict[str, float]:
        """Return the figures of `state`."""
        return {name: float(figure(state)) for name, figure in self.figures.items()}


class Progress:
    """Show a progress bar on a terminal, and nothing in a pipe.

    Parameters
    ----------
    description : str
        What stands before the bar.
    """

    def __init__(self, description: str = "") -> None:
        from tqdm.auto import tqdm

        # disable=None: tqdm asks whether stderr is a terminal
        self.bar = tqdm(desc=description, disable=None, leave=False, unit="it")

    def __call__(self, state: Any) -> None:
        """Advance the bar."""
        self.bar.set_postfix_str(f"residual {state.residual:.1e}", refresh=False)
        self.bar.update()

    def close(self) -> None:
        """Remove the bar."""
        self.bar.close()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()
