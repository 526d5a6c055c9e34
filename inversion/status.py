"""How a run ended: a name, a sentence that ends with what to do about it, and whether it is a success."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """How a run ended.

    Attributes
    ----------
    name : str
    message : str
        A sentence, with a remedy where one is wanted.
    success : bool
        Whether the answer can be relied on.
    """

    name: str
    message: str
    success: bool

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"
