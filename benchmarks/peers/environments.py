"""The peers, each with the versions that it is measured in, and a virtual environment for each."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Peer:
    """One line of the tables."""

    name: str
    worker: str  #: file in workers/
    requirements: tuple[str, ...] = ()  #: none: it runs where unblur does
    yardstick: bool = False

    @property
    def script(self) -> Path:
        return HERE / "workers" / self.worker


SCICO = ("scico==0.0.7", "jax==0.8.1", "numpy==2.4.6")
PYPROXIMAL = ("pyproximal==0.13.0", "pylops==2.8.0", "numpy==2.4.6")
PYLOPS = ("pylops==2.8.0", "numpy==2.4.6", "scipy==1.17.1")
SKIMAGE = ("scikit-image==0.26.0", "numpy==2.4.6", "scipy==1.17.1")
PEERS = {
    "scipy.fft": Peer("scipy.fft", "with_scipy_fft.py", yardstick=True),
    "fastest FFT": Peer("fastest FFT", "with_fast_ffts.py", ("pyfftw==0.15.1", "ducc0==0.42.0", "scipy==1.17.1"), True),
    "unblur": Peer("unblur", "with_unblur.py"),
    "SCICO": Peer("SCICO", "with_scico.py", SCICO),
    "SCICO (jitted by hand)": Peer("SCICO (jitted by hand)", "with_scico_by_hand.py", SCICO),
    "PyProximal": Peer("PyProximal", "with_pyproximal.py", PYPROXIMAL),
    "PyProximal (FFT by hand)": Peer("PyProximal (FFT by hand)", "with_pyproximal_by_hand.py", PYPROXIMAL),
    "PyLops": Peer("PyLops", "with_pylops.py", PYLOPS),
    "PyLops (FFT by hand)": Peer("PyLops (FFT by hand)", "with_pylops_by_hand.py", PYLOPS),
    "scikit-image": Peer("scikit-image", "with_skimage.py", SKIMAGE),
    "scikit-image (wiener)": Peer("scikit-image (wiener)", "with_skimage_wiener.py", SKIMAGE),
    "SigPy": Peer("SigPy", "with_sigpy.py", ("sigpy==0.1.27", "numpy==2.4.6", "scipy==1.17.1")),
    "ODL": Peer("ODL", "with_odl.py", ("odl==1.0.0", "numpy==2.4.6", "scipy==1.17.1")),
    "deepinv": Peer("deepinv", "with_deepinv.py", ("deepinv==0.5.0", "torch==2.15.0", "torchvision==0.29.2", "numpy==2.4.6")),
}


def python_of(peer: Peer, cache: Path) -> Path:
    """Return the interpreter of a peer's environment, which is made where it is not there yet.

    Raises
    ------
    RuntimeError
        If something cannot be installed, with the last line that pip says of it.
    """
    if not peer.requirements:
        return Path(sys.executable)
    # peers of the same versions share one; other versions get another
    digest = hashlib.sha256(" ".join(peer.requirements).encode()).hexdigest()[:8]
    folder = cache / "environments" / f"{peer.requirements[0].split('==')[0]}-{digest}"
    python = folder / "bin" / "python"
    if (folder / "ready").exists():
        return python
    print(f"setting up {peer.name}", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.requirements]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise RuntimeError(f"cannot be installed: {errors[-1] if errors else 'pip says nothing'}")
    (folder / "ready").touch()
    return python
