"""Each functional against what it is by definition: minimisers by search, slopes by differences, conjugates as suprema."""

import numpy as np
import pytest
import scipy.optimize

from unblur.inversion import (
    EuclideanNorm,
    GroupNorm,
    HuberLoss,
    Interval,
    KullbackLeibler,
    LeastAbsolute,
    PowerNorm,
    SquaredNorm,
    Term,
    Tikhonov,
)
from unblur.inversion.functionals import capability

COUNTS = np.array([0.0, 0.0, 1.0, 3.0, 40.0, 7.0])
WEIGHTS = np.array([1.0, 2.0, 0.5, 0.0, 3.0, 1.0])

#: functionals of six numbers that are sums over them, with the point from which each is tried
SEPARABLE = {
    "squares": SquaredNorm(),
    "weighted squares": SquaredNorm(WEIGHTS),
    "absolute": GroupNorm(),
    "interval": Interval(-0.5, 0.7),
    "half-line": Interval(0.0, np.inf),
    "huber": HuberLoss(0.6),
    "counts": KullbackLeibler(COUNTS),
    "counts over a background": KullbackLeibler(COUNTS, 0.5),
    "weighted counts": KullbackLeibler(COUNTS, np.linspace(0.1, 2, 6), WEIGHTS),
    "power 1/2": PowerNorm(0.5),
    "power 2/3": PowerNorm(2 / 3),
    "power 0.3": PowerNorm(0.3),
    "power 0.9": PowerNorm(0.9),
}
JOINT = {"groups": GroupNorm((0,)), "distance": EuclideanNorm()}
EVERY = SEPARABLE | JOINT
CONVEX = {name: f for name, f in EVERY.items() if f.convex}
SMOOTH = ["squares", "weighted squares", "huber", "counts over a background", "weighted counts", "distance"]


def of(functionals):
    return pytest.mark.parametrize("f", functionals.values(), ids=functionals.keys())


def points(f, rng, n=20):
    """Points where the functional is tried: near 0, far from it, and inside the domain of counts."""
    size = 40 if isinstance(f, KullbackLeibler) else 2
    return [rng.normal(size=6) * size * 10.0**-k for k in rng.integers(0, 3, n)]


def at(f, z, i):
    """Return f as a function of its i-th number, the others being `z`."""

    def value(v):
        w = z.copy()
        w[i] = v
        return f.value(w)

    return value


def minimiser(function, low, high):
    """Return the minimiser on an interval by a grid, made finer around its best."""
    for _ in range(10):
        grid = np.linspace(low, high, 61)
        best = int(np.argmin([function(v) for v in grid]))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, 60)]
    return grid[best]


@of(SEPARABLE)
@pytest.mark.parametrize("step", [0.05, 1.3])
def test_prox_is_the_minimiser_element_by_element(f, step):
    rng = np.random.default_rng(0)
    for z in points(f, rng, 3):
        p = f.prox(z, step)
        inside = np.ones(6) if isinstance(f, KullbackLeibler) else p
        for i in range(6):
            part = at(f, inside, i)

            def cost(v, part=part, i=i, z=z):
                return part(v) + (v - z[i]) ** 2 / (2 * step)

            reach = np.abs(z[i]) + 60 * step + 1
            v = minimiser(cost, z[i] - reach, z[i] + reach)
            # the search may sit on the wrong side of a tie or a kink, but it cannot be lower
            assert cost(p[i]) <= cost(v) + 1e-9 * (1 + abs(cost(v)))
            assert p[i] == pytest.approx(v, abs=1e-5 * (1 + abs(z[i]))) or cost(p[i]) < cost(v) + 1e-12


@of(JOINT)
def test_prox_is_the_minimiser_of_all(f):
    rng = np.random.default_rng(1)
    for z in points(f, rng, 5):
        z = z.reshape(2, 3)
        for step in (0.05, 1.3):
            p = f.prox(z, step)

            def cost(v, z=z, step=step):
                v = v.reshape(2, 3)
                return f.value(v) + np.sum((v - z) ** 2) / (2 * step)

            found = min((scipy.optimize.minimize(cost, s.ravel(), method="BFGS") for s in (z, 0.5 * z)), key=lambda r: r.fun)
            assert cost(p) <= min(found.fun, cost(np.zeros(6))) + 1e-9


