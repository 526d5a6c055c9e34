"""JPEG files, and the other kinds of 8 bits a sample that Pillow reads."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from .exif import for_size, read_exif
from .picture import Notes, Picture, RefusedError, Resolution, Unit, check_count, check_size

#: how a kind begins: its name with Pillow, and the ending of its files
SIGNATURES = {
    b"\xff\xd8\xff": ("JPEG", ".jpg"),
    b"GIF87a": ("GIF", ".gif"),
    b"GIF89a": ("GIF", ".gif"),
    b"RIFF": ("WEBP", ".webp"),
    b"BM": ("BMP", ".bmp"),
}
# what becomes of Pillow's modes
_MODES = {"1": "L", "L": "L", "LA": "LA", "P": "RGB", "PA": "RGBA", "RGB": "RGB", "RGBA": "RGBA", "RGBX": "RGB"}
_UNITS: dict[int, Unit] = {1: "inch", 2: "centimeter"}


def read_raster(content: bytes) -> tuple[Picture, int]:
    """Return the picture in a file of one of the kinds, and its orientation."""
    name, kind = next(names for start, names in SIGNATURES.items() if content.startswith(start))
    image: Any = Image.open(BytesIO(content), formats=[name])
    check_size(*image.size)
    # several images in a JPEG file are depths, brighter copies, or two views: only the owner knows what to do with them
    brighter_copy = b"hdrgm:Version" in _as_bytes(image.info.get("xmp", b""))
    check_count(max(getattr(image, "n_frames", 1), 1 + brighter_copy))
    if image.mode not in _MODES:
        raise RefusedError(f"holds {image.mode} colours; convert it to RGB first")
    image.load()
    info = image.info
    exif, orientation = read_exif(image)
    mode = _MODES[image.mode]
    if "transparency" in info:
        mode = "LA" if mode == "L" else "RGBA"
    data = np.asarray(image.convert(mode))
    notes = Notes(
        resolution=_resolution(info),
        description=_as_bytes(info.get("comment", b"")).decode("utf-8", "surrogateescape"),
        exif=exif,
        xmp=_as_bytes(info.get("xmp", b"")),
    )
    alpha = data[..., -1] if mode in ("LA", "RGBA") else None
    pixels = data if data.ndim == 2 else data[..., :3] if data.shape[-1] >= 3 else data[..., 0]
    return Picture(pixels, alpha, info.get("icc_profile"), notes=notes, kind=kind), orientation


def jpeg_bytes(picture: Picture) -> bytes:
    """Return the JPEG file that holds a picture, close to what it is."""
    notes, options = picture.notes, dict[str, Any]()
    if notes.exif:
        height, width = picture.pixels.shape[:2]
        options["exif"] = b"Exif\0\0" + for_size(notes.exif, width, height)
    if notes.xmp:
        options["xmp"] = notes.xmp
    if notes.description:
        options["comment"] = notes.description.encode("utf-8", "surrogateescape")
    per_inch = None if notes.resolution is None else notes.resolution.per_inch()
    if per_inch is not None and max(per_inch) < 65535:
        options["dpi"] = per_inch
    buffer = BytesIO()
    image = Image.fromarray(np.ascontiguousarray(picture.pixels))
    try:
        image.save(buffer, "JPEG", quality=95, subsampling=0, icc_profile=picture.profile, **options)
    except ValueError as error:  # a note is longer than a segment of the file
        raise RefusedError("is a JPEG file, which holds no notes as long as the picture's; name a .png or .tiff file") from error
    return buffer.getvalue()


def _as_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _resolution(info: dict[str, Any]) -> Resolution | None:
    unit = _UNITS.get(info.get("jfif_unit", 0))
    if "jfif_density" in info and unit is not None:
        x, y = info["jfif_density"]
        return Resolution(float(x), float(y), unit)
    if "dpi" in info and "jfif_density" not in info:
        x, y = info["dpi"]
        return Resolution(float(x), float(y), "inch")
    return None
