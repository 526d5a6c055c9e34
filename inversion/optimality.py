r"""What every algorithm's `residual` measures, and what it is to have converged.

At a minimiser x of :math:`\sum_t w_t f_t(A_t x - b_t)` there are forces that cancel:

.. math:: \sum_t A_t^H q_t = 0, \qquad q_t \in w_t \, \partial f_t(A_t x - b_t).

The residual of a state is what is left of that sum, relative to the sizes of its parts, as far as the algorithm knows them
without another apply; where it keeps copies of x or of A x, how far these are apart counts too, relative to their size. It does
not depend on how long the steps are, and it is nan where anything that it is made of is no finite number.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from unblur.operators._backend import real_dtype


def relative(left: float, size: float) -> float:
    """Return what is left over the size of what it is left of; 0 where both are 0, nan where one is not finite."""
    if not (math.isfinite(left) and math.isfinite(size)):
        return math.nan
    if size == 0:
        return float(left > 0)
    return left / size


def worst(*residuals: float) -> float:
    """Return the largest, nan where one is."""
    return math.nan if any(map(math.isnan, residuals)) else max(residuals)


def least_part(dtype: np.dtype[Any]) -> float:
    """Return the part of what the forces would be, were nothing cancelled, that counts as their size at least.

    Where the data are met exactly every force vanishes at the minimiser, and there is nothing to compare what is left with. No
    difference of two numbers is known better than to their rounding; its root leaves room for `tol` below.
    """
    return math.sqrt(float(np.finfo(real_dtype(dtype)).eps))
