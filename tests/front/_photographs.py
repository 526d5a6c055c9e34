"""Blurred pictures as people have them: what was done to them after the blur, and the truth behind them."""

import io

import numpy as np
import PIL.Image
import scipy.ndimage as ndi
from skimage import data, restoration, util

from unblur import psf, synthesis

TUNED = {
    "camera": lambda: data.camera()[60:320, 130:390],
    "coffee": lambda: data.coffee()[20:280, 120:380],
    "astronaut": lambda: data.astronaut()[:260, 100:360],
}
#: nothing was chosen by these
REPORTED = {
    "chelsea": lambda: data.chelsea()[20:280, 60:320],
    "rocket": lambda: data.rocket()[160:420, 200:460],
    "moon": lambda: data.moon()[150:410, 150:410],
}
#: each grows by a factor
PSFS = {
    "gaussian": lambda s=1.0: psf.gaussian(2 * s),
    "motion": lambda s=1.0: psf.motion(21 * s, 30),
    "disk": lambda s=1.0: psf.disk(4 * s),
}


def seen(scene, h):
    """Return the part of a scene that a valid convolution shows."""
    return scene[tuple(slice(n // 2, s - (n - 1 - n // 2)) for n, s in zip(h.shape, scene.shape, strict=False))]


def eight_bits(y):
    return util.img_as_ubyte(np.clip(y, 0, 1))


def jpeg(y, quality, subsampling):
    file = io.BytesIO()
    options = {"subsampling": subsampling} if y.ndim == 3 else {}
    PIL.Image.fromarray(eight_bits(y)).save(file, "jpeg", quality=quality, **options)
    return np.asarray(PIL.Image.open(file))


def each_colour(f, y):
    return f(y) if y.ndim == 2 else np.stack([f(y[..., c]) for c in range(3)], -1)


def demosaiced(y):
    """Return what a camera with a Bayer pattern makes of a colour picture, by bilinear interpolation."""
    if y.ndim == 2:
        return eight_bits(y)
    at = np.zeros(y.shape)
    at[::2, ::2, 0] = at[::2, 1::2, 1] = at[1::2, ::2, 1] = at[1::2, 1::2, 2] = 1
    sparse = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4
    dense = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 4
    return eight_bits(
        np.stack([ndi.convolve(y[..., c] * at[..., c], dense if c == 1 else sparse, mode="mirror") for c in range(3)], -1)
    )


def enlarged(y, factor):
    return ndi.zoom(y, [factor, factor, 1][: y.ndim], order=3, mode="mirror", grid_mode=True)


def photons():
    """Return disks on a dark field, counted by a camera with an offset, and the truth in its units."""
    rng = np.random.default_rng(7)
    scene, (y, x) = np.zeros((260, 260)), np.indices((260, 260))
    for _ in range(40):
        middle = rng.uniform(0, 260, 2)
        scene[np.hypot(y - middle[0], x - middle[1]) < rng.uniform(4, 10)] = rng.uniform(0.3, 1)
    h = psf.gaussian(2)
    light = 1000 * synthesis.blur(scene, h).clip(0)
    counts = np.rint(rng.poisson(light) + 100 + rng.normal(0, 2, light.shape)).clip(0).astype(np.uint16)
    return counts, h, (1000 * seen(scene, h) + 100) / 65535


def hot(y, value):
    y, rng = y.copy(), np.random.default_rng(0)
    y[rng.integers(0, y.shape[0], 12), rng.integers(0, y.shape[1], 12)] = value
    return y


AFTER = {
    "JPEG 95 4:4:4": lambda y, h, s: jpeg(y, 95, 0),
    "JPEG 90 4:2:0": lambda y, h, s: jpeg(y, 90, 2),
    "JPEG 75 4:2:0": lambda y, h, s: jpeg(y, 75, 2),
    "JPEG 60 4:4:4": lambda y, h, s: jpeg(y, 60, 0),
    "demosaiced": lambda y, h, s: demosaiced(y),
    "median": lambda y, h, s: each_colour(lambda plane: ndi.median_filter(plane, 3), y),
    "smoothed": lambda y, h, s: each_colour(lambda plane: ndi.gaussian_filter(plane, 0.7), y),
    "smoothed more": lambda y, h, s: each_colour(lambda plane: ndi.gaussian_filter(plane, 1), y),
    "TV denoised": lambda y, h, s: restoration.denoise_tv_chambolle(y, 3 * s, channel_axis=-1 if y.ndim == 3 else None),
    "8 bits": lambda y, h, s: eight_bits(y),
    "hot pixels": lambda y, h, s: hot(y, 1.0),
    "hotter pixels": lambda y, h, s: hot(y, 20.0),
    "white noise": lambda y, h, s: y,
}
WRONG = {"PSF too small": 0.9, "PSF too large": 1.1}
ENLARGED = {"enlarged 1.5": 1.5, "enlarged 2": 2.0}
KINDS = (*AFTER, *WRONG, *ENLARGED, "photons")


def picture(kind, photograph, shape, sigma=0.01):
    """Return a picture as it is given, the PSF that is given with it, and the truth."""
    if kind == "photons":
        return photons()
    scene = util.img_as_float((TUNED | REPORTED)[photograph]())
    h = PSFS[shape]()
    y, truth = synthesis.blur(scene, h, sigma=0 if kind == "8 bits" else sigma, rng=0), seen(scene, h)
    if kind in ENLARGED:
        factor = ENLARGED[kind]
        return enlarged(y, factor), PSFS[shape](factor), enlarged(truth, factor)
    if kind in WRONG:
        return y, PSFS[shape](WRONG[kind]), truth
    return AFTER[kind](y, h, sigma), h, truth


def psnr(image, truth):
    unit = np.iinfo(image.dtype).max if image.dtype.kind in "ui" else 1
    return float(10 * np.log10(1 / np.mean((image / unit - truth) ** 2)))
