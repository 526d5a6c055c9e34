"""What is given wrong is named, with what to give in its place, before any work is done."""

import numpy as np
import pylops
import pytest
import scipy.sparse.linalg

from unblur.inversion import (
    CG,
    GCV,
    LBFGS,
    UPRE,
    Box,
    Checkpoint,
    Denoiser,
    Discrepancy,
    Distance,
    GradientDescent,
    Huber,
    HybridLSQR,
    LeastAbsolute,
    LeastSquares,
    NewtonCG,
    PlugAndPlay,
    Poisson,
    PrimalDual,
    ProximalGradient,
    Record,
    RichardsonLucy,
    Smooth,
    Sparsity,
    SplitBregman,
    Tikhonov,
    TotalVariation,
    Whiteness,
    certify,
    estimate_sigma,
    iterate,
    plan,
    sliding_dct,
    solve,
    stops,
)
from unblur.operators import (
    Blur,
    Convolve2D,
    Crop,
    FirstDerivative,
    FourierTransform,
    Gradient,
    Identity,
    Mask,
    Operator,
    Stack,
    VaryingBlur,
    Wavelet,
    aslinearoperator,
    from_functions,
    set_workers,
)

Y = np.random.default_rng(0).uniform(size=(8, 9))
PSF = np.full((3, 3), 1 / 9)
A = Blur(PSF, Y.shape, boundary="periodic")
PROBLEM = LeastSquares(A, Y) + 0.01 * TotalVariation()

NAN, INF = float("nan"), float("inf")
NO_NUMBER = [None, "5", [1.0], {}, object(), CG, 1j, np.ones(3), len, True]
NO_NUMBERS = ["5", ["1"], {}, object(), CG, 1j, np.ones((3, 3)), len, True]
NO_WHOLE = [*NO_NUMBER, NAN, INF, 1.5]
NO_FLAG = ["no", 1, 0.0, None, [True], np.ones(2, bool)]
NO_FUNCTION = [None, 3, "f", [len], CG]
NO_SEQUENCE = [None, 3, print, "f", {"f": print}, Record({})]
NO_ARRAY = [None, "5", {}, object(), CG, len, [[1.0, 2.0], [3.0]]]
NO_OPERATOR = [3, "A", {}, object(), CG, Blur, [1, 2], np.ones(3), np.full((2, 2), "a")]


def without(values, *left_out):
    return [v for v in values if not any(v is x for x in left_out)]


