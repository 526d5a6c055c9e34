"""Unattended, no picture comes out worse than it went in, whatever was done to it after it was blurred."""

import itertools

import numpy as np
import pytest

import unblur

from ._photographs import KINDS, PSFS, REPORTED, TUNED, picture, psnr

pytestmark = pytest.mark.filterwarnings("ignore::unblur.UnreliableRestorationWarning")

# what a picture gains at least, in decibels, where little was lost after the blur
GAIN = {"white noise": 1, "8 bits": 2, "hot pixels": 1, "hotter pixels": 10, "photons": 5, "JPEG 95 4:4:4": 1}


@pytest.mark.parametrize(
    ("kind", "photograph", "shape"), [(k, p, s) for k, p, s in zip(KINDS, itertools.cycle(REPORTED), itertools.cycle(PSFS))]
)
def test_no_picture_comes_out_worse(kind, photograph, shape):
    y, h, truth = picture(kind, photograph, shape)
    assert psnr(unblur.deblur(y, h), truth) > psnr(y, truth) + GAIN.get(kind, -0.1)


@pytest.mark.slow
@pytest.mark.parametrize("photographs", [TUNED, REPORTED], ids=["tuned", "reported"])
def test_the_weight_is_near_the_best(photographs):
    losses = []
    for kind, photograph, shape in itertools.product(KINDS, photographs, PSFS):
        if kind == "photons" and (photograph, shape) != (next(iter(photographs)), "gaussian"):
            continue
        y, h, truth = picture(kind, photograph, shape)
        restoration = unblur.restore(y, h)
        qualities = [psnr(unblur.restore(y, h, weight=f * restoration.weight).image, truth) for f in np.geomspace(1 / 16, 16, 7)]
        quality = psnr(restoration.image, truth)
        assert quality > psnr(y, truth) - 0.1, (kind, photograph, shape)
        losses.append(max(quality, *qualities) - quality)
    assert np.mean(losses) < 0.6


def test_what_was_done_to_a_picture_is_told():
    y, h, _ = picture("smoothed", "chelsea", "gaussian")
    with pytest.warns(unblur.UnreliableRestorationWarning, match="not white"):
        restoration = unblur.restore(y, h)
    assert "not to be trusted unseen" in repr(restoration)


def test_white_noise_gives_alarm_seldom():
    alarms = 0
    for photograph, shape in itertools.product(REPORTED, PSFS):
        y, h, _ = picture("white noise", photograph, shape)
        alarms += bool(unblur.restore(y, h).warnings)
    assert alarms <= 1
