"""Folders that are whole or not there: sealing, damage, two builders, interruptions."""

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from encoder.errors import UmurlError
from umurl_search.files import sealed_folder
from umurl_search.files.sealed_folder import (
    MANIFEST,
    building,
    check,
    need_space,
    read_manifest,
    remove,
    seal,
)

FILES = {"a.bin": bytes(range(256)), "empty": b"", "names.txt": "läuft\n".encode()}
ABOUT = {"kind": "test", "clips": 3, "made from": {"ünïcode": [1.5, None, True]}}


def build(target: Path) -> Path:
    with building(target, resume_token="t") as partial:
        for name, content in FILES.items():
            (partial / name).write_bytes(content)
        seal(partial, target, ABOUT)
    return target


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_a_sealed_folder_reads_back(tmp_path: Path) -> None:
    target = build(tmp_path / "made" / "one")
    manifest = read_manifest(target)
    assert {key: manifest[key] for key in ABOUT} == ABOUT
    assert set(manifest["files"]) == set(FILES)
    assert manifest["files"]["a.bin"]["size"] == 256
    assert visible(target) == sorted([*FILES, MANIFEST])
    assert [path.name for path in target.parent.iterdir()] == ["one"]
    assert check(target, full=True) == []


@pytest.mark.parametrize("full", [False, True])
def test_one_flipped_bit_in_any_file_is_found(tmp_path: Path, full: bool) -> None:
    target = build(tmp_path / "one")
    for name in ("a.bin", "names.txt"):
        whole = (target / name).read_bytes()
        for at in range(0, len(whole), 5):
            damaged = bytearray(whole)
            damaged[at] ^= 1
            (target / name).write_bytes(damaged)
            assert check(target, full=full) == [
                f"{target / name} was altered (its sha256 differs from the manifest's)"
            ]
        (target / name).write_bytes(whole)
    assert check(target, full=full) == []


@pytest.mark.parametrize("bit", [0, 4, 5, 7])
def test_one_flipped_bit_anywhere_in_the_manifest_is_found(tmp_path: Path, bit: int) -> None:
    target = build(tmp_path / "one")
    whole = (target / MANIFEST).read_bytes()
    for at in range(bit, len(whole), 5):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << bit
        (target / MANIFEST).write_bytes(damaged)
        (problem,) = check(target, full=False)
        assert problem.startswith(f"{target / MANIFEST} ")
        assert "\n" not in problem


def test_a_manifest_that_says_the_same_in_other_bytes_is_found(tmp_path: Path) -> None:
    target = build(tmp_path / "one")
    text = (target / MANIFEST).read_text(encoding="utf-8")
    for other in (text.replace(" ", "\t", 1), text + "\n", text[:-1], text.replace("ï", "\\u00ef")):
        assert other != text
        (target / MANIFEST).write_text(other, encoding="utf-8")
        assert check(target, full=False) == [f"{target / MANIFEST} was altered (its checksum differs)"]


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "null", "{}", '{"checksum": 1}', '"checksum"', "{", "[1, 2]"]
)
def test_a_manifest_of_something_else(tmp_path: Path, text: str) -> None:
    target = build(tmp_path / "one")
    (target / MANIFEST).write_text(text)
    (problem,) = check(target, full=False)
    assert "is damaged" in problem


def test_missing_cut_and_grown_files_are_named(tmp_path: Path) -> None:
    target = build(tmp_path / "one")
    (target / "a.bin").write_bytes(FILES["a.bin"][:-1])
    (target / "empty").write_bytes(b"x")
    (target / "names.txt").unlink()
    assert sorted(check(target, full=False)) == [
        f"{target / 'a.bin'} has 255 bytes, its manifest says 256",
        f"{target / 'empty'} has 1 bytes, its manifest says 0",
        f"{target / 'names.txt'} is missing",
    ]
    with pytest.raises(UmurlError) as error:
        read_manifest(target, hint="do this")
    assert error.value.typed == f"{target / 'a.bin'} has 255 bytes, its manifest says 256; do this"
    (target / MANIFEST).unlink()
    assert check(target, full=False) == [f"{target / MANIFEST} is missing"]
    assert check(tmp_path / "none", full=True) == [f"{tmp_path / 'none' / MANIFEST} is missing"]


