"""
Automatic differentiation and Newton-CG
=======================================

The loss of :doc:`plot_gradient_descent_on_a_loss` again, but written as a plain function of NumPy arrays, with no operator
and no adjoint anywhere. `autograd <https://github.com/HIPS/autograd>`_ differentiates it, `JAX <https://docs.jax.dev>`_ too
where it is installed, and SciPy's Newton-CG minimises it. Then the function is plugged into unblur, and all are compared
with the loss declared by terms: first their gradients, digit by digit, then what they reach on the same budget.
"""

from importlib.util import find_spec
from time import perf_counter

import autograd.numpy as anp
import matplotlib.pyplot as plt
import numpy as np
from autograd import value_and_grad
from scipy.fft import next_fast_len
from scipy.ndimage import gaussian_filter
from scipy.optimize import minimize
from skimage import data
from skimage.color import rgb2gray
from skimage.transform import rescale

import unblur
from unblur.inversion import Distance, NewtonCG, Record, Smooth, solve
from unblur.operators import Blur, Gradient

# %%
# The same data
# -------------
#
# All in double precision: Newton's method takes differences of gradients, of which single precision leaves little.

image = rescale(rgb2gray(data.astronaut()), 1 / 3, mode="constant", anti_aliasing=False)
impulse = np.zeros((13, 13))
impulse[6, 6] = 1
psf = gaussian_filter(impulse, sigma=(1, 3))
psf /= psf.sum()
A = Blur(psf, image.shape, boundary="zero")
blurred = A @ image
start = np.random.default_rng(0).normal(size=image.shape) / 10

# %%
# A loss as a function
# --------------------
#
# .. math::
#     F(x) = \sqrt{\tfrac12 \|h * x - y\|^2} + 0.2 \sqrt{\tfrac12 \|\partial_0 x\|^2 + \tfrac12 \|\partial_1 x\|^2}
#
# The convolution is a product of spectra on a grid that is large enough for the blurred image's rim; the part of the image's
# size begins at the PSF's middle. The function takes the array module as an argument, so that the same lines serve every
# library that speaks NumPy.

rows, columns = image.shape
grid = tuple(next_fast_len(n + m - 1) for n, m in zip(image.shape, psf.shape, strict=True))
spectrum = np.fft.fft2(psf, grid)
padding = [(0, g - n) for g, n in zip(grid, image.shape, strict=True)]


def written_loss(x, np):
    """The loss of the image x, in the functions of the array module np."""
    whole = np.real(np.fft.ifft2(np.fft.fft2(np.pad(x, padding, mode="constant")) * spectrum))
    misfit = whole[6 : 6 + rows, 6 : 6 + columns] - blurred
    down, right = x[1:] - x[:-1], x[:, 1:] - x[:, :-1]
    return np.sqrt(np.sum(misfit**2) / 2) + 0.2 * np.sqrt(np.sum(down**2) / 2 + np.sum(right**2) / 2)


by_autograd = value_and_grad(lambda x: written_loss(x, anp))

# %%
# The same loss, declared: operators know their adjoints, and the gradient follows.

D = Gradient(image.shape, boundary="nearest")
declared = np.sqrt(0.5) * Distance(A, blurred) + 0.2 * np.sqrt(0.5) * Distance(D)


def by_declaration(x):
    """The declared loss and its gradient."""
    return declared.objective(x), declared.gradient(x)


# %%
# Two ways to one gradient
# ------------------------
#
# Reverse-mode differentiation *is* the application of adjoints, found by tracing the program instead of being asked for. So
# the two gradients must agree to rounding, and any bug in either would show.

derivatives = {"autograd": by_autograd}
if find_spec("jax"):
    import jax

    jax.config.update("jax_enable_x64", True)
    derivatives["JAX"] = jax.jit(jax.value_and_grad(lambda x: written_loss(x, jax.numpy)))

value, gradient = by_declaration(start)
gradient_differences = {}
for name, function in derivatives.items():
    its_value, its_gradient = function(start)
    gradient_differences[name] = float(np.linalg.norm(its_gradient - gradient) / np.linalg.norm(gradient))
    print(
        f"{name}: the loss differs by {abs(its_value - value):.1e}, the gradient by {gradient_differences[name]:.1e} relatively"
    )

# %%
# Newton-CG by SciPy
# ------------------
#
# Newton's step solves a linear system with the Hessian, a matrix of 29,241 rows and as many columns that nobody wants to
# see. Conjugate gradients need only its products with vectors, and a product is the difference of two gradients. Ten such
# steps are allowed, whatever the gradient comes from.

BUDGET = 10


