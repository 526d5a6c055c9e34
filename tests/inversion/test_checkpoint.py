import signal
import threading

import numpy as np
import pytest

from unblur.inversion import (
    CG,
    GCV,
    LBFGS,
    LSQR,
    Box,
    Checkpoint,
    Discrepancy,
    GradientDescent,
    LeastSquares,
    Nonnegative,
    Poisson,
    PrimalDual,
    ProximalGradient,
    RichardsonLucy,
    SplitBregman,
    Tikhonov,
    TotalVariation,
    Whiteness,
    plan,
    solve,
    stops,
)
from unblur.operators import Blur, from_functions


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    A = Blur(np.full((3, 3), 1 / 9), (16, 16), boundary="unknown")
    return LeastSquares(A, rng.uniform(size=(16, 16))) + 0.05 * TotalVariation() + Box(0, 1)


def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(problem, tmp_path):
    path = tmp_path / "run.npz"
    whole = solve(problem, tol=0, max_iterations=40)
    solve(problem, tol=0, max_iterations=27, callbacks=[Checkpoint(path, every=10)])
    resumed = solve(problem, tol=0, max_iterations=40, resume=path)
    np.testing.assert_array_equal(resumed.x, whole.x)
    np.testing.assert_array_equal(resumed.history["residual"], whole.history["residual"])
    assert resumed.iterations == 40
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]


@pytest.mark.parametrize("algorithm", [CG(), CG("auto"), LSQR(), LBFGS(), GradientDescent()], ids=repr)
def test_every_algorithm_resumes_to_the_bit(problem, algorithm, tmp_path):
    smooth = problem.data[0] + 0.01 * Tikhonov()
    whole = solve(smooth, algorithm, tol=0, max_iterations=14)
    solve(smooth, algorithm, tol=0, max_iterations=9, callbacks=[Checkpoint(tmp_path / "run.npz", every=6)])
    resumed = solve(smooth, algorithm, tol=0, max_iterations=14, resume=tmp_path / "run.npz")
    np.testing.assert_array_equal(resumed.x, whole.x)


@pytest.mark.parametrize("algorithm", [PrimalDual(), ProximalGradient(), RichardsonLucy()], ids=repr)
def test_every_proximal_algorithm_resumes_to_the_bit(problem, algorithm, tmp_path):
    A, y = problem.operator, problem.data[0].offset
    data = Poisson(A, y) if isinstance(algorithm, RichardsonLucy) else LeastSquares(A, y)
    fitting = data if isinstance(algorithm, RichardsonLucy) else data + Nonnegative()
    whole = solve(fitting, algorithm, tol=0, max_iterations=14)
    solve(fitting, algorithm, tol=0, max_iterations=9, callbacks=[Checkpoint(tmp_path / "run.npz", every=6)])
    resumed = solve(fitting, algorithm, tol=0, max_iterations=14, resume=tmp_path / "run.npz")
    np.testing.assert_array_equal(resumed.x, whole.x)


def test_the_file_needs_no_pickle(problem, tmp_path):
    solve(problem, tol=0, max_iterations=5, callbacks=[Checkpoint(tmp_path / "run.npz", every=5)])
    with np.load(tmp_path / "run.npz", allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)
        assert file["state.x"].shape == problem.dims


def test_another_problem_or_other_options_are_refused(problem, tmp_path):
    path = tmp_path / "run.npz"
    solve(problem, tol=0, max_iterations=5, callbacks=[Checkpoint(path, every=5)])
    y = problem.data[0].offset.copy()
    y[3, 3] += 1e-9
    other = Blur(np.array([[0.1, 0.1, 0.1], [0.1, 0.2, 0.1], [0.1, 0.1, 0.1]]), (16, 16), boundary="unknown")
    prior = sum(problem.terms[1:])
    for changed, algorithm, word in (
        (problem.with_data(y), None, r"another terms\[0\].offset"),
        (problem + Box(0, 2), None, "another problem"),
        (LeastSquares(problem.operator, problem.data[0].offset) + 2 * problem.terms[1] + Box(0, 1), None, "another problem"),
        (problem, SplitBregman(relaxation=1.5), "another algorithm"),
        (LeastSquares(other, problem.data[0].offset) + prior, None, r"another terms\[0\].operator.*psf"),
    ):
        with pytest.raises(ValueError, match=word):
            solve(changed, algorithm, resume=path)