def test_large_files_are_hashed_only_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = build(tmp_path / "one")
    monkeypatch.setattr(sealed_folder, "HASHED_AT_OPENING", 256)
    (target / "a.bin").write_bytes(bytes(256))
    assert read_manifest(target)["kind"] == "test"
    assert len(check(target, full=True)) == 1
    (target / "a.bin").write_bytes(bytes(255))
    assert len(check(target, full=False)) == 1


# building


def test_a_second_builder_is_told(tmp_path: Path) -> None:
    target = tmp_path / "one"
    with building(target, resume_token="t") as partial:
        (partial / "work").write_text("kept")
        with pytest.raises(UmurlError) as error, building(target, resume_token="other"):
            raise AssertionError("two builders")
        told = f"{target}: another process is building it (process {os.getpid()}, "
        assert error.value.typed.startswith(told)
        assert error.value.typed.endswith("); wait for that one")
        assert (partial / "work").read_text() == "kept"
    with building(target, resume_token="t") as partial:
        assert (partial / "work").exists()


def test_a_builder_in_another_process_is_told_too(tmp_path: Path) -> None:
    target = tmp_path / "one"
    program = (
        "import sys; from pathlib import Path; from umurl_search.files.sealed_folder import building\n"
        "with building(Path(sys.argv[1]), resume_token='t'): pass"
    )
    with building(target, resume_token="t"):
        other = subprocess.run([sys.executable, "-c", program, target], capture_output=True, text=True)
    assert other.returncode == 1
    assert f"another process is building it (process {os.getpid()}, " in other.stderr


def test_a_lock_that_its_holder_has_deleted_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder finishes between another's opening of the lock and its locking."""
    target, lock = tmp_path / "one", tmp_path / ".one.partial.lock"

    def finish_first(*_: object) -> None:
        lock.unlink(missing_ok=True)

    monkeypatch.setattr(fcntl, "flock", finish_first)
    with pytest.raises(UmurlError, match="another process is building it"), building(target, resume_token=""):
        raise AssertionError("a lock that nobody sees")


def test_the_same_token_goes_on_and_another_starts_over(tmp_path: Path) -> None:
    target = tmp_path / "one"
    with building(target, resume_token="t") as partial:
        (partial / "work").write_text("half")
    assert sealed_folder.token_of(sealed_folder.partial_of(target)) == "t"
    with building(target, resume_token="t") as partial:
        assert (partial / "work").read_text() == "half"
    with building(target, resume_token="u") as partial:
        assert not (partial / "work").exists()
    assert sealed_folder.token_of(partial) == "u"
    assert sealed_folder.token_of(tmp_path / "nowhere") is None


@pytest.mark.parametrize("step", ["sha256_of", "write_text", "rename"])
def test_killed_before_the_rename_nothing_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    target = tmp_path / "one"

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with building(target, resume_token="t") as partial:
        (partial / "a.bin").write_bytes(b"1")
        with monkeypatch.context() as patched:
            patched.setattr(os if step == "rename" else sealed_folder, step, kill)
            with pytest.raises(KeyboardInterrupt):
                seal(partial, target, ABOUT)
    assert visible(tmp_path) == []
    assert check(build(target), full=True) == []
    assert visible(tmp_path) == ["one"]


