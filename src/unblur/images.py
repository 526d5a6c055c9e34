"""Image files: PNG, JPEG and TIFF, read and written with their depth, colour, transparency and colour profile."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import imagecodecs
import imageio.v3 as iio
import numpy as np
import tifffile

from unblur.inversion.atomic import replacing

logger = logging.getLogger("unblur")

_PNG = b"\x89PNG\r\n\x1a\n"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

#: what each kind of file can hold
_DEPTHS = {".png": "uint8 uint16", ".jpg": "uint8", ".jpeg": "uint8", ".tif": "", ".tiff": ""}


@dataclass(frozen=True, eq=False)
class Picture:
    """The content of an image file.

    Attributes
    ----------
    pixels : array of shape (height, width) or (height, width, 3)
        Of the file's own type.
    alpha : array of shape (height, width), or None
        Transparency.
    profile : bytes or None
        The ICC colour profile.
    """

    pixels: Any
    alpha: Any = None
    profile: bytes | None = None

    def with_pixels(self, pixels: Any) -> Picture:
        """Return the same picture with other pixels."""
        return replace(self, pixels=pixels)


def read(path: str | Path) -> Picture:
    """Read an image file.

    Parameters
    ----------
    path : str or Path
        A PNG, JPEG or TIFF file, or another kind that Pillow reads. A photograph is turned as its EXIF data say, palettes
        become colours, and 1-bit images 8-bit ones.

    Returns
    -------
    Picture

    Raises
    ------
    ValueError
        If the file is missing, is no image, or is one of a kind that is not handled.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{str(path)!r} is {'a folder' if path.is_dir() else 'missing'}; name an image file")
    try:
        head = path.read_bytes()[:26] if path.stat().st_size < 26 else _head(path)
        return _read_tiff(path) if head.startswith(_TIFF) else _read_pillow(path, head)
    except (OSError, tifffile.TiffFileError, imagecodecs.PngError, SyntaxError, IndexError, KeyError) as error:
        raise ValueError(f"{str(path)!r} cannot be read as an image ({error}); give a PNG, JPEG or TIFF file") from error


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(26)


def _read_pillow(path: Path, head: bytes) -> Picture:
    with iio.imopen(path, "r", plugin="pillow") as file:
        properties = file.metadata(index=0)
        # Pillow has no 16-bit colour; byte 24 of a PNG is its depth
        deep = head.startswith(_PNG) and head[24] == 16
        data = imagecodecs.png_decode(path.read_bytes()) if deep else file.read(index=0, rotate=True)  # type: ignore[call-arg]
    if properties.get("mode") == "CMYK":
        raise ValueError(f"{str(path)!r} holds CMYK colours; convert it to RGB first")
    if data.dtype == bool:
        data = data.astype(np.uint8) * np.uint8(255)
    return _picture(data, path, properties.get("icc_profile"))


def _read_tiff(path: Path) -> Picture:
    with tifffile.TiffFile(path) as file:
        series, page = file.series[0], file.pages.first
        data, axes = series.asarray(), series.axes
        profile = page.tags.valueof("InterColorProfile")
        photometric = tifffile.PHOTOMETRIC(page.photometric)
    if axes == "SYX":
        data = np.moveaxis(data, 0, -1)
    elif axes not in ("YX", "YXS"):
        raise ValueError(
            f"{str(path)!r} holds an image of axes {axes} and shape {data.shape}; restore it in Python by unblur.deblur"
        )
    if photometric in (tifffile.PHOTOMETRIC.PALETTE, tifffile.PHOTOMETRIC.SEPARATED):
        raise ValueError(f"{str(path)!r} holds {photometric.name.lower()} colours; convert it to RGB first")
    if data.dtype == bool:
        data = data.astype(np.uint8) * np.uint8(255)
    if photometric == tifffile.PHOTOMETRIC.MINISWHITE and data.dtype.kind == "u":
        data = np.iinfo(data.dtype).max - data
    return _picture(data, path, None if profile is None else bytes(profile))


