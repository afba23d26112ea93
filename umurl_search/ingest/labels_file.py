"""What a user says of clips: labels, known fields and columns of one's own, from a table or from folders."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from encoder.errors import BadInputError, Hint
from umurl_search.ingest.clip_names import NAME_COLUMNS, NAMES_HINT, NameMatcher, repeated
from umurl_search.library.catalog.own_columns import own_name
from umurl_search.library.catalog.queries import Catalog
from umurl_search.library.catalog.read_table import Table, read_table

FOLDER = "folder"
"""In place of a file: the folder that holds a clip's file says it."""
_LABELS, _ACTIONS = ("label",), ("action", "class", "class_name", "label_name")
FIELDS = ("subject", "camera", "setup", "replication")
_MOST_LABEL = 1_000_000
_FORM = "it is a table with a column name, a column label (from 0) or action, and any others"


@dataclass(frozen=True, kw_only=True)
class Labels:
    """names: as the table has them. label, action: of each, None where it says nothing. fields: known ones that are
    numbers. own: columns of one's own, and known ones that are words; types: their SQL types."""

    names: tuple[str, ...]
    label: tuple[int | None, ...] = ()
    action: tuple[str | None, ...] = ()
    fields: Mapping[str, Sequence[int | None]] = field(default_factory=dict)
    own: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """Changes when what is said does."""
        said = [self.names, self.label, self.action, dict(self.fields), dict(self.own), dict(self.types)]
        return hashlib.sha256(json.dumps(said, default=str).encode()).hexdigest()

    @property
    def columns(self) -> list[str]:
        """Names of the further columns."""
        return list(self.types)


def read_labels(path: Path | None) -> Labels | None:
    """The labels in a table; None for no file, and for the word `folder`. Raises UmurlError for anything else."""
    if path is None or is_folder_word(path):
        return None
    table = read_table(path, text=(*NAME_COLUMNS, *_ACTIONS), numbers=(*_LABELS, *FIELDS))
    key = table.find(NAME_COLUMNS)
    if key is None:
        listed = ", ".join(table.columns) or "none"
        raise BadInputError(f"{path}: no column says which clip a row is of; its columns are {listed}", _FORM)
    if not len(table):
        raise BadInputError(f"{path}: it names its columns and no clip", _FORM)
    label, action, used, notes = _read_classes(table, path)
    names = tuple("" if name is None else name.strip() for name in table.columns[key])
    if twice := repeated(filter(None, names)):
        raise BadInputError(f"{path}: names '{twice[0][:80]}' more than once")
    fields, own, types, renamed = _split_columns(table, {key, *used})
    notes += [
        f"{path.name}: its column {name} is called {kept}: the catalog has one of that name"
        for name, kept in renamed.items()
    ]
    if table.passed_over:
        notes.append(
            f"{path.name}: columns of lists or records were passed over: {', '.join(table.passed_over)}"
        )
    return Labels(
        names=names, label=label, action=action, fields=fields, own=own, types=types, notes=tuple(notes)
    )


def is_folder_word(path: Path | None) -> bool:
    """Whether the word `folder` is meant, not a file of that name."""
    return path is not None and str(path) == FOLDER and not path.is_file()


Classes = tuple[tuple[int | None, ...], tuple[str | None, ...], set[str], list[str]]


def _read_classes(table: Table, path: Path) -> Classes:
    """label, action, the columns that said them, and notes."""
    n, notes = len(table), list[str]()
    by_number, by_name = table.find(_LABELS), table.find(_ACTIONS)
    label: tuple[int | None, ...] = (None,) * n
    action: tuple[str | None, ...] = (None,) * n
    if by_number is not None and table.types[by_number] != "bigint":
        said = [one for one in table.columns[by_number] if one is not None]
        n_numbers = sum(map(_is_number, said))
        if by_name is not None or table.types[by_number] != "varchar" or 2 * n_numbers > len(said):
            odd = next((one for one in said if not _is_whole(one)), "")
            raise BadInputError(
                f"{path}: its column {by_number} holds other than whole numbers: '{odd[:80]}'", _FORM
            )
        among = f" (numbers, too: {n_numbers:,} of {len(said):,})" if n_numbers else ""
        notes.append(f"{path.name}: its column {by_number} is text, read as actions{among}")
        by_number, by_name = None, by_number
    if by_number is not None:
        label = tuple(table.columns[by_number])
        worst = next((one for one in set(label) if one is not None and not -1 <= one < _MOST_LABEL), None)
        if worst is not None:
            raise BadInputError(f"{path}: label {worst}; labels count from 0 to {_MOST_LABEL:,}", _FORM)
        if -1 in label:
            notes.append(f"{path.name}: label -1 is read as no label")
            label = tuple(None if one == -1 else one for one in label)
    if by_name is not None:
        said = table.columns[by_name]
        action = tuple(None if one is None or not str(one).strip() else str(one).strip() for one in said)
    return label, action, {name for name in (by_number, by_name) if name is not None}, notes


