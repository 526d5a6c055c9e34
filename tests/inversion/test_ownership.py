"""What the user gave stays the user's: nothing of it changes, and nothing that becomes of it later changes an answer."""

import numpy as np
import pylops
import pytest
import scipy.sparse
import scipy.sparse.linalg

from unblur.inversion import (
    CG,
    LBFGS,
    Box,
    Denoiser,
    Distance,
    GradientDescent,
    Huber,
    LeastAbsolute,
    LeastSquares,
    NewtonCG,
    Poisson,
    PrimalDual,
    ProximalGradient,
    RichardsonLucy,
    Smooth,
    Sparsity,
    SplitBregman,
    Term,
    Tikhonov,
    TotalVariation,
    plan,
    solve,
)
from unblur.operators import Blur, ChannelMix, Convolve2D, Gradient, Identity, Mask, Operator, VaryingBlur, from_functions

from .test_reuse import CASES, OPTIONS

SHAPE = (12, 14)


def fresh(seed=0, shape=SHAPE, low=0.2):
    return np.random.default_rng(seed).uniform(low, 1, shape)


PSF = np.outer([1, 2, 1], [1, 3, 1.0]) / 20
BLUR = Blur(PSF, SHAPE, boundary="periodic")
#: what is made of an array, which is written to afterwards, and its shape
GIVEN = {
    "data": (lambda a: LeastSquares(BLUR, a) + 0.1 * Tikhonov(), SHAPE),
    "flat data": (lambda a: LeastSquares(BLUR, a) + 0.1 * Tikhonov(), (168,)),
    "data with weights": (lambda a: LeastSquares(BLUR, a, fresh(1)) + 0.1 * Tikhonov(), SHAPE),
    "weights": (lambda a: LeastSquares(BLUR, fresh(1), a) + 0.1 * Tikhonov(), SHAPE),
    "counts": (lambda a: Poisson(BLUR, a) + 0.1 * TotalVariation() + Box(0, 2), SHAPE),
    "background": (lambda a: Poisson(BLUR, fresh(1), a) + Box(0, 2), SHAPE),
    "weights of counts": (lambda a: Poisson(BLUR, fresh(1), weights=a) + Box(0, 2), SHAPE),
    "data with outliers": (lambda a: Huber(BLUR, a, 0.1) + 0.1 * Tikhonov(), SHAPE),
    "data with impulses": (lambda a: LeastAbsolute(BLUR, a) + 0.1 * TotalVariation(), SHAPE),
    "data at a distance": (lambda a: Distance(BLUR, a) + 0.1 * TotalVariation(), SHAPE),
    "target": (lambda a: LeastSquares(BLUR, fresh(1)) + Tikhonov(Identity(SHAPE), a), SHAPE),
    "offset": (lambda a: LeastSquares(BLUR, fresh(1)) + 0.1 * Term(Absolute(), offset=a), SHAPE),
    "data of a smooth term": (lambda a: Smooth(quartic, quartics_slope, data=a), SHAPE),
    "bounds": (lambda a: LeastSquares(BLUR, fresh(1)) + Box(0, a, dims=SHAPE), SHAPE),
    "PSF": (lambda a: LeastSquares(Blur(a, SHAPE, boundary="reflect"), fresh(1)) + 0.1 * Tikhonov(), (3, 3)),
    "PSF on its side": (lambda a: LeastSquares(Blur(a, SHAPE, boundary="reflect", axes=(1, 0)), fresh(1)), (3, 3)),
    "PSFs": (lambda a: LeastSquares(VaryingBlur(a, SHAPE, boundary="periodic"), fresh(1)) + 0.1 * Tikhonov(), (1, 2, 3, 3)),
    "PSF of a convolution": (lambda a: LeastSquares(Convolve2D(SHAPE, a, (1, 1)), fresh(1)) + 0.1 * Tikhonov(), (3, 3)),
    "colours": (lambda a: LeastSquares(ChannelMix(a, SHAPE), fresh(1)) + Tikhonov(Identity(SHAPE)), (14, 14)),
    "matrix": (lambda a: LeastSquares(a, fresh(1, (9,))), (9, 9)),
    "sparse matrix": (lambda a: LeastSquares(scipy.sparse.csr_array(a), fresh(1, (9,))), (9, 9)),
}


class Absolute:
    def value(self, z):
        return float(np.abs(z).sum())

    def prox(self, v, step, out):
        np.copyto(out, np.sign(v) * np.maximum(np.abs(v) - step, 0))
        return out


def quartic(z):
    return np.sum((z - 0.5) ** 4)


def quartics_slope(z):
    return 4 * (z - 0.5) ** 3


