"""Colours that a file holds multiplied by their transparency ("associated" or premultiplied alpha), and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import distance_transform_edt

from unblur.intensity import from_working


def divided(colours: Any, alpha: Any) -> Any:
    """Return the colours without the transparency; where nothing is seen, the colour that is seen next to it.

    `multiplied` gives the same colours again, to the last bit for integers.
    """
    seen = alpha > 0
    if seen.all() and (alpha == full(alpha)).all():
        return colours
    opacity = _over_channels(np.where(seen, alpha / full(alpha), 1.0), colours)
    straight = colours / opacity
    if not seen.all() and seen.any():
        nearest = distance_transform_edt(~seen, return_distances=False, return_indices=True)
        straight = straight[tuple(nearest)]
    if colours.dtype.kind == "f":
        return straight.astype(colours.dtype)
    return from_working(straight / full(colours), colours.dtype)


def multiplied(colours: Any, alpha: Any) -> Any:
    """Return the colours multiplied by the transparency."""
    product = colours * _over_channels(alpha / full(alpha), colours)
    return product.astype(colours.dtype) if colours.dtype.kind == "f" else np.rint(product).astype(colours.dtype)


def full(samples: Any) -> float:
    """Return the sample that stands for wholly opaque, or white."""
    return 1.0 if samples.dtype.kind == "f" else float(np.iinfo(samples.dtype).max)


def _over_channels(plane: Any, colours: Any) -> Any:
    return plane if colours.ndim == 2 else plane[..., None]
