"""Which format a source is in, by a look at what is there."""

from collections.abc import Callable
from pathlib import Path

from encoder.errors import UmurlError
from umurl_search.readers.agcn import find_agcn_folders
from umurl_search.readers.ctrgcn import open_archive
from umurl_search.readers.file_per_clip import walk_files
from umurl_search.readers.pku import sniff

FORMATS = ("ntu-skeleton", "pku-mmd", "agcn", "ctr-gcn", "pyskl", "nw-ucla", "npy")

_HEAD_BYTES = 4096
_MOST_TRIED = 50


def detect(source: Path) -> str:
    """The format of a file or folder, one of `FORMATS`.

    Raises: UmurlError where nothing is there or nothing is recognised.
    """
    if not source.exists():
        raise _unknown(source, "no such file or folder")
    if source.is_dir() and find_agcn_folders(source):
        return "agcn"
    candidates = _candidates(source)
    if not candidates:
        raise _unknown(source, "the folder is empty")
    for suffix, name, belongs in _SIGNS:
        if any(belongs(path) for path in candidates.get(suffix, [])):
            return name
    raise _unknown(source, "holds no recordings that are recognised")


def _unknown(source: Path, what: str) -> UmurlError:
    return UmurlError(f"{source}: {what}; known formats are {', '.join(FORMATS)}")


def _candidates(source: Path) -> dict[str, list[Path]]:
    """The first few files of each suffix; the search ends at the first suffix that decides alone."""
    if source.is_file():
        return {source.suffix.lower(): [source]}
    candidates: dict[str, list[Path]] = {}
    for name in walk_files(source):
        path = source / name
        same = candidates.setdefault(path.suffix.lower(), [])
        if len(same) < _MOST_TRIED:
            same.append(path)
        if path.suffix.lower() == ".skeleton":
            break
    return candidates


def _head(path: Path) -> bytes:
    if not path.is_file():  # a pipe would keep its reader waiting
        return b""
    try:
        with open(path, "rb") as stream:
            return stream.read(_HEAD_BYTES)
    except OSError:
        return b""


def _is_ctr_gcn(path: Path) -> bool:
    try:
        with open_archive(path) as archive:
            return "x_train.npy" in archive.namelist()
    except UmurlError:
        return False


def _is_pyskl(path: Path) -> bool:
    head = _head(path)
    return head.startswith(b"\x80") and (b"split" in head or b"annotations" in head)


def _is_npy(path: Path) -> bool:
    return _head(path).startswith(b"\x93NUMPY")


def _is_nw_ucla(path: Path) -> bool:
    return b'"skeletons"' in _head(path)


def _is_pku(path: Path) -> bool:
    return sniff(path) == "recording"


def _is_skeleton(path: Path) -> bool:
    return path.is_file()


_SIGNS: tuple[tuple[str, str, Callable[[Path], bool]], ...] = (
    (".skeleton", "ntu-skeleton", _is_skeleton),
    (".json", "nw-ucla", _is_nw_ucla),
    (".txt", "pku-mmd", _is_pku),
    (".npz", "ctr-gcn", _is_ctr_gcn),
    (".pkl", "pyskl", _is_pyskl),
    (".npy", "npy", _is_npy),
)
