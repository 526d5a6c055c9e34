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


def plot_curve(result: Any, ax: Any = None) -> Any:
    """Draw what a rule saw: its figure over the factor, with the factor that was chosen.

    Parameters
    ----------
    result : Result
        Of ``solve(problem, weight=rule)``.
    ax : matplotlib Axes, optional
        By default a new figure's.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If no rule chose the weight.
    """
    if result.curve is None:
        raise ValueError("result has no curve, because no rule chose its weight; use solve(problem, weight=GCV())")
    curve = result.curve
    ax = plt.figure(layout="constrained").add_subplot() if ax is None else ax
    shown = np.isfinite(curve.figures)
    ax.plot(curve.factors[shown], curve.figures[shown], ".-")
    ax.axvline(result.weight, color="C1", linestyle="--", label=f"chosen, {result.weight:.3g}")
    if curve.target is not None:
        ax.axhline(curve.target, color="0.5", linewidth=1, label=f"wanted, {curve.target:g}")
    ax.set_xscale("log")
    if (curve.figures[shown] > 0).all():
        ax.set_yscale("log")
    ax.set_xlabel("factor of the priors")
    ax.set_ylabel(curve.name)
    ax.grid(True, alpha=0.3)
    ax.legend()
    return ax


def plot_run(result: Any) -> Any:
    """Draw the course of the iterations beside the curve of the rule, and return both axes."""
    panels = plt.figure(figsize=(11, 4), layout="constrained").subplots(1, 2)
    plot_history(result.history, panels[0])
    plot_curve(result, panels[1])
    return panels
