"""Problems whose data are on a device: solved there, to what NumPy gives."""

import numpy as np
import pytest

from unblur.inversion import (
    CG,
    GCV,
    LBFGS,
    LSQR,
    Box,
    Checkpoint,
    Denoiser,
    Direct,
    Distance,
    GradientDescent,
    Huber,
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
    Smooth,
    Sparsity,
    SplitBregman,
    Tikhonov,
    TotalVariation,
    UnsolvableError,
    certify,
    estimate_sigma,
    plan,
    sliding_dct,
    solve,
)
from unblur.inversion.fidelities import EuclideanNorm, HuberLoss, KullbackLeibler
from unblur.inversion.functionals import GroupNorm, Interval, SquaredNorm
from unblur.inversion.penalties import PowerNorm
from unblur.operators import Blur, FirstDerivative, Gradient, Identity, Mask, from_functions

from ._device import DeviceArray, install

RNG = np.random.default_rng(7)
PSF = np.outer([1.0, 2, 3, 1], [1.0, 2, 4, 2, 1])
PSF /= PSF.sum()
SHAPE = (18, 21)


@pytest.fixture(autouse=True)
def device(monkeypatch):
    return install(monkeypatch)


def blurred(A, dtype=np.float64):
    scene = np.zeros(A.dims)
    scene[4:12, 5:15] = 0.8
    scene[8:20, 8:11] = 0.3
    return (A.apply(scene) + 0.01 * RNG.normal(size=A.dimsd)).astype(dtype)


# by FFTs, since passes along the axes are compiled for NumPy alone, and sum in another order
PERIODIC = Blur(PSF, SHAPE, boundary="periodic", separable=False)
UNKNOWN = Blur(PSF, SHAPE, boundary="unknown", separable=False)
REFLECT = Blur(PSF, SHAPE, boundary="reflect", separable=False)
COLOUR = Blur(PSF, (*SHAPE, 3), boundary="unknown", separable=False, axes=(0, 1))
WEIGHTS = RNG.uniform(size=SHAPE) > 0.1
D = [FirstDerivative(REFLECT.dims, i, boundary="zero") for i in (0, 1)]

