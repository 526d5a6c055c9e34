"""Between the samples of an image, of whatever type, and the numbers that are computed with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from unblur.operators._backend import working_dtype

#: samples on either side that do not count for the range, and how many are looked at
_TAIL, _LOOKED_AT = 0.005, 1 << 16


def to_working(image: ArrayLike) -> NDArray[np.floating]:
    """Return the image in floating point: integers divided by their type's maximum, others as they are.

    8 and 16-bit integers and short floats go to float32, the rest to float64.

    Raises
    ------
    ValueError
        If the image is empty, masked, or holds NaN or infinite samples.
    TypeError
        If it is not real numbers.
    """
    y, seen = read_samples(image)
    if seen is not None:
        raise ValueError("image holds NaN or masked samples; fill them first, or use unblur.restore, which can do without them")
    return y


def read_samples(image: ArrayLike) -> tuple[NDArray[np.floating], NDArray[np.bool_] | None]:
    """Return the image in floating point, 0 where it is masked or NaN, and where it is seen; None where it is everywhere.

    Raises
    ------
    ValueError
        If the image is empty or holds infinite samples, or if nothing of it is seen.
    TypeError
        If it is not real numbers.
    """
    samples: Any = np.ma.getdata(image) if isinstance(image, np.ma.MaskedArray) else np.asarray(image)
    if samples.dtype.kind not in "biuf":
        raise TypeError(f"image has dtype {samples.dtype}; give real numbers, such as uint8 or float32")
    if samples.size == 0:
        raise ValueError(f"image has shape {samples.shape}; give one with samples")
    hidden: Any = np.ma.getmaskarray(image) if isinstance(image, np.ma.MaskedArray) else np.False_
    if samples.dtype.kind == "f":
        hidden = hidden | np.isnan(samples)
        y = samples.astype(working_dtype(samples.dtype), copy=False)
    else:
        working = np.float32 if samples.dtype.itemsize <= 2 else np.float64
        y = samples.astype(working) / working(maximum(samples.dtype))
    if not np.any(hidden):
        seen = None
    else:
        seen = ~np.broadcast_to(hidden, y.shape)
        y = np.where(seen, y, y.dtype.type(0))
        if not seen.any():
            raise ValueError("image holds NaN or masked samples only; give one that is seen somewhere")
    if not np.isfinite(y).all():
        raise ValueError("image holds infinite samples; replace them, or make them NaN, which are taken for missing")
    return y, seen


def location_and_range(y: NDArray[np.floating], seen: NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """Return the median of the samples that are seen and their range, in which a few that are very bright or dark do not count.

    The range is 0 where all are equal.
    """
    samples = y.ravel() if seen is None else y[seen]
    some = np.sort(samples[:: max(1, samples.size // _LOOKED_AT)].astype(np.float64))
    low, high = (float(some[round(q * (some.size - 1))]) for q in (_TAIL, 1 - _TAIL))
    return float(some[some.size // 2]), (high - low) or float(samples.max()) - float(samples.min())


def from_working(x: NDArray[np.floating], dtype: DTypeLike) -> NDArray[Any]:
    """Return `x` as samples of `dtype`: integers are scaled, rounded and clipped to their range."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return x.astype(dtype, copy=False)
    if dtype.kind == "b":
        return np.asarray(x > 0.5)
    low = 0 if dtype.kind == "u" else -1
    scaled = np.rint(np.clip(x, low, 1) * x.dtype.type(maximum(dtype)))
    return np.asarray(np.clip(scaled, np.iinfo(dtype).min, np.iinfo(dtype).max).astype(dtype))


def maximum(dtype: DTypeLike) -> int:
    """Return the largest sample of an integer or boolean type."""
    return 1 if np.dtype(dtype).kind == "b" else int(np.iinfo(np.dtype(dtype)).max)


def rounding_sigma(dtype: DTypeLike) -> float:
    """Return the standard deviation, in working units, of what rounding to samples of `dtype` added; 0 for floats."""
    dtype = np.dtype(dtype)
    return 0.0 if dtype.kind == "f" else float(1 / (maximum(dtype) * np.sqrt(12)))
