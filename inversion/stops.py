"""Stops: functions of the state that return a `Status` to end the run, or None to go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .status import Status

Stop = Callable[[Any], Status | None]


def residual_below(tol: float) -> Stop:
    """Stop once ``state.residual`` is `tol` or less; ``tol=0`` never stops."""

    def stop(state: Any) -> Status | None:
        if tol == 0 or state.residual > tol:
            return None
        return Status("converged", f"the relative residual {state.residual:.2e} is within tol = {tol:g}", True)

    return stop


def not_finite(state: Any) -> Status | None:
    """Stop where the residual is no finite number any more."""
    if np.isfinite(state.residual):
        return None
    return Status("not finite", "the iterates grew beyond all numbers; scale the data, or check the operators' adjoints", False)
