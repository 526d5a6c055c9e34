"""Each gallery script is run once, without a display, in an empty folder."""

import runpy
from pathlib import Path

import matplotlib as mpl
import pytest

GALLERY = Path(__file__).resolve().parents[2] / "gallery"


@pytest.fixture(scope="session")
def run_script(tmp_path_factory):
    """Return a function that runs a script of the gallery and returns its variables."""

    def run(name):
        import matplotlib.pyplot as plt

        with pytest.MonkeyPatch.context() as patch, mpl.rc_context({"backend": "agg"}):
            patch.chdir(tmp_path_factory.mktemp("gallery"))
            plt.switch_backend("agg")
            try:
                return runpy.run_path(str(GALLERY / name))
            finally:
                plt.close("all")

    return run
