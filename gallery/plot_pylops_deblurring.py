"""
Deblurring with PyLops's solvers and with ours
==============================================

`PyLops <https://pylops.readthedocs.io>`_ shows image deblurring in its tutorials: an image is blurred by a known point
spread function, and restored by conjugate gradients on the normal equations, by split Bregman with total variation, and
by FISTA with a wavelet. Every operator of unblur is a PyLops operator, so the same solvers run on it unchanged; and every
PyLops operator can stand in a problem of unblur. Here both libraries solve the same problems on the same data, with two
questions in mind: do the answers agree, and what exactly is being minimised?
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pylops
from pylops.optimization.leastsquares import normal_equations_inversion
from pylops.optimization.sparsity import fista, splitbregman
from skimage import data
from skimage.draw import disk
from skimage.transform import downscale_local_mean

import unblur
from unblur.inversion import CG, LeastSquares, ProximalGradient, Sparsity, SplitBregman, solve
from unblur.operators import Convolve2D, FirstDerivative, Wavelet

# %%
# A blocky image, and a photograph
# --------------------------------
#
# Total variation is made for images of flat patches, so the first image is one: 126×126 pixels, grey levels from 0 to 255.
# The second is a photograph, on which the same prior has a harder time. Levels stay in this range throughout, since weights
# and thresholds are in their units: a weight that suits 0 to 255 is 255 times too large for 0 to 1.


def draw_blocks():
    """Return an image of flat patches on black."""
    image = np.zeros((126, 126), np.float32)
    image[14:60, 14:66] = 110
    image[26:48, 28:52] = 220
    image[14:60, 78:112] = 180
    image[30:44, 78:96] = 60
    image[72:112, 14:34] = 255
    image[92:112, 34:66] = 255
    image[72:84, 46:66] = 140
    image[disk((92, 94), 20)] = 200
    image[disk((92, 94), 9)] = 40
    return image


blocks = draw_blocks()
photograph = downscale_local_mean(data.camera().astype(np.float32), (4, 4))[:126, :126].astype(np.float32)

# %%
# The blur
# --------
#
# The point spread function is a product of two Gaussians, sampled on whole numbers and each divided by its integral by the
# trapezoid rule. That rule leaves a little out at both ends, so the samples sum to 1.0026 and not to 1: the blurred image is
# a quarter of a per cent brighter than the sharp one. Neither library renormalises a PSF behind one's back.

z, x = np.arange(-7, 8), np.arange(-12, 13)
h_z, h_x = np.exp(-0.1 * z**2), np.exp(-0.03 * x**2)
h_z, h_x = h_z / np.trapezoid(h_z), h_x / np.trapezoid(h_x)
psf = np.outer(h_z, h_x).astype(np.float32)
print(f"The PSF sums to {psf.sum():.4f}.")

fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
picture = ax.imshow(psf, extent=(-12.5, 12.5, 7.5, -7.5))
fig.colorbar(picture, ax=ax, label="weight")
ax.set(title="Point spread function, 15×25", xlabel="columns", ylabel="rows")

# %%
# `Convolve2D` has the signature of PyLops's operator, its zero boundary too: beyond its edges the image is taken for black.
# ``offset`` names the sample of the PSF that is its origin. Its default is the first one, which shifts the image, so the
# middle is given. The data are free of noise, and in single precision.

A = Convolve2D(blocks.shape, psf, offset=(7, 12), dtype=np.float32)
blurred = A @ blocks

# %%
# Conjugate gradients
# -------------------
#
# Without a prior the restored image solves the normal equations :math:`A^H A x = A^H y`. Fifty iterations of conjugate
# gradients get part of the way, and stopping early is what keeps the answer from being all ringing.


def timed(function, *arguments, **options):
    """Return what the function returns, and the seconds that it took."""
    start = perf_counter()
    answer = function(*arguments, **options)
    return answer, perf_counter() - start


def pylops_cg(A, y):
    """Fifty iterations on the normal equations, by PyLops."""
    return normal_equations_inversion(A, y.ravel(), [], engine="pylops", niter=50, tol=0)[0].reshape(A.dims)


def unblur_cg(A, y):
    """The same by unblur."""
    return solve(LeastSquares(A, y), CG(), tol=0, max_iterations=50).x


cg_pylops, cg_pylops_seconds = timed(pylops_cg, A, blurred)
cg_unblur, cg_unblur_seconds = timed(unblur_cg, A, blurred)
cg_difference = np.linalg.norm(cg_pylops - cg_unblur) / np.linalg.norm(cg_unblur)
print(f"The two answers differ by {cg_difference:.1e}, relatively: single precision on an ill-conditioned system.")

# %%
# What PyLops's ε weighs
# ----------------------
#
# PyLops writes the objective of ``splitbregman`` as
# :math:`\tfrac{\mu}{2}\|Ax - y\|^2 + \sum_i \epsilon_i \|R_i x\|_1`. Inside, though, :math:`\epsilon_i` is used twice: as the
# penalty of the split variable, and as the threshold of its shrinkage. In split Bregman the threshold is the weight divided
# by the penalty, hence the weight is their product,
#
# .. math:: \frac{\mu}{2}\|Ax - y\|^2 + \sum_i \epsilon_i^2 \|R_i x\|_1 .
#
# The smallest example shows it. With :math:`A = R = I` a large sample y comes out as y less the weight divided by μ: with
# μ = 1 the shrinkage *is* the weight.

identity, samples = pylops.Identity(2), np.array([50.0, -80.0])
epsilon_shrinkage = {}
for epsilon in (1.0, 2.0, 3.0):
    shrunk = splitbregman(identity, samples, [identity], niter_outer=100, mu=1.0, epsRL1s=[epsilon], tol=1e-12, damp=0)[0]
    epsilon_shrinkage[epsilon] = float(np.mean(np.abs(samples) - np.abs(shrunk)))
    print(f"ε = {epsilon:g}: samples shrink by {epsilon_shrinkage[epsilon]:.4f}, which is ε² = {epsilon**2:g}")

# %%
# At ε = 1, which comes next, the two readings coincide; with any other number they do not. FISTA has a convention of its own:
# there ε stands for a weight of ε/2 beside :math:`\tfrac12\|Ax - y\|^2`.
#
# Split Bregman with total variation
# ----------------------------------
#
# Two first derivatives, one along each axis, centred and zero in the outermost rows as PyLops has them, each with ε = 1; 10
# outer iterations of 5 inner ones, each with 5 iterations of LSQR. In unblur the objective is declared, and PyLops's
# derivatives stand in it as they are. What the algorithm does to minimise it is a matter apart.

D = [pylops.FirstDerivative(A.dims, axis=i, edge=False, kind="centered", dtype=np.float32) for i in (0, 1)]


def total_variation_problem(A, y):
    """The objective that PyLops minimises at μ = 1.5 and ε = 1."""
    return 1.5 * LeastSquares(A, y) + sum(1.0**2 * Sparsity(d) for d in D)


def pylops_splitbregman(A, y, regularisers, epsilons):
    """Split Bregman by PyLops."""
    options = {"niter_outer": 10, "niter_inner": 5, "mu": 1.5, "tol": 1e-4, "tau": 1.0, "iter_lim": 5, "damp": 1e-4}
    return splitbregman(A, y.ravel(), regularisers, epsRL1s=epsilons, **options)[0].reshape(A.dims)


def unblur_splitbregman(problem):
    """As many iterations of split Bregman by unblur as PyLops takes inner ones."""
    return solve(problem, SplitBregman(), tol=0, max_iterations=50).x


tv_problem = total_variation_problem(A, blurred)
tv_pylops, tv_pylops_seconds = timed(pylops_splitbregman, A, blurred, D, [1.0, 1.0])
tv_unblur, tv_unblur_seconds = timed(unblur_splitbregman, tv_problem)
print(tv_problem)
print(f"Objective by PyLops: {tv_problem.objective(tv_pylops):.0f}; by unblur: {tv_problem.objective(tv_unblur):.0f}")

# %%
# The objective shows that PyLops's answer is some way from the minimum still, and its image shows it too. Both run
# fifty iterations. The difference is in the penalty, which PyLops ties to the weight through ε and unblur chooses from the
# scale of the data, in over-relaxation, and in the inner solver, which unblur preconditions by the nearest operator that
# a Fourier transform diagonalises.
#
# Two of today's additions
# ------------------------
#
# FISTA with the Haar wavelet, on three levels, ε = 0.1: PyLops composes the blur with the transform's adjoint,
# :math:`x = W^H s`, and shrinks the coefficients s. Written so in unblur, the prior is a `Sparsity` of s itself. The
# transform continues the image to 128×128, a multiple of 8. Much of PyLops's time goes into the step length, the largest
# eigenvalue of :math:`A^H A` by an iteration of its own; a blur tells a bound of its norm at no cost.

W = Wavelet(A.dims, "haar", level=3)
wavelet_problem = LeastSquares(A @ W.H, blurred) + 0.1 / 2 * Sparsity()
s_pylops, fista_pylops_seconds = timed(fista, A @ W.H, blurred.ravel(), niter=100, eps=0.1)
s_pylops = s_pylops[0].reshape(W.dimsd)
fista_pylops = W.H @ s_pylops
s_result, fista_unblur_seconds = timed(solve, wavelet_problem, ProximalGradient(), tol=0, max_iterations=100)
fista_unblur = W.H @ s_result.x
print(f"Objective by PyLops: {wavelet_problem.objective(s_pylops):.0f}; by unblur: {s_result.objective:.0f}")

# %%
# Total variation and the wavelet together, the latter with ε = 2: a weight of 4, on the coarse coefficients too. These
# carry the brightness, and are not sparse: shrinking them costs more here than the prior wins.

both_problem = tv_problem + 2.0**2 * Sparsity(W)
both_pylops, both_pylops_seconds = timed(pylops_splitbregman, A, blurred, [*D, W], [1.0, 1.0, 2.0])
both_unblur, both_unblur_seconds = timed(unblur_splitbregman, both_problem)
print(f"Objective by PyLops: {both_problem.objective(both_pylops):.0f}; by unblur: {both_problem.objective(both_unblur):.0f}")

# %%
# What came out
# -------------
#
# On one grey scale, with a horizontal and a vertical section through all four. Conjugate gradients overshoot at every edge;
# total variation makes the plateaus flat, and the edges steep.


def show_four(original, blurred, deblurred, tv, row, column):
    """Draw four images on one grey scale, and a row and a column of each."""
    names = ("original", "blurred", "deblurred by CG", "deblurred by TV")
    images = (original, blurred, deblurred, tv)
    fig = plt.figure(figsize=(11, 6), layout="constrained")
    grid = fig.add_gridspec(2, 4, height_ratios=(3, 2.4))
    panels = [fig.add_subplot(grid[0, i]) for i in range(4)]
    for ax, name, image in zip(panels, names, images, strict=True):
        picture = ax.imshow(image, cmap="gray", vmin=0, vmax=255)
        ax.axhline(row, color="C1", linewidth=0.8)
        ax.axvline(column, color="C0", linewidth=0.8)
        ax.set_title(name)
        ax.set_axis_off()
    fig.colorbar(picture, ax=panels, shrink=0.8, label="grey level")
    for ax, what, cut in (
        (fig.add_subplot(grid[1, :2]), f"horizontal section, row {row}", lambda image: image[row]),
        (fig.add_subplot(grid[1, 2:]), f"vertical section, column {column}", lambda image: image[:, column]),
    ):
        for name, image, style in zip(names, images, ("k", "0.6", "C0", "C3"), strict=True):
            ax.plot(cut(image), style, linewidth=1.8 if name == "original" else 1.2, label=name)
        ax.set(title=what, xlabel="pixel", ylabel="grey level", ylim=(-60, 315))
    ax.legend(fontsize="small", loc="upper right", ncols=2)
    return fig


show_four(blocks, blurred, cg_unblur, tv_unblur, row=37, column=94)

# %%
# The two solvers' total variation side by side, with what is left to the original.

fig, panels = plt.subplots(1, 4, figsize=(12, 3.3), layout="constrained")
for ax, rest, name, image in zip(panels[:2], panels[2:], ("PyLops", "unblur"), (tv_pylops, tv_unblur), strict=True):
    grey = ax.imshow(image, cmap="gray", vmin=0, vmax=255)
    signed = rest.imshow(image - blocks, cmap="RdBu_r", vmin=-100, vmax=100)
    ax.set_title(f"TV by {name}")
    rest.set_title(f"{name} − original")
for ax in panels:
    ax.set_axis_off()
fig.colorbar(grey, ax=panels[:2], shrink=0.8, label="grey level")
fig.colorbar(signed, ax=panels[2:], shrink=0.8, label="difference")

# %%
# The photograph
# --------------
#
# The same two methods on an image that is not flat in patches. Its blur was made with a black surround, which the model
# knows exactly; here total variation need not win over conjugate gradients stopped in time, because it takes fine texture
# for what it should remove. No prior is better than another for all images.
#
# The sections show a saw-tooth besides, from one pixel to the next. A centred difference compares the two neighbours of a
# pixel and leaves the pixel itself out, so a checkerboard has no total variation at all, and nothing holds it back. Forward
# differences see it.

photograph_blurred = A @ photograph
photograph_cg, photograph_cg_seconds = timed(unblur_cg, A, photograph_blurred)
photograph_problem = total_variation_problem(A, photograph_blurred)
photograph_tv_pylops, photograph_tv_pylops_seconds = timed(pylops_splitbregman, A, photograph_blurred, D, [1.0, 1.0])
photograph_tv, photograph_tv_seconds = timed(unblur_splitbregman, photograph_problem)
forward = [FirstDerivative(A.dims, axis=i, boundary="nearest") for i in (0, 1)]
forward_problem = 1.5 * LeastSquares(A, photograph_blurred) + sum(Sparsity(d) for d in forward)
photograph_forward, photograph_forward_seconds = timed(unblur_splitbregman, forward_problem)
show_four(photograph, photograph_blurred, photograph_cg, photograph_tv, row=40, column=60)

# %%
# What unblur does with the same data
# -----------------------------------
#
# `unblur.restore` asks for the image and the PSF. It assumes nothing beyond the edges, differences forward, normalises the
# PSF, and chooses the weight from the noise. There is none here, which no camera delivers; it is told to trust the data to
# half a grey level. That it does not know of the black surround costs it something against those who do.

restored = unblur.restore(blurred, psf, sigma=0.5)
photograph_restored = unblur.restore(photograph_blurred, psf, sigma=0.5)


def psnr(image, original):
    """Return the peak signal-to-noise ratio in dB."""
    return float(10 * np.log10(255**2 / np.mean((image.astype(float) - original) ** 2)))


table = {
    "blocks, blurred": (psnr(blurred, blocks), None),
    "blocks, CG, PyLops": (psnr(cg_pylops, blocks), cg_pylops_seconds),
    "blocks, CG, unblur": (psnr(cg_unblur, blocks), cg_unblur_seconds),
    "blocks, TV, PyLops": (psnr(tv_pylops, blocks), tv_pylops_seconds),
    "blocks, TV, unblur": (psnr(tv_unblur, blocks), tv_unblur_seconds),
    "blocks, Haar by FISTA, PyLops": (psnr(fista_pylops, blocks), fista_pylops_seconds),
    "blocks, Haar by FISTA, unblur": (psnr(fista_unblur, blocks), fista_unblur_seconds),
    "blocks, TV + Haar, PyLops": (psnr(both_pylops, blocks), both_pylops_seconds),
    "blocks, TV + Haar, unblur": (psnr(both_unblur, blocks), both_unblur_seconds),
    "blocks, unblur.restore": (psnr(restored.image, blocks), restored.result.seconds),
    "photograph, blurred": (psnr(photograph_blurred, photograph), None),
    "photograph, CG, unblur": (psnr(photograph_cg, photograph), photograph_cg_seconds),
    "photograph, TV, PyLops": (psnr(photograph_tv_pylops, photograph), photograph_tv_pylops_seconds),
    "photograph, TV, unblur": (psnr(photograph_tv, photograph), photograph_tv_seconds),
    "photograph, TV, forward, unblur": (psnr(photograph_forward, photograph), photograph_forward_seconds),
    "photograph, unblur.restore": (psnr(photograph_restored.image, photograph), photograph_restored.result.seconds),
}
print(f"{'':32}{'PSNR in dB':>12}{'seconds':>10}")
for name, (decibels, seconds) in table.items():
    print(f"{name:32}{decibels:12.2f}" + (f"{seconds:10.2f}" if seconds is not None else ""))

# %%
# The restored images beside what they were made from, on one grey scale.

fig, panels = plt.subplots(1, 4, figsize=(12, 3.4), layout="constrained")
for ax, (name, image) in zip(
    panels,
    {
        "blurred": blurred,
        "unblur.restore": restored.image,
        "blurred photograph": photograph_blurred,
        "unblur.restore of it": photograph_restored.image,
    }.items(),
    strict=True,
):
    picture = ax.imshow(image, cmap="gray", vmin=0, vmax=255)
    ax.set_title(name)
    ax.set_axis_off()
fig.colorbar(picture, ax=panels, shrink=0.85, label="grey level")
plt.show()
