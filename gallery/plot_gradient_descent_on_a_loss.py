"""
Gradient descent on a loss
==========================

Whoever comes from machine learning deblurs an image by writing a loss and walking down its gradient. Here such a program
is followed step by step: a loss of two square roots, random noise for a start, a fixed step, five hundred of them. Then the
same loss is handed to better methods, two of them written on the spot, and at last to a better loss.
"""

from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter
from skimage import data
from skimage.color import rgb2gray
from skimage.transform import rescale

import unblur
from unblur.inversion import LBFGS, Distance, GradientDescent, LeastSquares, Record, SplitBregman, TotalVariation, solve
from unblur.operators import Blur, Gradient

# %%
# Image and blur
# --------------
#
# A photograph in grey, at a third of its size. The point spread function is a single one in a square of 13×13, filtered by
# a Gaussian with standard deviations of 1 along the rows' axis and 3 along the columns'. The filter reflects at the square's
# edges, so the tails that would reach beyond fold back: this is close to a Gaussian PSF, but not `unblur.psf.gaussian`.

image = rescale(rgb2gray(data.astronaut()), 1 / 3, mode="constant", anti_aliasing=False)
impulse = np.zeros((13, 13))
impulse[6, 6] = 1
psf = gaussian_filter(impulse, sigma=(1, 3))
psf /= psf.sum()

A = Blur(psf, image.shape, boundary="zero")
blurred = A @ image

fig, panels = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
for ax, name, picture in zip(panels, ("original", "blurred"), (image, blurred), strict=False):
    grey = ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
    ax.set_title(name)
    ax.set_axis_off()
fig.colorbar(grey, ax=panels[:2], shrink=0.9, label="intensity")
fig.colorbar(panels[2].imshow(psf, extent=(-6.5, 6.5, 6.5, -6.5)), ax=panels[2], shrink=0.9, label="weight")
panels[2].set_title("PSF, 13×13")

# %%
# The loss
# --------
#
# .. math::
#     F(x) = \sqrt{\tfrac12 \|h * x - y\|^2} + 0.2 \sqrt{\tfrac12 \|\partial_0 x\|^2 + \tfrac12 \|\partial_1 x\|^2}
#
# with forward differences inside the image. Each square root is a Euclidean norm over √2, which is what `Distance` declares;
# one that is given no data is a prior. With a "nearest" boundary the difference beyond the last sample is zero, so only
# those inside count.

D = Gradient(image.shape, boundary="nearest")
loss = np.sqrt(0.5) * Distance(A, blurred) + 0.2 * np.sqrt(0.5) * Distance(D)
print(loss)

# %%
# No automatic differentiation is needed. The gradient of :math:`\|Ax - y\|` is :math:`A^H (Ax - y) / \|Ax - y\|`, and every
# operator knows its adjoint. A finite difference along a random direction agrees:

rng = np.random.default_rng(0)
direction, point = rng.normal(size=image.shape), rng.normal(size=image.shape)
slope = float(np.sum(loss.gradient(point) * direction))
step = 1e-4
difference = (loss.objective(point + step * direction) - loss.objective(point - step * direction)) / (2 * step)
print(f"slope by the adjoints {slope:.8f}, by a difference {difference:.8f}")

# %%
# Five hundred steps
# ------------------
#
# From normal noise over 10, with a step of 0.5. The loss is printed at the start, and after the steps 1, 101, 201, 301 and
# 401: a program that counts its steps from 0 and prints when the number is divisible by 100 shows these. The course does not
# depend on the noise: over 29,241 pixels its size averages out, and other seeds give the same numbers to one per cent.

start = rng.normal(size=image.shape) / 10
STEPS = 500


def descend(algorithm, **options):
    """Minimise the loss from the noise, and note it after each step."""
    record = Record({"loss": lambda state: loss.objective(state.x)})
    options = {"tol": 0, "max_iterations": STEPS} | options
    return solve(loss, algorithm, x0=start, callbacks=[record], **options)


runs = {"gradient descent, step 0.5": descend(GradientDescent(step_size=0.5))}
course = np.concatenate([[loss.objective(start)], runs["gradient descent, step 0.5"].history["loss"]])
for steps in (0, 1, 101, 201, 301, 401, 500):
    print(f"after {steps:3} steps: {course[steps]:.3g}")

# %%
# For a long time the loss falls by about a quarter in each step, and that is the square root's doing. The gradient of a
# squared norm is the longer the further away x is; that of a norm has the same length far away and near, and so has the
# step. This has its good side: both terms scale alike, so that a weight of 0.2 suits bright images and dark ones. The bad
# side shows near a perfect fit, where a norm has a kink, and a fixed step across a kink does not settle.
#
# Algorithms of one's own
# -----------------------
#
# An algorithm is an object with ``start``, which makes a state, ``step``, which advances it, and ``explain``, which says why
# it suits and how many FFTs a step takes; a state has an ``x`` and a ``residual``. `solve` brings the clock, the stops, the
# history. So Adam and Adagrad, which machine learning goes by, are a few lines each.