def _is_number(value: Any) -> bool:
    """Whether a text is a number, as a word is not."""
    return re.fullmatch(r"-?\d*\.?\d+", str(value)) is not None


def _is_whole(value: Any) -> bool:
    return re.fullmatch(r"-?\d+", str(value)) is not None


_Columns = tuple[dict[str, list[int | None]], dict[str, list[Any]], dict[str, str], dict[str, str]]


def _split_columns(table: Table, used: set[str]) -> _Columns:
    """The known fields that are numbers; the other columns, their types, and how those are called whose names are
    taken."""
    fields: dict[str, list[int | None]] = {}
    own: dict[str, list[Any]] = {}
    types, renamed = dict[str, str](), dict[str, str]()
    for name, values in table.columns.items():
        known = name.casefold()
        if name in used:
            continue
        if known in FIELDS and table.types[name] == "bigint":
            fields[known] = values
            continue
        kept = known if known in FIELDS else own_name(name)
        while kept in own or (kept != name and kept in table.columns):
            kept += "_"
        own[kept], types[kept] = values, "varchar" if known in FIELDS else table.types[name]
        if kept.casefold() != known:
            renamed[name] = kept
    return fields, own, types, renamed


def labels_of_folders(names: Sequence[str], sources: Sequence[str], *, parts: frozenset[str]) -> Labels:
    """The action of each clip is the folder that holds its file; parts: names of folders that are none."""
    return Labels(
        names=tuple(names),
        label=(None,) * len(names),
        action=tuple(action_of_folder(source, parts=parts) for source in sources),
    )


def action_of_folder(source: str, *, parts: frozenset[str]) -> str | None:
    """source: a file's path below the source."""
    folder = PurePosixPath(source).parent.name
    return None if not folder or folder.casefold() in parts else folder


@dataclass(frozen=True, kw_only=True)
class Annotations:
    """Labels of clips that are there. positions: of the clips; columns of equal length, None where nothing is said."""

    positions: list[int]
    columns: dict[str, list[Any]]
    own: dict[str, list[Any]]
    types: dict[str, str]
    unmatched: list[str]
    notes: list[str]


def match_labels(
    labels: Labels,
    *,
    names: Sequence[str],
    sources: Sequence[str],
    known: Mapping[str, int],
    listed: tuple[str, ...],
) -> Annotations:
    """What the labels say of the clips of these names.

    known: action -> label that clips have so far; listed: the dataset's own actions by label, () without a list.
    Raises UmurlError for an action that a list does not hold, and where two rows mean one clip.
    """
    place = {name: i for i, name in enumerate(names)}
    found = _find_clips(labels.names, place, sources)
    rows = [row for row, name in enumerate(found) if name is not None]
    positions = [place[name] for name in found if name is not None]
    if len(set(positions)) < len(positions):
        twice = repeated(names[position] for position in positions)
        raise BadInputError(f"two rows of the labels mean clip '{twice[0]}'")
    label, action = _number_actions(labels, rows, known, listed)
    fields = {name: [values[row] for row in rows] for name, values in labels.fields.items()}
    unmatched = [text for text, name in zip(labels.names, found, strict=True) if name is None and text]
    return Annotations(
        positions=positions,
        columns={"label": label, "action": action, **fields},
        own={name: [values[row] for row in rows] for name, values in labels.own.items()},
        types=dict(labels.types),
        unmatched=unmatched,
        notes=list(labels.notes),
    )


def _find_clips(texts: Sequence[str], place: Mapping[str, int], sources: Sequence[str]) -> list[str | None]:
    """The clip that each text means; None where it means none. place: clip -> its place among the sources."""
    if all(text in place for text in texts):
        return list(texts)
    matcher = NameMatcher(list(place), sources)
    return [text if text in place else matcher.find(text) for text in texts]


