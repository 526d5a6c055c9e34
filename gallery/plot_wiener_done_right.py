r"""
The Wiener filter in colour, done right
=======================================

The Wiener filter fits on one line,

.. math:: \hat x = W \hat y, \qquad W = \frac{\hat h^*}{|\hat h|^2 + \varepsilon}, \qquad \varepsilon = 1 / \mathrm{SNR},

and there are a dozen ways to get that line wrong. Each gives a picture, and each picture tells, to those who have seen it
before, what was done. So here they are, one by one, on a colour photograph blurred by a moving camera. Then come the edges,
about which the line says nothing and which decide more of the quality than all else; and last what a method does that
assumes nothing about them.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.widgets import Slider
from scipy import fft, ndimage
from skimage import data, transform
from skimage.metrics import peak_signal_noise_ratio
from skimage.registration import phase_cross_correlation

import unblur
from unblur.inversion import LeastSquares, TotalVariation, solve
from unblur.operators import Blur

# %%
# The photograph, the motion, the blur
# ------------------------------------
# The kernel is a line of 31 ones in a square of 31 by 31, turned by 60° and divided by its sum. The blur continues the
# photograph beyond its edges by mirroring. The result is kept as ``uint8``, as in a camera's file, and this rounding is all
# the noise there is.


def motion(angle):
    """Return a line of 31 ones, turned counter-clockwise by `angle` degrees, of sum 1."""
    line = np.zeros((31, 31))
    line[15] = 1
    line = transform.rotate(line, angle, order=1)
    return line / line.sum()


def to_uint8(x):
    """Scale, round, clip, cast: in this order."""
    return np.clip(np.rint(x * 255), 0, 255).astype(np.uint8)


def psnr(x, truth=None):
    """Return the PSNR in dB of x, clipped to 0..1 as a file would hold it."""
    return float(peak_signal_noise_ratio(original if truth is None else truth, np.clip(x, 0, 1), data_range=1))


original = data.coffee() / 255
kernel = motion(60)
file = to_uint8(ndimage.convolve(original, kernel[..., None], mode="mirror"))
blurred = file / 255


def show(pictures, columns, title, size=(3.2, 2.5), merit=True):
    """Show colour pictures on the same scale, each with its PSNR."""
    rows = -(-len(pictures) // columns)
    inches = (size[0] * columns, size[1] * rows + 0.4)
    figure, panels = plt.subplots(rows, columns, figsize=inches, layout="constrained", squeeze=False)
    for panel in panels.flat:
        panel.set_axis_off()
    for panel, (name, picture) in zip(panels.flat, pictures.items(), strict=False):
        panel.imshow(np.clip(picture, 0, 1))
        panel.set_title(f"{name}, {psnr(picture):.1f} dB" if merit else name, fontsize=10)
    figure.suptitle(title)
    return figure


figure, panels = plt.subplots(1, 3, figsize=(12, 3), layout="constrained", width_ratios=(3, 3, 2))
for panel, picture, title in zip(panels, (original, blurred), ("original", f"blurred, {psnr(blurred):.1f} dB"), strict=False):
    panel.imshow(picture)
    panel.set_title(title)
    panel.set_axis_off()
shown = panels[2].imshow(kernel)
panels[2].set_title("the kernel, 31×31")
figure.colorbar(shown, ax=panels[2])
figure.suptitle("A motion of 31 samples at 60°")

# %%
# The filter, right
# -----------------
# The kernel goes into an array of the picture's size with its *middle sample at the first one*: padded in the corner, then
# rolled back by 15. Multiplying by the filter acts on each colour alone. The mathematics is complex, the result is not: the
# imaginary part is left over from rounding, and to look at its size before dropping it is the cheapest check there is. In
# colour it catches the mistake of leaving ``axes`` out: ``fft2`` then transforms the last two axes, which are columns and
# colours.


def padded(shape, corner=(0, 0)):
    """Return the kernel in an array of zeros, its first sample at `corner`."""
    whole = np.zeros(shape[:2])
    whole[corner[0] : corner[0] + 31, corner[1] : corner[1] + 31] = kernel
    return whole


def transfer(shape):
    """Return the kernel's spectrum on a grid, its middle taken for the origin."""
    return fft.fft2(np.roll(padded(shape), (-15, -15), axis=(0, 1)))


