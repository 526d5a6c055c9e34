r"""The division of spectra that solves for x, and the products that follow where a blur is split off."""

from __future__ import annotations

from typing import Any

import numpy as np

from unblur.operators import Cosine, Fourier
from unblur.operators._multiplier import Multiplier, Passes, channelled, takes
from unblur.operators._namespace import contiguous


class Division:
    r"""The solution of a linear system that one transform makes diagonal, from images to images.

    .. math:: x = F^{-1} \frac{F g + \sum_s \bar h_s F t_s + R}{\sum_t w_t \, g_t}, \qquad t_s \leftarrow F^{-1} (h_s F x)

    Parameters
    ----------
    transform : Fourier or Cosine
    right_side : array or 0
        R; it is taken over.
    inverse : array
        One over the denominator.
    symbols : list of array
        h of every blur that is split off.
    """

    def __init__(self, transform: Fourier | Cosine, right_side: Any, inverse: Any, symbols: list[Any]) -> None:
        self.transform, self.symbols = transform, symbols
        if symbols:
            self.right_side, self.inverse = right_side, inverse
            self._pairs: dict[Any, _Pair | None] = {}
        else:
            # what R adds to the solution
            self.known = None
            if np.ndim(right_side) > 0:
                right_side *= inverse
                self.known = contiguous(transform.inverse(right_side))
            self.multiplier = Multiplier(transform, lambda: inverse)

    def __call__(self, g: Any, targets: list[Any], x: Any) -> None:
        """Write the solution to `x`, and change the targets t; `g` may be None, for 0."""
        if not self.symbols:
            if g is None:
                x[...] = 0 if self.known is None else self.known
            else:
                self.multiplier.settle(g)
                self.multiplier.apply(g, x, self.known)
        elif g is not None and (pair := self._pair(x)) is not None:
            pair(g, targets[0], x)
        else:
            self._by_transforms(g, targets, x)

    def _pair(self, x: Any) -> _Pair | None:
        """Return the compiled passes where one blur is split off, or None."""
        if len(self.symbols) != 1 or np.ndim(self.right_side) > 0 or not takes(x, self.transform):
            return None
        if x.dtype not in self._pairs:
            assert isinstance(self.transform, Fourier)
            factor, symbol = (channelled(a, self.transform) for a in (self.inverse, self.symbols[0]))
            known = factor is not None and symbol is not None
            self._pairs[x.dtype] = _Pair(self.transform, factor, symbol, x.dtype) if known else None
        return self._pairs[x.dtype]

    def _by_transforms(self, g: Any, targets: list[Any], x: Any) -> None:
        F = self.transform
        X = self.right_side if g is None else F.forward(g) + self.right_side
        for h, t in zip(self.symbols, targets, strict=True):
            X = X + h.conj() * F.forward(t)
        X = X * self.inverse
        for h, t in zip(self.symbols, targets, strict=True):
            t[...] = F.inverse(h * X)
        x[...] = F.inverse(X)


class _Pair:
    """The compiled passes of a division behind which one blur is split off."""

    def __init__(self, transform: Fourier, factor: Any, symbol: Any, dtype: Any) -> None:
        # as many channels each
        own = max(factor.shape[-1], symbol.shape[-1])
        factor, symbol = (np.broadcast_to(a, (*a.shape[:-1], own)) for a in (factor, symbol))
        self.passes = Passes(transform, dtype, own, spectra=2)
        layout = self.passes.layout
        self.factor, self.symbol = layout.arranged(factor, self.passes.scale), layout.arranged(symbol)

    def __call__(self, g: Any, target: Any, x: Any) -> None:
        self.passes.run("solve_behind", (g, target, x), self.factor, self.symbol)
