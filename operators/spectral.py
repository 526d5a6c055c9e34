"""The Fourier and the cosine transform as operators: unitary, so that the adjoint is the inverse.

`Fourier` and `Cosine` are the same transforms in the scaling of ``scipy.fft``, in which solvers divide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._arguments import read_axes, read_dims
from ._backend import fft_namespace, fft_threads
from ._forks import apart_from_forks
from .base import Identity, Operator


class _Unitary(Operator):
    """A transform U over some axes with Uᴴ U = U Uᴴ = I."""

    ffts = 1

    def __init__(self, dims: Any, axes: int | Sequence[int] | None, dtype: Any) -> None:
        dims = read_dims(dims)
        super().__init__(dims, dims, dtype)
        self.axes = read_axes(axes, len(dims))

    def gram_symbol(self, transform: Any) -> Any:
        return Identity(self.dims).symbol(transform)

    def norm_bound(self) -> float:
        return 1.0

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'×'.join(map(str, self.dims))}, axes {self.axes})"


class FourierTransform(_Unitary):
    r"""The unitary discrete Fourier transform.

    .. math:: (F x)_k = \frac{1}{\sqrt N} \sum_n x_n \, e^{-2\pi i \sum_a k_a n_a / N_a}, \qquad F^H F = F F^H = I

    Parameters
    ----------
    dims : tuple of int
        Shape of x, and of its spectrum: frequency 0 first, both signs of each frequency.
    axes : int or tuple of int, optional
        The axes that are transformed; by default all. N is the product of their sizes.

    Raises
    ------
    ValueError
        If an argument does not fit.

    Notes
    -----
    The result is complex, and so is the adjoint's. One complex FFT.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import FourierTransform
    >>> FourierTransform((4,)).apply(np.array([1.0, 0.0, 0.0, 0.0])).real
    array([0.5, 0.5, 0.5, 0.5])
    """

    def __init__(self, dims: Any, axes: int | Sequence[int] | None = None) -> None:
        super().__init__(dims, axes, np.complex128)

    @apart_from_forks
    def _apply(self, x: Any, out: Any) -> Any:
        return _deliver(fft_namespace(x).fftn(x, axes=self.axes, norm="ortho", **fft_threads(x)), out)

    @apart_from_forks
    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        return _deliver(fft_namespace(y).ifftn(y, axes=self.axes, norm="ortho", **fft_threads(y)), out)


class CosineTransform(_Unitary):
    r"""The orthogonal discrete cosine transform (DCT-II).

    .. math:: (C x)_k = c_k \sum_n x_n \cos\frac{\pi k (2 n + 1)}{2 N} \;\text{along each axis}, \qquad
              c_0 = \sqrt{1 / N}, \; c_k = \sqrt{2 / N}, \qquad C^H C = C C^H = I

    Parameters
    ----------
    dims : tuple of int
        Shape of x, and of its spectrum.
    axes : int or tuple of int, optional
        The axes that are transformed; by default all.

    Raises
    ------
    ValueError
        If an argument does not fit.

    Notes
    -----
    Real for a real x. One real FFT.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import CosineTransform
    >>> CosineTransform((4,)).apply(np.ones(4)).round(12) + 0.0
    array([2., 0., 0., 0.])
    """

    def __init__(self, dims: Any, axes: int | Sequence[int] | None = None) -> None:
        super().__init__(dims, axes, np.float64)

    @apart_from_forks
    def _apply(self, x: Any, out: Any) -> Any:
        return _deliver(fft_namespace(x).dctn(x, axes=self.axes, norm="ortho", **fft_threads(x)), out)

    @apart_from_forks
    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        return _deliver(fft_namespace(y).idctn(y, axes=self.axes, norm="ortho", **fft_threads(y)), out)


def _deliver(result: Any, out: Any) -> Any:
    if out is None:
        return result
    out[...] = result
    return out
