"""Figures: a report on one restoration, images side by side, the course of the iterations."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from unblur.inversion.atomic import write_whole
from unblur.inversion.plotting import plot_history

from .files import check_output
from .intensity import read_samples

if TYPE_CHECKING:
    from .restoration import Restoration


def draw_report(restoration: Restoration) -> Figure:
    """Return a figure of the image before and after, the PSF, and the course of the iterations."""
    result = restoration.result
    figure = Figure(figsize=(12, 9), layout="constrained")
    panels = figure.subplots(2, 2, height_ratios=(3, 2))
    before, after = (read_samples(image)[0] for image in (restoration.blurred, restoration.image))
    limits = (float(before.min()), float(before.max()))
    show_image(panels[0, 0], before, "blurred", limits)
    show_image(panels[0, 1], after, f"restored, {restoration.prior}, weight {restoration.weight:.3g}", limits)
    h = restoration.psf
    # one for each colour: their mean
    one = h.mean(axis=-1) if h.ndim == 3 and h.shape[-1] == 3 else h
    psf = panels[1, 0].imshow(_plane(one), cmap="viridis", interpolation="nearest")
    figure.colorbar(psf, ax=panels[1, 0])
    panels[1, 0].set_title(f"PSF, {'×'.join(map(str, restoration.psf.shape))}")
    plot_history({"residual": result.history["residual"]}, panels[1, 1])
    panels[1, 1].set_title(f"{result.iterations} iterations, {result.seconds:.2g} s: {result.status.name}")
    return figure


def draw_comparison(images: Mapping[str, Any], detail: tuple[slice, slice]) -> Figure:
    """Return a figure of images side by side, each with a magnified detail below it, on one grey scale from 0 to 1."""
    figure = Figure(figsize=(3 * len(images), 6.4), layout="constrained")
    panels = figure.subplots(2, len(images), squeeze=False)
    rows, columns = detail
    for (title, image), (whole, part) in zip(images.items(), panels.T, strict=True):
        show_image(whole, image, title, (0, 1))
        box = (columns.start, rows.start), columns.stop - columns.start, rows.stop - rows.start
        whole.add_patch(_outline(*box))
        show_image(part, image[detail], "", (0, 1))
    return figure


def draw_convergence(objective: Any, psnr: Any) -> Figure:
    """Return a figure of the objective's distance from its last value, and of PSNR, over the iterations."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    left = figure.add_subplot()
    iterations = np.arange(1, len(objective) + 1)
    above = (np.asarray(objective) - objective[-1]) / objective[-1]
    (first,) = left.semilogy(iterations[:-1], np.maximum(above[:-1], 1e-12), "C0", label="objective")
    left.set_xlabel("iteration")
    left.set_ylabel("objective, relative distance from its last value")
    left.grid(True, alpha=0.3)
    right = left.twinx()
    (second,) = right.plot(iterations, psnr, "C1", label="PSNR")
    right.set_ylabel("PSNR in dB")
    left.legend(handles=[first, second], loc="center right")
    left.set_title("Total variation by split Bregman")
    return figure


def show_image(ax: Any, image: Any, title: str, limits: tuple[float, float]) -> None:
    """Draw a grey or colour image, the limits black and white, without ticks."""
    low, high = limits if limits[1] > limits[0] else (limits[0], limits[0] + 1)
    image = _plane(image)
    if image.ndim == 3:
        image = np.clip((image - low) / (high - low), 0, 1)
    ax.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    ax.set_title(title)
    ax.set_axis_off()


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure to a file whose kind follows from the name, whole or not at all.

    Raises
    ------
    ValueError
        If the name's ending is not one that Matplotlib writes, or if the file cannot be written.
    """
    path = Path(path)
    check_figure(path)
    try:
        content = BytesIO()
        figure.savefig(content, format=path.suffix.lower().lstrip("."), dpi=100)
        write_whole(path, content.getvalue())
    except OSError as error:
        raise ValueError(f"{str(path)!r} cannot be written ({error.strerror or error}); name another file") from error


def check_figure(path: str | Path) -> None:
    """Raise ValueError unless a figure can be written there."""
    kinds = Figure().canvas.get_supported_filetypes()
    if Path(path).suffix.lower().lstrip(".") not in kinds:
        raise ValueError(f"{str(path)!r} does not end in a kind of figure; name a .png, .pdf or .svg file")
    check_output(path)


def _outline(corner: tuple[int, int], width: int, height: int) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(corner, width, height, fill=False, edgecolor="yellow", linewidth=1)


def _plane(image: Any) -> Any:
    """Return what can be shown of an array: images as they are, the middle plane of a volume, a line as one row."""
    image = np.atleast_2d(image)
    while image.ndim > 3 or (image.ndim == 3 and image.shape[-1] not in (3, 4)):
        image = image[len(image) // 2]
    return image
