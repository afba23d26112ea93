"""The splits file, in the forms that people have: which clips are the train and test parts of a protocol."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from encoder.errors import BadInputError, Hint, reason_of
from umurl_search.clips.types import Splits
from umurl_search.ingest.clip_names import NAME_COLUMNS, NAMES_HINT, NameMatcher, repeated
from umurl_search.ingest.labels_file import is_folder_word
from umurl_search.library.catalog.read_table import Table, read_document, read_table, read_text_file
from umurl_search.library.library import check_name

PARTS = {
    "train": "train",
    "training": "train",
    "gallery": "gallery",
    "test": "test",
    "testing": "test",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "eval": "val",
}
"""How parts are called -> what they are; `val` is the test part where there is no other."""
FOLDER_PROTOCOL = "default"
_FORM = (
    'it is {"protocol": {"train": [names], "test": [names]}}, {"train": [names], "test": [names]}, '
    '{"xsub_train": [names], "xsub_val": [names]}, or a table with the columns name, part and perhaps protocol'
)
_PART_COLUMNS = ("part", "split", "subset", "set")


def read_splits(path: Path | None) -> Splits:
    """Protocol -> part (train, gallery or test) -> names. Raises UmurlError for what is no splits file."""
    if path is None or is_folder_word(path):
        return {}
    try:
        found = _read_list_files(path) if path.is_dir() else _read_file(path)
        return {
            check_name(protocol, what="a protocol"): _settle_parts(protocol, parts)
            for protocol, parts in found.items()
        }
    except (OSError, ValueError, AttributeError, TypeError, RecursionError, csv.Error) as error:
        raise BadInputError(f"{path}: not a splits file ({reason_of(error)})", _FORM) from error


def _read_file(path: Path) -> dict[str, dict[str, list[str]]]:
    content = read_document(path)
    if content is None or _is_list_of_records(content):
        return _read_table(path)
    if not isinstance(content, dict) or not content:
        raise ValueError("it names no protocol")
    if all(isinstance(part, str) for part in content.values()):
        return _by_part({FOLDER_PROTOCOL: zip(content, content.values(), strict=True)})
    found: dict[str, dict[str, list[str]]] = {}
    for key, said in content.items():
        if isinstance(said, dict):
            if not said:
                raise ValueError(f"protocol {key[:80]} has no parts")
            for part, names in said.items():
                _add(found, key, _part_of(part, protocol=key), names)
        else:
            protocol, part = _split_key(key)
            _add(found, protocol, part, said)
    return found


def _split_key(key: str) -> tuple[str, str]:
    """Protocol and part of a flat key: `xsub_train`, `train_xsub`, or the part alone."""
    if key.casefold() in PARTS:
        return FOLDER_PROTOCOL, PARTS[key.casefold()]
    for mark in "_-./ ":
        first, _, rest = key.partition(mark)
        before, _, last = key.rpartition(mark)
        if before and last.casefold() in PARTS:
            return before, PARTS[last.casefold()]
        if rest and first.casefold() in PARTS:
            return rest, PARTS[first.casefold()]
    raise ValueError(f"'{key[:80]}' is no part: parts are train and test (or val)")


def _part_of(text: str, *, protocol: str) -> str:
    part = PARTS.get(text.strip().casefold())
    if part is None:
        raise ValueError(f"protocol {protocol} has a part '{text[:80]}', not train and test")
    return part


def _add(found: dict[str, dict[str, list[str]]], protocol: str, part: str, names: Any) -> None:
    listed = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
    if not listed:
        raise ValueError(f"protocol {protocol} holds something that is not a list of names")
    found.setdefault(protocol, {}).setdefault(part, []).extend(names)


def _is_list_of_records(content: Any) -> bool:
    return isinstance(content, list) and bool(content) and all(isinstance(one, dict) for one in content)


def _read_table(path: Path) -> dict[str, dict[str, list[str]]]:
    """Of a table with a column for the part, and perhaps one for the protocol; or with a column for each protocol."""
    table = read_table(path, text=(*NAME_COLUMNS, *_PART_COLUMNS, "protocol"))
    key, part = table.find(NAME_COLUMNS), table.find(_PART_COLUMNS)
    if key is None:
        raise ValueError(f"its columns are {', '.join(table.columns)}")
    names, protocol = table.columns[key], table.find(("protocol",))
    if part is None:
        wide = [name for name in table.columns if name != key and _holds_parts(table, name)]
        if not wide:
            raise ValueError(f"its columns are {', '.join(table.columns)}")
        return _by_part({name: zip(names, table.columns[name], strict=True) for name in wide})
    said = table.columns[protocol] if protocol is not None else [None] * len(names)
    rows: dict[str, list[tuple[str | None, str | None]]] = {}
    for name, chosen, which in zip(names, said, table.columns[part], strict=True):
        rows.setdefault(chosen or FOLDER_PROTOCOL, []).append((name, which))
    return _by_part(rows)


def _holds_parts(table: Table, name: str) -> bool:
    """Whether a column says the part of each clip in the protocol that it is called after."""
    said = {str(one).casefold() for one in table.columns[name] if one is not None}
    return bool(said) and said <= set(PARTS)


def _by_part(rows: Mapping[str, Iterable[tuple[Any, Any]]]) -> dict[str, dict[str, list[str]]]:
    """protocol -> part -> names, of protocol -> a name and its part each."""
    found: dict[str, dict[str, list[str]]] = {}
    for protocol, said in rows.items():
        for name, part in said:
            if name is not None and part is not None:
                _add(found, protocol, _part_of(part, protocol=protocol), [name])
    if not found:
        raise ValueError("it puts no clip into a part")
    return found


def _read_list_files(folder: Path) -> dict[str, dict[str, list[str]]]:
    """A folder of lists, a name a line: `train.txt` and `test.txt`, or `xsub_train.txt` and so on."""
    found: dict[str, dict[str, list[str]]] = {}
    for path in sorted(folder.glob("*.txt")):
        protocol, part = _split_key(path.stem)
        lines = (line.strip() for line in read_text_file(path).splitlines())
        _add(found, protocol, part, [line for line in lines if line and not line.startswith("#")])
    if not found:
        raise ValueError("the folder holds no train.txt and test.txt")
    return found


def _settle_parts(protocol: str, parts: dict[str, list[str]]) -> dict[str, list[str]]:
    """With `val` as test where there is no other. Raises ValueError where a name is in two parts."""
    settled = dict(parts)
    if "val" in settled and "test" not in settled:
        settled["test"] = settled.pop("val")
    twice = repeated(name for part, names in settled.items() if part != "val" for name in names)
    if twice:
        raise ValueError(f"protocol {protocol} names {twice[0][:80]} more than once")
    settled.pop("val", None)
    return settled


def splits_of_folders(names: Sequence[str], sources: Sequence[str]) -> Splits:
    """The parts that folders are named as, anywhere in the paths of the clips' files."""
    parts: dict[str, list[str]] = {}
    for name, source in zip(names, sources, strict=True):
        folders = [one.casefold() for one in PurePosixPath(source).parent.parts]
        part = next((PARTS[one] for one in folders if one in PARTS), None)
        if part is not None:
            parts.setdefault(part, []).append(name)
    return {FOLDER_PROTOCOL: _settle_parts(FOLDER_PROTOCOL, parts)} if parts else {}


