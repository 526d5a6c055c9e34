"""Whether an operator keeps its promises: the first thing to run on one's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._promises import PROMISES, Check
from .base import Operator
from .interop import aslinearoperator

__all__ = ["Check", "Report", "check_operator"]


@dataclass(frozen=True)
class Report:
    """What `check_operator` found; printed, a table.

    Attributes
    ----------
    operator : str
        The operator that was checked.
    checks : tuple of Check
    """

    operator: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)

    def __str__(self) -> str:
        width = max((len(check.name) for check in self.checks), default=0)
        verdict = "all checks passed" if self.ok else f"{len(self.failed)} of {len(self.checks)} checks FAILED"
        lines = [f"{self.operator}: {verdict}", f"  {'check':<{width}}  measured  tolerance"]
        for check in self.checks:
            verdict = "ok" if check.passed else "FAILED"
            lines.append(f"  {check.name:<{width}}  {check.measured:8.1e}  {check.tolerance:9.1e}  {verdict}")
            if check.cause:
                lines.append(f"      {check.cause}")
        return "\n".join(lines)


def check_operator(A: Any, *, rng: Any = None) -> Report:
    r"""Check that an operator keeps the promises on which solvers rely.

    .. math:: |\langle A x, y \rangle - \langle x, A^H y \rangle| \le 50\, \varepsilon \sqrt{N} \, \|A x\| \|y\|

    for random x and y, and likewise that A is linear, follows the precision and the shape of its argument, leaves
    the argument alone, can be pickled, gives the same bits from several threads, and that what it says of its structure
    (`symbol`, `gram_symbol`, `split`, `norm_bound`) is true.

    Parameters
    ----------
    A : operator or matrix
        Whatever `aslinearoperator` takes; what is checked is what that returns.
    rng : numpy.random.Generator or int, optional
        For the random arrays; by default a fixed one.

    Returns
    -------
    Report
        ``.ok`` tells whether all is well; printed, it tells what is not, by how much, and the likely cause.

    Raises
    ------
    TypeError
        If `A` is no operator. What goes wrong inside one is reported, not raised.

    Notes
    -----
    About a hundred applies; use small `dims`, and not only square or even ones.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.operators import Blur, check_operator, from_functions
    >>> check_operator(Blur(np.ones((3, 4)), (16, 15), boundary="reflect")).ok
    True
    >>> turned = from_functions(np.flipud, lambda y: -np.flipud(y), dims=(5, 4))
    >>> print(check_operator(turned).failed[0].cause)
    apply_adjoint is the adjoint times -1: a sign is missing
    """
    # a user's own is looked at as it is, without the copies that it is handed elsewhere
    given = aslinearoperator(A)
    op: Operator = object.__new__(type(given))
    op.__dict__.update(given.__dict__, _theirs=False)
    generator = np.random.default_rng(0 if rng is None else rng)
    checks: list[Check] = []
    for subject, promise in PROMISES.items():
        try:
            checks.extend(promise(op, generator))
        except Exception as error:  # whatever a user's operator raises belongs into the report
            checks.append(Check(subject, False, np.nan, np.nan, f"raised {type(error).__name__}: {error}"))
    return Report(repr(op), tuple(checks))
