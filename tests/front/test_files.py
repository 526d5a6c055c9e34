from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from unblur import files
from unblur.files import Picture


def samples(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.uniform(-1, 2, size=shape).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, size=shape, dtype=dtype, endpoint=True)


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [(".png", "uint8"), (".png", "uint16"), (".tif", "uint8"), (".tiff", "uint16"), (".tiff", "float32"), (".tif", "float64")],
)
def test_what_is_written_is_read(tmp_path, suffix, dtype, colour, alpha):
    pixels = samples((7, 9, 3) if colour else (7, 9), dtype)
    picture = Picture(pixels, samples((7, 9), dtype, 1) if alpha else None)
    files.write(tmp_path / f"a{suffix}", picture)
    back = files.read(tmp_path / f"a{suffix}")
    assert back.pixels.dtype == dtype
    np.testing.assert_array_equal(back.pixels, pixels)
    if alpha:
        np.testing.assert_array_equal(back.alpha, picture.alpha)
    else:
        assert back.alpha is None
    assert [p.name for p in tmp_path.iterdir()] == [f"a{suffix}"]


def test_independent_readers_agree(tmp_path):
    grey, colour = samples((7, 9), "uint16"), samples((7, 9, 3), "uint16")
    files.write(tmp_path / "g.png", Picture(grey))
    files.write(tmp_path / "c.png", Picture(colour))
    files.write(tmp_path / "c.tif", Picture(colour))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "g.png")), grey)
    np.testing.assert_array_equal(imagecodecs.png_decode((tmp_path / "c.png").read_bytes()), colour)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "c.tif"), colour)


def test_a_photograph_is_turned_as_its_exif_data_say(tmp_path):
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:8, :8] = 255
    upright = Image.fromarray(pixels)
    exif = upright.getexif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    upright.save(tmp_path / "a.jpg", exif=exif, quality=100)
    read = files.read(tmp_path / "a.jpg").pixels
    assert read.shape == (32, 16, 3)
    assert read[:8, 8:].min() > 200, "what was top left is top right"
    files.write(tmp_path / "b.jpg", Picture(read))
    assert np.asarray(Image.open(tmp_path / "b.jpg")).shape == (32, 16, 3)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_the_colour_profile_is_kept(tmp_path, name):
    files.write(tmp_path / name, Picture(samples((8, 8, 3), "uint8"), profile=b"a profile"))
    assert files.read(tmp_path / name).profile == b"a profile"


def test_palettes_become_colours_and_bits_become_bytes(tmp_path):
    picture = Image.fromarray(samples((8, 8, 3), "uint8"))
    picture.convert("P").save(tmp_path / "p.png")
    picture.convert("1").save(tmp_path / "b.png")
    assert files.read(tmp_path / "p.png").pixels.shape == (8, 8, 3)
    assert set(np.unique(files.read(tmp_path / "b.png").pixels)) <= {0, 255}


def test_compressed_and_planar_tiffs_are_read(tmp_path):
    pixels = samples((16, 16, 3), "uint16")
    tifffile.imwrite(tmp_path / "lzw.tif", pixels, compression="lzw", photometric="rgb")
    tifffile.imwrite(tmp_path / "planar.tif", np.moveaxis(pixels, -1, 0), photometric="rgb", planarconfig="separate")
    for name in ("lzw.tif", "planar.tif"):
        np.testing.assert_array_equal(files.read(tmp_path / name).pixels, pixels)


def test_what_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "cut.tif").write_bytes(b"II*\0\x08\0\0\0")
    files.write(tmp_path / "whole.png", Picture(samples((64, 64), "uint8")))
    (tmp_path / "half.png").write_bytes((tmp_path / "whole.png").read_bytes()[:2000])
    files.write(tmp_path / "deep.png", Picture(samples((64, 64, 3), "uint16")))
    (tmp_path / "half16.png").write_bytes((tmp_path / "deep.png").read_bytes()[:2000])
    for name in ("text.png", "empty.png", "cut.tif", "half.png", "half16.png"):
        with pytest.raises(ValueError, match="cannot be read as an image"):
            files.read(tmp_path / name)
    with pytest.raises(ValueError, match="is missing"):
        files.read(tmp_path / "none.png")
    with pytest.raises(ValueError, match="is a folder"):
        files.read(tmp_path)
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((5, 8, 8), np.uint8), photometric="minisblack")
    with pytest.raises(ValueError, match="in Python"):
        files.read(tmp_path / "stack.tif")
    Image.fromarray(samples((8, 8, 4), "uint8"), mode=None).convert("CMYK").save(tmp_path / "cmyk.jpg")
    with pytest.raises(ValueError, match="CMYK"):
        files.read(tmp_path / "cmyk.jpg")


@pytest.mark.parametrize(
    ("name", "picture", "words"),
    [
        ("none/a.png", Picture(np.zeros((4, 4), np.uint8)), "does not exist"),
        (".", Picture(np.zeros((4, 4), np.uint8)), "is a folder"),
        ("a.xyz", Picture(np.zeros((4, 4), np.uint8)), "does not end in"),
        ("a.png", Picture(np.zeros((4, 4), np.float32)), "do not hold float32"),
        ("a.jpg", Picture(np.zeros((4, 4), np.uint16)), "do not hold uint16"),
        ("a.jpg", Picture(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8)), "no transparency"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, name, picture, words):
    with pytest.raises(ValueError, match=words):
        files.write(tmp_path / name, picture)
    assert list(tmp_path.iterdir()) == []


def test_wholly_opaque_pictures_go_into_jpeg_files(tmp_path):
    pixels = np.full((8, 8, 3), 100, np.uint8)
    files.write(tmp_path / "a.jpg", Picture(pixels, np.full((8, 8), 255, np.uint8)))
    assert np.abs(files.read(tmp_path / "a.jpg").pixels.astype(int) - 100).max() <= 2


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    target = tmp_path / "a.tif"
    target.write_bytes(b"precious")

    def half_way(path, content):
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half_way)
    with pytest.raises(ValueError, match="No space left"):
        files.write(target, Picture(np.zeros((4, 4), np.uint8)))
    assert target.read_bytes() == b"precious"
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]