def wiener_filter(h, epsilon=0.01):
    """Return W; the default ε is for an SNR of 100."""
    return h.conj() / (np.abs(h) ** 2 + epsilon)


def multiply(y, w):
    """Multiply the spectrum of each colour; the result is complex."""
    return fft.ifft2(fft.fft2(y, axes=(0, 1)) * w[..., None], axes=(0, 1))


def wiener(y, epsilon=0.01):
    """Return y after the Wiener filter, taken for periodic."""
    return multiply(y, wiener_filter(transfer(y.shape), epsilon)).real


h = transfer(blurred.shape)
complex_result = multiply(blurred, wiener_filter(h))
imaginary = float(np.abs(complex_result.imag).max())
plain = complex_result.real
wrong_axes = float(np.abs(fft.ifft2(fft.fft2(blurred) * wiener_filter(h)[..., None]).imag).max())
print(f"greatest imaginary part: {imaginary:.1e}; with fft2 along its default axes, columns and colours: {wrong_axes:.1f}")

# %%
# The mistakes: how to divide
# ---------------------------
# *Without regularisation* the division magnifies the rounding wherever the gain is near zero, and nothing else is left to see.
#
# *Dividing by the Wiener filter* is the inverse of the inverse: the picture is blurred a second time, and where W is small the
# noise explodes.
#
# *ε added to the PSF* is meant to keep the divisor from zero. A constant added to every sample of the padded kernel changes a
# single frequency, the mean, and regularises nothing; the brightness is lost as well. Added to the PSF's spectrum it
# is no better: real and imaginary parts of :math:`\hat h` have either sign, so that :math:`\hat h + \varepsilon` has zeros
# too, only elsewhere. If it is large enough to have none, as 2 is, it outweighs the PSF: the result is the blurred picture, a
# third as bright. What keeps a divisor from zero is :math:`\varepsilon` added to :math:`|\hat h|^2`, which is never negative.


def divided(divisor):
    """Divide the blurred picture's spectrum."""
    return multiply(blurred, 1 / divisor).real


of_padded = {e: fft.fft2(np.roll(padded(blurred.shape), (-15, -15), axis=(0, 1)) + e) for e in (1e-3, 2)}
division = {
    "no regularisation": divided(h),
    "divided by the Wiener filter": divided(wiener_filter(h)),
    "ε = 1e-3 on every sample": divided(of_padded[1e-3]),
    "ε = 2 on every sample": divided(of_padded[2]),
    "ε = 1e-3 on the spectrum": divided(h + 1e-3),
    "ε = 2 on the spectrum": divided(h + 2),
}
show(division, 3, "Dividing wrongly")

# %%
# The mistakes: how large ε is
# ----------------------------
# :math:`\varepsilon` stands beside :math:`|\hat h|^2`, which is 1 at zero frequency and less everywhere else. Values above that
# scale do not regularise more carefully, they switch the picture off: with 10 it is eleven times too dark, with 0.8 almost twice,
# and little is deblurred. At 0.01, an SNR of 100, the motion comes out. What remains wrong is at the edges: see below.

epsilons = {f"ε = {e:g}": wiener(blurred, e) for e in (10, 0.8, 0.01)}
show(epsilons, 3, "The same filter, three values of ε")

# %%
# The mistakes: where the kernel is
# ---------------------------------
# *Padded in the corner* and not rolled back, the kernel also moves the picture, by half the kernel's size, and the filter
# moves it back by as much too far: 15 samples up and to the left. *Padded in the middle but not shifted* it moves the picture
# by half the picture's size, and the quadrants change places. *Off by one in the padding* is the worst of the three, because
# nobody sees it: the picture is as sharp as the right one, and one sample away. Comparisons with the original, masks, and
# measured positions are wrong from then on. Registration sees it, and so does an overlay.

