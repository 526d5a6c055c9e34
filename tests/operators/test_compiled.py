"""How kernels are compiled, kept and shared out among threads."""

import os
import subprocess
import sys

import numba
import numpy as np
import pytest

from unblur.operators import _compiled, set_workers

SMALL_BLUR = """
import numpy as np
from unblur.operators import Blur
A = Blur(np.outer([1.0, 2, 1], [1, 2, 1]) / 16, (8, 9), boundary="periodic")
print(A.apply(np.ones((8, 9), np.float32)).sum())
"""


def run(folder):
    return subprocess.run(
        [sys.executable, "-c", SMALL_BLUR], env=os.environ | {"NUMBA_CACHE_DIR": str(folder)}, capture_output=True, text=True
    )


def test_compiling_is_said_once_and_kept_for_other_processes(tmp_path):
    first, second = run(tmp_path), run(tmp_path)
    assert first.stdout == second.stdout == "72.0\n"
    assert first.stderr.count("compiling kernels for this machine") == 1
    assert str(tmp_path) in first.stderr
    assert second.stderr == ""


def test_where_no_folder_can_be_written_kernels_are_compiled_unkept(monkeypatch):
    njit = numba.njit

    def refuse_cache(*functions, **options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return njit(*functions, **options)

    monkeypatch.setattr(numba, "njit", refuse_cache)

    def double(x, first, last):
        for i in range(first, last):
            x[i] *= 2

    x = np.arange(5.0)
    _compiled.over_slabs(_compiled.kernel(double), 5, x)
    np.testing.assert_array_equal(x, 2 * np.arange(5.0))


@pytest.mark.parametrize("workers", [1, 2, 7])
@pytest.mark.parametrize("slabs", [1, 2, 5, 64])
def test_each_slab_is_done_once(workers, slabs):
    done = np.zeros(slabs, int)

    def mark(done, first, last):
        done[first:last] += 1

    set_workers(workers)
    try:
        _compiled.over_slabs(mark, slabs, done)
    finally:
        set_workers(None)
    np.testing.assert_array_equal(done, 1)


def test_what_goes_wrong_in_a_thread_is_raised_when_all_have_ended():
    ended = []

    def fail(first, last):
        if last == 3:
            raise ZeroDivisionError
        ended.append(first)

    set_workers(3)
    try:
        with pytest.raises(ZeroDivisionError):
            _compiled.over_slabs(fail, 3)
    finally:
        set_workers(None)
    assert sorted(ended) == [0, 1]
