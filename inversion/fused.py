"""Fused steps of split Bregman: which splits the compiled kernels take, and how their arrays are laid out for them.

They are for arrays of NumPy's in main memory. Each function returns None for a split that its kernel does not take; the
generic step, which is also their test, then stands in.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from unblur.operators._compiled import over_slabs
from unblur.operators._namespace import is_numpy

from .splitting import FusedStep, Split, Sums


def _suits(split: Split) -> bool:
    return is_numpy(split.w) and split.w.dtype in (np.float32, np.float64)


def _total(sums: Any) -> Sums:
    return Sums(*sums.sum(axis=0).tolist())


def differences(split: Split, axes: tuple[int, ...]) -> FusedStep | None:
    """Return the step of Σ ‖(D x)_g‖ where D are the forward differences of an image or a volume along adjacent axes.

    Parameters
    ----------
    split : Split
    axes : tuple of int
        Those of D x that are gathered in the norm.
    """
    found = getattr(split.L, "forward_differences", None)
    if found is None or not _suits(split) or split.M is not None or split.term.offset is not None:
        return None
    derived, scales, periodic = found
    dims = split.w.shape[1:]
    first, last = derived[0], derived[-1]
    if derived != tuple(range(first, last + 1)) or len(derived) not in (2, 3):
        return None
    from . import difference_kernels as kernels

    channels = prod(dims[last + 1 :])
    # axes of one sample join nothing
    gathered = {a for a in axes if split.w.shape[a] > 1}
    behind = {a for a in range(last + 2, split.w.ndim) if split.w.shape[a] > 1}
    norms = {frozenset(): kernels.ANISOTROPIC, frozenset({0}): kernels.ISOTROPIC}
    if len(derived) == 2 and behind:
        norms[frozenset({0} | behind)] = kernels.JOINT
    norm = norms.get(frozenset(gathered))
    if norm is None:
        return None
    kernel = kernels.plane if len(derived) == 2 else kernels.volume
    # (images, rows, columns × channels), or volumes with planes before the rows
    shape = (prod(dims[:first]), *dims[first:last], dims[last] * channels)
    slab = max(16 if len(derived) == 2 else 4, -(-shape[1] // 64))
    slabs = -(-shape[1] // slab)
    dtype = split.w.dtype
    seams = np.empty((shape[0] * slabs, *shape[2:]), dtype)
    sums = np.empty((shape[0] * slabs, 5))
    next_rows = np.minimum(slab * np.arange(1, slabs + 1), shape[1]) % shape[1]
    tiny = np.finfo(dtype).tiny

    def step(split: Split, z: Any, relaxation: float, out: Any, scale: float, add: bool) -> Sums:
        threshold = split.term.weight / split.penalty
        numbers = tuple(map(dtype.type, (threshold, tiny, relaxation, scale, *scales)))
        x, g = np.ascontiguousarray(z).reshape(shape), out.reshape(shape)
        w = split.w.reshape((len(derived), *shape))
        over_slabs(kernel, len(sums), x, w, g, seams, sums, numbers, periodic, channels, norm, add, slab)
        g[:, next_rows] += seams.reshape(shape[0], slabs, *shape[2:])
        return _total(sums)

    return step


def pointwise(
    split: Split, prox: str, y: Any = None, weights: Any = None, bounds: Any = (0, 0), background: float = 0
) -> FusedStep | None:
    """Return the step of a functional that is a sum over samples, behind a rectangular crop or of all of K x.

    Parameters
    ----------
    split : Split
    prox : {"LEAST_SQUARES", "POISSON", "BOUNDS"}
    y, weights : array, optional
        Of the samples that are seen.
    bounds : tuple of float
    background : float
    """
    K = None if split.L is None or split.L.is_identity else split.L
    dtype, dims = split.w.dtype, split.w.shape
    window = (slice(None),) * len(dims) if split.M is None else getattr(split.M, "window", None)
    if window is None or not _suits(split) or np.ndim(background) > 0:
        return None
    if any(s.step not in (None, 1) for s in window) or (prox != "LEAST_SQUARES" and split.term.offset is not None):
        return None
    from . import pointwise_kernels as kernels

    ranges = [range(*s.indices(n)) for s, n in zip(window, dims, strict=True)]
    start, seen = [r.start for r in ranges], [len(r) for r in ranges]
    # whole axes at the end are part of a row
    last = max((a for a in range(len(dims)) if seen[a] < dims[a]), default=0)
    width, leading = prod(dims[last:]), dims[:last]
    left = start[last] * prod(dims[last + 1 :])
    rows = np.full(leading, -1)
    rows[window[:last]] = np.arange(prod(seen[:last])).reshape(seen[:last])
    rows = rows.ravel()
    columns = prod(seen[last:])
    if not leading or width > 1 << 14:
        if split.M is not None:
            return None
        # long rows would not fit the cache
        columns = width = next(n for n in (4096, 1024, 256, 64, 16, 4, 1) if split.w.size % n == 0)
        rows = np.arange(split.w.size // width)
    shape, data = (rows.size, width), (int(rows.max()) + 1, columns)

    def read(a: Any) -> Any:
        return np.ascontiguousarray(np.broadcast_to(np.asarray(a, dtype), seen)).reshape(data)

    # bounds need no data, and take w in their place for its shape
    samples = None if y is None and split.M is None else read(0 if y is None else y)
    factors = np.empty((0, columns), dtype) if weights is None else read(weights)
    slab = max(1, (1 << 14) // width)
    sums = np.empty((-(-rows.size // slab), 5))
    kind = getattr(kernels, prox)
    Kx: Any = None if K is None else np.empty_like(split.w)

    def step(split: Split, z: Any, relaxation: float, out: Any, scale: float, add: bool) -> Sums:
        stiffness = split.term.weight / split.penalty
        numbers = tuple(map(dtype.type, (relaxation, scale, stiffness, *bounds, background)))
        given, target = (z, out) if K is None else (K.apply(z, Kx), Kx)
        x, w, g = np.ascontiguousarray(given).reshape(shape), split.w.reshape(shape), target.reshape(shape)
        known = w if samples is None else samples
        adding = add and K is None
        over_slabs(kernels.pointwise, len(sums), x, w, g, known, factors, rows, left, sums, numbers, kind, adding, slab)
        if K is not None:
            split.deliver(target, out, add)
        return _total(sums)

    return step
