"""Operators against the bare FFT pair, a memory copy and PyLops: medians and ratios within one run.

Run as ``python benchmarks/quick_operators.py [--sizes 256 512] [--seconds 0.4]``.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
import pylops
import scipy.fft

from unblur.operators import Blur, FirstDerivative, set_workers

WORKERS = 2
BOUNDARIES = ("periodic", "zero", "reflect", "mirror", "nearest", "unknown")


def ratios(reference: Callable[[], object], others: list[Callable[[], object]], seconds: float) -> tuple[float, list[float]]:
    """Seconds of the reference, and the median ratio of each other to it, all taken in turn."""
    functions = [reference, *others]
    for f in functions:
        f()
    times: list[list[float]] = []
    end = time.perf_counter() + seconds * len(functions)
    while time.perf_counter() < end or len(times) < 7:
        row = []
        for f in functions:
            f()  # as within a solver: threads awake, its own arrays in the cache
            start = time.perf_counter()
            f()
            row.append(time.perf_counter() - start)
        times.append(row)
    table = np.array(times)
    return float(np.median(table[:, 0])), [float(r) for r in np.median(table[:, 1:] / table[:, :1], axis=0)]


def repeated(f: Callable[[], object], times: int = 10) -> Callable[[], object]:
    def run() -> None:
        for _ in range(times):
            f()

    return run


def fft_pair(x: np.ndarray) -> Callable[[], object]:
    def pair() -> object:
        return scipy.fft.irfft2(scipy.fft.rfft2(x, workers=WORKERS), s=x.shape, workers=WORKERS)

    return pair


def blur_rows(n: int, dtype: str, seconds: float) -> None:
    rng = np.random.default_rng(0)
    psf = rng.uniform(size=(15, 15))
    for boundary in BOUNDARIES:
        A = Blur(psf, (n, n), boundary=boundary)
        x = rng.standard_normal(A.dims).astype(dtype)
        y = rng.standard_normal(A.dimsd).astype(dtype)
        grid = np.zeros(A._grid, dtype)
        out_x, out_y = np.empty_like(x), np.empty_like(y)
        calls = [partial(A.apply, x), partial(A.apply_adjoint, y), partial(A.apply, x, out_y), partial(A.apply_adjoint, y, out_x)]
        pair, found = ratios(fft_pair(grid), calls, seconds)
        tracemalloc.start()
        A.apply(x)
        peak = tracemalloc.get_traced_memory()[1] / grid.nbytes
        tracemalloc.stop()
        limit = (1.5 if n <= 256 else 1.2) if boundary == "periodic" else 1.4
        verdict = "ok" if max(found) <= limit and peak <= 3 else "MISSED"
        numbers = "".join(f"{r:9.2f}" for r in found)
        print(f"{n:5d} {dtype:8s} {boundary:9s} {pair * 1e3:9.2f}{numbers}{limit:8.1f}{peak:9.2f}  {verdict}")


def pylops_rows(seconds: float) -> None:
    rng = np.random.default_rng(0)
    psf, n = rng.uniform(size=(15, 15)), 512
    for dtype, kernel in (("float32", "float64"), ("float32", "float32"), ("float64", "float64")):
        A = Blur(psf, (n, n), boundary="zero")
        B = pylops.signalprocessing.Convolve2D((n, n), psf.astype(kernel), offset=(7, 7), dtype=dtype)
        x = rng.standard_normal(n * n).astype(dtype)
        _, (forward,) = ratios(repeated(partial(A.matvec, x)), [repeated(partial(B.matvec, x))], 4 * seconds)
        _, (adjoint,) = ratios(repeated(partial(A.rmatvec, x)), [repeated(partial(B.rmatvec, x))], 4 * seconds)
        verdict = "ok" if min(forward, adjoint) >= 4 else "MISSED"
        figures = f"{forward:.1f}, adjoint {adjoint:.1f} (at least 4)  {verdict}"
        print(f"Convolve2D of PyLops over Blur, {n}, {dtype}, {kernel} kernel: apply {figures}")


def derivative_rows(n: int, dtype: str, seconds: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, n)).astype(dtype)
    source, target, out = x.copy(), np.empty_like(x), np.empty_like(x)

    def copies() -> None:
        # a copy of the input and one of the output
        np.copyto(target, source)
        np.copyto(out, target)

    for axis in (0, 1):
        for boundary in ("periodic", "reflect"):
            D = FirstDerivative((n, n), axis, boundary=boundary)
            P = pylops.FirstDerivative((n, n), axis=axis, kind="forward", dtype=dtype)
            flat = x.ravel()
            calls = [partial(D.apply, x, out), partial(D.apply_adjoint, x, out), partial(D.apply, x), partial(P.matvec, flat)]
            copy, found = ratios(copies, calls, seconds)
            numbers = "".join(f"{r:9.2f}" for r in found)
            verdict = "ok" if max(found[:2]) <= 2 and found[2] < found[3] else "MISSED"
            print(f"{n:5d} {dtype:8s} {boundary:9s} {axis:4d} {copy * 1e3:9.2f}{numbers}  {verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024, 2048])
    parser.add_argument("--seconds", type=float, default=0.25, help="for each function that is timed")
    options = parser.parse_args()
    set_workers(WORKERS)
    print("Blur over the bare rfft2 + irfft2 pair on its grid, 15×15 PSF; peak in padded images")
    print("    n dtype    boundary   pair ms    apply  adjoint  ap. out  ad. out   limit     peak")
    for n in options.sizes:
        for dtype in ("float32", "float64"):
            blur_rows(n, dtype, options.seconds)
    pylops_rows(options.seconds)
    print("FirstDerivative over a copy of input and of output")
    print("    n dtype    boundary  axis   copy ms    apply  adjoint   no out   PyLops")
    for n in options.sizes:
        for dtype in ("float32", "float64"):
            derivative_rows(n, dtype, options.seconds)


if __name__ == "__main__":
    main()
