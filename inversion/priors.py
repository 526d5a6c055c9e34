"""Terms that carry no data: what is known of x beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from unblur.operators import Gradient, Identity, Operator, Stack, aslinearoperator
from unblur.operators._arguments import read_array, read_axes, read_flag, read_function, read_number
from unblur.operators.grids import acts_on
from unblur.operators.structure import rows

from .functionals import GroupNorm, SquaredNorm
from .penalties import Differentiable, ImplicitPrior, PowerNorm
from .sliding_dct import sliding_dct
from .terms import Term, name_of, read_samples


class Tikhonov(Term):
    r"""The quadratic prior.

    .. math:: \tfrac12 \| D x - t \|^2

    Parameters
    ----------
    D : operator or matrix, optional
        By default `Gradient` of the problem's first data operator, where that says along which axes x is an image, as a blur
        does, behind a mask too. A plain matrix, or a mask alone, does not: give ``Identity(A.dims)``, or a gradient.
    target : array of shape ``D.dimsd`` or number
        What D x is drawn to.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import LeastSquares, Tikhonov, solve
    >>> problem = LeastSquares(np.eye(2), np.array([1.0, 3.0])) + Tikhonov(np.eye(2))
    >>> problem.objective(np.array([0.5, 1.5]))
    2.5
    """

    def __init__(self, D: Any = None, target: Any = 0) -> None:
        offset, target = None, read_array(target, "target")
        D = None if D is None else aslinearoperator(D, "D")
        if np.any(target):
            if D is None:
                raise ValueError("target is given without D; name the operator whose result it is")
            try:
                offset = np.broadcast_to(target, D.dimsd)
            except ValueError:
                raise ValueError(
                    f"target has shape {target.shape}, but D gives {tuple(D.dimsd)}; give an array of that shape, or a number"
                ) from None
        super().__init__(SquaredNorm(), D)
        self.offset = None if offset is None else read_samples(offset, D, "target")

    def bind(self, A: Operator) -> Self:
        return self if self.operator is not None else self._with(operator=_gradient_for(self, A))

    def formula(self) -> str:
        return f"{self._factor()}½‖{name_of(self.operator, '∇')} x{'' if self.offset is None else ' − t'}‖²"


class TotalVariation(Term):
    r"""Total variation, or the group norm of any other stack of operators.

    .. math:: \mathrm{TV}(x) = \sum_i \Big( \sum_{a, c} |D_a x|_{i, c}^2 \Big)^{1/2}

    The inner sum goes over the derivatives a (isotropic) and over colours c.

    Parameters
    ----------
    D : gradient, or list of derivatives, optional
        By default `Gradient` of the problem's first data operator, as for `Tikhonov`. Components come first in the result of a
        gradient; `pylops.VStack` and a list of derivatives are taken as such a stack.
    isotropic : bool
        Whether the derivatives are gathered in one norm; else each stands alone.
    joint : int or tuple of int, optional
        The axes of x that are gathered in the norm too. By default all that D does not differentiate (colour); ``()``
        gathers none (batch, time).

    References
    ----------
    Rudin, Osher, Fatemi, "Nonlinear total variation based noise removal algorithms", Physica D 60 (1992).
    Bresson, Chan, "Fast dual minimization of the vectorial total variation norm", Inverse Problems and Imaging 2 (2008).

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import TotalVariation
    >>> from unblur.operators import Gradient
    >>> step = np.outer([0.0, 1.0, 1.0], np.ones(4))
    >>> TotalVariation(Gradient((3, 4), boundary="nearest")).value(step)
    4.0
    """

    def __init__(self, D: Any = None, isotropic: bool = True, joint: int | Sequence[int] | None = None) -> None:
        self.isotropic, self.joint = read_flag(isotropic, "isotropic"), joint
        super().__init__(GroupNorm(), None if D is None else _stacked(D, self.isotropic))
        if self.operator is not None:
            self.functional = self._group_norm(self.operator)

    def bind(self, A: Operator) -> Self:
        if self.operator is not None:
            return self
        D = _gradient_for(self, A)
        return self._with(operator=D, functional=self._group_norm(D))

    def _group_norm(self, D: Operator) -> GroupNorm:
        stacked = len(D.dimsd) > len(D.dims)
        riding = set(range(len(D.dims))) - set(acts_on(D) or range(len(D.dims)))
        if self.joint is None:
            joint = tuple(riding)
        elif isinstance(self.joint, Sequence) and not self.joint:
            joint = ()
        else:
            joint = tuple(sorted(read_axes(self.joint, len(D.dims), "joint")))
        axes = tuple(axis + stacked for axis in joint)
        return GroupNorm((0, *axes) if stacked and self.isotropic else axes)

    def formula(self) -> str:
        norm = "‖₂,₁" if self.isotropic else "‖₁"
        return f"{self._factor()}‖{name_of(self.operator, '∇')} x{norm}"


def _gradient_for(prior: Term, A: Operator) -> Gradient:
    """Return the gradient of the images that A takes; refuse in the name of a prior without an operator if A does not tell."""
    try:
        return Gradient(A)
    except ValueError as refusal:
        name = type(prior).__name__
        also = f", or {name}(Identity({tuple(A.dims)}))" if isinstance(prior, Tikhonov) else ""
        line = f'{name}(Gradient({tuple(A.dims)}, axes={tuple(range(min(2, len(A.dims))))}, boundary="nearest"))'
        raise ValueError(
            f"{name}() takes the gradient of the data's operator, but {A!r} does not say along which axes x is an image, nor "
            f"what x is beyond its edges; write {line}{also}"
        ) from refusal


def _stacked(D: Any, isotropic: bool) -> Operator:
    """Return derivatives as one operator whose results have the components first."""
    if isinstance(D, list | tuple):
        if len(D) == 1:
            return _stacked(D[0], isotropic)
        return Stack([part for d in D for part in (rows(d) or [d])])
    A = aslinearoperator(D, "D")
    if len(A.dimsd) > len(A.dims):
        return A
    parts = rows(A)
    if parts is not None:
        return Stack(parts)
    if isotropic and A.shape[0] > A.shape[1] and A.shape[0] % A.shape[1] == 0:
        raise ValueError(
            f"D gives {A.shape[0]} numbers for {A.shape[1]} samples, and does not say which of them belong to one sample; give "
            "the list of the derivatives, an operator with dimsd (components, *dims), or isotropic=False"
        )
    return A


class Sparsity(Term):
    r"""Few coefficients, or few large ones.

    .. math:: \sum_i |W x|_i^p

    Parameters
    ----------
    W : operator or matrix, optional
        What makes x sparse, a wavelet transform for instance; by default the identity.
    power : float
        p, above 0 and at most 1. Below 1 it is the hyper-Laplacian prior, which is not convex: what a solver then finds
        is a stationary point, and depends on where it starts.

    Raises
    ------
    ValueError
        If `power` is outside its range.

    Notes
    -----
    The prox is a closed form for p = 1/2, 2/3 and 1; for others Newton's method takes about five steps an element.

    References
    ----------
    Krishnan, Fergus, "Fast image deconvolution using hyper-Laplacian priors", NIPS 22 (2009).
    Marjanovic, Solo, "On lq optimization and matrix completion", IEEE Trans. Signal Process. 60 (2012).

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import Sparsity
    >>> Sparsity(np.eye(2), power=0.5).value(np.array([4.0, -9.0]))
    5.0
    """

    def __init__(self, W: Any = None, power: float = 1) -> None:
        self.power = read_number(power, "power", above=0, most=1, remedy=", 1 being the convex one")
        W = None if W is None else aslinearoperator(W, "W")
        super().__init__(GroupNorm() if power == 1 else PowerNorm(self.power), W)

    def formula(self) -> str:
        power = "" if self.power == 1 else f"^{self.power:.4g}"
        return f"{self._factor()}Σ|{name_of(self.operator)} x|{power}"


class Denoiser(Term):
    """A prior of which nothing is known but a denoiser: plug and play.

    Parameters
    ----------
    f : callable
        Takes an image of x's shape and the standard deviation of the noise, returns the image without noise. By default
        `sliding_dct`.

    Notes
    -----
    Its weight is λ σ², with σ the standard deviation of the noise of the data and λ about 0.23: with a weight w the
    splitting method calls f with σ = √(w / μ), μ being its penalty. There is no objective to be had: `value` is nan.

    References
    ----------
    Venkatakrishnan, Bouman, Wohlberg, "Plug-and-play priors for model based reconstruction", IEEE GlobalSIP (2013).

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.ndimage
    >>> from unblur.inversion import Denoiser
    >>> 0.23 * 0.01**2 * Denoiser(lambda image, sigma: scipy.ndimage.gaussian_filter(image, 20 * sigma))
    2.3e-05 · R(x; <lambda>)
    """

    def __init__(self, f: Callable[[Any, float], Any] = sliding_dct) -> None:
        read_function(f, "f", "a function of an image and a standard deviation")
        super().__init__(ImplicitPrior(f))

    def formula(self) -> str:
        f = self.functional.denoiser  # type: ignore[attr-defined]
        return f"{self._factor()}R(x; {getattr(f, '__name__', type(f).__name__)})"


class Smooth(Term):
    r"""A differentiable term of one's own.

    .. math:: f(A x)

    Parameters
    ----------
    value : callable
        Takes an array of shape ``A.dimsd``, returns f of it.
    gradient : callable
        Takes the same, returns ∇f as an array of that shape. An array that NumPy can read will do: one of JAX or PyTorch.
    A : operator or matrix, optional
        By default the identity.
    data : array of shape ``A.dimsd``, or flat, optional
        What `value` compares A x with, where the term is one of data: the problem takes from it the shape of x, the
        precision, and where to start. `value` and `gradient` are given A x, not A x − data.
    lipschitz : float, optional
        A Lipschitz constant of ∇f, where it is known; without, first-order methods find their step by trial.
    convex : bool
        Whether f is convex.

    Raises
    ------
    TypeError
        If `value` or `gradient` is not callable.
    ValueError
        If `lipschitz` is negative or not finite, if shapes do not fit, or if `data` is not finite.

    Notes
    -----
    Every other term of this library is bounded below by 0; this one is not trusted to be. Before a problem that holds one is
    solved, it is looked at far out along some rays, up to a hundred or so applies and some tens of values, and refused with a
    `ValueError` where it goes on falling at least linearly. It is not looked at where a `Box` bounds x from both sides.

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import Smooth, solve
    >>> term = Smooth(lambda z: np.sum(np.log(np.cosh(z))), np.tanh, np.eye(2), lipschitz=1)
    >>> term.gradient(np.zeros(2))
    array([0., 0.])

    A whole loss, written by hand or differentiated by another library, with the data that it knows:

    >>> y = np.array([1.0, 3.0])
    >>> loss = Smooth(lambda x: np.sum(np.cosh(x - y)), lambda x: np.sinh(x - y), data=y)
    >>> solve(loss, x0=np.zeros(2), tol=1e-9).x.round(6).tolist()
    [1.0, 3.0]
    """

    def __init__(
        self,
        value: Callable[[Any], Any],
        gradient: Callable[[Any], Any],
        A: Any = None,
        *,
        data: Any = None,
        lipschitz: float | None = None,
        convex: bool = True,
    ) -> None:
        for name, function in (("value", value), ("gradient", gradient)):
            read_function(function, name, "a function of one array")
        if lipschitz is not None:
            lipschitz = read_number(lipschitz, "lipschitz", least=0, remedy=", or None where it is not known")
        convex = read_flag(convex, "convex")
        self.carries_data = data is not None
        if self.carries_data and A is None:
            A = Identity(np.shape(data))
        super().__init__(Differentiable(value, gradient, lipschitz, convex), A)
        self.data = read_samples(data, self.operator, "data") if self.carries_data else None

    @property
    def target(self) -> Any:
        return self.data

    def with_data(self, y: Any) -> Self:
        """Refuse: `value` holds its data itself."""
        raise TypeError(f"{self!r} cannot take other data, which its function holds; make a new Smooth")

    def formula(self) -> str:
        f = self.functional.function  # type: ignore[attr-defined]
        return f"{self._factor()}{getattr(f, '__name__', type(f).__name__)}({name_of(self.operator)} x)"
