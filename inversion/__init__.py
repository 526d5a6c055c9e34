"""How a blur is undone: terms, problems made of them, algorithms, and a plan that chooses and explains.

An inversion is a sum of terms over operator objects. `solve` minimises it; `plan` says how, and why.
"""

from .callbacks import Progress, Record
from .cross_validation import GCV
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
from .weights import UPRE, Discrepancy, Rule, UnreliableWeightWarning, Whiteness

__all__ = [
    "GCV",
    "UPRE",
    "Box",
    "Direct",
    "Discrepancy",
    "GroupNorm",
    "Interval",
    "LeastSquares",
    "Plan",
    "Problem",
    "Progress",
    "Record",
    "Result",
    "Rule",
    "SplitBregman",
    "SquaredNorm",
    "Status",
    "Term",
    "Tikhonov",
    "TotalVariation",
    "UnreliableWeightWarning",
    "UnsolvableError",
    "Whiteness",
    "estimate_sigma",
    "iterate",
    "plan",
    "solve",
]
