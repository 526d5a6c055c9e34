import numpy as np
import pytest
import scipy.fft
import scipy.linalg
import scipy.optimize
from skimage import data

from unblur.inversion import Box, LeastSquares, SplitBregman, Tikhonov, TotalVariation, UnsolvableError, iterate, plan, solve
from unblur.operators import Blur, Gradient, Identity, aslinearoperator, from_functions


def dense(A):
    """Return the matrix of an operator, column by column."""
    return np.stack([A.apply(e.reshape(A.dims)).ravel() for e in np.eye(A.shape[1])], axis=1)


def primal_dual(H, y, D, weight, groups, iterations=60_000):
    """Minimise ½‖Hx − y‖² + weight Σ‖(Dx)_g‖ by Chambolle and Pock on dense matrices, data and prior both dualised.

    `groups` is how D's rows are arranged: the norm is taken over the first axis of (groups, -1).
    """
    step = 0.99 / np.linalg.norm(np.vstack([H, D]), 2)
    x = bar = np.zeros(H.shape[1])
    q, p = np.zeros(len(H)), np.zeros(len(D))
    for _ in range(iterations):
        q = (q + step * (H @ bar - y)) / (1 + step)
        p = p + step * (D @ bar)
        vectors = p.reshape(groups, -1)
        p = (vectors / np.maximum(1, np.linalg.norm(vectors, axis=0) / weight)).ravel()
        new = x - step * (H.T @ q + D.T @ p)
        bar, x = 2 * new - x, new
    return 0.5 * np.sum((H @ x - y) ** 2) + weight * np.linalg.norm((D @ x).reshape(groups, -1), axis=0).sum()


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(0)
    x = np.zeros((14, 15))
    x[3:9, 4:11] = 1
    return x + 0.02 * rng.normal(size=x.shape)


def test_anisotropic_optimum_is_that_of_a_dense_quadratic_programme(scene):
    # the dual of ½‖Hx − y‖² + w‖Dx‖₁ is a least-squares problem over a box, which has an exact solver
    psf = np.array([[0.02, 0.1, 0.02], [0.1, 0.52, 0.1], [0.02, 0.1, 0.02]])
    A = Blur(psf, scene.shape, boundary="periodic")
    y, weight = A.apply(scene), 0.02
    problem = LeastSquares(A, y) + weight * TotalVariation(isotropic=False)
    H, D = dense(A), dense(Gradient(A))
    L = np.linalg.cholesky(H.T @ H)
    solution = scipy.optimize.lsq_linear(
        scipy.linalg.solve_triangular(L, D.T, lower=True),
        scipy.linalg.solve_triangular(L, H.T @ y.ravel(), lower=True),
        bounds=(-weight, weight),
        tol=1e-14,
        max_iter=1000,
    )
    x = np.linalg.solve(H.T @ H, H.T @ y.ravel() - D.T @ solution.x)
    optimum = 0.5 * np.sum((H @ x - y.ravel()) ** 2) + weight * np.abs(D @ x).sum()
    result = solve(problem, tol=1e-9, max_iterations=20_000)
    assert result.objective == pytest.approx(optimum, rel=1e-6)


@pytest.mark.parametrize("boundary", ["periodic", "unknown"])
def test_isotropic_optimum_is_that_of_a_long_run_of_another_method(scene, boundary):
    A = Blur(np.full((3, 3), 1 / 9), (9, 10), boundary=boundary)
    y, weight = scene[2:11, 3:13], 0.02
    problem = LeastSquares(A, y) + weight * TotalVariation()
    optimum = primal_dual(dense(A), y.ravel(), dense(Gradient(A)), weight, groups=2)
    result = solve(problem, tol=1e-9, max_iterations=20_000)
    assert result.status.success
    assert result.objective == pytest.approx(optimum, rel=1e-6)


def test_colour_is_one_joint_norm(scene):
    rng = np.random.default_rng(3)
    y = np.stack([scene[:8, :8], 0.5 * scene[:8, :8], rng.normal(size=(8, 8)) * 0.1], axis=-1)
    A = Blur(np.full((3, 3), 1 / 9), y.shape, axes=(0, 1), boundary="periodic")
    problem = LeastSquares(A, y) + 0.02 * TotalVariation()
    D = dense(Gradient(A)).reshape(2, 64, 3, -1).transpose(0, 2, 1, 3).reshape(2 * 3 * 64, -1)
    optimum = primal_dual(dense(A), y.ravel(), D, 0.02, groups=6)
    assert solve(problem, tol=1e-9, max_iterations=20_000).objective == pytest.approx(optimum, rel=1e-6)