def match_splits(
    splits: Splits, *, names: Sequence[str], sources: Sequence[str], what: str = "the data or were left out"
) -> tuple[Splits, list[str]]:
    """The same with the names of clips, however the file writes them, and notes. what: where clips are looked for.

    Raises UmurlError for a protocol that names no clip of the data.
    """
    matcher = NameMatcher(names, sources)
    found: dict[str, dict[str, list[str]]] = {}
    notes = []
    for protocol, parts in splits.items():
        n_loose = n_unknown = 0
        for part, said in parts.items():
            clips, unknown = matcher.find_all(said)
            n_loose += sum(text != name for text, name in clips.items())
            n_unknown += len(unknown)
            found.setdefault(protocol, {})[part] = list(dict.fromkeys(clips.values()))
        twice = repeated(name for clips in found[protocol].values() for name in clips)
        if twice:
            raise BadInputError(f"protocol {protocol} names clip '{twice[0][:80]}' more than once")
        if not any(found[protocol].values()):
            raise BadInputError(
                f"protocol {protocol} names no clip of the data", Hint(NAMES_HINT, option="splits")
            )
        if n_loose:
            notes.append(
                f"protocol {protocol}: {n_loose:,} names were matched without their ending or folder"
            )
        if n_unknown:
            notes.append(f"protocol {protocol} names {n_unknown:,} clips that are not in {what}")
    return found, notes
