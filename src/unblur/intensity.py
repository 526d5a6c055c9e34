"""Between the samples of an image, of whatever type, and the numbers that are computed with."""

from __future__ import annotations

from typing import Any

import numpy as np

from unblur.operators._backend import working_dtype


def to_working(image: Any) -> Any:
    """Return the image in floating point: integers divided by their type's maximum, others as they are.

    8 and 16-bit integers and short floats go to float32, the rest to float64.

    Raises
    ------
    ValueError
        If the image is empty, or holds NaN or infinite samples.
    TypeError
        If it is not real numbers.
    """
    image = np.asarray(image)
    if image.dtype.kind not in "biuf":
        raise TypeError(f"image has dtype {image.dtype}; give real numbers, such as uint8 or float32")
    if image.size == 0:
        raise ValueError(f"image has shape {image.shape}; give one with samples")
    if image.dtype.kind == "f":
        if not np.isfinite(image).all():
            raise ValueError("image holds NaN or infinite samples; replace them first")
        return image.astype(working_dtype(image.dtype), copy=False)
    working = np.float32 if image.dtype.itemsize <= 2 else np.float64
    return image.astype(working) / working(maximum(image.dtype))


def from_working(x: Any, dtype: Any) -> Any:
    """Return `x` as samples of `dtype`: integers are scaled, rounded and clipped to their range."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return x.astype(dtype, copy=False)
    if dtype.kind == "b":
        return x > 0.5
    low = 0 if dtype.kind == "u" else -1
    scaled = np.rint(np.clip(x, low, 1) * x.dtype.type(maximum(dtype)))
    return np.clip(scaled, np.iinfo(dtype).min, np.iinfo(dtype).max).astype(dtype)


def maximum(dtype: Any) -> int:
    """Return the largest sample of an integer or boolean type."""
    return 1 if np.dtype(dtype).kind == "b" else int(np.iinfo(dtype).max)


def rounding_sigma(dtype: Any) -> float:
    """Return the standard deviation, in working units, of what rounding to samples of `dtype` added; 0 for floats."""
    dtype = np.dtype(dtype)
    return 0.0 if dtype.kind == "f" else float(1 / (maximum(dtype) * np.sqrt(12)))
