"""The FFTs that a plan counts, against those that a step takes: calls of scipy.fft and NumPy's, and compiled passes."""

import contextlib

import numpy as np
import pylops
import pytest
import scipy.fft

from unblur.inversion import (
    CG,
    LBFGS,
    LSQR,
    Box,
    Denoiser,
    Direct,
    GradientDescent,
    HybridLSQR,
    LeastAbsolute,
    LeastSquares,
    NewtonCG,
    Nonnegative,
    PlugAndPlay,
    Poisson,
    PrimalDual,
    ProximalGradient,
    RichardsonLucy,
    Sparsity,
    SplitBregman,
    Tikhonov,
    TotalVariation,
    plan,
)
from unblur.operators import (
    Blur,
    CosineTransform,
    Crop,
    Downsample,
    FourierTransform,
    Gradient,
    Identity,
    Mask,
    Stack,
    StationaryWavelet,
    VaryingBlur,
    Wavelet,
    aslinearoperator,
)
from unblur.operators._multiplier import Passes

N = 40
RNG = np.random.default_rng(0)
# too long for passes along the axis
PSF = RNG.random(25)
PSF /= PSF.sum()
MASK = RNG.random(N) > 0.3
PERIODIC, UNKNOWN, REFLECT = (Blur(PSF, (N,), boundary=b) for b in ("periodic", "unknown", "reflect"))
KINDS = ("fft", "ifft", "rfft", "irfft", "dct", "idct", "fftn", "ifftn", "rfftn", "irfftn", "dctn", "idctn", "fft2", "ifft2")


@contextlib.contextmanager
def counting(monkeypatch):
    """Yield a list that grows by one for each FFT of all axes that are transformed, by whatever library."""
    found = []

    def counted(function, kind, whole):
        def call(x, *args, **named):
            axes = named.get("axes")
            share = len(axes) if np.iterable(axes) else np.ndim(x) if kind.endswith("n") else 1
            found.append(share / whole(x))
            return function(x, *args, **named)

        return call

    with monkeypatch.context() as patch:
        for library in (scipy.fft, np.fft):
            for kind in KINDS:
                if hasattr(library, kind):
                    patch.setattr(
                        library, kind, counted(getattr(library, kind), kind, lambda x: max(np.ndim(x) - (np.ndim(x) > 2), 1))
                    )
        run = Passes.run

        def passes(self, kernel, arrays, *symbols):
            found.extend([1] * (4 if kernel == "solve_behind" else 2))
            return run(self, kernel, arrays, *symbols)

        patch.setattr(Passes, "run", passes)
        yield found


