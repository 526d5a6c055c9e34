"""Weights by rule against dense algebra, against the equations that define them, and against the best weight there is."""

import warnings

import numpy as np
import pytest

from unblur.inversion import (
    CG,
    GCV,
    LSQR,
    UPRE,
    Box,
    Discrepancy,
    HybridLSQR,
    LeastSquares,
    Problem,
    SplitBregman,
    Tikhonov,
    TotalVariation,
    UnreliableWeightWarning,
    Whiteness,
    plan,
    solve,
)
from unblur.inversion.weight_choice import rescaled
from unblur.inversion.weight_sampling import SampledFits
from unblur.operators import Blur, FirstDerivative, Gradient, Identity, Stack


def dense(A):
    """Return the matrix of an operator, column by column."""
    return np.stack([A.apply(e.reshape(A.dims)).ravel() for e in np.eye(A.shape[1])], axis=1)


def dense_figures(problem, factor, axes):
    """Return ‖r‖²/N, df/N and the whiteness of the residual from the normal equations."""
    normal, side = 0, 0
    for t in problem.terms:
        w, M = t.weight * (1 if t.carries_data else factor), dense(t.operator)
        normal = normal + w * M.conj().T @ M
        side = side + (0 if t.offset is None else w * M.conj().T @ t.offset.ravel())
    x = np.linalg.solve(normal, side)
    first = problem.data[0].weight
    samples, energy, freedom, powers = 0, 0.0, 0.0, []
    for t in problem.data:
        M = dense(t.operator)
        r = np.sqrt(t.weight / first) * (M @ x - t.offset.ravel()).reshape(t.offset.shape)
        samples += r.size
        energy += np.sum(np.abs(r) ** 2)
        freedom += t.weight * np.trace(M @ np.linalg.solve(normal, M.conj().T)).real
        r = r - r.mean(axis=axes, keepdims=True)
        powers.append((np.abs(np.fft.fftn(r, axes=axes)) ** 2).ravel())
    p = np.concatenate(powers)
    return energy / samples, freedom / samples, p.size * np.sum(p**2) / np.sum(p) ** 2


def quietly(problem, rule, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnreliableWeightWarning)
        return solve(problem, weight=rule, **options)


def quadratic(kind):
    rng = np.random.default_rng(0)
    shape = {"odd": (7, 8), "even": (8, 7), "colour": (6, 5, 3), "line": (9,)}.get(kind, (6, 7))
    axes = (0,) if kind == "line" else (0, 1)
    A = Blur(rng.normal(size=(3,) * len(axes)), shape, boundary="periodic", axes=axes)
    y = rng.normal(size=shape)
    if kind == "cosine":
        A = Blur(np.outer([0.2, 0.7, 0.2], [0.1, 0.5, 0.1]), shape, boundary="reflect")
    if kind == "complex":
        A = Blur(rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3)), shape, boundary="periodic")
        y = y + 1j * rng.normal(size=shape)
    problem = LeastSquares(A, y) + 0.3 * Tikhonov(Gradient(A))
    if kind == "target":
        problem = problem + 0.2 * Tikhonov(Identity(shape), rng.normal(size=shape))
    if kind == "frames":
        B = Blur(rng.normal(size=(3, 2)), shape, boundary="periodic")
        problem = 2 * LeastSquares(A, y) + 0.7 * LeastSquares(B, rng.normal(size=shape)) + Tikhonov(Gradient(A))
    return problem, axes


