"""Where FFTs come from, how many threads they may use, and in which precision arrays are computed with.

Where arrays come from is told by `_namespace`.
"""

from __future__ import annotations

import os
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import scipy.fft
from scipy._lib import uarray

from ._arguments import read_whole
from ._namespace import is_numpy, scipy_namespace

# sums are asked for with the precision that they keep
from ._vectors import inner as inner
from ._vectors import sum_of_squares as sum_of_squares

_workers: int | None = None


def fft_namespace(x: Any) -> ModuleType:
    """Return the FFT library that goes with the array `x`, in the manner of ``scipy.fft``."""
    return scipy.fft if type(x) is np.ndarray else scipy_namespace("fft", x)


def fft_is_scipys() -> bool:
    """Return whether ``scipy.fft`` does its own work, no other library having been set as its backend.

    SciPy does not tell in public; where it cannot be found out, another is taken to be set.
    """
    domain = "numpy.scipy.fft"
    try:
        state: Any = uarray.get_state()
        everywhere, here, _ = state._pickle()
        (backend, _, _), registered, _ = everywhere[domain]
        _, preferred = here.get(domain, ((), ()))
        chosen = [backend, *registered, *(entry[0] for entry in preferred)]
        return all(b.__module__.startswith("scipy.") for b in chosen)
    except (AttributeError, LookupError, TypeError, ValueError):
        return False


def fft_threads(x: Any) -> dict[str, int]:
    """Return the option of that library's functions that says how many threads they may use, where they have one."""
    return {"workers": get_workers()} if is_numpy(x) else {}


def get_workers() -> int:
    """Return the number of threads that FFTs and kernels may use.

    It is what `set_workers` was given, else the environment variable ``UNBLUR_WORKERS``,
    else the number of processors that this process may run on.
    """
    if _workers is not None:
        return _workers
    setting = os.environ.get("UNBLUR_WORKERS")
    if setting is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not setting.isdecimal() or len(setting) > 9 or int(setting) < 1:
        raise ValueError(f"UNBLUR_WORKERS is {setting!r}; set it to a whole number of threads, 1 or more")
    return int(setting)


def set_workers(workers: int | None) -> None:
    """Set the number of threads that FFTs and kernels may use.

    Parameters
    ----------
    workers : int or None
        A number of threads, 1 or more; None goes back to the default of `get_workers`.

    Raises
    ------
    ValueError
        If `workers` is below 1.
    TypeError
        If it is no whole number.
    """
    global _workers
    _workers = None if workers is None else read_whole(workers, "workers", remedy=", or None for the default")


def good_fft_size(n: int) -> int:
    """Return the smallest size from `n` on whose real FFT is fast."""
    return int(scipy.fft.next_fast_len(n, real=True))


@cache
def working_dtype(*dtypes: Any) -> np.dtype[Any]:
    """Return the floating-point type to compute in, for data of these types.

    float16 goes to float32, integers and booleans to float64, longer types to double precision; the
    result is complex where one of the types is.

    Raises
    ------
    TypeError
        If a type is not numeric.
    """
    for dtype in dtypes:
        if np.dtype(dtype).kind not in "biufc":
            raise TypeError(f"an array has dtype {np.dtype(dtype)}; numbers are needed: convert it with .astype(float)")
    # files such as FITS hold numbers in the other byte order
    dtypes = tuple(np.dtype(d).newbyteorder("=") for d in dtypes)
    joint = np.result_type(*dtypes, np.float32) if all(_is_short(d) for d in dtypes) else np.dtype(np.float64)
    if any(np.dtype(d).kind == "c" for d in dtypes):
        return np.dtype(np.complex64 if joint.itemsize <= 8 and joint.kind == "c" else np.complex128)
    return joint


def _is_short(dtype: Any) -> bool:
    return np.dtype(dtype) in (np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.complex64))


def real_dtype(dtype: Any) -> np.dtype[Any]:
    """Return the real type of the same precision as `dtype`."""
    return np.empty(0, dtype).real.dtype
