r"""Discrete Fourier transforms of a few numbers, written once for whatever can be added and multiplied.

.. math:: X_k = \sum_{t=0}^{r-1} x_t \, e^{-2\pi i k t / r}

A complex number is a pair (real part, imaginary part); what the parts are is left open: floats, arrays, or the vectors of
registers from which `_lanes` makes machine code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import cos, pi, sin, sqrt
from typing import Any

Complex = tuple[Any, Any]


def add(a: Complex, b: Complex) -> Complex:
    """Return a + b."""
    return a[0] + b[0], a[1] + b[1]


def subtract(a: Complex, b: Complex) -> Complex:
    """Return a − b."""
    return a[0] - b[0], a[1] - b[1]


def multiply(a: Complex, b: Complex) -> Complex:
    """Return a b."""
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def conjugate(a: Complex) -> Complex:
    """Return the conjugate of a."""
    return a[0], -a[1]


def add_i(a: Complex, b: Complex) -> Complex:
    """Return a + i b."""
    return a[0] - b[1], a[1] + b[0]


def subtract_i(a: Complex, b: Complex) -> Complex:
    """Return a − i b."""
    return a[0] + b[1], a[1] - b[0]


def two(x: Sequence[Complex]) -> list[Complex]:
    """Transform two numbers."""
    return [add(x[0], x[1]), subtract(x[0], x[1])]


def four(x: Sequence[Complex]) -> list[Complex]:
    """Transform four numbers, by two halves of two."""
    (a, b), (c, d) = two(x[0::2]), two(x[1::2])
    return [add(a, c), subtract_i(b, d), subtract(a, c), add_i(b, d)]


def eight(x: Sequence[Complex]) -> list[Complex]:
    """Transform eight numbers, by two halves of four."""
    (a, b, c, d), (e, f, g, h) = four(x[0::2]), four(x[1::2])
    root = sqrt(0.5)
    f = (f[0] + f[1]) * root, (f[1] - f[0]) * root
    h = (h[1] - h[0]) * root, (h[0] + h[1]) * -root
    return [add(a, e), add(b, f), subtract_i(c, g), add(d, h), subtract(a, e), subtract(b, f), add_i(c, g), subtract(d, h)]


def odd(x: Sequence[Complex]) -> list[Complex]:
    """Transform an odd number of numbers, by the sums and the differences of those that mirror each other."""
    r = len(x)
    half = range(1, r // 2 + 1)
    sums, differences = [add(x[t], x[r - t]) for t in half], [subtract(x[t], x[r - t]) for t in half]
    X: list[Any] = [reduce(add, [x[0], *sums])] * r
    for k in half:
        angles = [2 * pi * k * t / r for t in half]
        even = reduce(add, [x[0], *((s[0] * cos(a), s[1] * cos(a)) for s, a in zip(sums, angles, strict=True))])
        rest = reduce(add, [(d[0] * sin(a), d[1] * sin(a)) for d, a in zip(differences, angles, strict=True)])
        X[k], X[r - k] = subtract_i(even, rest), add_i(even, rest)
    return X


#: of each number of numbers, in the order in which a length is best divided into them
CODELETS: dict[int, Callable[[Sequence[Complex]], list[Complex]]] = {8: eight, 4: four, 2: two, 3: odd, 5: odd}


def halves(a: Complex, b: Complex) -> tuple[Complex, Complex]:
    """Return twice the spectra at k of two real sequences x and y, from that of x + i y at k and at −k."""
    (p, q), (r, s) = a, b
    return (p + r, q - s), (q + s, r - p)


def joined(a: Complex, b: Complex) -> tuple[Complex, Complex]:
    """Return the spectrum of x + i y at k and at −k, from those of two real sequences x and y at k."""
    (p, q), (r, s) = a, b
    return (p - s, q + r), (p + s, r - q)
