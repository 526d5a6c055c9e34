"""A saved run goes on as what it was, and as nothing else."""

import dataclasses
import io
import json
import os
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pylops
import pytest
import scipy.sparse
import scipy.sparse.linalg

from unblur.inversion import (
    CG,
    LBFGS,
    Box,
    Checkpoint,
    Huber,
    LeastAbsolute,
    LeastSquares,
    PlugAndPlay,
    Poisson,
    PrimalDual,
    RichardsonLucy,
    Smooth,
    Sparsity,
    SplitBregman,
    Term,
    Tikhonov,
    TotalVariation,
    plan,
    solve,
)
from unblur.inversion.fingerprint import difference, fingerprint
from unblur.operators import Blur, FirstDerivative, Gradient, Mask, Operator, aslinearoperator, from_functions

from .test_reuse import CASES, pickled

RNG = np.random.default_rng(0)
Y = RNG.uniform(1, 2, (12, 14))
PSF = np.outer([1, 2, 1], [1, 3, 1.0]) / 20


@pytest.mark.parametrize("name", CASES)
def test_every_algorithm_goes_on_to_the_bit_from_copies_too(name, tmp_path):
    algorithm, problem = CASES[name]
    path = tmp_path / "run.npz"
    whole = solve(problem, algorithm, tol=0, max_iterations=14)
    solve(problem, algorithm, tol=0, max_iterations=9, callbacks=[Checkpoint(path, every=6)])
    for one, by in ((problem, algorithm), (pickled(problem), pickled(algorithm))):
        resumed = solve(one, by, tol=0, max_iterations=14, resume=path)
        np.testing.assert_array_equal(resumed.x, whole.x)
        np.testing.assert_array_equal(resumed.history["residual"], whole.history["residual"])


