"""How a blur is undone: terms, problems made of them, algorithms, and a plan that chooses and explains.

An inversion is a sum of terms over operator objects. `solve` minimises it; `plan` says how, and why.
"""

from .callbacks import Progress, Record
from .cg import CG
from .direct import Direct
from .driver import iterate, solve
from .functionals import GroupNorm, Interval, SquaredNorm
from .gradient_descent import GradientDescent
from .hybrid_lsqr import HybridLSQR
from .lbfgs import LBFGS
from .lsqr import LSQR
from .newton_cg import NewtonCG
from .plan import Plan, plan
from .problem import Problem
from .quadratic import UnsolvableError
from .result import Result
from .split_bregman import SplitBregman
from .status import Status
from .terms import Box, LeastSquares, Term, Tikhonov, TotalVariation

__all__ = [
    "CG",
    "LBFGS",
    "LSQR",
    "Box",
    "Direct",
    "GradientDescent",
    "GroupNorm",
    "HybridLSQR",
    "Interval",
    "LeastSquares",
    "NewtonCG",
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
    "iterate",
    "plan",
    "solve",
]
