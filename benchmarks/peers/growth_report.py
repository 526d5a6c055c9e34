"""The tables and the figure of growth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import problems
import report

#: a prime, and its neighbour
PRIME, NEIGHBOUR = 1021, 1024


def exponent(rows: dict[int, dict[str, float]], field: str) -> float:
    """Return that of the pixels, fitted from 512² on."""
    chosen = [r for n, r in rows.items() if n >= 512 and n != PRIME and np.isfinite(r[field])]
    if len(chosen) < 2:
        return float("nan")
    return float(np.polyfit(np.log([r["pixels"] for r in chosen]), np.log([r[field] for r in chosen]), 1)[0])


def table(name: str, rows: dict[int, dict[str, float]]) -> list[str]:
    heads = ("size", "iteration", "in pairs", "iterations", "to 1e-4", "arrays", "process")
    lines = [f"### ({name}) {problems.CASES[name].title}", "", "| " + " | ".join(heads) + " |", "|" + "---:|" * len(heads)]
    for n, r in sorted(rows.items()):
        cells = [f"{n}²", report.seconds(r["iteration"]), f"{r['iteration'] / r['pair']:.2f}", f"{r['iterations'] or '–'}"]
        cells += [report.seconds(r["total"]) if np.isfinite(r["total"]) else "–", f"{r['arrays']:.1f}", f"{r['process']:.1f}"]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", f"Exponent in pixels: {exponent(rows, 'iteration'):.2f} an iteration, {exponent(rows, 'total'):.2f} to 1e-4."]
    if PRIME in rows and NEIGHBOUR in rows:
        ratio = rows[PRIME]["iteration"] / rows[NEIGHBOUR]["iteration"]
        lines.append(f"An iteration at the prime size {PRIME}² takes {ratio:.2f} times that at {NEIGHBOUR}².")
    return [*lines, ""]


def draw(results: dict[str, dict[int, dict[str, float]]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for (name, rows), colour in zip(results.items(), ("#1b6ca8", "#d1702a"), strict=False):
        chosen = [r for n, r in sorted(rows.items()) if n != PRIME]
        pixels = [r["pixels"] for r in chosen]
        label = f"({name}) {problems.CASES[name].title}"
        left.loglog(pixels, [r["iteration"] for r in chosen], "o-", color=colour, label=label)
        left.loglog(pixels, [r["pair"] for r in chosen], ":", color=colour, label=f"a bare FFT pair on the grid of ({name})")
        right.semilogx(pixels, [r["arrays"] for r in chosen], "o-", color=colour, label=f"({name}) arrays")
        right.semilogx(pixels, [r["process"] for r in chosen], "s:", color=colour, label=f"({name}) process")
    left.set(xlabel="pixels", ylabel="seconds an iteration")
    right.set(xlabel="pixels", ylabel="peak in the loop, float32 images", ylim=(0, None))
    for ax in (left, right):
        ax.legend(fontsize=7, frameon=False)
        ax.spines[["top", "right"]].set_visible(False)
    fig.savefig(path, dpi=130)
    plt.close(fig)