@pytest.mark.parametrize("boundary", ["periodic", "unknown"])
@pytest.mark.parametrize("box", [False, True])
def test_the_solution_does_not_depend_on_penalty_relaxation_or_start(scene, boundary, box):
    A = Blur(np.full((3, 3), 1 / 9), scene.shape, boundary=boundary)
    problem = LeastSquares(A, scene) + 0.01 * TotalVariation()
    if box:
        problem = problem + Box(0, 1)
    first = next(iterate(problem, SplitBregman()))
    default = [s.penalty for s in first.splits]
    rng = np.random.default_rng(4)
    objectives = []
    for factor, relaxation in ((1, 1.8), (10, 1.8), (1 / 10, 1.8), (1, 1.0)):
        algorithm = SplitBregman(penalty=[factor * p for p in default], relaxation=relaxation)
        x = solve(problem, algorithm, x0=rng.normal(size=A.dims), tol=5e-7, max_iterations=20_000).x
        objectives.append(problem.objective(np.clip(x, 0, 1) if box else x))
    np.testing.assert_allclose(objectives, objectives[0], rtol=1e-5)


def test_quadratic_problem_behind_a_crop_equals_the_dense_solution(scene):
    A = Blur(np.full((3, 4), 1 / 12), (8, 9), boundary="unknown")
    y = scene[:8, :9]
    result = solve(LeastSquares(A, y) + 0.1 * Tikhonov(), tol=1e-12, max_iterations=50_000)
    H, D = dense(A), dense(Gradient(A))
    expected = scipy.linalg.solve(H.T @ H + 0.1 * D.T @ D, H.T @ y.ravel())
    np.testing.assert_allclose(result.x.ravel(), expected, atol=1e-7)
    np.testing.assert_array_equal(result.image, A.crop(result.x))


def test_masked_samples_do_not_count(scene):
    rng = np.random.default_rng(5)
    A = Blur(np.full((3, 3), 1 / 9), (8, 8), boundary="unknown")
    y, mask = scene[:8, :8].copy(), rng.uniform(size=(8, 8)) > 0.2
    D, H = dense(Gradient(A)), dense(A)
    expected = scipy.linalg.solve(H.T @ (mask.ravel()[:, None] * H) + 0.1 * D.T @ D, H.T @ (mask * y).ravel())
    y[~mask] = np.nan
    result = solve(LeastSquares(A, y, weights=mask) + 0.1 * Tikhonov(), tol=1e-12, max_iterations=50_000)
    np.testing.assert_allclose(result.x.ravel(), expected, atol=1e-7)


@pytest.mark.parametrize(("factor", "boundary"), [(1e-3, "periodic"), (1e3, "periodic"), (1e-3, "unknown"), (1e3, "nearest")])
def test_balancing_mends_penalties_that_are_far_off(scene, factor, boundary):
    A = Blur(np.full((3, 3), 1 / 9), scene.shape, boundary=boundary)
    problem = LeastSquares(A, scene) + 0.01 * TotalVariation()
    optimum = solve(problem, tol=1e-8, max_iterations=5000).objective
    penalty = [factor * s.penalty for s in SplitBregman().start(problem).splits]
    left, mended = (
        solve(problem, SplitBregman(penalty, balancing=balancing), tol=0, max_iterations=100).objective - optimum
        for balancing in (False, True)
    )
    assert mended < 0.2 * left


def test_the_residual_never_grows(scene):
    A = Blur(np.full((3, 3), 1 / 9), scene.shape, boundary="unknown")
    states = iterate(LeastSquares(A, scene) + 0.01 * TotalVariation(), SplitBregman(relaxation=1.0, balancing=False))
    steps = []
    for state, _ in zip(states, range(50), strict=False):
        length = sum(s.penalty * np.sum((s.v + s.u) ** 2) for s in state.splits)
        steps.append(state.residual * np.sqrt(length))
    assert np.all(np.diff(steps) <= 1e-12)


@pytest.mark.parametrize("boundary", ["periodic", "unknown"])
def test_float32_all_the_way(scene, boundary):
    A = Blur(np.full((3, 3), 1 / 9), scene.shape, boundary=boundary)
    problem = LeastSquares(A, scene.astype(np.float32)) + 0.01 * TotalVariation() + Box(0, 1)
    state = next(iterate(problem, SplitBregman()))
    division = state.update.division
    arrays = [state.x, *(a for s in state.splits for a in (s.w, s.u, s.v, s.K.apply(state.x)))]
    arrays += [a for a in ([division.inverse] if division.symbols else [division.known]) if a is not None]
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}
    assert {h.dtype for h in division.symbols} <= {np.dtype(np.complex64)}


