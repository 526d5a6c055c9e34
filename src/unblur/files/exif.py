"""EXIF data: what a camera says of a photograph, kept from one kind of file to another, to the last bit.

They are the directories of a TIFF file: tags, each with a type, a count and a value, some of which are directories again.
Pillow would write them too, but has no letters but ASCII's.
"""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

ByteOrder = Literal["<", ">"]

logger = logging.getLogger("unblur")

_PREFIX = b"Exif\0\0"
_ORIENTATION, _WIDTH, _HEIGHT = 274, 40962, 40963
EXIF, GPS, _INTEROPERABILITY = 34665, 34853, 40965
#: tags of the first directory that are about the photograph, and not about how it is stored: description, maker, model,
#: software, date, artist, computer, copyright
ABOUT = (270, 271, 272, 305, 306, 315, 316, 33432)
#: bytes of a value of each type
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_LONG = 4


class Tag(NamedTuple):
    """A tag as it stands in a file: `number` values of a type that TIFF numbers, in the file's byte order."""

    code: int
    kind: int
    number: int
    value: bytes


@dataclass
class Directory:
    """Tags by their codes, and directories within."""

    tags: dict[int, Tag] = field(default_factory=dict)
    parts: dict[int, Directory] = field(default_factory=dict)

    def laid_out(self, order: str, start: int) -> bytes:
        """Return the directory as it stands in a file from `start` on, an even number."""
        entries, rest = dict[int, bytes](), b""
        after = start + 2 + 12 * (len(self.tags) + len(self.parts)) + 4
        for code, part in self.parts.items():
            entries[code] = struct.pack(f"{order}HHII", code, _LONG, 1, after + len(rest))
            rest += part.laid_out(order, after + len(rest))
        for code, tag in self.tags.items():
            value = tag.value
            if len(value) > 4:
                value = struct.pack(f"{order}I", after + len(rest))
                rest += tag.value + b"\0" * (len(tag.value) % 2)
            entries[code] = struct.pack(f"{order}HHI", code, tag.kind, tag.number) + value.ljust(4, b"\0")
        return struct.pack(f"{order}H", len(entries)) + b"".join(entries[code] for code in sorted(entries)) + bytes(4) + rest


def read_exif(image: Any) -> tuple[bytes, int]:
    """Return the EXIF data of an image that Pillow has opened, upright and without a preview, and the orientation it had."""
    try:
        found = image.getexif()
        orientation = int(found.get(_ORIENTATION, 1))
        content = (image.info.get("exif") or (found.tobytes() if len(found) else b"")).removeprefix(_PREFIX)
        if not content:
            return b"", orientation
        whole, order = opened(content)
        whole.tags.pop(_ORIENTATION, None)
        return _closed(whole, order), orientation
    except Exception:  # whatever a damaged note does to its reader, the picture is another thing
        logger.warning("the EXIF data are damaged, and left out")
        return b"", 1


def read_exif_of_tiff(content: bytes) -> bytes:
    """Return the EXIF data of a TIFF file, whose first directory they share."""
    try:
        whole, order = opened(content)
        return _closed(Directory({code: tag for code, tag in whole.tags.items() if code in ABOUT}, whole.parts), order)
    except Exception:
        logger.warning("the EXIF data are damaged, and left out")
        return b""


def opened(content: bytes) -> tuple[Directory, ByteOrder]:
    """Return EXIF data, and their byte order."""
    if not content:
        return Directory(), "<"
    order: ByteOrder = "<" if content[:2] == b"II" else ">"
    return _directory(content, order, *struct.unpack_from(f"{order}I", content, 4)), order


def for_size(content: bytes, width: int, height: int) -> bytes:
    """Return the EXIF data with the size that the picture has now."""
    whole, order = opened(content)
    photograph = whole.parts.get(EXIF, Directory()).tags
    for code, size in ((_WIDTH, width), (_HEIGHT, height)):
        if code in photograph:
            photograph[code] = Tag(code, _LONG, 1, struct.pack(f"{order}I", size))
    return _closed(whole, order) if content else b""


def _directory(content: bytes, order: str, start: int, depth: int = 1) -> Directory:
    found = Directory()
    (count,) = struct.unpack_from(f"{order}H", content, start)
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        code, kind, number = struct.unpack_from(f"{order}HHI", content, entry)
        if kind not in _SIZES:
            continue
        size = _SIZES[kind] * number
        (place,) = (entry + 8,) if size <= 4 else struct.unpack_from(f"{order}I", content, entry + 8)
        value = content[place : place + size]
        if len(value) < size:
            raise ValueError("a value lies outside the data")
        if code in (EXIF, GPS, _INTEROPERABILITY):
            (inside,) = struct.unpack(f"{order}I", value)
            if depth == 3:
                raise ValueError("directories run in a circle")
            found.parts[code] = _directory(content, order, inside, depth + 1)
        else:
            found.tags[code] = Tag(code, kind, number, value)
    return found


def _closed(whole: Directory, order: str) -> bytes:
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(f"{order}I", 8) + whole.laid_out(order, 8) if whole.tags or whole.parts else b""