rows, columns = blurred.shape[:2]
middle = padded(blurred.shape, (rows // 2 - 15, columns // 2 - 15))
off_by_one = fft.ifftshift(padded(blurred.shape, (rows // 2 - 14, columns // 2 - 14)))
placement = {
    "right": plain,
    "in the corner": multiply(blurred, wiener_filter(fft.fft2(padded(blurred.shape)))).real,
    "in the middle, not shifted": multiply(blurred, wiener_filter(fft.fft2(middle))).real,
    "off by one": multiply(blurred, wiener_filter(fft.fft2(off_by_one))).real,
}
show(placement, 4, "Where the kernel was put")


def shift(x, margin=60):
    """Return by how many samples x lies away from the original, in rows and columns, to a fiftieth; a margin is left out."""
    inner = (slice(margin, x.shape[0] - margin), slice(margin, x.shape[1] - margin))
    found = phase_cross_correlation(x.mean(axis=-1)[inner], original.mean(axis=-1)[inner], upsample_factor=50)[0]
    return tuple(float(s) for s in found)


# these pictures are periodic, and so is the registration: no margin
shifts = {name: shift(picture, margin=0) for name, picture in placement.items()}
for name, (down, right) in shifts.items():
    print(f"{name:28} lies {down:+7.2f} rows and {right:+7.2f} columns away")

# %%
# The overlay puts the original in the red channel and the restored picture in green and blue. Where they agree it is grey; an
# edge that moved shows a red seam on one side and a cyan one on the other.


def overlay(x):
    """Return the original in red and x in green and blue."""
    first, second = original.mean(axis=-1), np.clip(x, 0, 1).mean(axis=-1)
    return np.stack([first, second, second], axis=-1)


detail = (slice(125, 175), slice(340, 412))
seams = {name: overlay(placement[name])[detail] for name in ("right", "off by one", "in the corner")}
show(seams, 3, "Overlay: original in red, restored in cyan", merit=False)

# %%
# The mistakes: what is made of the result
# ----------------------------------------
# The filter's result is signed, and overshoots. *Its absolute value*, often taken because the inverse transform is complex,
# folds what fell below black back into grey: dark edges get a bright seam. It also hides the imaginary part, the check we had
# for nothing. *Wrapping* instead of clipping, which a bare cast to ``uint8`` does, turns the slightly too white black. *One
# channel for all*, the filter run on grey or on green alone and the result shown three times, loses what makes the picture a
# colour picture: each channel wants its own.

green = plain[..., 1]
afterwards = {
    "clipped": np.clip(plain, 0, 1),
    "absolute value": np.clip(np.abs(plain), 0, 1),
    "wrapped": np.rint(plain * 255).astype(np.int64).astype(np.uint8) / 255,
    "one channel for all": np.clip(np.stack([green] * 3, axis=-1), 0, 1),
}
show(afterwards, 4, "What is made of a signed result")

below = plain < 0
folded = float(np.mean(np.abs(plain[below])))
print(f"{below.mean():.1%} of the samples are below 0, and the absolute value lifts them by {folded:.3f} on average")

# %%
# The edges
# ---------
# To the Fourier transform the picture is a tile: its right edge meets its left one, its bottom the top. Where they do not fit
# there is a step that no blurred picture can have, and the filter answers with waves across the whole picture. There are three
# classical remedies.
#
# *Padding by reflection.* Continue the picture by 50 samples on each side, filter, and crop. The honest order is to pad the
# *blurred* picture, all that one has. In many a demonstration the sharp picture is padded, then blurred, then restored and
# cropped: the margin is then a perfect record of what lies beyond the edge, which no camera delivers. Such a use of the answer
# in making the question is called an inverse crime, and its figure is shown here for that reason only.
#
# *A window.* Multiply by a taper to black,
# :math:`w(t) = \tfrac12 \tanh\frac{t + \gamma/2}{\beta} - \tfrac12 \tanh\frac{t - \gamma/2}{\beta}` with :math:`t` from
# :math:`-\pi` to :math:`\pi`, :math:`\gamma = 5` and :math:`\beta = 0.2`, along each axis. The step is gone, and so is a fifth
# of the picture in each direction. Sometimes this is called edgetaper, which it is not:
#
# *Edgetaper* blurs the picture once more, taken for periodic, and blends: the blurred one at the edge, the given one from a
# kernel's size inwards, with weights from the autocorrelation of the PSF. Opposite edges then join as they would after a
# periodic blur.

SNR = 100


def pad(x):
    """Continue by reflection, 50 samples on each side."""
    return np.pad(x, ((50, 50), (50, 50), (0, 0)), mode="reflect")


def crop(x):
    """Take the 50 samples off again."""
    return x[50:-50, 50:-50]


def window(n, gamma=5.0, beta=0.2):
    """Return a taper to black at both ends."""
    t = np.linspace(-np.pi, np.pi, n)
    return 0.5 * (np.tanh((t + gamma / 2) / beta) - np.tanh((t - gamma / 2) / beta))


taper = np.outer(window(rows), window(columns))[..., None]
crime = to_uint8(ndimage.convolve(pad(original), kernel[..., None], mode="wrap")) / 255
prepared = {
    "as it is": lambda: blurred,
    "window to black": lambda: blurred * taper,
    "reflected, then filtered": lambda: pad(blurred),
    "edgetaper": lambda: unblur.edgetaper(blurred, kernel),
    "inverse crime": lambda: crime,
}
given, ways, seconds = {}, {}, {}
for name, prepare in prepared.items():
    start = perf_counter()
    given[name] = prepare()
    x = wiener(given[name], 1 / SNR)
    ways[name] = crop(x) if x.shape != original.shape else x
    seconds[name] = perf_counter() - start

figure, panels = plt.subplots(2, 5, figsize=(15, 4.9), layout="constrained")
for (top, bottom), name in zip(panels.T, ways, strict=True):
    top.imshow(given[name])
    top.set_title(name)
    bottom.imshow(np.clip(ways[name], 0, 1))
    bottom.set_title(f"{psnr(ways[name]):.1f} dB")
    top.set_axis_off()
    bottom.set_axis_off()
figure.suptitle("Above what the filter is given, below what comes out (SNR = 100)")

figure, panels = plt.subplots(1, 2, figsize=(11, 3.2), layout="constrained")
distance = np.arange(columns)
ramp = np.tile(distance / columns, (rows, 1))
panels[0].plot(distance, window(columns), label="window to black")
panels[0].plot(distance, unblur.edgetaper(ramp, kernel)[rows // 2], label="a ramp after edgetaper")
panels[0].plot(distance, ramp[0], ":", label="the ramp")
panels[0].set_title("Along a row")
panels[0].set_xlabel("column")
panels[0].legend(loc="lower center")
for name in ("as it is", "window to black", "reflected, then filtered", "edgetaper", "inverse crime"):
    error = np.sqrt(np.mean((np.clip(ways[name], 0, 1) - original) ** 2, axis=(0, 2)))
    panels[1].semilogy(distance, ndimage.uniform_filter1d(error, 9), label=name)
panels[1].set_title("Error of the restored picture, column by column")
panels[1].set_xlabel("column")
panels[1].set_ylabel("root mean square")
panels[1].set_ylim(0.02, 2)
panels[1].legend(fontsize=8, loc="upper right", ncols=2)
figure.suptitle("What the remedies do to the edges")

# %%
# Trying it by hand
# -----------------
# Two sliders, for :math:`\varepsilon` and for the angle that the filter takes the motion to have. Run this page as a script to
# move them. An angle wrong by five degrees costs 1.5 dB, one wrong by ten about 3 dB. An :math:`\varepsilon` ten times too
# large costs as much, while one of 0.002 gains 1 dB: an SNR of 100 was a guess, and the rounding is weaker than that.


def explore(y):
    """Return a figure of one channel after the filter, its two sliders, and the image that they change."""
    figure, panel = plt.subplots(figsize=(7, 6))
    figure.subplots_adjust(bottom=0.2)
    image = panel.imshow(y, cmap="gray", vmin=0, vmax=1)
    panel.set_axis_off()
    figure.suptitle("Move the sliders")
    epsilon = Slider(figure.add_axes((0.2, 0.1, 0.6, 0.03)), "log₁₀ ε", -5.0, 1.0, valinit=-2.0)
    angle = Slider(figure.add_axes((0.2, 0.05, 0.6, 0.03)), "angle", 0.0, 180.0, valinit=60.0)
    spectrum = fft.fft2(unblur.edgetaper(y, kernel))

    def update(_):
        turned = np.zeros(y.shape)
        turned[:31, :31] = motion(angle.val)
        h = fft.fft2(np.roll(turned, (-15, -15), axis=(0, 1)))
        image.set_data(fft.ifft2(spectrum * wiener_filter(h, 10**epsilon.val)).real)
        merit = psnr(np.asarray(image.get_array()), original[..., 1])
        panel.set_title(f"ε = {10**epsilon.val:.2g}, angle {angle.val:.0f}°: {merit:.1f} dB")
        figure.canvas.draw_idle()

    for slider in (epsilon, angle):
        slider.on_changed(update)
    update(None)
    return {"figure": figure, "epsilon": epsilon, "angle": angle, "image": image}


explorer = explore(blurred[..., 1])

# %%
# Nothing assumed: the unknown boundary
# -------------------------------------
# All remedies make up what lies beyond the edge. One can also leave it open: let x live on the larger area that the blurred
# picture saw, compare with the data where there are data, and let the prior decide the rest. The price is that no transform
# diagonalises the problem any more, and it takes iterations. Total variation, joint over the colours, is the prior: it keeps
# edges, where the Wiener filter's only keeps the picture from growing large.

start = perf_counter()
A = Blur(kernel, blurred.shape, axes=(0, 1), boundary="unknown")
result = solve(LeastSquares(A, blurred) + 3e-5 * TotalVariation(), tol=1e-3)
ways["unknown boundary, TV"] = result.image
seconds["unknown boundary, TV"] = perf_counter() - start
print(result)

compared = {"blurred": blurred, "edgetaper": ways["edgetaper"], "unknown boundary, TV": ways["unknown boundary, TV"]}
show(compared, 3, "The best filter, and what nothing assumed gives", (4.4, 3.1))

# %%
# And the overlay once more, of the whole picture: what red and cyan remains is detail that was not restored. No edge has moved.

seams |= {name: overlay(ways[name]) for name in ("edgetaper", "unknown boundary, TV")}
last = {name: seams[name] for name in ("edgetaper", "unknown boundary, TV")}
show(last, 2, "Overlay: original in red, restored in cyan", (4.4, 3.1), merit=False)

# %%
# What unblur does with the same data
# -----------------------------------
# Three lines; the noise, the weight and the colours it sees to itself.

start = perf_counter()
ways["unblur.wiener"] = unblur.wiener(file, kernel, snr=SNR) / 255
seconds["unblur.wiener"] = perf_counter() - start
start = perf_counter()
ways["unblur.deblur"] = unblur.deblur(file, kernel) / 255
seconds["unblur.deblur"] = perf_counter() - start

mistakes = (
    division | {k: v for k, v in epsilons.items() if k != "ε = 0.01"} | {k: v for k, v in placement.items() if k != "right"}
)
mistakes |= {k: v for k, v in afterwards.items() if k != "clipped"}
merit = {name: psnr(x) for name, x in ({"blurred": blurred} | mistakes | ways).items()}
inside = {name: psnr(x[60:-60, 60:-60], original[60:-60, 60:-60]) for name, x in ways.items()}

print(f"\n{'':30}{'PSNR in dB':>12}{'in the middle':>15}{'shift':>16}{'seconds':>10}")
for name in mistakes:
    print(f"{name:30}{merit[name]:12.2f}")
print(f"{'blurred':30}{merit['blurred']:12.2f}")
for name, x in ways.items():
    down, right = shift(x)
    print(f"{name:30}{merit[name]:12.2f}{inside[name]:15.2f}{down:+8.2f}{right:+8.2f}{seconds[name]:10.2f}")

# %%
# One gift remains in these data: mirrored edges, which a scene does not have. A camera sees a part of a larger scene. Made
# that way, by a valid convolution, the data give the same order:

camera = to_uint8(unblur.synthesis.blur(original, kernel)) / 255
seen = original[15:-15, 15:-15]
honest = {
    "blurred": camera,
    "as it is": wiener(camera, 1 / SNR),
    "reflected, then filtered": crop(wiener(pad(camera), 1 / SNR)),
    "edgetaper": wiener(unblur.edgetaper(camera, kernel), 1 / SNR),
    "unblur.deblur": unblur.deblur(to_uint8(camera), kernel) / 255,
}
honest_merit = {name: psnr(x, seen) for name, x in honest.items()}
for name, decibels in honest_merit.items():
    print(f"{name:30}{decibels:12.2f}")

plt.show()
