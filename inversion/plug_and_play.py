"""Plug and play: half-quadratic splitting with a denoiser in the place of a prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unblur.operators import Cosine, Fourier, gram_symbol, split
from unblur.operators._arguments import read_number, read_whole
from unblur.operators._backend import real_dtype
from unblur.operators._namespace import asarray

from .functionals import capability
from .problem import Problem
from .proximable import count_ffts
from .quadratic import UnsolvableError, right_side, transforms
from .terms import Term


@dataclass(slots=True)
class PlugAndPlayState:
    """The iterates."""

    #: how a run ends, as it minimises nothing
    ending: ClassVar[str] = "the schedule of σ is done; a denoiser has no objective, and no optimum is claimed"

    x: Any  #: the image, of the data
    z: Any  #: the image, of the denoiser
    sigmas: Any  #: σ_k, falling
    k: int  #: how many iterations were done
    weight: float  #: of the denoiser
    denoise: Any
    terms: list[Term]  #: the quadratic ones
    transform: Fourier | Cosine | None
    gram: Any  #: Σ w g, exactly or nearly AᴴA in the transform; 0 where none is known
    right: Any  #: Σ w Aᴴ b; its spectrum where the x-update is a closed form
    exact: bool  #: whether it is
    residual: float = float("inf")  #: how far σ_k is above its last value, relative to that


@dataclass(frozen=True)
class PlugAndPlay:
    r"""Half-quadratic splitting with a denoiser.

    .. math::
        z &\leftarrow \operatorname{denoise}(x, \sigma_k) \\
        x &\leftarrow \arg\min_x \sum_t \tfrac{w_t}{2} \|A_t x - b_t\|^2 + \tfrac{\alpha_k}{2} \|x - z\|^2,
        \qquad \alpha_k = w / \sigma_k^2

    where w is the weight of the `Denoiser` term, and σ_k falls geometrically.

    Parameters
    ----------
    steps : int
        How many iterations σ_k takes from its first value to its last; the run ends there.
    first_sigma : float, optional
        In the units of the image; by default a tenth of its range.
    last_sigma : float, optional
        By default the noise of the data as the weight tells it, √(w / 0.23), but not below 1/255 of the range.
    inner_iterations : int
        Conjugate gradient steps of an x-update that has no closed form, each from the x before.

    Raises
    ------
    ValueError
        If an option is outside its range.

    Notes
    -----
    An x-update takes two FFTs where one transform diagonalises all operators; where not, `inner_iterations` applies of each
    operator and of its adjoint, preconditioned by the convolution behind a crop or a mask where there is one. The denoiser
    costs what it costs. The result minimises nothing that could be written down; it is `z`'s last data-consistent x.

    References
    ----------
    Zhang et al., "Plug-and-play image restoration with deep denoiser prior", IEEE Trans. Pattern Anal. Mach. Intell. 44
    (2022), for the schedule.
    Danielyan, Katkovnik, Egiazarian, "BM3D frames and variational image deblurring", IEEE Trans. Image Process. 21 (2012).

    Examples
    --------
    >>> import numpy as np
    >>> from unblur.inversion import Denoiser, LeastSquares, PlugAndPlay, solve
    >>> from unblur.operators import Blur
    >>> rng = np.random.default_rng(0)
    >>> A = Blur(np.full((3, 3), 1 / 9), (32, 32), boundary="periodic")
    >>> x = np.kron(np.eye(2), np.ones((16, 16)))
    >>> y = A.apply(x) + rng.normal(scale=0.02, size=x.shape)
    >>> result = solve(LeastSquares(A, y) + 0.23 * 0.02**2 * Denoiser(), PlugAndPlay())
    >>> bool(np.abs(result.x - x).mean() < 0.3 * np.abs(y - x).mean())
    True
    """

    steps: int = 16
    first_sigma: float | None = None
    last_sigma: float | None = None
    inner_iterations: int = 5

    def __post_init__(self) -> None:
        for name in ("steps", "inner_iterations"):
            read_whole(getattr(self, name), name)
        for name in ("first_sigma", "last_sigma"):
            sigma = getattr(self, name)
            if sigma is not None:
                read_number(sigma, name, above=0, remedy=", or None for the default rule")

    @property
    def max_iterations(self) -> int:
        """The run ends with the schedule."""
        return self.steps

    def start(self, problem: Problem, x0: Any = None) -> PlugAndPlayState:
        """Return the state at `x0`.

        Raises
        ------
        UnsolvableError
            If there is not one denoiser, or if another term is not quadratic.
        """
        terms, prior = arrange(problem)
        x = problem.read_start(x0)
        transform, gram, exact = _diagonal(terms, problem)
        if exact:
            assert transform is not None
            right = right_side(terms, transform, problem.spectra)
        else:
            right = sum(-t.gradient(np.zeros_like(x)) for t in terms)
        size = float(np.ptp(x)) or 1.0
        last = self.last_sigma or max(np.sqrt(prior.weight / 0.23), size / 255)
        first = max(self.first_sigma or 0.1 * size, last)
        return PlugAndPlayState(
            x, x.copy(), np.geomspace(first, last, self.steps), 0, prior.weight,
            prior.functional.denoise, terms, transform, gram, right, exact,  # type: ignore[attr-defined]
        )  # fmt: skip

    def step(self, state: PlugAndPlayState) -> None:
        """Advance `state` by one iteration."""
        sigma = float(state.sigmas[min(state.k, len(state.sigmas) - 1)])
        state.z = state.denoise(state.x, sigma)
        alpha = state.weight / sigma**2
        if state.exact:
            F = state.transform
            assert F is not None
            # x ← F⁻¹ (F Σ w Aᴴ b + α F z) / (Σ w g + α)
            spectrum = F.forward(state.z)
            spectrum *= alpha
            spectrum += state.right
            spectrum /= state.gram + spectrum.real.dtype.type(alpha)
            state.x = F.inverse(spectrum)
        else:
            self._iterate(state, alpha)
        state.k += 1
        state.residual = sigma / float(state.sigmas[-1]) - 1 if np.isfinite(state.x).all() else float("nan")

    def _iterate(self, state: PlugAndPlayState, alpha: float) -> None:
        """X ← an approximate solution of (Σ w Aᴴ A + α) x = Σ w Aᴴ b + α z, by preconditioned conjugate gradients."""
        x = state.x
        # the residual of the system at x
        r = state.z - x
        r *= alpha
        for t in state.terms:
            r -= t.gradient(x)
        p, rho = None, 0.0
        for _ in range(self.inner_iterations):
            s = self._precondition(state, r, alpha)
            rho, before = float(np.vdot(r, s).real), rho
            if rho == 0:
                break
            p = s if p is None else s + (rho / before) * p
            q = alpha * p
            for t in state.terms:
                q += _curve(t, p)
            step = rho / float(np.vdot(p, q).real)
            x += step * p
            r -= step * q

    def _precondition(self, state: PlugAndPlayState, r: Any, alpha: float) -> Any:
        F = state.transform
        if F is None:
            return r.copy()
        spectrum = F.forward(r)
        spectrum /= state.gram + spectrum.real.dtype.type(alpha)
        return F.inverse(spectrum)

    def explain(self, problem: Problem) -> tuple[str, int]:
        """Return why the problem suits, and the FFTs of one iteration; raise `UnsolvableError` if it does not."""
        terms, prior = arrange(problem)
        transform, _, exact = _diagonal(terms, problem)
        lines = [f"a denoiser for a prior, {prior!r}, and quadratic terms beside it"]
        if exact:
            return "; ".join([*lines, f"{transform} diagonalises the x-update"]), 2
        each = count_ffts(terms) + (0 if transform is None else 2)
        how = f"x-update by {self.inner_iterations} conjugate gradient steps" + ("" if transform is None else ", preconditioned")
        # and once more, for the residual to set out from
        return "; ".join([*lines, how]), each * self.inner_iterations + count_ffts(terms)


def arrange(problem: Problem) -> tuple[list[Term], Term]:
    """Return the quadratic terms, and the one of the denoiser."""
    terms = [t for t in problem.terms if t.weight > 0]
    priors = [t for t in terms if hasattr(t.functional, "denoise")]
    if len(priors) != 1:
        raise UnsolvableError(f"PlugAndPlay takes one Denoiser() and {len(priors)} are there; add or leave out what is amiss")
    for t in terms:
        if t is not priors[0] and not capability(t.functional, "quadratic"):
            raise UnsolvableError(
                f"PlugAndPlay cannot take {t!r} beside a denoiser: it is not quadratic; leave it out, or clip afterwards"
            )
    if problem.dtype.kind == "c":
        raise UnsolvableError("PlugAndPlay cannot take complex data, which a denoiser of images has no sense for")
    return [t for t in terms if t is not priors[0]], priors[0]


def _diagonal(terms: list[Term], problem: Problem) -> tuple[Fourier | Cosine | None, Any, bool]:
    """Return a transform, Σ w g of the terms in it, and whether that is all of them, exactly."""
    for only_behind in (False, True):
        for transform in transforms(problem):
            grams = [_gram(t, transform, only_behind) for t in terms]
            if all(g is not None for g in grams):
                gram = sum(t.weight * g for t, g in zip(terms, grams, strict=True))
                gram = asarray(gram).astype(real_dtype(problem.dtype))
                return transform, asarray(gram, problem.data[0].target), not only_behind
    return None, 0, False


def _gram(t: Term, transform: Fourier | Cosine, only_behind: bool) -> Any:
    """Return g of a term; with `only_behind` that of what stands behind its mask, and behind its weights."""
    if not only_behind:
        return gram_symbol(t.A, transform) if capability(t.functional, "curvature") is not None else None
    g = gram_symbol(t.A, transform)
    parts = split(t.A) if g is None else None
    return g if parts is None else gram_symbol(parts[1], transform)


def _curve(t: Term, p: Any) -> Any:
    """Return w Aᴴ W A p, the part of a quadratic term's gradient that is linear."""
    return t.weight * t.A.apply_adjoint(t.functional.gradient(t.A.apply(p)))  # type: ignore[attr-defined]
