"""The segments file, in the forms that people have: what happens in long recordings."""

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from encoder.errors import BadInputError, reason_of
from umurl_search.ingest.clip_names import NAME_COLUMNS
from umurl_search.library.catalog.read_table import read_document, read_table

_FORM = (
    '{"RECORDING": [{"action": NAME, "start": SECONDS, "end": SECONDS}]}, '
    "or a table with the columns recording, action, start, end"
)
_MOST_ACTIONS = 1_000_000
_SPELLINGS = {
    "recording": ("recording", *NAME_COLUMNS),
    "action": ("action", "class", "class_name", "activity", "event", "label_name"),
    "label": ("label", "label_id", "class_id"),
    "start": ("start", "begin", "from", "onset", "t_start", "time_start", "start_time", "start_s", "t0"),
    "end": (
        "end",
        "stop",
        "to",
        "offset",
        "t_end",
        "time_end",
        "end_time",
        "stop_time",
        "end_s",
        "stop_s",
        "t1",
    ),
}
"""What a column or key means -> how people call it, in small letters and with `_` for all that is no letter."""
_SEGMENT = ("segment", "interval", "span")
"""Keys of a start and an end together."""
_INSIDE = ("annotations", "segments", "actions", "events")
"""Keys under which a recording, or a document, has its segments."""
_WHOLE_NUMBER = re.compile(r"\d+(\.0*)?", re.ASCII)
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d*)?)", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class StatedSegment:
    """A segment as its user states it: an action's name, or its number from 1, and seconds."""

    action: str | int
    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        if isinstance(self.action, bool) or not isinstance(self.action, str | int) or self.action == "":
            raise ValueError(f"an action is a name or a number from 1, got {self.action!r}")
        if isinstance(self.action, int) and not 1 <= self.action <= _MOST_ACTIONS:
            raise ValueError(f"actions count from 1 to {_MOST_ACTIONS:,}, got {self.action}")
        if not (0 <= self.start_s < self.end_s < math.inf):
            raise ValueError(
                f"a segment starts at 0 s or later and ends after that, got {self.start_s} to {self.end_s}"
            )


StatedSegments = dict[str, list[StatedSegment]]


@dataclass(frozen=True, kw_only=True)
class SegmentsFile:
    """What a file states. recordings: as the file calls them; notes: how it was read."""

    recordings: StatedSegments
    notes: tuple[str, ...] = ()


def read_segments(path: Path | None) -> SegmentsFile:
    """The segments of each recording in a JSON file or a table. Raises UmurlError for anything else."""
    if path is None:
        return SegmentsFile(recordings={})
    ignored: dict[str, None] = {}
    try:
        content = read_document(path)
        rows = _rows_of_table(path) if content is None else _rows_of_json(content)
        found: StatedSegments = {}
        for name, said in rows:
            segments = found.setdefault(_name_of(name), [])
            if said is not None:
                segments.append(_parse_segment(said, ignored))
        kinds = {type(one.action) for segments in found.values() for one in segments}
        if len(kinds) > 1:
            raise ValueError("some actions are names, others numbers")
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError, csv.Error) as error:
        raise BadInputError(f"{path}: not a segments file ({reason_of(error)})", f"it is {_FORM}") from error
    over = f"{path.name}: passed over of its segments: {', '.join(one[:40] for one in list(ignored)[:10])}"
    return SegmentsFile(recordings=found, notes=(over,) if ignored else ())


Row = tuple[Any, Mapping[str, Any] | None]
"""The name of a recording, and what is said of one of its segments; None where it has none."""


def _rows_of_table(path: Path) -> Iterable[Row]:
    """Raises ValueError for a table without the columns that are needed."""
    table = read_table(path, text=(*NAME_COLUMNS, *(one for kind in _SPELLINGS.values() for one in kind)))
    return _rows_of_columns(table.columns)


def _rows_of_columns(columns: Mapping[str, Sequence[Any]]) -> Iterable[Row]:
    means = _meanings(columns)
    wanted = [name for name in ("recording", "start", "end") if name not in means]
    wanted += [] if "action" in means or "label" in means else ["action"]
    if wanted:
        raise ValueError(
            f"it has no column {', '.join(wanted)}; its columns are {', '.join(columns)[:200] or 'none'}"
        )
    others = {name: values for name, values in columns.items() if name != means["recording"]}
    names = columns[means["recording"]]
    return [(name, {key: values[i] for key, values in others.items()}) for i, name in enumerate(names)]


def _rows_of_json(content: Any) -> Iterable[Row]:
    """The rows of records, of columns, of recordings by name, or of any of them within a document (ActivityNet's).

    Raises ValueError for anything else.
    """
    inner = _inner_of(content)
    if isinstance(inner, list):
        if not inner or not all(isinstance(one, dict) for one in inner):
            raise ValueError("it is no list of records")
        return _rows_of_records(inner)
    if not isinstance(inner, dict):
        raise ValueError("it is no object of recordings")
    if _is_table(inner):
        return _rows_of_columns(inner)
    return [row for name, said in inner.items() for row in _rows_of_recording(name, said)]


def _inner_of(content: Any) -> Any:
    """What a document holds beside its version and the like."""
    if isinstance(content, dict):
        for key in ("database", "results"):
            if isinstance(content.get(key), dict):
                return content[key]
        for key in _INSIDE:
            records = content.get(key)
            if isinstance(records, list) and records and all(_names_recording(one) for one in records):
                return records
    return content