def _number_actions(
    labels: Labels, rows: Sequence[int], known: Mapping[str, int], listed: tuple[str, ...]
) -> tuple[list[int | None], list[str | None]]:
    """label and action of rows: a label has its action's name, an action its number; new ones come after the others."""
    _require_listed(labels, rows, listed)
    label = [labels.label[row] for row in rows]
    action = [labels.action[row] for row in rows]
    numbers = {name.casefold(): i for i, name in enumerate(listed)} | {
        k.casefold(): v for k, v in known.items()
    }
    said = {a: n for n, a in zip(label, action, strict=True) if n is not None and a is not None}
    numbers |= {name.casefold(): n for name, n in said.items()}
    new = sorted({a for n, a in zip(label, action, strict=True) if n is None and a is not None} - set(said))
    new = [name for name in new if name.casefold() not in numbers]
    if new and listed:
        raise BadInputError(
            f"'{new[0]}' is no action of the dataset",
            Hint(f"give one of its {len(listed)} names ('{listed[0]}', ...) or a label from 0"),
        )
    taken = max([*numbers.values(), *(n for n in label if n is not None), -1])
    numbers |= {name.casefold(): taken + i for i, name in enumerate(new, start=1)}
    names = dict(enumerate(listed)) | {n: name for name, n in known.items()} | {n: a for a, n in said.items()}
    full = [
        numbers[a.casefold()] if n is None and a is not None else n
        for n, a in zip(label, action, strict=True)
    ]
    named = [
        names.get(n, "") if a is None and n is not None else a for n, a in zip(full, action, strict=True)
    ]
    return full, named


def _require_listed(labels: Labels, rows: Sequence[int], listed: tuple[str, ...]) -> None:
    """Raises UmurlError for a label beyond the dataset's own list."""
    beyond = next((n for row in rows if (n := labels.label[row]) is not None and n >= len(listed)), None)
    if listed and beyond is not None:
        raise BadInputError(f"label {beyond}; the dataset's labels go from 0 to {len(listed) - 1}")


def doubt_classes(label: Sequence[int | None], action: Sequence[str | None]) -> list[str]:
    """Notes where clips of one label have several actions, or clips of one action several labels."""
    said = {(n, a) for n, a in zip(label, action, strict=True) if n is not None and n >= 0 and a}
    names, numbers = Counter(n for n, _ in said), Counter(a for _, a in said)
    notes = [
        f"label {n} is called {' and '.join(sorted(a for m, a in said if m == n))}: clips of one label are one class"
        for n, times in sorted(names.items())
        if times > 1
    ]
    return notes + [
        f"action {a} has the labels {', '.join(str(n) for n, b in sorted(said) if b == a)}: they are classes apart"
        for a, times in sorted(numbers.items())
        if times > 1
    ]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What several statements say of clips, the later above the earlier."""

    annotations: list[Annotations]
    notes: list[str]
    unmatched: list[str]


def annotate(
    statements: Sequence[Labels],
    names: Sequence[str],
    sources: Sequence[str],
    *,
    known: Mapping[str, int],
    listed: tuple[str, ...],
) -> Found:
    """Raises UmurlError as `match_labels`, and where a table names no clip at all."""
    found, notes, unmatched, so_far = list[Annotations](), list[str](), list[str](), dict(known)
    for labels in statements:
        one = match_labels(labels, names=names, sources=sources, known=so_far, listed=listed)
        if labels.names and not one.positions:
            raise BadInputError(
                f"the labels name no clip of the data, e.g. '{labels.names[0][:80]}'",
                Hint(NAMES_HINT, option="labels"),
            )
        said = zip(one.columns["action"], one.columns["label"], strict=True)
        so_far |= {action: label for action, label in said if action is not None and label is not None}
        if one.unmatched:
            notes.append(
                f"the labels name {len(one.unmatched):,} clips that are not in the data or were left out"
            )
        notes += one.notes
        unmatched += one.unmatched
        found.append(one)
    return Found(annotations=found, notes=notes, unmatched=unmatched)


def known_actions(catalog: Catalog, dataset: str) -> Mapping[str, int]:
    """Action -> label of the dataset's clips so far."""
    columns = catalog.clips_of(dataset)
    said = zip(columns.columns["action"], columns.label.tolist(), strict=True)
    return {action: label for action, label in said if action is not None and label >= 0}
