"""Colours that a file holds multiplied by their transparency ("associated" or premultiplied alpha), and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import distance_transform_edt

from unblur.intensity import from_working

from .picture import Picture


def divided(colours: Any, alpha: Any) -> Any:
    """Return the colours without the transparency; where nothing is seen, the colour that is seen next to it.

    `multiplied` gives the same colours again, to the last bit for integers.
    """
    seen = alpha > 0
    if seen.all() and (alpha == full(alpha)).all():
        return colours
    opacity = _over_channels(np.where(seen, alpha / full(alpha), 1.0), colours)
    straight = spread(colours / opacity, seen)
    if colours.dtype.kind == "f":
        return straight.astype(colours.dtype)
    return from_working(straight / full(colours), colours.dtype)


def seen(picture: Picture) -> tuple[Any, Any]:
    """Return the colours of a picture, and where they are seen, None being everywhere: those behind are none of it."""
    if picture.alpha is None or (picture.alpha > 0).all() or not picture.alpha.any():
        return picture.pixels, None
    return spread(picture.pixels, picture.alpha > 0), picture.alpha > 0


def spread(colours: Any, seen: Any) -> Any:
    """Return the colours, and where nothing is seen those that are seen next to it."""
    if seen.all() or not seen.any():
        return colours
    return colours[tuple(distance_transform_edt(~seen, return_distances=False, return_indices=True))]


def multiplied(colours: Any, alpha: Any) -> Any:
    """Return the colours multiplied by the transparency."""
    product = colours * _over_channels(alpha / full(alpha), colours)
    return product.astype(colours.dtype) if colours.dtype.kind == "f" else np.rint(product).astype(colours.dtype)


def full(samples: Any) -> float:
    """Return the sample that stands for wholly opaque, or white."""
    return 1.0 if samples.dtype.kind == "f" else float(np.iinfo(samples.dtype).max)


def _over_channels(plane: Any, colours: Any) -> Any:
    return plane if colours.ndim == 2 else plane[..., None]
