"""Reading TIFF files: one picture, grey or RGB, of any depth, with its further samples and what is said about it."""

from __future__ import annotations

import re
import struct
from io import BytesIO
from typing import Any

import numpy as np
import tifffile
from tifffile import EXTRASAMPLE, PHOTOMETRIC

from .exif import EXIF, GPS, Tag, read_exif_of_tiff
from .picture import Extra, Notes, Picture, RefusedError, Resolution, Unit, check_count, check_size
from .transparency import divided

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_DNG_VERSION, _DESCRIPTION, _XMP = 50706, 270, 700
#: tags that hold for the restored picture as they are: names and dates, IPTC and Photoshop's notes, what ImageJ keeps, places
_KEPT = (
    *(269, 271, 272, 285, 305, 306, 315, 316, 33432, 33723, 34377, 50838, 50839),
    *(33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113),
)
_GREY = (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE)
_MOSAIC = (PHOTOMETRIC.CFA, PHOTOMETRIC.LINEAR_RAW)
_NAMES = {PHOTOMETRIC.SEPARATED: "CMYK", PHOTOMETRIC.YCBCR: "YCbCr", PHOTOMETRIC.ICCLAB: "CIELAB", PHOTOMETRIC.ITULAB: "CIELAB"}
_UNITS: dict[int, Unit] = {1: "none", 2: "inch", 3: "centimeter"}
_JPEG = 7


