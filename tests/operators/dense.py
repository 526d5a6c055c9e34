"""Dense matrices by explicit loops, and the dot test: what the operators are held against."""

from __future__ import annotations

from itertools import product

import numpy as np

BOUNDARIES = ("periodic", "zero", "reflect", "mirror", "nearest", "unknown")
DTYPES = (np.float32, np.float64, np.complex64, np.complex128)


def place(position, n, boundary):
    """Index of the sample that stands at `position` of a signal of `n` samples, one step of the rule at a time."""
    if boundary == "zero":
        return position if 0 <= position < n else None
    if n == 1:
        return 0
    while not 0 <= position < n:
        if boundary == "periodic":
            position += n if position < 0 else -n
        elif boundary == "nearest":
            position = 0 if position < 0 else n - 1
        elif boundary == "reflect":
            position = -1 - position if position < 0 else 2 * n - 1 - position
        elif boundary == "mirror":
            position = -position if position < 0 else 2 * (n - 1) - position
    return position


def blur_matrix(psf, shape, boundary, axes, center, dims, start):
    """Matrix of y[i] = Σ h[k] x[i − (k − c)], tap by tap; `start` is where the image lies in x of shape `dims`."""
    psf, ndim = np.asarray(psf), len(shape)
    if psf.ndim < ndim:
        psf = psf.reshape([psf.shape[axes.index(a)] if a in axes else 1 for a in range(ndim)])
    matrix = np.zeros((int(np.prod(shape)), int(np.prod(dims))), psf.dtype)
    rows, columns = np.arange(matrix.shape[0]).reshape(shape), np.arange(matrix.shape[1]).reshape(dims)
    for i in np.ndindex(*shape):
        taps = [range(psf.shape[a]) if a in axes else [i[a] % psf.shape[a]] for a in range(ndim)]
        for k in product(*taps):
            source = list(i)
            for a, c in zip(axes, center, strict=True):
                position = i[a] + start[a] - (k[a] - c)
                source[a] = position if boundary == "unknown" else place(position, shape[a], boundary)
            if None not in source:
                matrix[rows[i], columns[tuple(source)]] += psf[k]
    return matrix


def derivative_matrix(dims, axis, boundary, sampling, kind):
    """Matrix of a first difference along one axis, row by row."""
    a, b, divisor = {"forward": (0, 1, 1), "backward": (-1, 0, 1), "centered": (-1, 1, 2)}[kind]
    index = np.arange(int(np.prod(dims))).reshape(dims)
    matrix = np.zeros((index.size, index.size))
    for i in np.ndindex(*dims):
        for step, sign in ((b, 1), (a, -1)):
            source = list(i)
            source[axis] = place(i[axis] + step, dims[axis], boundary)
            if None not in source:
                matrix[index[i], index[tuple(source)]] += sign / (divisor * sampling)
    return matrix


def fourier_matrix(dims, axes):
    """Matrix of the full complex Fourier transform over `axes`, as a Kronecker product of its definition."""
    matrix = np.ones((1, 1))
    for a, n in enumerate(dims):
        k = np.arange(n)
        factor = np.exp(-2j * np.pi * np.outer(k, k) / n) if a in axes else np.eye(n)
        matrix = np.kron(matrix, factor)
    return matrix


def matrix_of(A, dtype=np.float64):
    """Matrix of an operator, a column for each unit vector."""
    columns = [np.array(A.matvec(e)) for e in np.eye(A.shape[1], dtype=dtype)]
    return np.stack(columns, axis=1)


def random_array(rng, shape, dtype):
    """Normal samples; complex ones where `dtype` is."""
    x = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


def assert_adjoint(A, dtype, rng):
    """Hold ⟨Ax, y⟩ = ⟨x, Aᴴy⟩ to 50 eps √N ‖Ax‖ ‖y‖, and the results' shapes and precision."""
    x, y = random_array(rng, A.dims, dtype), random_array(rng, A.dimsd, dtype)
    Ax, Aty = A.apply(x), A.apply_adjoint(y)
    wanted = np.result_type(dtype, np.complex64) if np.dtype(A.dtype).kind == "c" else np.dtype(dtype)
    assert Ax.shape == tuple(A.dimsd)
    assert Aty.shape == tuple(A.dims)
    assert Ax.dtype == Aty.dtype == wanted
    double = np.complex128
    left = np.vdot(y.astype(double), Ax.astype(double))
    right = np.vdot(Aty.astype(double), x.astype(double))
    tolerance = 50 * np.finfo(dtype).eps * np.sqrt(max(A.shape)) * np.linalg.norm(Ax) * np.linalg.norm(y)
    assert abs(left - right) <= tolerance


def assert_close(a, b, dtype=np.float64, scale=1.0):
    """Hold two arrays equal to 50 eps √N of the larger norm."""
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    size = max(np.linalg.norm(a), np.linalg.norm(b), scale)
    assert np.linalg.norm(a - b) <= 50 * np.finfo(dtype).eps * np.sqrt(max(a.size, 1)) * size


def assert_symbol(matrix, eigenvalues, transform):
    """Hold T matrix T⁻¹ diagonal, and its diagonal equal to `eigenvalues`, through an explicit transform."""
    F = fourier_matrix(transform.dims, transform.axes)
    spectrum = F @ matrix @ np.linalg.inv(F)
    diagonal = np.diag(spectrum).reshape(transform.dims)
    scale = max(np.abs(matrix).max(), 1.0) * matrix.shape[0]
    assert np.abs(spectrum - np.diag(np.diag(spectrum))).max() <= 1e-12 * scale
    kept = tuple(slice(n) for n in transform.shape)
    assert np.abs(diagonal[kept] - np.broadcast_to(eigenvalues, transform.shape)).max() <= 1e-12 * scale
