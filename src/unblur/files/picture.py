"""What an image file holds, whatever its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from .exif import ByteOrder, Tag

Unit = Literal["none", "inch", "centimeter"]


class Resolution(NamedTuple):
    """Pixels per unit of length; where the unit is none, only their ratio is known, or the description tells the unit."""

    x: float
    y: float
    unit: Unit

    def per_inch(self) -> tuple[float, float] | None:
        """Return the pixels per inch, where a length is known."""
        if self.unit == "none":
            return None
        inches = 2.54 if self.unit == "centimeter" else 1.0
        return self.x * inches, self.y * inches


class Extra(NamedTuple):
    """Further samples of each pixel, of shape (height, width, n), and for each its TIFF ExtraSamples number."""

    samples: Any
    meanings: tuple[int, ...]


@dataclass(frozen=True)
class Notes:
    """What a file says about its picture.

    Attributes
    ----------
    resolution : Resolution or None
    description : str
        Bytes that are no UTF-8 are kept as surrogates.
    texts : mapping of str to str
        Texts by their keywords, from PNG files.
    exif : bytes
        EXIF data, without an orientation: the picture is upright.
    xmp : bytes
        An XMP packet, likewise.
    colour : tuple of (bytes, bytes)
        Names and contents of the PNG chunks that tell the colour space where no profile does.
    tags : tuple of Tag
        Tags of a TIFF file that hold for the restored picture too.
    byteorder : {"<", ">"}
        Of these.
    """

    resolution: Resolution | None = None
    description: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    exif: bytes = b""
    xmp: bytes = b""
    colour: tuple[tuple[bytes, bytes], ...] = ()
    tags: tuple[Tag, ...] = ()
    byteorder: ByteOrder = "<"


@dataclass(frozen=True, eq=False)
class Picture:
    """The content of an image file.

    Attributes
    ----------
    pixels : array of shape (height, width) or (height, width, 3)
        Of the file's own type, upright, not multiplied by the transparency.
    alpha : array of shape (height, width), or None
        Transparency.
    profile : bytes or None
        The ICC colour profile.
    premultiplied : bool
        Whether the file holds the colours multiplied by the transparency; TIFF files are written so again.
    extra : Extra or None
        Further samples, of TIFF files.
    notes : Notes
    kind : str
        The ending of files such as it came from.
    """

    pixels: Any
    alpha: Any = None
    profile: bytes | None = None
    premultiplied: bool = False
    extra: Extra | None = None
    notes: Notes = Notes()
    kind: str = ""

    def with_pixels(self, pixels: Any) -> Picture:
        """Return the same picture with other pixels."""
        return replace(self, pixels=pixels)

    def cut(self, window: tuple[slice, ...]) -> Picture:
        """Return a part of the picture."""
        return replace(
            self,
            pixels=self.pixels[window],
            alpha=None if self.alpha is None else self.alpha[window],
            extra=None if self.extra is None else self.extra._replace(samples=self.extra.samples[window]),
        )


class RefusedError(ValueError):
    """A file is not taken; the message goes on from the file's name."""


def check_count(count: int) -> None:
    """Refuse a file of several images: the first alone would be another thing than what the file holds."""
    if count > 1:
        raise RefusedError(f"holds {count} images; save each as a file of its own, or restore them in Python by unblur.deblur")


#: more than is restored in one piece; also what a small file may declare to fill the memory with
LARGEST = 178_956_970


def check_size(width: int, height: int) -> None:
    """Refuse a picture that is too large, before its samples are read."""
    if width * height > LARGEST:
        raise RefusedError(f"declares {width}×{height} pixels, more than {LARGEST // 10**6} million; cut it into parts")
    if width < 1 or height < 1:
        raise RefusedError(f"declares {width}×{height} pixels; give a file with an image in it")
