"""The known course of a loss, and what other methods make of it."""

import numpy as np
import pytest
import scipy.signal

from unblur.inversion import GradientDescent, Record, solve


@pytest.fixture(scope="session")
def script(run_script):
    return run_script("plot_gradient_descent_on_a_loss.py")


COURSE = {0: 65.6, 1: 65.3, 101: 37.7, 201: 15.0, 301: 3.06, 401: 2.29}


def test_the_loss_takes_its_known_course(script):
    assert script["image"].shape == (171, 171)
    for steps, loss in COURSE.items():
        assert script["course"][steps] == pytest.approx(loss, rel=0.02)


def test_the_course_does_not_depend_on_the_noise(script):
    loss, start = script["loss"], np.random.default_rng(4321).normal(size=(171, 171)) / 10
    record = Record({"loss": lambda state: state.at.value})
    run = solve(loss, GradientDescent(step_size=0.5), x0=start, tol=0, max_iterations=401, callbacks=[record])
    course = [loss.objective(start), *run.history["loss"]]
    for steps, value in COURSE.items():
        assert course[steps] == pytest.approx(value, rel=0.02)


def test_the_declared_loss_is_the_one_written_out(script):
    x = np.random.default_rng(1).normal(size=(171, 171))
    misfit = scipy.signal.convolve2d(x, script["psf"], mode="same") - script["blurred"]
    roughness = np.sum(np.diff(x, axis=0) ** 2) + np.sum(np.diff(x, axis=1) ** 2)
    expected = np.sqrt(np.sum(misfit**2) / 2) + 0.2 * np.sqrt(roughness / 2)
    assert script["loss"].objective(x) == pytest.approx(expected, rel=1e-10)
    assert script["slope"] == pytest.approx(script["difference"], rel=1e-6)


def test_every_method_comes_to_the_same_loss(script):
    losses = {name: run.history["loss"][-1] for name, run in script["runs"].items()}
    best = min(losses.values())
    assert losses["L-BFGS"] == pytest.approx(best, rel=1e-5)
    assert max(losses.values()) < 1.02 * best
    assert script["runs"]["L-BFGS"].iterations < 200
    assert script["runs"]["L-BFGS"].status.success


def test_total_variation_with_a_squared_loss_is_better(script):
    decibels = {name: row[0] for name, row in script["table"].items()}
    assert decibels["squared loss with TV"] > decibels["L-BFGS"] + 4
    assert decibels["unblur.restore"] > decibels["L-BFGS"] + 2
    assert decibels["L-BFGS"] > decibels["blurred"] + 2
