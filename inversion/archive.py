"""Reading an ``.npz`` file that may come from anywhere: nothing is allocated or unpacked before it is known to be there.

What NumPy writes without compression is as long in the file as in memory; an array whose header promises more than the file
holds, and a member that unpacks to more, are refused before any of it is read.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tokenize import TokenError
from types import TracebackType
from typing import Any

import numpy as np

_HEADERS: dict[tuple[int, int], Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_PIECE = 1 << 20
#: what the standard library and NumPy raise for damaged and crafted files
_DAMAGE = (OSError, ValueError, KeyError, IndexError, EOFError, RuntimeError, SyntaxError, TypeError, OverflowError, MemoryError)


class BadArchiveError(ValueError):
    """A file that is none of ours."""


class Archive:
    """The arrays of an ``.npz`` file.

    Parameters
    ----------
    path : Path
        Of a file that `numpy.savez` wrote.

    Raises
    ------
    BadArchiveError
        If it is no such file, or promises more than it holds.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise BadArchiveError("it is no file" if path.exists() else "there is none")
        with _explained():
            self._file = zipfile.ZipFile(path)
        try:
            members = self._file.infolist()
            if any(m.compress_type != zipfile.ZIP_STORED or m.compress_size != m.file_size for m in members):
                raise BadArchiveError("its arrays are compressed")
            if sum(m.file_size for m in members) > path.stat().st_size:
                raise BadArchiveError("its arrays lie over one another")
            self._members = {m.filename.removesuffix(".npy"): m for m in members}
        except BaseException:
            self._file.close()
            raise

    @property
    def names(self) -> list[str]:
        """The names of the arrays."""
        return list(self._members)

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str, shape: tuple[int, ...] | None = None, dtype: Any = None, most: int | None = None) -> Any:
        """Return an array.

        Parameters
        ----------
        name : str
        shape, dtype : optional
            What it must be.
        most : int, optional
            Samples that it may have.

        Raises
        ------
        BadArchiveError
            If there is none, or it is another than it must be, or damaged.
        """
        if name not in self._members:
            raise BadArchiveError(f"it holds no {name!r}")
        with _explained(name), self._file.open(self._members[name]) as stream:
            found, fortran, kind = self._header(stream)
            if (shape is not None and found != shape) or (dtype is not None and kind != np.dtype(dtype)):
                wanted = f"shape {'any' if shape is None else shape} and dtype {'any' if dtype is None else np.dtype(dtype)}"
                raise BadArchiveError(f"{name!r} has shape {found} and dtype {kind} instead of {wanted}")
            samples = math.prod(found)
            if min(found, default=0) < 0 or samples * kind.itemsize != self._members[name].file_size - stream.tell():
                raise BadArchiveError(f"{name!r} is said to have shape {found}, of which the file does not hold as much")
            if most is not None and samples > most:
                raise BadArchiveError(f"{name!r} has shape {found}, more than {most} samples")
            array = np.empty(samples, kind)
            left = array.view(np.uint8).data if array.nbytes else memoryview(b"")
            while piece := stream.read(_PIECE):
                left[: len(piece)] = piece
                left = left[len(piece) :]
            if len(left):
                raise BadArchiveError(f"{name!r} ends early")
            return array.reshape(found, order="F" if fortran else "C")

    def text(self, name: str, most: int = 1 << 24) -> str:
        """Return a string of no more than so many characters."""
        array = self.read(name, shape=())
        if array.dtype.kind != "U" or array.dtype.itemsize > 4 * most:
            raise BadArchiveError(f"{name!r} is no text")
        return str(array)

    def _header(self, stream: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
        read = _HEADERS.get(np.lib.format.read_magic(stream))
        if read is None:
            raise BadArchiveError("it is of an unknown format")
        shape, fortran, dtype = read(stream)
        if dtype.kind not in "biufcU" or dtype.itemsize == 0:
            raise BadArchiveError(f"it holds objects of {dtype}, which are not read")
        return shape, fortran, dtype

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()


@contextmanager
def _explained(name: str = "") -> Iterator[None]:
    """Turn what is raised for a damaged file into an error that says so."""
    try:
        yield
    except BadArchiveError:
        raise
    except (*_DAMAGE, TokenError, zipfile.BadZipFile) as error:
        where = f"{name!r} is damaged: " if name else ""
        raise BadArchiveError(f"{where}{str(error)[:200] or type(error).__name__}") from error
