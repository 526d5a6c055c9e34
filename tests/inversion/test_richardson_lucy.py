import numpy as np
import pytest
import scipy.optimize
import skimage.data
from skimage.restoration import richardson_lucy as skimage_richardson_lucy

from unblur.inversion import (
    Box,
    LeastSquares,
    Nonnegative,
    Poisson,
    PrimalDual,
    Problem,
    RichardsonLucy,
    Sparsity,
    SplitBregman,
    Tikhonov,
    TotalVariation,
    UnsolvableError,
    iterate,
    plan,
    solve,
)
from unblur.inversion.stops import objective_below
from unblur.operators import Blur
from unblur.psf import gaussian

PSF = np.array([[0.02, 0.1, 0.02], [0.1, 0.4, 0.15], [0.02, 0.15, 0.04]])
PLAIN = RichardsonLucy(acceleration=False)


class Bare:
    """An operator with nothing but matvec and rmatvec."""

    def __init__(self, matrix):
        self.matrix, self.shape, self.dtype = matrix, matrix.shape, matrix.dtype

    def matvec(self, x):
        return self.matrix @ x

    def rmatvec(self, y):
        return self.matrix.T @ y


def dense(A):
    """Return the matrix of an operator, column by column."""
    return np.stack([A.apply(e.reshape(A.dims)).ravel() for e in np.eye(A.shape[1])], axis=1)


def run(problem, algorithm, n, x0=None):
    """Return copies of the first n iterates."""
    problem = problem if isinstance(problem, Problem) else Problem((problem,))
    return [state.x.copy() for state, _ in zip(iterate(problem, algorithm, x0), range(n), strict=False)]


@pytest.fixture
def counts():
    rng = np.random.default_rng(0)
    scene = rng.gamma(0.3, 60, (12, 11))
    A = Blur(PSF, scene.shape, boundary="periodic")
    return A, rng.poisson(A.apply(scene)).astype(float)


@pytest.mark.parametrize("boundary", ["periodic", "zero", "reflect", "mirror", "nearest", "unknown"])
def test_is_expectation_maximisation_on_a_dense_matrix(counts, boundary):
    _, y = counts
    rng = np.random.default_rng(1)
    A = Blur(PSF, y.shape, boundary=boundary)
    background, weights = rng.uniform(0.1, 1, y.shape), (rng.uniform(size=y.shape) > 0.2) * rng.uniform(0.5, 2, y.shape)
    x0 = rng.uniform(1, 20, A.dims)
    H, x = dense(A), x0.ravel()
    H[np.abs(H) < 1e-14] = 0
    sensitivity = H.T @ weights.ravel()
    for ours in run(Poisson(A, y, background, weights), PLAIN, 10, x0):
        ratio = weights.ravel() * y.ravel() / (H @ x + background.ravel())
        x = np.where(sensitivity > 0, x * (H.T @ ratio) / np.where(sensitivity > 0, sensitivity, 1), x)
        np.testing.assert_allclose(ours.ravel(), x, rtol=1e-9)


def test_equals_scikit_image_away_from_the_edges():
    rng = np.random.default_rng(2)
    y = rng.uniform(0.1, 1, (40, 41))
    A = Blur(PSF / PSF.sum(), y.shape, boundary="zero")
    theirs = skimage_richardson_lucy(y, PSF / PSF.sum(), num_iter=5, clip=False)
    ours = run(Poisson(A, y), PLAIN, 5, np.full(y.shape, 0.5))[-1]
    # each iteration brings what happens at the edge two pixels further in
    np.testing.assert_allclose(ours[10:-10, 10:-10], theirs[10:-10, 10:-10], rtol=1e-10)
    assert np.abs(ours - theirs).max() > 1e-3, "at the edges Aᴴ1 is less than 1"


@pytest.mark.parametrize("algorithm", [PLAIN, RichardsonLucy()], ids=["plain", "accelerated"])
def test_likelihood_is_monotone_and_flux_is_kept(counts, algorithm):
    A, y = counts
    problem = Problem((Poisson(A, y),))
    iterates = run(problem, algorithm, 100)
    objectives = np.array([problem.objective(x) for x in iterates])
    assert np.all(np.diff(objectives) <= 1e-9 * objectives[0])
    assert min(x.min() for x in iterates) >= 0
    np.testing.assert_allclose([A.apply(x).sum() for x in iterates], y.sum(), rtol=1e-10)


