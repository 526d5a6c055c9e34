"""The transforms in which operators are diagonal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ._arguments import read_axes, read_dims
from ._backend import fft_namespace, fft_threads
from ._forks import apart_from_forks


@dataclass(frozen=True)
class Fourier:
    r"""The discrete Fourier transform over some axes of an array.

    .. math:: X_k = \sum_n x_n \, e^{-2\pi i \sum_a k_a n_a / N_a}, \qquad a \in \text{axes}

    Parameters
    ----------
    dims : tuple of int
        Shape of the arrays that it transforms.
    axes : tuple of int
        The axes that it acts on, in the order given; others ride along.
    real : bool
        Whether the arrays are real; only half of the last of `axes` is then kept, as in ``rfftn``.

    Notes
    -----
    Unnormalised forward and 1/N inverse, as in ``scipy.fft``. One forward and one inverse transform cost what
    ``rfftn`` and ``irfftn`` cost, with one image of memory less.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import Fourier
    >>> Fourier((4, 6), axes=(0, 1)).forward(np.ones((4, 6))).shape
    (4, 4)
    """

    dims: tuple[int, ...]
    axes: tuple[int, ...]
    real: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "dims", read_dims(self.dims))
        object.__setattr__(self, "axes", read_axes(self.axes, len(self.dims)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a spectrum."""
        shape = list(self.dims)
        if self.real:
            shape[self.axes[-1]] = shape[self.axes[-1]] // 2 + 1
        return tuple(shape)

    @apart_from_forks
    def forward(self, x: Any) -> Any:
        """Return the spectrum of `x`; where `x` is shorter than `dims` it is continued by zeros."""
        fft, threads = fft_namespace(x), fft_threads(x)
        *others, last = self.axes
        first = fft.rfft if self.real else fft.fft
        spectrum = first(x, n=self.dims[last], axis=last, **threads)
        for axis in reversed(others):
            spectrum = fft.fft(spectrum, n=self.dims[axis], axis=axis, overwrite_x=True, **threads)
        return spectrum

    @apart_from_forks
    def inverse(self, spectrum: Any, sizes: tuple[int, ...] | None = None) -> Any:
        """Return the array of this spectrum, cut to its first `sizes` samples; the spectrum is overwritten."""
        fft, threads = fft_namespace(spectrum), fft_threads(spectrum)
        *others, last = self.axes
        keep = [slice(None)] * len(self.dims)
        for axis in others:
            # what is cut along one axis need not be transformed along the next
            spectrum = fft.ifft(spectrum, axis=axis, overwrite_x=True, **threads)
            if sizes is not None and sizes[axis] < self.dims[axis]:
                cut = keep.copy()
                cut[axis] = slice(sizes[axis])
                spectrum = spectrum[tuple(cut)]
        if self.real:
            x = fft.irfft(spectrum, n=self.dims[last], axis=last, **threads)
        else:
            x = fft.ifft(spectrum, axis=last, overwrite_x=True, **threads)
        if sizes is None:
            return x
        keep[last] = slice(sizes[last])
        return x[tuple(keep)]

    def frequencies(self, axis: int) -> Any:
        """Return the angular frequencies along `axis`, in radians a sample, shaped to broadcast over a spectrum."""
        n = self.dims[axis]
        omega = 2 * np.pi * (np.fft.rfftfreq(n) if self.real and axis == self.axes[-1] else np.fft.fftfreq(n))
        shape = [1] * len(self.dims)
        shape[axis] = omega.size
        return omega.reshape(shape)

    def multiplicity(self) -> Any:
        """Return how many eigenvalues each sample of a spectrum stands for, shaped to broadcast over a spectrum.

        2 for those whose conjugates are not kept, else 1: traces are sums with these weights.
        """
        last = self.axes[-1]
        shape = [1] * len(self.dims)
        shape[last] = self.shape[last]
        counts = np.ones(shape[last])
        if self.real:
            counts[1 : (self.dims[last] + 1) // 2] = 2
        return counts.reshape(shape)

    def energy_weights(self) -> Any:
        """Return w with ‖x‖² = Σ w |X|², Parseval's, shaped to broadcast over a spectrum."""
        return self.multiplicity() / np.prod([self.dims[a] for a in self.axes])

    def __repr__(self) -> str:
        return f"Fourier({'×'.join(map(str, self.dims))}, axes {self.axes})"


@dataclass(frozen=True)
class Cosine:
    r"""The discrete cosine transform (DCT-II) over some axes of an array.

    .. math:: X_k = 2 \sum_n x_n \cos\frac{\pi k (2 n + 1)}{2 N} \quad \text{along each of the axes}

    Parameters
    ----------
    dims : tuple of int
        Shape of the arrays that it transforms.
    axes : tuple of int
        The axes that it acts on; others ride along.

    Notes
    -----
    Unnormalised forward and 1/2N inverse along each axis, as in ``scipy.fft``. It diagonalises what is symmetric in each
    axis and continues x by reflection at its edges.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import Cosine
    >>> Cosine((4,), (0,)).forward(np.ones(4)).round(12)
    array([8., 0., 0., 0.])
    """

    dims: tuple[int, ...]
    axes: tuple[int, ...]
    #: spectra of real arrays are real, those of complex ones complex
    real: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "dims", read_dims(self.dims))
        object.__setattr__(self, "axes", read_axes(self.axes, len(self.dims)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a spectrum."""
        return self.dims

    @apart_from_forks
    def forward(self, x: Any) -> Any:
        """Return the spectrum of `x`; where `x` is shorter than `dims` it is continued by zeros."""
        sizes = [self.dims[axis] for axis in self.axes]
        return fft_namespace(x).dctn(x, s=sizes, axes=self.axes, **fft_threads(x))

    @apart_from_forks
    def inverse(self, spectrum: Any, sizes: tuple[int, ...] | None = None) -> Any:
        """Return the array of this spectrum, cut to its first `sizes` samples; the spectrum is overwritten."""
        x = fft_namespace(spectrum).idctn(spectrum, axes=self.axes, overwrite_x=True, **fft_threads(spectrum))
        if sizes is None:
            return x
        keep = [slice(None)] * len(self.dims)
        for axis in self.axes:
            keep[axis] = slice(sizes[axis])
        return x[tuple(keep)]

    def frequencies(self, axis: int) -> Any:
        """Return the angular frequencies along `axis`, in radians a sample, shaped to broadcast over a spectrum."""
        n = self.dims[axis]
        shape = [1] * len(self.dims)
        shape[axis] = n
        return (np.pi / n * np.arange(n)).reshape(shape)

    def multiplicity(self) -> Any:
        """Return how many eigenvalues each sample of a spectrum stands for, shaped to broadcast over a spectrum: one."""
        return np.ones([1] * len(self.dims))

    def energy_weights(self) -> Any:
        """Return w with ‖x‖² = Σ w |X|², Parseval's, shaped to broadcast over a spectrum."""
        weights = self.multiplicity()
        for axis in self.axes:
            n = self.dims[axis]
            shape = [1] * len(self.dims)
            shape[axis] = n
            weights = weights * np.where(np.arange(n) == 0, 1 / (4 * n), 1 / (2 * n)).reshape(shape)
        return weights

    def __repr__(self) -> str:
        return f"Cosine({'×'.join(map(str, self.dims))}, axes {self.axes})"