#: name: operator, algorithm, problem of the data and of what brings weights to their library
SOLVED = {
    "Direct": (PERIODIC, Direct(), lambda A, y, w: LeastSquares(A, y) + 1e-3 * Tikhonov()),
    "Direct, target": (PERIODIC, Direct(), lambda A, y, w: LeastSquares(A, y) + 1e-2 * Tikhonov(Identity(SHAPE), 0.5)),
    "CG": (UNKNOWN, CG(), lambda A, y, w: LeastSquares(A, y) + 1e-3 * Tikhonov()),
    "CG, weights": (UNKNOWN, CG(), lambda A, y, w: LeastSquares(A, y, w) + 1e-3 * Tikhonov()),
    "CG, preconditioned": (UNKNOWN, CG("auto"), lambda A, y, w: LeastSquares(A, y, w) + 1e-3 * Tikhonov(Gradient(A))),
    "CG, odd prior": (REFLECT, CG("auto"), lambda A, y, w: LeastSquares(PERIODIC, y) + 1e-3 * sum(map(Tikhonov, D))),
    "LSQR": (UNKNOWN, LSQR(), lambda A, y, w: LeastSquares(A, y, w) + 1e-3 * Tikhonov()),
    "HybridLSQR": (REFLECT, HybridLSQR(), lambda A, y, w: LeastSquares(A, y) + Tikhonov(Identity(A.dims))),
    "SplitBregman, periodic": (
        PERIODIC,
        SplitBregman(),
        lambda A, y, w: LeastSquares(A, y) + 2e-3 * TotalVariation() + Box(0, 1),
    ),
    "SplitBregman, unknown": (UNKNOWN, SplitBregman(), lambda A, y, w: LeastSquares(A, y, w) + 2e-3 * TotalVariation()),
    "SplitBregman, box": (UNKNOWN, SplitBregman(), lambda A, y, w: LeastSquares(A, y) + 2e-3 * TotalVariation() + Box(0, 1)),
    "SplitBregman, colour": (COLOUR, SplitBregman(), lambda A, y, w: LeastSquares(A, y) + 2e-3 * TotalVariation() + Box(0, 1)),
    "SplitBregman, mask": (
        PERIODIC,
        SplitBregman(),
        lambda A, y, w: LeastSquares(Mask(WEIGHTS), y) + 1e-2 * TotalVariation(Gradient(A)),
    ),
    "SplitBregman, inner": (REFLECT, SplitBregman(), lambda A, y, w: LeastSquares(A, y) + 2e-3 * TotalVariation()),
    "SplitBregman, outliers": (UNKNOWN, SplitBregman(), lambda A, y, w: LeastAbsolute(A, y) + 2e-2 * TotalVariation()),
    "PrimalDual": (REFLECT, PrimalDual(), lambda A, y, w: LeastSquares(A, y, w) + 2e-3 * TotalVariation() + Box(0, 1)),
    "PrimalDual, Huber": (REFLECT, PrimalDual(), lambda A, y, w: Huber(A, y, 0.02) + 2e-3 * TotalVariation()),
    "PrimalDual, distance": (REFLECT, PrimalDual(), lambda A, y, w: Distance(A, y) + 2e-2 * TotalVariation()),
    "ProximalGradient": (UNKNOWN, ProximalGradient(), lambda A, y, w: LeastSquares(A, y) + 1e-3 * Tikhonov() + Box(0, 1)),
    "ProximalGradient, sparse": (UNKNOWN, ProximalGradient(), lambda A, y, w: LeastSquares(A, y) + 1e-3 * Sparsity(power=0.5)),
    "GradientDescent": (REFLECT, GradientDescent(), lambda A, y, w: Huber(A, y, 0.02) + 1e-3 * Tikhonov()),
    "RichardsonLucy": (REFLECT, RichardsonLucy(), lambda A, y, w: Poisson(A, abs(y) * 50, 0.5, w) + 1e-2 * TotalVariation()),
    "Poisson": (UNKNOWN, SplitBregman(), lambda A, y, w: Poisson(A, abs(y) * 50, 0.5) + 1e-2 * TotalVariation() + Nonnegative()),
    "PlugAndPlay": (UNKNOWN, PlugAndPlay(), lambda A, y, w: LeastSquares(A, y) + 1e-4 * Denoiser(lambda z, s: z / (1 + s))),
    "Smooth": (
        REFLECT,
        GradientDescent(),
        lambda A, y, w: LeastSquares(A, y) + 1e-2 * Smooth(lambda z: np.sum(np.log(np.cosh(z))), np.tanh, Identity(A.dims)),
    ),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SOLVED)
def test_solve_stays_on_the_device(name, dtype, device):
    A, algorithm, make = SOLVED[name]
    y = blurred(A, dtype)
    options = {"tol": 0, "max_iterations": 8}
    here = solve(make(A, y, WEIGHTS), algorithm, **options)
    there = solve(make(A, device.asarray(y), device.asarray(WEIGHTS)), algorithm, **options)
    assert isinstance(there.x, DeviceArray)
    assert isinstance(there.image, DeviceArray)
    assert there.x.dtype == here.x.dtype == dtype
    rounding = 1e3 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(device.asnumpy(there.x), here.x, rtol=0, atol=rounding * np.abs(here.x).max())
    assert there.objective == pytest.approx(here.objective, rel=rounding, nan_ok=True)
    assert there.status.name == here.status.name
    assert repr(there).partition(",")[0] == repr(here).partition(",")[0]


@pytest.mark.parametrize("name", ["Direct", "CG, weights", "SplitBregman, box", "PrimalDual", "ProximalGradient"])
def test_from_a_start_on_either_side(name, device):
    A, algorithm, make = SOLVED[name]
    y, x0 = blurred(A), RNG.uniform(size=A.dims)
    options = {"tol": 0, "max_iterations": 5}
    expected = solve(make(A, y, WEIGHTS), algorithm, x0=x0, **options).x
    problem = make(A, device.asarray(y), device.asarray(WEIGHTS))
    for start in (x0, device.asarray(x0)):
        found = solve(problem, algorithm, x0=start, **options).x
        np.testing.assert_allclose(device.asnumpy(found), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["SplitBregman, unknown", "CG", "PrimalDual, Huber", "ProximalGradient"])
