"""A loss that is differentiated automatically, and the same one declared."""

from importlib.util import find_spec

import numpy as np
import pytest


@pytest.fixture(scope="session")
def script(run_script):
    return run_script("plot_autodiff_newton_cg.py")


BACKENDS = ["autograd", pytest.param("JAX", marks=pytest.mark.skipif(not find_spec("jax"), reason="JAX is not installed"))]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_gradient_is_the_declared_one(script, backend):
    assert script["gradient_differences"][backend] < 1e-8
    # away from the noise too, at the blurred image
    _, declared = script["by_declaration"](script["blurred"])
    _, found = script["derivatives"][backend](script["blurred"])
    assert np.linalg.norm(found - declared) < 1e-8 * np.linalg.norm(declared)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_budget_reaches_the_same_objective(script, backend):
    objectives = {name: course[-1] for name, (_, course, _) in script["runs"].items()}
    assert objectives[f"SciPy's Newton-CG, {backend}"] == pytest.approx(objectives["SciPy's Newton-CG, declared"], rel=1e-3)
    assert objectives["unblur's NewtonCG, autograd"] == pytest.approx(objectives["unblur's NewtonCG, declared"], rel=1e-3)
    # and all of them the least that gradient descent comes to as well
    assert max(objectives.values()) < 1.001 * min(objectives.values())


def test_the_plugged_in_problem_is_the_declared_one(script):
    x = np.random.default_rng(2).normal(size=script["image"].shape)
    problem = script["plugged"] + 0 * script["declared"]
    assert problem.objective(x) == pytest.approx(script["declared"].objective(x), rel=1e-12)
    np.testing.assert_allclose(script["plugged"].gradient(x), script["declared"].gradient(x), atol=1e-12)


def test_total_variation_is_better_than_a_smooth_prior(script):
    decibels = {name: row[0] for name, row in script["table"].items()}
    assert decibels["unblur.restore"] > decibels["unblur's NewtonCG, declared"] + 2
