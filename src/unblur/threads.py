"""How many threads FFTs and compiled kernels may use: one setting for both."""

from unblur.operators import get_workers, set_workers

__all__ = ["get_workers", "set_workers"]
