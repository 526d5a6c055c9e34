"""What is used again begins again, what is kept keeps no more than it must, and copies are as good as what they copy."""

import copy
import gc
import os
import pickle
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from unblur.inversion import (
    CG,
    LBFGS,
    LSQR,
    Box,
    Denoiser,
    Direct,
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
    Progress,
    ProximalGradient,
    Record,
    RichardsonLucy,
    Smooth,
    Sparsity,
    SplitBregman,
    Status,
    Tikhonov,
    TotalVariation,
    plan,
    solve,
    stops,
)
from unblur.operators import Blur, Identity, _compiled

RNG = np.random.default_rng(0)
Y = RNG.uniform(0.1, 1, (16, 16))
A = Blur(np.full((3, 3), 1 / 9), Y.shape, boundary="periodic")


def loss(z):
    return float(np.sum((z - 0.5) ** 4))


def slope(z):
    return 4 * (z - 0.5) ** 3


def smoothed(image, sigma):
    return (image + np.roll(image, 1, 0)) / 2


#: every algorithm with a problem that it takes
CASES = {
    "Direct": (Direct(), LeastSquares(A, Y) + 0.1 * Tikhonov()),
    "CG": (CG("auto"), LeastSquares(A, Y) + 0.1 * Tikhonov()),
    "LSQR": (LSQR(), LeastSquares(A, Y) + 0.1 * Tikhonov()),
    "HybridLSQR": (HybridLSQR(), LeastSquares(A, Y) + Tikhonov(Identity(A.dims))),
    "SplitBregman": (SplitBregman(), LeastSquares(A, Y) + 0.1 * TotalVariation() + Box(0, 1)),
    "SplitBregman, masked": (SplitBregman(), LeastSquares(A, Y, Y > 0.2) + 0.1 * TotalVariation()),
    "SplitBregman, outliers": (SplitBregman(), LeastAbsolute(A, Y) + 0.1 * TotalVariation()),
    "PrimalDual": (PrimalDual(), Huber(A, Y, 0.1) + 0.1 * TotalVariation()),
    "ProximalGradient": (ProximalGradient(), LeastSquares(A, Y) + 0.1 * Sparsity()),
    "RichardsonLucy": (RichardsonLucy(), Poisson(A, Y, background=0.1) + Nonnegative()),
    "GradientDescent": (GradientDescent(), LeastSquares(A, Y) + 0.1 * Tikhonov()),
    "NewtonCG": (NewtonCG(), LeastSquares(A, Y) + 0.1 * Smooth(loss, slope, Identity(A.dims))),
    "LBFGS": (LBFGS(), LeastSquares(A, Y) + 0.1 * Smooth(loss, slope, Identity(A.dims))),
    "PlugAndPlay": (PlugAndPlay(), LeastSquares(A, Y) + 1e-3 * Denoiser(smoothed)),
}
OPTIONS = {"tol": 0, "max_iterations": 7}


def pickled(thing):
    return pickle.loads(pickle.dumps(thing))


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.mark.parametrize("again", [pickled, copy.copy, copy.deepcopy])
def test_problems_plans_and_results_come_back_as_they_were(case, again):
    algorithm, problem = case
    expected = solve(problem, algorithm, **OPTIONS)
    for one in (problem, again(problem)):
        np.testing.assert_array_equal(solve(again(one), again(algorithm), **OPTIONS).x, expected.x)
    planned = plan(problem, algorithm)
    for _ in range(2):
        planned = again(planned)
        np.testing.assert_array_equal(planned.solve(**OPTIONS).x, expected.x)
    for result in (again(solve(problem, algorithm, **OPTIONS)), again(expected)):
        np.testing.assert_array_equal(result.x, expected.x)
        np.testing.assert_array_equal(result.image, expected.image)
        assert result.status == expected.status
        np.testing.assert_equal(result.objective, expected.objective)


def test_a_result_that_was_asked_nothing_yet_keeps_its_gap_through_a_pickle():
    algorithm, problem = CASES["SplitBregman"]
    asked, sent = (solve(problem, algorithm, tol=1e-6) for _ in range(2))
    assert pickled(sent).gap == asked.gap < 1e-2


