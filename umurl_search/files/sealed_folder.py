"""Folders that are either whole or not there: written aside, sealed by a manifest, renamed into place.

A manifest lists the size and sha256 of every file beside it and carries a checksum of itself.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from encoder.errors import BusyError, DamagedError, Hint, StorageError, reason_of
from umurl_search.files.atomic import replacing

MANIFEST = "manifest.json"
_TOKEN = "token"
_MODE = 0o644  # some libraries write files that only their owner can read
_LONGEST_NAME = 255
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)
"""What some network file systems answer who asks for a lock."""
_ASIDE = ".tmp"
"""Ends the name of a file being written, or begins it; left behind if that was cut short."""
HASHED_AT_OPENING = 64 * 2**20
"""Files below this many bytes are hashed whenever their folder is opened; `verify` hashes all."""


def partial_of(target: Path) -> Path:
    """Where `target` is put together before it is whole."""
    return target.with_name(f".{target.name}.partial")


def lock_of(target: Path) -> Path:
    """The file that is held while `target` is put together."""
    return partial_of(target).with_name(partial_of(target).name + ".lock")


def is_held(lock: Path) -> bool:
    """Whether a process holds a lock file (`exclusive_lock`)."""
    try:
        with open(lock, encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextlib.contextmanager
def building(target: Path, *, resume_token: str) -> Iterator[Path]:
    """The partial folder of `target`, kept from an earlier run if that had the same token, else emptied.

    Only one process at a time builds a target: a second is told so (UmurlError).
    """
    folder = partial_of(target)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with exclusive_lock(lock_of(target), doing=f"{target}: another process is building it"):
        folder.mkdir(exist_ok=True)
        if token_of(folder) != resume_token:
            shutil.rmtree(folder)
            folder.mkdir()
            write_text(folder / _TOKEN, resume_token)
        yield folder


@contextlib.contextmanager
def exclusive_lock(path: Path, *, doing: str) -> Iterator[None]:
    """Holds a lock file, which names its holder, for as long as the work lasts.

    Raises UmurlError, beginning with `doing` and telling who holds it, when another process does.
    """
    with open(path, "a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The one before may have deleted the file between its opening and its lock.
            if not os.path.samestat(os.fstat(lock.fileno()), os.stat(lock.name)):
                raise BlockingIOError
        except OSError as error:
            if error.errno in _NO_LOCKS:
                raise StorageError(
                    f"{path}: the file system gives no locks ({reason_of(error)})",
                    Hint("mount it with flock, or give another {option}", option="library"),
                ) from error
            lock.seek(0)
            holder = " ".join(lock.read(300).split())
            told = f" ({holder})" if holder else ""
            raise BusyError(f"{doing}{told}", "wait for that one") from error
        try:
            lock.truncate(0)
            lock.write(f"process {os.getpid()}, {_command()}")
            lock.flush()
            yield
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(lock.name)


def _command() -> str:
    """What this process was started as, shortened."""
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:120]


def token_of(partial: Path) -> str | None:
    """The token of the run that left a partial folder, None if there is none."""
    path = partial / _TOKEN
    return path.read_text(encoding="utf-8") if path.exists() else None


def seal(
    folder: Path, target: Path, about: dict[str, Any], *, leave_out: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Hashes and syncs the partial folder's files, writes its manifest last and renames it to `target`, in the place
    of what is there.

    leave_out: files that are not the folder's to keep. They are there until it is sealed, so that a run cut short
    before can go on, and removed afterwards.
    """
    files = {}
    for path in sorted(folder.iterdir()):
        if path.name in (MANIFEST, _TOKEN, *leave_out):
            continue
        if path.suffix == _ASIDE or path.name.startswith(_ASIDE):  # safetensors' begin with it
            path.unlink()
            continue
        path.chmod(_MODE)
        files[path.name] = {"size": path.stat().st_size, "sha256": sha256_of(path)}
        _sync(path)
    manifest = {**about, "files": files}
    manifest["checksum"] = _checksum(manifest)
    write_text(folder / MANIFEST, _canonical(manifest))
    if folder != target:
        _put_aside(target)
    os.rename(folder, target)
    _sync(target.parent)
    shutil.rmtree(_aside_of(target), ignore_errors=True)
    sweep(target, leave_out)
    return manifest


