"""The figure: how many times longer than unblur each peer takes, a panel for each problem."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from machine import sentence
from matplotlib.ticker import FuncFormatter, NullLocator
from summary import figures

OURS, THEIRS, OTHER = "#1b6ca8", "#b8b8b8", "#dedede"


def draw(results: dict[str, Any], path: Path) -> None:
    panels = {name: (r["title"], figures(r)) for name, r in results["problems"].items() if "rows" in r}
    shown = {name: [r for r in rows if r.ratio is not None] for name, (_, rows) in panels.items()}
    names = [name for name, rows in shown.items() if len(rows) > 1]
    if not names:
        return
    heights = [len(shown[name]) + 0.6 for name in names]
    inches = 0.27 * sum(heights) + 0.45 * len(names) + 0.9
    fig, axes = plt.subplots(
        len(names), 1, figsize=(8, inches), sharex=True, squeeze=False, height_ratios=heights, layout="constrained"
    )
    ratios = [r.ratio for name in names for r in shown[name] if r.ratio is not None]
    low, widest = min(0.5, min(ratios)) / 2, max(ratios)
    for ax, name in zip(axes[:, 0], names, strict=True):
        rows = sorted(shown[name], key=lambda r: r.ratio or 0)
        for place, row in enumerate(rows):
            assert row.ratio is not None
            mine = row.name == "unblur"
            ax.barh(place, row.ratio - low, left=low, color=OURS if mine else OTHER if row.note else THEIRS, height=0.72)
            text = f"{'> ' if row.at_least else ''}{row.ratio:.3g}×" if not mine else "1"
            ax.text(row.ratio * 1.06, place, text, va="center", fontsize=8)
        ax.set_yticks(range(len(rows)), [r.name + (" *" if r.note else "") for r in rows], fontsize=8)
        ax.invert_yaxis()
        ax.set_title(f"({name}) {panels[name][0]}", fontsize=9, loc="left")
        ax.axvline(1, color=OURS, linewidth=0.8)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
    last = axes[-1, 0]
    last.set_xscale("log")
    last.set_xlim(low, widest * 2.5)
    last.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    last.xaxis.set_minor_locator(NullLocator())
    last.set_xlabel("time over unblur's, less is faster; * another problem or other help, see the notes", fontsize=8)
    fig.suptitle(sentence(results["machine"]), fontsize=7, color="#555555")
    fig.savefig(path, dpi=130)
    plt.close(fig)
