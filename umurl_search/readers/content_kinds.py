"""What files are by their content, where their name or the format that was stated says otherwise."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from encoder.errors import Hint
from umurl_search.readers.file_per_clip import walk_files
from umurl_search.readers.formats import FORMATS

_MOST_TRIED = 20
_TOLD_BY_NAME = ("ntu-skeleton",)
"""Formats of which any file passes that ends so."""


def find_format(path: Path) -> str | None:
    """The format that a file is of by what is in it, whatever it is called; None where none is known."""
    fitting = (name for name, row in FORMATS.items() if name not in _TOLD_BY_NAME and row.is_file(path))
    return next(fitting, None)


def suggest_format(source: Path) -> Hint:
    """What mends a source in which nothing of a stated format is: the format of its first file that is of another."""
    for path in _first_files(source):
        if (renamed := find_renamed([path])) is not None:
            return renamed
        if (found := find_format(path)) is not None:
            said = f"{path.name} is {found} by its content: {{option}} reads it"
            return Hint(said, option="format", value=found)
    return Hint("check the source, or give its {option}", option="format")


def find_renamed(paths: Iterable[Path]) -> Hint | None:
    """How the first of some files must be called that is of a format whose files end otherwise; None without one."""
    for path in paths:
        found = find_format(path)
        suffixes = FORMATS[found].suffixes if found else ()
        if suffixes and path.suffix.lower() not in suffixes:
            return Hint(f"{path.name} is {found} by its content; give it a name that ends in {suffixes[0]}")
    return None


def _first_files(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
    elif source.is_dir():
        for _, name in zip(range(_MOST_TRIED), walk_files(source), strict=False):
            yield source / name
