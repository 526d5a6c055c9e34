"""The command line. Nothing heavy is imported until a command runs, so that ``--help`` answers at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

_PSF_HELP = "gaussian:sigma=2, motion:length=21,angle=30, disk:radius=5 or file:psf.png"


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
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
def deblur(
    source: str, target: str, spec: str, prior: str, weight: str, sigma: float | None, report: str | None, force: bool
) -> None:
    """Restore the image IN, whose blur is known, and write it to OUT.

    PNG, JPEG and TIFF files; depth, range and colour come back as they came.
    """
    number = _read_weight(weight)
    _check_number(sigma, "--sigma")
    picture = _read(source, "IN")
    kernel = _read_psf(spec, picture)
    _check_output(target, picture, source, force)
    if report is not None:
        with _Argument("--report"):
            from . import plotting

            plotting.check_figure(report)
            _refuse_same(report, source, "--report")
            _refuse_same(report, target, "--report")

    from unblur.inversion import Progress

    from . import images
    from .restoration import restore

    with _Argument("IN"), Progress("deblurring") as progress:
        restoration = restore(picture.pixels, kernel, prior=prior, weight=number, sigma=sigma, callbacks=[progress])
    with _Argument("OUT"):
        images.write(target, picture.with_pixels(restoration.image))
    if report is not None:
        with _Argument("--report"):
            restoration.report(report)
    click.echo(f"{target}: {restoration!r}", err=True)


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
    picture = _read(source, "IN")
    kernel = _read_psf(spec, picture)
    _check_output(target, picture, source, force)

    from . import images, synthesis

    with _Argument("IN"):
        blurred = synthesis.blur_picture(picture, kernel, sigma, seed)
    with _Argument("OUT"):
        images.write(target, blurred)


@cli.command()
@click.argument("spec")
@click.argument("target", metavar="OUT")
def psf(spec: str, target: str) -> None:
    """Write the PSF that SPEC stands for as an image: a 16-bit .png whose greatest sample is white, or a .tiff of the values."""
    with _Argument("SPEC"):
        from . import psfspec

        kernel = psfspec.parse(spec)

    import numpy as np

    from . import images

    with _Argument("OUT"):
        if Path(target).suffix.lower() in (".jpg", ".jpeg"):
            raise ValueError(f"{target!r} is a JPEG file, which does not keep values; name a .png or .tiff file")
        exact = Path(target).suffix.lower() in (".tif", ".tiff")
        pixels = kernel.astype(np.float32) if exact else np.rint(kernel / kernel.max() * 65535).astype(np.uint16)
        images.write(target, images.Picture(pixels))


@cli.command()
@click.option(
    "--output", default="unblur-demo", show_default=True, metavar="FOLDER", help="Where to write the images and figures."
)
@click.option("--image", metavar="FILE", help="A photograph of your own; default: the astronaut of scikit-image.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the noise.")
def demo(output: str, image: str | None, seed: int) -> None:
    """Blur a photograph by a known motion, restore it in four ways, and compare."""
    folder = Path(output)
    _check_number(seed, "--seed")
    with _Argument("--output"):
        if not folder.parent.is_dir():
            raise ValueError(f"the folder {str(folder.parent)!r} does not exist; create it, or name another")
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise ValueError(f"the folder {output!r} cannot be made ({error.strerror}); name another") from error

    from . import demo as job
    from .images import check_output

    with _Argument("--output"):
        check_output(folder / "comparison.png")
    with _Argument("--image"):
        photograph = job.load(image)
    scene = job.blur(photograph, seed)
    rows, pictures, restoration = job.restore_all(scene)
    with _Argument("--output"):
        paths = job.write_all(folder, scene, pictures, restoration)
    size = "×".join(map(str, scene.blurred.shape))
    click.echo(f"{size}, motion of {job.LENGTH:g} pixels at {job.ANGLE:g}°, noise {job.SIGMA:g}\n")
    click.echo(job.table(rows))
    click.echo(f"\n{len(paths)} pictures in {folder}; look at {folder / 'comparison.png'} first")


def main() -> None:
    """Run the command line; errors are one line on stderr and exit code 2."""
    try:
        sys.exit(cli(standalone_mode=False))
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        message = " ".join(error.format_message().split())
        _fail(message if message.endswith((".", ")")) else f"{message}; see unblur --help")
    except (click.Abort, KeyboardInterrupt):
        click.echo("unblur: interrupted; nothing was written", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
    except (ValueError, TypeError) as error:
        _fail(str(error))
    except MemoryError:
        _fail("IN is too large for the memory of this machine; cut it into parts")


def _fail(message: str) -> None:
    click.echo(f"unblur: {' '.join(message.split())}", err=True)
    sys.exit(2)


class _Argument:
    """Name the argument that an error inside belongs to."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, ValueError | TypeError):
            raise ValueError(f"{self.name}: {error}") from error


def _check_number(number: float | None, name: str) -> None:
    with _Argument(name):
        if number is not None and not 0 <= number < float("inf"):
            raise ValueError(f"it is {number}; give a finite number, 0 or more")


def _read_psf(spec: str, picture: Any) -> Any:
    with _Argument("--psf"):
        from . import psfspec, restoration

        return restoration.read_psf(psfspec.parse(spec), picture.pixels.shape[:2])


def _read_weight(text: str) -> float | None:
    if text == "auto":
        return None
    with _Argument("--weight"):
        try:
            number = float(text)
        except ValueError:
            raise ValueError(f"it is {text!r}; give auto or a number, 0 or more") from None
    _check_number(number, "--weight")
    return number


def _read(path: str, name: str) -> Any:
    with _Argument(name):
        from . import images

        return images.read(path)


def _check_output(target: str, picture: Any, source: str, force: bool) -> None:
    with _Argument("OUT"):
        from . import images

        if not force:
            _refuse_same(target, source, "OUT", "name another file, or add --force")
        images.check_output(target, picture)


def _refuse_same(path: str, other: str, name: str, remedy: str = "name another file") -> None:
    if Path(path).resolve() == Path(other).resolve() or (
        Path(path).exists() and Path(other).exists() and Path(path).samefile(other)
    ):
        raise ValueError(f"{path!r} is the same file as {other!r}; {remedy}")