def nudged(a):
    """Return a copy that differs in the last bit of one sample."""
    a = np.array(a, dtype=float)
    a.flat[a.size // 2] = np.nextafter(a.flat[a.size // 2], np.inf)
    return a


class Weighted:
    """A user's own functional, with an array of its own."""

    bounded_below = True

    def __init__(self, w):
        self.w = w

    def value(self, z):
        return float(np.sum(self.w * np.abs(z)))

    def prox(self, v, step, out):
        np.copyto(out, np.sign(v) * np.maximum(np.abs(v) - step * self.w, 0))
        return out

    def default_penalty(self, weight, scale, stiffness):
        return weight / scale


class Slotted(Weighted):
    __slots__ = ("extra",)

    def __init__(self, w):
        super().__init__(1.0)
        self.extra = w

    def value(self, z):
        return float(np.sum(self.extra * np.abs(z)))


class Own(Operator):
    """A user's own operator, which works its spectrum out when it is needed."""

    def __init__(self, h):
        super().__init__(Y.shape, Y.shape)
        self.h, self._spectrum = h, None

    def _multiply(self, x, conjugate, out):
        if self._spectrum is None:
            self._spectrum = np.fft.rfft2(self.h, Y.shape)
        s = self._spectrum.conj() if conjugate else self._spectrum
        y = np.fft.irfft2(s * np.fft.rfft2(x), Y.shape)
        return y if out is None else np.copyto(out, y) or out

    def _apply(self, x, out):
        return self._multiply(x, False, out)

    def _apply_adjoint(self, y, out):
        return self._multiply(y, True, out)


def blur(psf=PSF, **options):
    return Blur(psf, Y.shape, **{"boundary": "reflect", **options})


def functions(h):
    return from_functions(lambda x: h * x, lambda y: h * y, Y.shape)


def scipys(h):
    flat = h.ravel()
    return scipy.sparse.linalg.LinearOperator(
        (h.size, h.size), matvec=lambda x: flat * x, rmatvec=lambda x: flat * x, dtype=float
    )


def weighted_squares(w):
    return Smooth(lambda z: np.sum(w * z**2), lambda z: 2 * w * z, blur())


def denoise_by(h):
    return lambda image, sigma: image / (1 + sigma * h)


H = RNG.uniform(0.5, 1, Y.shape)
MATRIX = RNG.uniform(size=(9, 9))
STEPS = {"tol": 0}
#: of each pair the first was saved, and the second must not go on from it
PAIRS = {
    "counts": lambda n: (Poisson(blur(), n(Y)) + Box(0, 9), SplitBregman()),
    "background": lambda n: (Poisson(blur(), Y, background=n(H)) + Box(0, 9), SplitBregman()),
    "weights of counts": lambda n: (Poisson(blur(), Y, weights=n(H)) + Box(0, 9), SplitBregman()),
    "counts for Richardson and Lucy": lambda n: (Poisson(blur(), n(Y)), RichardsonLucy()),
    "PSF": lambda n: (Poisson(blur(n(PSF)), Y) + Box(0, 9), SplitBregman()),
    "PSF of a closed form": lambda n: (LeastSquares(blur(n(PSF), boundary="periodic"), Y) + Tikhonov(), CG()),
    "data": lambda n: (LeastSquares(blur(), n(Y)) + Box(0, 2), SplitBregman()),
    "data, absolute": lambda n: (LeastAbsolute(blur(), n(Y)) + Box(0, 2), SplitBregman()),
    "data, Huber": lambda n: (Huber(blur(), n(Y), 0.1), LBFGS()),
    "delta": lambda n: (Huber(blur(), Y, float(n(0.1))), LBFGS()),
    "weights": lambda n: (LeastSquares(blur(), Y, weights=n(H)) + Box(0, 2), SplitBregman()),
    "weight of a term": lambda n: (LeastSquares(blur(), Y) + float(n(0.1)) * TotalVariation(), SplitBregman()),
    "target": lambda n: (LeastSquares(blur(), Y) + Tikhonov(Gradient(blur()), target=n(np.ones((2, *Y.shape)))), CG()),
    "bound": lambda n: (LeastSquares(blur(), Y) + Box(0, float(n(2.0))), SplitBregman()),
    "diagonal": lambda n: (LeastSquares(blur(), Y) + Tikhonov(functions(n(H))), CG()),
    "sampling of a derivative": lambda n: (
        LeastSquares(blur(), Y) + Tikhonov(FirstDerivative(Y.shape, 0, boundary="zero", sampling=float(n(2.0)))),
        CG(),
    ),
    "functions": lambda n: (LeastSquares(functions(n(H)), Y), CG()),
    "SciPy": lambda n: (LeastSquares(scipys(n(H)), Y.ravel()), CG()),
    "PyLops": lambda n: (LeastSquares(pylops.Diagonal(n(H).ravel()), Y.ravel()), CG()),
    "product": lambda n: (LeastSquares(blur() * functions(n(H)), Y), CG()),
    "scaled": lambda n: (LeastSquares(float(n(2.0)) * blur(), Y), CG()),
    "matrix": lambda n: (LeastSquares(n(MATRIX), np.ones(9)), CG()),
    "sparse": lambda n: (LeastSquares(scipy.sparse.csr_array(n(MATRIX)), np.ones(9)), CG()),
    "own operator": lambda n: (LeastSquares(Own(n(PSF)), Y) + Tikhonov(Gradient(blur(boundary="periodic"))), CG()),
    "own functional": lambda n: (LeastSquares(blur(), Y) + 0.1 * Term(Weighted(n(H))), PrimalDual()),
    "own functional with slots": lambda n: (LeastSquares(blur(), Y) + 0.1 * Term(Slotted(n(H))), PrimalDual()),
    "closure": lambda n: (
        LeastSquares(blur(), Y) + weighted_squares(n(H)),
        LBFGS(),
    ),
    "denoiser": lambda n: (LeastSquares(blur(), Y) + 0.01 * _denoiser(n(H)), PlugAndPlay()),
    "preconditioner": lambda n: (LeastSquares(blur(), Y), CG(functions(n(H)))),
    "option": lambda n: (LeastSquares(blur(), Y) + TotalVariation(), SplitBregman(penalty=float(n(0.3)))),
    "shift": lambda n: (LeastSquares(blur(), Y) + 0.1 * Term(Weighted(1.0), offset=n(H)) + Sparsity(), PrimalDual()),
}


def _denoiser(h):
    from unblur.inversion import Denoiser

    return Denoiser(denoise_by(h))


@pytest.mark.parametrize("name", PAIRS)
def test_a_change_of_one_bit_is_another_run(name, tmp_path):
    path, make = tmp_path / "run.npz", PAIRS[name]
    problem, algorithm = make(np.array)
    solve(problem, algorithm, max_iterations=3, callbacks=[Checkpoint(path, every=1)], **STEPS)
    expected = solve(problem, algorithm, max_iterations=5, **STEPS)
    same, by = make(np.array)
    np.testing.assert_array_equal(solve(same, by, max_iterations=5, resume=path, **STEPS).x, expected.x)
    # the same objects after they were used
    np.testing.assert_array_equal(solve(problem, algorithm, max_iterations=5, resume=path, **STEPS).x, expected.x)
    other, by = make(nudged)
    with pytest.raises(ValueError, match=r"resume is .*saved with another"):
        solve(other, by, max_iterations=5, resume=path, **STEPS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (blur(), blur(boundary="mirror")),
        (blur(), blur(center=(0, 0))),
        (blur(), blur(PSF.T.copy())),
        (Mask(H > 0.7), Mask(H > 0.71)),
        (Mask(H > 0.7) * blur(), Mask(~(H <= 0.7)) * blur(PSF.T.copy())),
        (Blur(PSF[0], Y.shape, boundary="zero", axes=0), Blur(PSF[0], Y.shape, boundary="zero", axes=1)),
        (FirstDerivative(Y.shape, 0, boundary="zero"), FirstDerivative(Y.shape, 1, boundary="zero")),
        (FirstDerivative(Y.shape, 0, boundary="zero"), FirstDerivative(Y.shape, 0, boundary="zero", kind="backward")),
        (functions(H), from_functions(lambda x: H * x, lambda y: H * y + 0, Y.shape)),
    ],
)
def test_operators_are_told_apart(one, other):
    def told(A):
        A = aslinearoperator(A)
        return fingerprint(plan(LeastSquares(A, np.ones(A.dimsd)), CG()).problem, CG())

    assert difference(told(one), told(other))
    assert not difference(told(one), json.loads(json.dumps(told(pickled(one) if not hasattr(one, "forward") else one))))


