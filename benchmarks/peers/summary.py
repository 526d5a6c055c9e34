"""Medians and ratios of one problem, each ratio taken within a round."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from environments import PEERS


@dataclass
class Figures:
    """What the tables and the figure show of one peer."""

    name: str
    how: str = ""
    note: str = ""
    error: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    ratio: float | None = None  #: to unblur, at the sharpest mark that both have
    at_least: bool = False  #: whether the ratio is only a bound, the mark not having been met
    pairs: float | None = None  #: the time to that mark in bare pairs
    step_pairs: float | None = None  #: of one iteration
    iterations: int | None = None
    psnr: float | None = None
    memory: float | None = None


def sharpest(row: dict[str, Any]) -> str:
    """Return the mark by which a peer is compared."""
    if "all" in row["marks"]:
        return "all"
    return "psnr" if row["differs"] else "1e-4"


def median_ratio(a: list[float], b: list[float]) -> float:
    n = min(len(a), len(b))
    return float(np.median(np.array(a[:n]) / np.array(b[:n])))


def step_seconds(row: dict[str, Any]) -> float | None:
    """Return the time of one iteration, set-up taken off where two marks allow it."""
    middle = {mark: float(np.median(t)) for mark, t in row["seconds"].items()}
    points = sorted((row["marks"][mark], t) for mark, t in middle.items())
    if not points:
        return None
    (n0, t0), (n1, t1) = points[0], points[-1]
    return (t1 - t0) / (n1 - n0) if n1 - n0 >= 5 and t1 > t0 else t1 / n1


def figures(result: dict[str, Any]) -> list[Figures]:
    """Return unblur first, and then every peer that took part."""
    rows = result["rows"]
    ours = rows.get("unblur", {})
    yardstick = rows["scipy.fft"]
    # without a yardstick there are no figures in pairs
    pair = [t / yardstick["marks"]["all"] for t in yardstick["seconds"]["all"]] if yardstick.get("seconds") else [np.nan]
    found = []
    for name, row in rows.items():
        if PEERS[name].yardstick:
            continue
        if "error" in row:
            found.append(Figures(name, error=row["error"]))
            continue
        made = Figures(name, row["label"], row["note"], psnr=row["psnr"], memory=row.get("memory"))
        made.seconds = {mark: float(np.median(t)) for mark, t in row["seconds"].items()}
        mark = sharpest(row)
        made.iterations = row["marks"].get(mark)
        step = step_seconds(row)
        made.step_pairs = None if step is None else step / float(np.median(pair))
        if mark in row["seconds"]:
            made.pairs = median_ratio(row["seconds"][mark], pair)
            made.ratio = median_ratio(row["seconds"][mark], ours["seconds"][mark]) if mark in ours.get("seconds", {}) else None
        elif row.get("followed_seconds") and mark in ours.get("seconds", {}):
            made.at_least = True
            made.ratio = row["followed_seconds"] / float(np.median(ours["seconds"][mark]))
            made.pairs = row["followed_seconds"] / float(np.median(pair))
        found.append(made)
    return sorted(found, key=lambda r: r.name != "unblur")
