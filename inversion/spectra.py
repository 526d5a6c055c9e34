"""What a problem's operators say of their structure, in the precision of the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from unblur.operators import Cosine, Fourier, gram_symbol, split, symbol
from unblur.operators._backend import real_dtype
from unblur.operators._namespace import asarray


class Spectra:
    """Symbols and splits of operators, each worked out when it is first asked for and kept.

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
        self._data: tuple[Any, Any, Any] | None = None

    def symbol(self, A: Any, transform: Fourier | Cosine) -> Any:
        """Return the eigenvalues of A where `transform` diagonalises it; else None."""
        return self._ask(("symbol", transform), A, lambda: in_precision(symbol(A, transform), self.like))

    def gram(self, A: Any, transform: Fourier | Cosine) -> Any:
        """Return the eigenvalues of AᴴA where `transform` diagonalises it; else None."""

        def answer() -> Any:
            s = self.symbol(A, transform)
            # one transform of a PSF serves both
            return in_precision(gram_symbol(A, transform), self.like) if s is None else s.real**2 + s.imag**2

        return self._ask(("gram", transform), A, answer)

    def data(self, y: Any, transform: Fourier | Cosine) -> Any:
        """Return the spectrum of data, which is not to be changed; the last is kept, for a rule and the solver after it."""
        last = self._data
        if last is None or last[0] is not y or last[1] != transform:
            last = self._data = (y, transform, transform.forward(y))
        return last[2]

    def release(self) -> None:
        """Let go of what is quickly made again, where a solver holds what it makes of it: Gram symbols, the data's spectrum."""
        self._data = None
        # another thread may ask meanwhile
        for key in tuple(self._answers):
            if key[1][0] == "gram":
                self._answers.pop(key, None)

    def diagonalises(self, transform: Fourier | Cosine, A: Any) -> bool:
        """Return whether `transform` diagonalises AᴴA."""
        return self._ask(("diagonal", transform), A, lambda: self.gram(A, transform) is not None)  # type: ignore[no-any-return]

    def split(self, A: Any) -> tuple[Any, Any] | None:
        """Return (M, K) with A = M K, where M selects samples and some transform diagonalises K; else None."""
        return self._ask(("split", None), A, lambda: split(A))  # type: ignore[no-any-return]

    def nbytes(self) -> int:
        """Return the bytes that are held."""
        kept = [answer for _, answer in tuple(self._answers.values())] + list(self._data or ())
        return sum(getattr(answer, "nbytes", 0) for answer in kept)

    def __getstate__(self) -> dict[str, Any]:
        # answers are found by where their operator lies, which is elsewhere in a copy
        return {"like": self.like, "_answers": {}, "_data": None}

    def _ask(self, question: Any, A: Any, answer: Callable[[], Any]) -> Any:
        key = (id(A), question)
        # another thread may let go of it in between
        found = self._answers.get(key)
        if found is None:
            found = self._answers[key] = (A, answer())
        return found[1]


def in_precision(symbol: Any, like: Any) -> Any:
    """Return a symbol, or None, in the precision and the library of an array; a real one stays real."""
    if symbol is None:
        return None
    real = real_dtype(like.dtype)
    return asarray(symbol.astype(np.result_type(real, np.complex64) if symbol.dtype.kind == "c" else real), like)
