"""Applying an operator inside a function that JAX traces, as `pylops.JaxOperator` does."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np


def is_jax(x: Any) -> bool:
    """Whether `x` is an array of JAX, concrete or traced; JAX is not imported for the question."""
    return type(x).__module__.partition(".")[0] in ("jax", "jaxlib")


def call(forward: Any, transpose: Any, x: Any, size: int, dtype: Any) -> Any:
    """Return forward(x), a flat array of `size` and `dtype`, computed by NumPy and differentiable by its transpose."""
    jax: Any = importlib.import_module("jax")
    derivatives: Any = importlib.import_module("jax.custom_derivatives")

    def outside(function: Any, v: Any, n: int, kind: Any) -> Any:
        return jax.pure_callback(
            lambda w: np.asarray(function(np.asarray(w)), kind), jax.ShapeDtypeStruct((n,), kind), v, vmap_method="sequential"
        )

    return derivatives.linear_call(
        lambda _, v: outside(forward, v, size, dtype), lambda _, v: outside(transpose, v, x.size, x.dtype), (), x
    )