class Opaque:
    """A functional whose parts cannot be read."""

    bounded_below = True

    def __init__(self, factor):
        self.parts = (factor * z for z in (1,))
        self.factor = [factor].__iter__

    def __reduce_ex__(self, protocol):
        raise TypeError("cannot be taken apart")

    def value(self, z):
        return float(np.abs(z).sum()) * next(self.factor())

    def prox(self, v, step, out):
        np.copyto(out, v)
        return out


def test_what_cannot_be_read_is_told_by_what_it_does():
    def told(factor):
        problem = LeastSquares(blur(), Y) + Term(Opaque(factor))
        return fingerprint(problem, CG())

    assert not difference(told(2.0), told(2.0))
    assert difference(told(2.0), told(2.0 + 1e-15)).startswith("terms[1], by what it does")


def identities():
    """Return the fingerprints of all that was saved above."""
    planned = [plan(*make(np.array)) for make in PAIRS.values()]
    return [fingerprint(one.problem, one.algorithm) for one in planned]


def test_fingerprints_are_the_same_in_another_process():
    code = "import json; from tests.inversion.test_identity import identities; print(json.dumps(identities()))"
    environment = {**os.environ, "PYTHONHASHSEED": "5", "PYTHONPATH": os.getcwd()}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    for mine, other in zip(identities(), json.loads(run.stdout), strict=True):
        assert difference(mine, other) == ""


@pytest.fixture
def saved(tmp_path):
    problem = LeastSquares(blur(boundary="periodic"), Y) + 0.1 * TotalVariation() + Box(0, 3)
    path = tmp_path / "run.npz"
    solve(problem, SplitBregman(), max_iterations=3, callbacks=[Checkpoint(path, every=1)], **STEPS)
    return problem, path


def members(path):
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def write(path, content, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in content.items():
            file.writestr(name, data)


def npy(array, **options):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asanyarray(array), **options)
    return stream.getvalue()


