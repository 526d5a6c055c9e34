"""How time and memory of (a) and (b) grow with the image, each size in a fresh process.

    python benchmarks/peers/growth.py [--quick] [--write-docs]

The scene is one photograph, mirrored over and over, so that its statistics are those of the photograph at any size. So is the
number of iterations, nearly: beyond 1024², where the optimum would take an hour to find, that of 1024² is taken, twenty of them
are run, and the rest is reckoned from the time of one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import machine
import numpy as np
import problems
import report
import scipy.fft
from growth_report import NEIGHBOUR, PRIME, draw, table
from problems import Problem
from scipy.signal import fftconvolve
from skimage import data, util

from unblur.inversion import LeastSquares, TotalVariation, plan
from unblur.operators import Blur, set_workers

sys.path.insert(0, str(Path(__file__).parent / "workers"))
from memory import forget_peak, peak, resident

ROOT = Path(__file__).parent.parent.parent
WORKERS = 2
NAMES = {"a": "periodic", "b": "unknown"}
SIZES = (256, 512, 1024, 2048, 4096)
#: the objective is looked at where the count has grown by this factor
LOOKS = 1.04
REFERENCE_ITERATIONS = 1500
#: beyond this, the optimum is not looked for
LARGEST_KNOWN = 1024
#: iterations that are run there
SAMPLE = 20


def tiled(n: int) -> Any:
    camera = util.img_as_float32(data.camera())
    return np.pad(camera, [(0, max(0, n - 512))] * 2, mode="symmetric")[:n, :n]


def pose(boundary: str, n: int) -> Problem:
    truth = tiled(n + 8)[4:-4, 4:-4]
    if boundary == "periodic":
        blurred = Blur(problems.BOX, truth.shape, boundary="periodic").apply(truth)
    else:
        blurred = fftconvolve(tiled(n + 8), problems.BOX.astype(np.float32), mode="valid")
    e, sigma = problems.noise(blurred, problems.BSNR)
    return problems.make(blurred + e, problems.BOX, truth, boundary=boundary, weight=problems.weight_for(sigma))


def on_disk(name: str, n: int, folder: Path) -> Path:
    path = folder / f"growth-{name}-{n}.npz"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    problem = replace(pose(NAMES[name], n), name=name)
    if n <= LARGEST_KNOWN:
        print(f"({name}) {n}: finding the optimum", file=sys.stderr, flush=True)
        problem = problems.reference(problem, REFERENCE_ITERATIONS)
    problem.save(path)
    return path


def declare(problem: Problem) -> Any:
    A = Blur(problem.psf, problem.y.shape, boundary=problem.boundary)
    return LeastSquares(A, problem.y) + problem.weight * TotalVariation()


def iterations_to(problem: Problem, tolerance: float) -> int:
    """Return how many it takes to come within `tolerance` of the optimum, to 4 %."""
    count, following, found = 0, 5, 0

    def look(state: Any) -> None:
        nonlocal count, following, found
        count += 1
        if count >= following and not found:
            following = max(count + 1, int(LOOKS * count))
            if problem.objective(state.x) <= (1 + tolerance) * problem.optimum:
                found = count

    def stop(state: Any) -> Any:
        from unblur.inversion import Status

        return Status("there", "within the tolerance", True) if found else None

    plan(declare(problem)).solve(tol=0, max_iterations=1500, callbacks=[look], stops=[stop])
    return found


def pair(shape: tuple[int, ...], repeats: int) -> float:
    x = np.random.default_rng(0).random(shape, np.float32)
    times = []
    for _ in range(repeats):
        start = perf_counter()
        scipy.fft.irfft2(scipy.fft.rfft2(x, workers=WORKERS), x.shape, workers=WORKERS)
        times.append(perf_counter() - start)
    return float(np.median(times[1:]))


def loop_peaks(problem: Problem) -> dict[str, float]:
    """Return the peak inside the loop, set-up excluded but what it leaves included, in float32 images."""
    image = 4 * int(np.prod(problem.grid))

    class LoopPeak:
        """Forgets what the set-up took, once it is over."""

        def __init__(self, forget: Any) -> None:
            self.forget, self.begun = forget, False

        def __call__(self, state: Any) -> None:
            if not self.begun:
                self.forget()
                self.begun = True

    # what is held when the loop begins counts; what was only passed through does not
    before = resident()
    plan(declare(problem)).solve(tol=0, max_iterations=6, callbacks=[LoopPeak(forget_peak)])
    process = peak() - before
    tracemalloc.start()
    plan(declare(problem)).solve(tol=0, max_iterations=6, callbacks=[LoopPeak(tracemalloc.reset_peak)])
    arrays = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"arrays": arrays / image, "process": process / image}


def measure(path: Path, known: int) -> dict[str, float]:
    """Return the figures of one size; for a process that does nothing else. `known` iterations where the optimum is not."""
    set_workers(WORKERS)
    problem = Problem.load(path)
    plan(declare(problem.cropped(64))).solve(tol=0, max_iterations=3)
    found: dict[str, float] = loop_peaks(problem)
    sampled = not np.isfinite(problem.optimum)
    count = known if sampled else iterations_to(problem, 1e-4)
    run = SAMPLE if sampled or not count else count
    runs = []
    for _ in range(2 if sampled else 5):
        start = perf_counter()
        result = plan(declare(problem)).solve(tol=0, max_iterations=run)
        runs.append((perf_counter() - start, float(np.median(np.diff(result.history["seconds"])))))
    whole, step = (float(m) for m in np.median(runs, axis=0))
    total = whole + (count - run) * step if count else float("nan")
    found |= {"pixels": problem.y.size, "iterations": count, "iteration": step, "total": total}
    return found | {"pair": pair(problem.grid, 8 if sampled else 20)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="up to 1024² only")
    parser.add_argument("--sizes", type=int, nargs="+")
    parser.add_argument("--cache", type=Path, default=ROOT / ".peers")
    parser.add_argument("--write-docs", action="store_true", help="put the tables into docs/benchmarks.md")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--known", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.known)))
        return
    sizes = options.sizes or ((256, 512, PRIME, NEIGHBOUR) if options.quick else (*SIZES, PRIME))
    results: dict[str, dict[int, dict[str, float]]] = {name: {} for name in NAMES}
    for name in NAMES:
        for n in sizes:
            path = on_disk(name, n, options.cache / "data")
            known = results[name].get(LARGEST_KNOWN, {}).get("iterations", 0)
            command = [sys.executable, __file__, "--measure", path, "--known", str(known)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            results[name][n] = json.loads(done.stdout)
            print(f"({name}) {n}: {results[name][n]}", flush=True)
    output = ROOT / "docs" / "benchmarks" if options.write_docs else options.cache / "results"
    output.mkdir(parents=True, exist_ok=True)
    described = machine.describe()
    (output / "growth.json").write_text(json.dumps({"machine": described, "growth": results}, indent=1) + "\n")
    draw(results, output / "growth.png")
    text = "\n".join([f"{machine.sentence(described)}.", "", *(line for name in NAMES for line in table(name, results[name]))])
    if options.write_docs:
        report.fill(ROOT / "docs" / "benchmarks.md", "growth", text.strip())
    print(text)


if __name__ == "__main__":
    main()