def test_iterations_bring_nothing_more(name, device):
    A, algorithm, make = SOLVED[name]
    problem = make(A, device.asarray(blurred(A)), device.asarray(WEIGHTS))
    state = algorithm.start(problem)
    algorithm.step(state)
    device.uploads.clear()
    for _ in range(3):
        algorithm.step(state)
    assert device.uploads == []


def test_the_certificate_is_computed_there(device):
    A, algorithm, make = SOLVED["SplitBregman, box"]
    y = blurred(A)
    here, there = (solve(make(A, data, None), algorithm, max_iterations=30, tol=0) for data in (y, device.asarray(y)))
    assert there.gap == pytest.approx(here.gap, rel=1e-9)
    assert there.certificate.kkt == pytest.approx(here.certificate.kkt, rel=1e-6)
    poisson = Poisson(A, device.asarray(abs(y)), 0.1, device.asarray(WEIGHTS)) + 1e-2 * TotalVariation() + Box(0, 1)
    twin = Poisson(A, abs(y), 0.1, WEIGHTS) + 1e-2 * TotalVariation() + Box(0, 1)
    x = RNG.uniform(size=A.dims)
    assert certify(poisson, device.asarray(x)).gap == pytest.approx(certify(twin, x).gap, rel=1e-12)


Z = RNG.normal(size=(2, 5, 6))
COUNTS = np.floor(RNG.uniform(0, 3, size=Z.shape))
KEPT = (RNG.uniform(size=Z.shape) > 0.3).astype(float)

#: name: the functional, given what brings its arrays to their library
FUNCTIONALS = {
    "SquaredNorm": lambda to: SquaredNorm(),
    "weighted SquaredNorm": lambda to: SquaredNorm(to(KEPT)),
    "GroupNorm": lambda to: GroupNorm((0,)),
    "GroupNorm of all": lambda to: GroupNorm((0, 1, 2)),
    "absolute": lambda to: GroupNorm(),
    "Interval": lambda to: Interval(-0.3, 0.4),
    "half-line": lambda to: Interval(0.0, np.inf),
    "Huber": lambda to: HuberLoss(0.4),
    "KullbackLeibler": lambda to: KullbackLeibler(to(COUNTS), 0.5),
    "weighted KullbackLeibler": lambda to: KullbackLeibler(to(COUNTS), to(0.5 + KEPT), to(KEPT)),
    "EuclideanNorm": lambda to: EuclideanNorm(),
    "PowerNorm": lambda to: PowerNorm(2 / 3),
}


@pytest.mark.parametrize("name", FUNCTIONALS)
def test_functionals(name, device):
    here, there = FUNCTIONALS[name](np.asarray), FUNCTIONALS[name](device.asarray)
    for z in (Z, abs(Z) / 9, -abs(Z) / 9):
        point = device.asarray(z)
        assert there.value(point) == pytest.approx(here.value(z), rel=1e-14)
        np.testing.assert_allclose(device.asnumpy(there.prox(point, 0.3)), here.prox(z, 0.3), rtol=1e-14)
        out = device.empty(z.shape)
        assert there.prox(point, 0.3, out) is out
        np.testing.assert_allclose(device.asnumpy(out), here.prox(z, 0.3), rtol=1e-14)
        for method in ("gradient", "subgradient", "project_dual"):
            if hasattr(here, method):
                np.testing.assert_allclose(device.asnumpy(getattr(there, method)(point)), getattr(here, method)(z), rtol=1e-14)
        if hasattr(here, "conjugate"):
            assert there.conjugate(point) == pytest.approx(here.conjugate(z), rel=1e-14)


@pytest.mark.parametrize("algorithm", [PrimalDual(), ProximalGradient(), CG()])
def test_operators_that_know_the_device_alone(algorithm, device):
    def flipped(x):
        assert isinstance(x, DeviceArray)
        return 2 * np.flip(x, axis=0)

    y = RNG.normal(size=(5, 6))
    twin = from_functions(lambda x: 2 * np.flipud(x), lambda x: 2 * np.flipud(x), (5, 6))
    here = LeastSquares(twin, y) + 0.1 * Tikhonov(Identity((5, 6)))
    there = LeastSquares(from_functions(flipped, flipped, (5, 6)), device.asarray(y)) + 0.1 * Tikhonov(Identity((5, 6)))
    options = {"tol": 0, "max_iterations": 5}
    found = solve(there, algorithm, **options).x
    np.testing.assert_allclose(device.asnumpy(found), solve(here, algorithm, **options).x, rtol=0, atol=1e-12)


