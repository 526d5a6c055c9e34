"""An array library in the manner of CuPy, on the host: what would need a copy from the device raises.

Its arrays are no ndarrays: they follow NumPy's two protocols, take no arrays of NumPy's beside them, and refuse what CuPy
refuses: implicit conversion, methods of ufuncs, and options that CuPy's functions do not have.
"""

import sys
import types

import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.special

NAME = "mockdevice"

_ATTRIBUTES = ("shape", "dtype", "ndim", "size", "itemsize", "nbytes", "flags", "strides")


def _bare(x):
    """Return the hidden array; refuse NumPy's own."""
    if isinstance(x, DeviceArray):
        return x._hidden
    if isinstance(x, np.ndarray) and x.ndim:
        raise TypeError("Unsupported type <class 'numpy.ndarray'>: arrays of the host and of the device are mixed")
    if isinstance(x, list | tuple):
        return type(x)(map(_bare, x))
    return x


def _wrapped(x):
    if isinstance(x, np.ndarray | np.generic):
        return DeviceArray(np.asarray(x))
    return type(x)(map(_wrapped, x)) if isinstance(x, list | tuple) else x


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    def __init__(self, hidden):
        self._hidden = hidden

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        if method != "__call__" or not set(options) <= {"dtype", "casting"}:
            return NotImplemented
        if not hasattr(np, ufunc.__name__):
            # one of SciPy's
            return NotImplemented
        if out is not None:
            options["out"] = tuple(map(_bare, out))
            if not all(isinstance(o, DeviceArray) for o in out):
                raise TypeError("out is on the host")
        result = ufunc(*map(_bare, inputs), **options)
        return out[0] if out is not None else _wrapped(result)

    def __array_function__(self, function, types, args, options):
        if not set(options) <= {"axis", "out", "dtype", "keepdims", "where", "casting", "axes"} - (
            set() if function is np.copyto else {"where", "casting"}
        ):
            return NotImplemented
        if function in (np.mean, np.sum) and "out" in options:
            return NotImplemented
        out = options.get("out")
        result = function(*map(_bare, args), **{name: _bare(value) for name, value in options.items()})
        return out if out is not None else _wrapped(result)

    def __getattr__(self, name):
        if name not in _ATTRIBUTES:
            raise AttributeError(f"DeviceArray has no {name}")
        return getattr(self._hidden, name)

    real = property(lambda self: DeviceArray(self._hidden.real))
    imag = property(lambda self: DeviceArray(self._hidden.imag))
    T = property(lambda self: DeviceArray(self._hidden.T))
    base = property(lambda self: None)

    def __getitem__(self, index):
        return _wrapped(self._hidden[_bare(index)])

    def __setitem__(self, index, value):
        self._hidden[_bare(index)] = _bare(value)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __len__(self):
        return len(self._hidden)

    def __bool__(self):
        return bool(self._hidden)

    def __float__(self):
        return float(self._hidden)

    def __int__(self):
        return int(self._hidden)

    def __complex__(self):
        return complex(self._hidden)

    def item(self):
        return self._hidden.item()

    def reshape(self, *shape):
        return _wrapped(self._hidden.reshape(*shape))

    def ravel(self):
        return _wrapped(self._hidden.ravel())

    def transpose(self, *axes):
        return _wrapped(self._hidden.transpose(*axes))

    def conj(self):
        return _wrapped(self._hidden.conj())

    def copy(self):
        return _wrapped(self._hidden.copy())

    def astype(self, dtype, copy=True):
        hidden = self._hidden.astype(dtype, copy=copy)
        return self if hidden is self._hidden else _wrapped(hidden)

    def sum(self, axis=None, dtype=None, keepdims=False):
        return _wrapped(self._hidden.sum(axis=axis, dtype=dtype, keepdims=keepdims))

    def mean(self, axis=None, dtype=None, keepdims=False):
        return _wrapped(self._hidden.mean(axis=axis, dtype=dtype, keepdims=keepdims))

    def max(self, axis=None, keepdims=False):
        return _wrapped(self._hidden.max(axis=axis, keepdims=keepdims))

    def min(self, axis=None, keepdims=False):
        return _wrapped(self._hidden.min(axis=axis, keepdims=keepdims))

    def any(self):
        return _wrapped(self._hidden.any())

    def all(self):
        return _wrapped(self._hidden.all())