def scipy_newton(value_and_gradient):
    """Ten steps of SciPy's Newton-CG; return the image, the loss after each step, and the seconds."""
    course = [float(value_and_gradient(start)[0])]

    def flat(x):
        value, gradient = value_and_gradient(x.reshape(image.shape))
        return float(value), np.asarray(gradient).ravel()

    def note(intermediate_result):
        course.append(float(intermediate_result.fun))

    begin = perf_counter()
    found = minimize(flat, start.ravel(), jac=True, method="Newton-CG", callback=note, options={"maxiter": BUDGET})
    return found.x.reshape(image.shape), course, perf_counter() - begin


runs = {f"SciPy's Newton-CG, {name}": scipy_newton(function) for name, function in derivatives.items()}
runs["SciPy's Newton-CG, declared"] = scipy_newton(by_declaration)

# %%
# Plugged into unblur
# -------------------
#
# `Smooth` makes a term of a value and a gradient, whoever worked them out. Given the data that the function knows of, it
# makes a whole problem. Its image has their shape and precision, and every method for smooth problems takes it: here
# unblur's own `NewtonCG`, with no more than 20 conjugate gradient iterations a step.

plugged = Smooth(lambda x: by_autograd(x)[0], lambda x: by_autograd(x)[1], data=blurred)


def unblur_newton(problem):
    """Ten steps of unblur's Newton-CG; return the same."""
    record = Record({"loss": lambda state: state.at.value})
    algorithm = NewtonCG(max_inner_iterations=20)
    result = solve(problem, algorithm, x0=start, tol=0, max_iterations=BUDGET, callbacks=[record])
    return result.x, [declared.objective(start), *result.history["loss"]], result.seconds


runs["unblur's NewtonCG, autograd"] = unblur_newton(plugged)
runs["unblur's NewtonCG, declared"] = unblur_newton(declared)

# %%
# Every curve is drawn as its distance from the least loss that any run found. The runs by SciPy lie on each other: it is one
# algorithm, and the gradients are the same. Those by unblur lie on each other too, and get further. SciPy solves each linear
# system the more exactly, the smaller the gradient is in the user's units; unblur compares it with the gradient at the
# start, so that scaled data take the same steps. With the declared loss a product by the Hessian needs no difference of
# whole gradients either: the operators are linear, and only the norms behind them bend.

least = min(min(course) for _, course, _ in runs.values())
fig, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
for (name, (_, course, _)), style in zip(runs.items(), ("-", "--", ":", "-.", "-"), strict=False):
    ax.semilogy(np.maximum(np.array(course) / least - 1, 1e-9), style, linewidth=2, label=name)
ax.set(title="Ten Newton steps", xlabel="step", ylabel="loss over the least, less 1")
ax.grid(alpha=0.3)
ax.legend()

# %%
# Which to take? Automatic differentiation spares the adjoints, and takes any loss: a network as a prior, a blur whose
# parameters are unknown. What it cannot see is structure. To it a convolution and a matrix are alike, whereas an operator
# that is declared also says how it is inverted, what its norm is, and which transform diagonalises it; proximal
# methods live on that.
#
# What unblur does with the same data
# -----------------------------------
#
# A smooth prior gives a smooth image, by however many Newton steps. `unblur.restore` takes total variation, which has no
# gradient at the edges that matter, and splits it instead; it is told to trust the data to half a level of 8 bits.

restored = unblur.restore(blurred, psf, sigma=0.5 / 255)


def psnr(picture):
    """Return the peak signal-to-noise ratio in dB."""
    return float(-10 * np.log10(np.mean((picture - image) ** 2)))


table = {"blurred": (psnr(blurred), None)}
table |= {name: (psnr(x), seconds) for name, (x, _, seconds) in runs.items()}
table["unblur.restore"] = (psnr(restored.image), restored.result.seconds)
print(f"{'':32}{'loss':>10}{'PSNR in dB':>12}{'seconds':>10}")
for name, (decibels, seconds) in table.items():
    loss = f"{runs[name][1][-1]:10.5f}" if name in runs else " " * 10
    print(f"{name:32}{loss}{decibels:12.2f}" + (f"{seconds:10.2f}" if seconds is not None else ""))

fig, panels = plt.subplots(1, 4, figsize=(12, 3.4), layout="constrained")
pictures = {
    "original": image,
    "blurred": blurred,
    "Newton-CG, smooth prior": runs["unblur's NewtonCG, autograd"][0],
    "unblur.restore": restored.image,
}
for ax, (name, picture) in zip(panels, pictures.items(), strict=True):
    grey = ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
    ax.set_title(name)
    ax.set_axis_off()
fig.colorbar(grey, ax=panels, shrink=0.85, label="intensity")
plt.show()
