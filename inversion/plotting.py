"""Drawing what a run returned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np


def plot_history(history: Mapping[str, Any], ax: Any = None) -> Any:
    """Draw the figures of each iteration on a logarithmic scale.

    Parameters
    ----------
    history : mapping of names to arrays
        As ``result.history``.
    ax : matplotlib Axes, optional
        By default a new figure's.

    Returns
    -------
    matplotlib Axes
    """
    ax = plt.figure(layout="constrained").add_subplot() if ax is None else ax
    for name, values in history.items():
        if name == "seconds":
            continue
        values = np.asarray(values, float)
        ax.semilogy(np.arange(1, len(values) + 1), np.where(values > 0, values, np.nan), label=name)
    ax.set_xlabel("iteration")
    ax.set_ylabel("relative residual" if set(history) <= {"residual", "seconds"} else "")
    ax.grid(True, alpha=0.3)
    if len(ax.get_lines()) > 1:
        ax.legend()
    return ax
