"""Preconditioners of the normal equations: the nearest operator that one transform diagonalises, inverted."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import scipy.sparse

from unblur.operators import Cosine, Fourier, Operator, aslinearoperator, gram_symbol, split
from unblur.operators._backend import real_dtype, sum_of_squares
from unblur.operators._multiplier import Multiplier
from unblur.operators._namespace import asarray

from .normal import NormalEquations, Quadratic
from .quadratic import transforms_of

#: writes M s to its second argument
Preconditioner = Callable[[Any, Any], None]


class SpectralInverse(Operator):
    r"""The inverse of an operator that a transform diagonalises.

    .. math:: M = F^{-1} \operatorname{diag}(1 / g) \, F

    Parameters
    ----------
    transform : Fourier or Cosine
    eigenvalues : array that broadcasts to ``transform.shape``
        g, real and above 0.
    dtype : dtype
        What it will be applied to.
    """

    ffts = 2

    def __init__(self, transform: Fourier | Cosine, eigenvalues: Any, dtype: Any) -> None:
        super().__init__(transform.dims, transform.dims, dtype)
        self.transform = transform
        self.inverse = (1 / eigenvalues).astype(real_dtype(dtype))
        self._multiplier = Multiplier(transform, self._inverse)

    def _inverse(self) -> Any:
        return self.inverse

    def _apply(self, x: Any, out: Any) -> Any:
        return self._multiplier.apply(x, out)

    def _apply_adjoint(self, y: Any, out: Any) -> Any:
        return self._apply(y, out)

    def symbol(self, transform: Any) -> Any:
        return self.inverse if transform == self.transform else None

    def __repr__(self) -> str:
        return f"the inverse spectrum in {self.transform}"


def spectral_preconditioner(system: NormalEquations) -> SpectralInverse | None:
    r"""Return the inverse of the operator nearest to N among those that a transform diagonalises.

    .. math:: \sum_t w_t \, \overline{W_t} \, g_t, \qquad \overline{W} = \text{the mean of the weights}

    Parameters
    ----------
    system : NormalEquations

    Returns
    -------
    SpectralInverse or None
        None where no transform is known for the operators of all data terms.

    Notes
    -----
    Of a data term behind a crop, a mask or weights, Kᴴ W K, the nearest operator in the Frobenius norm is KᴴK times the
    mean of W, which is what [1]_ finds for Toeplitz matrices. A prior that no transform of the data diagonalises counts as
    the nearest multiple of the identity, from one random probe. Eigenvalues are kept above the square root of the precision
    times the largest, so that what the operators annihilate is not blown up.

    References
    ----------
    .. [1] T. F. Chan, "An optimal circulant preconditioner for Toeplitz systems", SIAM J. Sci. Stat. Comput. 9 (1988),
       766–771.
    """
    for transform in transforms_of([part.A for part in system.parts], system.dims, system.dtype):
        parts = [(part, _approximate_gram(part, transform, system.xp)) for part in system.parts]
        if any(gram is None for part, gram in parts if part.measured) or all(gram is None for _, gram in parts):
            continue
        total: Any = sum(part.weight * (_mean_gram(part, system) if gram is None else gram) for part, gram in parts)
        largest = total.max()
        if largest == 0:
            return None
        floor = np.sqrt(np.finfo(real_dtype(system.dtype)).eps) * largest
        return SpectralInverse(transform, np.maximum(total, floor), system.dtype)
    return None


def read_preconditioner(given: Any, system: NormalEquations) -> Preconditioner | None:
    """Return what writes M s for the option `given` of a solver: ``"auto"``, None, an operator or a function.

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If the operator's shape is not that of x.
    """
    if given is None:
        return None
    if isinstance(given, str):
        return _into(spectral_preconditioner(system))
    if callable(given) and not hasattr(given, "matvec"):
        return lambda s, out: _copy(given(s.copy()), out)
    M = aslinearoperator(given, "preconditioner")
    size = int(np.prod(system.dims))
    if M.shape != (size, size):
        raise ValueError(f"preconditioner has shape {M.shape}; x has {size} samples, so give one of ({size}, {size})")
    return _into(M)


def check_preconditioner(given: Any) -> None:
    """Raise where the option cannot be a preconditioner, before there is a problem to try it on."""
    if isinstance(given, type):
        raise TypeError(f"preconditioner is the class {given.__name__}; give an instance, {given.__name__}(...)")
    if given is None or callable(given) or hasattr(given, "matvec") or scipy.sparse.issparse(given) or np.ndim(given) == 2:
        return
    if not isinstance(given, str) or given != "auto":
        raise TypeError(f'preconditioner is {given!r}; give None, "auto", an operator, or a function of s that returns M s')


def _copy(found: Any, out: Any) -> None:
    if np.size(found) != out.size:
        raise ValueError(f"preconditioner gave an array of shape {np.shape(found)}; it must keep that of x, {out.shape}")
    np.copyto(out, np.reshape(found, out.shape), casting="same_kind")


def _into(M: Operator | None) -> Preconditioner | None:
    if M is None:
        return None
    # a SciPy operator takes flat vectors where ours keep the image's shape; both are views
    return lambda s, out: M.apply(s.reshape(M.dims), out.reshape(M.dimsd))


def _approximate_gram(part: Quadratic, transform: Fourier | Cosine, xp: ModuleType) -> Any:
    """Return the eigenvalues of the operator nearest to AᴴWA where A, or K in A = M K, has a Gram symbol; else None."""
    gram = gram_symbol(part.A, transform)
    if gram is not None:
        return gram if part.W is None else gram * float(np.mean(part.W, dtype=np.float64))
    M, K = split(part.A) or (None, None)
    gram = None if K is None else gram_symbol(K, transform)
    if M is None or gram is None:
        return None
    M = aslinearoperator(M)
    # MᴴWM is pointwise: on an image of ones it shows its diagonal
    kept = M.apply(xp.ones(M.dims))
    return gram * (sum_of_squares(kept, part.W) / M.shape[1])


def _mean_gram(part: Quadratic, system: NormalEquations) -> float:
    """Return an estimate of trace(AᴴWA) / n from one vector of random signs."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], system.dims)
    return sum_of_squares(part.A.apply(asarray(signs, system.work)), part.W) / signs.size
