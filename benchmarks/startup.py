"""What starting costs: importing, `--help`, and the first solve of a process with kernels cached and without.

    python benchmarks/startup.py [--repeats 9] [--write-docs]

Every figure is of fresh processes, taken in turn; medians. Importing is compared with importing the very modules of other
packages that unblur imports, in the order in which it does.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent
TIMED = """
import json, sys, time
start = time.perf_counter()
{statement}
print(json.dumps(time.perf_counter() - start))
"""
LISTED = """
import json, sys
before = set(sys.modules)
{statement}
print(json.dumps([m for m in sys.modules if m not in before and m.split(".")[0] != "unblur"]))
"""
IMPORTED = """
import importlib
for name in {names}:
    try:
        importlib.import_module(name)
    except ImportError:
        pass  # made by another module, and not to be had by its name
"""
FIRST_SOLVE = """
import json, time
import numpy as np
from unblur.inversion import LeastSquares, TotalVariation, solve
from unblur.operators import Blur

y = np.random.default_rng(0).random((512, 512), np.float32)

def once():
    start = time.perf_counter()
    A = Blur(np.full((9, 9), 1 / 81), y.shape, boundary="periodic")
    solve(LeastSquares(A, y) + 1e-4 * TotalVariation(), tol=0, max_iterations=5)
    return time.perf_counter() - start

first = once()
print(json.dumps([first, once()]))
"""
IMPORTS = {
    "`import unblur`": "import unblur",
    "`unblur.operators`": "import unblur.operators",
    "`unblur.inversion`": "import unblur.inversion",
    "`unblur.deblur`": "import unblur; unblur.deblur",
}


def python(code: str, **environment: str) -> Any:
    """Run code in a fresh process; return what it prints last."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | environment, cwd=ROOT
    )
    return json.loads(done.stdout.splitlines()[-1])


def import_costs(repeats: int) -> dict[str, dict[str, float]]:
    costs = {}
    for name, statement in IMPORTS.items():
        names = python(LISTED.format(statement=statement))
        ours, theirs = [], []
        for _ in range(repeats):
            ours.append(python(TIMED.format(statement=statement)))
            theirs.append(python(TIMED.format(statement=IMPORTED.format(names=names))))
        costs[name] = {"seconds": median(ours), "dependencies": median(theirs)}
        costs[name]["over"] = median(a - b for a, b in zip(ours, theirs, strict=True))
    return costs


def help_cost(repeats: int) -> float:
    start = "import subprocess; subprocess.run([sys.executable, '-m', 'unblur', '--help'], stdout=subprocess.DEVNULL)"
    return float(median(python(TIMED.format(statement=start)) for _ in range(repeats)))


def first_solves(repeats: int) -> dict[str, float]:
    """Return what the first solve of a process takes beyond the second, with an empty cache of kernels and a full one."""
    with tempfile.TemporaryDirectory() as cache:
        # once, as it is compiled
        first, second = python(FIRST_SOLVE, NUMBA_CACHE_DIR=cache)
        runs = [python(FIRST_SOLVE, NUMBA_CACHE_DIR=cache) for _ in range(repeats)]
    return {"cold": first - second, "cached": median(a - b for a, b in runs), "second": median(b for _, b in runs)}


def text(found: dict[str, Any]) -> str:
    lines = ["| | seconds | its dependencies alone | over them |", "|---|---:|---:|---:|"]
    for name, c in found["imports"].items():
        lines.append(f"| {name} | {c['seconds']:.3f} | {c['dependencies']:.3f} | {c['over']:.3f} |")
    lines.append(f"| `unblur --help`, the interpreter included | {found['help']:.3f} | | |")
    solves = found["first solve"]
    lines += [
        "",
        f"The first solve of a process, 512², takes {solves['cached']:.3f} s longer than the second where kernels are cached, "
        f"and {solves['cold']:.2f} s where they are not.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    found = {"imports": import_costs(options.repeats), "help": help_cost(options.repeats)}
    found["first solve"] = first_solves(options.repeats)
    made = text(found)
    if options.write_docs:
        sys.path.insert(0, str(ROOT / "benchmarks" / "peers"))
        import machine
        import report

        described = machine.describe()
        (ROOT / "docs" / "benchmarks").mkdir(exist_ok=True)
        kept = json.dumps({"machine": described, **found}, indent=1, ensure_ascii=False)
        (ROOT / "docs" / "benchmarks" / "startup.json").write_text(kept + "\n")
        made = f"{machine.sentence(described)}.\n\n{made}"
        report.fill(ROOT / "docs" / "benchmarks.md", "startup", made)
    print(made)


if __name__ == "__main__":
    main()
