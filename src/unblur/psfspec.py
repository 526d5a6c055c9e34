"""PSFs by a word and its parameters, such as ``motion:length=21,angle=30``, for the command line."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from . import psf

_KINDS: dict[str, Callable[..., Any]] = {"gaussian": psf.gaussian, "motion": psf.motion, "disk": psf.disk}


def parse(spec: str) -> Any:
    """Return the PSF that a text stands for.

    Parameters
    ----------
    spec : str
        ``gaussian:sigma=2``, ``motion:length=21,angle=30``, ``disk:radius=5``, or ``file:NAME``, an image whose middle
        sample is the origin.

    Returns
    -------
    array of float64 that sums to 1

    Raises
    ------
    ValueError
        If the kind or a parameter is unknown, missing, or not a number, or if the file holds no PSF.

    Examples
    --------
    >>> from unblur.psfspec import parse
    >>> parse("disk:radius=2").shape
    (5, 5)
    """
    kind, _, rest = spec.partition(":")
    if kind == "file":
        return _from_file(rest)
    if kind not in _KINDS:
        raise ValueError(f"{kind!r} is no kind of PSF; use one of {', '.join(_KINDS)}, file, as in gaussian:sigma=2")
    make = _KINDS[kind]
    known = {name: p for name, p in inspect.signature(make).parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD}
    values: dict[str, float] = {}
    for item in filter(None, rest.split(",")):
        name, _, text = item.partition("=")
        if name.strip() not in known:
            raise ValueError(f"{name.strip()!r} is no parameter of {kind}; use {', '.join(known)}, as in {_example(kind)}")
        if name.strip() in values:
            raise ValueError(f"{name.strip()} is given twice; write it as in {_example(kind)}")
        try:
            values[name.strip()] = float(text)
        except ValueError:
            raise ValueError(f"{item!r} gives no number; write it as in {_example(kind)}") from None
    missing = [name for name, p in known.items() if p.default is p.empty and name not in values]
    if missing:
        raise ValueError(f"{kind} needs {' and '.join(missing)}; write it as in {_example(kind)}")
    return make(**values)


def _example(kind: str) -> str:
    return {"gaussian": "gaussian:sigma=2", "motion": "motion:length=21,angle=30", "disk": "disk:radius=5"}[kind]


def _from_file(name: str) -> Any:
    from . import files
    from .intensity import to_working
    from .kernel import read_psf

    if not name:
        raise ValueError("file names no file; write it as in file:psf.png")
    picture = files.read(name)
    if picture.alpha is not None and (picture.alpha != picture.alpha.flat[0]).any():
        raise ValueError(f"{name!r} is transparent in parts; save the PSF as a grey image, black where it is 0")
    samples = to_working(picture.pixels)
    if samples.ndim == 3 and np.ptp(samples, axis=-1).max() > 0.05 * np.abs(samples).max():
        raise ValueError(f"{name!r} is coloured; save the PSF as a grey image")
    grey = samples.mean(axis=-1) if samples.ndim == 3 else samples
    return read_psf(grey, grey.shape)
