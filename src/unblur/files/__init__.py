"""Image files: read whole or refused in words, and written with all that came along.

PNG, JPEG, TIFF, WebP, GIF and BMP files are read; PNG, JPEG and TIFF files are written. A picture is upright, its colours RGB or
grey and not multiplied by its transparency, whatever the file does; what else the file says is kept beside it. A file of several
images is refused, as are colours that cannot be converted without loss.
"""

from .picture import Extra, Notes, Picture, Resolution
from .reading import read
from .transparency import seen
from .writing import check_output, write

__all__ = ["Extra", "Notes", "Picture", "Resolution", "check_output", "read", "seen", "write"]