#: door, argument: what is given wrong, and the call
DOORS = {
    ("solve", "tol"): ([*NO_NUMBER, NAN, INF, -1], lambda v: solve(PROBLEM, tol=v)),
    ("solve", "max_iterations"): ([*without(NO_WHOLE, None), 0, -3], lambda v: solve(PROBLEM, max_iterations=v)),
    ("solve", "callbacks"): ([*NO_SEQUENCE, [3], [CG]], lambda v: solve(PROBLEM, callbacks=v)),
    ("solve", "stops"): ([*NO_SEQUENCE, [3], [stops.PerRun]], lambda v: solve(PROBLEM, stops=v)),
    ("solve", "check"): (NO_FLAG, lambda v: solve(PROBLEM, check=v)),
    ("solve", "weight"): ([0.1, GCV, "gcv", True], lambda v: solve(PROBLEM, weight=v)),
    ("solve", "resume"): ([3, "", b"a.npz", True, len], lambda v: solve(PROBLEM, resume=v)),
    ("solve", "x0"): ([*without(NO_ARRAY, None), np.ones(3), Y * NAN, Y + 1j], lambda v: solve(PROBLEM, x0=v)),
    ("solve", "algorithm"): ([CG, 3, "CG", len], lambda v: solve(PROBLEM, v)),
    ("solve", "problem"): ([None, A, Y, 3, [PROBLEM], LeastSquares, "A"], lambda v: solve(v)),
    ("plan", "problem"): ([None, A, Y, [PROBLEM]], lambda v: plan(v)),
    ("iterate", "problem"): ([None, A, CG()], lambda v: next(iterate(v))),
    ("iterate", "algorithm"): ([CG, PROBLEM, 3], lambda v: next(iterate(PROBLEM, v))),
    ("iterate", "x0"): ([np.ones(3), "x"], lambda v: next(iterate(PROBLEM, CG(), v))),
    ("certify", "problem"): ([None, A], lambda v: certify(v, Y)),
    ("certify", "x"): ([*NO_ARRAY, np.ones(3)], lambda v: certify(PROBLEM, v)),
    ("SplitBregman", "penalty"): ([*NO_NUMBERS, NAN, 0, -1, [1.0, -1.0], []], lambda v: SplitBregman(penalty=v)),
    ("SplitBregman", "relaxation"): ([*NO_NUMBER, NAN, 0.5, 2], lambda v: SplitBregman(relaxation=v)),
    ("SplitBregman", "inner_iterations"): ([*NO_WHOLE, -1], lambda v: SplitBregman(inner_iterations=v)),
    ("SplitBregman", "balancing"): (NO_FLAG, lambda v: SplitBregman(balancing=v)),
    ("PrimalDual", "dual_step"): ([*NO_NUMBERS, NAN, 0, [1.0, -1.0]], lambda v: PrimalDual(dual_step=v)),
    ("PrimalDual", "relaxation"): ([*NO_NUMBER, NAN, 0.5, 2], lambda v: PrimalDual(relaxation=v)),
    ("GradientDescent", "step_size"): ([*without(NO_NUMBER, None), NAN, INF, 0], lambda v: GradientDescent(step_size=v)),
    ("NewtonCG", "max_inner_iterations"): ([*NO_WHOLE, 0], lambda v: NewtonCG(max_inner_iterations=v)),
    ("LBFGS", "memory"): ([*NO_WHOLE, 0], lambda v: LBFGS(memory=v)),
    ("PlugAndPlay", "steps"): ([*NO_WHOLE, 0], lambda v: PlugAndPlay(steps=v)),
    ("PlugAndPlay", "first_sigma"): ([*without(NO_NUMBER, None), NAN, INF, 0], lambda v: PlugAndPlay(first_sigma=v)),
    ("PlugAndPlay", "last_sigma"): ([*without(NO_NUMBER, None), NAN, INF, 0], lambda v: PlugAndPlay(last_sigma=v)),
    ("PlugAndPlay", "inner_iterations"): ([*NO_WHOLE, 0], lambda v: PlugAndPlay(inner_iterations=v)),
    ("HybridLSQR", "omega"): ([*without(NO_NUMBER, None), NAN, 0, 1.5], lambda v: HybridLSQR(omega=v)),
    ("ProximalGradient", "restart"): (NO_FLAG, lambda v: ProximalGradient(restart=v)),
    ("RichardsonLucy", "acceleration"): (NO_FLAG, lambda v: RichardsonLucy(acceleration=v)),
    ("CG", "preconditioner"): ([3, "none", CG, Blur, np.ones(3)], lambda v: CG(v)),
    ("GCV", "guard"): (NO_FLAG, lambda v: GCV(guard=v)),
    ("GCV", "rng"): (["seed", -1, 1.5, len], lambda v: GCV(rng=v)),
    ("UPRE", "sigma"): ([*without(NO_NUMBER, None), NAN, INF, 0], lambda v: UPRE(v)),
    ("Discrepancy", "sigma"): ([*without(NO_NUMBER, None), NAN, INF, 0], lambda v: Discrepancy(v)),
    ("Whiteness", "iterations"): ([*NO_WHOLE, 0], lambda v: Whiteness(iterations=v)),
    ("time_limit", "seconds"): ([*NO_NUMBER, NAN, INF, -1], lambda v: stops.time_limit(v)),
    ("change_below", "tol"): ([*NO_NUMBER, NAN, INF, -1], lambda v: stops.change_below(v)),
    ("objective_settled", "problem"): ([None, A], lambda v: stops.objective_settled(v, 0.1)),
    ("objective_below", "value"): ([*NO_NUMBER, NAN, INF], lambda v: stops.objective_below(PROBLEM, v)),
    ("gap_below", "every"): ([*NO_WHOLE, 0], lambda v: stops.gap_below(PROBLEM, 0.1, v)),
    ("discrepancy", "sigma"): ([*NO_NUMBER, NAN, INF, -1], lambda v: stops.discrepancy(PROBLEM, v)),
    ("Record", "figures"): ([None, 3, len, {"a": 3}], lambda v: Record(v)),
    ("Checkpoint", "every"): ([*NO_WHOLE, 0], lambda v: Checkpoint("a.npz", v)),
    ("Checkpoint", "path"): ([None, 3, "", b"a.npz"], lambda v: Checkpoint(v)),
    ("LeastSquares", "A"): (NO_OPERATOR, lambda v: LeastSquares(v, Y)),
    ("LeastSquares", "y"): ([*NO_ARRAY, np.ones(3), Y * NAN, np.ma.masked_less(Y, 0.5)], lambda v: LeastSquares(A, v)),
    ("LeastSquares", "weights"): ([*without(NO_ARRAY, None), np.ones(3), -Y, Y * NAN, 1j * Y], lambda v: LeastSquares(A, Y, v)),
    ("LeastAbsolute", "y"): ([*NO_ARRAY, np.ones(3), Y * NAN], lambda v: LeastAbsolute(A, v)),
    ("Distance", "y"): ([np.ones(3), Y * NAN, 3], lambda v: Distance(A, v)),
    ("Huber", "delta"): ([*NO_NUMBER, NAN, INF, 0], lambda v: Huber(A, Y, v)),
    ("Poisson", "y"): ([*NO_ARRAY, np.ones(3), -Y, 1j * Y], lambda v: Poisson(A, v)),
    ("Poisson", "background"): ([*NO_ARRAY, np.ones(3), -1, NAN, 1j], lambda v: Poisson(A, Y, v)),
    ("Tikhonov", "D"): (without(NO_OPERATOR, None), lambda v: Tikhonov(v)),
    ("Tikhonov", "target"): ([*NO_ARRAY, np.ones(3), NAN], lambda v: Tikhonov(Identity(Y.shape), v)),
    ("TotalVariation", "isotropic"): (NO_FLAG, lambda v: TotalVariation(isotropic=v)),
    ("TotalVariation", "D"): ([3, "A", {}, object(), CG, Blur, np.ones(3)], lambda v: TotalVariation(v)),
    ("Sparsity", "W"): (NO_OPERATOR, lambda v: Sparsity(v)),
    ("Sparsity", "power"): ([*NO_NUMBER, NAN, 0, 2], lambda v: Sparsity(power=v)),
    ("Box", "low"): ([None, "0", CG, 1j, NAN], lambda v: Box(v, 1)),
    ("Denoiser", "f"): (NO_FUNCTION, lambda v: Denoiser(v)),
    ("Smooth", "value"): (NO_FUNCTION, lambda v: Smooth(v, len)),
    ("Smooth", "gradient"): (NO_FUNCTION, lambda v: Smooth(len, v)),
    ("Smooth", "lipschitz"): ([*without(NO_NUMBER, None), NAN, INF, -1], lambda v: Smooth(len, len, lipschitz=v)),
    ("Smooth", "convex"): (NO_FLAG, lambda v: Smooth(len, len, convex=v)),
    ("sliding_dct", "sigma"): ([*NO_NUMBER, NAN, INF, -1], lambda v: sliding_dct(Y, v)),
    ("sliding_dct", "image"): (NO_ARRAY, lambda v: sliding_dct(v, 0.1)),
    ("estimate_sigma", "axes"): (["x", 1.5, (0, 0), 7, True], lambda v: estimate_sigma(Y, v)),
    ("Blur", "psf"): ([*NO_ARRAY, [], PSF * 0, PSF * NAN], lambda v: Blur(v, Y.shape, boundary="zero")),
    ("Blur", "shape"): ([None, 1.5, "8", (0, 9), True, CG], lambda v: Blur(PSF, v, boundary="zero")),
    ("Blur", "boundary"): ([None, 3, "wrap", ["zero"], np.ones(3)], lambda v: Blur(PSF, Y.shape, boundary=v)),
    ("Blur", "axes"): (["x", 1.5, (0, 0), (0, 7), (True, False)], lambda v: Blur(PSF, Y.shape, boundary="zero", axes=v)),
    ("Blur", "center"): (["x", 1.5, (0, 7), True, -1], lambda v: Blur(PSF, Y.shape, boundary="zero", center=v)),
    ("Blur", "separable"): (without(NO_FLAG, None), lambda v: Blur(PSF, Y.shape, boundary="zero", separable=v)),
    ("VaryingBlur", "positions"): (
        [3, "x", 1.5, [[0.0]]],
        lambda v: VaryingBlur(np.ones((1, 2, 3, 3)), Y.shape, boundary="zero", positions=v),
    ),
    ("Convolve2D", "offset"): ([3, None, "x", (0,), (0, 7)], lambda v: Convolve2D(Y.shape, PSF, v)),
    ("Convolve2D", "dtype"): (["what", 3, None, CG, object], lambda v: Convolve2D(Y.shape, PSF, dtype=v)),
    ("FirstDerivative", "axis"): (["x", 1.5, 7, True], lambda v: FirstDerivative(Y.shape, v, boundary="zero")),
    ("FirstDerivative", "boundary"): (
        ["unknown", "wrap", None, np.ones(3)],
        lambda v: FirstDerivative(Y.shape, 0, boundary=v),
    ),
    ("FirstDerivative", "sampling"): (
        [*NO_NUMBER, NAN, INF, 0],
        lambda v: FirstDerivative(Y.shape, 0, boundary="zero", sampling=v),
    ),
    ("Gradient", "dims"): ([None, 1.5, "8", (0, 9), True], lambda v: Gradient(v, boundary="zero")),
    ("FourierTransform", "axes"): (["x", 1.5, (0, 0), 7, True], lambda v: FourierTransform(Y.shape, v)),
    ("Identity", "dims"): ([None, 1.5, "8", (0, 9), True], lambda v: Identity(v)),
    ("Crop", "window"): ([3, None, "x", (slice(2),)], lambda v: Crop(Y.shape, v)),
    ("Mask", "mask"): ([None, 3, Y, "x"], lambda v: Mask(v)),
    ("Wavelet", "wavelet"): ([None, 3, "nothing", np.ones(3)], lambda v: Wavelet(Y.shape, v)),
    ("Stack", "operators"): ([None, 3, "ab", [3], [CG]], lambda v: Stack(v)),
    ("aslinearoperator", "A"): ([None, *NO_OPERATOR], lambda v: aslinearoperator(v)),
    ("from_functions", "forward"): (NO_FUNCTION, lambda v: from_functions(v, len, (4,))),
    ("from_functions", "adjoint"): (NO_FUNCTION, lambda v: from_functions(len, v, (4,))),
    ("from_functions", "dtype"): (["what", 3, None, CG, object], lambda v: from_functions(len, len, (4,), dtype=v)),
    ("set_workers", "workers"): ([2.5, NAN, 0, -1, "2", True, [2]], lambda v: set_workers(v)),
    ("Blur.apply", "x"): ([np.ones(3), np.full(Y.shape, "a")], lambda v: A.apply(v)),
    ("Blur.apply", "out"): ([3, np.ones(3), Y.astype(np.float32)], lambda v: A.apply(Y, v)),
}


