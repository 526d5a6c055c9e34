"""Tables of a run, in Markdown, and where they go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from environments import PEERS
from machine import sentence
from summary import Figures, figures

MARKS = {"1e-3": "to 1e-3", "1e-4": "to 1e-4", "psnr": "to 0.05 dB"}


def seconds(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value * 1e3:.3g} ms" if value < 1 else f"{value:.3g} s"


def number(value: float | None, form: str = ".3g") -> str:
    return "–" if value is None or not np.isfinite(value) else f"{value:{form}}"


def times(value: float | None, bound: bool) -> str:
    """Return a ratio; `bound` where it is only known to be more."""
    if value is None or not np.isfinite(value):
        return "–"
    return f"{'> ' if bound else ''}{value:.3g}"


def row_of(row: Figures, fixed: bool) -> str:
    if row.error:
        return f"| {row.name} | did not run: {row.error} |" + " |" * (6 if fixed else 9)
    how = row.how + (f" ({row.note})" if row.note else "")
    name = f"**{row.name}**" if row.name == "unblur" else row.name
    marks = ["all"] if fixed else list(MARKS)
    cells = [seconds(row.seconds.get(mark)) for mark in marks]
    steps = "" if fixed else str(row.iterations or "–")
    cells += [times(row.ratio, row.at_least), times(row.pairs, row.at_least), number(row.step_pairs, ".2f")]
    cells += ([steps] if steps else []) + [number(row.psnr, ".2f"), number(row.memory, ".0f")]
    return f"| {name} | {how} | " + " | ".join(cells) + " |"


def problem_table(name: str, result: dict[str, Any]) -> list[str]:
    rows = figures(result)
    fixed = any("all" in r.seconds for r in rows)
    pairs = ", ".join(f"{k}: {seconds(v)}" for k, v in pair_times(result).items())
    marks = ["time"] if fixed else list(MARKS.values())
    heads = ["", "how", *marks, "× unblur", "pairs", "pairs a step", *([] if fixed else ["steps"]), "PSNR", "memory"]
    lines = [f"### ({name}) {result['title']}, {result['size']}", "", f"A bare FFT pair on its grid: {pairs}.", ""]
    lines += ["| " + " | ".join(heads) + " |", "|---|---|" + "---:|" * (len(heads) - 2)]
    return [*lines, *(row_of(r, fixed) for r in rows), ""]


def pair_times(result: dict[str, Any]) -> dict[str, float]:
    found = {}
    for name, row in result["rows"].items():
        if PEERS[name].yardstick and row.get("seconds"):
            label = name if name == "scipy.fft" else row["label"]
            found[label] = float(np.median(row["seconds"]["all"])) / row["marks"]["all"]
    return found


def frames_table(name: str, result: dict[str, Any]) -> list[str]:
    lines = [f"### ({name}) {result['title']}, {result['size']}²", ""]
    lines += ["| boundary | frames a second | iterations a frame | pairs a frame | PSNR |", "|---|---:|---:|---:|---:|"]
    for boundary, row in result["frames"].items():
        cells = (f"{row['frames_per_second']:.1f}", row["iterations"], f"{row['pairs_per_frame']:.0f}", f"{row['psnr']:.2f}")
        lines.append(f"| {boundary} | " + " | ".join(map(str, cells)) + " |")
    return [*lines, ""]


def full_text(results: dict[str, Any]) -> str:
    lines = [f"{sentence(results['machine'])}.", ""]
    for name, result in results["problems"].items():
        lines += frames_table(name, result) if "frames" in result else problem_table(name, result)
    versions: dict[str, str] = {}
    for result in results["problems"].values():
        for row in result.get("rows", {}).values():
            versions |= row.get("versions", {})
    return "\n".join([*lines, "Versions: " + ", ".join(f"{k} {v}" for k, v in sorted(versions.items())) + "."])


def short_text(results: dict[str, Any]) -> str:
    """Return one table, a line for each peer: how many times longer than unblur it takes."""
    problems = {k: figures(v) for k, v in results["problems"].items() if "rows" in v}
    names = [n for n, p in PEERS.items() if not p.yardstick and any(r.name == n for rows in problems.values() for r in rows)]
    lines = ["| times unblur's time | " + " | ".join(f"({k})" for k in problems) + " |", "|---|" + "---:|" * len(problems)]
    for name in names:
        cells = []
        for rows in problems.values():
            row = next((r for r in rows if r.name == name), None)
            star = "\\*" if row is not None and row.note else ""
            cells.append("" if row is None else times(row.ratio, row.at_least) + star)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    titles = "; ".join(f"({k}) {v['title']}, {v['size']}" for k, v in results["problems"].items() if "rows" in v)
    return "\n".join(
        [*lines, "", f"{titles}. \\* another problem, or other help: see the notes. {sentence(results['machine'])}."]
    )


def fill(path: Path, name: str, text: str) -> None:
    """Put `text` between a file's markers of that name.

    Raises
    ------
    ValueError
        If the file has none.
    """
    begin, end = f"<!-- {name}: made by make peers -->", f"<!-- end of {name} -->"
    whole = path.read_text()
    if begin not in whole or end not in whole:
        raise ValueError(f"{path} has no line {begin!r} and {end!r} after it; add them where the table is to go")
    before, after = whole.split(begin)[0], whole.split(end)[1]
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")


def write(results: dict[str, Any], output: Path, root: Path | None) -> str:
    """Write the figure and the tables; into the docs below `root`, if it is given. Return the text."""
    from figure import draw

    text = full_text(results)
    (output / "peers.md").write_text(text + "\n")
    draw(results, output / "peers.png")
    if root is not None:
        (output / "peers.md").unlink()
        fill(root / "docs" / "benchmarks.md", "peers", text)
        fill(root / "README.md", "speed", short_text(results))
    return text
