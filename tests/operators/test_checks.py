from __future__ import annotations

import threading
import time

import numpy as np
import pylops
import pytest
import scipy.ndimage
import scipy.sparse
import scipy.sparse.linalg

from unblur.operators import (
    Blur,
    Crop,
    FirstDerivative,
    Fourier,
    Gradient,
    Identity,
    Operator,
    Stack,
    aslinearoperator,
    check_operator,
    from_functions,
    operator_norm,
)

from .dense import BOUNDARIES, matrix_of

DIMS = (13, 12)
PSF = np.random.default_rng(0).uniform(size=(3, 4))
RNG = np.random.default_rng(1)
MATRIX = RNG.standard_normal((5, 7))

SOUND = {
    **{b: Blur(PSF, DIMS, boundary=b) for b in BOUNDARIES},
    "colour": Blur(PSF, (7, 6, 3), axes=(0, 1), boundary="periodic"),
    "PSF per channel": Blur(np.dstack([PSF, PSF[::-1], 2 * PSF]), (7, 6, 3), axes=(0, 1), boundary="periodic"),
    "complex": Blur(PSF * (1 + 2j), DIMS, boundary="periodic"),
    "volume": Blur(PSF[..., None], (5, 6, 4), boundary="unknown"),
    "line": Blur(PSF[0], (9,), boundary="mirror"),
    "derivative": FirstDerivative(DIMS, 1, boundary="periodic", kind="centered"),
    "gradient": Gradient(DIMS, boundary="reflect"),
    "stack": Stack([Identity(DIMS), Blur(PSF, DIMS, boundary="periodic")]),
    "identity": Identity(DIMS),
    "crop": Crop(DIMS, (slice(2, 9), slice(1, 12))),
    "adjoint": Blur(PSF, DIMS, boundary="unknown").H,
    "sum": 2 * Blur(PSF, DIMS, boundary="periodic") + Identity(DIMS),
    "PyLops": pylops.FirstDerivative(DIMS, axis=0, dtype="float64"),
    "PyLops FFT": pylops.signalprocessing.FFT2D((6, 6)),
    "PyLops's real part": Blur(PSF * (1 + 2j), DIMS, boundary="periodic").toreal(),
    "VStack": pylops.VStack([Blur(PSF, DIMS, boundary="periodic"), Identity(DIMS)]),
    "SciPy": scipy.sparse.linalg.aslinearoperator(MATRIX),
    "sparse": scipy.sparse.csr_array(np.random.default_rng(1).binomial(3, 0.2, size=(7, 9)).astype(float)),
    "dense": MATRIX,
    "complex matrix": MATRIX * 1j,
    "zero": np.zeros((3, 4)),
    "functions": from_functions(np.flipud, np.flipud, DIMS),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_operators_pass(name):
    report = check_operator(SOUND[name])
    assert report.ok, str(report)
    assert not report.failed
    assert "all checks passed" in str(report)
    assert {c.name for c in report.checks} >= {"dot test, float64", "dot test, float32", "pickling"}


def test_the_seed_may_be_chosen():
    one, two = (check_operator(SOUND["zero"], rng=seed) for seed in (1, np.random.default_rng(1)))
    assert [c.name for c in one.checks] == [c.name for c in two.checks]


def test_what_is_no_operator_is_refused():
    with pytest.raises(TypeError, match="from_functions"):
        check_operator(3)


def convolve(psf, mode="wrap", origin=0):
    return lambda x: scipy.ndimage.convolve(x, psf, mode=mode, origin=origin)


def correlate(psf, mode="wrap", origin=0):
    return lambda x: scipy.ndimage.correlate(x, psf, mode=mode, origin=origin)


EVEN = (4, 4)
SQUARE = np.random.default_rng(2).uniform(size=(3, 3))
KERNEL = np.random.default_rng(3).standard_normal((3, 3)) + 1j * np.random.default_rng(4).standard_normal((3, 3))
SPECTRUM = np.fft.fft2(KERNEL, DIMS)


def in_spectrum(s):
    return lambda x: np.fft.ifft2(s * np.fft.fft2(x))


# name: forward, adjoint, dtype, the check that fails, what its cause says
WRONG_ADJOINTS = {
    "not flipped": (convolve(SQUARE), convolve(SQUARE), float, "float64", ["same as apply", "flipped"]),
    "scaled": (convolve(SQUARE), lambda y: 3 * correlate(SQUARE)(y), float, "float64", ["times 3", "divide"]),
    "sign": (convolve(SQUARE), lambda y: -correlate(SQUARE)(y), float, "float64", ["times -1", "sign"]),
    "FFT's normalisation": (
        lambda x: np.fft.ifft2(np.fft.fft2(x)).real,
        lambda y: np.fft.ifft2(np.fft.fft2(y), norm="forward").real,
        float,
        "float64",
        ["times 156", "normalisation"],
    ),
    "no conjugate": (in_spectrum(SPECTRUM), in_spectrum(SPECTRUM.copy()), complex, "complex128", ["same as apply", "conjugated"]),
    "transposed": (
        in_spectrum(SPECTRUM),
        lambda y: np.conj(in_spectrum(SPECTRUM.conj())(np.conj(y))),
        complex,
        "complex128",
        ["transpose without", "conjugate"],
    ),
    "factor not conjugated": (lambda x: 1j * x, lambda y: 1j * y, complex, "complex128", ["transpose without", "conjugate"]),
    "phase not conjugated": (
        lambda x: np.exp(0.3j) * in_spectrum(SPECTRUM)(x),
        lambda y: np.exp(0.3j) * in_spectrum(SPECTRUM.conj())(y),
        complex,
        "complex128",
        ["complex factor", "conjugated"],
    ),
    "shifted, even kernel": (
        convolve(np.pad(SQUARE, (0, 1))),
        convolve(np.pad(SQUARE, (0, 1))[::-1, ::-1]),
        float,
        "float64",
        ["shifted by (-1, -1)", "even"],
    ),
    "shifted along one axis": (
        convolve(SQUARE),
        lambda y: np.roll(correlate(SQUARE)(y), 1, axis=0),
        float,
        "float64",
        ["shifted by (1, 0)"],
    ),
    "edges": (
        convolve(SQUARE, "reflect"),
        correlate(SQUARE, "reflect"),
        float,
        "float64",
        ["edges", "adds the margins back"],
    ),
    "unknown": (
        lambda x: np.cumsum(x, axis=0),
        lambda y: np.cumsum(y, axis=1),
        float,
        "float64",
        ["not the conjugate transpose"],
    ),
}


@pytest.mark.parametrize("name", WRONG_ADJOINTS)
def test_a_wrong_adjoint_is_caught_and_explained(name):
    forward, adjoint, dtype, which, words = WRONG_ADJOINTS[name]
    report = check_operator(from_functions(forward, adjoint, DIMS, dtype=dtype))
    assert not report.ok
    failed = {c.name: c for c in report.failed}
    check = failed[f"dot test, {which}"]
    assert check.measured > check.tolerance
    for word in words:
        assert word in check.cause
    text = str(report)
    assert "FAILED" in text
    assert check.cause in text
    assert f"{check.measured:.1e}" in text


class Sound(Operator):
    """A doubling that each class below spoils in one way."""

    def __init__(self):
        super().__init__(DIMS, DIMS)

    def _apply(self, x, out):
        return np.multiply(x, x.dtype.type(2), out=out)

    def _apply_adjoint(self, y, out):
        return self._apply(y, out)


class Affine(Sound):
    def _apply(self, x, out):
        return np.add(2 * x, 1, out=out)


class Clipped(Sound):
    def _apply(self, x, out):
        y = 2 * np.maximum(x.real, 0) + x.imag * 0
        return y.astype(x.dtype) if out is None else np.copyto(out, y) or out


class Promoting(Sound):
    def _apply(self, x, out):
        y = x * np.full(DIMS, 2.0)
        return y if out is None else np.copyto(out, y, casting="unsafe") or out


class Misshaped(Sound):
    def _apply(self, x, out):
        y = 2 * x.reshape(DIMS[::-1])
        return y if out is None else np.copyto(out, y.reshape(DIMS)) or out


class Writing(Sound):
    def _apply(self, x, out):
        x *= 2
        return x.copy() if out is None else np.copyto(out, x) or out


class Viewing(Sound):
    def _apply(self, x, out):
        return x[:] if out is None else np.copyto(out, x) or out

    _apply_adjoint = _apply


class Buffered(Sound):
    def __init__(self):
        super().__init__()
        self.work = {}

    def _apply(self, x, out):
        y = self.work.setdefault(x.dtype, np.empty_like(x)) if out is None else out
        return np.multiply(x, x.dtype.type(2), out=y)


class Forgetful(Sound):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def _apply(self, x, out):
        self.calls += 1
        return np.multiply(x, x.dtype.type(2 + 1e-3 * (self.calls % 3)), out=out)


class IgnoringOut(Sound):
    def _apply(self, x, out):
        return 2 * x


class Unpicklable(Sound):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


class LosingState(Sound):
    factor = 1

    def __init__(self):
        super().__init__()
        self.factor = 2

    def _apply(self, x, out):
        return np.multiply(x, x.dtype.type(self.factor), out=out)

    def __getstate__(self):
        return {k: v for k, v in self.__dict__.items() if k != "factor"}


class Racing(Sound):
    def __init__(self):
        super().__init__()
        self.work = None

    def _apply(self, x, out):
        self.work = x
        time.sleep(1e-3)
        return np.multiply(self.work, self.work.dtype.type(2), out=out)


class Raising(Sound):
    def _apply(self, x, out):
        raise KeyError("no such kernel")


class FalseSymbol(Blur):
    """A periodic blur with a false claim; `spoil` is the mistake."""

    def __init__(self, spoil, boundary="periodic"):
        super().__init__(PSF, DIMS, boundary=boundary)
        self.spoil = spoil

    def symbol(self, transform):
        return self.spoil(Blur(PSF, DIMS, boundary="periodic").symbol(transform), transform)

    def gram_symbol(self, transform):
        return Blur(PSF, DIMS, boundary="periodic").gram_symbol(transform)


class FalseGram(Blur):
    def __init__(self):
        super().__init__(PSF, DIMS, boundary="periodic")

    def gram_symbol(self, transform):
        return self.symbol(transform) ** 2


class FalseSplit(Blur):
    def __init__(self, window):
        super().__init__(PSF, DIMS, boundary="unknown")
        self.window = window

    def split(self):
        M, K = super().split()
        return (M, 2 * K) if self.window is None else (self.window(M), K)


class FalseBound(Sound):
    def norm_bound(self):
        return 1.5


def conjugated(s, transform):
    return np.conj(s)


def halved(s, transform):
    return s / 2


def misplaced(s, transform):
    return s * np.exp(1j * transform.frequencies(0))


def misshapen(s, transform):
    return np.ones((4, 5, 6))


def untouched(s, transform):
    return s


def doubled(M):
    return 2 * M


def blurring(M):
    return Blur(np.ones((3, 3)), M.dimsd, boundary="zero") @ M


BROKEN = {
    "affine": (Affine, "additivity of apply", ["A 0 is not 0", "constant"]),
    "clipped": (Clipped, "homogeneity of apply", ["not linear", "clip"]),
    "promoting": (Promoting, "precision of apply", ["float32 gives float64", "cast"]),
    "misshaped": (Misshaped, "shape of apply", ["(12, 13) instead of (13, 12)", "reshape"]),
    "writing": (Writing, "apply leaves its argument alone", ["written to", "copy"]),
    "viewing": (Viewing, "apply gives new memory", ["view", "copy"]),
    "buffered": (Buffered, "apply keeps earlier results", ["work array", "out"]),
    "forgetful": (Forgetful, "apply repeats itself", ["state"]),
    "ignoring out": (IgnoringOut, "apply writes into out", ["filled and returned"]),
    "unpicklable": (Unpicklable, "pickling", ["lock", "left out"]),
    "losing state": (LosingState, "pickling", ["__getstate__"]),
    "racing": (Racing, "apply from 8 threads", ["shared"]),
    "raising": (Raising, "linearity", ["KeyError", "no such kernel"]),
    "symbol of the adjoint": (lambda: FalseSymbol(conjugated), "symbol in", ["adjoint", "conjugate"]),
    "symbol scaled": (lambda: FalseSymbol(halved), "symbol in", ["multiplied by 2"]),
    "symbol's origin": (lambda: FalseSymbol(misplaced), "symbol in", ["origin"]),
    "symbol's shape": (lambda: FalseSymbol(misshapen), "symbol in", ["(4, 5, 6)", "broadcast"]),
    "no symbol": (lambda: FalseSymbol(untouched, "zero"), "symbol in", ["does not commute", "None"]),
    "no Gram symbol": (lambda: FalseSymbol(untouched, "reflect"), "gram_symbol in", ["does not commute", "None"]),
    "complex Gram": (FalseGram, "gram_symbol is real and ≥ 0", ["|symbol|²"]),
    "split": (lambda: FalseSplit(None), "split: M K = A", ["not A"]),
    "split that weighs": (lambda: FalseSplit(doubled), "split: M selects", ["weights", "data term"]),
    "split that mixes": (lambda: FalseSplit(blurring), "split: MᴴM is pointwise", ["mixes", "into K"]),
    "bound": (FalseBound, "norm over norm_bound", ["1.5", "at least 2", "diverge"]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_caught_and_explained(name):
    make, title, words = BROKEN[name]
    report = check_operator(make())
    assert not report.ok
    matching = [c for c in report.failed if c.name.startswith(title)]
    assert matching, str(report)
    for word in words:
        assert word in matching[0].cause
    assert matching[0].cause in str(report)


def test_the_doubling_itself_is_sound():
    report = check_operator(Sound())
    assert report.ok, str(report)


def test_lambdas_are_told_to_stand_in_a_module():
    report = check_operator(from_functions(lambda x: 2 * x, lambda y: 2 * y, DIMS))
    assert [c.name for c in report.failed] == ["pickling"]
    assert "top of a module" in report.failed[0].cause


@pytest.mark.parametrize("name", ["periodic", "gradient", "unknown", "dense", "complex matrix", "sparse", "zero", "complex"])
def test_operator_norm_equals_the_dense_norm(name):
    A = aslinearoperator(SOUND[name])
    dense = np.linalg.norm(matrix_of(A, A.dtype), 2)
    assert operator_norm(SOUND[name], iterations=2000) == pytest.approx(dense, rel=1e-6)
    assert operator_norm(SOUND[name], iterations=3, rng=5) <= dense * (1 + 1e-12)


def test_operator_norm_needs_an_iteration():
    with pytest.raises(ValueError, match="iterations is 0"):
        operator_norm(MATRIX, iterations=0)
    assert Fourier((4,), (0,)).shape == (3,)
