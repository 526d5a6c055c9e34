"""``python -m unblur`` is the command ``unblur``."""

from .cli import main

main()
