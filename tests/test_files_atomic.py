"""Files that a user named: whole or as before, with the permissions and links that were there."""

import errno
import os
import stat
import threading
from pathlib import Path
from typing import BinaryIO

import pytest
from refusals import raises_typed

from encoder.errors import UmurlError
from umurl_search.files.atomic import replace_file, replacing, require_place, write_file


def fail(file: BinaryIO) -> None:
    file.write(b"half")
    raise OSError(28, "No space left on device")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_was_there_stays_when_it_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    replace_file(path, b"before")
    with raises_typed(r"a\.npy: cannot be written \(No space left on device\); mend that or"):
        write_file(path, fail)
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a.npy"]
    with pytest.raises(UmurlError, match=r"none.a\.npy: cannot be written \(No such file or directory\)"):
        replace_file(tmp_path / "none" / "a.npy", b"")


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_the_old_file_else_of_the_user(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        replace_file(tmp_path / "new", b"1")
        (tmp_path / "old").write_bytes(b"0")
        (tmp_path / "old").chmod(0o640)
        replace_file(tmp_path / "old", b"1")
    finally:
        os.umask(before)
    assert mode(tmp_path / "new") == 0o666 & ~umask
    assert (mode(tmp_path / "old"), (tmp_path / "old").read_bytes()) == (0o640, b"1")


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for name in ("file", "nothing"):
        (tmp_path / name).symlink_to(tmp_path / "there" / name)
    (tmp_path / "there" / "file").write_bytes(b"0")
    for name in ("file", "nothing"):
        replace_file(tmp_path / name, b"1")
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "there" / name).read_bytes() == b"1"
    assert len(os.listdir(tmp_path / "there")) == 2


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read = list[bytes]()
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    replace_file(tmp_path / "pipe", b"1")
    reader.join()
    assert read == [b"1"]


def test_names_may_be_as_long_as_they_may(tmp_path: Path) -> None:
    path = tmp_path / f"{'a' * 251}.npy"
    replace_file(path, b"1")
    assert path.read_bytes() == b"1"


def test_where_a_file_may_be(tmp_path: Path) -> None:
    (tmp_path / "dir.csv").mkdir()
    for path, why in (
        (tmp_path / "a.txt", "no such kind of file is written here"),
        (tmp_path / "none" / "a.csv", f"no folder {tmp_path / 'none'}"),
        (tmp_path / "dir.csv", "a folder is there"),
    ):
        with raises_typed(f"^{path}: {why}; give a file that ends in .csv or .x, in a folder that exists$"):
            require_place(path, ".csv", ".x")
    with raises_typed(r"; give a file that ends in \.npy, in a folder"):
        require_place(tmp_path / "a", ".npy")
    require_place(tmp_path / "A.CSV", ".csv")


def test_all_is_on_the_disk_before_it_takes_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, told, fsync, replace = tmp_path / "out", list[tuple[str, int]](), os.fsync, os.replace

    def note_sync(descriptor: int) -> None:
        told.append(("synced", os.fstat(descriptor).st_size))
        fsync(descriptor)

    def note_replace(one: Path, other: Path) -> None:
        told.append(("replaced", one.stat().st_size))
        replace(one, other)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_replace)
    replace_file(out, b"x" * 100)
    assert told == [("synced", 100), ("replaced", 100)]
    assert out.read_bytes() == b"x" * 100


def test_a_disk_that_is_full_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as raised, replacing(tmp_path / "rows.jsonl"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert raised.value.filename == str(tmp_path / "rows.jsonl")
    assert list(tmp_path.iterdir()) == []
