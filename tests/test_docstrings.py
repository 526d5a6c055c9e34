"""The examples in docstrings run, on the modules as users import them."""

import doctest
import importlib
import inspect
import pkgutil
import re
import sys
import types
from pathlib import Path

import pytest

import unblur.inversion
import unblur.operators

PACKAGES = (unblur, unblur.operators, unblur.inversion)
MODULES = sorted(
    f"{package.__name__}.{module.name}"
    for package in PACKAGES
    for module in pkgutil.iter_modules(package.__path__)
    if module.name != "__main__"
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_everything_public_has_an_example(package):
    # results, protocols and errors are met in the examples of what makes them
    made_elsewhere = {
        "Certificate",
        "Check",
        "EuclideanNorm",
        "GroupNorm",
        "HuberLoss",
        "Interval",
        "KullbackLeibler",
        "Operator",
        "Plan",
        "PowerNorm",
        "Problem",
        "Progress",
        "Report",
        "Restoration",
        "Result",
        "Rule",
        "SquaredNorm",
        "Status",
        "Term",
        "UnreliableWeightWarning",
        "UnsolvableError",
        "get_workers",
        "gram_symbol",
        "norm_bound",
        "set_workers",
        "split",
        "symbol",
    }
    public = {name: getattr(package, name) for name in package.__all__ if not name.startswith("_")}
    bare = [
        name
        for name, thing in public.items()
        if (inspect.isclass(thing) or inspect.isfunction(thing)) and ">>>" not in (thing.__doc__ or "")
    ]
    assert sorted(set(bare) - made_elsewhere) == []


def test_the_python_in_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    readme = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    # a module of its own, so that what is defined there can be pickled
    module = types.ModuleType("readme")
    monkeypatch.setitem(sys.modules, "readme", module)
    names = vars(module)
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 3
    assert names["sharp"].shape == names["result"].image.shape == names["smooth"].image.shape
    assert (tmp_path / "report.png").exists()