def test_all_is_on_the_disk_before_the_name_and_the_name_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut leaves a whole folder or none: files and manifest are synced, then renamed, then the renaming is."""
    target, told, fsync, rename = tmp_path / "one", list[tuple[int, int]](), os.fsync, os.rename
    with building(target, resume_token="t") as partial:
        for name, content in FILES.items():
            (partial / name).write_bytes(content)

        def note_sync(descriptor: int) -> None:
            state = os.fstat(descriptor)
            told.append((state.st_ino, state.st_size))
            fsync(descriptor)

        def note_rename(one: Path, other: Path) -> None:
            told.append((0, 0))
            rename(one, other)

        monkeypatch.setattr(os, "fsync", note_sync)
        monkeypatch.setattr(os, "rename", note_rename)
        seal(partial, target, ABOUT)
    at = told.index((0, 0))
    states = {name: (target / name).stat() for name in [*FILES, MANIFEST]}
    whole = {name: (state.st_ino, state.st_size) for name, state in states.items()}
    assert set(told[:at]) == set(whole.values())
    assert told[at - 1] == whole[MANIFEST]
    assert [inode for inode, _ in told[at + 1 :]] == [tmp_path.stat().st_ino]


def test_what_was_cut_short_while_being_written_is_not_sealed(tmp_path: Path) -> None:
    target = tmp_path / "one"
    with building(target, resume_token="t") as partial:
        (partial / "a.bin").write_bytes(b"1")
        (partial / "state.pt.tmp").write_bytes(b"half a state")
        seal(partial, target, {})
    assert visible(target) == ["a.bin", MANIFEST]


def test_a_text_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    sealed_folder.write_text(path, "1")
    sealed_folder.write_text(path, json.dumps({"ü": 2}, ensure_ascii=False))
    assert json.loads(path.read_text(encoding="utf-8")) == {"ü": 2}
    assert visible(tmp_path) == ["x.json"]


def test_removing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = build(tmp_path / "one")

    def kill(path: Path, **_: object) -> None:
        if path.exists():
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", kill)
        with pytest.raises(KeyboardInterrupt):
            remove(target)
    assert visible(tmp_path) == []
    remove(build(target))
    assert list(tmp_path.iterdir()) == []
    remove(target)


def test_what_is_replaced_is_deleted_when_the_new_is_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = build(tmp_path / "one")

    def kill(path: Path, **_: object) -> None:
        if path.exists():
            raise KeyboardInterrupt

    with building(target, resume_token="t") as partial:
        (partial / "a.bin").write_bytes(b"new")
        with monkeypatch.context() as patched:
            patched.setattr(shutil, "rmtree", kill)
            with pytest.raises(KeyboardInterrupt):
                seal(partial, target, ABOUT)
    assert (target / "a.bin").read_bytes() == b"new"
    assert check(target, full=True) == []


def test_a_full_disk_is_told_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**30))
    need_space(tmp_path, 2**30, what="the index")
    with pytest.raises(UmurlError) as error:
        need_space(tmp_path, 3 * 2**29 + 1, what="the index")
    assert error.value.typed == (
        f"{tmp_path}: the index needs 1.5 GiB, 1.0 GiB are free; free some or give another --library"
    )


def test_a_folder_takes_the_place_of_another_in_one_step(tmp_path: Path) -> None:
    for content in ("one", "two"):
        with sealed_folder.building(tmp_path / "x", resume_token=content) as partial:
            (partial / "a.txt").write_text(content)
            sealed_folder.seal(partial, tmp_path / "x", {})
    assert (tmp_path / "x" / "a.txt").read_text() == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    (tmp_path / ".x.removed").mkdir()  # left by one that was killed
    sealed_folder.remove(tmp_path / "gone")
    sealed_folder.remove(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_files_that_a_killed_run_was_writing_are_not_sealed(tmp_path: Path) -> None:
    """Ours end in .tmp; safetensors writes .tmp95pYSC beside what it saves."""
    target = tmp_path / "one"
    with building(target, resume_token="t") as partial:
        for name in ("a.bin", "a.bin.tmp", ".tmp95pYSC"):
            (partial / name).write_bytes(b"x")
        seal(partial, target, ABOUT)
    assert sorted(path.name for path in target.iterdir()) == ["a.bin", MANIFEST]


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """As network file systems are that are mounted so."""

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(UmurlError) as told, building(tmp_path / "one", resume_token="t"):
        pass
    assert told.value.typed == (
        f"{tmp_path}/.one.partial.lock: the file system gives no locks ({os.strerror(code)}); "
        "mount it with flock, or give another --library"
    )
