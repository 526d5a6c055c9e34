"""Where to start: the data brought to x's grid, holes filled, and scaled to what explains them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unblur.operators import Identity, Operator, aslinearoperator, image_grid
from unblur.operators._namespace import namespace, scipy_namespace

if TYPE_CHECKING:
    from .problem import Problem


def starting_point(problem: Problem) -> Any:
    r"""Return the first data y on x's grid, scaled to what explains them.

    .. math:: \min_s \| A (s x) - y \|

    Samples that a mask, a weight of 0, a crop or a decimation hides are those of the nearest sample that is seen, along the axes
    of the image: from zeros, a hole is filled over hundreds of iterations. Where neither the operators of the data nor those of
    the priors say which axes these are, x is a multiple of Aᴴ y.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    array of the problem's `dims`
    """
    data = problem.data[0]
    A, y = data.A, data.target
    weights = getattr(data.functional, "weights", None)
    seen = None if weights is None or bool((weights > 0).all()) else np.broadcast_to(weights > 0, y.shape)
    grids = (image_grid(t.A) for t in (data, *problem.terms))
    axes = next((grid[0] for grid in grids if grid is not None), None)
    x = _on_grid(problem, A, y, seen, axes)
    gain = getattr(A, "gain", None)
    if gain and hasattr(A, "extend"):
        return np.multiply(x, y.real.dtype.type(1 / gain), out=None if x is y else x)
    Ax = A.apply(x)
    if seen is not None:
        Ax = np.where(seen, Ax, 0)
    energy, product = float(np.vdot(Ax, Ax).real), complex(np.vdot(Ax, y))
    if energy == 0:
        return x
    return x * x.dtype.type((product if x.dtype.kind == "c" else product.real) / energy)


def _on_grid(problem: Problem, A: Operator, y: Any, seen: Any, axes: tuple[int, ...] | None) -> Any:
    """Return the data on x's grid, holes filled where `axes` tell along which the image lies."""
    if hasattr(A, "extend"):
        return A.extend(y if seen is None or axes is None else filled(y, seen, axes))
    whole = None if seen is None else (Identity(A.dimsd), A)
    parts = problem.spectra.split(A) or whole
    if parts is None or axes is None:
        return A.apply_adjoint(y)
    M, K = map(aslinearoperator, parts)
    # behind the selection K may blur, but must leave the image where it is
    if not (K.is_identity or (K.dims == K.dimsd and image_grid(K) is not None)):
        return A.apply_adjoint(y)
    marks = namespace(y).ones(y.shape, y.real.dtype) if seen is None else seen.astype(y.real.dtype)
    # a selection's own adjoint puts the samples back, and zeros elsewhere
    z, known = M.apply_adjoint(y.reshape(M.dimsd)), M.apply_adjoint(marks.reshape(M.dimsd)) > 0
    return filled(z.reshape(problem.dims), known.reshape(problem.dims), axes)


def filled(y: Any, seen: Any, axes: tuple[int, ...]) -> Any:
    """Return `y` with samples that are not seen replaced by the nearest ones that are, along `axes`; 0 where there is none."""
    others = [a for a in range(y.ndim) if a not in axes]
    result = np.where(seen, y, y.dtype.type(0))
    # one image after the other; views, so that the result is written
    images, marks = (np.moveaxis(a, others, range(len(others))) for a in (result, np.broadcast_to(seen, y.shape)))
    nearest = scipy_namespace("ndimage", y).distance_transform_edt
    for place in np.ndindex(*images.shape[: len(others)]):
        image, mark = images[place], marks[place]
        if mark.any() and not mark.all():
            image[...] = image[tuple(nearest(~mark, return_distances=False, return_indices=True))]
    return result
