import os
import stat
import subprocess
import sys
import threading

import pytest

from unblur.inversion.atomic import check_writable, replacing, write_whole

posix = pytest.mark.skipif(os.name != "posix", reason="links, pipes and permissions are a Unix thing")


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_failure_leaves_what_was_there(tmp_path):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), replacing(target) as partial:  # noqa: PT012
        partial.write_bytes(b"half")
        raise KeyboardInterrupt
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_names_may_be_as_long_as_names_may_be(tmp_path):
    target = tmp_path / ("x" * 251 + ".png")
    write_whole(target, b"new")
    assert target.read_bytes() == b"new"
    with pytest.raises(OSError, match="too long"):
        write_whole(tmp_path / ("x" * 252 + ".png"), b"new")
    assert names(tmp_path) == [target.name]


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_what_is_replaced_keeps_its_permissions(tmp_path, mode):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    target.chmod(mode)
    with replacing(target) as partial:
        assert stat.S_IMODE(partial.stat().st_mode) == mode, "from the first byte on"
        partial.write_bytes(b"new")
    assert stat.S_IMODE(target.stat().st_mode) == mode
    assert target.read_bytes() == b"new"


@posix
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_permissions_that_are_usual(tmp_path, mask):
    before = os.umask(mask)
    try:
        write_whole(tmp_path / "a.bin", b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.bin").stat().st_mode) == 0o666 & ~mask


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="nothing is forbidden to root")
def test_what_is_write_protected_stays(tmp_path):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    target.chmod(0o444)
    for attempt in (check_writable, lambda path: write_whole(path, b"new")):
        with pytest.raises(PermissionError):
            attempt(target)
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


@posix
@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_its_target_is_replaced(tmp_path, there):
    (tmp_path / "folder").mkdir()
    target = tmp_path / "folder" / "a.bin"
    if there:
        target.write_bytes(b"old")
    (tmp_path / "one").symlink_to("folder/a.bin")
    (tmp_path / "two").symlink_to("one")
    check_writable(tmp_path / "two")
    assert target.exists() is there
    write_whole(tmp_path / "two", b"new")
    assert target.read_bytes() == b"new"
    assert (tmp_path / "one").is_symlink()
    assert (tmp_path / "two").is_symlink()
    assert names(tmp_path / "folder") == ["a.bin"]


@posix
def test_a_pipe_is_written_to_and_stays(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check_writable(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    content = bytes(range(256)) * 1000
    write_whole(pipe, content)
    reader.join()
    assert read == [content]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert names(tmp_path) == ["pipe"]


@posix
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1"])
@pytest.mark.parametrize("into", ["pipe", "file"])
def test_what_is_open_is_written_to(tmp_path, name, into):
    code = (
        f"import pathlib; from unblur.inversion.atomic import *; path = pathlib.Path({name!r})\n"
        "check_writable(path); write_whole(path, b'new')"
    )
    if into == "pipe":
        assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True).stdout == b"new"
        return
    with (tmp_path / "a.bin").open("wb") as file:
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
        assert os.fstat(file.fileno()).st_ino == (tmp_path / "a.bin").stat().st_ino
    assert (tmp_path / "a.bin").read_bytes() == b"new"


@posix
def test_kills_leave_one_unfinished_file_at_most_and_the_next_write_removes_it(tmp_path):
    code = (
        "import os, pathlib, sys; from unblur.inversion.atomic import replacing\n"
        "with replacing(pathlib.Path(sys.argv[1])) as partial: partial.write_bytes(b'half'); os._exit(9)"
    )
    target = tmp_path / "a.bin"
    for _ in range(3):
        subprocess.run([sys.executable, "-c", code, target], check=False)
        assert len(names(tmp_path)) == 1
    write_whole(target, b"new")
    assert names(tmp_path) == ["a.bin"]


def test_two_threads_may_write_the_same_file(tmp_path):
    target = tmp_path / "a.bin"
    contents = [bytes([k]) * 100_000 for k in range(8)]
    threads = [threading.Thread(target=write_whole, args=(target, content)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() in contents
    assert names(tmp_path) == ["a.bin"]