def _picture(data: Any, path: Path, profile: bytes | None) -> Picture:
    channels = 1 if data.ndim == 2 else data.shape[-1]
    if data.ndim not in (2, 3) or channels > 4:
        raise ValueError(f"{str(path)!r} holds an array of shape {data.shape}; restore it in Python by unblur.deblur")
    alpha = data[..., -1] if channels in (2, 4) else None
    pixels = data[..., :3] if channels >= 3 else data.reshape(*data.shape[:2], -1)[..., 0]
    return Picture(np.ascontiguousarray(pixels), alpha, profile)


def check_output(path: str | Path, picture: Picture | None = None) -> None:
    """Raise ValueError unless a file can be written there, and can hold `picture`; nothing is left behind."""
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{str(path)!r} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise ValueError(f"the folder {str(path.parent)!r} does not exist; create it, or name another")
    if picture is not None:
        suffix = path.suffix.lower()
        if suffix not in _DEPTHS:
            raise ValueError(f"{str(path)!r} does not end in one of {', '.join(_DEPTHS)}; name such a file")
        if _DEPTHS[suffix] and str(picture.pixels.dtype) not in _DEPTHS[suffix].split():
            raise ValueError(f"{suffix} files do not hold {picture.pixels.dtype} samples, as the image has; name a .tiff file")
        if suffix.startswith(".jp") and picture.alpha is not None:
            raise ValueError(f"{suffix} files hold no transparency, as the image has; name a .png or .tiff file")
    try:
        with replacing(path) as partial:
            partial.touch()
            raise _ProbeError
    except _ProbeError:
        pass
    except OSError as error:
        raise ValueError(f"{str(path)!r} cannot be written ({error.strerror}); name another file, or free the folder") from error


class _ProbeError(Exception):
    pass


def write(path: str | Path, picture: Picture) -> None:
    """Write an image file; its kind follows from the name.

    It is written beside its place and then moved there, so that no half-written file is left.

    Parameters
    ----------
    path : str or Path
        Ends in .png (8 and 16 bits), .jpg (8 bits) or .tiff (any type).
    picture : Picture

    Raises
    ------
    ValueError
        If the file cannot be written, or if its kind cannot hold the picture.
    """
    path = Path(path)
    check_output(path, picture)
    data = picture.pixels
    if picture.alpha is not None:
        data = np.dstack([data, picture.alpha])
    try:
        with replacing(path) as partial:
            _WRITERS[path.suffix.lower()](partial, data, picture)
    except OSError as error:
        raise ValueError(f"{str(path)!r} cannot be written ({error.strerror or error}); name another file") from error


def _write_png(path: Path, data: Any, picture: Picture) -> None:
    if data.dtype == np.uint16 and data.ndim == 3:
        if picture.profile is not None:
            logger.warning("16-bit colour PNG files are written without the colour profile; name a .tiff file to keep it")
        path.write_bytes(imagecodecs.png_encode(data))
    else:
        _save(path, data, {"icc_profile": picture.profile})


def _write_jpeg(path: Path, data: Any, picture: Picture) -> None:
    _save(path, data, {"icc_profile": picture.profile, "quality": 95, "subsampling": 0})


def _write_tiff(path: Path, data: Any, picture: Picture) -> None:
    colour = picture.pixels.ndim == 3
    tifffile.imwrite(
        path,
        data,
        photometric="rgb" if colour else "minisblack",
        planarconfig="contig" if data.ndim == 3 else None,
        extrasamples=["unassalpha"] if picture.alpha is not None else None,
        iccprofile=picture.profile,
        metadata=None,
    )


def _save(path: Path, data: Any, options: dict[str, Any]) -> None:
    given = {name: value for name, value in options.items() if value is not None}
    iio.imwrite(path, data, plugin="pillow", **given)


_WRITERS = {".png": _write_png, ".jpg": _write_jpeg, ".jpeg": _write_jpeg, ".tif": _write_tiff, ".tiff": _write_tiff}