@of(EVERY)
def test_prox_writes_where_it_is_told_and_keeps_precision(f):
    rng = np.random.default_rng(2)
    z = np.abs(rng.normal(size=6)).astype(np.float32)
    f = f.cast(np.float32) if hasattr(f, "cast") else f
    kept = z.copy()
    expected = f.prox(z, 0.3)
    assert expected.dtype == np.float32
    np.testing.assert_array_equal(z, kept)
    out = np.empty_like(z)
    assert f.prox(z, 0.3, out) is out
    np.testing.assert_array_equal(out, expected)
    f.prox(z, 0.3, z)
    np.testing.assert_array_equal(z, expected)


@pytest.mark.parametrize("name", SMOOTH)
def test_gradient_is_the_slope(name):
    f, rng = EVERY[name], np.random.default_rng(3)
    z = rng.uniform(0.5, 3, 6)
    slope = [(f.value(z + 1e-6 * e) - f.value(z - 1e-6 * e)) / 2e-6 for e in np.eye(6)]
    np.testing.assert_allclose(f.gradient(z), slope, rtol=1e-6, atol=1e-7)
    assert f.gradient(z.astype(np.float32)).dtype == np.float32 or hasattr(f, "cast")


@pytest.mark.parametrize("name", ["squares", "weighted squares", "huber"])
def test_the_lipschitz_constant_bounds_the_gradient_and_is_met(name):
    f, rng = EVERY[name], np.random.default_rng(4)
    a, b = rng.normal(size=(2, 200, 6))
    ratios = [np.linalg.norm(f.gradient(p) - f.gradient(q)) / np.linalg.norm(p - q) for p, q in zip(a, b, strict=True)]
    assert max(ratios) <= f.lipschitz + 1e-12
    small = 0.01 * np.eye(6)[np.argmax(WEIGHTS)]
    assert np.linalg.norm(f.gradient(small)) / 0.01 == pytest.approx(f.lipschitz)


@of({n: f for n, f in CONVEX.items() if n in SEPARABLE})
def test_conjugate_is_the_supremum(f):
    rng = np.random.default_rng(5)
    tried = 0
    for p in (0.6 * rng.uniform(-1, 1, 6) * (WEIGHTS if getattr(f, "weights", None) is not None else 1) for _ in range(8)):
        p = -np.abs(p) if f.value(np.full(6, 1e6)) == 0 else p
        claimed = f.conjugate(p)
        if np.isinf(claimed):
            continue
        tried += 1
        start = np.ones(6) * 0.1
        # the supremum of a sum is the sum of those of its parts
        total = 0.0
        for i in range(6):
            part, base = at(f, start, i), f.value(start)
            v = minimiser(lambda v, part=part, i=i, p=p: part(v) - p[i] * v, -400, 400)
            total += p[i] * v - (part(v) - base)
        assert claimed == pytest.approx(total - f.value(start), abs=1e-6, rel=1e-6)
    assert tried > 3 or isinstance(f, HuberLoss)


@of(CONVEX)
def test_fenchel_and_young_are_equal_where_the_prox_says_so(f):
    # p = (z − prox(z)) / t is a subgradient at prox(z), so that f(v) + f*(p) = ⟨p, v⟩; and ≥ elsewhere
    rng = np.random.default_rng(6)
    for z in points(f, rng):
        for step in (0.1, 1.0, 7.0):
            v = f.prox(z, step)
            p = (z - v) / step
            # the difference rounds by eps |z| / t, more than the edge of a domain allows
            p[np.abs(np.abs(p) - 1) < 1e-11] = np.sign(p[np.abs(np.abs(p) - 1) < 1e-11])
            conjugate = f.conjugate(p)
            assert f.value(v) + conjugate == pytest.approx(p @ v, rel=1e-9, abs=1e-9)
            for w in points(f, rng, 3):
                assert f.value(w) + conjugate >= p @ w - 1e-9


@pytest.mark.parametrize(
    ("f", "p"),
    [
        (GroupNorm(), 1.001),
        (EuclideanNorm(), 0.5),
        (HuberLoss(0.6), 0.601),
        (Interval(0.0, np.inf), 0.001),
        (KullbackLeibler(COUNTS), 1.001),
        (SquaredNorm(WEIGHTS), 1.0),
    ],
)
def test_conjugate_is_infinite_outside_its_domain(f, p):
    assert f.conjugate(np.full(6, p)) == np.inf