@dataclass
class Moments:
    """The image, and running means of the gradient and of its square."""

    problem: Any
    x: Any
    mean: Any
    square: Any
    steps: int = 0
    residual: float = float("inf")


@dataclass(frozen=True)
class Adagrad:
    """Each pixel's step is divided by the root of the sum of its squared gradients."""

    rate: float = 0.05
    max_iterations = STEPS

    def start(self, problem, x0=None):
        x = problem.initial() if x0 is None else x0.copy()
        return Moments(problem, x, np.zeros_like(x), np.zeros_like(x))

    def step(self, state):
        g = state.problem.gradient(state.x)
        state.square += g**2
        state.x -= self.rate * g / (np.sqrt(state.square) + 1e-10)
        state.residual = float(np.linalg.norm(g))

    def explain(self, problem):
        return f"{type(self).__name__} on any smooth problem", 4


@dataclass(frozen=True)
class Adam(Adagrad):
    """The same with means that forget, freed from the bias of their start at zero."""

    rate: float = 0.01

    def step(self, state):
        g = state.problem.gradient(state.x)
        state.steps += 1
        state.mean += 0.1 * (g - state.mean)
        state.square += 0.001 * (g**2 - state.square)
        mean = state.mean / (1 - 0.9**state.steps)
        square = state.square / (1 - 0.999**state.steps)
        state.x -= self.rate * mean / (np.sqrt(square) + 1e-8)
        state.residual = float(np.linalg.norm(g))


runs["Adagrad, rate 0.05"] = descend(Adagrad())
runs["Adam, rate 0.01"] = descend(Adam())

# %%
# Those that choose their steps themselves
# ----------------------------------------
#
# `GradientDescent` without a step size takes those of Barzilai and Borwein: the last step, divided by the change of the
# gradient along it. L-BFGS builds a model of the curvature from the last ten. Neither has a number to tune.

runs["gradient descent, Barzilai–Borwein"] = descend(GradientDescent())
runs["L-BFGS"] = descend(LBFGS(), tol=1e-4)

fig, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
for name, run in runs.items():
    ax.semilogy([course[0], *run.history["loss"]], label=name)
ax.set(title="One loss, five methods", xlabel="step", ylabel="loss", yticks=[2, 5, 10, 20, 50], xlim=(-5, STEPS))
ax.yaxis.set_major_formatter("{x:g}")
ax.yaxis.set_minor_formatter("")
ax.grid(alpha=0.3)
ax.legend()
for name, run in runs.items():
    print(f"{name:36}{run.iterations:4} steps, loss {run.history['loss'][-1]:.4f}")

# %%
# All of them reach the same loss to within two per cent; L-BFGS is there after twenty steps, and spends the others on further
# digits. The loss has been minimised, then, and what is still amiss with the image is the loss's own fault.
#
# A better loss
# -------------
#
# The prior is a norm of *all* differences together. It asks for a small sum of squares, and one high edge costs more than
# the same height climbed in ten steps: the image stays soft. Total variation asks for a small sum of magnitudes, at which
# an edge is no dearer than a slope. Beside it stands the squared data term, whose pull fades as the misfit gets small; without
# noise a small weight on the prior leaves it the stronger of the two.

better = LeastSquares(A, blurred) + 1e-5 * TotalVariation(D)
sharp = solve(better, SplitBregman(), tol=0, max_iterations=50)

# %%
# What unblur does with the same data
# -----------------------------------
#
# Image and PSF, nothing else; it does not know that all is black beyond the edges. The weight follows from the noise, of
# which there is none here: it is told to trust the data to half a level of 8 bits.

restored = unblur.restore(blurred, psf, sigma=0.5 / 255)


def psnr(picture):
    """Return the peak signal-to-noise ratio in dB."""
    return float(-10 * np.log10(np.mean((picture - image) ** 2)))


table = {"blurred": (psnr(blurred), None)}
table |= {name: (psnr(run.x), run.seconds) for name, run in runs.items()}
table |= {
    "squared loss with TV": (psnr(sharp.x), sharp.seconds),
    "unblur.restore": (psnr(restored.image), restored.result.seconds),
}
print(f"{'':36}{'PSNR in dB':>12}{'seconds':>10}")
for name, (decibels, seconds) in table.items():
    print(f"{name:36}{decibels:12.2f}" + (f"{seconds:10.2f}" if seconds is not None else ""))

fig, panels = plt.subplots(2, 3, figsize=(10, 6.8), layout="constrained")
pictures = {
    "original": image,
    "blurred": blurred,
    "gradient descent, 500 steps": runs["gradient descent, step 0.5"].x,
    "L-BFGS, the same loss": runs["L-BFGS"].x,
    "squared loss with TV": sharp.x,
    "unblur.restore": restored.image,
}
for ax, (name, picture) in zip(panels.flat, pictures.items(), strict=True):
    grey = ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
    ax.set_title(name)
    ax.set_axis_off()
fig.colorbar(grey, ax=panels, shrink=0.7, label="intensity")
plt.show()
