"""How commands end: exit codes, what is said, and what is left where OUT is."""

import os
import signal
import stat
import subprocess
import sys
import threading
import warnings
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage import data

from unblur import cli, files, restoration
from unblur.files import Picture
from unblur.inversion import Status

PSF = ("--psf", "gaussian:sigma=1")
posix = pytest.mark.skipif(os.name != "posix", reason="links, pipes and permissions are a Unix thing")


@pytest.fixture
def run(monkeypatch, capfd, tmp_path):
    """Run the command line in this process and a folder of its own; return its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*args):
        monkeypatch.setattr(sys, "argv", ["unblur", *map(str, args)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfd.readouterr()
        return end.value.code or 0, out, err

    files.write("in.png", Picture(data.camera()[100:164, 100:180]))
    return call


@pytest.fixture
def restoring(monkeypatch):
    """Let restorations of the command line be made with other options, or with something done before."""
    real = restoration.restore

    def call(before=lambda: None, callbacks=(), status=None, **options):
        def restore(*args, **given):
            before()
            answer = real(*args, **{**given, **options, "callbacks": [*given.get("callbacks", ()), *callbacks]})
            return answer if status is None else replace(answer, result=replace(answer.result, status=status))

        monkeypatch.setattr(restoration, "restore", restore)

    return call


class After:
    """A callback that does something after so many iterations."""

    def __init__(self, iterations, action):
        self.left, self.action = iterations, action

    def __call__(self, state):
        self.left -= 1
        if self.left == 0:
            self.action(state)


def interrupt(*state):
    os.kill(os.getpid(), signal.SIGINT)


ENDS = {
    "iteration limit": (3, lambda: {"max_iterations": 2, "tol": 1e-12}),
    "not finite": (3, lambda: {"status": Status("not finite", "samples became NaN", False)}),
    "interrupted": (130, lambda: {"callbacks": [After(3, interrupt)], "tol": 1e-12}),
}


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("end", ENDS)
def test_what_did_not_come_to_its_end_is_no_success(run, restoring, tmp_path, end, keep, there):
    code, options = ENDS[end]
    restoring(**options())
    if there:
        (tmp_path / "out.png").write_bytes(b"mine")
    found, out, err = run(
        "deblur", "in.png", "out.png", *PSF, "--sigma", 0.01, *(["--keep-unfinished"] if keep else []), "--report", "r.png"
    )
    assert (found, out) == (code, "")
    assert end in err.splitlines()[0]
    assert "Traceback" not in err
    if keep:
        assert files.read("out.png").pixels.shape == (64, 80)
        assert (tmp_path / "r.png").exists()
    else:
        assert err.count("\n") == 1
        assert "--keep-unfinished" in err
        assert "max_iterations" not in err
        assert not (tmp_path / "r.png").exists()
        assert (tmp_path / "out.png").exists() is there
        assert not there or (tmp_path / "out.png").read_bytes() == b"mine"
    assert {p.name for p in tmp_path.iterdir()} <= {"in.png", "out.png", "r.png"}


@pytest.mark.parametrize("where", ["reading", "restoring", "writing"])
@pytest.mark.parametrize("command", ["deblur", "blur"])
def test_an_interrupt_anywhere_writes_nothing(run, restoring, monkeypatch, tmp_path, where, command):
    if command == "blur" and where == "restoring":
        pytest.skip("nothing is restored")

    def stop(*args, **options):
        raise KeyboardInterrupt

    (tmp_path / "out.png").write_bytes(b"mine")
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    if where == "reading":
        monkeypatch.setattr(files, "read", stop)
    elif where == "restoring":
        restoring(before=stop)
    else:
        monkeypatch.setattr("pathlib.Path.write_bytes", stop)
        monkeypatch.setattr("pathlib.Path.replace", stop)
    assert run(command, "in.png", "out.png", *PSF, "--sigma", 0.01) == (130, "", "unblur: interrupted; nothing was written\n")
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("end", ENDS)
def test_the_demonstration_ends_likewise(run, restoring, monkeypatch, tmp_path, end):
    from unblur import demo

    code, options = ENDS[end]
    restoring(**options())
    monkeypatch.setattr(demo, "restore", restoration.restore)
    found, out, err = run("demo", "--output", "here", "--image", "in.png")
    assert (found, out, err.count("\n")) == (code, "", 1)
    assert end in err
    assert list((tmp_path / "here").iterdir()) == []


class OurWarning(UserWarning):
    __module__ = "unblur.restoration"


def test_our_warnings_are_lines_and_others_are_nothing(run, restoring):
    def warn():
        warnings.warn("this picture is\n doubtful", OurWarning, stacklevel=1)
        warnings.warn("between libraries", DeprecationWarning, stacklevel=1)
        warnings.warn("between libraries", RuntimeWarning, stacklevel=1)
        import logging

        logging.getLogger("tifffile").error("between libraries")
        logging.getLogger("unblur").warning("of our own")

    restoring(before=warn)
    code, out, err = run("deblur", "in.png", "out.png", *PSF, "--sigma", 0.02)
    assert (code, out) == (0, "")
    lines = err.splitlines()
    assert lines[:2] == ["unblur: warning: this picture is doubtful", "unblur: of our own"]
    assert lines[2].startswith("out.png: Restoration(")
    assert len(lines) == 3


def test_what_should_not_be_is_one_line_too(run, restoring):
    def fail():
        raise RuntimeError("of a\nlibrary")

    restoring(before=fail)
    code, _, err = run("deblur", "in.png", "out.png", *PSF)
    assert code == 1
    assert err.count("\n") == 1
    assert "RuntimeError: of a library" in err
    assert "report" in err


@pytest.mark.parametrize(
    ("message", "argument"),
    [
        ("sigma is 5.0; give less", "--sigma"),
        ("weight is 1e9; give less", "--weight"),
        ("psf sums to 0; give another", "--psf"),
        ("image holds NaN; replace them", "IN"),
    ],
)
def test_the_argument_that_is_wrong_is_blamed(run, restoring, message, argument):
    def fail():
        raise ValueError(message)

    restoring(before=fail)
    assert run("deblur", "in.png", "out.png", *PSF) == (2, "", f"unblur: {argument}: {message}\n")


NUMBERS = ["nan", "inf", "-inf", "-1", "1e300", "-0.5", "x", "", "1e999"]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("option", ["--weight", "--sigma", "--seed"])
def test_numbers_are_blamed_on_themselves(run, tmp_path, option, number):
    command = "blur" if option == "--seed" else "deblur"
    code, out, err = run(command, "in.png", "out.png", *PSF, option, number)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert option in err
    assert [p.name for p in tmp_path.iterdir()] == ["in.png"]


@pytest.mark.parametrize("kind", ["gaussian:sigma", "disk:radius", "motion:length"])
@pytest.mark.parametrize("number", ["nan", "inf", "-1", "0", "1e300", "1e15"])
def test_numbers_of_a_psf_are_blamed_on_it(run, tmp_path, kind, number):
    code, out, err = run("deblur", "in.png", "out.png", "--psf", f"{kind}={number}")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--psf" in err
    code, out, err = run("psf", f"{kind}={number}", "out.png")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "SPEC" in err
    assert [p.name for p in tmp_path.iterdir()] == ["in.png"]


NAMES = [
    "x" * 300 + ".png",
    "a\udcffb.png",
    "",
    "no/such/a.png",
    "in.png/a.png",
    "new\nline/a.png",
    "/dev/null/a.png",
    "~/x/a.png",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("argument", ["IN", "OUT", "--psf", "--report"])
def test_names_of_files_are_blamed_on_the_argument(run, tmp_path, argument, name):
    places = {"IN": "in.png", "OUT": "out.png", "--psf": "gaussian:sigma=1", "--report": "r.png"}
    places[argument] = f"file:{name}" if argument == "--psf" else name
    code, out, err = run(
        "deblur", places["IN"], places["OUT"], "--psf", places["--psf"], "--report", places["--report"], "--sigma", 0.02
    )
    if argument in ("OUT", "--report") and name == "a\udcffb.png":
        assert code == 0
        return
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"unblur: {argument}: ")
    assert not any(word in err for word in ("Errno", "Error", "Traceback", "uri", "plugin"))
    assert [p.name for p in tmp_path.iterdir()] == ["in.png"]


def test_a_name_with_nul_is_refused(run, tmp_path):
    # a shell cannot give it, a program can
    for call, argument in ((("a\0.png", "out.png"), "IN"), (("in.png", "a\0.png"), "OUT")):
        code, _, err = run("deblur", *call, *PSF)
        assert (code, err.count("\n")) == (2, 1)
        assert argument in err
    assert [p.name for p in tmp_path.iterdir()] == ["in.png"]


@pytest.mark.parametrize(
    "arguments", [("--output", ""), ("--image", "none.png"), ("--image", "tiny.png"), ("--output", "no/where"), ("--seed", "-1")]
)
def test_a_demonstration_that_is_refused_leaves_no_folder(run, tmp_path, arguments):
    files.write("tiny.png", Picture(np.zeros((8, 8), np.uint8)))
    code, out, err = run("demo", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert arguments[0] in err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.png", "tiny.png"]


def test_a_psf_that_a_file_cannot_hold_is_refused(run, tmp_path):
    tifffile.imwrite("h.tif", np.array([[-0.2, 0.4, -0.2], [0.4, 0.2, 0.4], [-0.2, 0.4, -0.2]], np.float32))
    code, _, err = run("psf", "file:h.tif", "h.png")
    assert code == 2
    assert "below 0" in err
    assert run("psf", "file:h.tif", "again.tif")[0] == 0
    for mode, words in (("RGBA", "transparent"), ("RGB", "coloured")):
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (3, 3, len(mode)), dtype=np.uint8)).save("c.png")
        code, _, err = run("deblur", "in.png", "out.png", "--psf", "file:c.png")
        assert code == 2
        assert words in err


@pytest.mark.parametrize("colour", [True, False])
def test_colours_that_are_not_seen_do_not_show(run, tmp_path, colour):
    pixels = data.coffee()[100:180, 200:300]
    pixels = pixels if colour else pixels[..., 0]
    alpha = np.full(pixels.shape[:2], 255, np.uint8)
    alpha[20:50, 30:60] = 0
    restored = []
    for hidden in (0, 255):
        behind = np.where((alpha == 0)[..., None] if colour else alpha == 0, np.uint8(hidden), pixels)
        files.write("hidden.png", Picture(behind, alpha))
        assert run("deblur", "hidden.png", "out.png", *PSF, "--sigma", 0.02)[0] == 0
        back = files.read("out.png")
        np.testing.assert_array_equal(back.alpha, alpha)
        restored.append(back.pixels[alpha > 0].astype(int))
    assert np.abs(restored[0] - restored[1]).max() <= 1


def test_a_warning_is_said_once(run, restoring):
    def warn():
        for _ in range(3):
            warnings.warn("this picture is doubtful", OurWarning, stacklevel=1)

    restoring(before=warn)
    assert run("deblur", "in.png", "out.png", *PSF, "--sigma", 0.02)[2].count("doubtful") == 1


def test_a_picture_is_read_once(run, monkeypatch):
    real, seen = files.read, []
    monkeypatch.setattr(files, "read", lambda path: seen.append(path) or real(path))
    assert run("deblur", "in.png", "out.png", *PSF, "--sigma", 0.02)[0] == 0
    assert seen == ["in.png"]


@posix
@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_an_output_keeps_its_permissions(run, tmp_path, mode):
    for command, name in (("deblur", "out.png"), ("blur", "out.tif")):
        (tmp_path / name).write_bytes(b"mine")
        (tmp_path / name).chmod(mode)
        assert run(command, "in.png", name, *PSF, "--sigma", 0.02)[0] == 0
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode
    (tmp_path / "r.png").write_bytes(b"mine")
    (tmp_path / "r.png").chmod(mode)
    assert run("deblur", "in.png", "out.png", *PSF, "--sigma", 0.02, "--report", "r.png")[0] == 0
    assert stat.S_IMODE((tmp_path / "r.png").stat().st_mode) == mode


@posix
def test_an_output_that_is_a_link_stays_one(run, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "out.png").symlink_to("folder/real.png")
    assert run("deblur", "in.png", "out.png", *PSF, "--sigma", 0.02)[0] == 0
    assert (tmp_path / "out.png").is_symlink()
    assert files.read(tmp_path / "folder" / "real.png").pixels.shape == (64, 80)
    # a link to the input is the input
    (tmp_path / "again.png").symlink_to("in.png")
    code, _, err = run("deblur", "in.png", "again.png", *PSF)
    assert code == 2
    assert "same file" in err


@posix
@pytest.mark.parametrize("name", ["pipe.png", "pipe.tif", "pipe"])
def test_pipes_are_read_and_written(run, tmp_path, name):
    os.mkfifo(tmp_path / name)
    os.mkfifo(tmp_path / "source")
    content, read = (tmp_path / "in.png").read_bytes(), []
    threads = [
        threading.Thread(target=lambda: read.append((tmp_path / name).read_bytes())),
        threading.Thread(target=lambda: (tmp_path / "source").write_bytes(content)),
    ]
    for thread in threads:
        thread.start()
    code, _, err = run("deblur", "source", name, *PSF, "--sigma", 0.02)
    for thread in threads:
        thread.join()
    assert code == 0, err
    (tmp_path / "copy").write_bytes(read[0])
    assert files.read(tmp_path / "copy").pixels.shape == (64, 80)
    assert stat.S_ISFIFO((tmp_path / name).stat().st_mode)


SHELL = [sys.executable, "-m", "unblur"]


@posix
def test_a_picture_goes_through_a_shell(run, tmp_path):
    with (tmp_path / "in.png").open("rb") as source:
        done = subprocess.run([*SHELL, "blur", "/dev/stdin", "/dev/stdout", *PSF], stdin=source, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    (tmp_path / "out").write_bytes(done.stdout)
    assert files.read(tmp_path / "out").pixels.shape == (56, 72)


@posix
@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-", "2>/dev/full", "| true", "<&-"])
def test_closed_streams_are_no_harm(run, tmp_path, redirection):
    done = subprocess.run(
        f"'{sys.executable}' -m unblur blur in.png out.png --psf gaussian:sigma=1 {redirection}",
        shell=True, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert files.read(tmp_path / "out.png").pixels.shape == (56, 72)


@posix
def test_a_full_stdout_is_told(run):
    done = subprocess.run(
        f"'{sys.executable}' -m unblur --help >/dev/full", shell=True, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("unblur: stdout cannot be written")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("workers", ["0", "-1", "two", "1.5", "", "9" * 5000, "1e3"])
@pytest.mark.parametrize("command", ["deblur", "demo"])
def test_the_number_of_workers_is_blamed_on_its_variable(run, monkeypatch, tmp_path, command, workers):
    monkeypatch.setenv("UNBLUR_WORKERS", workers)
    arguments = ["in.png", "out.png", *PSF] if command == "deblur" else ["--output", "here"]
    code, out, err = run(command, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "UNBLUR_WORKERS" in err
    assert [p.name for p in tmp_path.iterdir()] == ["in.png"]


@pytest.mark.parametrize(
    ("variable", "value", "fine"),
    [
        ("MPLBACKEND", "nonsense", True),
        ("MPLCONFIGDIR", "/proc/nowhere", True),
        ("PYTHONWARNINGS", "error", True),
        ("PYTHONIOENCODING", "ascii", True),
        ("NUMBA_NUM_THREADS", "many", False),
        ("NUMBA_NUM_THREADS", "0", False),
        ("NUMBA_DISABLE_JIT", "1", False),
    ],
)
def test_variables_of_others(run, tmp_path, variable, value, fine):
    done = subprocess.run(
        [*SHELL, "deblur", "in.png", "out.png", *PSF, "--sigma", "0.02", "--report", "r.png"],
        cwd=tmp_path, env={**os.environ, variable: value}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    if fine:
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("\n") <= 2  # kernels may be compiled
        assert (tmp_path / "r.png").exists()
    else:
        assert done.returncode == 2
        assert done.stderr.startswith(f"unblur: {variable}: ")
        assert done.stderr.count("\n") == 1


@posix
@pytest.mark.parametrize("delay", [0.05, 0.4, 0.8])
def test_an_interrupt_while_libraries_load(run, tmp_path, delay):
    (tmp_path / "out.png").write_bytes(b"mine")
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from unblur.__main__ import main; print('begun', flush=True); main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, "deblur", "in.png", "out.png", *PSF, "--weight", "1e-9"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "begun\n"
        threading.Event().wait(delay)
        process.send_signal(signal.SIGINT)
        err = process.communicate()[1]
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "interrupted" in err
    assert (tmp_path / "out.png").read_bytes() == b"mine"
