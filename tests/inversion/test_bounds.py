"""Bounds of each sample by itself."""

import numpy as np
import pytest
import scipy.optimize

from unblur.inversion import (
    Box,
    Interval,
    LeastSquares,
    Nonnegative,
    PrimalDual,
    ProximalGradient,
    SplitBregman,
    Tikhonov,
    plan,
    solve,
)
from unblur.operators import Blur, Identity

from ._dense import PSF, matrix

DIMS = (7, 8)
RNG = np.random.default_rng(0)
LOW = RNG.uniform(-1, 0, DIMS)
HIGH = LOW + RNG.uniform(0.01, 1, DIMS)
LOW[0, :3], HIGH[1, :3] = -np.inf, np.inf
Y = RNG.normal(size=DIMS)
A = Blur(PSF, DIMS, boundary="periodic")


def problem(dtype=float):
    return LeastSquares(A, Y.astype(dtype)) + 0.1 * Tikhonov(Identity(DIMS)) + Box(LOW, HIGH, dims=DIMS)


@pytest.mark.parametrize("algorithm", [None, SplitBregman(), PrimalDual(), ProximalGradient()], ids=repr)
@pytest.mark.parametrize(("dtype", "near"), [(np.float64, 1e-6), (np.float32, 2e-5)])
def test_the_bounded_minimiser_is_that_of_scipy(algorithm, dtype, near):
    stacked = np.vstack([matrix(A), np.sqrt(0.1) * np.eye(A.shape[1])])
    right = np.r_[Y.ravel(), np.zeros(A.shape[1])]
    exact = scipy.optimize.lsq_linear(stacked, right, bounds=(LOW.ravel(), HIGH.ravel()), tol=1e-14).x.reshape(DIMS)
    found = solve(problem(dtype), algorithm, tol=1e-10 if dtype is np.float64 else 1e-7, max_iterations=20000).x
    assert found.dtype == dtype
    assert (found >= LOW.astype(dtype)).all()
    assert (found <= HIGH.astype(dtype)).all()
    np.testing.assert_allclose(found, exact, atol=near)


def test_the_gap_knows_them():
    bounded = problem() + Box(-3, 3)
    result = solve(bounded, SplitBregman(), tol=1e-10)
    assert 0 <= result.gap < 1e-7
    # at a worse point the bound is as far as the objective is above the optimum, at least
    early = solve(bounded, SplitBregman(), tol=0, max_iterations=3)
    assert early.gap >= early.objective - result.objective - 1e-9


def test_boxes_meet():
    meeting = problem() + Box(-1.5, 0.5)
    low, high = meeting.box
    np.testing.assert_array_equal(low, np.maximum(LOW, -1.5))
    np.testing.assert_array_equal(high, np.minimum(HIGH, 0.5))
    assert (LeastSquares(A, Y) + Box(-1, 2) + Nonnegative()).box == (0.0, 2.0)
    assert LeastSquares(A, Y).__add__(Tikhonov(A)).box == (-np.inf, np.inf)
    x = RNG.normal(size=DIMS)
    np.testing.assert_array_equal(problem().feasible(x), np.clip(x, LOW, HIGH))


@pytest.mark.parametrize(
    ("low", "high", "dims", "each"),
    [
        (0, [1, 2, 3], (2, 4, 3), lambda low, high: high[1, 1] == pytest.approx([1, 2, 3])),
        (np.zeros((2, 1, 1)), [[[1.0]], [[2.0]]], (2, 4, 3), lambda low, high: (high[0] == 1).all() and (high[1] == 2).all()),
        ([-1], 5, (2,), lambda low, high: (low == -1).all() and high == 5),
        (np.array([False, True]), np.array([1, 2], np.int8), 2, lambda low, high: high.dtype == float),
        ([0, 1], [0, 2], 2, lambda low, high: low[0] == high[0]),
    ],
)
def test_arrays_broadcast_to_dims(low, high, dims, each):
    assert each(*Box(low, high, dims).functional.bounds)


def test_the_prox_the_value_and_the_conjugate_are_those_of_each_sample():
    f, z, p = Interval(LOW, HIGH), RNG.normal(size=DIMS), RNG.normal(size=DIMS)
    parts = [Interval(float(a), float(b)) for a, b in zip(LOW.flat, HIGH.flat, strict=True)]
    inside = f.prox(z, 1.0)
    np.testing.assert_array_equal(inside.ravel(), [g.prox(np.array(s), 1.0) for g, s in zip(parts, z.flat, strict=True)])
    assert f.value(inside) == 0
    assert f.value(z) == np.inf
    assert f.conjugate(p) == np.inf, "where there is no bound"
    p[0, :3], p[1, :3] = 1, -1
    assert f.conjugate(p) == pytest.approx(sum(g.conjugate(np.array([s])) for g, s in zip(parts, p.flat, strict=True)))


def test_numbers_take_the_compiled_step_and_arrays_the_generic_one():
    for box, compiled in ((Box(0, 1), True), (Box(0, 1, DIMS), True), (Box(LOW, 2, DIMS), False)):
        state = SplitBregman().start(LeastSquares(A, Y) + box)
        assert (state.splits[-1].fused is not None) == compiled


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Box(np.zeros(3), np.ones(3)), ValueError, ["low", "(3,)", "dims=A.dims"]),
        (lambda: Box(0, [[1, 2]]), ValueError, ["high", "(1, 2)", "dims"]),
        (lambda: Box(0, np.ones(4), dims=(4, 3)), ValueError, ["high has shape (4,)", "(4, 3)"]),
        (lambda: Box(np.ones((4, 3)), 2, dims=3), ValueError, ["low has shape (4, 3)", "(3,)"]),
        (lambda: Box(0, np.nan), ValueError, ["high", "NaN"]),
        (lambda: Box([0, np.nan], 1, dims=2), ValueError, ["low", "NaN"]),
        (lambda: Box([0, 2], [1, 1], dims=2), ValueError, ["low must be below high"]),
        (lambda: Box(1, 1), ValueError, ["low is 1", "high is 1"]),
        (lambda: Box(1j, 2), TypeError, ["low is 1j", "real"]),
        (lambda: Box(None, 2), TypeError, ["low is None"]),
        (lambda: Box(0, "1"), TypeError, ["high is '1'"]),
        (lambda: Box(0, 1, dims="3"), TypeError, ["dims is '3'"]),
        (lambda: LeastSquares(A, Y) + Box(0, np.ones(3), dims=3), ValueError, ["(3,)", "(7, 8)"]),
        (lambda: LeastSquares(A, Y) + Box(0, 1) + Box(2, 3), ValueError, ["0 ≤ x ≤ 1", "2 ≤ x ≤ 3"]),
        (lambda: LeastSquares(A, Y) + Nonnegative() + Box(LOW - 1, -0.5, DIMS), ValueError, ["x ≥ 0", "no x lies"]),
    ],
)
def test_errors_name_the_bound(make, error, words):
    with pytest.raises(error) as raised:
        make()
    for word in words:
        assert word in str(raised.value)


def test_they_print():
    assert "array of" in str(plan(problem()))