def test_what_is_mixed_is_refused_by_name(device):
    A, y = PERIODIC, blurred(PERIODIC)
    there = device.asarray(y)
    with pytest.raises(TypeError, match="weights is of mockdevice, but what it goes with is of numpy"):
        LeastSquares(A, y, device.asarray(WEIGHTS))
    with pytest.raises(TypeError, match="background is of mockdevice"):
        Poisson(A, abs(y), device.asarray(WEIGHTS))
    with pytest.raises(TypeError, match=r"the data of .* are of mockdevice, but those of the first term of numpy"):
        LeastSquares(A, y) + LeastSquares(A, there)
    with pytest.raises(TypeError, match="offset of a term is of mockdevice"):
        LeastSquares(A, y) + Tikhonov(Identity(SHAPE), there)
    with pytest.raises(TypeError, match="x0 is of mockdevice"):
        solve(LeastSquares(A, y) + Tikhonov(), x0=there)


def test_what_is_on_the_host_follows_the_data(device):
    y = blurred(PERIODIC)
    problem = LeastSquares(PERIODIC, device.asarray(y), WEIGHTS) + 1e-2 * Tikhonov(Identity(SHAPE), y)
    assert all(isinstance(t.offset, DeviceArray) for t in problem.terms)
    twin = LeastSquares(PERIODIC, y, WEIGHTS) + 1e-2 * Tikhonov(Identity(SHAPE), y)
    x = RNG.normal(size=SHAPE)
    assert problem.objective(device.asarray(x)) == pytest.approx(twin.objective(x), rel=1e-14)
    np.testing.assert_allclose(device.asnumpy(problem.gradient(device.asarray(x))), twin.gradient(x), rtol=1e-13, atol=1e-15)


def test_what_computes_in_numpy_says_so(device, tmp_path):
    y = device.asarray(blurred(REFLECT))
    problem = LeastSquares(REFLECT, y) + 1e-3 * Tikhonov()
    for algorithm in (LBFGS(), NewtonCG()):
        with pytest.raises(UnsolvableError, match="computes in NumPy, but the data are of mockdevice"):
            solve(problem, algorithm)
    with pytest.raises(TypeError, match="a rule for the weight computes in NumPy"):
        solve(problem, weight=GCV())
    with pytest.raises(TypeError, match="Checkpoint computes in NumPy"):
        solve(problem, callbacks=[Checkpoint(tmp_path / "run.npz")])
    with pytest.raises(TypeError, match="resume computes in NumPy"):
        solve(problem, resume=tmp_path / "run.npz")
    with pytest.raises(TypeError, match="estimate_sigma computes in NumPy"):
        estimate_sigma(y, (0, 1))
    with pytest.raises(TypeError, match="sliding_dct computes in NumPy"):
        sliding_dct(y, 0.1)


def test_the_plan_passes_over_what_computes_in_numpy(device):
    y = device.asarray(blurred(REFLECT))
    smooth = Smooth(lambda z: np.sum(np.log(np.cosh(z))), np.tanh, Gradient(REFLECT), lipschitz=1)
    chosen = plan(LeastSquares(REFLECT, y) + smooth).algorithm
    assert not isinstance(chosen, LBFGS)
    assert isinstance(solve(LeastSquares(REFLECT, y) + smooth, max_iterations=3).x, DeviceArray)


def test_a_plan_serves_the_next_frame(device):
    first, second = blurred(UNKNOWN), blurred(UNKNOWN)
    planned = plan(LeastSquares(UNKNOWN, device.asarray(first)) + 2e-3 * TotalVariation())
    expected = solve(LeastSquares(UNKNOWN, second) + 2e-3 * TotalVariation(), max_iterations=6, tol=0).x
    found = planned.solve(device.asarray(second), max_iterations=6, tol=0).x
    np.testing.assert_allclose(device.asnumpy(found), expected, rtol=0, atol=1e-12)
