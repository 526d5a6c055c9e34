"""One way in which a peer can solve a problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Watch = Callable[[Any], None]
Run = Callable[[int, Watch], None]


@dataclass(frozen=True)
class Candidate:
    """One way to solve a problem.

    `prepare` does what needs doing once, and returns a function that runs from the start for a number of iterations and calls
    another with each iterate, as the peer has it. `image` makes of that an array on the problem's grid.
    """

    label: str
    prepare: Callable[[], Run]
    image: Callable[[Any], Any] = np.asarray
    note: str = ""
    differs: bool = False  #: whether it solves another problem, so that only the PSNR that it comes to can be compared
