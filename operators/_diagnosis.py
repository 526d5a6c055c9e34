"""Why a check failed: the mistakes that are usually made, each tried in turn."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from .base import Operator

#: what counts as equal when a mistake is recognised; the exact identities hold to about 1e-14
_NEAR = 1e-8


def inner(a: Any, b: Any) -> complex:
    """Return ⟨a, b⟩ = Σ a b̄, summed in double precision."""
    return complex(np.vdot(b.astype(np.complex128), a.astype(np.complex128)))


def random_array(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any = np.float64) -> Any:
    """Return normal samples, complex ones where `dtype` is."""
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def wrong_adjoint(A: Operator, rng: np.random.Generator, is_complex: bool) -> str:
    """Return why ⟨A x, y⟩ ≠ ⟨x, Aᴴ y⟩, in double precision."""
    dtype = np.complex128 if is_complex else np.float64
    x, y = random_array(rng, A.dims, dtype), random_array(rng, A.dimsd, dtype)
    Ax, By = A.apply(x), A.apply_adjoint(y)
    scale = float(np.linalg.norm(Ax) * np.linalg.norm(y))
    left, right = inner(Ax, y), inner(x, By)
    if _near(left, right, scale):
        return "not met in double precision: rounding in short precision, or a result that is not the same each time"
    if is_complex and _near(left, inner(x, np.conj(A.apply_adjoint(np.conj(y)))), scale):
        return "apply_adjoint is the transpose without the complex conjugate: conjugate the kernel or the spectrum in it"
    if not (_is_odd(A.apply, x) and _is_odd(A.apply_adjoint, y)):
        return "apply or apply_adjoint is not linear, or not the same each time: mend that first"
    ratio = _common_ratio(A, rng, dtype)
    if ratio is not None:
        return f"apply_adjoint is the adjoint times {_number(ratio)}: {_factor_hint(ratio, A)}"
    if A.dims == A.dimsd and np.linalg.norm(A.apply(y) - By) <= _NEAR * np.linalg.norm(By):
        return "apply_adjoint does the same as apply: the adjoint of a convolution needs the flipped, conjugated kernel"
    return _shift_or_edges(A, rng, dtype)


def _common_ratio(A: Operator, rng: np.random.Generator, dtype: Any) -> complex | None:
    ratios = []
    for _ in range(3):
        y = random_array(rng, A.dimsd, dtype)
        # x = Aᴴ y keeps the inner products away from zero
        x = A.apply_adjoint(y)
        left = inner(A.apply(x), y)
        if left == 0:
            return None
        ratios.append(inner(x, A.apply_adjoint(y)) / left)
    first = ratios[0]
    common = first != 0 and max(abs(r - first) for r in ratios) <= _NEAR * abs(first)
    return first if common and abs(first - 1) > _NEAR else None


def _factor_hint(ratio: complex, A: Operator) -> str:
    if abs(ratio + 1) < _NEAR:
        return "a sign is missing"
    if abs(abs(ratio) - 1) < _NEAR:
        return "a complex factor has to be conjugated in it"
    for n in A.shape:
        # small numbers are more likely to be weights
        for power in (1, -1, 0.5, -0.5):
            if n > 16 and abs(ratio - n**power) < _NEAR * abs(ratio):
                return "the FFT's normalisation by its size is counted twice, or not at all"
    return "divide by it, or look for a weight that apply uses otherwise (a squared one, or none)"


def _shift_or_edges(A: Operator, rng: np.random.Generator, dtype: Any) -> str:
    x, y = _inside(random_array(rng, A.dims, dtype)), _inside(random_array(rng, A.dimsd, dtype))
    Ax, By = A.apply(x), A.apply_adjoint(y)
    left, scale = inner(Ax, y), float(np.linalg.norm(Ax) * np.linalg.norm(y))
    if _near(left, inner(x, By), scale):
        return (
            "right inside, wrong at the edges: the adjoint of a continued edge adds the margins back to the samples "
            "that they repeat; it does not continue the result"
        )
    for shift in product((0, 1, -1), repeat=len(A.dims)):
        if any(shift) and _near(left, inner(x, np.roll(By, shift, tuple(range(By.ndim)))), scale):
            moved = tuple(-s for s in shift)
            return (
                f"apply_adjoint is the adjoint shifted by {moved[0] if len(moved) == 1 else moved} samples: the centre c of a "
                "kernel of n samples is at n − 1 − c once it is flipped, another one where n is even"
            )
    return "apply_adjoint is not the conjugate transpose of apply; compare the two matrices on a small array"


def _inside(x: Any) -> Any:
    """Return `x` with zeros all around; axes that are too short, such as colour, are left as they are."""
    window = tuple(slice(n // 3, n - n // 3) if n >= 6 else slice(None) for n in x.shape)
    kept = np.zeros_like(x)
    kept[window] = x[window]
    return kept


def _is_odd(apply: Callable[[Any], Any], x: Any) -> bool:
    once = apply(x)
    # twice, so that a state that alternates shows
    return all(np.linalg.norm(apply(-x) + once) <= _NEAR * np.linalg.norm(once) for _ in range(2))


def wrong_linearity(apply: Callable[[Any], Any], dims: tuple[int, ...]) -> str:
    """Return why A(x + y) ≠ A x + A y."""
    if np.any(apply(np.zeros(dims))):
        return "A 0 is not 0: a constant is added; move it to the data"
    return "it is not linear: look for a clip, an absolute value, a normalisation by the data, or a state that it keeps"


def wrong_symbol(apply: Callable[[Any], Any], transform: Any, symbol: Any, rng: np.random.Generator) -> str:
    """Return why T⁻¹(s · T x) ≠ A x."""
    x = random_array(rng, transform.dims, np.float64 if transform.real else np.complex128)
    Ax = apply(x)
    size = float(np.linalg.norm(Ax)) or 1.0

    def explains(s: Any) -> bool:
        return bool(np.linalg.norm(transform.inverse(s * transform.forward(x)) - Ax) <= _NEAR * size)

    spectrum, given = transform.forward(Ax), symbol * transform.forward(x)
    ratio = complex(np.vdot(given, spectrum) / (np.vdot(given, given) or 1))
    if explains(np.conj(symbol)):
        return "the symbol is that of the adjoint: take its complex conjugate"
    if ratio != 0 and explains(ratio * symbol):
        return f"the symbol must be multiplied by {_number(ratio)}"
    for axis in transform.axes:
        if np.linalg.norm(apply(np.roll(x, 1, axis)) - np.roll(Ax, 1, axis)) > _NEAR * size:
            return f"A does not commute with a circular shift along axis {axis}: it has no Fourier symbol, return None"
    return "A has a symbol, but another one: check the kernel's origin (index 0 of the grid) and the order of the axes"


def _near(a: complex, b: complex, scale: float) -> bool:
    return abs(a - b) <= _NEAR * scale


def _number(z: complex) -> str:
    return f"{z.real:.6g}" if abs(z.imag) <= _NEAR * abs(z) else f"({z:.6g})"