@pytest.mark.parametrize("boundary", ["periodic", "unknown"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_step_allocates_no_image(boundary, dtype, one_thread):
    import tracemalloc

    A = Blur(np.full((5, 5), 1 / 25), (1000, 1000), boundary=boundary)
    y = np.random.default_rng(0).uniform(size=(1000, 1000)).astype(dtype)
    states = iterate(LeastSquares(A, y) + 0.01 * TotalVariation() + Box(0, 1), SplitBregman())
    next(states)
    tracemalloc.start()
    try:
        next(states)
        assert tracemalloc.get_traced_memory()[1] < y.nbytes / 4
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("scale", [1e-6, 1e6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scaling_the_data_and_the_weight_scales_the_answer(scene, scale, dtype):
    A = Blur(np.full((3, 3), 1 / 9), scene.shape, boundary="unknown")
    one, other = (
        solve(LeastSquares(A, (s * scene).astype(dtype)) + s * 0.01 * TotalVariation(), tol=0, max_iterations=60).x
        for s in (1, scale)
    )
    np.testing.assert_allclose(other / scale, one, atol=1e-3 if dtype == np.float32 else 1e-9)


def test_nothing_of_the_users_is_changed(scene):
    A = Blur(np.full((3, 3), 1 / 9), scene.shape, boundary="periodic")
    y, x0 = scene.copy(), scene.copy()
    solve(LeastSquares(A, y) + 0.01 * TotalVariation(), x0=x0, max_iterations=5, tol=0)
    np.testing.assert_array_equal(y, scene)
    np.testing.assert_array_equal(x0, scene)


def test_fft_count_is_what_the_plan_says(scene, monkeypatch):
    from unblur.operators import Fourier

    # a box is convolved along one axis after the other; this kernel wants FFTs
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]]) / 5
    for boundary, expected in (("periodic", 2), ("unknown", 4)):
        A = Blur(cross, scene.shape, boundary=boundary)
        problem = LeastSquares(A, scene) + 0.01 * TotalVariation()
        assert plan(problem).ffts == expected
        states = iterate(problem, SplitBregman())
        next(states)
        count = 0
        with monkeypatch.context() as patch:
            for name in ("forward", "inverse"):
                original = getattr(Fourier, name)

                def counted(*args, original=original):
                    nonlocal count
                    count += 1
                    return original(*args)

                patch.setattr(Fourier, name, counted)
            next(states)
        assert count == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"penalty": 0}, "penalty is 0"),
        ({"penalty": [1, -1]}, "penalty is"),
        ({"penalty": np.nan}, "penalty is nan"),
        ({"relaxation": 2.0}, "relaxation is 2.0"),
        ({"relaxation": 0.5}, "relaxation is 0.5"),
    ],
)
def test_bad_options_are_refused_by_name(options, words):
    with pytest.raises(ValueError, match=words):
        SplitBregman(**options)


def test_a_wrong_number_of_penalties_is_refused(scene):
    A = Blur(np.full((3, 3), 1 / 9), scene.shape, boundary="periodic")
    with pytest.raises(ValueError, match="penalty has 3 numbers, but 1"):
        solve(LeastSquares(A, scene) + TotalVariation(), SplitBregman(penalty=[1, 1, 1]))


def test_refuses_what_no_transform_diagonalises(scene):
    A = Blur(np.full((3, 3), 1 / 9), scene.shape, boundary="periodic")
    D = Gradient(A, boundary="nearest")
    problem = LeastSquares(A, scene) + TotalVariation(D)
    with pytest.raises(UnsolvableError, match=r"does not diagonalise.*Gradient\(A\)"):
        plan(problem, SplitBregman(inner_iterations=0))
    assert "conjugate gradients" in repr(plan(problem))


@pytest.mark.parametrize("boundary", ["zero", "mirror", "nearest", "reflect"])
def test_inexact_updates_reach_the_optimum(scene, boundary):
    psf = np.array([[0.1, 0.2], [0.3, 0.25], [0.05, 0.1]])
    A = Blur(psf, (8, 9), boundary=boundary)
    y, weight = scene[2:10, 3:12], 0.02
    problem = LeastSquares(A, y) + weight * TotalVariation(Gradient(A))
    optimum = primal_dual(dense(A), y.ravel(), dense(Gradient(A)), weight, groups=2)
    result = solve(problem, SplitBregman(), tol=1e-8, max_iterations=20_000)
    assert result.objective == pytest.approx(optimum, rel=1e-6)


