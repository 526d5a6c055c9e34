"""The architecture: which way imports run, and what only one module does."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import unblur

ROOT = Path(__file__).resolve().parent.parent
LAYERS = {"operators": ROOT / "operators", "inversion": ROOT / "inversion", "front": ROOT / "src/unblur"}
FILES = [(layer, path) for layer, folder in LAYERS.items() for path in sorted(folder.rglob("*.py"))]
#: for each layer, the packages of ours that it may import
ALLOWED = {"operators": {"operators"}, "inversion": {"operators", "inversion"}, "front": {"operators", "inversion", "front"}}
#: libraries that belong to one module, wherever it stands
SPECIALISTS = {
    "matplotlib": {"plotting.py"},
    "PIL": {"png.py", "raster.py", "exif.py", "tiff_writing.py"},
    "tifffile": {"tiff.py", "tiff_writing.py"},
    "imagecodecs": {"png.py"},
    "click": {"cli.py", "terminal.py"},
    "tqdm": {"callbacks.py"},
}


def imported(path):
    """Return the absolute names of all modules that a file imports, wherever in it."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.append(node.module)
        elif isinstance(node, ast.ImportFrom):
            names += ["." * node.level + (node.module or alias.name) for alias in node.names]
    return names


@pytest.mark.parametrize(("layer", "path"), FILES, ids=lambda value: getattr(value, "name", value))
def test_imports_run_one_way(layer, path):
    for name in imported(path):
        first, _, rest = name.partition(".")
        assert not name.startswith(".."), "between the packages imports are absolute"
        assert first not in ("operators", "inversion"), "a second identity of every class"
        if first == "unblur":
            target = rest.split(".")[0]
            assert (target if target in LAYERS else "front") in ALLOWED[layer]
        for library, homes in SPECIALISTS.items():
            assert first != library or path.name in homes


@pytest.mark.parametrize("name", ["psf.py"])
def test_needs_numpy_and_scipy_alone(name):
    firsts = {module.partition(".")[0] for module in imported(LAYERS["front"] / name)}
    assert firsts <= {"__future__", "collections", "typing", "numpy", "scipy"}


def test_the_command_line_answers_before_anything_heavy_is_imported():
    code = "import sys, unblur.cli; print([m for m in ('numpy', 'scipy', 'pylops', 'matplotlib') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_every_public_name_is_there():
    for name in unblur.__all__:
        assert getattr(unblur, name) is not None


def test_nothing_leaks_into_site_packages_as_a_top_level_package():
    code = "import operators"
    # from a folder that is not the repository's root
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(sys.prefix), check=False)
    assert "ModuleNotFoundError" in run.stderr


#: what makes arrays of NumPy's out of something else, and where that is right: the seam itself, and what computes on the host
COERCIONS = {"asarray", "array", "ascontiguousarray", "asfortranarray", "fromiter"}
ON_THE_HOST = {
    # small arrays of an operator's own
    *("_namespace.py", "_traced.py", "varying.py", "wavelets.py"),
    # operators are checked, weights chosen and files written by NumPy
    *("_promises.py", "checkpoint.py", "plotting.py", "sliding_dct.py"),
    *("noise.py", "noise_colour.py", "noise_details.py", "noise_spectrum.py"),
    *("weight_filters.py", "weight_fits.py", "weight_guess.py", "weight_sampling.py", "weight_search.py"),
    # flat vectors for scipy.optimize; a history; directions in which a user's function may fall
    *("differentiable.py", "driver.py", "bounded.py", "null_space.py"),
    # kernels that are compiled for the processor
    *("_compiled.py", "_separable_compiled.py", "_layout.py", "_multiplier.py", "fused.py"),
}


def calls(path):
    """Yield the dotted name of every function that a file calls, and the call."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            yield ast.unparse(node.func), node


def is_of_image_size(shape):
    """Tell whether an expression for a shape names that of an image, and not only how many axes it has."""
    if isinstance(shape, ast.Call) and ast.unparse(shape.func) == "len":
        return False
    named = isinstance(shape, ast.Attribute) and shape.attr in ("dims", "dimsd", "shape", "_grid")
    return named or any(map(is_of_image_size, ast.iter_child_nodes(shape)))


@pytest.mark.parametrize(
    "path", [path for layer, path in FILES if layer != "front"], ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_arrays_and_ffts_come_from_their_own_library(path):
    for name, call in calls(path):
        library, _, function = name.partition(".")
        where = f"line {call.lineno}: {ast.unparse(call)}"
        if path.name != "_backend.py":
            # which frequencies there are is a question, not a transform
            assert not name.startswith(("scipy.fft.", "np.fft.")) or function.endswith("fftfreq"), f"fft_namespace; {where}"
        if path.name in ON_THE_HOST or path.stem.endswith("_kernels") or library != "np":
            continue
        assert function not in COERCIONS, f"unblur.operators._namespace.asarray; {where}"
        if function in ("empty", "zeros", "ones", "full") and call.args:
            assert not is_of_image_size(call.args[0]), f"namespace(x).{function}; {where}"


def test_the_question_of_the_library_is_seen(tmp_path):
    lines = {
        "np.empty(self.dims, x.dtype)": True,
        "np.zeros((n, *x.shape[1:]))": True,
        "np.ones((1,) * len(self.dims))": False,
        "np.ones(())": False,
    }
    for line, wanted in lines.items():
        assert is_of_image_size(ast.parse(line).body[0].value.args[0]) is wanted