@pytest.mark.parametrize("kind", ["odd", "even", "colour", "line", "complex", "cosine", "target", "frames"])
def test_closed_form_figures_are_those_of_dense_algebra(kind):
    problem, axes = quadratic(kind)
    sigma = 0.4
    curves = {type(r): quietly(problem, r).curve for r in (GCV(guard=False), UPRE(sigma), Discrepancy(sigma), Whiteness())}
    for rule, curve in curves.items():
        # beyond these the dense matrices are too badly conditioned to compare with
        chosen = (curve.factors > 1e-4) & (curve.factors < 1e4)
        assert chosen.sum() > 8
        for factor, figure in zip(curve.factors[chosen][::4], curve.figures[chosen][::4], strict=True):
            energy, freedom, white = dense_figures(problem, factor, axes)
            expected = {
                GCV: energy / (1 - freedom) ** 2,
                UPRE: energy + 2 * sigma**2 * freedom - sigma**2,
                Discrepancy: energy / sigma**2,
                Whiteness: white,
            }[rule]
            assert figure == pytest.approx(expected, rel=1e-10, abs=1e-10)


def test_data_of_which_only_the_gram_is_diagonal():
    rng = np.random.default_rng(1)
    D = Stack([FirstDerivative((6, 7), axis, boundary="periodic") for axis in (0, 1)])
    problem = LeastSquares(D, rng.normal(size=D.dimsd)) + Tikhonov(Identity((6, 7)))
    curve = quietly(problem, GCV(guard=False)).curve
    for factor, figure in zip(curve.factors, curve.figures, strict=True):
        if 1e-4 < factor < 1e4:
            energy, freedom, _ = dense_figures(problem, factor, (0, 1, 2))
            assert figure == pytest.approx(energy / (1 - freedom) ** 2, rel=1e-10)


@pytest.mark.parametrize("weighted", [None, "mask", "weights"])
def test_sampled_degrees_of_freedom_are_the_trace(weighted):
    rng = np.random.default_rng(2)
    A = Blur(rng.uniform(size=(3, 3)) / 9, (11, 12), boundary="unknown")
    y = rng.normal(size=(11, 12))
    weights = {None: None, "mask": rng.uniform(size=y.shape) < 0.8, "weights": rng.uniform(0.5, 2, y.shape)}[weighted]
    problem = LeastSquares(A, y, weights) + 0.3 * Tikhonov()
    root = np.sqrt(np.broadcast_to(1.0 if weights is None else weights, y.shape).ravel().astype(float))
    H, D = root[:, None] * dense(A), dense(problem.terms[1].operator)
    influence = H @ np.linalg.solve(H.T @ H + 0.6 * D.T @ D, H.T)
    # bᵀ S b for independent signs b has mean trace S and variance 2 Σ_{i≠j} S_ij², S symmetric
    variance = 2 * (np.sum(influence**2) - np.sum(np.diag(influence) ** 2))
    count = 16
    found = []
    for seed in range(count):
        fits = SampledFits(problem, rescaled, SplitBregman(), None, 0.1, True, seed, tol=1e-7, max_iterations=2000)
        fit = fits.fit(2.0)
        found.append(fit.freedom)
    assert fit.samples == np.count_nonzero(root)
    assert np.mean(found) == pytest.approx(np.trace(influence), abs=4 * np.sqrt(variance / count))
    r = root * y.ravel() - influence @ (root * y.ravel())
    assert fit.energy == pytest.approx(np.sum(r**2), rel=1e-4)


SCENES = {"camera": (60, 180), "coffee": (100, 150), "astronaut": (20, 150), "chelsea": (50, 120)}


def scene(name, size):
    from skimage import data

    image = np.asarray(getattr(data, name)()) / 255
    row, column = SCENES[name]
    image = image[row : row + size, column : column + size]
    return image if image.ndim == 2 else image.mean(axis=-1)


def psf(name, wide=1.0):
    from unblur import psf as psfs

    return {
        "disk": lambda: psfs.disk(3 * wide),
        "motion": lambda: psfs.motion(11 * wide, 30),
        "gaussian": lambda: psfs.gaussian(1.3 * wide),
    }[name]()


