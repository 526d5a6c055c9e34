"""The figure: how many times longer than unblur each peer takes, a panel for each problem."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from machine import sentence
from matplotlib.ticker import FuncFormatter, NullLocator
from summary import Figures, figures

OURS, THEIRS, OTHER = "#1b6ca8", "#b8b8b8", "#dedede"


def columns(heights: dict[str, float]) -> list[list[str]]:
    """Part the panels, in their order, into two columns of about one height."""
    names = list(heights)
    whole = sum(heights.values())
    cut = min(range(1, len(names) + 1), key=lambda k: abs(2 * sum(heights[n] for n in names[:k]) - whole))
    return [c for c in (names[:cut], names[cut:]) if c]


def draw(results: dict[str, Any], path: Path) -> None:
    titles = {name: r["title"] for name, r in results["problems"].items()}
    shown = {name: [r for r in figures(p) if r.ratio is not None] for name, p in results["problems"].items() if "rows" in p}
    heights = {name: len(rows) + 1.6 for name, rows in shown.items() if len(rows) > 1}
    if not heights:
        return
    ratios = [r.ratio for name in heights for r in shown[name] if r.ratio is not None]
    limits = min(0.5, min(ratios)) / 2, max(ratios) * 3
    parts = columns(heights)
    inches = 0.23 * max(sum(heights[n] for n in part) for part in parts) + 1.0
    fig = plt.figure(figsize=(5.5 * len(parts), inches), layout="constrained")
    for sub, part in zip(fig.subfigures(1, len(parts), squeeze=False)[0], parts, strict=True):
        axes = sub.subplots(len(part), 1, sharex=True, squeeze=False, height_ratios=[heights[n] for n in part])
        for ax, name in zip(axes[:, 0], part, strict=True):
            panel(ax, shown[name], limits[0])
            ax.set_title(f"({name}) {titles[name]}", fontsize=9, loc="left")
        last = axes[-1, 0]
        last.set_xscale("log")
        last.set_xlim(*limits)
        last.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        last.xaxis.set_minor_locator(NullLocator())
    fig.supxlabel("time over unblur's, less is faster; * another problem or other help, see the notes", fontsize=8)
    fig.suptitle(sentence(results["machine"]), fontsize=7, color="#555555")
    fig.savefig(path, dpi=110)
    plt.close(fig)


def panel(ax: Any, rows: list[Figures], low: float) -> None:
    rows = sorted(rows, key=lambda r: r.ratio or 0)
    for place, row in enumerate(rows):
        assert row.ratio is not None
        mine = row.name == "unblur"
        ax.barh(place, row.ratio - low, left=low, color=OURS if mine else OTHER if row.note else THEIRS, height=0.72)
        text = "1" if mine else f"{'> ' if row.at_least else ''}{row.ratio:.3g}×"
        ax.text(row.ratio * 1.08, place, text, va="center", fontsize=8, bbox={"color": "white", "pad": 0.3})
    ax.set_yticks(range(len(rows)), [r.name + (" *" if r.note else "") for r in rows], fontsize=8)
    ax.invert_yaxis()
    ax.axvline(1, color=OURS, linewidth=0.8, zorder=0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
