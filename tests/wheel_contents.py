"""Compare the modules in a wheel with those in the tree: ``python tests/wheel_contents.py unblur-*.whl``."""

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"unblur": ROOT / "src/unblur", "unblur/operators": ROOT / "operators", "unblur/inversion": ROOT / "inversion"}
KINDS = {".py", ".pyi", ".typed"}


def tree() -> set[str]:
    """Return what a wheel should hold, by its names there."""
    return {
        f"{package}/{path.relative_to(folder).as_posix()}"
        for package, folder in FOLDERS.items()
        for path in folder.rglob("*")
        if path.suffix in KINDS or path.name == "py.typed"
    }


def differences(wheel: Path) -> list[str]:
    """Return a line for each module that is in one and not in the other."""
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    missing = [f"missing from the wheel: {name}" for name in sorted(tree() - held)]
    return missing + [f"not in the tree: {name}" for name in sorted(held - tree())]


if __name__ == "__main__":
    found = differences(Path(sys.argv[1]))
    sys.stdout.write("\n".join(found) + "\n" if found else "the wheel holds exactly the modules of the tree\n")
    sys.exit(bool(found))
