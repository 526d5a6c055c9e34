"""Writing image files: what each kind can hold, and the file whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from unblur.inversion.atomic import check_writable, is_special, write_whole

from .picture import Picture, RefusedError
from .png import png_bytes
from .raster import jpeg_bytes
from .tiff_writing import tiff_bytes
from .transparency import full


@dataclass(frozen=True)
class _Kind:
    """A kind of file that is written."""

    encode: Callable[[Picture], bytes]
    depths: tuple[str, ...] = ()  #: types of the samples; none: all
    alpha: bool = True  #: where not, only what is wholly opaque is taken
    extra: bool = False
    side: int = 2**31 - 1  #: of the largest image, in pixels


_PNG = _Kind(png_bytes, ("uint8", "uint16"))
_JPEG = _Kind(jpeg_bytes, ("uint8",), alpha=False, side=65535)
_TIFF = _Kind(tiff_bytes, extra=True)
_KINDS = {".png": _PNG, ".jpg": _JPEG, ".jpeg": _JPEG, ".tif": _TIFF, ".tiff": _TIFF}


def check_output(path: str | Path, picture: Picture | None = None) -> None:
    """Raise ValueError unless a file can be written there, and can hold `picture`; nothing is left behind."""
    path = Path(path)
    name = repr(str(path))
    try:
        if "\0" in str(path):
            raise ValueError(f"{name} is no name of a file; name another")
        if path.is_dir():
            raise ValueError(f"{name} is a folder; name a file in it")
        if not path.parent.is_dir():
            raise ValueError(f"the folder {str(path.parent)!r} does not exist; create it, or name another")
        if picture is not None:
            _check_holds(path, picture)
        check_writable(path)
    except OSError as error:
        raise ValueError(
            f"{name} cannot be written ({error.strerror or error}); name another file, or free the folder"
        ) from error


def write(path: str | Path, picture: Picture) -> None:
    """Write an image file; its kind follows from the name.

    It is written beside its place and then moved there, so that no half-written file is left; a link stays, and what it points
    to is replaced; a file that is replaced keeps its permissions. A pipe or a device is written to as it stands, and where its
    name tells no kind, that is the kind which the picture came from.

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
    try:
        content = _kind(path, picture).encode(picture)
        write_whole(path, content)
    except RefusedError as refusal:
        raise ValueError(f"{str(path)!r} {refusal}") from refusal
    except OSError as error:
        raise ValueError(f"{str(path)!r} cannot be written ({error.strerror or error}); name another file") from error


def _kind(path: Path, picture: Picture) -> _Kind:
    ending = path.suffix.lower()
    if ending not in _KINDS and is_special(path):
        ending = picture.kind
    if ending not in _KINDS:
        raise ValueError(f"{str(path)!r} does not end in one of {', '.join(_KINDS)}; name such a file")
    return _KINDS[ending]


def _check_holds(path: Path, picture: Picture) -> None:
    kind, ending = _kind(path, picture), path.suffix.lower()
    if kind.depths and str(picture.pixels.dtype) not in kind.depths:
        raise ValueError(f"{ending} files do not hold {picture.pixels.dtype} samples, as the image has; name a .tiff file")
    if picture.alpha is not None and not kind.alpha and (picture.alpha != full(picture.alpha)).any():
        raise ValueError(f"{ending} files hold no transparency, as the image has; name a .png or .tiff file")
    if picture.extra is not None and not kind.extra:
        raise ValueError(f"{ending} files hold no further samples, as the image has; name a .tiff file")
    if max(picture.pixels.shape[:2]) > kind.side:
        raise ValueError(f"{ending} files hold at most {kind.side} pixels a side; name a .png or .tiff file")