def photograph(name, kernel, sigma, correlated=False, size=128, seed=0):
    """Return an image of which the margins are unknown, blurred without any solver's model, and the scene in it."""
    from scipy.ndimage import gaussian_filter
    from scipy.signal import fftconvolve

    h, whole = psf(kernel), scene(name, size + 20)
    y = fftconvolve(whole, h, mode="valid")
    before = [n - 1 - n // 2 for n in h.shape]
    truth = whole[before[0] : before[0] + y.shape[0], before[1] : before[1] + y.shape[1]]
    noise = np.random.default_rng(seed).normal(size=y.shape)
    if correlated:
        noise = gaussian_filter(noise, 1.0, mode="wrap")
    return y + sigma * noise / noise.std(), truth


def psnr(x, truth):
    return -10 * np.log10(np.mean((x - truth) ** 2))


def loss_against_the_oracle(problem, result, truth):
    """Return how many dB of PSNR the best of all factors gains over the one that was chosen."""
    best, x = -np.inf, None
    for factor in result.weight * 2.0 ** np.arange(3, -4, -1):
        at = solve(rescaled(factor, problem), x0=x, tol=1e-3)
        best, x = max(best, psnr(at.image, truth)), at.x
    return best - psnr(result.image, truth)


@pytest.mark.parametrize("sigma", [0.005, 0.02])
@pytest.mark.parametrize("kernel", ["disk", "motion", "gaussian"])
@pytest.mark.parametrize("name", ["camera", "coffee", "astronaut"])
def test_tikhonov_by_gcv_is_nearly_the_best(name, kernel, sigma):
    truth = scene(name, 128)
    A = Blur(psf(kernel), truth.shape, boundary="periodic")
    y = A.apply(truth) + np.random.default_rng(0).normal(scale=sigma, size=truth.shape)
    problem = LeastSquares(A, y) + Tikhonov()
    assert loss_against_the_oracle(problem, solve(problem, weight=GCV()), truth) < 0.15


def check_photograph(case, prior, bound):
    y, truth = photograph(*case)
    problem = LeastSquares(Blur(psf(case[1]), y.shape, boundary="unknown"), y) + prior
    result = solve(problem, weight=GCV(), tol=1e-3)
    assert loss_against_the_oracle(problem, result, truth) < bound
    assert result.curve.factors.size <= 12


QUICK = [("camera", "disk", 0.01), ("coffee", "motion", 0.02), ("astronaut", "gaussian", 0.005)]
TABLE = [(n, k, s) for n in SCENES for k in ("disk", "motion", "gaussian") for s in (0.005, 0.02)]


@pytest.mark.parametrize("case", QUICK, ids=str)
def test_total_variation_by_gcv_is_nearly_the_best(case):
    check_photograph(case, TotalVariation(), 0.35)


@pytest.mark.slow
@pytest.mark.parametrize("case", TABLE, ids=str)
def test_total_variation_by_gcv_is_nearly_the_best_on_a_table(case):
    check_photograph(case, TotalVariation(), 0.35)


@pytest.mark.slow
@pytest.mark.parametrize("case", TABLE, ids=str)
def test_tikhonov_with_unknown_margins_by_gcv_is_nearly_the_best_on_a_table(case):
    check_photograph(case, Tikhonov(), 0.15)


def test_tikhonov_with_unknown_margins_by_gcv_is_nearly_the_best():
    check_photograph(QUICK[1], Tikhonov(), 0.15)


@pytest.mark.parametrize(
    ("name", "wide", "correlated", "prior"),
    [
        ("astronaut", 1.15, False, TotalVariation()),
        ("coffee", 1.15, False, TotalVariation()),
        ("astronaut", 1.15, False, Tikhonov()),
        ("coffee", 1.0, True, TotalVariation()),
        ("astronaut", 1.0, True, Tikhonov()),
    ],
    ids=["wrong PSF, TV", "wrong PSF, TV, another", "wrong PSF, Tikhonov", "correlated noise, TV", "correlated noise, Tikhonov"],
)
def test_the_guard_warns_and_saves_most_of_what_gcv_loses(name, wide, correlated, prior):
    y, truth = photograph(name, "motion", 0.005, correlated)
    problem = LeastSquares(Blur(psf("motion", wide), y.shape, boundary="unknown"), y) + prior
    with pytest.warns(UnreliableWeightWarning, match="GCV chose the factor .*; check the PSF") as caught:
        guarded = solve(problem, weight=GCV(), tol=1e-3)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    bare = quietly(problem, GCV(guard=False), tol=1e-3)
    best = psnr(guarded.image, truth) + loss_against_the_oracle(problem, guarded, truth)
    lost, still_lost = best - psnr(bare.image, truth), best - psnr(guarded.image, truth)
    assert lost > 1.5
    assert still_lost < 0.6 * lost


def test_without_a_misfit_upre_of_the_true_noise_agrees_with_gcv():
    y, _ = photograph("camera", "disk", 0.02, size=80)
    problem = LeastSquares(Blur(psf("disk"), y.shape, boundary="unknown"), y) + TotalVariation()
    both = [solve(problem, weight=rule, tol=1e-2).weight for rule in (GCV(), UPRE(0.02))]
    assert np.log10(both[0] / both[1]) == pytest.approx(0, abs=0.2)


@pytest.fixture(scope="module")
def small():
    y, _ = photograph("camera", "gaussian", 0.02, size=40)
    return Blur(psf("gaussian"), y.shape, boundary="unknown"), y


@pytest.mark.parametrize("prior", [TotalVariation(), Tikhonov()], ids=["sampled", "sampled quadratic"])
def test_discrepancy_meets_its_equation(small, prior):
    A, y = small
    result = solve(LeastSquares(A, y) + prior, weight=Discrepancy(0.02), tol=1e-6)
    # the search is ended at 0.2 % of the factor and 0.1 % of the residual
    assert np.mean((A.apply(result.x) - y) ** 2) == pytest.approx(0.02**2, rel=5e-3)


def test_discrepancy_meets_its_equation_in_closed_form(small):
    y = small[1]
    A = Blur(psf("gaussian"), y.shape, boundary="periodic")
    result = solve(LeastSquares(A, y) + Tikhonov(), weight=Discrepancy(0.03))
    assert np.mean((A.apply(result.x) - y) ** 2) == pytest.approx(0.03**2, rel=1e-10)
    assert result.curve.target == 1


@pytest.mark.parametrize("rule", [GCV(), UPRE(), Whiteness(), Discrepancy()], ids=lambda r: type(r).__name__)
def test_scaled_data_scale_the_weight_of_total_variation(small, rule):
    A, y = small
    weights = [quietly(LeastSquares(A, s * y) + TotalVariation(), rule, max_iterations=1).weight for s in (1.0, 255.0)]
    assert weights[1] == pytest.approx(255 * weights[0], rel=1e-6)


def test_scaled_data_leave_the_weight_of_tikhonov(small):
    A, y = small
    weights = [quietly(LeastSquares(A, s * y) + Tikhonov(), GCV(), max_iterations=1).weight for s in (1.0, 255.0)]
    assert weights[1] == pytest.approx(weights[0], rel=1e-6)


def test_the_result_is_that_of_the_problem_at_the_factor(small):
    A, y = small
    before = y.copy()
    problem = LeastSquares(A, y) + 2 * TotalVariation() + 0.5 * Tikhonov() + Box(0, 1)
    result = quietly(problem, GCV(), tol=1e-7)
    f = result.weight
    again = solve(LeastSquares(A, y) + 2 * f * TotalVariation() + 0.5 * f * Tikhonov() + Box(0, 1), tol=1e-7)
    np.testing.assert_allclose(result.x, again.x, atol=1e-3)
    assert result.objective == pytest.approx(again.objective, rel=1e-6)
    assert f in result.curve.factors
    assert result.curve.figures[list(result.curve.factors).index(f)] == result.curve.figures.min()
    assert "weight" in repr(result)
    np.testing.assert_array_equal(y, before)
    # the relative weights are kept: twice the prior, half the factor
    twice = quietly(LeastSquares(A, y) + 4 * TotalVariation() + 1.0 * Tikhonov() + Box(0, 1), GCV(), max_iterations=1)
    assert 2 * twice.weight == pytest.approx(f, rel=1e-6)


def test_what_a_mask_hides_does_not_count(small):
    A, y = small
    seen = np.random.default_rng(3).uniform(size=y.shape) < 0.9
    pictures = [np.where(seen, y, hidden) for hidden in (np.nan, 7.0)]
    weights = [quietly(LeastSquares(A, p, seen) + TotalVariation(), GCV(), max_iterations=1).weight for p in pictures]
    assert weights[0] == weights[1]


def test_single_precision(small):
    A, y = small
    single, double = (quietly(LeastSquares(A, y.astype(t)) + TotalVariation(), GCV()) for t in (np.float32, np.float64))
    assert single.x.dtype == np.float32
    assert single.weight == pytest.approx(double.weight, rel=0.02)


def test_the_same_probe_gives_the_same_weight_and_another_one_nearly(small):
    A, y = small
    problem = LeastSquares(A, y) + TotalVariation()
    weights = [quietly(problem, UPRE(0.02, rng=seed), max_iterations=1).weight for seed in (0, 0, 1)]
    assert weights[0] == weights[1] != weights[2]
    assert np.log10(weights[2] / weights[0]) == pytest.approx(0, abs=0.3)


def test_any_algorithm_serves(small):
    A, y = small
    problem = LeastSquares(A, y) + Tikhonov()
    weights = [solve(problem, algorithm, weight=GCV()).weight for algorithm in (SplitBregman(), CG(), LSQR())]
    np.testing.assert_allclose(np.log10(weights), np.log10(weights[0]), atol=0.05)


def test_a_plan_takes_a_rule_for_each_frame(small):
    A, y = small
    ready = plan(LeastSquares(A, y) + TotalVariation())
    other = quietly(LeastSquares(A, y + 0.1) + TotalVariation(), UPRE(0.02), max_iterations=1).weight
    assert ready.solve(y + 0.1, weight=UPRE(0.02), max_iterations=1).weight == other


def test_a_search_that_ends_nowhere_says_so():
    rng = np.random.default_rng(0)
    A = Blur(np.full((3, 3), 1 / 9), (32, 32), boundary="periodic")
    problem = LeastSquares(A, rng.normal(size=(32, 32))) + Tikhonov()
    with pytest.warns(UnreliableWeightWarning, match="Discrepancy the right sigma"):
        solve(problem, weight=Discrepancy(1e3))
    with pytest.warns(UnreliableWeightWarning, match="UPRE found no best factor.*noise alone"):
        solve(problem, weight=UPRE(1e3))


RULES = [GCV(), GCV(guard=False), UPRE(), Discrepancy(), Whiteness()]


def searched(kind, y):
    """Return a problem whose fits are had in one of the ways there are."""
    boundary = {"filtered": "periodic", "spectral": "reflect"}.get(kind, "unknown")
    A = Blur(np.full((3, 3), 1 / 9), y.shape, boundary=boundary)
    return LeastSquares(A, y) + (TotalVariation() if kind == "sampled" else Tikhonov())


def data_of(kind):
    """Return data that a rule may be helpless with: each raises the guard's alarm, or leaves nothing to choose from."""
    y = np.random.default_rng(0).normal(size=(32, 32))
    return {
        "a random walk": y.cumsum(0).cumsum(1),
        "noise alone": y,
        "zeros": np.zeros_like(y),
        "a constant": np.full_like(y, 3.0),
        "a hot pixel": np.where(np.arange(1024).reshape(32, 32) == 77, 1000.0, 0),
        "no noise": np.add.outer(np.linspace(0, 1, 32), np.linspace(0, 1, 32)) ** 2,
    }[kind]


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("fits", ["filtered", "spectral", "sampled", "sampled quadratic"])
@pytest.mark.parametrize("kind", ["a random walk", "noise alone", "zeros", "a constant", "a hot pixel", "no noise"])
def test_a_rule_survives_its_own_alarm(kind, fits, rule):
    result = quietly(searched(fits, data_of(kind)), rule, max_iterations=2)
    assert 0 < result.weight < np.inf
    assert np.isfinite(result.x).all()
    # tried, or between such that were
    assert result.curve.factors.min() <= result.weight <= result.curve.factors.max()


@pytest.mark.parametrize("fits", ["filtered", "spectral", "sampled", "sampled quadratic"])
def test_the_guard_takes_the_largest_of_what_the_rules_find(fits):
    # correlated noise
    y = photograph("camera", "gaussian", 0.02, correlated=True, size=48)[0]
    problem = searched(fits, y)
    with pytest.warns(UnreliableWeightWarning, match=r"GCV chose the factor .*, the largest of"):
        guarded = solve(problem, weight=GCV(), max_iterations=2).weight
    others = [quietly(problem, rule, max_iterations=2).weight for rule in (GCV(guard=False), Discrepancy())]
    assert guarded >= 0.9 * max(others)


def test_a_figure_that_is_no_number_is_not_chosen():
    class Nowhere(GCV):
        def figure(self, fit, sigma):
            return np.nan if fit.freedom > 0.8 * fit.samples else super().figure(fit, sigma)

    problem = searched("filtered", photograph("camera", "gaussian", 0.02, size=40)[0])
    assert quietly(problem, Nowhere(guard=False)).weight == quietly(problem, GCV(guard=False)).weight


def test_an_algorithm_that_finds_the_weight_itself_takes_no_rule(small):
    A, y = small
    with pytest.raises(ValueError, match=r"HybridLSQR finds the priors' weight by itself.*leave weight out"):
        solve(LeastSquares(A, y) + Tikhonov(Identity(A.dims)), HybridLSQR(), weight=GCV())


def test_refused_by_name(small):
    A, y = small
    problem = LeastSquares(A, y) + TotalVariation()
    with pytest.raises(TypeError, match=r"weight is 0\.1; give a rule, such as GCV\(\), or multiply"):
        solve(problem, weight=0.1)
    with pytest.raises(ValueError, match="no term can be weighted"):
        solve(LeastSquares(A, y) + Box(0, 1), weight=GCV())
    with pytest.raises(ValueError, match="sigma is -1"):
        UPRE(-1)
    with pytest.raises(ValueError, match="sigma is nan"):
        Discrepancy(np.nan)
    with pytest.raises(ValueError, match="x0 has shape"):
        solve(problem, weight=GCV(), x0=np.zeros(3))

    class Counts(LeastSquares):
        def __init__(self):
            super().__init__(A, y)
            self.functional = TotalVariation().functional

    with pytest.raises(TypeError, match="Gaussian noise"):
        solve(Problem((Counts(), TotalVariation())), weight=GCV())


def test_plot_draws_the_curve_with_the_choice(small):
    import matplotlib.pyplot as plt

    from unblur.inversion.plotting import plot_curve

    A, y = small
    result = solve(LeastSquares(A, y) + TotalVariation(), weight=Discrepancy(0.02))
    course, curve = result.plot()
    assert curve.get_xlabel() == "factor of the priors"
    drawn = [line.get_xdata() for line in curve.get_lines()]
    np.testing.assert_array_equal(drawn[0], result.curve.factors)
    assert result.weight in drawn[1]
    assert course.get_xlabel() == "iteration"
    with pytest.raises(ValueError, match="weight=GCV"):
        plot_curve(solve(LeastSquares(A, y) + TotalVariation(), max_iterations=1))
    plt.close("all")