def sweep(target: Path, left_out: tuple[str, ...]) -> None:
    """Removes from a sealed folder what its building needed."""
    for name in (_TOKEN, *left_out):
        (target / name).unlink(missing_ok=True)


def read_manifest(folder: Path, *, hint: Hint | str | None = None) -> dict[str, Any]:
    """The manifest of a sealed folder, its own checksum and every file's size checked, small files hashed.

    Raises UmurlError naming the file that differs, with this hint.
    """
    problems = check(folder, full=False)
    if problems:
        raise DamagedError(problems[0], hint)
    return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def manifest_or_none(folder: Path) -> dict[str, Any] | None:
    """A folder's manifest whatever its files are like, None where it is missing or damaged itself."""
    if any(str(folder / MANIFEST) in problem for problem in check(folder, full=False)):
        return None
    return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def check(folder: Path, *, full: bool) -> list[str]:
    """What is wrong with a sealed folder, one phrase each; `full` hashes large files too."""
    path = folder / MANIFEST
    try:
        text = path.read_bytes().decode("utf-8")
        manifest = json.loads(text)
        claimed = manifest.pop("checksum")
        files = {_plain_name(name): _size_and_hash(entry) for name, entry in manifest["files"].items()}
        altered = claimed != _checksum(manifest) or text != _canonical({**manifest, "checksum": claimed})
    except FileNotFoundError:
        return [f"{path} is missing"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return [f"{path} is damaged ({reason_of(error)})"]
    if altered:
        return [f"{path} was altered (its checksum differs)"]
    return [problem for name in files for problem in check_file(folder / name, files[name], full=full)]


def _plain_name(name: str) -> str:
    """The name if it is of a file beside the manifest. Raises ValueError."""
    if name in (".", "..") or len(name.encode()) > _LONGEST_NAME or Path(name).name != name or "\0" in name:
        raise ValueError(f"it names {name[:40]!r}")
    return name


def _size_and_hash(entry: dict[str, Any]) -> dict[str, Any]:
    if not (isinstance(entry["size"], int) and isinstance(entry["sha256"], str)):
        raise TypeError("sizes are whole numbers, hashes text")
    return entry


def check_file(path: Path, entry: dict[str, Any], *, full: bool) -> list[str]:
    """What is wrong with a file that a manifest lists so; `full` hashes it though it is large."""
    try:
        state = path.stat()
    except OSError:
        return [f"{path} is missing"]
    if not stat.S_ISREG(state.st_mode):
        return [f"{path} is no file"]
    size = state.st_size
    if size != entry["size"]:
        return [f"{path} has {size} bytes, its manifest says {entry['size']}"]
    if (full or size < HASHED_AT_OPENING) and sha256_of(path) != entry["sha256"]:
        return [f"{path} was altered (its sha256 differs from the manifest's)"]
    return []


def sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Replaces a file in one step: written aside, synced, renamed."""
    with replacing(path, aside=path.with_name(path.name + _ASIDE)) as file:
        file.write(text.encode())


def remove(folder: Path) -> None:
    """Deletes a sealed folder in one step: renamed aside first, so that a half-deleted one never opens."""
    _put_aside(folder)
    shutil.rmtree(_aside_of(folder), ignore_errors=True)


def _put_aside(folder: Path) -> None:
    """Renames a folder, if it is there, to a name that is never opened; what an earlier run left there goes."""
    shutil.rmtree(_aside_of(folder), ignore_errors=True)
    if folder.exists():
        os.rename(folder, _aside_of(folder))


def _aside_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.removed")


def write_size(n_bytes: int) -> str:
    """In the largest unit of which there is one at least: 12 bytes, 3.4 MiB."""
    if n_bytes < 2**10:
        return f"{n_bytes} bytes"
    unit, power = next((u, p) for u, p in (("GiB", 30), ("MiB", 20), ("KiB", 10)) if n_bytes >= 2**p)
    return f"{n_bytes / 2**power:,.1f} {unit}"


def need_space(folder: Path, n_bytes: int, *, what: str) -> None:
    """Raises UmurlError when the disk of `folder` cannot take `n_bytes` more."""
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise StorageError(
            f"{folder}: {what} needs {write_size(n_bytes)}, {write_size(free)} are free",
            Hint("free some or give another {option}", option="library"),
        )


def _canonical(manifest: dict[str, Any]) -> str:
    return json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"


def _checksum(manifest: dict[str, Any]) -> str:
    text = json.dumps(manifest, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
