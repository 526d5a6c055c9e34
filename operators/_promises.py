"""The promises of an operator, each with the measurement that holds it to them."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ._backend import working_dtype
from ._diagnosis import inner, random_array, wrong_adjoint, wrong_linearity, wrong_symbol
from .base import Operator
from .norms import operator_norm
from .transforms import Cosine, Fourier

_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True)
class Check:
    """One promise and how well it is kept.

    Attributes
    ----------
    name : str
    passed : bool
    measured, tolerance : float
        It passes where ``measured <= tolerance``; nan where it could not be measured.
    cause : str
        The likely cause where it failed, else empty.
    """

    name: str
    passed: bool
    measured: float
    tolerance: float
    cause: str = ""


def _check(name: str, measured: float, tolerance: float, cause: str | Callable[[], str]) -> Check:
    if measured <= tolerance:
        return Check(name, True, float(measured), float(tolerance))
    return Check(name, False, float(measured), float(tolerance), cause if isinstance(cause, str) else cause())


def _tolerance(A: Operator, dtype: Any = np.float64) -> float:
    return float(50 * np.finfo(dtype).eps * np.sqrt(max(A.shape)))


def _distance(a: Any, b: Any, scale: float | None = None) -> float:
    size = float(np.linalg.norm(b)) if scale is None else scale
    return float(np.linalg.norm(np.asarray(a) - np.asarray(b))) / max(size, _TINY)


def _directions(A: Operator) -> tuple[tuple[str, Callable[..., Any], tuple[int, ...], tuple[int, ...]], ...]:
    return ("apply", A.apply, A.dims, A.dimsd), ("apply_adjoint", A.apply_adjoint, A.dimsd, A.dims)


def _widest(A: Operator) -> Any:
    return np.complex128 if A.dtype.kind == "c" else np.float64


# -- linearity and the adjoint ----------------------------------------------------------------------


def _linearity(A: Operator, rng: np.random.Generator) -> Iterator[Check]:
    dtype = _widest(A)
    # real parts and conjugates are linear over the real numbers only
    factor = -1.7 + 0.6j if dtype is np.complex128 and A.clinear else -1.7
    for name, apply, dims, _ in _directions(A):
        x, y = random_array(rng, dims, dtype), random_array(rng, dims, dtype)
        Ax, Ay = apply(x), apply(y)
        together = float(np.linalg.norm(Ax) + np.linalg.norm(Ay))
        cause = partial(wrong_linearity, apply, dims)
        yield _check(f"additivity of {name}", _distance(apply(x + y), Ax + Ay, together), _tolerance(A), cause)
        yield _check(f"homogeneity of {name}", _distance(apply(factor * x), factor * Ax), _tolerance(A), cause)


def _adjoint(A: Operator, rng: np.random.Generator) -> Iterator[Check]:
    for dtype in ("float64", "float32", "complex128", "complex64"):
        x, y = random_array(rng, A.dims, dtype), random_array(rng, A.dimsd, dtype)
        Ax = A.apply(x)
        scale = max(float(np.linalg.norm(Ax) * np.linalg.norm(y)), _TINY)
        difference = inner(Ax, y) - inner(x, A.apply_adjoint(y))
        measured = abs(difference if A.clinear else np.real(difference)) / scale
        yield _check(
            f"dot test, {dtype}", measured, _tolerance(A, dtype), partial(wrong_adjoint, A, rng, np.dtype(dtype).kind == "c")
        )


# -- what is done to arrays -------------------------------------------------------------------------


def _precision(A: Operator, rng: np.random.Generator) -> Iterator[Check]:
    for name, apply, dims, _ in _directions(A):
        wrong = []
        for given in ("float16", "float32", "float64", "int32", "complex64", "complex128"):
            wanted = working_dtype(given, np.complex64 if A.dtype.kind == "c" else np.float16)
            found = apply(np.ones(dims, given)).dtype
            if found != wanted:
                wrong.append(f"{given} gives {found} instead of {wanted}")
        yield _check(
            f"precision of {name}",
            len(wrong),
            0,
            f"{'; '.join(wrong)}: a constant, kernel or weight of fixed type takes part; cast it to x.dtype",
        )
        x = random_array(rng, dims, np.float64)
        far = _distance(apply(x.astype(np.float32)), apply(x))
        yield _check(f"float32 near float64 in {name}", far, _tolerance(A, np.float32), "rounding builds up in short precision")


def _shapes(A: Operator, rng: np.random.Generator) -> Iterator[Check]:
    for name, apply, dims, dimsd in _directions(A):
        found = apply(random_array(rng, dims)).shape
        yield _check(f"shape of {name}", found != dimsd, 0, f"the result has shape {found} instead of {dimsd}: reshape it")
    for name, flat, dims, dimsd in (("matvec", A.matvec, A.dims, A.dimsd), ("rmatvec", A.rmatvec, A.dimsd, A.dims)):
        x = random_array(rng, dims)
        apply = A.apply if name == "matvec" else A.apply_adjoint
        far = _distance(flat(x.ravel()), apply(x).reshape(np.prod(dimsd)))
        yield _check(
            f"{name} on flat arrays", far, 0, "it differs from the n-D result: leave matvec and rmatvec to the base class"
        )


def _purity(A: Operator, rng: np.random.Generator) -> Iterator[Check]:
    for name, apply, dims, dimsd in _directions(A):
        x = random_array(rng, dims, _widest(A))
        before = x.copy()
        result = apply(x)
        changed = _distance(x, before)
        yield _check(f"{name} leaves its argument alone", changed, 0, "it is written to: work on a copy or on the result")
        x = before.copy()
        shared = np.may_share_memory(result, x) or np.may_share_memory(apply(x), x)
        yield _check(f"{name} gives new memory", shared, 0, "the result is a view of the argument: return a copy")
        result = apply(before.copy())
        kept = result.copy()
        apply(random_array(rng, dims, _widest(A)))
        yield _check(
            f"{name} keeps earlier results",
            _distance(result, kept),
            0,
            "a work array is returned: return a copy, or write into out",
        )
        again = _distance(apply(before.copy()), kept)
        yield _check(f"{name} repeats itself", again, 0, "twice the same gives two results: look for a state or random numbers")
        # what a subclass writes: where that ignores out, apply makes up for it by a copy
        written = np.full(dimsd, np.nan, kept.dtype)
        same = getattr(A, f"_{name}")(before.copy(), written) is written
        out = np.full(dimsd, np.nan, kept.dtype)
        same = apply(before.copy(), out) is out and same
        far = max(_distance(out, kept), _distance(written, kept)) if same else 1.0
        yield _check(f"{name} writes into out", far, 0, "out is not filled and returned: do both where it is not None")


def _pickling(A: Operator, rng: np.random.Generator) -> Iterator[Check]:
    x = random_array(rng, A.dims, _widest(A))
    expected = A.apply(x)
    try:
        again = pickle.loads(pickle.dumps(A))
    except Exception as error:
        cause = f"{error}: functions and classes must stand at the top of a module, locks and open files be left out"
        yield Check("pickling", False, np.nan, 0, cause)
        return
    yield _check("pickling", _distance(again.apply(x), expected), 0, "the copy acts otherwise: __getstate__ leaves something out")


def _threads(A: Operator, rng: np.random.Generator) -> Iterator[Check]:
    for name, apply, dims, _ in _directions(A):
        arguments = [random_array(rng, dims, _widest(A)) for _ in range(8)]
        expected = [apply(x) for x in arguments]
        with ThreadPoolExecutor(len(arguments)) as pool:
            results = [y for _ in range(4) for y in pool.map(apply, arguments)]
        wrong = sum(not np.array_equal(y, expected[i % len(expected)], equal_nan=True) for i, y in enumerate(results))
        yield _check(
            f"{name} from 8 threads",
            wrong,
            0,
            "results differ from those of one thread: a work array is shared; make it in each call",
        )


# -- structure --------------------------------------------------------------------------------------


def _transforms(A: Operator) -> list[Any]:
    """Return the transforms in which A may be asked for its symbol: over its own axes, and over all."""
    every = tuple(range(len(A.dims)))
    axes = {tuple(getattr(A, "axes", every)), every}
    over = sorted(axes)
    return [*(Fourier(A.dims, a, real) for a in over for real in (True, False)), *(Cosine(A.dims, a) for a in over)]


def _symbols(A: Operator, rng: np.random.Generator) -> Iterator[Check]:
    def gram(x: Any) -> Any:
        return A.apply_adjoint(A.apply(x))

    for transform in _transforms(A):
        x = random_array(rng, A.dims, np.float64 if transform.real else np.complex128)
        for name, apply, s in (("symbol", A.apply, A.symbol(transform)), ("gram_symbol", gram, A.gram_symbol(transform))):
            if s is None:
                continue
            title = f"{name} in {'real' if transform.real else 'complex'} {transform!r}"
            if not _broadcasts(np.shape(s), transform.shape):
                cause = f"it has shape {np.shape(s)}, which does not broadcast to transform.shape, {transform.shape}"
                yield Check(title, False, np.nan, 0, cause)
                continue
            scale = max(float(np.abs(s).max() * np.linalg.norm(x)), _TINY)
            far = _distance(transform.inverse(s * transform.forward(x)), apply(x), scale)
            yield _check(title, far, _tolerance(A), partial(wrong_symbol, apply, transform, s, rng))
            if name == "gram_symbol":
                below = float(max(np.abs(np.imag(s)).max(), -np.real(s).min(), 0) / max(np.abs(s).max(), _TINY))
                yield _check("gram_symbol is real and ≥ 0", below, _tolerance(A), "take |symbol|², and real numbers")


def _broadcasts(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) <= len(wanted) and all(n in (1, m) for n, m in zip(reversed(shape), reversed(wanted), strict=False))


def _splits(A: Operator, rng: np.random.Generator) -> Iterator[Check]:
    parts = A.split()
    if parts is None:
        return
    M, K = parts
    x = random_array(rng, (A.shape[1],), _widest(A))
    far = _distance(M.matvec(K.matvec(x)), A.matvec(x))
    yield _check("split: M K = A", far, _tolerance(A), "M after K is not A: check the window, and the kernel's origin in K")
    z = random_array(rng, (M.shape[1],))
    kept = M.rmatvec(M.matvec(np.ones(M.shape[1])))
    far = _distance(M.rmatvec(M.matvec(z)), kept * z)
    yield _check("split: MᴴM is pointwise", far, _tolerance(A), "M mixes samples: what mixes them belongs into K")
    far = _distance(kept * kept, kept)
    yield _check("split: M selects", far, _tolerance(A), "MᴴM is neither 0 nor 1: weights belong into the data term")


def _norms(A: Operator, rng: np.random.Generator) -> Iterator[Check]:
    bound = A.norm_bound()
    if bound is not None:
        found = operator_norm(A, iterations=12, rng=rng)
        cause = f"norm_bound is {bound:.6g}, but the norm is at least {found:.6g}: a step chosen by it would diverge"
        yield _check("norm over norm_bound", found / max(bound, _TINY), 1 + _tolerance(A), cause)


#: what is promised, and the function that measures it
PROMISES: dict[str, Callable[[Operator, np.random.Generator], Iterator[Check]]] = {
    "linearity": _linearity,
    "dot test": _adjoint,
    "precision": _precision,
    "shapes": _shapes,
    "purity": _purity,
    "pickling": _pickling,
    "threads": _threads,
    "symbols": _symbols,
    "split": _splits,
    "norm bound": _norms,
}