def test_a_symmetric_blur_under_reflection_is_exact_in_cosines(scene):
    A = Blur(np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16, (8, 9), boundary="reflect")
    y, weight = scene[2:10, 3:12], 0.02
    problem = LeastSquares(A, y) + weight * TotalVariation()
    assert isinstance(plan(problem).algorithm, SplitBregman)
    assert "Cosine" in repr(plan(problem))
    optimum = primal_dual(dense(A), y.ravel(), dense(Gradient(A)), weight, groups=2)
    assert solve(problem, tol=1e-9, max_iterations=20_000).objective == pytest.approx(optimum, rel=1e-6)
    single = solve(LeastSquares(A, y.astype(np.float32)) + weight * TotalVariation(), max_iterations=10, tol=0)
    assert single.x.dtype == np.float32


def test_an_operator_of_nothing_but_matvec_and_rmatvec(scene):
    class Plain:
        shape, dtype = (64, 64), np.dtype(float)

        def __init__(self, A):
            self.A = A

        def matvec(self, x):
            return self.A.matvec(x)

        def rmatvec(self, y):
            return self.A.rmatvec(y)

    A = Blur(np.full((3, 3), 1 / 9), (8, 8), boundary="periodic")
    D = Gradient((8, 8), boundary="periodic")
    y = scene[:8, :8]
    known = LeastSquares(A, y) + 0.02 * TotalVariation(D)
    gradient = from_functions(
        lambda x: D.apply(x.reshape(8, 8)).reshape(2, 64),
        lambda p: D.apply_adjoint(p.reshape(2, 8, 8)).ravel(),
        (64,),
        (2, 64),
    )
    plain = LeastSquares(aslinearoperator(Plain(A)), y.ravel()) + 0.02 * TotalVariation(gradient)
    expected = solve(known, tol=1e-9, max_iterations=20_000)
    result = solve(plain, SplitBregman(), tol=1e-9, max_iterations=20_000)
    assert result.objective == pytest.approx(expected.objective, rel=1e-7)


def test_denoising_agrees_with_chambolles_method_in_scikit_image():
    from skimage import data
    from skimage.restoration import denoise_tv_chambolle

    y = data.camera()[200:240, 200:248] / 255
    problem = LeastSquares(Identity(y.shape), y) + 0.1 * TotalVariation(Gradient(y.shape, boundary="nearest"))
    theirs = denoise_tv_chambolle(y, weight=0.1, eps=1e-12, max_num_iter=20_000)
    ours = solve(problem, tol=1e-8, max_iterations=5000)
    assert ours.objective <= problem.objective(theirs) * (1 + 1e-9)
    np.testing.assert_allclose(ours.x, theirs, atol=2e-4)


@pytest.mark.parametrize("boundary", ["periodic", "unknown"])
@pytest.mark.parametrize("colour", [False, True])
def test_single_and_double_precision_agree(boundary, colour):
    image = data.astronaut()[100:228, 100:228] / 255.0 if colour else data.camera()[100:228, 100:228] / 255.0
    A = Blur(np.full((5, 5), 1 / 25), image.shape, boundary=boundary, axes=(0, 1))
    y = A.apply(A.extend(image)) + 0.01 * np.random.default_rng(1).normal(size=image.shape)
    answers = [solve(LeastSquares(A, y.astype(t)) + 6e-4 * TotalVariation() + Box(0, 1)).x for t in (np.float32, np.float64)]
    assert [x.dtype for x in answers] == [np.float32, np.float64]
    assert np.abs(answers[0] - answers[1]).max() <= 1e-3


def test_ffts_of_another_library_come_in_by_scipys_backends():
    class Counting:
        __ua_domain__ = "numpy.scipy.fft"
        calls = 0

        @classmethod
        def __ua_function__(cls, method, args, kwargs):
            cls.calls += 1
            with scipy.fft.skip_backend(cls):
                # some libraries give their results in another order of memory
                return np.asfortranarray(method(*args, **kwargs))

    A = Blur(np.random.default_rng(0).uniform(size=(3, 4)), (20, 21), boundary="unknown")
    problem = LeastSquares(A, np.ones((20, 21))) + 0.1 * TotalVariation()
    expected = solve(problem, SplitBregman(), tol=0, max_iterations=2).x
    states = iterate(problem, SplitBregman())
    next(states)
    with scipy.fft.set_backend(Counting):
        x = next(states).x
    # rfft and fft of two arrays, ifft and irfft of two
    assert Counting.calls == 8
    np.testing.assert_allclose(x, expected, rtol=1e-12)
