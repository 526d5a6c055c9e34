r"""
The inverse filter, and the small number that makes it look good
================================================================

Convolution is multiplication in Fourier space, so deconvolution is division. The demonstrations that restore a hopelessly
blurred photograph to the last grey level do just that,

.. math:: \hat y = (\hat h + \varepsilon)\,\hat x, \qquad \hat x = \frac{\hat y}{\hat h + \varepsilon},
   \qquad \varepsilon = 10^{-5},

with the same small number :math:`\varepsilon` in the blur and in its inverse, where it is said to prevent a division by
zero. It does that, and something else that is not said: :math:`(\hat h + \varepsilon)\hat x` is the blurred picture *plus
the sharp one*, too faint to be seen but not to be found. This page takes the demonstration apart. On the way it looks at
convolution from four sides, at what ``fftshift`` is for, and at how an array becomes an image file.
"""

import tempfile
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from scipy import fft, ndimage
from skimage import data
from skimage.metrics import peak_signal_noise_ratio

import unblur
from unblur import files
from unblur.operators import Blur

EPSILON = 1e-5

# %%
# Four views of convolution
# -------------------------
# A blur replaces each sample by a mixture of its neighbours. There are four ways to say so, and it pays to be at home in all
# of them.
#
# 1. *A weighted average.* Stand at a sample of the blurred picture and gather: :math:`y_i = \sum_k h_k\, x_{i-k}`.
# 2. *A stamp.* Stand at a sample of the sharp picture and scatter: each point of light leaves a copy of the PSF, as bright as
#    itself, and the copies add up. This is what the camera does.
# 3. *A filter.* Send in a wave and out comes the same wave, weaker and perhaps delayed: waves are the eigenvectors of a blur.
#    Take the picture apart into waves, see how each fares, and add them up again.
# 4. *A product of spectra.* The gains of all waves together are the spectrum of the PSF, and the fast Fourier transform does
#    the taking apart and the adding up.
#
# Here they are word for word, on a patch small enough for loops, with a lopsided PSF so that nothing agrees by symmetry. Beyond
# the edges the patch repeats itself, which is what makes the waves exact eigenvectors.


def weighted_average(x, h):
    """Gather: every sample of the result is a weighted sum of those around it."""
    rows, columns = x.shape
    c, d = h.shape[0] // 2, h.shape[1] // 2
    y = np.zeros(x.shape, np.result_type(x, h))
    for i in range(rows):
        for j in range(columns):
            for k in range(h.shape[0]):
                for m in range(h.shape[1]):
                    y[i, j] += h[k, m] * x[(i - (k - c)) % rows, (j - (m - d)) % columns]
    return y


