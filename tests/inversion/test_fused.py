"""The compiled steps against the generic ones, and against themselves on other numbers of threads."""

import math
import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import pytest

import unblur
from unblur.inversion import Box, LeastSquares, Poisson, SplitBregman, Term, TotalVariation, iterate
from unblur.operators import Blur, Crop, FirstDerivative, Gradient, Identity, _multiplier

PSF = np.random.default_rng(5).uniform(size=(3, 4))
PSF /= PSF.sum()


def grey(boundary="periodic", shape=(37, 42), dtype=np.float64):
    A = Blur(PSF, shape, boundary=boundary)
    return LeastSquares(A, np.random.default_rng(1).uniform(size=shape).astype(dtype))


def colour(boundary="periodic", channels=3, dtype=np.float64):
    A = Blur(PSF, (21, 33, channels), boundary=boundary, axes=(0, 1))
    return LeastSquares(A, np.random.default_rng(1).uniform(size=A.dimsd).astype(dtype))


def frames(dtype=np.float64):
    A = Blur(PSF, (3, 20, 33), boundary="unknown", axes=(1, 2))
    return LeastSquares(A, np.random.default_rng(1).uniform(size=A.dimsd).astype(dtype))


def volume(boundary="periodic", channels=(), dtype=np.float64):
    psf = np.random.default_rng(2).uniform(size=(3, 2, 3))
    A = Blur(psf / psf.sum(), (9, 10, 11, *channels), boundary=boundary, axes=(0, 1, 2))
    return LeastSquares(A, np.random.default_rng(1).uniform(size=A.dimsd).astype(dtype))


def counts(weights=None, background=0.1):
    A = Blur(PSF, (19, 18), boundary="unknown")
    return Poisson(A, np.random.default_rng(3).poisson(5, size=A.dimsd).astype(float), background=background, weights=weights)


def symmetric():
    """A problem that the cosine transform diagonalises."""
    A = Blur(np.outer([1, 2, 1], [1, 2, 1]) / 16, (24, 17), boundary="reflect")
    return LeastSquares(A, np.random.default_rng(1).uniform(size=A.dimsd))


def by_passes():
    """A blur that is applied in space, without FFTs."""
    A = Blur(np.outer([1, 2, 1], [1, 3, 2, 1]) / 28, (22, 31), boundary="unknown")
    return LeastSquares(A, np.random.default_rng(1).uniform(size=A.dimsd))


def masked(shape=(31, 30)):
    rng = np.random.default_rng(4)
    A = Blur(PSF, shape, boundary="unknown")
    return LeastSquares(A, rng.uniform(size=shape), weights=rng.uniform(size=shape) > 0.2)


MASK = np.random.default_rng(6).uniform(size=(19, 18)) > 0.3

PROBLEMS = {
    "isotropic": lambda: grey() + 0.02 * TotalVariation(),
    "anisotropic": lambda: grey() + 0.02 * TotalVariation(isotropic=False),
    "reflect": lambda: symmetric() + 0.02 * TotalVariation(),
    "reflect, anisotropic": lambda: symmetric() + 0.02 * TotalVariation(isotropic=False),
    "unknown": lambda: grey("unknown") + 0.02 * TotalVariation(),
    "box": lambda: grey("unknown") + 0.02 * TotalVariation() + Box(0.2, 0.7),
    "joint": lambda: colour() + 0.02 * TotalVariation(),
    "joint, box": lambda: colour("unknown") + 0.02 * TotalVariation() + Box(0, 0.6),
    "joint, two channels": lambda: colour(channels=2) + 0.02 * TotalVariation(),
    "joint, one channel": lambda: colour(channels=1) + 0.02 * TotalVariation(),
    "each channel": lambda: colour("unknown") + 0.02 * TotalVariation(joint=()),
    "frames": lambda: frames() + 0.02 * TotalVariation(joint=()),
    "volume": lambda: volume() + 0.02 * TotalVariation(),
    "volume, unknown": lambda: volume("unknown") + 0.02 * TotalVariation(isotropic=False),
    "volume with channels": lambda: volume("unknown", (2,)) + 0.02 * TotalVariation(joint=()),
    "sampling": lambda: grey() + 0.02 * TotalVariation(Gradient((37, 42), boundary="periodic", sampling=(2.0, 0.5))),
    "by passes": lambda: by_passes() + 0.02 * TotalVariation() + Box(0.2, 0.7),
    "masked": lambda: masked() + 0.02 * TotalVariation(),
    "counts": lambda: counts() + 0.1 * TotalVariation(),
    "counts, no background": lambda: counts(background=0) + 0.1 * TotalVariation() + Box(0, np.inf),
    "counts, masked": lambda: counts(MASK) + 0.1 * TotalVariation(),
    "two priors": lambda: grey() + 0.02 * TotalVariation() + 0.01 * TotalVariation(isotropic=False),
    "long rows": lambda: grey(shape=(3, 1 << 15)) + 0.02 * TotalVariation() + Box(0, 0.7),
}  # fmt: skip


@pytest.fixture(autouse=True)
def short_arrays_too(monkeypatch):
    monkeypatch.setattr(_multiplier, "_FEW", 0)


def run(problem, steps=13, relaxation=1.8):
    state = next(islice(iterate(problem, SplitBregman(relaxation=relaxation)), steps - 1, None))
    return state, [state.x, state.residual, *(s.w for s in state.splits), *(s.penalty for s in state.splits)]