def test_acceleration_is_faster(counts):
    A, y = counts
    problem = Problem((Poisson(A, y),))
    assert problem.objective(run(problem, RichardsonLucy(), 30)[-1]) < problem.objective(run(problem, PLAIN, 100)[-1])


def test_guard_holds_where_acceleration_would_overshoot():
    # counts over a strong background are where extrapolation along the last step goes wrong
    rng = np.random.default_rng(3)
    for seed in range(10):
        H = np.random.default_rng(seed).uniform(size=(6, 9)) ** 4
        problem = Problem((Poisson(H, rng.poisson(5, 6).astype(float), 0.1),))
        seen = [s.objective for s, _ in zip(iterate(problem, RichardsonLucy()), range(200), strict=False)]
        assert np.all(np.diff(seen) <= 1e-12 * abs(seen[0]))


@pytest.mark.parametrize("algorithm", [PLAIN, RichardsonLucy()], ids=["plain", "accelerated"])
@pytest.mark.parametrize("bare", [False, True])
def test_meets_the_conditions_of_an_optimum(algorithm, bare):
    rng = np.random.default_rng(4)
    H = rng.uniform(size=(12, 5))
    y = rng.poisson(H @ np.array([0, 3.0, 10, 0, 5]) + 0.5).astype(float)
    x = solve(Poisson(Bare(H) if bare else H, y, 0.5), algorithm, tol=1e-13, max_iterations=100_000).x
    gradient = H.T @ (1 - y / (H @ x + 0.5))
    np.testing.assert_allclose(x * gradient, 0, atol=1e-6)
    assert np.all(gradient >= -1e-6)


def test_several_exposures_are_one_sum(counts):
    _, y = counts
    rng = np.random.default_rng(5)
    psfs = np.full((1, 3), 1 / 3), np.full((3, 1), 1 / 3)
    first, second = (Blur(psf, y.shape, boundary="reflect") for psf in psfs)
    a, b = rng.poisson(first.apply(y)).astype(float), rng.poisson(3 * second.apply(y)).astype(float)
    x0 = np.full(y.shape, 9.0)
    ours = run(Poisson(first, a) + 2 * Poisson(3 * second, b), PLAIN, 5, x0)[-1]
    stacked = np.vstack([dense(first), 3 * dense(second)])
    x, data, w = x0.ravel(), np.r_[a.ravel(), b.ravel()], np.repeat([1.0, 2.0], y.size)
    for _ in range(5):
        x = x * (stacked.T @ (w * data / (stacked @ x))) / (stacked.T @ w)
    np.testing.assert_allclose(ours.ravel(), x, rtol=1e-10)


def test_colour_rides_along(counts):
    _, y = counts
    colour = np.stack([y, 2 * y + 1, y[::-1]], axis=-1)
    A = Blur(PSF, colour.shape, boundary="unknown", axes=(0, 1))
    B = Blur(PSF, y.shape, boundary="unknown")
    x0 = np.full(A.dims, 5.0)
    together = run(Poisson(A, colour), PLAIN, 6, x0)[-1]
    for c in range(3):
        np.testing.assert_allclose(together[..., c], run(Poisson(B, colour[..., c]), PLAIN, 6, x0[..., 0])[-1], rtol=1e-9)


@pytest.mark.parametrize(
    ("boundary", "prior"),
    [
        ("periodic", TotalVariation()),
        ("periodic", TotalVariation(isotropic=False)),
        ("periodic", Sparsity()),
        ("unknown", TotalVariation()),
    ],
    ids=repr,
)
def test_with_a_prior_it_reaches_the_optimum_of_primal_dual(counts, boundary, prior):
    y = counts[1][:6, :6]
    problem = Poisson(Blur(PSF, y.shape, boundary=boundary), y, 1.0) + 0.02 * prior + Nonnegative()
    optimum = solve(problem, PrimalDual(), tol=1e-9, max_iterations=20_000)
    assert optimum.status.success
    ours = solve(problem, RichardsonLucy(), tol=1e-9, max_iterations=3000).objective
    assert ours == pytest.approx(optimum.objective, rel=1e-6)


