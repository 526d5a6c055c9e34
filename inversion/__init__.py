"""How a blur is undone: terms, problems made of them, algorithms, and a plan that chooses and explains.

An inversion is a sum of terms over operator objects. `solve` minimises it; `plan` says how, and why.
"""

from .callbacks import Progress, Record
from .direct import Direct
from .driver import iterate, solve
from .functionals import GroupNorm, Interval, SquaredNorm
from .noise import estimate_sigma
from .plan import Plan, plan
from .problem import Problem
from .quadratic import UnsolvableError
from .result import Result
from .split_bregman import SplitBregman
from .status import Status
from .terms import Box, LeastSquares, Term, Tikhonov, TotalVariation

__all__ = [
    "Box",
    "Direct",
    "GroupNorm",
    "Interval",
    "LeastSquares",
    "Plan",
    "Problem",
    "Progress",
    "Record",
    "Result",
    "SplitBregman",
    "SquaredNorm",
    "Status",
    "Term",
    "Tikhonov",
    "TotalVariation",
    "UnsolvableError",
    "estimate_sigma",
    "iterate",
    "plan",
    "solve",
]
