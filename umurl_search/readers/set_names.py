"""The names and labels that lie as text beside an array of many clips, in its file or in one of its own."""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from encoder.errors import UmurlError
from umurl_search.clips.types import Part
from umurl_search.readers import safe_pickle
from umurl_search.readers.array_files import read_members
from umurl_search.readers.build_clip import read_bytes
from umurl_search.readers.label_file import load_values, to_list
from umurl_search.readers.mat_file import load_mat_text
from umurl_search.readers.npy_header import read_header

LABEL_WORDS = frozenset(
    ("y", "label", "labels", "target", "targets", "class", "classes", "action", "actions", "gt")
)
CLASS_WORDS = frozenset(("class", "classes", "action", "actions"))
"""Of a file that may be a list of classes, instead of the class of each clip."""
NAME_WORDS = frozenset(
    (
        *("name", "names", "sample", "samples", "filename", "filenames", "file", "files", "clip", "clips"),
        *("id", "ids", "video", "videos", "key", "keys", "dir"),
    )
)
_NAME_SUFFIXES = (".npy", ".txt", ".pkl", ".pickle")
_PARTS: dict[str, Part] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "test", "testing", "eval"), "test"),
}
_LONGEST_NAME = 200


def words_of(name: str) -> set[str]:
    """The words of a name, in small letters: `X_trainData` has x, train and data."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return set(re.findall(r"[a-z]+", parted.lower()))


def part_in(words: set[str]) -> Part | None:
    """The part that words name."""
    return next((part for word, part in _PARTS.items() if word in words), None)


def read_texts(path: Path) -> dict[str, list[str]]:
    """The vectors of text in an archive of arrays, by name; nothing for a file that holds none."""
    try:
        if path.suffix.lower() == ".mat":
            return load_mat_text(path)
        if path.suffix.lower() != ".npz":
            return {}
        return {key: _to_texts(content) for key, content in read_members(path, kinds="US", most_axes=2)}
    except (UmurlError, ValueError):
        return {}


def _to_texts(content: bytes) -> list[str]:
    """The values of a `.npy` file of text. Raises: ValueError."""
    header = read_header(io.BytesIO(content), kinds="US")
    if header.n_bytes != len(content):
        raise ValueError(f"{len(content)} bytes, its header announces {header.n_bytes}")
    values: Any = np.frombuffer(content, header.dtype, offset=header.offset)
    return [one.decode("utf-8") if isinstance(one, bytes) else one for one in to_list(values)]


def find_text_labels(texts: dict[str, list[str]], *, part: Part | None, n: int) -> list[str] | None:
    """Of the text beside an array of n clips, the vector that is called as labels are."""
    for key, values in texts.items():
        words = words_of(key)
        if len(values) == n and words & LABEL_WORDS and not words & NAME_WORDS and part_in(words) == part:
            return [value.strip() for value in values]
    return None


def find_names(texts: dict[str, list[str]], *, part: Part | None, n: int) -> list[str] | None:
    """The vector that names each of n clips: one called so, or the only one that may be."""
    fitting = {
        key: names
        for key, values in texts.items()
        if part_in(words_of(key)) == part and (names := _to_names(values, n)) is not None
    }
    called = [names for key, names in fitting.items() if words_of(key) & NAME_WORDS]
    others = [names for key, names in fitting.items() if not words_of(key) & LABEL_WORDS]
    return called[0] if called else others[0] if len(others) == 1 else None


def find_names_beside(
    files: Sequence[Path], *, stem: str, part: Part | None, n: int, alone: bool
) -> tuple[list[str], Path] | None:
    """The names in a file beside an array, such as `names.txt`, and the file. stem: of the array's name;
    alone: it is the only array of its part."""
    for path in files:
        words = words_of(path.stem)
        is_called = words & NAME_WORDS and not words & LABEL_WORDS and part_in(words) == part
        if path.suffix.lower() not in _NAME_SUFFIXES or not is_called:
            continue
        names = _to_names(_read_names(path), n)
        if names is not None and (alone or words - NAME_WORDS == words_of(stem)):
            return names, path
    return None


def _read_names(path: Path) -> list[Any]:
    """The names in a file; nothing where it holds anything else."""
    try:
        match path.suffix.lower():
            case ".npy":
                return to_list(load_values(path))
            case ".txt":
                lines = read_bytes(path).decode("utf-8-sig").splitlines()
                return [line for line in lines if line.strip()]
        content = safe_pickle.load(path)
        return list(content) if isinstance(content, list | tuple | np.ndarray) else []
    except (UmurlError, ValueError, TypeError):
        return []


def _to_names(values: Sequence[Any], n: int) -> list[str] | None:
    """The names of n clips; None for other values, and for any that is empty or comes twice."""
    if len(values) != n or not all(isinstance(value, str) for value in values):
        return None
    names = [value.strip().removesuffix(".skeleton") for value in values]
    storable = all(0 < len(name) <= _LONGEST_NAME and name.isprintable() for name in names)
    return names if storable and len(set(names)) == n else None