DeviceArray.__module__ = NAME


class _Library(types.ModuleType):
    """The functions that make arrays; `uploads` are what came from the host, by shape."""

    def __init__(self):
        super().__init__(NAME)
        self.uploads = []

    def asarray(self, x, dtype=None):
        if isinstance(x, DeviceArray):
            return x if dtype is None else x.astype(dtype, copy=False)
        self.uploads.append(np.shape(x))
        return DeviceArray(np.array(x, dtype))

    def asnumpy(self, x):
        return x._hidden.copy()

    def ascontiguousarray(self, x):
        assert isinstance(x, DeviceArray)
        return x if x.flags.c_contiguous else DeviceArray(np.ascontiguousarray(x._hidden))

    def empty(self, shape, dtype=float):
        # no test may pass by what happens to be there
        return DeviceArray(np.full(shape, np.nan if np.dtype(dtype).kind in "fc" else 1, dtype))

    def zeros(self, shape, dtype=float):
        return DeviceArray(np.zeros(shape, dtype))

    def ones(self, shape, dtype=float):
        return DeviceArray(np.ones(shape, dtype))


def _fft():
    """Return what is to this library what ``scipy.fft`` is to NumPy; as with CuPy, none takes `workers`."""
    module = types.ModuleType(f"{NAME}x.fft")

    def one(name):
        def transform(x, n=None, axis=-1, norm=None, overwrite_x=False):
            return _wrapped(getattr(scipy.fft, name)(_on_device(x), n=n, axis=axis, norm=norm, overwrite_x=overwrite_x))

        return transform

    def many(name):
        def transform(x, s=None, axes=None, norm=None, overwrite_x=False):
            return _wrapped(getattr(scipy.fft, name)(_on_device(x), s=s, axes=axes, norm=norm, overwrite_x=overwrite_x))

        return transform

    for name in ("fft", "ifft", "rfft", "irfft", "dct", "idct"):
        setattr(module, name, one(name))
    for name in ("fftn", "ifftn", "dctn", "idctn"):
        setattr(module, name, many(name))
    return module


def _special():
    module = types.ModuleType(f"{NAME}x.special")

    def one(name):
        return lambda *args: _wrapped(getattr(scipy.special, name)(*map(_bare, args)))

    for name in ("huber", "kl_div", "xlogy"):
        setattr(module, name, one(name))
    return module


def _on_device(x):
    assert isinstance(x, DeviceArray)
    return x._hidden


def _ndimage():
    module = types.ModuleType(f"{NAME}x.ndimage")

    # CuPy's takes these two by name, and no out arrays for them
    def distance_transform_edt(image, *, return_distances=True, return_indices=False):
        return _wrapped(
            scipy.ndimage.distance_transform_edt(_bare(image), return_distances=return_distances, return_indices=return_indices)
        )

    module.distance_transform_edt = distance_transform_edt
    return module


LIBRARY, FFT, SPECIAL, NDIMAGE = _Library(), _fft(), _special(), _ndimage()


def install(monkeypatch):
    """Make the library known, as the seam knows CuPy; return it."""
    from unblur.operators import _namespace

    parts = {"fft": FFT, "special": SPECIAL, "ndimage": NDIMAGE}
    for name, module in {NAME: LIBRARY, **{f"{NAME}x.{part}": module for part, module in parts.items()}}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(_namespace.LIBRARIES, NAME, f"{NAME}x")
    LIBRARY.uploads.clear()
    return LIBRARY