def promise(shape, descr="<f8", body=b""):
    """Return an array in a file that promises a shape."""
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    header += " " * (-len(header) - 11 % 64 + 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + body


CRAFTED = {
    "a length beyond all memory": lambda c: {"state.x.npy": promise((10**15,))},
    "a length beyond all numbers": lambda c: {"state.x.npy": promise((2**62, 2**62))},
    "a negative length": lambda c: {"state.x.npy": promise((-3, 5))},
    "a header beyond all memory": lambda c: {"state.x.npy": b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b"{"},
    "a header that is no header": lambda c: {"state.x.npy": b"\x93NUMPY\x01\x00\x08\x00((((((((\n"},
    "a header that is a program": lambda c: {"state.x.npy": promise((2,), descr="__import__('os').getcwd()")},
    "objects": lambda c: {"state.x.npy": npy(np.array([{}, 1], object), allow_pickle=True)},
    "a record": lambda c: {"state.x.npy": npy(np.zeros(3, [("a", float)]))},
    "text": lambda c: {"state.x.npy": npy(np.full(Y.shape, "1.0"))},
    "another precision": lambda c: {"state.x.npy": npy(np.zeros(Y.shape, np.float32))},
    "another order of bytes": lambda c: {"state.x.npy": npy(np.zeros(Y.shape, ">f8"))},
    "another shape": lambda c: {"state.x.npy": npy(np.zeros(Y.shape[::-1]))},
    "complex numbers": lambda c: {"state.x.npy": npy(np.zeros(Y.shape, complex))},
    "nothing": lambda c: {"state.x.npy": b""},
    "half of it": lambda c: {"state.x.npy": c["state.x.npy"][:300]},
    "NaN": lambda c: {"state.x.npy": npy(np.full(Y.shape, np.nan))},
    "one infinity": lambda c: {"state.splits.0.w.npy": npy(np.where(np.arange(2 * Y.size).reshape(2, *Y.shape) == 7, np.inf, 0))},
    "an array for a number": lambda c: {"state.residual.npy": npy(np.ones(3))},
    "text for a number": lambda c: {"state.residual.npy": npy("0.1")},
    "a residual that is none": lambda c: {"state.residual.npy": npy(np.nan)},
    "a negative residual": lambda c: {"state.residual.npy": npy(-1.0)},
    "a penalty that is none": lambda c: {"state.splits.0.penalty.npy": npy(np.nan)},
    "half an index": lambda c: {"state.splits.0.index.npy": npy(0.5)},
    "a truth for an index": lambda c: {"state.splits.0.index.npy": npy(True)},
    "too many splits": lambda c: {"state.splits.length.npy": npy(10**12)},
    "fewer than no splits": lambda c: {"state.splits.length.npy": npy(-1)},
    "half a count of splits": lambda c: {"state.splits.length.npy": npy(1.5)},
    "an alias of nothing": lambda c: {"state.x.npy": None, "state.x.alias.npy": npy("state.y")},
    "an alias of itself": lambda c: {"state.x.npy": None, "state.x.alias.npy": npy("state.x")},
    "an alias of another shape": lambda c: {"state.splits.0.w.npy": None, "state.splits.0.w.alias.npy": npy("state.x")},
    "negative iterations": lambda c: {"run.npy": npy(np.array([-5.0, 1.0]))},
    "half an iteration": lambda c: {"run.npy": npy(np.array([2.5, 1.0]))},
    "iterations without end": lambda c: {"run.npy": npy(np.array([np.inf, 1.0]))},
    "no number of iterations": lambda c: {"run.npy": npy(np.array([np.nan, 1.0]))},
    "no time": lambda c: {"run.npy": npy(np.array([3.0, np.nan]))},
    "another time": lambda c: {"run.npy": npy(np.array(["3", "1"]))},
    "more iterations than figures": lambda c: {"run.npy": npy(np.array([7.0, 1.0]))},
    "no history": lambda c: {"history.residual.npy": None},
    "a number for a history": lambda c: {"history.residual.npy": npy(1.0)},
    "a missing array": lambda c: {"state.x.npy": None},
    "a missing number": lambda c: {"state.iteration.npy": None},
    "a missing run": lambda c: {"run.npy": None},
    "a missing fingerprint": lambda c: {"fingerprint.npy": None},
    "an unknown array": lambda c: {"state.secret.npy": npy(np.ones(3))},
    "a fingerprint that is a number": lambda c: {"fingerprint.npy": npy(3)},
    "a fingerprint that is a list": lambda c: {"fingerprint.npy": npy("[1, 2]")},
    "a fingerprint that is no JSON": lambda c: {"fingerprint.npy": npy("{")},
    "a fingerprint that is deep": lambda c: {"fingerprint.npy": npy("[" * 100_000)},
    "a fingerprint of other kinds": lambda c: {"fingerprint.npy": npy('{"format": {}, "parts": []}')},
    "an old format": lambda c: {"fingerprint.npy": npy('{"format": 1}')},
}


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_files_are_refused_in_words(name, saved):
    problem, path = saved
    content = members(path)
    content = {key: data for key, data in {**content, **CRAFTED[name](content)}.items() if data is not None}
    write(path, content)
    with pytest.raises(ValueError, match=r"^resume is "):
        solve(problem, SplitBregman(), resume=path)


def test_bombs_are_not_unpacked(saved):
    problem, path = saved
    content = members(path)
    # two gigabytes of zeros, in two megabytes of file
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in content.items():
            if name != "state.x.npy":
                file.writestr(name, data)
        with file.open("state.x.npy", "w", force_zip64=True) as stream:
            stream.write(promise((2**28,)))
            for _ in range(64):
                stream.write(bytes(1 << 25))
    with pytest.raises(ValueError, match=r"^resume is .*compressed"):
        solve(problem, SplitBregman(), resume=path)


def test_every_byte_may_be_flipped(saved):
    problem, path = saved
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    expected = solve(problem, SplitBregman(), max_iterations=6, resume=path, **STEPS).x
    for place in rng.integers(0, len(whole), 300):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            found = solve(problem, SplitBregman(), max_iterations=6, resume=path, **STEPS).x
        except ValueError as error:
            assert str(error).startswith("resume is ")  # noqa: PT017 - some bytes mean nothing, and the run goes on
        else:
            np.testing.assert_array_equal(found, expected)


def test_files_that_are_none_are_refused(saved, tmp_path):
    problem, path = saved
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "cut.npz").write_bytes(path.read_bytes()[:-100])
    (tmp_path / "folder.npz").mkdir()
    with (tmp_path / "array.npz").open("wb") as file:
        np.save(file, np.ones(3))
    os.mkfifo(tmp_path / "pipe.npz")
    for name in ("none", "empty", "cut", "folder", "array", "pipe"):
        with pytest.raises(ValueError, match=r"^resume is .*holds no saved run.*give a Checkpoint's file"):
            solve(problem, SplitBregman(), resume=tmp_path / f"{name}.npz")
    for wrong in (3, b"run.npz", "", "a\0b", True):
        with pytest.raises(TypeError, match=r"^resume is .*give the name of a file"):
            solve(problem, SplitBregman(), resume=wrong)
        with pytest.raises(TypeError, match=r"^path is .*give the name of a file"):
            Checkpoint(wrong)