def _solve(y):
    return plan(CASES["SplitBregman"][1], SplitBregman()).solve(y, **OPTIONS)


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_results_come_from_worker_processes(method):
    import multiprocessing

    with multiprocessing.get_context(method).Pool(2) as pool:
        results = pool.map_async(_solve, [Y, Y.T.copy()]).get(timeout=300)
    for result, y in zip(results, (Y, Y.T), strict=True):
        np.testing.assert_array_equal(result.x, _solve(y).x)


def _bytes_held(*things, seen=None):
    """Return the bytes of the arrays that can be reached from things, each once, by whole owners of memory."""
    seen = {} if seen is None else seen
    done, queue = set(), list(things)
    while queue:
        thing = queue.pop()
        if id(thing) in done or isinstance(thing, type | type(sys)):
            continue
        done.add(id(thing))
        if isinstance(thing, np.ndarray):
            while isinstance(thing.base, np.ndarray):
                thing = thing.base
            seen[id(thing)] = thing.nbytes
        elif callable(thing) and hasattr(thing, "__globals__"):
            queue.extend(c.cell_contents for c in thing.__closure__ or ())
        else:
            queue.extend(gc.get_referents(thing))
    return seen


def test_a_kept_result_holds_no_work_arrays(case):
    algorithm, problem = case
    result = solve(problem, algorithm, **OPTIONS)
    known = _bytes_held(result.plan, result.x, result.image, result.history)
    extra = sum(n for key, n in _bytes_held(result).items() if key not in known)
    # the dual variable of the prior, of two components, from which the gap will be told
    assert extra <= (3 if isinstance(algorithm, SplitBregman | PrimalDual) else 0) * result.x.nbytes
    assert np.isfinite(result.gap) or result.certificate.note
    assert sum(n for key, n in _bytes_held(result).items() if key not in known) == 0


def test_a_stop_and_a_callback_begin_with_each_run():
    algorithm, problem = CASES["SplitBregman"]
    record = Record({"norm": lambda state: np.linalg.norm(state.x)})
    progress = Progress()
    for stop in (
        stops.change_below(1e-3),
        stops.objective_settled(problem, 1e-4),
        stops.gap_below(problem, 1e-2, every=7),
        stops.diverging(),
        stops.time_limit(60),
    ):
        options = {"tol": 0, "max_iterations": 400, "stops": [stop], "callbacks": [record, progress]}
        first, second = (solve(problem, algorithm, **options) for _ in range(2))
        third = plan(problem, algorithm).solve(**options)
        assert first.iterations == second.iterations == third.iterations
        assert first.history["norm"].shape == second.history["norm"].shape == (first.iterations,)
    progress.close()


def test_a_spent_time_limit_has_its_time_again():
    algorithm, problem = CASES["SplitBregman"]
    stop = stops.time_limit(0.05)
    for _ in range(3):
        result = solve(problem, algorithm, tol=0, max_iterations=10**6, stops=[stop])
        assert result.status.name == "time limit"
        assert result.seconds >= 0.05
        assert result.iterations > 1


def test_one_stop_serves_runs_side_by_side():
    algorithm, problem = CASES["SplitBregman"]
    stop = stops.change_below(1e-3)
    expected = solve(problem, algorithm, tol=0, stops=[stop]).iterations
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: solve(problem, algorithm, tol=0, stops=[stop]).iterations, range(12)))
    assert found == [expected] * 12


def test_begin_may_return_what_takes_the_place():
    class Counting:
        def begin(self, run):
            seen = []
            assert run.iteration == 0

            def count(state):
                seen.append(state.residual)
                return {"count": len(seen)}

            return count

        def __call__(self, state):
            pytest.fail("what begin returned is called in its place")

    counting = Counting()
    for _ in range(2):
        result = solve(CASES["CG"][1], CG(), callbacks=[counting], **OPTIONS)
        np.testing.assert_array_equal(result.history["count"], np.arange(1, 8))


