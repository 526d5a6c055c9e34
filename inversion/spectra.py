"""What a problem's operators say of their structure, asked once and kept in the precision of the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from unblur.operators import Cosine, Fourier, gram_symbol, split, symbol
from unblur.operators._backend import real_dtype
from unblur.operators._namespace import asarray


class Spectra:
    """Symbols, Gram symbols and splits of operators, each worked out when it is first asked for.

    Problems that differ in their data or their weights share one, so that a plan for many frames pays for it once.

    Parameters
    ----------
    like : array
        Symbols are worked out by NumPy in double precision, and kept in the precision and the library of this one.
    """

    def __init__(self, like: Any) -> None:
        self.like = like
        # each answer beside its operator, which keeps the operator's id from being another's
        self._answers: dict[Any, tuple[Any, Any]] = {}

    def symbol(self, A: Any, transform: Fourier | Cosine) -> Any:
        """Return the eigenvalues of A where `transform` diagonalises it; else None."""
        return self._eigenvalues(A, transform)[0]

    def gram(self, A: Any, transform: Fourier | Cosine) -> Any:
        """Return the eigenvalues of AᴴA where `transform` diagonalises it; else None."""
        return self._eigenvalues(A, transform)[1]

    def _eigenvalues(self, A: Any, transform: Fourier | Cosine) -> tuple[Any, Any]:
        def answer() -> tuple[Any, Any]:
            s = symbol(A, transform)
            # one transform of a PSF serves both
            gram = gram_symbol(A, transform) if s is None else s.real**2 + s.imag**2
            return in_precision(s, self.like), in_precision(gram, self.like)

        return self._ask(transform, A, answer)  # type: ignore[no-any-return]

    def split(self, A: Any) -> tuple[Any, Any] | None:
        """Return (M, K) with A = M K, where M selects samples and some transform diagonalises K; else None."""
        return self._ask("split", A, lambda: split(A))  # type: ignore[no-any-return]

    def nbytes(self) -> int:
        """Return the bytes that are held."""
        answers = [answer for _, answer in self._answers.values()]
        arrays = [a for answer in answers for a in (answer if isinstance(answer, tuple) else (answer,))]
        return sum(getattr(a, "nbytes", 0) for a in arrays)

    def _ask(self, question: Any, A: Any, answer: Callable[[], Any]) -> Any:
        key = (id(A), question)
        if key not in self._answers:
            self._answers[key] = (A, answer())
        return self._answers[key][1]


def in_precision(symbol: Any, like: Any) -> Any:
    """Return a symbol, or None, in the precision and the library of an array; a real one stays real."""
    if symbol is None:
        return None
    real = real_dtype(like.dtype)
    return asarray(symbol.astype(np.result_type(real, np.complex64) if symbol.dtype.kind == "c" else real), like)