def test_a_checkpoint_serves_one_run_after_another(saved, tmp_path):
    problem, _ = saved
    checkpoint = Checkpoint(tmp_path / "again.npz", every=2)
    for _ in range(2):
        solve(problem, SplitBregman(), max_iterations=5, callbacks=[checkpoint], **STEPS)
        resumed = solve(problem, SplitBregman(), max_iterations=9, resume=checkpoint.path, **STEPS)
        np.testing.assert_array_equal(resumed.x, solve(problem, SplitBregman(), max_iterations=9, **STEPS).x)
    with pytest.raises(TypeError, match=r"callbacks="):
        checkpoint(None)
    assert "_run" not in vars(checkpoint)


def test_the_version_counts(saved, monkeypatch):
    problem, path = saved
    monkeypatch.setattr("unblur.inversion.fingerprint._version", lambda: "another")
    with pytest.raises(ValueError, match=r"saved with another version: .* instead of 'another'"):
        solve(problem, SplitBregman(), resume=path)


def test_a_change_of_dataclass_options_is_named(saved):
    problem, path = saved
    for option, value in (("relaxation", 1.5), ("balancing", False), ("inner_iterations", 3)):
        with pytest.raises(ValueError, match=f"another algorithm: .*{option}"):
            solve(problem, dataclasses.replace(SplitBregman(), **{option: value}), resume=path)
