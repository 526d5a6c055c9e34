"""What PyLops's solvers and ours make of the same data."""

import numpy as np
import pylops
import pytest


@pytest.fixture(scope="session")
def script(run_script):
    return run_script("plot_pylops_deblurring.py")


def test_the_psf_is_not_normalised(script):
    assert script["psf"].shape == (15, 25)
    assert script["psf"].sum() == pytest.approx(1.0026, abs=1e-4)


def test_the_data_are_what_pylops_makes_of_the_image(script):
    theirs = pylops.signalprocessing.Convolve2D((126, 126), script["psf"], offset=(7, 12), dtype=np.float32)
    np.testing.assert_allclose(script["blurred"], theirs @ script["blocks"], atol=1e-3)
    assert script["blurred"].dtype == np.float32


def test_conjugate_gradients_agree(script):
    # a system of condition above 1e6 in single precision: after fifty iterations rounding is amplified, the image is the same
    assert script["cg_difference"] < 1e-3
    assert np.abs(script["cg_pylops"] - script["cg_unblur"]).max() < 1  # grey level of 255


def test_epsilon_weighs_its_square_in_pylops(script):
    for epsilon, shrinkage in script["epsilon_shrinkage"].items():
        assert shrinkage == pytest.approx(epsilon**2, rel=1e-6)


def objective(script, x, y, epsilons, operators):
    """μ/2 ‖A x − y‖² + Σ ε² ‖R x‖₁, written out in double precision with PyLops's own blur."""
    A = pylops.signalprocessing.Convolve2D((126, 126), script["psf"].astype(float), offset=(7, 12))
    x, y = x.astype(float), y.astype(float)
    fit = 0.75 * np.sum((A @ x - y) ** 2)
    return fit + sum(e**2 * np.abs(R.matvec(x.ravel())).sum() for e, R in zip(epsilons, operators, strict=True))


@pytest.mark.parametrize(("data", "prefix"), [("blurred", "tv"), ("photograph_blurred", "photograph_tv")])
def test_the_objective_of_total_variation_is_never_above_pylops(script, data, prefix):
    y, D = script[data], [pylops.FirstDerivative((126, 126), axis=i, edge=False, kind="centered") for i in (0, 1)]
    ours = script["tv_unblur"] if prefix == "tv" else script["photograph_tv"]
    assert objective(script, ours, y, (1, 1), D) <= objective(script, script[prefix + "_pylops"], y, (1, 1), D)


def test_the_objective_with_a_wavelet_is_never_above_pylops(script):
    D = [pylops.FirstDerivative((126, 126), axis=i, edge=False, kind="centered") for i in (0, 1)]
    operators, epsilons = [*D, script["W"]], (1, 1, 2)
    ours, theirs = (objective(script, script[n], script["blurred"], epsilons, operators) for n in ("both_unblur", "both_pylops"))
    assert ours <= theirs
    # the declared objective is that one
    assert script["both_problem"].objective(script["both_unblur"]) == pytest.approx(ours, rel=1e-5)


def test_fista_is_not_worse_than_pylops(script):
    problem = script["wavelet_problem"]
    assert script["s_result"].objective <= problem.objective(script["s_pylops"])
    np.testing.assert_allclose(script["fista_unblur"], script["fista_pylops"], atol=2)


def test_total_variation_beats_conjugate_gradients_on_the_blocky_image(script):
    decibels = {name: row[0] for name, row in script["table"].items()}
    assert decibels["blocks, TV, unblur"] > decibels["blocks, CG, unblur"] + 5
    assert decibels["blocks, TV, PyLops"] > decibels["blocks, CG, PyLops"]
    assert decibels["blocks, unblur.restore"] > decibels["blocks, CG, unblur"] + 3
    assert decibels["photograph, unblur.restore"] > decibels["photograph, blurred"] + 3


def test_centred_differences_let_a_checkerboard_through(script):
    """The energy at the highest frequency of the rows, with centred and with forward differences."""
    saw = np.resize([1.0, -1.0], 126)
    left = {name: np.abs(script[name] @ saw).mean() for name in ("photograph_tv", "photograph_forward")}
    assert left["photograph_tv"] > 3 * left["photograph_forward"]
