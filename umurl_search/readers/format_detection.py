"""Which format a source is in: that of most of its files; and what else lies there."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from encoder.errors import BadInputError, Hint, NotFoundError, UmurlError
from umurl_search.clips.types import SET_AXES
from umurl_search.readers.content_kinds import find_renamed
from umurl_search.readers.file_per_clip import walk_files
from umurl_search.readers.formats import FORMATS, Format
from umurl_search.readers.zip_source import is_zip_source, unpacked

_MOST_TRIED = 50
_MOST_SHOWN = 6
_NO_SUFFIX = "no suffix"
_FOREIGN = {
    (".7z", ".bz2", ".gz", ".rar", ".tar", ".tgz", ".xz"): "unpack the archives first",
    (".avi", ".mkv", ".mov", ".mp4", ".webm"): "videos hold no joints: estimate them first",
    (".fbx", ".glb", ".gltf", ".usd", ".usda", ".usdc", ".blend"): "export BVH, which is read",
    (
        ".pkl",
        ".pickle",
    ): "numpy.savez('CLIP.npz', **dictionary) writes a pickle of SMPL's angles as .npz, which is read",
    (".json", ".h5", ".hdf5", ".parquet", ".pt", ".pth", ".trc"): (
        "write each recording as a .npy array (T, 25, 3)"
    ),
}
"""What helps with files that are not read, by their suffix."""
_PAGE = "docs/data-format.md lists what is read"


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What lies at a source: counts of files, and some paths of them, by suffix."""

    source: Path
    counts: dict[str, int] = field(default_factory=dict)
    samples: dict[str, list[Path]] = field(default_factory=dict)


def survey(source: Path) -> Survey:
    """What lies at a source; of each suffix some files, evenly spread."""
    if source.is_file():
        suffix = suffix_of(source.name)
        return Survey(source=source, counts={suffix: 1}, samples={suffix: [source]})
    names: dict[str, list[str]] = {}
    for name in walk_files(source):
        names.setdefault(suffix_of(name), []).append(name)
    samples = {
        suffix: [source / same[place * len(same) // _MOST_TRIED] for place in range(_MOST_TRIED)]
        if len(same) > _MOST_TRIED
        else [source / name for name in same]
        for suffix, same in names.items()
    }
    return Survey(
        source=source, counts={suffix: len(same) for suffix, same in names.items()}, samples=samples
    )


def suffix_of(name: str) -> str:
    """The suffix of a file's name in small letters; in words where it has none."""
    return Path(name).suffix.lower() or _NO_SUFFIX


def describe_counts(counts: dict[str, int]) -> str:
    """Files by suffix in words, most first: `4 .csv, 1 .json`."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{count:,} {'with ' if suffix == _NO_SUFFIX else ''}{suffix}" for suffix, count in ordered]
    others = sum(count for _, count in ordered[_MOST_SHOWN:])
    return ", ".join(shown[:_MOST_SHOWN] + ([f"{others:,} others"] if others else []))


def detect(source: Path, *, axes: str | None = None) -> str:
    """The format of a file, or that of most files of a folder: a key of `FORMATS`.

    axes: of arrays, where they are stated.
    Raises: UmurlError where nothing is there or nothing is recognised.
    """
    if not source.exists():
        raise NotFoundError(f"{source}: no such file or folder; known formats are {', '.join(FORMATS)}")
    if is_zip_source(source):
        with unpacked(source) as folder:
            return detect(folder, axes=axes)
    found = survey(source)
    if not found.counts:
        raise _unknown_source_error(source, "the folder is empty")
    if axes in SET_AXES:
        return "array-set"
    rows = {name: row for name, row in FORMATS.items() if axes is None or name != "array-set"}
    for strict in (True, False):
        weights = {name: _weigh(row, found, strict=strict) for name, row in rows.items()}
        best = max(weights, key=weights.__getitem__)  # of several, the first of the table
        if weights[best]:
            return best
    raise _not_recognised_error(found)


def _weigh(row: Format, found: Survey, *, strict: bool) -> int:
    """How many of the files are of a format, by what some of them are."""
    together = row.count_in_folder(found.source)
    if together:
        return together
    tried = [path for suffix in row.suffixes for path in found.samples.get(suffix, [])]
    examine = row.is_likely if strict and row.is_likely is not None else row.is_file
    fitting = sum(map(examine, tried))
    there = sum(found.counts.get(suffix, 0) for suffix in row.suffixes)
    return math.ceil(there * fitting / len(tried)) if fitting else 0


def _unknown_source_error(source: Path, what: str) -> UmurlError:
    return BadInputError(f"{source}: {what}; known formats are {', '.join(FORMATS)}")


def _not_recognised_error(found: Survey) -> UmurlError:
    """What lies there instead, and what helps."""
    files = "file" if sum(found.counts.values()) == 1 else "files"
    what = f"holds no recordings that are recognised, only {describe_counts(found.counts)} {files}"
    most = max(found.counts, key=found.counts.__getitem__)
    renamed = find_renamed(found.samples[most])
    if renamed is not None:
        return BadInputError(f"{found.source}: {what}", renamed)
    remedies = find_remedies(most)
    return BadInputError(
        f"{found.source}: {what}; known formats are {', '.join(FORMATS)}",
        Hint("; ".join([*remedies, _PAGE]) + ", {option} names one", option="format"),
    )


def find_remedies(suffix: str) -> list[str]:
    """What helps with files of a suffix that is not read."""
    return [said for suffixes, said in _FOREIGN.items() if suffix in suffixes]


def passed_over(roots: Sequence[Path], read: Sequence[Path]) -> dict[str, int]:
    """The files below the roots that are not among those read, by suffix; hidden ones do not count."""
    taken = {str(path) for path in read}
    left = Counter(
        suffix_of(name)
        for root in roots
        if root.is_dir()
        for name in walk_files(root)
        if f"{root}/{name}" not in taken
    )
    return dict(sorted(left.items(), key=lambda item: (-item[1], item[0])))


def describe_passed_over(read: Sequence[Path], left: dict[str, int]) -> list[str]:
    """A line on what was read and what was passed over; none where nothing was."""
    if not left:
        return []
    counts = dict(Counter(suffix_of(path.name) for path in read))
    return [f"{describe_counts(counts)} read, {describe_counts(left)} passed over"]