def test_with_a_smooth_prior_it_reaches_the_optimum_of_a_quasi_newton_method(counts):
    A, y = counts
    problem = Poisson(A, y, 1.0) + 0.002 * Tikhonov()

    def cost(v):
        return problem.objective(v.reshape(y.shape)), problem.gradient(v.reshape(y.shape)).ravel()

    found = scipy.optimize.minimize(
        cost, np.ones(y.size), jac=True, bounds=[(0, None)] * y.size, method="L-BFGS-B", options={"maxiter": 5000, "ftol": 1e-14}
    )
    ours = solve(problem, RichardsonLucy(), tol=1e-10, max_iterations=20_000)
    assert ours.objective == pytest.approx(found.fun, rel=1e-7)


def test_masked_counts_do_not_count_and_what_nothing_sees_stays(counts):
    A, y = counts
    mask = np.ones(y.shape, bool)
    mask[:7, :7] = False
    spoilt = np.where(mask, y, np.nan)
    x0 = np.full(y.shape, 4.0)
    x = run(Poisson(A, spoilt, weights=mask), RichardsonLucy(), 20, x0)[-1]
    assert np.isfinite(x).all()
    np.testing.assert_allclose(x[2:5, 2:5], 4.0)


def test_float32_all_the_way_and_nothing_of_the_users_is_changed(counts):
    A, y = counts
    y = y.astype(np.float32)
    x0 = y + 1
    kept = y.copy(), x0.copy()
    problem = Poisson(A, y, 0.5, y < 100) + 0.01 * TotalVariation() + 0.001 * Tikhonov()
    states = iterate(problem, RichardsonLucy(), x0)
    next(states)
    state = next(states)
    arrays = (state.x, state.step, state.sensitivity, state.lift, *(e.u for e in state.edges))
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(y, kept[0])
    np.testing.assert_array_equal(x0, kept[1])


def test_explains_what_is_done_with_each_term(counts):
    A, y = counts
    text = repr(plan(Poisson(A, y) + 0.1 * TotalVariation() + Nonnegative(), RichardsonLucy()))
    for part in ("KL(y, Blur", "x ≥ 0 by construction", "one step late, its slope found on the way: 0.1 · ‖∇", "4 FFTs"):
        assert part in text


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda A, y: LeastSquares(A, y) + Nonnegative(), ["½‖Blur", "no counts", "Poisson"]),
        (lambda A, y: Poisson(A, y) + Box(0, 1), ["[0 ≤ x ≤ 1]", "PrimalDual"]),
        (lambda A, y: Poisson(A, y) + Sparsity(power=0.5), ["|I x|^0.5"]),
        (lambda A, y: Poisson(-1 * A, y) + Nonnegative(), ["negative samples"]),
    ],
)
def test_refuses_what_it_cannot_take(counts, make, words):
    with pytest.raises(UnsolvableError) as caught:
        solve(make(*counts), RichardsonLucy())
    for word in words:
        assert word in str(caught.value)


def test_a_negative_start_is_refused(counts):
    A, y = counts
    with pytest.raises(ValueError, match="x0 holds -1"):
        solve(Poisson(A, y), RichardsonLucy(), x0=np.full(y.shape, -1.0))


def field(seed, size=40):
    """Stars on a background, as in the cases that ended above their optimum."""
    rng = np.random.default_rng(seed)
    A = Blur(gaussian(sigma=1.2), (size, size), boundary="zero")
    scene = np.zeros((size, size))
    scene[rng.integers(4, size - 4, 25), rng.integers(4, size - 4, 25)] = rng.random(25) * 2000
    return Poisson(A, rng.poisson(A.apply(scene) + 2.0), background=2.0)


def photograph(name, peak, background=0.0):
    scene = getattr(skimage.data, name)()[100:148, 100:148] / 255.0
    A = Blur(np.full((5, 5), 1 / 25), scene.shape, boundary="reflect")
    counts = np.random.default_rng(1).poisson(peak * A.apply(scene) + background)
    return Poisson(A, counts, background=background)


SCENES = {f"stars {seed}": lambda seed=seed: field(seed) for seed in range(2)} | {
    "camera": lambda: photograph("camera", 50.0),
    "moon": lambda: photograph("moon", 200.0, 10.0),
}


