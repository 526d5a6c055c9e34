"""Writing TIFF files, with what their pictures came with."""

from __future__ import annotations

import re
import struct
from io import BytesIO

import numpy as np
import tifffile

from .exif import ABOUT, Directory, Tag, for_size, opened
from .picture import Notes, Picture
from .transparency import multiplied

_BYTE, _DESCRIPTION, _XMP = 1, 270, 700


def tiff_bytes(picture: Picture) -> bytes:
    """Return the TIFF file that holds a picture."""
    notes = picture.notes
    height, width = picture.pixels.shape[:2]
    premultiplied = picture.premultiplied and picture.alpha is not None
    planes = [multiplied(picture.pixels, picture.alpha) if premultiplied else picture.pixels]
    meanings: list[int] = []
    if picture.alpha is not None:
        planes.append(picture.alpha)
        meanings.append(1 if premultiplied else 2)
    if picture.extra is not None:
        planes.append(picture.extra.samples)
        meanings += picture.extra.meanings
    exif, order = opened(for_size(notes.exif, width, height))
    description = notes.description
    if not description and _DESCRIPTION in exif.tags:
        description = exif.tags[_DESCRIPTION].value.rstrip(b"\0").decode("utf-8", "surrogateescape")
    description = _described(description, width, height)
    buffer = BytesIO()
    tifffile.imwrite(
        buffer,
        np.dstack(planes) if meanings else picture.pixels,
        byteorder=order if notes.exif else notes.byteorder,
        photometric="rgb" if picture.pixels.ndim == 3 else "minisblack",
        planarconfig="contig" if meanings or picture.pixels.ndim == 3 else None,
        extrasamples=meanings or None,
        iccprofile=picture.profile,
        description=description.encode("utf-8", "surrogateescape") if description else None,
        resolution=None if notes.resolution is None else notes.resolution[:2],
        resolutionunit=None if notes.resolution is None else notes.resolution.unit,
        metadata=None,
        software=False,
        extratags=_tags(notes, exif),
    )
    return _with_directories(buffer.getvalue(), exif)


def _tags(notes: Notes, exif: Directory) -> list[tuple[int, int, int, bytes, bool]]:
    tags = {code: tag for code, tag in exif.tags.items() if code in ABOUT and code != _DESCRIPTION}
    tags |= {tag.code: tag for tag in notes.tags}
    if notes.xmp:
        tags[_XMP] = Tag(_XMP, _BYTE, len(notes.xmp), notes.xmp)
    return [(*tag, True) for tag in tags.values()]


def _described(description: str, width: int, height: int) -> str:
    """Return a description that holds for this file: an OME-XML one names the size of the image, and the file."""
    if "<OME" not in description[:2000]:
        return description
    description = re.sub(r"<UUID\b[^>]*>[^<]*</UUID>|(?<=\s)UUID=\"[^\"]*\"", "", description)
    description = re.sub(r'(?<=\sSizeX=)"\d+"', f'"{width}"', description)
    return re.sub(r'(?<=\sSizeY=)"\d+"', f'"{height}"', description)


def _with_directories(content: bytes, exif: Directory) -> bytes:
    """Return a TIFF file with the directories that are parts of EXIF data.

    tifffile writes none: they are put at the end, in the file's own directory, which is written anew.
    """
    if not exif.parts or content[2:4] not in (b"*\0", b"\0*"):  # more than 4 GB
        return content
    whole, order = opened(content)
    whole.parts = exif.parts
    content += b"\0" * (len(content) % 2)
    return content[:4] + struct.pack(f"{order}I", len(content)) + content[8:] + whole.laid_out(order, len(content))
