"""How kernels are compiled, kept and shared out among threads."""

import os
import subprocess
import sys
import threading

import numba
import numpy as np
import pytest

from unblur.operators import _compiled, set_workers
from unblur.operators._compiled import kernel, over_slabs, taken

BLUR = """
import numpy as np
from unblur.operators import Blur
A = Blur(np.outer([1.0, 2, 1], [1, 2, 1]) / 16, (128, 128), boundary="periodic")
print(round(float(A.apply(np.ones((128, 128), np.float32)).sum())))
"""


def run(folder):
    return subprocess.run(
        [sys.executable, "-c", BLUR], env=os.environ | {"NUMBA_CACHE_DIR": str(folder)}, capture_output=True, text=True
    )


def test_compiling_is_said_once_and_kept_for_other_processes(tmp_path):
    first, second = run(tmp_path), run(tmp_path)
    assert first.stdout == second.stdout == "16384\n"
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

    def double(x, shares):
        for i in taken(shares):
            x[i] *= 2

    x = np.arange(5.0)
    over_slabs(kernel(double), 5, x)
    np.testing.assert_array_equal(x, 2 * np.arange(5.0))


@kernel
def mark(done, shares):
    for s in taken(shares):
        done[s] += 1


@kernel
def number_and_add(numbers, sums, shares):
    for s in taken(shares):
        numbers[s] = s
    for s in taken(shares, 1):
        sums[s] = numbers.sum()


@pytest.fixture
def with_workers():
    yield set_workers
    set_workers(None)


@pytest.mark.parametrize("workers", [1, 2, 7])
@pytest.mark.parametrize("slabs", [0, 1, 2, 5, 64, 1000])
def test_each_slab_is_done_once(workers, slabs, with_workers):
    with_workers(workers)
    for _ in range(20):
        done = np.zeros(slabs, int)
        over_slabs(mark, slabs, done)
        np.testing.assert_array_equal(done, 1)


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_a_phase_begins_when_all_of_the_last_is_done(workers, with_workers):
    with_workers(workers)
    for _ in range(50):
        numbers, sums = np.full(300, -1000), np.zeros(40, int)
        over_slabs(number_and_add, (300, 40), numbers, sums)
        np.testing.assert_array_equal(sums, sum(range(300)))


def test_slabs_of_a_thread_that_fails_are_done_by_the_others(with_workers):
    here = threading.current_thread()

    def fail_elsewhere(done, shares):
        if threading.current_thread() is not here:
            raise ZeroDivisionError
        mark(done, shares)

    with_workers(3)
    done = np.zeros(64, int)
    over_slabs(fail_elsewhere, 64, done)
    np.testing.assert_array_equal(done, 1)


def test_what_goes_wrong_here_is_raised(with_workers):
    def fail(shares):
        raise ZeroDivisionError

    with_workers(3)
    with pytest.raises(ZeroDivisionError):
        over_slabs(fail, 64)


def test_a_thread_that_comes_late_does_nothing():
    _compiled._help([])
