"""Which clip a name in a user's file means: with or without ending and folder, as people write them."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import PurePosixPath

from umurl_search.clips.naming import is_recording_name

_ENDINGS = (
    ".skeleton.npy",
    ".skeleton",
    ".npy",
    ".npz",
    ".mat",
    ".csv",
    ".tsv",
    ".txt",
    ".json",
    ".pkl",
    ".pickle",
    ".avi",
    ".mp4",
)


NAME_COLUMNS = (
    "name",
    "file",
    "filename",
    "file_name",
    "clip",
    "path",
    "recording",
    "sample",
    "video",
    "video_id",
)
"""How people call the column of a table that says which clip a row is of, the surest first."""
NAMES_HINT = "names are those of clips, with or without ending and folder, in {option}"


class NameMatcher:
    """Finds clips by what a file calls them. sources: the path of each clip's file below its source, or ""."""

    def __init__(self, names: Sequence[str], sources: Iterable[str] = ()) -> None:
        self._exact = dict.fromkeys(names)
        self._source = dict(zip(names, list(sources) or [""] * len(names), strict=True))

    @cached_property
    def _looser(self) -> dict[str, str | None]:
        """What a clip may be found by -> its name, None where several may."""
        found: dict[str, str | None] = {}
        for name, source in self._source.items():
            for key in {key for text in (name, source) if text for key in _keys(text)}:
                found[key] = None if found.get(key, name) != name else name
        return found

    def find(self, text: str) -> str | None:
        """The clip's name; None where no clip, or more than one, is meant."""
        text = text.strip()
        if text in self._exact:
            return text
        for key in _keys(text):
            found = self._looser.get(key)
            if found is not None:
                return found if self._may_be(text, found) else None
        before, _, last = text.rpartition(" ")  # a line of a list: a name, then its label
        return self.find(before) if before and last.lstrip("-").isdecimal() else None

    def _may_be(self, text: str, name: str) -> bool:
        """Whether the folder that a text names is none other than the clip's own; recordings of known datasets are
        told by their names alone."""
        said, source = (PurePosixPath(one.replace("\\", "/")).parent for one in (text, self._source[name]))
        known = is_recording_name(PurePosixPath(name).name)
        return known or not said.name or not source.name or said.name.casefold() == source.name.casefold()

    def find_all(self, texts: Iterable[str]) -> tuple[dict[str, str], list[str]]:
        """Text -> clip, and the texts that mean none."""
        found = {text: self.find(text) for text in texts}
        return {t: n for t, n in found.items() if n is not None}, [t for t, n in found.items() if n is None]


def _keys(text: str) -> list[str]:
    """What a name may be found by, the fullest first."""
    path = unicodedata.normalize("NFC", text).replace("\\", "/").strip("/").casefold()
    whole = without_ending(path)
    return list(dict.fromkeys((path, whole, whole.rpartition("/")[2])))


def without_ending(path: str) -> str:
    """A path without the ending of a file of clips or videos."""
    lower = path.lower()
    if not lower.endswith(_ENDINGS):
        return path
    return next(path[: -len(ending)] for ending in _ENDINGS if lower.endswith(ending))


def repeated(texts: Iterable[str]) -> list[str]:
    """Those that come more than once."""
    texts = list(texts)
    if len(set(texts)) == len(texts):
        return []
    return [text for text, n in Counter(texts).items() if n > 1]
