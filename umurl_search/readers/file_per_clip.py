"""Formats that keep one clip a file: which files there are, which of them repeat a name, and their clips."""

import os
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from encoder.errors import BadInputError, NotFoundError, StorageError
from encoder.joint_layouts import Layout, find_layout
from umurl_search.clips.clip import Clip, Outcome
from umurl_search.clips.naming import is_recording_name
from umurl_search.clips.types import Splits, State
from umurl_search.readers.build_clip import BadRecordingError

_REPEATS, _BY_PATH = "\0", "*"
_LARGE_BLOCK = 2**24
_OTHERWISE = re.compile(
    r"(?<![a-z])(y|labels?|targets?|class|classes|actions?|names?|meta|metadata|info|splits?|annotations?|index|lists?|"
    r"readme|notes?|mean|std|stats)(?![a-z])"
)
_OF_SYSTEMS = ("__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini")


def walk_files(root: Path) -> Iterator[str]:
    """The files below a folder, as paths relative to it with forward slashes; links to folders are followed.

    A link to a folder that the root lies in is not: below it is all that the user did not mean. What is hidden, or
    left by the systems that packed a folder (`._*`, `__MACOSX`, `Thumbs.db`), is passed over.
    Raises: UmurlError for a folder that cannot be listed.
    """
    above = (os.stat(folder) for folder in root.resolve().parents)
    seen = {(status.st_dev, status.st_ino) for status in above}
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=_refuse_folder):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            subfolders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        subfolders[:] = sorted(name for name in subfolders if not is_hidden(name))
        inside = Path(folder).relative_to(root)
        prefix = "" if inside == Path() else inside.as_posix() + "/"
        yield from (prefix + name for name in sorted(names) if not is_hidden(name))


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is none that its user put there."""
    return name.startswith(".") or name in _OF_SYSTEMS


def _refuse_folder(error: OSError) -> None:
    raise StorageError(f"{error.filename}: cannot be listed: {error.strerror}") from error


def is_called_otherwise(name: str) -> bool:
    """Whether a file's name is that of a list or a note beside recordings: `labels`, `y_train`, `class-names`."""
    return _OTHERWISE.search(name.lower()) is not None


def require_roots(roots: Sequence[Path]) -> tuple[Path, ...]:
    """The roots. Raises: UmurlError for none at all or one that is not there."""
    if not roots:
        raise BadInputError("no source given", "name a folder or a file")
    for root in roots:
        if not root.exists():
            raise NotFoundError(f"{root}: no such file or folder")
    return tuple(roots)


def require_one_root(roots: Sequence[Path]) -> Path:
    """The only root of a format that comes in one piece. Raises: UmurlError for none or several."""
    first, *others = require_roots(roots)
    if others:
        raise BadInputError(
            f"{others[0]}: this format is read from one source at a time; {first} is given too"
        )
    return first


def require_layout(name: str) -> Layout:
    """The joint layout of this name. Raises: UmurlError for an unknown one."""
    try:
        return find_layout(name)
    except ValueError as error:
        raise BadInputError(f"unknown joint layout: {error}") from None


def find_single_file(root: Path, suffixes: tuple[str, ...]) -> Path:
    """The file itself, or the only one in a folder that ends so. Raises: UmurlError for none or several."""
    if root.is_file():
        return root
    if not root.is_dir():
        raise NotFoundError(f"{root}: neither a file nor a folder")
    found = sorted(
        path
        for path in root.iterdir()
        if path.suffix.lower() in suffixes and path.is_file() and not is_hidden(path.name)
    )
    if len(found) != 1:
        raise BadInputError(
            f"{root}: {len(found)} files end in {' or '.join(suffixes)}", "name the one to read"
        )
    return found[0]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a recording lies: its file and its path relative to its root (`source`).

    `repeats` is the source that has the same name and comes first, if there is one.
    """

    name: str
    path: Path
    source: str
    repeats: str = ""


def encode_place(root: int, source: str, *, repeats: str = "", by_path: bool = False) -> str:
    """A unit of work as text: the number of the root, the path below it, what it repeats, and what names it."""
    place = f"{root}{_BY_PATH if by_path else ''}/{source}"
    return f"{place}{_REPEATS}{repeats}" if repeats else place


def decode_place(item: str, roots: Sequence[Path]) -> Place:
    """The place that `encode_place` wrote; a root that is itself a file holds that file only."""
    place, _, repeats = item.partition(_REPEATS)
    number, _, source = place.partition("/")
    root = roots[int(number.removesuffix(_BY_PATH))]
    path = root / source if root.is_dir() else root
    name = PurePosixPath(source).with_suffix("").as_posix() if number.endswith(_BY_PATH) else path.stem
    return Place(name=name, path=path, source=source, repeats=repeats)


def find_sources(roots: Sequence[Path], suffixes: tuple[str, ...]) -> list[tuple[str, int, str]]:
    """The files that end in one of these: (name, number of the root, path below it), sorted."""
    found = []
    for number, root in enumerate(roots):
        sources = walk_files(root) if root.is_dir() else [root.name]
        found += [
            (Path(source).stem, number, source) for source in sources if source.lower().endswith(suffixes)
        ]
    return sorted(found)


def keep_freed_memory() -> None:
    """Lets this process keep the memory that it frees after each file, up to twice the block's size.

    Giving pages back and asking for them anew takes as long as parsing. glibc keeps more once a large block
    was freed; other allocators are none the worse.
    """
    np.empty(_LARGE_BLOCK, np.uint8)


class FilePerClip(ABC):
    """A reader of a format that keeps one clip a file, named by the file.

    Items are places, sorted by name; of two files with one name the first is used. The text form of a reader
    tells all its options, so that equal texts mean that the same files are read in the same way.
    """

    format: str
    state: State = "raw"
    parallel: bool = True
    layout: str
    suffix: str
    other_suffixes: tuple[str, ...] = ()

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = require_roots(roots)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.roots})"

    @abstractmethod
    def load(self, place: Place) -> Clip:
        """The clip in a file. Raises: BadRecordingError."""

    def is_recording(self, path: Path) -> bool:
        """Whether a file that is called as lists and notes are is a recording all the same."""
        return True

    def items(self) -> Sequence[str]:
        """Places, sorted by name. Where several files have one name, and it is no recording's of a known dataset,
        their paths name them."""
        found = [
            (name, root, source)
            for name, root, source in find_sources(self.roots, (self.suffix, *self.other_suffixes))
            if not is_called_otherwise(name)
            or self.is_recording(decode_place(f"{root}/{source}", self.roots).path)
        ]
        times = Counter(name for name, _, _ in found)
        first: dict[str, str] = {}
        items = []
        for name, root, source in found:
            by_path = times[name] > 1 and not is_recording_name(name)
            called = PurePosixPath(source).with_suffix("").as_posix() if by_path else name
            items.append(encode_place(root, source, repeats=first.get(called, ""), by_path=by_path))
            first.setdefault(called, source)
        return items

    def read(self, items: Sequence[str]) -> Iterator[tuple[Outcome, ...]]:
        keep_freed_memory()
        for item in items:
            yield (self._outcome(decode_place(item, self.roots)),)

    def _outcome(self, place: Place) -> Outcome:
        if place.repeats:
            detail = f"{place.repeats} comes first"
            return BadRecordingError("duplicate name", detail).left_out(place.name, place.source)
        try:
            return self.load(place)
        except BadRecordingError as error:
            return error.left_out(place.name, place.source)

    def splits(self) -> Splits:
        return {}

    def files(self) -> Sequence[Path]:
        return [decode_place(item, self.roots).path for item in self.items()]