@pytest.fixture
def noisy():
    rng = np.random.default_rng(1)
    A = Blur(np.full((3, 3), 1 / 9), (24, 24), boundary="unknown")
    scene = np.kron(np.eye(9), np.ones((3, 3)))
    return LeastSquares(A, A.apply(scene) + rng.normal(scale=0.02, size=A.dimsd))


@pytest.fixture
def no_search(monkeypatch):
    """Call the function to make any further search for a weight fail."""

    def forbid():
        monkeypatch.setattr("unblur.inversion.weight_choice.Search", lambda *_: pytest.fail("searched again"))

    return forbid


@pytest.mark.parametrize(
    ("prior", "algorithm", "rule"),
    [
        (TotalVariation(), None, GCV(guard=False)),
        (TotalVariation() + Box(0, 1), PrimalDual(), Whiteness()),
        (Tikhonov(), CG(), Discrepancy(0.02)),
        (Tikhonov(), LBFGS(), GCV(guard=False, rng=3)),
    ],
)
def test_a_resumed_run_keeps_the_weight_by_rule_without_another_search(noisy, prior, algorithm, rule, no_search, tmp_path):
    path = tmp_path / "run.npz"
    whole = solve(noisy + prior, algorithm, weight=rule, tol=0, max_iterations=14)
    solve(noisy + prior, algorithm, weight=rule, tol=0, max_iterations=9, callbacks=[Checkpoint(path, every=6)])
    no_search()
    resumed = solve(noisy + prior, algorithm, weight=rule, tol=0, max_iterations=14, resume=path)
    np.testing.assert_array_equal(resumed.x, whole.x)
    assert resumed.weight == whole.weight
    assert resumed.objective == whole.objective
    assert resumed.iterations == 14
    assert (resumed.curve.name, resumed.curve.target) == (whole.curve.name, whole.curve.target)
    np.testing.assert_array_equal(resumed.curve.factors, whole.curve.factors)
    np.testing.assert_array_equal(resumed.curve.figures, whole.curve.figures)
    by_plan = plan(noisy + prior, algorithm).solve(weight=rule, tol=0, max_iterations=14, resume=path)
    np.testing.assert_array_equal(by_plan.x, whole.x)


def test_a_resumed_run_may_save_and_be_resumed_again(noisy, no_search, tmp_path):
    path, options = tmp_path / "run.npz", {"weight": GCV(guard=False), "tol": 0}
    problem, checkpoint = noisy + TotalVariation(), Checkpoint(path, every=5)
    whole = solve(problem, max_iterations=15, **options)
    solve(problem, max_iterations=5, callbacks=[checkpoint], **options)
    no_search()
    solve(problem, max_iterations=10, callbacks=[checkpoint], resume=path, **options)
    again = solve(problem, max_iterations=15, resume=path, **options)
    np.testing.assert_array_equal(again.x, whole.x)
    assert again.weight == whole.weight


def test_the_number_that_a_rule_found_resumes_its_run_too(noisy, tmp_path):
    path, prior = tmp_path / "run.npz", TotalVariation()
    whole = solve(noisy + prior, weight=GCV(guard=False), tol=0, max_iterations=14)
    solve(noisy + prior, weight=GCV(guard=False), tol=0, max_iterations=9, callbacks=[Checkpoint(path, every=6)])
    resumed = solve(noisy + whole.weight * prior, tol=0, max_iterations=14, resume=path)
    np.testing.assert_array_equal(resumed.x, whole.x)
    assert resumed.weight is None


