"""Which clip a name in a user's file means: with or without ending and folder, as people write them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

_ENDINGS = (
    ".skeleton.npy",
    ".skeleton",
    ".npy",
    ".npz",
    ".mat",
    ".csv",
    ".txt",
    ".json",
    ".pkl",
    ".avi",
    ".mp4",
)


class NameMatcher:
    """Finds clips by what a file calls them. sources: the path of each clip's file below its source, or ""."""

    def __init__(self, names: Sequence[str], sources: Iterable[str] = ()) -> None:
        self._exact = dict.fromkeys(names)
        self._looser: dict[str, str | None] = {}
        for name, source in zip(names, list(sources) or [""] * len(names), strict=True):
            for key in {key for text in (name, source) if text for key in _keys(text)}:
                self._looser[key] = None if self._looser.get(key, name) != name else name

    def find(self, text: str) -> str | None:
        """The clip's name; None where no clip, or more than one, is meant."""
        text = text.strip()
        if text in self._exact:
            return text
        for key in _keys(text):
            found = self._looser.get(key)
            if found is not None:
                return found
        return None

    def find_all(self, texts: Iterable[str]) -> tuple[dict[str, str], list[str]]:
        """Text -> clip, and the texts that mean none."""
        found = {text: self.find(text) for text in texts}
        return {t: n for t, n in found.items() if n is not None}, [t for t, n in found.items() if n is None]


def _keys(text: str) -> list[str]:
    """What a name may be found by, the fullest first."""
    path = text.replace("\\", "/").strip("/")
    whole = without_ending(path)
    last = PurePosixPath(whole).name
    return list(dict.fromkeys((path.casefold(), whole.casefold(), last.casefold())))


def without_ending(path: str) -> str:
    """A path without the ending of a file of clips or videos."""
    lower = path.lower()
    return next((path[: -len(ending)] for ending in _ENDINGS if lower.endswith(ending)), path)


def repeated(texts: Iterable[str]) -> list[str]:
    """Those that come more than once."""
    return [text for text, n in Counter(texts).items() if n > 1]
