"""Files of every kind, made by the libraries that others make them with."""

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps
from PIL.TiffImagePlugin import IFDRational


def samples(shape, dtype="uint8", seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.uniform(0, 1, size=shape).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, size=shape, dtype=dtype, endpoint=True)


def saved(image, kind, **options):
    """Return the file that Pillow makes of an image or an array."""
    buffer = BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name, body):
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def png(rows, width, bits, colour_type, *chunks):
    """Return a PNG file made by hand: `rows` are bytes, `chunks` pairs of name and content."""
    header = struct.pack(">IIBBBBB", width, len(rows), bits, colour_type, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [(b"IHDR", header), *chunks, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def with_chunks(content, *chunks):
    """Return a PNG file with further chunks behind its header."""
    return content[:33] + b"".join(chunk(*part) for part in chunks) + content[33:]


def exif(photograph=None, **tags):
    """Return EXIF data as of a camera with a GPS, with further tags of the photograph, and of the first directory by number."""
    data = Image.Exif()
    data[0x010F], data[0x0110], data[0x0132] = "Maker", "Model", "2026:11:28 01:02:03"
    data.update({int(name.removeprefix("t")): value for name, value in tags.items()})
    data[0x8769] = {0x829A: IFDRational(1, 250), 0x927C: b"a note of the maker" * 3, **(photograph or {})}
    data[0x8825] = {1: "N", 2: (48.0, 51.0, 30.5)}
    return data


def in_every_orientation(stored, orientation):
    """Return `stored` upright, by Pillow's account of the orientation."""
    height, width = stored.shape[:2]
    places = Image.fromarray(np.arange(height * width, dtype=np.int32).reshape(height, width))
    places.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(places))
    return stored.reshape(-1, *stored.shape[2:])[upright]