@pytest.mark.parametrize("name", GIVEN)
def test_a_buffer_that_is_used_again_changes_no_answer(name):
    make, shape = GIVEN[name]
    given = fresh(2, shape)
    want = solve(make(given.copy()), **OPTIONS)
    want_objective = want.objective
    problem = make(given)
    before = solve(problem, **OPTIONS)
    planned = plan(problem)
    given *= 0.5
    assert before.objective == want_objective
    np.testing.assert_equal(before.gap, want.gap)
    for after in (solve(problem, **OPTIONS), planned.solve(**OPTIONS)):
        np.testing.assert_array_equal(after.x, want.x)
    # and nothing was written to it
    np.testing.assert_array_equal(given, 0.5 * fresh(2, shape))


def test_a_matrix_that_changes_is_another():
    dense, sparse = fresh(3, (9, 9)), scipy.sparse.csr_array(fresh(3, (9, 9)))
    for matrix, values in ((dense, dense), (sparse, sparse.data)):
        problem = LeastSquares(matrix, np.ones(9)) + Tikhonov(np.eye(9))
        want = solve(problem, CG(), **OPTIONS).x
        values *= 2
        np.testing.assert_array_equal(solve(problem, CG(), **OPTIONS).x, want)


def test_what_operators_show_of_themselves_cannot_be_written_to():
    varying = VaryingBlur(np.ones((1, 2, 3, 3)), SHAPE, boundary="periodic")
    for array in (BLUR.psf, Mask(fresh() > 0.5).mask, varying.psfs, Convolve2D(SHAPE, PSF).h):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_frame_is_copied_no_more_than_once(dtype, monkeypatch):
    import tracemalloc

    y = fresh(shape=(512, 512)).astype(dtype)
    problem = LeastSquares(Blur(PSF, y.shape, boundary="periodic"), y) + 0.1 * Tikhonov()
    tracemalloc.start()
    problem.with_data(y)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # a copy, and what tells whether it is finite
    assert most <= y.nbytes + y.size + 100_000


@pytest.mark.parametrize("name", CASES)
def test_a_start_is_left_alone(name):
    algorithm, problem = CASES[name]
    if name == "HybridLSQR":
        pytest.skip("it takes no start")
    x0 = fresh(shape=problem.operator.dims if hasattr(problem, "operator") else SHAPE)
    given = x0.copy()
    result = solve(problem, algorithm, x0=x0, **OPTIONS)
    np.testing.assert_array_equal(x0, given)
    assert not np.may_share_memory(result.x, x0)
    want = result.x.copy()
    x0[...] = np.nan
    np.testing.assert_array_equal(result.x, want)


# -- functions that write to what they are given, or use one buffer for all that they return ----------


def spoiling(function, buffer=None):
    """Return a function that does the same, then fills its argument, and returns the same buffer each time."""

    def spoil(z, *rest):
        result = np.array(function(z, *rest))
        z[...] = 1e3
        if not np.ndim(result):
            return float(result)
        if buffer is None:
            return result
        buffer[...] = result
        return buffer

    return spoil


class SpoilingFunctional:
    bounded_below = True
    lipschitz = 1.0

    def __init__(self, spoil):
        self.value = (spoiling if spoil else lambda f: f)(lambda z: 0.5 * np.sum(z**2))
        self.gradient = (spoiling if spoil else lambda f, b: f)(lambda z: z, np.empty(SHAPE))
        self._prox = (spoiling if spoil else lambda f, b: f)(lambda v, step: v / (1 + step), np.empty(SHAPE))

    def prox(self, v, step, out):
        return self._prox(v, step)


class SpoilingOperator(Operator):
    def __init__(self, spoil):
        super().__init__(SHAPE, SHAPE)
        self.spoil = spoil

    def _apply(self, x, out):
        result = 0.5 * x
        if self.spoil:
            x[...] = 1e3
        if out is None:
            return result
        out[...] = result
        return out

    _apply_adjoint = _apply


class Duck:
    """An operator of nobody's library."""

    shape, dtype, dims, dimsd = (168, 168), np.dtype(float), SHAPE, SHAPE

    def __init__(self, spoil):
        half = (spoiling if spoil else lambda f, b: f)(lambda x: 0.5 * x, np.empty(168))
        self.matvec = self.rmatvec = half


def halving(spoil):
    buffers = np.empty(SHAPE), np.empty(SHAPE)
    pair = [(spoiling if spoil else lambda f, b: f)(lambda x: 0.5 * x, b) for b in buffers]
    return from_functions(*pair, SHAPE)


def scipys(spoil):
    pair = [(spoiling if spoil else lambda f, b: f)(lambda x: 0.5 * x, np.empty(168)) for _ in range(2)]
    return scipy.sparse.linalg.LinearOperator((168, 168), matvec=pair[0], rmatvec=pair[1], dtype=float)


def pylopss(spoil):
    pair = [(spoiling if spoil else lambda f, b: f)(lambda x: 0.5 * x, np.empty(168)) for _ in range(2)]
    return 2.0 * pylops.FunctionOperator(*pair, 168, 168, dtype=float)


