"""Choosing the algorithm for a problem, and saying why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from unblur.operators._arguments import shown

from .bounded import refuse_unbounded
from .cg import CG
from .direct import Direct
from .lbfgs import LBFGS
from .plug_and_play import PlugAndPlay
from .primal_dual import PrimalDual
from .problem import Problem, as_problem
from .proximal_gradient import ProximalGradient
from .quadratic import UnsolvableError
from .richardson_lucy import RichardsonLucy, suits
from .split_bregman import SplitBregman
from .terms import Term

if TYPE_CHECKING:
    from .driver import Callback
    from .result import Result
    from .stops import Stop
    from .weights import Rule


class Algorithm(Protocol):
    """Frozen options of a method; `start` gives a mutable state, `step` advances it in place."""

    @property
    def max_iterations(self) -> int:
        """Where a run ends when nothing else stops it."""

    def start(self, problem: Problem, x0: Any = None) -> Any:
        """Return the state at `x0`."""

    def step(self, state: Any) -> None:
        """Advance `state` by one iteration."""

    def explain(self, problem: Problem) -> tuple[str, int]:
        """Return why the problem suits, and the FFTs of one iteration; raise `UnsolvableError` if it does not."""


# But for counts and x ≥ 0 alone, which are Richardson's and Lucy's.
# The closed form first; a denoiser where there is one; splitting with an exact x-update; linear systems by iteration;
# splitting with inner iterations; smooth problems; one prox on x; and last what takes anything convex.
_CANDIDATES: tuple[Algorithm, ...] = (
    Direct(),
    PlugAndPlay(),
    SplitBregman(inner_iterations=0),
    CG(preconditioner="auto"),
    SplitBregman(),
    LBFGS(),
    ProximalGradient(),
    PrimalDual(),
)


@dataclass(frozen=True, repr=False)
class Plan:
    """How a problem will be solved; printed, it explains itself.

    Attributes
    ----------
    problem : Problem
    algorithm : Algorithm
    reason : str
        Why this algorithm, and what it does with each term.
    ffts : int
        FFTs of the size of x that one iteration takes.
    """

    problem: Problem
    algorithm: Algorithm
    reason: str
    ffts: int

    def solve(
        self,
        y: Any = None,
        x0: Any = None,
        *,
        tol: float = 1e-4,
        max_iterations: int | None = None,
        weight: Rule | None = None,
        callbacks: Sequence[Callback] = (),
        stops: Sequence[Stop] = (),
        resume: str | Path | None = None,
        check: bool = False,
    ) -> Result:
        """Solve the problem, for the data `y` in place of its own where they are given; options as for `solve`.

        The operators keep their spectra, so that the set-up is paid once for many frames.
        """
        from .driver import run

        plan = self if y is None else Plan(self.problem.with_data(y), self.algorithm, self.reason, self.ffts)
        return run(
            plan,
            x0=x0,
            tol=tol,
            max_iterations=max_iterations,
            weight=weight,
            callbacks=callbacks,
            stops=stops,
            resume=resume,
            check=check,
        )

    def __repr__(self) -> str:
        steps = self.reason.replace("\n", "\n    ")
        return f"{self.problem!r}\nby {self.algorithm!r}:\n    {steps}\n    {self.ffts} FFTs an iteration"


def plan(problem: Problem | Term, algorithm: Algorithm | None = None) -> Plan:
    """Choose the algorithm for a problem.

    Parameters
    ----------
    problem : Problem, or a single Term
    algorithm : Algorithm, optional
        To be taken if it can; by default the cheapest that can.

    Returns
    -------
    Plan

    Raises
    ------
    UnsolvableError
        If no algorithm can take the problem, or the given one cannot; the message names the term and what would help.
    ValueError
        If the problem has no data term, if a function of the user's own makes it fall without bound, see `Smooth`, or if
        nothing keeps x where counts have a likelihood and no algorithm is given.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import LeastSquares, TotalVariation, plan
    >>> from unblur.operators import Blur
    >>> A = Blur(np.eye(3) / 3, (6, 6), boundary="unknown")
    >>> plan(LeastSquares(A, np.ones((6, 6))) + 0.1 * TotalVariation()).ffts
    4
    """
    problem = admit(problem)
    if algorithm is not None:
        candidates: tuple[Algorithm, ...] = (read_algorithm(algorithm),)
    else:
        _refuse_open_counts(problem)
        candidates = (RichardsonLucy(),) if suits(problem) else _CANDIDATES
    refusals = []
    for candidate in candidates:
        try:
            reason, ffts = candidate.explain(problem)
        except UnsolvableError as refusal:
            refusals.append(str(refusal))
        else:
            return Plan(problem, candidate, reason, ffts)
    raise UnsolvableError("\n".join(refusals))


def _refuse_open_counts(problem: Problem) -> None:
    """Refuse counts whose expectation may turn negative, where they have no likelihood."""
    for t in problem.data:
        if t.weight > 0 and hasattr(t.functional, "ratio") and np.min(problem.box[0]) < 0:
            raise ValueError(
                f"{t!r} is finite only where no count is expected to be negative, but nothing keeps x there: add Nonnegative(), "
                "or Box(0, high); or take an algorithm that keeps to it by itself, such as RichardsonLucy(), whose x is never "
                "negative"
            )


def read_algorithm(algorithm: Any) -> Algorithm:
    """Return `algorithm` if it is one."""
    if isinstance(algorithm, type):
        raise TypeError(f"algorithm is the class {algorithm.__name__}; give an instance, {algorithm.__name__}()")
    missing = [name for name in ("start", "step", "explain", "max_iterations") if not hasattr(algorithm, name)]
    if missing:
        raise TypeError(
            f"algorithm is {shown(algorithm)}, which has no {', '.join(missing)}; give one, such as CG(), or None for "
            "the one that suits"
        )
    return algorithm  # type: ignore[no-any-return]


def admit(problem: Problem | Term) -> Problem:
    """Return what is to be solved as a problem; refuse, before any algorithm sees it, one without data or a minimum."""
    problem = as_problem(problem)
    problem.operator  # noqa: B018 - refuses a problem without data
    refuse_unbounded(problem)
    return problem
