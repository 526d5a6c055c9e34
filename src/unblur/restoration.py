"""The front: a blurred image and its PSF go in, a sharp image comes out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unblur.inversion import Box, LeastSquares, Result, Tikhonov, TotalVariation, solve
from unblur.inversion.driver import Callback
from unblur.operators import Blur
from unblur.operators._arguments import read_choice, read_number

from .intensity import rounding_sigma
from .observation import Observation, observe
from .reliability import UnfinishedRestorationWarning, UnreliableRestorationWarning
from .weights import Weighting, tikhonov_weight, total_variation_weight, weigh

# prior: its term, the formula for its weight, and how that grows with the unit of the image
_PRIORS = {"tv": (TotalVariation, total_variation_weight, 1), "tikhonov": (Tikhonov, tikhonov_weight, 0)}
PRIORS = tuple(_PRIORS)
#: noise of more than this share of the image's range leaves nothing to be restored
_ABSURD = 2.0


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
        The PSF, normalised to sum 1, without empty margins.
    prior : str
    weight : float
        The prior's weight.
    sigma : float or None
        The noise that the weight was chosen for; None where the weight was given.
    result : unblur.inversion.Result
        The answer of the solver, with its history; x is in units of the image's range, from its median, see `to_image`.
    warnings : tuple of str
        What speaks against the answer, in words.
    missing : dict of str to int
        How many samples were left out, by the reason: masked, saturated, defective.
    """

    image: NDArray[Any]
    blurred: NDArray[Any]
    psf: NDArray[np.floating]
    prior: str
    weight: float
    sigma: float | None
    result: Result
    warnings: tuple[str, ...] = ()
    missing: dict[str, int] = field(default_factory=dict)
    offset: float = 0.0
    scale: float = 1.0

    def to_image(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return an x of the solver's, such as a callback sees it, as an image in floating point, integers as shares of 1."""
        crop = self.result.plan.problem.operator.crop
        return np.asarray(crop(x) * x.dtype.type(self.scale) + x.dtype.type(self.offset))

    def report(self, path: str | Path | None = None) -> Any:
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
        out = "".join(f", {count} samples {reason}" for reason, count in self.missing.items())
        doubts = "; not to be trusted unseen, see .warnings" if self.warnings else ""
        return f"Restoration(prior {self.prior}, weight {self.weight:.3g}{noise}{out}; {self.result!r}{doubts})"


def restore(
    image: ArrayLike,
    psf: ArrayLike,
    *,
    prior: str = "tv",
    weight: float | None = None,
    sigma: float | None = None,
    bounds: tuple[float, float] | None = None,
    mask: ArrayLike | None = None,
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
        Masked samples and NaN are missing. So are saturated ones, at the maximum of an integer type, with those around, and
        single samples that stand out as no blurred scene can: hot and dead pixels.
    psf : array
        The PSF, its origin at its middle, ``n // 2``. It is normalised to sum 1, which keeps the brightness, and margins that
        are empty are trimmed. With as many dimensions as the image it blurs all axes; of an image in three colours one of
        shape (h, w, 3) is one for each colour.
    prior : {"tv", "tikhonov"}
        Total variation, which keeps edges, joint over colours; or ½‖∇x‖², which is smooth.
    weight : float, optional
        The prior's weight λ; by default chosen by cross-validation, see Notes, or from `sigma` where that is given.
    sigma : float, optional
        The standard deviation of the noise, above 0.
    bounds : pair of float, optional
        The least and the greatest value that x may take.
    mask : array, optional
        True where the image is seen, or numbers from 0 to 1, how much a sample counts; of the image's shape, or that of its
        blurred axes.
    axes : int or tuple of int, optional
        The axes that are blurred, in the PSF's order. By default all, or all but the last where that holds the three colours.
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
        If the image or the PSF is empty or not finite, if the PSF is larger than the image or sums to 0, if nothing of the
        image is seen, or if an argument is outside its range.
    TypeError
        If the image, the PSF or an argument is of a wrong type.

    Warns
    -----
    UnreliableRestorationWarning
        If the answer should not be trusted unseen, as it is of pictures that were compressed, denoised or resized after they
        were blurred.
    UnusualPSFWarning
        If the PSF has a background, is off its middle, or has negative parts.

    Notes
    -----
    Four FFTs an iteration on a grid larger than the image by the PSF; typically 60 to 100 iterations.

    The image is solved for without its median and in units of its range, so that an offset or a unit changes nothing.

    The weight is that of least generalised cross-validation on a part of the image that stands for the whole, for noise of the
    spectrum that was found in it (`unblur.inversion.ColouredGCV`). That takes about half as long as the restoration, less for
    large images. Where it is doubtful, the weight is on the large side: it may smooth more than it needed to.

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
    >>> restoration = unblur.restore(blurred, h, sigma=0.001)
    >>> error = lambda image: float(np.linalg.norm(image - scene[4:28, 4:28]))
    >>> error(restoration.image) < 0.5 * error(blurred)
    True
    """
    make_prior, formula, degree = _PRIORS[read_choice(prior, PRIORS, "prior")]
    given_weight = None if weight is None else read_number(weight, "weight", least=0, remedy=", or None to have it chosen")
    given_sigma = None if sigma is None else read_number(sigma, "sigma", above=0, remedy=", or None to have it found")
    limits = None if bounds is None else _read_bounds(bounds)
    seen = observe(image, psf, axes, mask)
    unit = seen.scale**degree
    if given_weight is not None:
        _refuse_flat(given_weight, unit, seen, prior)
        weighting = Weighting(given_weight / unit, 0.0)
    elif given_sigma is not None:
        if given_sigma > _ABSURD * seen.scale:
            raise ValueError(
                f"sigma is {given_sigma:g}, more than twice the image's range, {seen.scale:.3g}, in which nothing could be seen; "
                "integers are shares of their type's maximum, and so is sigma"
            )
        noise = max(given_sigma, rounding_sigma(seen.given.dtype)) / seen.scale
        weighting = Weighting(formula(seen, noise), noise)
    else:
        weighting = weigh(seen, make_prior, formula)

    A = Blur(seen.psf, seen.y.shape, boundary="unknown", axes=seen.axes)
    problem = LeastSquares(A, seen.y, seen.weights) + weighting.weight * make_prior()
    if limits is not None:
        low, high = ((bound - seen.offset) / seen.scale for bound in limits)
        problem = problem + Box(low, high)
    result = solve(problem, tol=tol, max_iterations=max_iterations, callbacks=callbacks)
    doubts = (weighting.doubt,) if weighting.doubt else ()
    for doubt in doubts:
        warnings.warn(doubt, UnreliableRestorationWarning, stacklevel=2)
    return Restoration(
        image=seen.to_given(result.image),
        blurred=seen.given,
        psf=seen.psf,
        prior=prior,
        weight=weighting.weight * unit,
        sigma=None if given_weight is not None else weighting.sigma * seen.scale,
        result=result,
        warnings=doubts,
        missing=seen.missing,
        offset=seen.offset,
        scale=seen.scale,
    )


def deblur(
    image: ArrayLike,
    psf: ArrayLike,
    *,
    prior: str = "tv",
    weight: float | None = None,
    sigma: float | None = None,
    bounds: tuple[float, float] | None = None,
    mask: ArrayLike | None = None,
    axes: int | Sequence[int] | None = None,
    tol: float = 1e-4,
    max_iterations: int | None = None,
) -> NDArray[Any]:
    """Take a known blur out of an image.

    Parameters
    ----------
    image, psf, prior, weight, sigma, bounds, mask, axes, tol, max_iterations
        As for `restore`, which also returns how it went.

    Returns
    -------
    array of the shape and the type of `image`

    Raises
    ------
    ValueError, TypeError
        As `restore`.

    Warns
    -----
    UnfinishedRestorationWarning
        If the iterations ended before they had converged.
    UnreliableRestorationWarning, UnusualPSFWarning
        As `restore`.

    Examples
    --------
    >>> import numpy as np, unblur
    >>> photograph = np.full((32, 32, 3), 200, np.uint8)
    >>> unblur.deblur(photograph, unblur.psf.disk(2)).dtype
    dtype('uint8')
    """
    restoration = restore(
        image,
        psf,
        prior=prior,
        weight=weight,
        sigma=sigma,
        bounds=bounds,
        mask=mask,
        axes=axes,
        tol=tol,
        max_iterations=max_iterations,
    )
    status = restoration.result.status
    if not status.success:
        warnings.warn(f"{status.name}: {status.message}", UnfinishedRestorationWarning, stacklevel=2)
    return restoration.image


def _read_bounds(bounds: tuple[float, float]) -> tuple[float, float]:
    if isinstance(bounds, str) or not isinstance(bounds, Sequence | np.ndarray) or len(bounds) != 2:
        raise TypeError(f"bounds is {bounds!r}; give a pair of numbers, the least and the greatest value, such as (0, 1)")
    low, high = (read_number(bound, f"bounds[{i}]", infinite=True) for i, bound in enumerate(bounds))
    if not low < high:
        raise ValueError(f"bounds is {bounds!r}, of which the low is {low:g} and the high {high:g}; give the lower one first")
    return low, high


def _refuse_flat(weight: float, unit: float, seen: Observation, prior: str) -> None:
    """Refuse a weight that leaves nothing but one grey, whatever the image."""
    # total variation: no dual of norm 1 on a line of n samples pushes harder than this
    most = unit * max(seen.y.shape) * (1.0 if prior == "tv" else 1e12)
    if weight > most:
        raise ValueError(
            f"weight is {weight:g}, at which an image of this size and range is flat; give less than {most:.3g}, or None "
            "to have it chosen"
        )