OPERATORS = {
    "from_functions": halving,
    "SciPy": scipys,
    "PyLops": pylopss,
    "subclass": SpoilingOperator,
    "duck": Duck,
}
QUADRATIC = [CG(), GradientDescent(), LBFGS(), NewtonCG(), SplitBregman(), PrimalDual(), ProximalGradient()]


@pytest.mark.parametrize("algorithm", QUADRATIC, ids=lambda a: type(a).__name__)
@pytest.mark.parametrize("name", OPERATORS)
def test_operators_may_write_to_their_argument(name, algorithm):
    def answer(spoil):
        A = OPERATORS[name](spoil)
        y = fresh().reshape(getattr(A, "dimsd", (168,)) if name not in ("SciPy", "PyLops") else (168,))
        return solve(LeastSquares(A, y) + 0.1 * Tikhonov(Identity(y.shape)), algorithm, **OPTIONS).x

    np.testing.assert_array_equal(answer(True), answer(False))


@pytest.mark.parametrize("algorithm", [SplitBregman(), PrimalDual(), ProximalGradient(), LBFGS(), NewtonCG(), GradientDescent()])
def test_functionals_may_write_to_their_argument(algorithm):
    def answer(spoil):
        problem = LeastSquares(BLUR, fresh()) + 0.1 * Term(SpoilingFunctional(spoil))
        result = solve(problem, algorithm, **OPTIONS)
        return result.x, result.objective

    for one, other in zip(answer(True), answer(False), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("algorithm", [LBFGS(), NewtonCG(), GradientDescent(), RichardsonLucy()])
def test_smooth_terms_may_write_to_their_argument(algorithm):
    def answer(spoil):
        value = (spoiling if spoil else lambda f: f)(quartic)
        slope = (spoiling if spoil else lambda f, b: f)(quartics_slope, np.empty(SHAPE))
        data = Poisson if isinstance(algorithm, RichardsonLucy) else LeastSquares
        return solve(data(BLUR, fresh()) + 0.1 * Smooth(value, slope, Identity(SHAPE)), algorithm, **OPTIONS).x

    np.testing.assert_array_equal(answer(True), answer(False))


def test_denoisers_may_write_to_their_argument():
    def answer(spoil):
        f = (spoiling if spoil else lambda f, b: f)(lambda z, sigma: (z + np.roll(z, 1, 0)) / 2, np.empty(SHAPE))
        return solve(LeastSquares(BLUR, fresh()) + 0.01 * Denoiser(f), **OPTIONS).x

    np.testing.assert_array_equal(answer(True), answer(False))


# -- what a functional may leave out ------------------------------------------------------------------


class Huge(Absolute):
    """Returns a new array, whatever `out` is."""

    def prox(self, v, step, out):
        return np.sign(v) * np.maximum(np.abs(v) - step, 0)


class Silent(Absolute):
    """Writes to `out`, and returns nothing."""

    def prox(self, v, step, out):
        out[...] = 0
        large = np.abs(v) > step
        out[large] = v[large] - step * np.sign(v[large])


@pytest.mark.parametrize("kind", [Absolute, Huge, Silent])
@pytest.mark.parametrize("algorithm", [None, SplitBregman(), PrimalDual(), ProximalGradient()], ids=repr)
@pytest.mark.parametrize("where", [None, "gradient", "blur"])
def test_a_value_and_a_prox_are_enough(kind, algorithm, where):
    A = {None: None, "gradient": Gradient(BLUR), "blur": Blur(PSF, SHAPE, boundary="zero")}[where]
    if isinstance(algorithm, ProximalGradient) and A is not None:
        pytest.skip("it takes a prox of x itself")
    # its steps are those of the same norm, and where it is slow it need not come to an end
    options = {"tol": 0, "max_iterations": 60} if isinstance(algorithm, PrimalDual) else {"tol": 1e-7, "max_iterations": 5000}
    own = solve(LeastSquares(BLUR, fresh()) + 0.05 * Term(kind(), A), algorithm, **options)
    ours = solve(LeastSquares(BLUR, fresh()) + 0.05 * Sparsity(A), algorithm, **options)
    assert own.status.success
    assert own.objective == pytest.approx(ours.objective, rel=1e-5)
    assert np.isnan(own.gap)
    assert "conjugate" in own.certificate.note


def test_what_is_no_functional_is_refused():
    class Nothing:
        pass

    for wrong, words in (
        (Nothing(), "no value"),
        (Absolute, "the class Absolute"),
        (None, "value"),
    ):
        with pytest.raises(TypeError, match=f"^functional is .*{words}"):
            Term(wrong)

    class Wrong(Absolute):
        def value(self, z):
            return np.abs(z)

        def prox(self, v, step, out):
            return np.zeros(3)

    term = LeastSquares(BLUR, fresh()) + Term(Wrong())
    with pytest.raises(TypeError, match="must return one real number"):
        term.objective(fresh())
    with pytest.raises(ValueError, match="gave an array of shape"):
        term.terms[1].prox(fresh(), 1.0, np.empty(SHAPE))
