import os
import subprocess
import sys

import numpy as np
import pytest
from skimage import data

from unblur import cli, files, psf
from unblur.files import Picture


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command line in this process; return its exit code, stdout and stderr."""

    def call(*args):
        monkeypatch.setattr(sys, "argv", ["unblur", *map(str, args)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        return end.value.code or 0, out, err

    return call


@pytest.fixture
def photograph(tmp_path):
    path = tmp_path / "in.png"
    files.write(path, Picture(data.coffee()[100:200, 150:280]))
    return path


def test_blur_and_deblur_a_photograph(run, photograph, tmp_path):
    assert run("blur", photograph, tmp_path / "b.png", "--psf", "motion:length=9,angle=30", "--sigma", 0.005, "--seed", 1)[0] == 0
    code, out, err = run(
        "deblur", tmp_path / "b.png", tmp_path / "s.png", "--psf", "motion:length=9,angle=30", "--report", tmp_path / "r.png"
    )
    assert code == 0
    assert out == ""
    assert "prior tv" in err
    sharp, blurred, restored = (files.read(tmp_path / name).pixels.astype(float) for name in ("in.png", "b.png", "s.png"))
    margin = [n // 2 for n in psf.motion(9, 30).shape]
    sharp = sharp[margin[0] : -margin[0], margin[1] : -margin[1]]
    assert restored.shape == blurred.shape == sharp.shape
    assert np.mean((restored - sharp) ** 2) < 0.4 * np.mean((blurred - sharp) ** 2)
    assert (tmp_path / "r.png").stat().st_size > 10_000
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.png", "in.png", "r.png", "s.png"]


@pytest.mark.parametrize("spec", ["gaussian:sigma=1.5", "disk:radius=2", "motion:length=5"])
@pytest.mark.parametrize("options", [["--prior", "tikhonov"], ["--weight", "0.01"], ["--sigma", "0.02"]])
def test_specs_and_options(run, photograph, tmp_path, spec, options):
    assert run("deblur", photograph, tmp_path / "out.png", "--psf", spec, *options)[0] == 0
    assert files.read(tmp_path / "out.png").pixels.shape == (100, 130, 3)


@pytest.mark.parametrize(
    ("name", "dtype", "shape"),
    [
        ("a.png", "uint8", (40, 50)),
        ("a.png", "uint16", (40, 50, 3)),
        ("a.tif", "uint16", (40, 50)),
        ("a.tif", "float32", (40, 50, 3)),
    ],
)
def test_depth_range_and_colour_come_back(run, tmp_path, name, dtype, shape):
    scale = 1 if dtype == "float32" else np.iinfo(dtype).max
    scene = np.zeros(shape)
    scene[10:30, 15:35] = 0.9
    files.write(tmp_path / name, Picture((scene * scale).astype(dtype), (np.ones(shape[:2]) * scale).astype(dtype)))
    assert run("deblur", tmp_path / name, tmp_path / f"out-{name}", "--psf", "gaussian:sigma=1", "--sigma", 0.02)[0] == 0
    back = files.read(tmp_path / f"out-{name}")
    assert back.pixels.dtype == dtype
    assert back.pixels.shape == shape
    assert back.pixels.max() > 0.8 * scale
    np.testing.assert_array_equal(back.alpha, (np.ones(shape[:2]) * scale).astype(dtype))


def test_a_psf_goes_through_a_file(run, photograph, tmp_path):
    for name, digits in (("h.png", 4), ("h.tiff", 7)):
        assert run("psf", "disk:radius=3", tmp_path / name)[0] == 0
        stored = files.read(tmp_path / name).pixels.astype(float)
        np.testing.assert_allclose(stored / stored.sum(), psf.disk(3), atol=10.0**-digits)
    for spec, out in (("disk:radius=3", "one.png"), (f"file:{tmp_path / 'h.png'}", "two.png")):
        assert run("deblur", photograph, tmp_path / out, "--psf", spec)[0] == 0
    one, two = (files.read(tmp_path / out).pixels.astype(int) for out in ("one.png", "two.png"))
    assert np.abs(one - two).max() <= 2


def bad_calls():
    deblur = ["deblur", "IN", "out.png", "--psf", "disk:radius=2"]

    def psf_spec(spec):
        return ["deblur", "IN", "out.png", "--psf", spec]

    return [
        (["deblur", "none.png", "out.png", "--psf", "disk:radius=2"], ["IN", "none.png", "missing"]),
        (["deblur", "text.png", "out.png", "--psf", "disk:radius=2"], ["IN", "text.png", "cannot be read", "PNG, JPEG or TIFF"]),
        (["deblur", ".", "out.png", "--psf", "disk:radius=2"], ["IN", "folder"]),
        (["blur", "none.png", "out.png", "--psf", "disk:radius=2"], ["IN", "none.png"]),
        (psf_spec("file:empty.png"), ["--psf", "empty.png"]),
        (["deblur", "nan.tif", "out.tif", "--psf", "disk:radius=0.5"], ["IN", "NaN"]),
        (["blur", "nan.tif", "out.tif", "--psf", "disk:radius=0.5"], ["IN", "NaN"]),
        (psf_spec("file:zero.png"), ["--psf", "all zero"]),
        (psf_spec("file:nan.tif"), ["--psf", "NaN"]),
        (psf_spec("file:none.png"), ["--psf", "none.png", "missing"]),
        (psf_spec("file:"), ["--psf", "file:psf.png"]),
        (psf_spec("disk:radius=80"), ["--psf", "larger than the image"]),
        (["blur", "IN", "out.png", "--psf", "disk:radius=80"], ["--psf", "larger than the image"]),
        (psf_spec("lens:radius=2"), ["--psf", "lens", "gaussian, motion, disk, file"]),
        (psf_spec("disk:size=2"), ["--psf", "size", "radius"]),
        (psf_spec("disk"), ["--psf", "needs radius", "disk:radius=5"]),
        (psf_spec("disk:radius=big"), ["--psf", "radius=big", "number"]),
        (psf_spec("disk:radius=-1"), ["--psf", "radius is -1"]),
        (psf_spec("disk:radius=nan"), ["--psf", "radius is nan"]),
        (psf_spec(""), ["--psf", "gaussian"]),
        (["deblur", "IN", "none/out.png", "--psf", "disk:radius=2"], ["OUT", "none", "does not exist"]),
        (["deblur", "IN", ".", "--psf", "disk:radius=2"], ["OUT", "folder"]),
        (["deblur", "IN", "out.xyz", "--psf", "disk:radius=2"], ["OUT", "out.xyz", ".png"]),
        (["deblur", "IN", "IN", "--psf", "disk:radius=2"], ["OUT", "same file", "--force"]),
        (["blur", "IN", "IN", "--psf", "disk:radius=2"], ["OUT", "same file", "--force"]),
        (["psf", "disk:radius=2", "none/h.png"], ["OUT", "does not exist"]),
        (["psf", "disk:radius=2", "h.jpg"], ["OUT", "JPEG", ".png"]),
        (["psf", "lens", "h.png"], ["SPEC", "lens"]),
        ([*deblur, "--weight", "heavy"], ["--weight", "heavy", "auto"]),
        ([*deblur, "--weight", "-1"], ["--weight", "-1"]),
        ([*deblur, "--sigma", "-1"], ["--sigma", "-1"]),
        ([*deblur, "--sigma", "loud"], ["--sigma", "loud"]),
        ([*deblur, "--prior", "l2"], ["--prior", "tikhonov"]),
        ([*deblur, "--report", "report.xyz"], ["--report", ".png"]),
        ([*deblur, "--report", "none/report.png"], ["--report", "does not exist"]),
        ([*deblur, "--report", "IN"], ["--report", "same file"]),
        ([*deblur, "--report", "out.png"], ["--report", "same file"]),
        (["deblur", "IN", "out.png"], ["--psf"]),
        (["deblur"], ["IN"]),
        (["sharpen"], ["sharpen"]),
        (["demo", "--output", "none/demo"], ["--output", "does not exist"]),
        (["demo", "--output", "text.png"], ["--output", "text.png"]),
        (["demo", "--image", "none.png"], ["--image", "none.png"]),
        (["demo", "--image", "tiny.png"], ["--image", "64×64"]),
    ]


@pytest.mark.parametrize(("args", "words"), bad_calls(), ids=lambda value: " ".join(value))
def test_bad_input_is_one_line_and_nothing_is_written(run, photograph, tmp_path, monkeypatch, args, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.png").write_bytes(b"")
    files.write("zero.png", Picture(np.zeros((3, 3), np.uint8)))
    files.write("nan.tif", Picture(np.full((3, 3), np.nan, np.float32)))
    files.write("tiny.png", Picture(np.zeros((8, 8), np.uint8)))
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    code, out, err = run(*(a.replace("IN", photograph.name) if a == "IN" else a for a in args))
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert "Traceback" not in err
    for word in words:
        assert word in err
    assert {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()} == before


def test_force_overwrites_the_input(run, photograph):
    before = photograph.read_bytes()
    assert run("deblur", photograph, photograph, "--psf", "disk:radius=1", "--force")[0] == 0
    assert photograph.read_bytes() != before


def test_an_input_under_another_name_is_still_the_input(run, photograph, tmp_path):
    os.link(photograph, tmp_path / "link.png")
    code, _, err = run("deblur", photograph, tmp_path / "link.png", "--psf", "disk:radius=1")
    assert code == 2
    assert "same file" in err


def test_no_command_gives_the_help(run):
    code, out, err = run()
    assert (code, err) == (0, "")
    assert out.startswith("Usage:")
    assert "deblur" in out


def test_module_and_command_are_the_same():
    outputs = [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for command in (
            [sys.executable, "-m", "unblur", "--help"],
            [sys.executable, "-c", "import sys; sys.argv = ['unblur', '--help']; from unblur.cli import main; main()"],
        )
    ]
    assert "deblur" in outputs[0]
    assert outputs[0].replace("python -m unblur", "unblur") == outputs[1]


def test_nothing_but_one_line_in_a_pipe(photograph, tmp_path):
    command = [sys.executable, "-m", "unblur", "deblur", photograph, tmp_path / "out.png", "--psf", "disk:radius=1"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout == ""
    lines = run.stderr.splitlines()
    assert sum(not line.startswith("unblur: warning: ") for line in lines) == 1
    assert len(lines) <= 2
    assert "\r" not in run.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are a Unix thing")
def test_a_progress_bar_on_a_terminal(photograph, tmp_path):
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    command = [sys.executable, "-m", "unblur", "deblur", photograph, tmp_path / "out.png", "--psf", "disk:radius=3"]
    with subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                chunk = os.read(ours, 4096)
            except OSError:  # what Linux says at the end
                break
            if not chunk:
                break
            shown += chunk
    os.close(ours)
    assert process.returncode == 0
    assert b"deblurring" in shown