FFTS = pylops.signalprocessing
OPERATORS = {
    "periodic": PERIODIC,
    "unknown": UNKNOWN,
    "reflect": REFLECT,
    "zero": Blur(PSF, (N,), boundary="zero"),
    "short": Blur([0.5, 0.5], (N,), boundary="zero"),
    "varying": VaryingBlur(RNG.random((3, 25)), (N,), boundary="zero"),
    "varying, after": VaryingBlur(RNG.random((4, 25)), (N,), boundary="unknown", order="after"),
    "stationary wavelets": StationaryWavelet((N,), "haar", level=2),
    "wavelets": Wavelet((N,), "haar", level=2),
    "Fourier": FourierTransform((N,)),
    "cosine": CosineTransform((N,)),
    "gradient": Gradient((N,), boundary="zero"),
    "masked": Mask(MASK) * PERIODIC,
    "twice": PERIODIC * REFLECT,
    "sum": PERIODIC + REFLECT,
    "scaled": 3 * PERIODIC / 2,
    "power": PERIODIC**3,
    "adjoint": UNKNOWN.H,
    "stack": Stack([PERIODIC, REFLECT, Identity((N,))]),
    "VStack": pylops.VStack([PERIODIC, PERIODIC * REFLECT]),
    "block": pylops.BlockDiag([PERIODIC, REFLECT]),
    "cropped": Crop((N,), (slice(2, 30),)) * PERIODIC,
    "decimated": Downsample((N,), 2) * PERIODIC,
    "with wavelets": StationaryWavelet((N,), "haar", level=1) * PERIODIC,
    "PyLops's FFT": FFTS.FFT(N),
    "PyLops's real FFT": FFTS.FFT(N, real=True),
    "PyLops's FFT by SciPy": FFTS.FFT(N, engine="scipy"),
    "PyLops's filter": FFTS.FFT(N).H * pylops.Diagonal(np.ones(N, complex), dtype=complex) * FFTS.FFT(N),
    "PyLops's DCT": FFTS.DCT(N),
    "PyLops's shift": FFTS.Shift(N, 1.5),
    "PyLops's choice": FFTS.Convolve1D(N, PSF, offset=12, method="fft"),
    "PyLops's direct convolution": FFTS.Convolve1D(N, PSF, offset=12, method="direct"),
    "PyLops's real part": FFTS.FFT(N).toreal(forw=False),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_counts_its_ffts(name, monkeypatch):
    A = aslinearoperator(OPERATORS[name])
    x, y = RNG.normal(size=A.dims), RNG.normal(size=A.dimsd)
    A.apply(x), A.apply_adjoint(y)
    for call in (lambda: A.apply(x), lambda: A.apply_adjoint(y)):
        with counting(monkeypatch) as found:
            call()
        assert sum(found) == A.ffts


@pytest.mark.parametrize(
    "A",
    [
        Blur(RNG.random((25, 21)), (30, 32), boundary="unknown"),
        Blur(RNG.random((25, 21)), (128, 144), boundary="periodic"),
        Blur(RNG.random((25, 21)), (128, 144, 3), boundary="periodic", axes=(0, 1)),
        Mask(RNG.random((128, 144)) > 0.5) * Blur(RNG.random((25, 21)), (128, 144), boundary="periodic"),
        VaryingBlur(RNG.random((2, 2, 5, 5)), (30, 32), boundary="nearest"),
        StationaryWavelet((30, 32), "db2", level=2),
        FFTS.FFT2D((30, 32)),
        FFTS.Convolve2D((30, 32), RNG.random((5, 5)), offset=(2, 2)),
    ],
    ids=repr,
)
def test_images_too_compiled_ones_among_them(A, monkeypatch):
    A = aslinearoperator(A)
    x = RNG.normal(size=A.dims)
    A.apply(x)
    with counting(monkeypatch) as found:
        A.apply(x)
    assert sum(found) == pytest.approx(A.ffts)


Y = RNG.random(N) + 0.5
W = StationaryWavelet((N,), "haar", level=2)
FIT = LeastSquares(PERIODIC, Y)
STEPS = {
    "CG": (FIT + Tikhonov(), CG()),
    "CG, preconditioned": (LeastSquares(UNKNOWN, Y) + Tikhonov(), CG(preconditioner="auto")),
    "CG of wavelets": (FIT + Tikhonov(W), CG()),
    "LSQR": (LeastSquares(REFLECT, Y) + Tikhonov(W), LSQR()),
    "hybrid": (LeastSquares(REFLECT, Y) + Tikhonov(Identity((N,))), HybridLSQR()),
    "total variation": (FIT + 0.01 * TotalVariation(), SplitBregman()),
    "unknown edges": (LeastSquares(UNKNOWN, Y) + 0.01 * TotalVariation(), SplitBregman()),
    "stationary wavelets": (FIT + 0.01 * Sparsity(W), SplitBregman()),
    "two transforms": (FIT + 0.01 * Sparsity(W) + 0.01 * Sparsity(FourierTransform((N,))), SplitBregman()),
    "outliers": (LeastAbsolute(PERIODIC, Y) + 0.01 * Sparsity(W) + Box(0, 2), SplitBregman()),
    "masked": (LeastSquares(Mask(MASK) * PERIODIC, MASK * Y) + 0.01 * TotalVariation(), SplitBregman()),
    "primal dual": (LeastAbsolute(REFLECT, Y) + 0.01 * Sparsity(W) + Nonnegative(), PrimalDual()),
    "primal dual, varying": (LeastSquares(OPERATORS["varying"], Y) + 0.01 * TotalVariation(), PrimalDual()),
    "proximal gradient": (FIT + 0.01 * Sparsity(CosineTransform((N,))), ProximalGradient()),
    "proximal gradient of PyLops's": (LeastSquares(OPERATORS["PyLops's shift"], Y) + 0.01 * Sparsity(), ProximalGradient()),
    "gradient descent": (FIT + Tikhonov(W), GradientDescent(step_size=0.1)),
    "Richardson and Lucy": (Poisson(PERIODIC, Y), RichardsonLucy(acceleration=False)),
    "plug and play": (FIT + 0.01 * Denoiser(lambda x, sigma: x), PlugAndPlay()),
}
#: those say how many at most
AT_MOST = {
    "inner iterations": (LeastSquares(REFLECT, Y) + 0.01 * TotalVariation(), SplitBregman(inner_iterations=3)),
    "inner iterations of wavelets": (LeastSquares(REFLECT, Y) + 0.01 * Sparsity(W), SplitBregman(inner_iterations=2)),
    "not preconditioned": (
        LeastSquares(OPERATORS["varying"], Y) + 0.01 * TotalVariation(),
        SplitBregman(inner_iterations=4, preconditioner=None),
    ),
    "plug and play by iteration": (LeastSquares(UNKNOWN, Y) + 0.01 * Denoiser(lambda x, sigma: x), PlugAndPlay()),
}


def ffts_of_a_step(chosen, monkeypatch):
    state = chosen.algorithm.start(chosen.problem)
    chosen.algorithm.step(state)
    with counting(monkeypatch) as found:
        chosen.algorithm.step(state)
    return sum(found)


@pytest.mark.parametrize("name", STEPS)
def test_a_plan_counts_the_ffts_of_a_step(name, monkeypatch):
    chosen = plan(*STEPS[name])
    assert ffts_of_a_step(chosen, monkeypatch) == chosen.ffts


def test_a_closed_form_counts_all_of_it(monkeypatch):
    chosen = plan(FIT + Tikhonov(), Direct())
    x0 = np.zeros(N)
    with counting(monkeypatch) as found:
        chosen.algorithm.step(chosen.algorithm.start(chosen.problem, x0))
    assert sum(found) == chosen.ffts == 2


@pytest.mark.parametrize("name", AT_MOST)
def test_a_plan_of_inner_iterations_counts_them_at_most(name, monkeypatch):
    chosen = plan(*AT_MOST[name])
    taken = ffts_of_a_step(chosen, monkeypatch)
    assert chosen.ffts / 3 <= taken <= chosen.ffts


@pytest.mark.parametrize("algorithm", [LBFGS(), NewtonCG()], ids=repr)
def test_line_searches_count_one_value_and_gradient(algorithm):
    assert plan(FIT + Tikhonov(W), algorithm).ffts == 2 * (PERIODIC.ffts + W.ffts)