@pytest.mark.parametrize(("door", "argument"), DOORS)
def test_what_is_wrong_is_named_with_a_remedy(door, argument, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wrong, call = DOORS[door, argument]
    for value in wrong:
        with pytest.raises((TypeError, ValueError), match=rf"^{argument}\b.*(;|which does not|no array of numbers)") as caught:
            call(value)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: solve(PROBLEM, CG), r"algorithm is the class CG; give an instance, CG\(\)"),
        (lambda: solve(A, Y), r"problem is a Blur; give LeastSquares\(A, y\)"),
        (lambda: solve(Y), r"LeastSquares\(A, y\)"),
        (lambda: solve(None), "problem is a NoneType; give a sum of terms"),
        (lambda: solve(LeastSquares), "problem is the class LeastSquares"),
        (lambda: solve(PROBLEM, callbacks=print), r"callbacks is .*print.*; give a sequence of functions"),
        (lambda: solve(PROBLEM, weight=0.1), "multiply the priors by the number"),
        (lambda: LeastSquares(np.eye(5), np.ones((5, 3))), r"3 right-hand sides .*solve\(column\)"),
        (lambda: LeastSquares(A, np.ones((72, 2))), "2 right-hand sides"),
        (lambda: LeastSquares(A, np.ma.masked_less(Y, 0.5)), "weights=~y.mask"),
    ],
)
def test_the_remedy_is_the_one_that_helps(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()


def test_right_hand_sides_are_solved_the_way_that_is_told():
    matrix, y = np.random.default_rng(1).normal(size=(7, 4)), np.random.default_rng(2).normal(size=(7, 3))
    planned = plan(LeastSquares(matrix, y[:, 0]))
    found = np.transpose([planned.solve(column, tol=1e-12).x for column in y.T])
    np.testing.assert_allclose(found, np.linalg.lstsq(matrix, y)[0], atol=1e-8)


class NoAdjoint(Operator):
    def __init__(self):
        super().__init__(Y.shape, Y.shape)

    def _apply(self, x, out):
        return 2 * x


class NoAdjointAtAll:
    shape, dtype = (72, 72), np.dtype(float)

    def matvec(self, x):
        return 2 * x


@pytest.mark.parametrize(
    "make",
    [
        NoAdjoint,
        NoAdjointAtAll,
        lambda: scipy.sparse.linalg.LinearOperator((72, 72), matvec=lambda x: 2 * x, dtype=float),
        lambda: pylops.FunctionOperator(lambda x: 2 * x, 72, dtype=float),
    ],
)
@pytest.mark.parametrize("algorithm", [None, CG(), SplitBregman(), PrimalDual()])
def test_an_operator_without_adjoint_is_refused_in_words(make, algorithm):
    operator = make()
    y = Y if isinstance(operator, NoAdjoint) else Y.ravel()
    with pytest.raises((TypeError, ValueError), match=r"rmatvec|_apply_adjoint"):
        solve(LeastSquares(operator, y) + 0.1 * Tikhonov(Identity(y.shape)), algorithm)


def test_iterate_takes_the_order_of_solve_and_chooses_as_it_does():
    states = [next(iterate(PROBLEM)), next(iterate(PROBLEM, plan(PROBLEM).algorithm))]
    np.testing.assert_array_equal(states[0].x, states[1].x)


def test_numbers_of_every_kind_are_numbers():
    from fractions import Fraction

    for tol in (np.float32(0.5), np.float64(0.5), np.array(0.5), Fraction(1, 2), np.int8(1), 1):
        assert solve(PROBLEM, tol=tol, max_iterations=np.int64(3)).iterations <= 3
    set_workers(np.int64(1))
    set_workers(None)