def read_tiff(content: bytes) -> tuple[Picture, int]:
    """Return the picture in a TIFF file, and its orientation."""
    with tifffile.TiffFile(BytesIO(content)) as file:
        page = _only_page(file, content)
        _check(page)
        check_size(page.imagewidth, page.imagelength)
        if file.series[0].size != page.size:
            check_count(max(2, file.series[0].size // page.size))
        _check_whole(page, len(content))
        data = np.asarray(page.asarray())
        if page.axes == "SYX":
            data = np.moveaxis(data, 0, -1)
        notes = _notes(file, page, content)
        profile = page.tags.valueof(34675)
        orientation = int(page.tags.valueof("Orientation", default=1))
    colours, alpha, meaning, extra = _split(page, _full_range(data, page))
    if meaning == EXTRASAMPLE.ASSOCALPHA:
        colours = divided(colours, alpha)
    return Picture(
        pixels=colours,
        alpha=alpha,
        profile=None if profile is None else bytes(profile),
        premultiplied=meaning == EXTRASAMPLE.ASSOCALPHA,
        extra=extra,
        notes=notes,
        kind=".tiff",
    ), orientation


def _only_page(file: tifffile.TiffFile, content: bytes) -> Any:
    """Return the page of the picture; smaller copies of it beside it count for nothing."""
    first: Any = file.pages.first
    if _DNG_VERSION in first.tags:
        raise RefusedError("holds the raw data of a camera's sensor; develop it first")
    chain = list(file.pages)
    if _next(file.tiff, chain[-1].offset, content):
        # tifffile leaves out what it does not find
        raise RefusedError("cannot be read as an image: it is damaged where a further image should be; copy it again")
    pages: list[Any] = [*chain, *(first.pages or ())]
    whole = [page for page in pages if not page.is_reduced] or pages[:1]
    check_count(len(whole))
    if whole[0] is not pages[0]:
        raise RefusedError("holds its image behind a preview; save it as a plain TIFF file first")
    return pages[0]


def _next(layout: Any, start: int, content: bytes) -> int:
    """Return where the directory after that at `start` is said to be; 0: there is none."""
    (count,) = struct.unpack_from(layout.tagnoformat, content, start)
    (place,) = struct.unpack_from(layout.offsetformat, content, start + layout.tagnosize + count * layout.tagsize)
    return int(place)


def _check(page: Any) -> None:
    """Refuse what cannot be restored as a grey or RGB picture."""
    kind = PHOTOMETRIC(page.photometric)
    if kind in _MOSAIC:
        raise RefusedError("holds the raw data of a camera's sensor; develop it first")
    # compressed by JPEG they are decoded to RGB
    rgb = kind == PHOTOMETRIC.RGB or (kind == PHOTOMETRIC.YCBCR and page.compression == _JPEG)
    if not (rgb or kind in _GREY or (kind == PHOTOMETRIC.PALETTE and not page.is_imagej)):
        raise RefusedError(f"holds {_NAMES.get(kind, kind.name)} colours; convert it to RGB or grey first")
    if page.axes not in ("YX", "YXS", "SYX"):
        raise RefusedError(f"holds an image of axes {page.axes} and shape {page.shape}; restore it in Python by unblur.deblur")
    if page.dtype is None or page.dtype.kind not in "buif":
        raise RefusedError(f"holds samples of type {page.dtype}; convert them to real numbers first")
    if kind == PHOTOMETRIC.MINISWHITE and page.dtype.kind not in "bu":
        raise RefusedError(f"holds {page.dtype} samples of which the least is white; store it with black as the least")
    if rgb and page.samplesperpixel < 3:
        raise RefusedError("cannot be read as an image: it is damaged where it tells its colours; copy it again")
    if not rgb and page.samplesperpixel > 2:
        raise RefusedError(
            f"holds {page.samplesperpixel} bands; restore each as a file of its own, or all in Python by unblur.deblur"
        )


def _check_whole(page: Any, length: int) -> None:
    """Refuse a file that does not hold all its samples: what is missing would be read as zeros, or as grey."""
    parts = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if not parts or any(size <= 0 or start <= 0 or start + size > length for start, size in parts):
        raise RefusedError("cannot be read as an image: parts of it are missing, as of a file that was cut short; copy it again")


def _full_range(data: Any, page: Any) -> Any:
    """Return samples of a number of bits that NumPy has no type for in the range of the type that holds them."""
    if data.dtype.kind == "b":
        return data.astype(np.uint8) * np.uint8(255)
    bits, held = page.bitspersample, 8 * data.dtype.itemsize
    if data.dtype.kind != "u" or bits == held or page.photometric == PHOTOMETRIC.PALETTE:
        return data
    return np.rint(data * ((2**held - 1) / (2**bits - 1))).astype(data.dtype)


def _split(page: Any, data: Any) -> tuple[Any, Any, int, Extra | None]:
    """Return colours, transparency, how that is meant, and further samples."""
    if page.photometric == PHOTOMETRIC.PALETTE:
        return _looked_up(page, data), None, 0, None
    grey = page.photometric in _GREY
    planes = data[..., None] if data.ndim == 2 else data
    count = 1 if grey else 3
    colours, rest = planes[..., :count], planes[..., count:]
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        colours = np.iinfo(data.dtype).max - colours
    stated = [meaning if meaning in (1, 2) else 0 for meaning in map(int, page.extrasamples)]
    meanings = [*stated, *[0] * rest.shape[-1]][: rest.shape[-1]]
    found = next((i for i, meaning in enumerate(meanings) if meaning), None)
    others = [i for i in range(len(meanings)) if i != found]
    return (
        np.ascontiguousarray(colours[..., 0] if grey else colours),
        None if found is None else rest[..., found],
        0 if found is None else meanings[found],
        Extra(rest[..., others], tuple(meanings[i] for i in others)) if others else None,
    )


def _looked_up(page: Any, data: Any) -> Any:
    """Return the colours of a palette's numbers, of 8 bits where these tell them all."""
    palette = np.asarray(page.colormap).T
    if not (palette % 257).any():
        palette = (palette // 257).astype(np.uint8)
    elif not (palette % 256).any():
        palette = (palette // 256).astype(np.uint8)
    return palette[data]


def _notes(file: tifffile.TiffFile, page: Any, content: bytes) -> Notes:
    def raw(tag: Any) -> bytes:
        return content[tag.valueoffset : tag.valueoffset + tag.valuebytecount]

    tags = {code: page.tags[code] for code in (*_KEPT, _DESCRIPTION, _XMP) if code in page.tags}
    description = raw(tags[_DESCRIPTION]).rstrip(b"\0").decode("utf-8", "surrogateescape") if _DESCRIPTION in tags else ""
    if re.match(r'\{"shape":', description):
        # what tifffile writes for itself
        description = ""
    classic = content[2:4] in (b"*\0", b"\0*")
    return Notes(
        resolution=_resolution(page),
        description=description,
        exif=read_exif_of_tiff(content) if classic and (EXIF in page.tags or GPS in page.tags) else b"",
        xmp=raw(tags[_XMP]) if _XMP in tags else b"",
        tags=tuple(Tag(code, int(tags[code].dtype), tags[code].count, raw(tags[code])) for code in _KEPT if code in tags),
        byteorder=file.byteorder,
    )


def _resolution(page: Any) -> Resolution | None:
    x, y = (page.tags.valueof(name) for name in ("XResolution", "YResolution"))
    if not all(isinstance(side, tuple) and len(side) == 2 and side[0] and side[1] for side in (x, y)):
        return None
    unit = _UNITS.get(int(page.tags.valueof("ResolutionUnit", default=2)), "none")
    resolution = Resolution(x[0] / x[1], y[0] / y[1], unit)
    # what tifffile writes where nothing is known
    return None if resolution == (1, 1, "none") else resolution
