"""Reading an image file of any kind."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

from .orientation import upright
from .picture import Picture, RefusedError
from .png import SIGNATURE as PNG_SIGNATURE
from .png import read_png
from .raster import SIGNATURES as RASTER_SIGNATURES
from .raster import read_raster
from .tiff import SIGNATURES as TIFF_SIGNATURES
from .tiff import read_tiff

logger = logging.getLogger("unblur")

#: which reader takes a file that begins so
_READERS = {
    PNG_SIGNATURE: read_png,
    **dict.fromkeys(TIFF_SIGNATURES, read_tiff),
    **dict.fromkeys(RASTER_SIGNATURES, read_raster),
}
_KINDS = "give a PNG, JPEG or TIFF file"


def read(path: str | Path) -> Picture:
    """Read an image file, or a pipe that one comes through; it is read once.

    Parameters
    ----------
    path : str or Path
        A PNG, JPEG, TIFF, WebP, GIF or BMP file. A picture is turned as the file says that it is to be shown, palettes become
        colours, samples of less than 8 bits 8-bit ones, and colours lose what transparency they were multiplied by.

    Returns
    -------
    Picture

    Raises
    ------
    ValueError
        If the file is missing, damaged or no image; if it holds several images, or colours other than grey, RGB, palettes
        and what JPEG makes of them; or if it declares more than 178 million pixels, which is looked at before it is decoded.
    """
    try:
        content = _content(Path(path))
        reader = next((reader for start, reader in _READERS.items() if content.startswith(start)), None)
        if reader is None:
            raise RefusedError(f"cannot be read as an image; {_KINDS}")
        with warnings.catch_warnings():
            # what decoders have to say is about their own ways; what is wrong they raise
            warnings.simplefilter("ignore")
            picture, orientation = reader(content)
        if 0 in picture.pixels.shape or picture.pixels.shape[2:] not in ((), (3,)):
            raise _damaged(path)
    except RefusedError as refusal:
        raise ValueError(f"{str(path)!r} {refusal}") from refusal
    except OSError as error:
        if error.errno is None:
            raise _damaged(path) from error
        raise ValueError(f"{str(path)!r} cannot be read ({error.strerror}); name another file") from error
    except MemoryError as error:
        raise ValueError(f"{str(path)!r} is too large for the memory of this machine; cut it into parts") from error
    except Exception as error:  # decoders fail in many ways on what was made to break them, or by chance
        raise _damaged(path) from error
    if picture.extra is not None and 0 in picture.extra.meanings:
        logger.warning("%r holds further samples of no stated meaning, which are kept as they are", str(path))
    return upright(picture, orientation)


def _damaged(path: str | Path) -> ValueError:
    return ValueError(
        f"{str(path)!r} cannot be read as an image: it is damaged, cut short, or stored in a way that is not handled; {_KINDS}"
    )


def _content(path: Path) -> bytes:
    if "\0" in str(path):
        raise RefusedError("is no name of a file; name an image file")
    if path.is_dir():
        raise RefusedError("is a folder; name an image file")
    if not path.exists():
        raise RefusedError("is missing; name an image file")
    with path.open("rb") as file:
        content = file.read(16)
        if not content:
            raise RefusedError(f"cannot be read as an image: it is empty; {_KINDS}")
        # a device may go on without end
        return content + file.read() if content.startswith(tuple(_READERS)) else content
