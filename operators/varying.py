"""Blur whose point-spread function changes over the image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, Self

import numpy as np

from ._arguments import read_axes, read_choice, read_dims
from ._backend import real_dtype
from ._namespace import Constant, asnumpy, contiguous, namespace, owned
from .base import Operator
from .blur import Blur


class VaryingBlur(Operator):
    r"""Convolution with point-spread functions that are interpolated between positions on a grid.

    .. math:: A = \sum_i K_i \, \mathrm{diag}(w_i) \;\text{(before)}, \qquad
              A = \sum_i \mathrm{diag}(w_i) \, K_i \;\text{(after)}, \qquad \sum_i w_i = 1

    Parameters
    ----------
    psfs : array of shape (*grid, *psf)
        A PSF for each position, all of one size, used as given: first one axis of positions for each blurred axis, then
        the PSF's own, as for `Blur`.
    shape : tuple of int
        Shape of the blurred image.
    boundary : {"periodic", "zero", "reflect", "mirror", "nearest", "unknown"}
        What x is beyond the edges of the image, as for `Blur`.
    order : {"before", "after"}
        Whether x is weighted before it is blurred, so that each point of the scene spreads by the PSF where it stands,
        or after, so that each pixel of the image gathers by the PSF where it stands.
    positions : sequence of arrays, optional
        For each blurred axis the increasing coordinates of the PSFs along it, in pixels of the image, 0 for its first. By
        default the centres of equal tiles.
    axes : int or tuple of int, optional
        The axes that are blurred, in the order of `psfs`, `positions` and `center`; may be left out where all are.
    center : int or tuple of int, optional
        Index of the PSFs' origin along each axis; by default their middle, ``n // 2``.
    dims : tuple of int, optional
        With ``boundary="unknown"``, a larger shape for x, as for `Blur`.

    Raises
    ------
    ValueError
        If an argument does not fit the others.
    TypeError
        If the PSFs are not numeric.

    Notes
    -----
    The weights are linear between positions along each axis and constant beyond the first and the last. For K PSFs an
    apply takes K forward FFTs and one inverse (before) or one forward and K inverse (after); the adjoint the other way round.
    Kept are the K spectra of the PSFs for each precision, and those of the adjoint. Both orders are in use [1]_ [2]_; [3]_ tells
    their physics apart: light scatters (before), a filter gathers (after).

    References
    ----------
    .. [1] J. G. Nagy, D. P. O'Leary, "Restoring images degraded by spatially variant blur", SIAM Journal on Scientific
       Computing 19 (1998) 1063–1082.
    .. [2] M. Hirsch, S. Sra, B. Schölkopf, S. Harmeling, "Efficient filter flow for space-variant multiframe blind
       deconvolution", CVPR (2010) 607–614.
    .. [3] N. Chimitt, X. Zhang, Y. Chi, S. H. Chan, "Scattering and gathering for spatially varying blurs", IEEE Transactions
       on Signal Processing 72 (2024) 1507–1517.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import VaryingBlur
    >>> sharp, soft = [0.0, 1.0, 0.0], [0.25, 0.5, 0.25]
    >>> A = VaryingBlur([sharp, soft], (5,), boundary="zero", positions=[[0, 4]])
    >>> A.apply(np.array([0.0, 0.0, 1.0, 0.0, 0.0])).round(12) + 0.0
    array([0.   , 0.125, 0.75 , 0.125, 0.   ])
    """

    def __init__(
        self,
        psfs: Any,
        shape: Any,
        *,
        boundary: str,
        order: str = "before",
        positions: Sequence[Any] | None = None,
        axes: int | Sequence[int] | None = None,
        center: int | Sequence[int] | None = None,
        dims: Any = None,
    ) -> None:
        shape = read_dims(shape, "shape")
        self.psfs = owned(psfs)
        self.order = read_choice(order, ("before", "after"), "order")
        named = read_axes(axes, len(shape))
        d = len(named)
        if self.psfs.ndim not in ({2 * d} if axes is None else {2 * d, d + len(shape)}):
            raise ValueError(
                f"psfs has {self.psfs.ndim} dimensions; for blurred axes {named} of an image of {len(shape)} give {d} of "
                f"positions and {d} of a PSF, or name other axes"
            )
        grid = read_dims(self.psfs.shape[:d], "psfs.shape")
        self._blurs = [
            Blur(self.psfs[place], shape, boundary=boundary, axes=named, center=center, dims=dims) for place in np.ndindex(*grid)
        ]
        first = self._blurs[0]
        super().__init__(first.dims, first.dimsd, np.result_type(*(blur.dtype for blur in self._blurs)))
        self.axes, self.boundary, self.center = first.axes, first.boundary, first.center
        sizes = tuple(shape[a] for a in named)
        self._named = named
        self.positions = _tile_centers(sizes, grid) if positions is None else _read_positions(positions, grid)
        self.ffts = len(self._blurs) + 1
        self._cache: dict[Any, Any] = {}

    @classmethod
    def from_function(
        cls,
        function: Callable[..., Any],
        shape: Any,
        grid: int | Sequence[int],
        *,
        boundary: str,
        order: str = "before",
        axes: int | Sequence[int] | None = None,
        center: int | Sequence[int] | None = None,
        dims: Any = None,
    ) -> Self:
        """Make the blur from the PSF as a function of position.

        Parameters
        ----------
        function : callable
            Takes a position, one coordinate in pixels for each blurred axis, and returns the PSF there; all of one size.
        shape : tuple of int
            Shape of the blurred image.
        grid : int or tuple of int
            Number of positions along each blurred axis, at the centres of equal tiles.
        boundary, order, axes, center, dims
            As for `VaryingBlur`.

        Returns
        -------
        VaryingBlur

        Raises
        ------
        TypeError
            If `function` is not callable.
        ValueError
            If its PSFs differ in shape, or if an argument does not fit.

        Examples
        --------
        >>> from unblur.operators import VaryingBlur
        >>> def psf(y, x):
        ...     return [[0, 0, 0], [0, 1 - x / 100, x / 100], [0, 0, 0]]
        >>> VaryingBlur.from_function(psf, (30, 40), grid=(1, 4), boundary="reflect")
        VaryingBlur(1×4 psfs 3×3, 30×40, boundary='reflect', order='before')
        """
        if not callable(function):
            raise TypeError(f"function is {function!r}; give a function of position that returns a PSF")
        image = read_dims(shape, "shape")
        blurred = read_axes(axes, len(image))
        counts = read_dims(grid if np.iterable(grid) else (grid,) * len(blurred), "grid")
        if len(counts) != len(blurred):
            raise ValueError(f"grid is {grid!r}; give a number of positions for each of axes {blurred}")
        positions = _tile_centers(tuple(image[a] for a in blurred), counts)
        psfs = [asnumpy(function(*map(float, place))) for place in product(*positions)]
        if len(shapes := {psf.shape for psf in psfs}) != 1:
            raise ValueError(f"function gives PSFs of shapes {sorted(shapes)}; make them one size, padding by zeros")
        stack = np.reshape(psfs, (*counts, *psfs[0].shape))
        return cls(stack, image, boundary=boundary, order=order, positions=positions, axes=axes, center=center, dims=dims)

    # -- the sums -----------------------------------------------------------------------------------

    def _apply(self, x: Any, out: Any) -> Any:
        return self._scatter(x, out, adjoint=False) if self.order == "before" else self._gather(x, out, adjoint=False)

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        return self._gather(y, out, adjoint=True) if self.order == "before" else self._scatter(y, out, adjoint=True)

    def _scatter(self, x: Any, out: Any, adjoint: bool) -> Any:
        """Weight, then blur: the sum is taken in the spectrum, so that one inverse FFT is enough."""
        first, total = self._blurs[0], None
        for blur, weights in zip(self._blurs, self._weights(x.dtype), strict=True):
            part = _weigh(x, weights)
            spectrum = first._image_to_spectrum(part) if adjoint else first._to_spectrum(part)
            spectrum *= blur._spectrum(x, adjoint)
            total = spectrum if total is None else np.add(total, spectrum, out=total)
        leave = first._to_scene if adjoint else first._to_image
        result = leave(total, x.dtype)
        if out is None:
            return contiguous(result)
        out[...] = result
        return out

    def _gather(self, x: Any, out: Any, adjoint: bool) -> Any:
        """Blur, then weight: one forward FFT serves all."""
        first = self._blurs[0]
        spectrum = first._image_to_spectrum(x) if adjoint else first._to_spectrum(x)
        leave = first._to_scene if adjoint else first._to_image
        out = namespace(x).empty(self.dims if adjoint else self.dimsd, x.dtype) if out is None else out
        out[...] = 0
        for blur, weights in zip(self._blurs, self._weights(x.dtype), strict=True):
            out += _weigh(leave(spectrum * blur._spectrum(x, adjoint), x.dtype), weights)
        return out

    def _weights(self, dtype: Any) -> list[list[Constant]]:
        """Return, for each PSF, its weight along each blurred axis, shaped to broadcast over an image."""
        key = real_dtype(dtype)
        if key not in self._cache:
            sizes = self.dims if self.order == "before" else self.dimsd
            starts = [s.start if self.order == "before" else 0 for s in self.field_of_view]
            hats = []
            for axis, places in zip(self._named, self.positions, strict=True):
                shape = [1] * len(sizes)
                shape[axis] = sizes[axis]
                pixels = np.arange(sizes[axis]) - starts[axis]
                hats.append([Constant(np.interp(pixels, places, e).astype(key).reshape(shape)) for e in np.eye(len(places))])
            self._cache[key] = [list(weights) for weights in product(*hats)]
        return self._cache[key]  # type: ignore[no-any-return]

    def norm_bound(self) -> float:
        # ‖A‖² ≤ (largest sum of a column)(largest sum of a row), of moduli
        psfs = np.abs([blur._psf_on_all_axes() for blur in self._blurs])
        of_one = psfs.sum(axis=tuple(axis + 1 for axis in self.axes)).max()
        of_all = psfs.max(axis=0).sum(axis=self.axes).max()
        edges = np.prod([extension.norm() for extension in self._blurs[0]._extensions])
        return float(np.sqrt(of_one * of_all) * edges)

    # -- the field of view --------------------------------------------------------------------------

    @property
    def field_of_view(self) -> tuple[slice, ...]:
        """Where the image lies in x."""
        return self._blurs[0].field_of_view

    def crop(self, x: Any) -> Any:
        """Return the part of `x`, of shape `dims`, that lies inside the image; a view."""
        return self._blurs[0].crop(x)

    def extend(self, y: Any) -> Any:
        """Return an array of shape `dims` whose crop is the image `y`; the margin joins opposite edges smoothly."""
        return self._blurs[0].extend(y)

    def __repr__(self) -> str:
        d = len(self.axes)
        grid, psf, image, x = (
            "×".join(map(str, sizes)) for sizes in (self.psfs.shape[:d], self.psfs.shape[d:], self.dimsd, self.dims)
        )
        on = f", x on {x}" if self.dims != self.dimsd else ""
        return f"VaryingBlur({grid} psfs {psf}, {image}, boundary={self.boundary!r}, order={self.order!r}{on})"


def _weigh(x: Any, weights: Sequence[Constant]) -> Any:
    for weight in weights:
        x = x * weight.like(x)
    return x


def _tile_centers(sizes: tuple[int, ...], grid: tuple[int, ...]) -> tuple[Any, ...]:
    return tuple((np.arange(g) + 0.5) * n / g - 0.5 for n, g in zip(sizes, grid, strict=True))


def _read_positions(positions: Any, grid: tuple[int, ...]) -> tuple[Any, ...]:
    if not isinstance(positions, Sequence | np.ndarray) or isinstance(positions, str):
        raise TypeError(f"positions is {positions!r}; give a list of coordinates for each blurred axis")
    read = tuple(owned(np.asarray(p, dtype=float)) for p in positions)
    if tuple(p.shape for p in read) != tuple((g,) for g in grid):
        raise ValueError(
            f"positions has shapes {[p.shape for p in read]}; for {grid} PSFs give that many along each blurred axis"
        )
    if not all(np.isfinite(p).all() and (np.diff(p) > 0).all() for p in read):
        raise ValueError(f"positions is {positions!r}; along each axis the coordinates must be finite and increase")
    return read
