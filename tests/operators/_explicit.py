"""Matrices built sample by sample, and the checks that every operator passes; nothing here uses the operators' code."""

import pickle

import numpy as np

PAD = {"periodic": "wrap", "zero": "constant", "reflect": "symmetric", "mirror": "reflect", "nearest": "edge"}
BOUNDARIES = tuple(PAD)
DTYPES = (np.float32, np.float64, np.complex64, np.complex128)


def random(shape, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


def matrix(A, adjoint=False, dtype=np.float64):
    """The matrix of an operator (or of its adjoint), a column for each sample."""
    apply, shape = (A.apply_adjoint, A.dimsd) if adjoint else (A.apply, A.dims)
    units = np.eye(int(np.prod(shape)), dtype=dtype).reshape(-1, *shape)
    return np.stack([apply(unit).ravel() for unit in units], axis=1)


def extension(n, before, after, boundary):
    """The matrix that continues n samples."""
    return np.pad(np.eye(n), ((before, after), (0, 0)), mode=PAD[boundary])


def shifted_sum(n, taps, boundary):
    """The matrix of y[i] = Σ w[k] x[i + k] on continued x."""
    reach = max(abs(k) for k in taps)
    E = extension(n, reach, reach, boundary)
    return sum(w * E[reach + k : reach + k + n] for k, w in taps.items())


def along(M, dims, axis):
    """The matrix on arrays of shape `dims` that acts as M along one axis."""
    return np.kron(np.kron(np.eye(int(np.prod(dims[:axis]))), M), np.eye(int(np.prod(dims[axis + 1 :]))))


def cosine_matrix(n):
    k, i = np.indices((n, n))
    return np.cos(np.pi * k * (2 * i + 1) / (2 * n))


def multiplied_in(transform, symbol):
    """The matrix T⁻¹ diag(symbol) T, T taken from numpy.fft or written out."""
    dims, axes = transform.dims, transform.axes
    size = int(np.prod(dims))
    columns = []
    for unit in np.eye(size).reshape(-1, *dims):
        if type(transform).__name__ == "Cosine":
            T = np.eye(size)
            for axis in axes:
                T = along(cosine_matrix(dims[axis]), dims, axis) @ T
            y = np.linalg.solve(T, (np.broadcast_to(symbol, dims).ravel() * (T @ unit.ravel())))
        elif transform.real:
            y = np.fft.irfftn(symbol * np.fft.rfftn(unit, axes=axes), s=[dims[a] for a in axes], axes=axes)
        else:
            y = np.fft.ifftn(symbol * np.fft.fftn(unit, axes=axes), axes=axes)
        columns.append(y.ravel())
    return np.stack(columns, axis=1)


def check_contract(A, dtypes=DTYPES):
    """Exact adjoint, precision, shapes, `out`, flat vectors, purity and pickling."""
    twin = pickle.loads(pickle.dumps(A))
    for dtype in dtypes:
        x, y = random(A.dims, dtype, 1), random(A.dimsd, dtype, 2)
        x.flags.writeable = y.flags.writeable = False
        Ax, Ahy = A.apply(x), A.apply_adjoint(y)
        eps, N = np.finfo(dtype).eps, max(x.size, y.size)
        wide = np.complex128
        left, right = np.vdot(y.astype(wide), Ax.astype(wide)), np.vdot(Ahy.astype(wide), x.astype(wide))
        assert abs(left - right) <= 50 * eps * np.sqrt(N) * np.linalg.norm(Ax) * np.linalg.norm(y), (A, dtype)

        real = np.dtype(dtype).kind == "f" and A.dtype.kind == "c"
        result = np.result_type(dtype, np.complex64) if real else np.dtype(dtype)
        assert Ax.dtype == Ahy.dtype == result
        assert Ax.shape == A.dimsd
        assert Ahy.shape == A.dims

        out, out_adjoint = np.full(A.dimsd, np.nan, result), np.full(A.dims, np.nan, result)
        assert A.apply(x, out) is out
        assert A.apply_adjoint(y, out_adjoint) is out_adjoint
        np.testing.assert_array_equal(out, Ax)
        np.testing.assert_array_equal(out_adjoint, Ahy)
        strided, strided_adjoint = (np.full((*dims, 2), np.nan, result)[..., 0] for dims in (A.dimsd, A.dims))
        np.testing.assert_allclose(A.apply(x, strided), Ax, rtol=1e3 * eps, atol=1e2 * eps * np.abs(Ax).max())
        np.testing.assert_allclose(A.apply_adjoint(y, strided_adjoint), Ahy, rtol=1e3 * eps, atol=1e2 * eps * np.abs(Ahy).max())
        np.testing.assert_array_equal(A.matvec(x.ravel()), Ax.ravel())
        np.testing.assert_array_equal(A.H.matvec(y.ravel()), Ahy.ravel())
        np.testing.assert_array_equal(twin.apply(x), Ax)
        # an array of another memory layout is the same array
        np.testing.assert_allclose(A.apply(np.asfortranarray(x)), Ax, rtol=1e3 * eps, atol=1e2 * eps * np.abs(Ax).max())
        assert not np.may_share_memory(Ax, x)
        if (bound := A.norm_bound()) is not None:
            assert np.linalg.norm(Ax) <= bound * np.linalg.norm(x) * (1 + 1e-9 + 1e3 * eps)
    assert repr(A)


def check_matrix(A, expected, tol=1e-12):
    """A equals a matrix, its adjoint equals the transpose, and the norm bound holds."""
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(matrix(A), expected, rtol=0, atol=tol * scale)
    np.testing.assert_allclose(matrix(A, adjoint=True), expected.conj().T, rtol=0, atol=tol * scale)
    if (bound := A.norm_bound()) is not None:
        assert np.linalg.norm(expected, 2) <= bound * (1 + 1e-9)


def check_symbols(A, expected, transforms):
    """Each claimed symbol has the matrix's action; returns which were claimed, as (symbol, gram) for each transform."""
    claims = []
    for transform in transforms:
        s, g = A.symbol(transform), A.gram_symbol(transform)
        claims.append((s is not None, g is not None))
        if s is not None:
            np.broadcast_to(s, transform.shape)
            np.testing.assert_allclose(multiplied_in(transform, s), expected, rtol=0, atol=1e-10)
        if g is not None:
            assert np.isrealobj(g)
            assert g.min() >= 0
            gram = expected.conj().T @ expected
            np.testing.assert_allclose(multiplied_in(transform, g), gram, rtol=0, atol=1e-10)
    return claims


def convolution(psf, shape, boundary, center=None, dims=None):
    """The matrix of a convolution over all axes, tap by tap, with x continued by numpy.pad or, unknown, on its own grid."""
    center = tuple(n // 2 for n in psf.shape) if center is None else center
    before = tuple(n - 1 - c for n, c in zip(psf.shape, center, strict=True))
    if boundary == "unknown":
        indices = np.arange(np.prod(dims)).reshape(dims)
        columns = indices.size
    else:
        columns = int(np.prod(shape))
        indices, width = np.arange(columns).reshape(shape), list(zip(before, center, strict=True))
        fill = {"constant_values": -1} if boundary == "zero" else {}
        indices = np.pad(indices, width, mode=PAD[boundary], **fill)
    M = np.zeros((int(np.prod(shape)), columns), psf.dtype)
    for row, place in enumerate(np.ndindex(*shape)):
        for tap in np.ndindex(*psf.shape):
            at = tuple(i - (k - c) + b for i, k, c, b in zip(place, tap, center, before, strict=True))
            if indices[at] >= 0:
                M[row, indices[at]] += psf[tap]
    return M