def stamp(x, h):
    """Scatter: every sample of x prints the PSF, scaled by itself."""
    y = np.zeros(x.shape)
    at = [np.arange(n) - n // 2 for n in h.shape]
    for (i, j), brightness in np.ndenumerate(x):
        y[np.ix_((i + at[0]) % x.shape[0], (j + at[1]) % x.shape[1])] += brightness * h
    return y


def filter_waves(x, h):
    """Take x apart into waves, measure what the blur does to each, and add them up again."""
    (i, j), y = np.indices(x.shape), np.zeros(x.shape, complex)
    for p in range(x.shape[0]):
        for q in range(x.shape[1]):
            wave = np.exp(2j * np.pi * (p * i / x.shape[0] + q * j / x.shape[1]))
            amount = np.vdot(wave, x) / x.size
            gain = ndimage.convolve(wave, h, mode="wrap")[0, 0] / wave[0, 0]
            y += amount * gain * wave
    return y.real


def product_of_spectra(x, h):
    """Multiply the spectra; the PSF goes to an array as large as x, its origin to the first sample."""
    whole = np.zeros(x.shape)
    whole[: h.shape[0], : h.shape[1]] = h
    whole = np.roll(whole, [-(n // 2) for n in h.shape], axis=(0, 1))
    return fft.ifft2(fft.fft2(x) * fft.fft2(whole)).real


patch = data.camera()[108:132, 296:320] / 255
lopsided = np.array([[0.0, 1.0, 2.0, 0.0, 1.0], [0.0, 0.0, 5.0, 2.0, 0.0], [4.0, 1.0, 0.0, 0.0, 3.0]])
lopsided /= lopsided.sum()

views = {
    view.__name__.replace("_", " "): view(patch, lopsided) for view in (weighted_average, stamp, filter_waves, product_of_spectra)
}
views["unblur's Blur"] = Blur(lopsided, patch.shape, boundary="periodic").apply(patch)

figure, panels = plt.subplots(1, 6, figsize=(13, 2.8), layout="constrained")
for panel, (title, picture) in zip(panels, {"the patch": patch, **views}.items(), strict=True):
    shown = panel.imshow(picture, cmap="gray", vmin=0, vmax=1)
    panel.set_title(title)
    panel.set_axis_off()
figure.colorbar(shown, ax=panels, shrink=0.8)
figure.suptitle("One convolution, seen from four sides")

first = views["weighted average"]
disagreement = {name: float(np.abs(view - first).max()) for name, view in views.items()}
for name, difference in disagreement.items():
    print(f"{name:20} differs from the weighted average by {difference:.1e} at most")

# %%
# What fftshift is for
# --------------------
# A PSF is drawn with its origin in the middle of the array, since that is how we like to look at it. The discrete Fourier
# transform has its origin at the first sample. A PSF with its middle in the middle is therefore, to the transform, one that
# also moves the picture by half its size, and the result comes out with its quadrants swapped.
#
# * ``ifftshift`` moves the middle sample, ``n // 2``, to the front: apply it to a *PSF* before its transform.
# * ``fftshift`` moves the first sample to the middle: apply it to a *spectrum* before looking at it, so that zero frequency is
#   in the centre.
#
# For even sizes the two are the same, which is why mixing them up goes unnoticed until the first picture of odd size, where it
# costs one sample.

original = data.camera() / 255
size = original.shape[0]
row, column = np.indices(original.shape) - size // 2

#: PSFs as large as the picture, with their origin in the middle
gaussian = np.exp(-(row**2 + column**2) / 1000)
whole_line = np.where(row == 0, 1.0, 0.0)
short_line = np.where((row == 0) & (np.abs(column) <= 15), 1.0, 0.0)
psfs = {"Gaussian, r = 1000": gaussian, "line across the picture": whole_line, "line of 31": short_line}


def spectrum(psf):
    """Return the PSF's spectrum, its middle taken for the origin."""
    return fft.fft2(fft.ifftshift(psf))


swapped = fft.ifft2(fft.fft2(original) * fft.fft2(gaussian)).real / gaussian.sum()
straight = fft.ifft2(fft.fft2(original) * spectrum(gaussian)).real / gaussian.sum()

figure, panels = plt.subplots(1, 4, figsize=(13, 3.8), layout="constrained")
for panel, picture, title in zip(
    panels[:3],
    (original, swapped, straight),
    ("original", "PSF not shifted: quadrants swapped", "after ifftshift of the PSF"),
    strict=True,
):
    panel.imshow(picture, cmap="gray", vmin=0, vmax=1)
    panel.set_title(title)
    panel.set_axis_off()
decades = np.log10(np.abs(fft.fftshift(spectrum(gaussian))) / gaussian.sum() + 1e-18)
shown = panels[3].imshow(decades, vmin=-16, vmax=0, extent=(-0.5, 0.5, 0.5, -0.5))
panels[3].set_title("the PSF's spectrum, by fftshift")
panels[3].set_xlabel("cycles a sample")
figure.colorbar(shown, ax=panels[3], shrink=0.7, label="gain, powers of ten")
figure.suptitle("ifftshift for what is transformed, fftshift for what is looked at")

# %%
# One may also leave the PSF as it is and shift the *result* back. With :math:`\varepsilon` added to the spectrum that is no
# longer the same. A shift by half the picture makes the spectrum change its sign from one sample to the next, so that
# :math:`\hat h + \varepsilon` comes close to zero where :math:`\hat h \approx -\varepsilon`: the number that was to keep the
# divisor from zero takes it there. And the sharp picture that :math:`\varepsilon` adds is then half a picture away from the
# blurred one.

divisor_shifted = np.abs(spectrum(gaussian) + EPSILON).min()
divisor_unshifted = np.abs(fft.fft2(gaussian) + EPSILON).min()
print(f"smallest divisor: {divisor_shifted:.1e} with the PSF shifted, {divisor_unshifted:.1e} without")

# %%
# Four cases
# ----------
# Now the demonstration, with three PSFs: a Gaussian that leaves nothing recognisable, a horizontal line as long as the picture
# is wide, which leaves one number for each row, and, for contrast, a line of 31 samples such as a shaken camera might leave.
#
# 1. Blur with :math:`\varepsilon`, divide with :math:`\varepsilon`, all in double precision.
# 2. Blur *without* it, as nature does, and divide with it.
# 3. As 1, but the blurred picture is cast to single precision on the way.
# 4. As 1, but the blurred picture is exported to an 8-bit file on the way, as every camera and every web page does.


def blur(x, psf, epsilon):
    """Multiply the spectrum by that of the PSF plus ε."""
    return fft.ifft2(fft.fft2(x) * (spectrum(psf) + epsilon)).real


def divide(y, psf, epsilon):
    """Divide the spectrum by that of the PSF plus ε."""
    return fft.ifft2(fft.fft2(y) / (spectrum(psf) + epsilon)).real


def to_uint8(x):
    """Turn intensities from 0 to 1 into samples of an 8-bit file: scale, round, clip, and only then cast."""
    return np.clip(np.rint(x * 255), 0, 255).astype(np.uint8)


def four_cases(x, psf):
    """Return the blurred picture at the brightness of x, and the four restorations."""
    y, brightness = blur(x, psf, EPSILON), psf.sum()
    exported = to_uint8(y / brightness)
    return {
        "blurred": y / brightness,
        "float64": divide(y, psf, EPSILON),
        "ε in inverse only": divide(blur(x, psf, 0), psf, EPSILON),
        "float32": divide(y.astype(np.float32).astype(np.float64), psf, EPSILON),
        "uint8": divide(exported / 255 * brightness, psf, EPSILON),
    }


def psnr(x):
    """Return the peak signal-to-noise ratio against the original, in dB."""
    return float(peak_signal_noise_ratio(original, x, data_range=1))


cases = {name: four_cases(original, psf) for name, psf in psfs.items()}
figures_of_merit = {name: {case: psnr(x) for case, x in pictures.items()} for name, pictures in cases.items()}

figure, panels = plt.subplots(3, 5, figsize=(13, 8.6), layout="constrained")
for line, (name, pictures) in zip(panels, cases.items(), strict=True):
    for panel, (case, picture) in zip(line, pictures.items(), strict=True):
        shown = panel.imshow(picture, cmap="gray", vmin=0, vmax=1)
        panel.set_title(f"{case}, {figures_of_merit[name][case]:.1f} dB")
        panel.set(xticks=[], yticks=[])
    line[0].set_ylabel(name)
figure.colorbar(shown, ax=panels, shrink=0.6)
figure.suptitle("The inverse filter with ε = 1e-5 in the blur and in the inverse, and what is left of it in practice")

# %%
# *In double precision* every PSF is undone to the last digit that matters, even the line across the picture, of which the eye
# sees nothing but stripes. That should make one suspicious. A line as long as the picture is wide keeps the mean of each row
# and not one bit more; no method can bring a photograph back from that. It comes back because :math:`\varepsilon` put it
# there: take the rows' means away, divide by :math:`\varepsilon`, and the photograph appears without any deconvolution.

y = blur(original, whole_line, EPSILON)
hidden = (y - y.mean(axis=1, keepdims=True)) / EPSILON + original.mean(axis=1, keepdims=True)
print(f"the picture hidden in the blurred one: {psnr(hidden):.0f} dB, without any deconvolution")

figure, panels = plt.subplots(1, 2, figsize=(8, 4.2), layout="constrained")
for panel, picture, title in zip(
    panels, (y / size, hidden), ("blurred by the line across the picture", "its rows' means removed, divided by ε"), strict=True
):
    shown = panel.imshow(picture, cmap="gray", vmin=0, vmax=1)
    panel.set_title(title)
    panel.set_axis_off()
figure.colorbar(shown, ax=panels, shrink=0.8)
figure.suptitle("Where the information was")

# %%
# *With ε in the inverse only* nothing is restored that the blur had taken. After the line across the picture every gain but
# those of the rows' means is zero, and the result is as blurred as the data. After the Gaussian only the slow waves come back
# whose gain lies above :math:`\varepsilon`, and even these because there was no noise to drown them; all others stay lost.
# They are counted here. The line of 31 is another matter: its gain falls nowhere near :math:`10^{-5}`, so that
# :math:`\varepsilon` was never needed, and the division is right with or without it.

share_above = {name: float(np.mean(np.abs(spectrum(psf)) > EPSILON)) for name, psf in psfs.items()}
for name, share in share_above.items():
    print(f"{name:24} has a gain above ε at {share:8.3%} of the frequencies")

# %%
# *Single precision* rounds in the eighth digit. The blurred picture's samples, sums over a PSF that sums to 3141, are then off
# by about :math:`10^{-4}`, and the division makes up to :math:`10^5` times as much of that. :math:`\varepsilon` has a unit: it
# is to be compared with the PSF's sum. Divide the PSF by its sum and the same :math:`\varepsilon` hides a picture 3141 times
# as bright, which survives single precision. It does not survive the 8-bit file: *uint8 is ruin*. Rounding to one of 256
# levels is noise of :math:`1/(255\sqrt{12})`, a thousandth of the range, and where a gain is small the division lets noise
# alone through. After the line across the picture there is not even noise: each row of the file is one grey level, and so is
# each row of what is made from it.

normalised = {name: four_cases(original, psf / psf.sum()) for name, psf in psfs.items()}
print(f"\n{'PSNR in dB':34}" + "".join(f"{case:>24}" for case in cases["line of 31"]))
for label, results in (("as given", cases), ("sum 1", normalised)):
    for name, pictures in results.items():
        print(f"{name + ', ' + label:34}" + "".join(f"{psnr(x):24.1f}" for x in pictures.values()))

# %%
# How arrays become image files
# -----------------------------
# A restored picture overshoots: it holds values below 0 and above 1, and files hold neither. What happens to them is not a
# matter of taste. Clipping takes the nearest value that the file can hold. Casting without clipping keeps the last eight bits:
# 256 becomes 0, -1 becomes 255, white turns black and black white. Stretching the least value to black and the greatest to
# white, which Matplotlib's ``imsave`` does unless told otherwise, lets one stray sample darken the whole picture.
#
# As an example we sharpen the photograph, so that it overshoots at its edges.

overshooting = original + 2 * (original - ndimage.gaussian_filter(original, 2))
clipped = to_uint8(overshooting)
wrapped = np.rint(overshooting * 255).astype(np.int64).astype(np.uint8)
stretched = to_uint8((overshooting - overshooting.min()) / np.ptp(overshooting))

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "clipped.png"
    files.write(file, files.Picture(clipped))
    read_back = files.read(file).pixels
    plt.imsave(Path(folder) / "imsave.png", overshooting, cmap="gray")
    saved_by_imsave = files.read(Path(folder) / "imsave.png").pixels[..., 0]
print("the file gives back what was written:", np.array_equal(read_back, clipped))
print(f"imsave stretches: within {np.abs(saved_by_imsave.astype(int) - stretched).max()} grey level of the stretched picture")

detail = (slice(60, 260), slice(150, 350))
figure, panels = plt.subplots(1, 4, figsize=(13, 3.8), layout="constrained")
for panel, (title, picture) in zip(
    panels, {"original": to_uint8(original), "clipped": clipped, "wrapped": wrapped, "stretched": stretched}.items(), strict=True
):
    shown = panel.imshow(picture[detail], cmap="gray", vmin=0, vmax=255)
    panel.set_title(title)
    panel.set_axis_off()
figure.colorbar(shown, ax=panels, shrink=0.8)
figure.suptitle("What becomes of values that the file cannot hold")

# %%
# What unblur does with the same data
# -----------------------------------
# The same 8-bit pictures, made with the same :math:`\varepsilon`. ``unblur.wiener`` divides only as far as the noise allows,
# and ``unblur.restore`` also knows that photographs have edges; neither needs an :math:`\varepsilon`. All the noise that
# there is comes of rounding to 8 bits, 1/√12 of a level, and ``unblur.restore`` is told so. A blur as strong as the
# Gaussian's converges slowly, hence the smaller ``tol``. What it has taken is gone, and no honest method shows it. But nothing
# is ruined, and after the line of 31 the photograph is back. The line across the picture is left out: there is nothing in its
# file to restore.

middle = size // 2
cut = {"Gaussian, r = 1000": slice(middle - 100, middle + 101), "line of 31": slice(middle - 15, middle + 16)}
restored, table = {}, []
for name, window in cut.items():
    photograph = to_uint8(cases[name]["blurred"])
    psf = psfs[name][window, window]
    start = perf_counter()
    quotient = divide(photograph / 255 * psfs[name].sum(), psfs[name], EPSILON)
    table.append((name, "inverse filter with ε", psnr(quotient), perf_counter() - start))
    start = perf_counter()
    restored[name, "wiener"] = unblur.wiener(photograph, psf)
    table.append((name, "unblur.wiener", psnr(restored[name, "wiener"] / 255), perf_counter() - start))
    start = perf_counter()
    restored[name, "restore"] = unblur.restore(photograph, psf, sigma=1 / (255 * np.sqrt(12)), tol=1e-4).image
    table.append((name, "unblur.restore", psnr(restored[name, "restore"] / 255), perf_counter() - start))
    table.insert(-3, (name, "blurred, uint8", psnr(photograph / 255), 0.0))

figure, panels = plt.subplots(2, 3, figsize=(10, 7), layout="constrained")
for line, name in zip(panels, cut, strict=True):
    shown_here = {"blurred, uint8": to_uint8(cases[name]["blurred"])} | {m: restored[name, m] for m in ("wiener", "restore")}
    for panel, (title, picture) in zip(line, shown_here.items(), strict=True):
        shown = panel.imshow(picture, cmap="gray", vmin=0, vmax=255)
        panel.set_title(f"{title}, {psnr(picture / 255):.1f} dB")
        panel.set(xticks=[], yticks=[])
    line[0].set_ylabel(name)
figure.colorbar(shown, ax=panels, shrink=0.6)
figure.suptitle("The same 8-bit files, restored by unblur")

print(f"\n{'PSF':24}{'method':26}{'PSNR in dB':>12}{'seconds':>10}")
for name, method, decibels, seconds in table:
    print(f"{name:24}{method:26}{decibels:12.2f}{seconds:10.2f}")

# %%
# Four lines to remember: shift the PSF before its transform; never give the blur what nature does not give it; make test data
# that have passed through a file; and clip.

plt.show()