def test_conjugate_of_a_term_moves_with_its_offset_and_weight():
    rng = np.random.default_rng(7)
    b, p = rng.normal(size=(2, 6))
    term = 3 * LeastAbsolute(np.eye(6), b)
    assert term.conjugate(p) == pytest.approx(b @ p if np.abs(p).max() <= 3 else np.inf)
    v = term.prox(10 * p, 0.5, np.empty(6))
    q = (10 * p - v) / 0.5
    assert term.value(v) + term.conjugate(q) == pytest.approx(q @ v)


def test_prox_of_the_conjugate_is_the_minimiser_of_the_conjugate():
    rng = np.random.default_rng(8)
    term, v, step = 0.7 * Tikhonov(np.eye(6), target=rng.normal(size=6)), rng.normal(size=6), 0.4
    found = scipy.optimize.minimize(lambda q: term.conjugate(q) + np.sum((q - v) ** 2) / (2 * step), v, tol=1e-10)
    np.testing.assert_allclose(term.prox_conjugate(v, step, np.empty(6)), found.x, atol=1e-6)


def test_counts_have_no_value_outside_their_domain():
    f = KullbackLeibler(COUNTS, 0.5)
    assert f.value(np.full(6, -0.6)) == np.inf
    assert KullbackLeibler(COUNTS).value(np.zeros(6)) == np.inf, "something was counted where nothing is expected"
    assert KullbackLeibler(np.zeros(6)).value(np.zeros(6)) == 0


def test_counts_of_any_size_have_an_accurate_prox():
    # the naive root loses all digits where the step is far above the counts
    for dtype, tolerance in ((np.float32, 1e-5), (np.float64, 1e-12)):
        y, z, t = np.array([1e-3, 5.0, 1e6], dtype), np.array([-1e4, -1e4, 1e-3], dtype), 1e3
        u = KullbackLeibler(y).prox(z, t).astype(np.longdouble)
        np.testing.assert_allclose(((u - z) * u / t + u).astype(float), y, rtol=tolerance)


@pytest.mark.parametrize("power", [0.05, 0.3, 0.5, 2 / 3, 0.9, 0.999])
@pytest.mark.parametrize("step", [1e-6, 1.0, 1e6])
def test_powers_have_a_stationary_prox_beyond_their_threshold(power, step):
    f = PowerNorm(power)
    z = f.threshold(step) * np.array([0.999, 1.0001, 1.1, 3.0, 1e3, -2.0])
    v = f.prox(z, step)
    assert v[0] == 0
    moved = np.abs(v[1:])
    np.testing.assert_allclose(moved + power * step * moved ** (power - 1), np.abs(z[1:]), rtol=1e-9)
    assert np.sign(v[5]) == -1


@pytest.mark.parametrize("name", ["squares", "absolute", "huber", "power 1/2", "power 0.3", "groups", "distance"])
def test_complex_numbers_keep_their_phase(name):
    f, rng = EVERY[name], np.random.default_rng(9)
    z = rng.normal(size=6) + 1j * rng.normal(size=6)
    v = f.prox(z, 0.3)
    turned = np.exp(0.7j)
    np.testing.assert_allclose(f.prox(turned * z, 0.3), turned * v, atol=1e-12)
    size = f.prox(np.abs(z), 0.3) if name not in ("groups", "distance") else np.abs(v)
    np.testing.assert_allclose(np.abs(v), size, atol=1e-12)


@of(EVERY)
def test_capabilities_are_stated(f):
    for name in ("convex", "quadratic", "lipschitz", "curvature", "bounded_below"):
        assert capability(f, name) == getattr(f, name)
    assert f.quadratic == isinstance(f, SquaredNorm)
    assert f.bounded_below
    assert f.default_penalty(0.3, 2.0, 1.0) > 0


def test_a_functional_that_says_little_is_taken_as_convex_and_not_smooth():
    class Own:
        def value(self, z):
            return 0.0

    assert Term(Own()).functional is not None
    assert [capability(Own(), n) for n in ("convex", "quadratic", "lipschitz", "curvature")] == [True, False, None, None]
    assert capability(Own(), "bounded_below") is False
