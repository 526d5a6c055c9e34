"""Operators, for asv; `quick_operators.py` prints ratios within one run."""

from __future__ import annotations

import numpy as np
import scipy.fft

from unblur.operators import Blur, FirstDerivative, set_workers

WORKERS = 2
SIZES = (256, 512, 1024, 2048, 4096)
DTYPES = ("float32", "float64")


class FFTPair:
    """The unit: one real FFT there and back."""

    params = (SIZES, DTYPES)
    param_names = ("n", "dtype")

    def setup(self, n: int, dtype: str) -> None:
        self.x = np.random.default_rng(0).standard_normal((n, n)).astype(dtype)

    def time_pair(self, n: int, dtype: str) -> None:
        scipy.fft.irfft2(scipy.fft.rfft2(self.x, workers=WORKERS), s=self.x.shape, workers=WORKERS)

    def time_copy_twice(self, n: int, dtype: str) -> None:
        self.x.copy().copy()


class BlurApply:
    params = (SIZES, DTYPES, ("periodic", "zero", "reflect", "mirror", "nearest", "unknown"))
    param_names = ("n", "dtype", "boundary")

    def setup(self, n: int, dtype: str, boundary: str) -> None:
        set_workers(WORKERS)
        rng = np.random.default_rng(0)
        self.A = Blur(rng.uniform(size=(15, 15)), (n, n), boundary=boundary)
        self.x = rng.standard_normal(self.A.dims).astype(dtype)
        self.y = self.A.apply(self.x)
        self.A.apply_adjoint(self.y)

    def time_apply(self, n: int, dtype: str, boundary: str) -> None:
        self.A.apply(self.x)

    def time_adjoint(self, n: int, dtype: str, boundary: str) -> None:
        self.A.apply_adjoint(self.y)

    def peakmem_apply(self, n: int, dtype: str, boundary: str) -> None:
        self.A.apply(self.x)


class Derivative:
    params = (SIZES, DTYPES, (0, 1), ("periodic", "reflect"))
    param_names = ("n", "dtype", "axis", "boundary")

    def setup(self, n: int, dtype: str, axis: int, boundary: str) -> None:
        self.D = FirstDerivative((n, n), axis, boundary=boundary)
        self.x = np.random.default_rng(0).standard_normal((n, n)).astype(dtype)
        self.out = np.empty_like(self.x)

    def time_apply(self, n: int, dtype: str, axis: int, boundary: str) -> None:
        self.D.apply(self.x, self.out)

    def time_adjoint(self, n: int, dtype: str, axis: int, boundary: str) -> None:
        self.D.apply_adjoint(self.x, self.out)
