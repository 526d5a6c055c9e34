"""Quadratic problems and their dense counterparts: what the iterative solvers are held against."""

from __future__ import annotations

import numpy as np

from unblur.inversion import LeastSquares, Problem, Tikhonov
from unblur.operators import Blur, FirstDerivative, Gradient, Identity

PSF = np.array([[0.05, 0.1, 0.0], [0.2, 0.4, 0.1], [0.0, 0.1, 0.05]])


def matrix(A, dtype=float):
    """Matrix of an operator, a column for each unit vector."""
    return np.stack([A.apply(e.reshape(A.dims)).ravel() for e in np.eye(A.shape[1], dtype=dtype)], axis=1)


def stack(problem):
    """Dense S and d with ‖S x − d‖² = 2 × the objective, from the declared weights."""
    rows, data = [], []
    dtype = problem.dtype if problem.dtype.kind == "c" else float
    for term in problem.terms:
        H = matrix(term.operator, dtype)
        b = np.zeros(len(H)) if term.offset is None else term.offset.ravel()
        W = term.functional.weights
        root = np.sqrt(term.weight * (np.ones(len(H)) if W is None else W.ravel()))
        rows.append(root[:, None] * H)
        data.append(root * b)
    return np.vstack(rows), np.concatenate(data)


def solution(problem):
    """The minimiser, by a QR factorisation of the dense stacked matrix."""
    S, d = stack(problem)
    return np.linalg.lstsq(S, d)[0].reshape(problem.dims)


def blurred(boundary, shape=(7, 8), dtype=float):
    """One blur with a gradient penalty and one that draws to zero."""
    rng = np.random.default_rng(3)
    A = Blur(PSF, shape, boundary=boundary, axes=(0, 1))
    D = Gradient(A.dims, boundary="periodic", axes=(0, 1))
    return LeastSquares(A, rng.normal(size=shape).astype(dtype)) + 0.05 * Tikhonov(D) + 0.01 * Tikhonov(Identity(A.dims))


def weighted():
    """Weights, some of them zero over data that are not finite, and a prior drawn to a target."""
    rng = np.random.default_rng(4)
    A = Blur(PSF, (7, 8), boundary="zero")
    y, weights = rng.normal(size=(7, 8)), rng.uniform(0.5, 2, size=(7, 8))
    y[2, 3:6], weights[2, 3:6] = np.nan, 0
    D = FirstDerivative(A.dims, 1, boundary="nearest")
    return 3 * LeastSquares(A, y, weights) + 0.1 * Tikhonov(D, rng.normal(size=(7, 8))) + 0.02 * Tikhonov(Identity(A.dims))


def two_frames():
    """Two exposures of one scene, each with its own PSF, on one grid; a number of the scene is seen by neither."""
    rng = np.random.default_rng(5)
    first, second = (Blur(h, (6, 6), boundary="unknown", dims=(10, 10)) for h in (PSF, np.ones((1, 5)) / 5))
    D = Gradient(first)
    data = LeastSquares(first, rng.normal(size=(6, 6))) + 0.5 * LeastSquares(second, rng.normal(size=(6, 6)))
    return data + 0.05 * Tikhonov(D) + 0.01 * Tikhonov(Identity(D.dims))


def complex_valued():
    """A complex PSF and complex data."""
    rng = np.random.default_rng(6)
    A = Blur(PSF + 0.3j * np.fliplr(PSF), (6, 7), boundary="zero")
    y = rng.normal(size=(6, 7)) + 1j * rng.normal(size=(6, 7))
    return LeastSquares(A, y) + 0.1 * Tikhonov(Identity(A.dims), 1j * y)


def overdetermined():
    """A plain matrix of full rank."""
    rng = np.random.default_rng(7)
    return Problem((LeastSquares(rng.normal(size=(30, 12)), rng.normal(size=30)),))


PROBLEMS = {
    "periodic": lambda: blurred("periodic"),
    "colour": lambda: blurred("reflect", (5, 6, 3)),
    "weighted": weighted,
    "two frames": two_frames,
    "complex": complex_valued,
    "matrix": overdetermined,
}
