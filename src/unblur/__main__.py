"""``python -m unblur`` is the command ``unblur``."""

import sys


def main() -> None:
    """Run the command line, which an interrupt may meet while it is being loaded."""
    try:
        from .cli import main as run
    except KeyboardInterrupt:
        sys.stderr.write("unblur: interrupted; nothing was written\n")
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
