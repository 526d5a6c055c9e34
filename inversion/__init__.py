"""How a blur is undone: terms, problems made of them, algorithms, and a plan that chooses and explains.

An inversion is a sum of terms over operator objects. `solve` minimises it; `plan` says how, and why.

Everything computes in the library of the data, NumPy or CuPy, but for what needs SciPy's optimisers, PyWavelets or a file:
`LBFGS`, `NewtonCG`, the rules for the weight, estimates of the noise, `sliding_dct` and `Checkpoint` refuse other arrays than
NumPy's.
"""

from . import stops
from .callbacks import Progress, Record
from .certificate import Certificate, certify
from .cg import CG
from .checkpoint import Checkpoint
from .coloured_validation import ColouredGCV
from .constraints import Box, Nonnegative
from .cross_validation import GCV
from .data_terms import Distance, Huber, LeastAbsolute, LeastSquares, Poisson
from .direct import Direct
from .driver import iterate, solve
from .fidelities import EuclideanNorm, HuberLoss, KullbackLeibler
from .functionals import GroupNorm, Interval, SquaredNorm
from .gradient_descent import GradientDescent
from .hybrid_lsqr import HybridLSQR
from .lbfgs import LBFGS
from .lsqr import LSQR
from .newton_cg import NewtonCG
from .noise import estimate_sigma
from .noise_colour import NoiseSpectrum, fit_noise_spectrum
from .noise_spectrum import BlindNoise, noise_where_blind
from .penalties import PowerNorm
from .plan import Plan, plan
from .plug_and_play import PlugAndPlay
from .primal_dual import PrimalDual
from .priors import Denoiser, Smooth, Sparsity, Tikhonov, TotalVariation
from .problem import Problem
from .proximal_gradient import ProximalGradient
from .quadratic import UnsolvableError
from .result import Result
from .richardson_lucy import RichardsonLucy
from .sliding_dct import sliding_dct
from .split_bregman import SplitBregman
from .status import Status
from .terms import Term
from .weights import UPRE, Discrepancy, Rule, UnreliableWeightWarning, Whiteness

__all__ = [
    "CG",
    "GCV",
    "LBFGS",
    "LSQR",
    "UPRE",
    "BlindNoise",
    "Box",
    "Certificate",
    "Checkpoint",
    "ColouredGCV",
    "Denoiser",
    "Direct",
    "Discrepancy",
    "Distance",
    "EuclideanNorm",
    "GradientDescent",
    "GroupNorm",
    "Huber",
    "HuberLoss",
    "HybridLSQR",
    "Interval",
    "KullbackLeibler",
    "LeastAbsolute",
    "LeastSquares",
    "NewtonCG",
    "NoiseSpectrum",
    "Nonnegative",
    "Plan",
    "PlugAndPlay",
    "Poisson",
    "PowerNorm",
    "PrimalDual",
    "Problem",
    "Progress",
    "ProximalGradient",
    "Record",
    "Result",
    "RichardsonLucy",
    "Rule",
    "Smooth",
    "Sparsity",
    "SplitBregman",
    "SquaredNorm",
    "Status",
    "Term",
    "Tikhonov",
    "TotalVariation",
    "UnreliableWeightWarning",
    "UnsolvableError",
    "Whiteness",
    "certify",
    "estimate_sigma",
    "fit_noise_spectrum",
    "iterate",
    "noise_where_blind",
    "plan",
    "sliding_dct",
    "solve",
    "stops",
]