def _names_recording(one: Any) -> bool:
    return isinstance(one, dict) and "recording" in _meanings(one)


def _rows_of_records(records: Sequence[Mapping[str, Any]]) -> Iterable[Row]:
    """Of records that each name their recording: a segment each, or all of its segments in a list."""
    for one in records:
        key = _meanings(one).get("recording")
        if key is None:
            raise ValueError(f"a record names no recording: it has {', '.join(one)[:200]}")
        said = {name: value for name, value in one.items() if name != key}
        inside = next((said[name] for name in _INSIDE if isinstance(said.get(name), list)), None)
        yield from [(one[key], said)] if inside is None else _rows_of_recording(one[key], inside)


def _is_table(content: Mapping[str, Any]) -> bool:
    """Whether an object is columns of equal length."""
    lists = all(isinstance(one, list) for one in content.values())
    return (
        lists
        and {"recording", "start", "end"} <= set(_meanings(content))
        and len(set(map(len, content.values()))) == 1
    )


def _rows_of_recording(name: str, said: Any) -> Iterable[Row]:
    """Of a list of segments, or an object that has one, or of action -> its starts and ends."""
    if isinstance(said, dict):
        inside = next((said[key] for key in _INSIDE if isinstance(said.get(key), list)), None)
        if inside is None:
            pairs = [(action, pair) for action, every in said.items() for pair in _pairs_of(every)]
            return [(name, {"action": action, "segment": pair}) for action, pair in pairs] or [(name, None)]
        said = inside
    if not isinstance(said, list):
        raise ValueError(f"recording {name[:80]} has no list of segments")
    return [(name, one if isinstance(one, dict) else _parse_triple(one)) for one in said] or [(name, None)]


def _pairs_of(said: Any) -> list[Any]:
    """Starts and ends: of one pair, or of a list of them. Raises ValueError for anything else."""
    if not isinstance(said, list):
        raise ValueError(f"a start and an end are expected, got {str(said)[:80]}")
    return [said] if said and not isinstance(said[0], list) else said


def _parse_triple(one: Any) -> dict[str, Any]:
    """A segment as three values, of which the action is the only text."""
    words = [value for value in one if isinstance(value, str)] if isinstance(one, list) else []
    if len(words) != 1 or len(one) != 3:
        raise ValueError(f"a segment is an object with action, start and end, got {str(one)[:80]}")
    return {"action": words[0], "segment": [value for value in one if not isinstance(value, str)]}


def _meanings(columns: Iterable[str]) -> Mapping[str, str]:
    """What columns mean -> how they are called here."""
    return _find_meanings(tuple(columns))


@lru_cache(maxsize=64)  # a file's segments have the same keys
def _find_meanings(columns: tuple[str, ...]) -> Mapping[str, str]:
    plain = {re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_"): name for name in columns}
    said = {what: [plain[one] for one in spellings if one in plain] for what, spellings in _SPELLINGS.items()}
    return {what: found[0] for what, found in said.items() if found}


def _name_of(name: Any) -> str:
    if not isinstance(name, str | int) or isinstance(name, bool) or not str(name).strip():
        raise ValueError(f"a recording's name is expected, got {str(name)[:80]!r}")
    return str(name).strip()


def _parse_segment(one: Mapping[str, Any], ignored: dict[str, None]) -> StatedSegment:
    """ignored: gains the names of what says nothing of a segment. Raises ValueError, KeyError."""
    means = _meanings(one)
    pair = next((key for key in _SEGMENT if isinstance(one.get(key), list)), None)
    if pair is not None and len(one[pair]) != 2:
        raise ValueError(f"a start and an end are expected, got {str(one[pair])[:80]}")
    start, end = one[pair] if pair is not None else (one[means["start"]], one[means["end"]])
    what = "action" if "action" in means else "label"
    used = {means[key] for key in (what, *(("start", "end") if pair is None else ())) if key in means} | {
        pair
    }
    ignored.update(dict.fromkeys(name for name in one if name not in used))
    return StatedSegment(
        action=_parse_action(one[means[what]], is_label=what == "label"),
        start_s=_parse_seconds(start),
        end_s=_parse_seconds(end),
    )


def _parse_action(said: Any, *, is_label: bool) -> Any:
    """The action's name, or its number from 1; is_label: numbers count from 0."""
    if isinstance(said, str):
        said = said.strip()
        said = int(float(said)) if _WHOLE_NUMBER.fullmatch(said) and len(said) < 20 else said
    elif isinstance(said, float) and said.is_integer():
        said = int(said)
    return said + 1 if is_label and isinstance(said, int) and not isinstance(said, bool) else said


def _parse_seconds(said: Any) -> float:
    """Seconds as a number, or as minutes and seconds (1:02.5), with a point or a comma."""
    if said is None:
        raise ValueError("a segment has no start or no end")
    if isinstance(said, str):
        clock = _CLOCK.fullmatch(said.strip())
        if clock is not None:
            hours, minutes, seconds = clock.groups()
            return 3600 * int(hours or 0) + 60 * int(minutes) + float(seconds.replace(",", "."))
        said = said.strip().replace(",", ".")
    return float(said)
