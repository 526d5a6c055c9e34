"""What is done to an image: blurs, derivatives and other linear operators, each with an exact adjoint.

Every operator is a `pylops.LinearOperator`, keeps the shape and the precision of its argument, and tells solvers
through `symbol`, `gram_symbol`, `split` and `norm_bound` what makes it easy to invert, and through `image_grid` what a prior
is to differentiate.

Arguments are arrays of NumPy's or of CuPy's, and the result is of the same library. `Wavelet`, which calls PyWavelets, and
SciPy's own operators take NumPy's alone, and `check_operator` measures with these.
"""

from ._backend import get_workers, set_workers
from .base import Identity, Operator
from .blur import Blur
from .checks import Check, Report, check_operator
from .colour import Bayer, ChannelMix
from .convolve import Convolve2D
from .derivatives import FirstDerivative, Gradient
from .grids import image_grid
from .interop import aslinearoperator, from_functions
from .norms import operator_norm
from .sampling import Crop, Downsample, Mask
from .second_derivatives import Hessian, Laplacian, MixedDerivative, SecondDerivative
from .spectral import CosineTransform, FourierTransform
from .stack import Stack
from .structure import gram_symbol, norm_bound, split, symbol
from .transforms import Cosine, Fourier
from .varying import VaryingBlur
from .wavelets import StationaryWavelet, Wavelet

__all__ = [
    "Bayer",
    "Blur",
    "ChannelMix",
    "Check",
    "Convolve2D",
    "Cosine",
    "CosineTransform",
    "Crop",
    "Downsample",
    "FirstDerivative",
    "Fourier",
    "FourierTransform",
    "Gradient",
    "Hessian",
    "Identity",
    "Laplacian",
    "Mask",
    "MixedDerivative",
    "Operator",
    "Report",
    "SecondDerivative",
    "Stack",
    "StationaryWavelet",
    "VaryingBlur",
    "Wavelet",
    "aslinearoperator",
    "check_operator",
    "from_functions",
    "get_workers",
    "gram_symbol",
    "image_grid",
    "norm_bound",
    "operator_norm",
    "set_workers",
    "split",
    "symbol",
]