def test_callbacks_may_keep_x_and_write_to_it(case):
    algorithm, problem = case
    expected = solve(problem, algorithm, **OPTIONS)
    kept, copies, states = [], [], []

    def keep(state):
        kept.append(state.x)
        copies.append(state.x.copy())
        states.append(state)

    def spoil(state):
        state.x[...] = np.nan

    result = solve(problem, algorithm, callbacks=[keep], **OPTIONS)
    np.testing.assert_array_equal(result.x, expected.x)
    np.testing.assert_array_equal(kept, copies)
    np.testing.assert_array_equal([s.x for s in states], copies)
    with pytest.raises(RuntimeError, match=r"keep .*state\.x, while it lasts"):
        _ = states[0].residual
    np.testing.assert_array_equal(solve(problem, algorithm, callbacks=[spoil], **OPTIONS).x, expected.x)
    seen = []
    solve(problem, algorithm, stops=[lambda state: seen.append(state.x)], **OPTIONS)
    np.testing.assert_array_equal(seen, copies)


def test_what_callbacks_and_stops_must_not_return_is_refused():
    algorithm, problem = CASES["CG"]
    for options, error, words in (
        ({"callbacks": [lambda state: 3]}, TypeError, r"callbacks\[0\] returned 3; return a mapping"),
        ({"callbacks": [lambda state: {"residual": 1.0}]}, ValueError, "which the run itself records"),
        ({"stops": [lambda state: True]}, TypeError, "returned True; return None to go on, or Status"),
        ({"stops": [lambda state: "enough"]}, TypeError, "returned 'enough'"),
        ({"stops": [lambda state: Status]}, TypeError, "return None to go on, or Status"),
    ):
        with pytest.raises(error, match=words):
            solve(problem, algorithm, **options, **OPTIONS)


@pytest.mark.parametrize("boundary", ["periodic", "unknown", "reflect"])
def test_one_plan_serves_many_threads(boundary):
    blur = Blur(np.full((3, 3), 1 / 9), Y.shape, boundary=boundary)
    problem = LeastSquares(blur, Y) + 0.01 * TotalVariation()
    frames = [RNG.uniform(size=Y.shape) for _ in range(8)]
    expected = [solve(problem.with_data(y), tol=0, max_iterations=3).x for y in frames]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(10):
            # a new plan, whose caches are still empty
            planned = plan(pickled(problem))
            with ThreadPoolExecutor(8) as pool:
                results = list(pool.map(lambda y: planned.solve(y, tol=0, max_iterations=3), frames))  # noqa: B023
            for result, x in zip(results, expected, strict=True):
                np.testing.assert_array_equal(result.x, x)
    finally:
        sys.setswitchinterval(interval)


def test_calls_for_help_do_not_pile_up_where_no_thread_answers(monkeypatch):
    monkeypatch.setattr(_compiled, "get_workers", lambda: 4)
    blur = Blur(np.ones((5, 5)) / 25, (256, 256), boundary="periodic")
    x, out = np.ones(blur.dims), np.empty(blur.dims)
    blur.apply(x, out)
    free = threading.Event()
    waiting = [_compiled._threads().submit(free.wait) for _ in range(_compiled._MOST_THREADS)]
    try:
        for _ in range(100):
            blur.apply(x, out)
        gc.collect()
        before = len(gc.get_objects())
        for _ in range(1000):
            blur.apply(x, out)
        gc.collect()
        assert len(gc.get_objects()) - before < 100
    finally:
        free.set()
        for one in waiting:
            one.result()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_forked_while_others_solve_does_not_hang():
    end = threading.Event()
    psf = RNG.uniform(size=(31, 31))
    y = RNG.uniform(size=(200, 200))

    def solve_once():
        # a new operator each time, whose spectrum is worked out each time
        problem = LeastSquares(Blur(psf / psf.sum(), y.shape, boundary="unknown"), y) + 0.01 * TotalVariation() + Box(0, 1)
        return solve(problem, tol=0, max_iterations=1)

    def work():
        while not end.is_set():
            solve_once()

    others = [threading.Thread(target=work) for _ in range(3)]
    for thread in others:
        thread.start()
    try:
        for _ in range(10):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    code = 0 if np.isfinite(solve_once().gap) else 2
                finally:
                    os._exit(code)
            deadline = time.monotonic() + 60
            while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
                time.sleep(0.005)
            if ended == (0, 0):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                pytest.fail("the child hangs")
            assert os.waitstatus_to_exitcode(ended[1]) == 0
    finally:
        end.set()
        for thread in others:
            thread.join()
