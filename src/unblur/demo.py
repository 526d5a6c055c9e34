"""The main job, shown: a photograph is blurred by a known motion, and restored in four ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from unblur.inversion import Record, Status

from . import files, plotting, synthesis
from .classical import inverse_filter, wiener
from .intensity import from_working, to_working
from .psf import motion
from .restoration import Restoration, restore

LENGTH, ANGLE, SIGMA = 21.0, 30.0, 0.01

#: a larger photograph is cut to its middle, so that the demonstration stays short
LARGEST = 640


class UnfinishedError(Exception):
    """A restoration did not come to its end; `status` tells why."""

    def __init__(self, status: Status) -> None:
        super().__init__(str(status))
        self.status = status


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    method: str
    psnr: float
    ssim: float
    iterations: int | None
    seconds: float | None


@dataclass(frozen=True, eq=False)
class Scene:
    """A photograph and its blurred, noisy copy, on the same field of view."""

    sharp: Any
    blurred: Any
    psf: Any


def load(path: str | Path | None) -> Any:
    """Return the photograph in the file, or the astronaut that comes with scikit-image, from 0 to 1 in float32."""
    if path is None:
        from skimage.data import astronaut

        return to_working(astronaut())
    pixels = to_working(files.read(path).pixels).astype(np.float32)
    height, width = pixels.shape[:2]
    if min(height, width) < 64:
        raise ValueError(f"{str(path)!r} has {width}×{height} pixels; the demonstration needs 64×64 or more")
    low, high = pixels.min(), pixels.max()
    if low < 0 or high > 1:
        pixels = (pixels - low) / (high - low)
    top, left = max(0, height - LARGEST) // 2, max(0, width - LARGEST) // 2
    return pixels[top : top + LARGEST, left : left + LARGEST]


def blur(photograph: Any, seed: int = 0) -> Scene:
    """Return the photograph blurred where its surroundings are known, by a valid convolution, with noise from `seed`."""
    psf = motion(LENGTH, ANGLE)
    blurred = synthesis.blur(photograph, psf, sigma=SIGMA, rng=seed)
    top, left = (n // 2 for n in psf.shape)
    sharp = photograph[top : top + blurred.shape[0], left : left + blurred.shape[1]]
    return Scene(sharp, blurred, psf)


def restore_all(scene: Scene) -> tuple[list[Row], dict[str, Any], Restoration]:
    """Restore the scene unattended, in four ways; return the table, the images, and the last restoration."""
    methods: dict[str, Callable[[], Any]] = {
        "inverse filter": lambda: inverse_filter(scene.blurred, scene.psf),
        "Wiener": lambda: wiener(scene.blurred, scene.psf),
        "Tikhonov": lambda: restore(scene.blurred, scene.psf, prior="tikhonov"),
        "total variation": lambda: restore(scene.blurred, scene.psf, prior="tv"),
    }
    rows = [Row("blurred", *_quality(scene.sharp, scene.blurred), None, None)]
    pictures = {"original": scene.sharp, "blurred": scene.blurred}
    for name, method in methods.items():
        start = perf_counter()
        answer = method()
        seconds = perf_counter() - start
        if isinstance(answer, Restoration) and not answer.result.status.success:
            raise UnfinishedError(answer.result.status)
        image, iterations = (answer.image, answer.result.iterations) if isinstance(answer, Restoration) else (answer, 1)
        rows.append(Row(name, *_quality(scene.sharp, image), iterations, seconds))
        pictures[name] = image
    return rows, pictures, answer


def course(scene: Scene, restoration: Restoration, iterations: int = 80) -> tuple[Any, Any]:
    """Return the objective and the PSNR after each of so many iterations."""
    plan = restoration.result.plan
    figures = {
        "objective": lambda state: plan.problem.objective(state.x),
        "psnr": lambda state: _psnr(scene.sharp, restoration.to_image(state.x)),
    }
    history = plan.solve(tol=0, max_iterations=iterations, callbacks=[Record(figures)]).history
    return history["objective"], history["psnr"]


def write_all(folder: Path, scene: Scene, pictures: dict[str, Any], restoration: Restoration) -> list[Path]:
    """Write the images, the side-by-side figure and the convergence curve; return their paths."""
    paths = []
    for name, image in {**pictures, "psf": scene.psf / scene.psf.max()}.items():
        paths.append(folder / f"{name.replace(' ', '_').lower()}.png")
        files.write(paths[-1], files.Picture(from_working(image, np.uint8)))
    height, width = scene.sharp.shape[:2]
    detail = (slice(height // 8, height // 8 + height // 4), slice(3 * width // 8, 3 * width // 8 + width // 4))
    figures = {
        "comparison.png": plotting.draw_comparison(pictures, detail),
        "convergence.png": plotting.draw_convergence(*course(scene, restoration)),
    }
    for name, figure in figures.items():
        paths.append(folder / name)
        plotting.save(figure, paths[-1])
    return paths


def table(rows: list[Row]) -> str:
    """Return the table as text."""
    lines = [f"{'method':<16} {'PSNR':>7} {'SSIM':>6} {'iterations':>10} {'seconds':>8}"]
    for row in rows:
        effort = f"{row.iterations:>10} {row.seconds:>8.2f}" if row.seconds is not None else ""
        lines.append(f"{row.method:<16} {row.psnr:>7.2f} {row.ssim:>6.3f} {effort}".rstrip())
    return "\n".join(lines)


def _quality(truth: Any, image: Any) -> tuple[float, float]:
    clipped = np.clip(image, 0, 1)
    colour = -1 if truth.ndim == 3 else None
    return _psnr(truth, image), float(structural_similarity(truth, clipped, data_range=1, channel_axis=colour))


def _psnr(truth: Any, image: Any) -> float:
    return float(peak_signal_noise_ratio(truth, np.clip(image, 0, 1), data_range=1))