@pytest.fixture
def generic(monkeypatch):
    """Return a function that runs a problem without any compiled step."""

    def run_generic(problem, **options):
        with monkeypatch.context() as patch:
            patch.setattr(Term, "fused_step", lambda term, split: None)
            patch.setattr(_multiplier, "_FEW", math.inf)
            return run(problem, **options)

    return run_generic


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_fused_steps_are_the_generic_ones(name, dtype, generic):
    problem = PROBLEMS[name]()
    problem = type(problem)(tuple(t.cast(dtype) for t in problem.terms))
    state, fused = run(problem)
    assert all(s.fused is not None for s in state.splits)
    _, expected = generic(problem)
    for mine, theirs in zip(fused, expected, strict=True):
        np.testing.assert_allclose(
            mine, theirs, rtol=1e-9 if dtype == np.float64 else 2e-4, atol=1e-10 if dtype == np.float64 else 2e-5
        )


@pytest.mark.parametrize("balanced", [1e-3, 1e3])
def test_penalties_are_balanced_alike(balanced, generic, monkeypatch):
    problem = PROBLEMS["box"]()
    default = [s.penalty for s in SplitBregman().start(problem).splits]
    algorithm = SplitBregman([balanced * p for p in default])
    states = [next(islice(iterate(problem, algorithm), 11, None))]
    monkeypatch.setattr(Term, "fused_step", lambda term, split: None)
    states.append(next(islice(iterate(problem, algorithm), 11, None)))
    mine, theirs = ([s.penalty for s in state.splits] for state in states)
    assert mine != [balanced * p for p in default]
    np.testing.assert_allclose(mine, theirs, rtol=1e-9)
    np.testing.assert_allclose(states[0].x, states[1].x, atol=1e-9)


@pytest.mark.parametrize(
    "prior",
    [
        # centred, a single derivative, other axes first, derivatives of two kinds
        lambda dims: TotalVariation(Gradient(dims, boundary="periodic", kind="centered")),
        lambda dims: TotalVariation([FirstDerivative(dims, axis=0, boundary="periodic")]),
        lambda dims: TotalVariation(Gradient(dims, boundary="periodic", axes=(1, 0))),
        lambda dims: TotalVariation(
            [FirstDerivative(dims, axis=i, boundary="periodic", kind=k) for i, k in ((0, "forward"), (1, "backward"))]
        ),
    ],
)
def test_what_no_kernel_takes_is_left_to_the_generic_step(prior):
    problem = grey() + 0.02 * prior((37, 42))
    state, _ = run(problem, 2)
    assert [s.fused for s in state.splits] == [None]


def test_complex_images_are_left_to_the_generic_step():
    A = Blur(PSF, (8, 9), boundary="unknown")
    y = np.random.default_rng(0).uniform(size=(8, 9)) * (1 + 1j)
    state, _ = run(LeastSquares(A, y) + 0.1 * TotalVariation(), 3)
    assert {s.fused for s in state.splits} == {None}
    assert np.iscomplexobj(state.x)


@pytest.mark.parametrize("name", ["isotropic", "joint, box", "volume", "counts"])
def test_the_bits_do_not_depend_on_the_number_of_threads(name):
    answers = []
    try:
        for workers in (1, 2, 3, 8):
            unblur.set_workers(workers)
            answers.append(run(PROBLEMS[name]())[1])
    finally:
        unblur.set_workers(None)
    for answer in answers[1:]:
        for mine, first in zip(answer, answers[0], strict=True):
            np.testing.assert_array_equal(mine, first)


def test_many_threads_may_enter_at_once():
    expected = run(PROBLEMS["box"]())[0].x
    with ThreadPoolExecutor(6) as pool:
        for state, _ in pool.map(lambda _: run(PROBLEMS["box"]()), range(12)):
            np.testing.assert_array_equal(state.x, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own():
    # in the parent they are running already
    expected = run(PROBLEMS["isotropic"]())[0].x
    with multiprocessing.get_context("fork").Pool(1) as pool:
        child = pool.apply_async(_run_in_child).get(timeout=60)
    np.testing.assert_array_equal(child, expected)


def _run_in_child():
    return run(PROBLEMS["isotropic"]())[0].x


def test_a_crop_that_is_no_frame(generic):
    # the data cover a window of x in every axis, the first too
    K = Blur(PSF, (12, 13, 3), boundary="periodic", axes=(0, 1))
    M = Crop((12, 13, 3), (slice(2, 9), slice(1, 13), slice(1, 3)))
    y = np.random.default_rng(7).uniform(size=M.dimsd)
    problem = LeastSquares(M @ K, y) + 0.02 * TotalVariation(Gradient((12, 13, 3), boundary="periodic", axes=(0, 1)))
    state, fused = run(problem)
    assert all(s.fused is not None for s in state.splits)
    for mine, theirs in zip(fused, generic(problem)[1], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-10)


def test_spectra_of_nothing_but_split_blurs():
    # no term beside the blurs: the spectrum of x begins from theirs
    A = Blur(PSF, (8, 9), boundary="unknown")
    problem = LeastSquares(A, np.ones((8, 9))) + Box(0, 1)
    problem = problem + LeastSquares(Identity(A.dims), np.ones(A.dims))
    state, _ = run(problem, 300)
    np.testing.assert_allclose(state.x, 1 if PSF.sum() == 1 else state.x, atol=1e-6)
