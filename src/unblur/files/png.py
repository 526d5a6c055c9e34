"""PNG files of 8 and 16 bits.

Pillow has no 16-bit colours: samples go by libpng, and what is said about them by Pillow.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from typing import Any
from zlib import crc32

import imagecodecs
import numpy as np
from PIL import Image, PngImagePlugin

from .exif import for_size, read_exif
from .picture import Notes, Picture, Resolution, check_count, check_size

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = 33  # bytes of the signature and the first chunk, which tells the size
_SAMPLES = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_COLOUR = (b"cHRM", b"gAMA", b"sRGB", b"cICP")
_XMP = "XML:com.adobe.xmp"


def read_png(content: bytes) -> tuple[Picture, int]:
    """Return the picture in a PNG file, and its orientation. Palettes become colours, and short samples 8-bit ones."""
    check_size(int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big"))
    image: Any = Image.open(BytesIO(content), formats=["PNG"])
    check_count(getattr(image, "n_frames", 1))
    image.load()
    data = np.asarray(imagecodecs.png_decode(_samples_alone(content)))
    exif, orientation = read_exif(image)
    # that of old writers, which Pillow has read as EXIF data
    texts = {name: text for name, text in image.text.items() if name != _XMP and not name.startswith("Raw profile type")}
    notes = Notes(
        resolution=_resolution(image.info),
        description=texts.get("Description", ""),
        texts=texts,
        exif=exif,
        xmp=image.text.get(_XMP, "").encode(),
        colour=tuple((name, chunk[8:-4]) for name, chunk in _chunks(content) if name in _COLOUR),
    )
    channels = 1 if data.ndim == 2 else data.shape[-1]
    return Picture(
        pixels=data[..., :3] if channels >= 3 else data.reshape(*data.shape[:2], -1)[..., 0],
        alpha=data[..., -1] if channels in (2, 4) else None,
        profile=image.info.get("icc_profile"),
        notes=notes,
        kind=".png",
    ), orientation


def png_bytes(picture: Picture) -> bytes:
    """Return the PNG file that holds a picture."""
    data = picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])
    samples = bytes(imagecodecs.png_encode(np.ascontiguousarray(data)))
    return samples[:_HEADER] + _said_about(picture) + samples[_HEADER:]


def _said_about(picture: Picture) -> bytes:
    """Return the chunks that tell what the file says about a picture, as Pillow writes them with an image of one pixel."""
    notes = picture.notes
    info: Any = PngImagePlugin.PngInfo()
    for name, body in notes.colour:
        info.add(name, body)
    described = {"Description": notes.description} if notes.description else {}
    for word, text in {**described, **notes.texts}.items():
        info.add_text(word, text.encode("utf-8", "replace").decode() if type(text) is str else text)
    if notes.xmp:
        info.add_itxt(_XMP, notes.xmp.decode("utf-8", "replace"))
    options: dict[str, Any] = {"pnginfo": info, "icc_profile": picture.profile}
    if notes.exif:
        height, width = picture.pixels.shape[:2]
        options["exif"] = for_size(notes.exif, width, height)
    per_inch = None if notes.resolution is None else notes.resolution.per_inch()
    if per_inch is not None and max(per_inch) < 2**31 * 0.0254:
        options["dpi"] = per_inch
    pixel = BytesIO()
    Image.new("L", (1, 1)).save(pixel, "PNG", **options)
    said = b"".join(chunk for name, chunk in _chunks(pixel.getvalue()) if name not in _SAMPLES)
    return said + (_shape_of_pixels(notes.resolution) if "dpi" not in options and notes.resolution is not None else b"")


def _shape_of_pixels(resolution: Resolution) -> bytes:
    """Return the chunk that tells how wide pixels are for their height, the unit of length being unknown."""
    x, y = Fraction(resolution.x / resolution.y).limit_denominator(2**20).as_integer_ratio()
    if x == y or max(x, y) >= 2**31:
        return b""
    named = b"pHYs" + struct.pack(">IIB", x, y, 0)
    return struct.pack(">I", len(named) - 4) + named + struct.pack(">I", crc32(named))


def _samples_alone(content: bytes) -> bytes:
    """Return a file without what is said about its samples, of which libpng complains to the terminal."""
    return SIGNATURE + b"".join(chunk for name, chunk in _chunks(content) if name in _SAMPLES)


def _resolution(info: dict[str, Any]) -> Resolution | None:
    if "dpi" in info:
        x, y = info["dpi"]
        return Resolution(float(x), float(y), "inch")
    if "aspect" in info:
        x, y = info["aspect"]
        return Resolution(float(x), float(y), "none")
    return None


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the names of the chunks of a file, and the chunks: length, name, content, checksum."""
    place = len(SIGNATURE)
    while place + 8 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        yield content[place + 4 : place + 8], content[place : place + 12 + length]
        place += 12 + length
