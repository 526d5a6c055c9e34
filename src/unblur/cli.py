"""The command line. Nothing heavy is imported until a command runs, so that ``--help`` answers at once.

Exit codes: 0, done; 1, a pipe was closed or something that should not be happened; 2, an argument is wrong; 3, a restoration did
not come to its end; 130, interrupted. But with 0 nothing is written, unless ``--keep-unfinished`` asks for it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from .terminal import BY_FIRST_WORD, Argument, ArgumentError, loading, one_line, orderly, say

_PSF_HELP = "gaussian:sigma=2, motion:length=21,angle=30, disk:radius=5 or file:psf.png"
UNFINISHED, INTERRUPTED = 3, 130


class _Commands(click.Group):
    """A group whose interrupts are ours: click would begin a new line first."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            raise click.Abort from None


@click.group(cls=_Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="unblur")
@click.pass_context
def cli(context: click.Context) -> None:
    """Take the blur out of images."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@cli.command()
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@click.option("--psf", "spec", required=True, metavar="SPEC", help=f"The blur: {_PSF_HELP}.")
@click.option("--prior", type=click.Choice(["tv", "tikhonov"]), default="tv", show_default=True, help="Keep edges, or be smooth.")
@click.option(
    "--weight", default="auto", show_default=True, metavar="auto|NUMBER", help="The prior's weight; auto: from the noise."
)
@click.option("--sigma", type=float, metavar="NUMBER", help="Standard deviation of the noise, white being 1; default: estimated.")
@click.option("--report", metavar="FIGURE", help="Also draw a figure of the restoration, such as report.png.")
@click.option("--force", is_flag=True, help="Let OUT overwrite IN.")
@click.option(
    "--keep-unfinished", is_flag=True, help="Write OUT even where the restoration did not come to its end, or was interrupted."
)
def deblur(
    source: str,
    target: str,
    spec: str,
    prior: str,
    weight: str,
    sigma: float | None,
    report: str | None,
    force: bool,
    keep_unfinished: bool,
) -> int:
    """Restore the image IN, whose blur is known, and write it to OUT.

    PNG, JPEG and TIFF files; depth, range and colour come back as they came. The exit code is 3 where the restoration did not
    come to its end, and 130 where it was interrupted; OUT is then left alone.
    """
    number = _read_weight(weight)
    _check_number(sigma, "--sigma")
    with loading():
        from unblur.inversion import Progress
        from unblur.operators import get_workers

        from . import files
        from .restoration import restore
    get_workers()  # which complains of its environment variable
    picture = _read(source)
    kernel = _read_psf(spec, picture)
    _check_output(target, picture, source, force)
    if report is not None:
        _check_report(report, source, target)
    with Argument("IN", BY_FIRST_WORD), Progress("deblurring") as progress:
        pixels, seen = files.seen(picture)
        restoration = restore(pixels, kernel, prior=prior, weight=number, sigma=sigma, mask=seen, callbacks=[progress])
    status = restoration.result.status
    code = _code(status)
    if code and not keep_unfinished:
        say(f"{_ended(restoration)}; nothing was written: --keep-unfinished writes what there is")
        return code
    with Argument("OUT"):
        files.write(target, picture.with_pixels(restoration.image))
    if report is not None:
        with Argument("--report"):
            restoration.report(report)
    if code:
        say(f"{_ended(restoration)}; {target} holds what there is")
    say(f"{target}: {restoration!r}", "")
    return code


@cli.command()
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@click.option("--psf", "spec", required=True, metavar="SPEC", help=f"The blur: {_PSF_HELP}.")
@click.option(
    "--sigma",
    type=float,
    default=0.0,
    show_default=True,
    metavar="NUMBER",
    help="Standard deviation of the noise, white being 1.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the noise.")
@click.option("--force", is_flag=True, help="Let OUT overwrite IN.")
def blur(source: str, target: str, spec: str, sigma: float, seed: int, force: bool) -> None:
    """Blur the image IN, add noise, and write it to OUT.

    OUT is smaller than IN by the size of the PSF: it holds the part whose surroundings are known.
    """
    _check_number(sigma, "--sigma")
    _check_number(seed, "--seed")
    with loading():
        from . import files, synthesis
    picture = _read(source)
    kernel = _read_psf(spec, picture)
    _check_output(target, picture, source, force)
    with Argument("IN", BY_FIRST_WORD):
        blurred = synthesis.blur_picture(picture, kernel, sigma, seed)
    with Argument("OUT"):
        files.write(target, blurred)


@cli.command()
@click.argument("spec")
@click.argument("target", metavar="OUT")
def psf(spec: str, target: str) -> None:
    """Write the PSF that SPEC stands for as an image: a 16-bit .png whose greatest sample is white, or a .tiff of the values."""
    with loading():
        import numpy as np

        from . import files, psfspec
    with Argument("SPEC"):
        kernel = psfspec.parse(spec)
    with Argument("OUT"):
        if Path(target).suffix.lower() in (".jpg", ".jpeg"):
            raise ValueError(f"{target!r} is a JPEG file, which does not keep values; name a .png or .tiff file")
        exact = Path(target).suffix.lower() in (".tif", ".tiff")
        if not exact and kernel.min() < 0:
            raise ValueError(f"{target!r} does not hold samples below 0, as the PSF has; name a .tiff file")
        pixels = kernel.astype(np.float32) if exact else np.rint(kernel / kernel.max() * 65535).astype(np.uint16)
        files.write(target, files.Picture(pixels, kind=".png"))


@cli.command()
@click.option(
    "--output", default="unblur-demo", show_default=True, metavar="FOLDER", help="Where to write the images and figures."
)
@click.option("--image", metavar="FILE", help="A photograph of your own; default: the astronaut of scikit-image.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the noise.")
def demo(output: str, image: str | None, seed: int) -> int:
    """Blur a photograph by a known motion, restore it in four ways, and compare."""
    folder = Path(output)
    _check_number(seed, "--seed")
    _draw_without_windows()
    with loading():
        from unblur.operators import get_workers

        from . import demo as job
        from .files import check_output
    get_workers()  # which complains of its environment variable
    with Argument("--output"):
        if not output:
            raise ValueError("it is empty; name a folder")
        if not folder.parent.is_dir():
            raise ValueError(f"the folder {str(folder.parent)!r} does not exist; create it, or name another")
    with Argument("--image"):
        photograph = job.load(image)
    with Argument("--output"):
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise ValueError(f"the folder {output!r} cannot be made ({error.strerror}); name another") from error
        check_output(folder / "comparison.png")
    scene = job.blur(photograph, seed)
    try:
        rows, pictures, restoration = job.restore_all(scene)
    except job.UnfinishedError as end:
        say(f"{end.status.name}; nothing was written")
        return _code(end.status)
    with Argument("--output"):
        paths = job.write_all(folder, scene, pictures, restoration)
    size = "×".join(map(str, scene.blurred.shape))
    click.echo(f"{size}, motion of {job.LENGTH:g} pixels at {job.ANGLE:g}°, noise {job.SIGMA:g}\n")
    click.echo(job.table(rows))
    click.echo(f"\n{len(paths)} pictures in {folder}; look at {folder / 'comparison.png'} first")
    return 0


def main() -> None:
    """Run the command line; errors are one line on stderr and exit code 2."""
    with orderly():
        code = _run()
    sys.exit(code)


def _run() -> int:
    try:
        return cli(standalone_mode=False) or 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        message = one_line(error.format_message())
        return _fail(message if message.endswith((".", ")")) else f"{message}; see unblur --help")
    except (click.Abort, KeyboardInterrupt):
        say("interrupted; nothing was written")
        return INTERRUPTED
    except BrokenPipeError:
        return 1
    except OSError as error:
        say(f"stdout cannot be written ({error.strerror or error})")
        return 1
    except ArgumentError as failure:
        return _fail(str(failure))
    except MemoryError:
        return _fail("IN is too large for the memory of this machine; cut it into parts")
    except (ValueError, TypeError) as error:
        return _fail(str(error))
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        say(f"{type(error).__name__}: {error}; this should not be: please report it, with what python -X dev -m unblur says")
        return 1


def _code(status: Any) -> int:
    """Return the exit code for the way in which a restoration ended."""
    return 0 if status.success else INTERRUPTED if status.name == "interrupted" else UNFINISHED


def _ended(restoration: Any) -> str:
    return f"{restoration.result.status.name} after {restoration.result.iterations} iterations"


def _fail(message: str) -> int:
    say(message)
    return 2


def _check_number(number: float | None, name: str) -> None:
    with Argument(name):
        # what is greater is infinite in single precision
        if number is not None and not 0 <= number < 3e38:
            raise ValueError(f"it is {number}; give a finite number, 0 or more")


def _read_psf(spec: str, picture: Any) -> Any:
    from . import kernel, psfspec

    with Argument("--psf"):
        return kernel.read_psf(psfspec.parse(spec), picture.pixels.shape[:2])


def _read_weight(text: str) -> float | None:
    if text == "auto":
        return None
    with Argument("--weight"):
        try:
            number = float(text)
        except ValueError:
            raise ValueError(f"it is {text!r}; give auto or a number, 0 or more") from None
    _check_number(number, "--weight")
    return number


def _read(path: str) -> Any:
    from . import files

    with Argument("IN"):
        return files.read(path)


def _check_output(target: str, picture: Any, source: str, force: bool) -> None:
    from . import files

    with Argument("OUT"):
        files.check_output(target, picture)
        if not force:
            _refuse_same(target, source, "name another file, or add --force")


def _check_report(report: str, source: str, target: str) -> None:
    _draw_without_windows()
    with loading():
        from . import plotting
    with Argument("--report"):
        plotting.check_figure(report)
        _refuse_same(report, source)
        _refuse_same(report, target)


def _draw_without_windows() -> None:
    # no window is opened, whatever the variable says, and Matplotlib fails on what it does not know
    os.environ["MPLBACKEND"] = "agg"


def _refuse_same(path: str, other: str, remedy: str = "name another file") -> None:
    one, two = Path(path), Path(other)
    if one.resolve() == two.resolve() or (one.exists() and two.exists() and one.samefile(two)):
        raise ValueError(f"{path!r} is the same file as {other!r}; {remedy}")
