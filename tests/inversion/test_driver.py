import numpy as np
import pytest

from unblur.inversion import (
    CG,
    LSQR,
    Box,
    Direct,
    GradientDescent,
    LeastSquares,
    Poisson,
    PrimalDual,
    Problem,
    ProximalGradient,
    Record,
    RichardsonLucy,
    Sparsity,
    SplitBregman,
    Status,
    Tikhonov,
    TotalVariation,
    iterate,
    plan,
    solve,
)
from unblur.operators import Blur, Gradient


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    A = Blur(np.full((3, 3), 1 / 9), (16, 16), boundary="unknown")
    return LeastSquares(A, rng.uniform(size=(16, 16))) + 0.05 * TotalVariation()


def test_tol_bounds_the_residual(problem):
    result = solve(problem, tol=1e-5)
    assert result.status.name == "converged"
    assert result.status.success
    # the objective is looked at once more after the first that is within
    assert result.history["residual"][-1] <= 1e-5 < result.history["residual"][-3]
    assert len(result.history["residual"]) == result.iterations


def test_the_limit_is_a_status_with_a_remedy(problem):
    result = solve(problem, max_iterations=3)
    assert result.iterations == 3
    assert not result.status.success
    assert "raise max_iterations" in str(result.status)


def test_tol_zero_runs_to_the_limit(problem):
    result = solve(problem, tol=0, max_iterations=7)
    assert result.iterations == 7
    assert result.status.success


def test_callbacks_write_history_and_stops_end_the_run(problem):
    record = Record({"objective": lambda state: problem.objective(state.x)})

    def enough(state):
        return Status("enough", "the user had enough", True) if state.residual < 1e-2 else None

    result = solve(problem, callbacks=[record], stops=[enough])
    assert result.status.name == "enough"
    assert result.history["objective"].shape == (result.iterations,)
    assert result.history["objective"][-1] == result.objective


def test_a_run_that_is_not_finite_stops_with_that_status():
    A = Blur(np.full((3, 3), 1 / 9), (8, 8), boundary="periodic")

    class Exploding(SplitBregman):
        def step(self, state):
            super().step(state)
            state.residual = float("nan")

    result = solve(LeastSquares(A, np.eye(8)) + TotalVariation(), Exploding())
    assert result.status.name == "not finite"
    assert not result.status.success


def test_the_plan_takes_new_data(problem):
    rng = np.random.default_rng(1)
    y = rng.uniform(size=(16, 16))
    reused = plan(problem).solve(y, tol=1e-6)
    fresh = solve(problem.with_data(y), tol=1e-6)
    np.testing.assert_array_equal(reused.x, fresh.x)


def test_plan_chooses_the_closed_form_where_there_is_one():
    A = Blur(np.full((3, 3), 1 / 9), (8, 8), boundary="periodic")
    chosen = plan(LeastSquares(A, np.ones((8, 8))) + Tikhonov())
    assert isinstance(chosen.algorithm, Direct)
    assert "closed form" in repr(chosen)
    assert "2 FFTs" in repr(chosen)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p: solve(Problem((TotalVariation(),))), "no data term"),
        (lambda p: solve(p, tol=-1), "tol is -1"),
        (lambda p: solve(p, tol=float("nan")), "tol is nan"),
        (lambda p: solve(p, max_iterations=0), "max_iterations is 0"),
        (lambda p: solve(p, x0=np.zeros((16, 16))), r"x0 has shape \(16, 16\), but x lives on \(18, 18\)"),
    ],
)
def test_bad_input_is_refused_by_name(problem, call, words):
    with pytest.raises(ValueError, match=words):
        call(problem)


def test_result_has_a_short_repr(problem):
    assert repr(solve(problem)).startswith("Result(16×16 float64, converged after ")


def test_result_plots(problem):
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    result = solve(problem)
    ax = result.plot()
    assert ax.get_lines()[0].get_ydata().size == result.iterations
    plt.close(ax.figure)


def test_a_single_term_is_a_problem_to_solve_and_to_iterate():
    term = LeastSquares(np.diag([1.0, 2.0]), np.array([3.0, 4.0]))
    states = iterate(term, CG())
    next(states)
    np.testing.assert_allclose(next(states).x, [3, 2])
    np.testing.assert_allclose(solve(term, tol=1e-12).x, [3, 2])


ALGORITHMS = {
    "SplitBregman": (SplitBregman(), lambda A, y: LeastSquares(A, y) + 0.02 * TotalVariation() + Box(0, 0.8)),
    "SplitBregman, inner": (SplitBregman(), lambda A, y: LeastSquares(A, y) + 0.02 * Sparsity(0.5 * Gradient(A))),
    "CG": (CG(), lambda A, y: LeastSquares(A, y) + 0.02 * Tikhonov()),
    "LSQR": (LSQR(), lambda A, y: LeastSquares(A, y) + 0.02 * Tikhonov()),
    "PrimalDual": (PrimalDual(), lambda A, y: LeastSquares(A, y) + 0.02 * TotalVariation()),
    "ProximalGradient": (ProximalGradient(), lambda A, y: LeastSquares(A, y) + Box(0, 0.8)),
    "RichardsonLucy": (RichardsonLucy(), lambda A, y: Poisson(A, y)),
    "GradientDescent": (GradientDescent(), lambda A, y: LeastSquares(A, y) + 0.02 * Tikhonov()),
}


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("boundary", ["periodic", "unknown"])
def test_the_order_of_memory_is_nobodys_business(name, boundary, monkeypatch):
    # arrays of any length then go through kernels
    monkeypatch.setattr("unblur.operators._vectors._LONG", 1)
    rng = np.random.default_rng(0)
    psf = rng.uniform(size=(3, 4))
    A = Blur(psf / psf.sum(), (17, 21), boundary=boundary)
    y, x0 = rng.uniform(size=A.dimsd), rng.uniform(size=A.dims)
    algorithm, problem = ALGORITHMS[name]
    options = {"tol": 0, "max_iterations": 6}
    expected = solve(problem(A, y), algorithm, x0=x0, **options).x
    y, x0 = np.asfortranarray(y), np.asfortranarray(x0)
    np.testing.assert_allclose(solve(problem(A, y), algorithm, x0=x0, **options).x, expected, rtol=1e-9, atol=1e-12)
    from_data = solve(problem(A, np.ascontiguousarray(y)), algorithm, **options).x
    np.testing.assert_allclose(solve(problem(A, y), algorithm, **options).x, from_data, rtol=1e-9, atol=1e-12)