def bounded_quasi_newton(problem):
    """Return the optimum over x ≥ 0 by SciPy's L-BFGS-B."""
    term = problem.terms[0]
    dims = term.operator.dims

    def cost(v):
        x = v.reshape(dims)
        return term.value(x), term.gradient(x).ravel()

    start = np.maximum(Problem((term,)).initial(), 1).ravel()
    options = {"maxiter": 3000, "maxfun": 10_000, "ftol": 1e-15, "gtol": 1e-9, "maxcor": 20}
    return scipy.optimize.minimize(cost, start, jac=True, bounds=[(0, None)] * start.size, method="L-BFGS-B", options=options).fun


@pytest.mark.parametrize("scene", SCENES)
def test_acceleration_reaches_the_optimum_in_a_third_of_the_iterations(scene):
    problem = Problem((SCENES[scene](),))
    least = bounded_quasi_newton(problem)
    accelerated = solve(problem, RichardsonLucy(), tol=1e-5, max_iterations=2000)
    assert accelerated.status.success
    assert accelerated.objective <= least * (1 + 1e-4)
    # to where the plain iteration is after 600
    level = solve(problem, PLAIN, tol=0, max_iterations=600).objective
    found = solve(problem, RichardsonLucy(), tol=0, max_iterations=200, stops=[objective_below(problem, level)])
    assert found.status.name == "objective reached"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_pixel_is_left_at_zero_where_it_should_grow(dtype):
    term = field(0)
    problem = Problem((Poisson(term.operator, term.functional.counts.astype(dtype), background=2.0),))
    x = solve(problem, RichardsonLucy(), tol=0, max_iterations=1500).x
    assert x.min() > 0
    # x g = 0 and g ≥ 0, relative to the sensitivity, which is 1 but for the edges
    gradient = problem.gradient(x)
    assert gradient.min() > (-1e-2 if dtype == np.float32 else -1e-4)
    assert np.abs(x * gradient).max() < 1e-3 * x.max()


def test_the_residual_is_what_is_left_of_the_conditions_of_the_optimum():
    problem = Problem((field(1),))
    A, f = problem.operator, problem.terms[0].functional
    sensitivity = A.apply_adjoint(np.ones(A.dimsd))
    mean = np.sum(f.counts - 2.0, where=f.counts > 2) / sensitivity.sum()
    z = None
    for state, _ in zip(iterate(problem, PLAIN), range(4), strict=False):
        if z is not None:
            gradient = sensitivity - A.apply_adjoint(f.counts / (A.apply(z) + 2.0))
            left = np.hypot(np.linalg.norm(z * gradient), mean * np.linalg.norm(np.minimum(gradient, 0)))
            assert state.residual == pytest.approx(left / np.linalg.norm(state.x * sensitivity), rel=1e-9)
        z = state.x.copy()


def test_zero_everywhere_is_no_optimum():
    problem = Problem((field(1),))
    assert not solve(problem, RichardsonLucy(), x0=np.zeros(problem.dims), max_iterations=5).status.success


def test_the_plan_takes_it_for_counts_alone():
    problem = field(2) + Nonnegative()
    assert isinstance(plan(problem).algorithm, RichardsonLucy)
    assert not isinstance(plan(problem + 0.01 * TotalVariation()).algorithm, RichardsonLucy)
    A = Blur([-0.2, 1.4, -0.2], (30,), boundary="periodic")
    sharpened = Poisson(A, np.full(30, 5.0)) + Nonnegative()
    assert not isinstance(plan(sharpened).algorithm, RichardsonLucy), "negative samples"
    theirs = solve(problem, SplitBregman(), tol=1e-6, max_iterations=10_000).objective
    assert solve(problem, tol=1e-6).objective == pytest.approx(theirs, rel=1e-4)


@pytest.mark.parametrize("others", [lambda: 0, TotalVariation, lambda: Box(-1, 5)], ids=["alone", "tv", "box"])
def test_counts_that_nothing_keeps_above_zero_are_refused_with_what_would(others):
    problem = Poisson(np.eye(3), np.ones(3)) + others() if others is not TotalVariation else field(0) + 0.1 * TotalVariation()
    with pytest.raises(ValueError, match=r"add Nonnegative\(\)"):
        plan(problem)
