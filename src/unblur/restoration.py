"""The front: a blurred image and its PSF go in, a sharp image comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unblur.inversion import Box, LeastSquares, Result, Tikhonov, TotalVariation, solve
from unblur.inversion.driver import Callback
from unblur.inversion.noise import estimate_sigma
from unblur.operators import Blur
from unblur.operators._arguments import read_axes, read_choice

from .intensity import from_working, rounding_sigma, to_working
from .weights import tikhonov_weight, total_variation_weight

# prior: its term, and the rule for its weight
_PRIORS: dict[str, tuple[Callable[[], Any], Callable[[Any, float, tuple[int, ...]], float]]] = {
    "tv": (TotalVariation, total_variation_weight),
    "tikhonov": (Tikhonov, tikhonov_weight),
}
PRIORS = tuple(_PRIORS)


@dataclass(frozen=True, repr=False)
class Restoration:
    """A restored image, and how it came about.

    Attributes
    ----------
    image : array
        The restored image, of the shape, type and range of the blurred one.
    blurred : array
        The image that was given.
    psf : array
        The PSF, normalised to sum 1.
    prior : str
    weight : float
        The prior's weight.
    sigma : float or None
        The noise that the weight was chosen for; None where the weight was given.
    result : unblur.inversion.Result
        The answer of the solver, with its history, in the units that were computed with.
    """

    image: Any
    blurred: Any
    psf: Any
    prior: str
    weight: float
    sigma: float | None
    result: Result

    def report(self, path: Any = None) -> Any:
        """Draw the image before and after, the PSF and the course of the iterations.

        Parameters
        ----------
        path : str or path, optional
            Where to save the figure.

        Returns
        -------
        matplotlib Figure
        """
        from .plotting import draw_report, save

        figure = draw_report(self)
        if path is not None:
            save(figure, path)
        return figure

    def __repr__(self) -> str:
        noise = "" if self.sigma is None else f" for noise of {self.sigma:.3g}"
        return f"Restoration(prior {self.prior}, weight {self.weight:.3g}{noise}; {self.result!r})"


def restore(
    image: Any,
    psf: Any,
    *,
    prior: str = "tv",
    weight: float | None = None,
    sigma: float | None = None,
    bounds: tuple[float, float] | None = None,
    axes: int | Sequence[int] | None = None,
    tol: float = 1e-4,
    max_iterations: int | None = None,
    callbacks: Sequence[Callback] = (),
) -> Restoration:
    r"""Take a known blur out of an image, and tell how it went.

    .. math:: \min_x \tfrac12 \|h * x - y\|^2 + \lambda \, \mathrm{TV}(x)

    x is sought on the whole area that the image saw, so that nothing is assumed beyond its edges.

    Parameters
    ----------
    image : array of integers or real numbers
        The blurred image. Integers are scaled by their type's maximum; `sigma`, `weight` and `bounds` are in these units.
    psf : array
        The PSF, its origin at its middle, ``n // 2``. It is normalised to sum 1, which keeps the brightness. With as many
        dimensions as the image it blurs all axes.
    prior : {"tv", "tikhonov"}
        Total variation, which keeps edges, joint over colours; or ½‖∇x‖², which is smooth.
    weight : float, optional
        The prior's weight λ; by default from `sigma`.
    sigma : float, optional
        The standard deviation of the noise; by default estimated from the image, and for integers not below what their
        rounding adds.
    bounds : pair of float, optional
        The least and the greatest value that x may take.
    axes : int or tuple of int, optional
        The axes that are blurred. By default all, or all but the last where that holds the three colours.
    tol : float
        Relative accuracy of the solution; see `unblur.inversion.solve`.
    max_iterations : int, optional
    callbacks : sequence of callables
        As for `unblur.inversion.solve`.

    Returns
    -------
    Restoration
        ``.image`` has the shape and the type of `image`.

    Raises
    ------
    ValueError
        If the image or the PSF is empty or not finite, if the PSF is larger than the image or sums to 0, or if an argument
        is outside its range.
    TypeError
        If the image or the PSF is not numeric.

    Notes
    -----
    Four FFTs an iteration on a grid larger than the image by the PSF; typically 60 to 100 iterations.

    References
    ----------
    Almeida, Figueiredo, "Deconvolving images with unknown boundaries using the alternating direction method of
    multipliers", IEEE Trans. Image Process. 22 (2013).

    Examples
    --------
    >>> import numpy as np, unblur
    >>> scene = np.kron(np.eye(4), np.ones((8, 8)))
    >>> h = unblur.psf.gaussian(1.0)
    >>> blurred = unblur.operators.Blur(h, (24, 24), boundary="unknown", dims=(32, 32)).apply(scene)
    >>> restoration = unblur.restore(blurred, h)
    >>> error = lambda image: float(np.linalg.norm(image - scene[4:28, 4:28]))
    >>> error(restoration.image) < 0.5 * error(blurred)
    True
    """
    given = np.asarray(image)
    y = to_working(given)
    axes = read_image_axes(axes, y, np.ndim(psf))
    h = read_psf(psf, tuple(y.shape[a] for a in axes))
    make_prior, rule = _PRIORS[read_choice(prior, PRIORS, "prior")]
    for name, number in (("weight", weight), ("sigma", sigma)):
        if number is not None and not (np.isfinite(number) and number >= 0):
            raise ValueError(f"{name} is {number!r}; give a finite number, 0 or more, or None to have it chosen")
    if weight is None:
        sigma = max(estimate_sigma(y, axes), rounding_sigma(given.dtype)) if sigma is None else sigma
        chosen = rule(y, sigma, axes)
    else:
        sigma, chosen = None, float(weight)

    A = Blur(h, y.shape, boundary="unknown", axes=axes)
    problem = LeastSquares(A, y) + chosen * make_prior()
    if bounds is not None:
        problem = problem + Box(*bounds)
    result = solve(problem, tol=tol, max_iterations=max_iterations, callbacks=callbacks)
    return Restoration(from_working(result.image, given.dtype), given, h, prior, chosen, sigma, result)


def deblur(
    image: Any,
    psf: Any,
    *,
    prior: str = "tv",
    weight: float | None = None,
    sigma: float | None = None,
    bounds: tuple[float, float] | None = None,
    axes: int | Sequence[int] | None = None,
    tol: float = 1e-4,
    max_iterations: int | None = None,
) -> Any:
    """Take a known blur out of an image.

    Parameters
    ----------
    image, psf, prior, weight, sigma, bounds, axes, tol, max_iterations
        As for `restore`, which also returns how it went.

    Returns
    -------
    array of the shape and the type of `image`

    Raises
    ------
    ValueError, TypeError
        As `restore`.

    Examples
    --------
    >>> import numpy as np, unblur
    >>> photograph = np.full((32, 32, 3), 200, np.uint8)
    >>> unblur.deblur(photograph, unblur.psf.disk(2)).dtype
    dtype('uint8')
    """
    return restore(
        image,
        psf,
        prior=prior,
        weight=weight,
        sigma=sigma,
        bounds=bounds,
        axes=axes,
        tol=tol,
        max_iterations=max_iterations,
    ).image


def read_psf(psf: Any, sizes: tuple[int, ...]) -> Any:
    """Return the PSF normalised to sum 1, after checking that an image of these sizes can be restored with it."""
    h = np.asarray(psf)
    if h.dtype.kind not in "biuf":
        raise TypeError(f"psf has dtype {h.dtype}; give real numbers")
    if h.size == 0 or not np.isfinite(h).all():
        raise ValueError("psf is empty or holds NaN or infinite samples; give a finite sample at least")
    if not h.any():
        raise ValueError("psf is all zero; give one with a sample above 0")
    if any(n > size for n, size in zip(h.shape, sizes, strict=True)):
        raise ValueError(
            f"psf has shape {h.shape}, larger than the image, {sizes}; crop it to what is not zero, or use a larger image"
        )
    total = h.sum(dtype=np.float64)
    if not total > 1e-6 * np.abs(h).sum(dtype=np.float64):
        raise ValueError(f"psf sums to {total:.3g}; give one with a sum above 0, since a blur keeps brightness")
    return h / total


def read_image_axes(axes: int | Sequence[int] | None, y: Any, psf_ndim: int) -> tuple[int, ...]:
    """Return the axes that are blurred; by default all, or all but that of three colours."""
    if axes is None:
        if psf_ndim == y.ndim:
            return tuple(range(y.ndim))
        if psf_ndim != y.ndim - 1 or y.shape[-1] != 3:
            raise ValueError(
                f"psf has {psf_ndim} dimensions and the image has shape {y.shape}; name the axes that are blurred, "
                "such as axes=(0, 1)"
            )
        return tuple(range(psf_ndim))
    read = read_axes(axes, y.ndim)
    if len(read) != psf_ndim:
        raise ValueError(f"axes is {axes!r}, but psf has {psf_ndim} dimensions; name as many axes")
    return read
