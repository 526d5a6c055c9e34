"""Turning a picture as its file says that it is to be shown."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from .picture import Picture


def upright(picture: Picture, orientation: int) -> Picture:
    """Return the picture as it is to be shown; orientations are those of TIFF and EXIF, from 1 to 8."""
    if orientation not in range(2, 9):
        return picture
    notes = picture.notes
    if orientation >= 5 and notes.resolution is not None:
        notes = replace(notes, resolution=notes.resolution._replace(x=notes.resolution.y, y=notes.resolution.x))
    return replace(
        picture,
        pixels=turned(picture.pixels, orientation),
        alpha=None if picture.alpha is None else turned(picture.alpha, orientation),
        extra=None if picture.extra is None else picture.extra._replace(samples=turned(picture.extra.samples, orientation)),
        notes=replace(notes, xmp=re.sub(rb'(tiff:Orientation(?:=["\']|>))\s*\d', rb"\g<1>1", notes.xmp)),
    )


def turned(samples: Any, orientation: int) -> Any:
    """Return an array of rows and columns, stored in an orientation, upright."""
    # the first row stored is at the top, right or bottom; the first column at the left or right; from 5 on rows are columns
    if orientation in (2, 3, 7, 8):
        samples = samples[:, ::-1]
    if orientation in (3, 4, 6, 7):
        samples = samples[::-1]
    return samples.swapaxes(0, 1) if orientation >= 5 else samples