def test_a_weight_that_does_not_fit_the_file_is_refused_with_what_does(noisy, tmp_path):
    declared, ruled, prior = tmp_path / "declared.npz", tmp_path / "ruled.npz", TotalVariation()
    solve(noisy + prior, tol=0, max_iterations=2, callbacks=[Checkpoint(declared, every=2)])
    rule = GCV(guard=False)
    solve(noisy + prior, weight=rule, tol=0, max_iterations=2, callbacks=[Checkpoint(ruled, every=2)])
    for weight, path, error, words in (
        (rule, declared, ValueError, "saved by a run with the weights as declared; leave weight out"),
        (Whiteness(), ruled, ValueError, r"saved with GCV\(guard=False\); give that"),
        (None, ruled, ValueError, r"another problem.*, weight=GCV\(guard=False\) among it"),
        (0.05, ruled, TypeError, "weight is 0.05; give a rule, .* or multiply the priors"),
        (rule, tmp_path / "none.npz", ValueError, "holds no saved run"),
    ):
        with pytest.raises(error, match=f"(?s){words}"):
            solve(noisy + prior, weight=weight, resume=path)


def test_bad_files_and_options_are_refused(problem, tmp_path):
    (tmp_path / "text.npz").write_text("no run")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    for name in ("none.npz", "text.npz", "other.npz"):
        with pytest.raises(ValueError, match="holds no saved run"):
            solve(problem, resume=tmp_path / name)
    with pytest.raises(ValueError, match="every is 0"):
        Checkpoint(tmp_path / "a.npz", every=0)
    with pytest.raises(ValueError, match=r"name an \.npz file"):
        Checkpoint(tmp_path / "a.dat")
    with pytest.raises(ValueError, match="does not exist"):
        Checkpoint(tmp_path / "none" / "a.npz")
    with pytest.raises(ValueError, match="x0 and resume"):
        solve(problem, x0=np.zeros(problem.dims), resume=tmp_path / "other.npz")


def test_the_first_interrupt_ends_the_step_and_returns(problem):
    count = iter(range(100))

    def press(state):
        if next(count) == 4:
            signal.raise_signal(signal.SIGINT)

    result = solve(problem, tol=0, max_iterations=50, callbacks=[press])
    assert result.iterations == 5
    assert result.status.name == "interrupted"
    assert not result.status.success
    assert np.isfinite(result.x).all()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_interrupt_is_at_once(problem):
    def press_twice(state):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        solve(problem, callbacks=[press_twice])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_solves_in_other_threads_leave_signals_alone(problem):
    results = []
    thread = threading.Thread(target=lambda: results.append(solve(problem, tol=0, max_iterations=3)))
    thread.start()
    thread.join()
    assert results[0].iterations == 3


def test_an_operator_whose_adjoint_is_wrong_is_caught_by_check():
    wrong = from_functions(lambda x: np.roll(x, 1), lambda y: np.roll(y, 1), (8,))
    with pytest.raises(ValueError, match=r"½‖.*does not keep its promises"):
        solve(LeastSquares(wrong, np.arange(8.0)), check=True)


@pytest.mark.parametrize(
    ("make", "name", "success"),
    [
        (lambda p: stops.change_below(1e-3), "settled", True),
        (lambda p: stops.objective_settled(p, 1e-5), "settled", True),
        (lambda p: stops.objective_below(p, 1.01 * solve(p, tol=1e-6).objective), "objective reached", True),
        (lambda p: stops.gap_below(p, 1e-2), "certified", True),
        (lambda p: stops.discrepancy(p, sigma=0.3), "noise level", True),
        (lambda p: stops.time_limit(0.0), "time limit", False),
    ],
)
def test_stops(problem, make, name, success):
    result = solve(problem, tol=0, max_iterations=3000, stops=[make(problem)])
    assert result.status.name == name
    assert result.status.success is success
    assert result.iterations < 3000


def test_the_gap_that_stopped_a_run_holds(problem):
    result = solve(problem, tol=0, max_iterations=3000, stops=[stops.gap_below(problem, 1e-3)])
    assert result.gap <= 1e-3 * result.certificate.objective


def test_a_diverging_run_stops_with_its_last_finite_iterate(problem):
    class Explosive(SplitBregman):
        def step(self, state):
            super().step(state)
            for split in state.splits:
                split.w *= -1e9

    with np.errstate(all="ignore"):
        result = solve(problem, Explosive(), tol=0)
    assert result.status.name in ("diverging", "not finite")
    assert not result.status.success
    assert np.isfinite(result.x).all()
