"""The columns of a clip in the catalog, each declared once: what it holds, and where it is shown and asked for."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from encoder.errors import Hint, UmurlError
from umurl_search.clips.types import Rows

if TYPE_CHECKING:
    from umurl_search.library.catalog.queries import ClipColumns


@dataclass(frozen=True, kw_only=True)
class ClipColumn:
    """A column. sql: its type in the catalog and in files of hits and embeddings.

    in_hits: shown with a hit; facet: counted on the page, and what points of a projection are coloured by;
    excludable: clips of the query's own value can be left out; read: said by a recording, not given by the catalog.
    """

    name: str
    sql: Literal["bigint", "varchar"]
    in_hits: bool = True
    facet: bool = False
    excludable: bool = False
    read: bool = True


CLIP_COLUMNS = (
    ClipColumn(name="id", sql="bigint", in_hits=False, read=False),
    ClipColumn(name="name", sql="varchar"),
    ClipColumn(name="dataset", sql="varchar", read=False),
    ClipColumn(name="label", sql="bigint", facet=True),
    ClipColumn(name="action", sql="varchar", facet=True, read=False),
    ClipColumn(name="subject", sql="bigint", facet=True, excludable=True),
    ClipColumn(name="camera", sql="bigint", facet=True, excludable=True),
    ClipColumn(name="setup", sql="bigint", facet=True, excludable=True),
    ClipColumn(name="replication", sql="bigint", facet=True, excludable=True),
    ClipColumn(name="people", sql="bigint", in_hits=False, facet=True),
    ClipColumn(name="frames", sql="bigint"),
)
"""What a filter sees of a clip, in the order in which it is shown."""

COLUMNS = tuple(column.name for column in CLIP_COLUMNS)
FACETS = tuple(
    column.name for column in sorted(CLIP_COLUMNS, key=lambda one: one.sql != "varchar") if column.facet
)
"""Words before numbers."""
EXCLUDABLE = tuple(column.name for column in CLIP_COLUMNS if column.excludable)
PERFORMANCE = ("setup", "subject", "replication", "label")
"""Together they name a performance, whatever the camera."""
_NUMBERS = {2: "both", 3: "all three", 4: "all four"}


def sql_types(*, only_hits: bool = False) -> dict[str, str]:
    """Column -> its type in SQL, of those shown with a hit or of all."""
    return {column.name: column.sql for column in CLIP_COLUMNS if column.in_hits or not only_hits}


def facets_of(columns: "ClipColumns") -> tuple[str, ...]:
    """The columns of a dataset that are counted and coloured by, those of one's own last."""
    return (*FACETS, *(name for name in columns.own if name not in COLUMNS))


def number_of(value: int | str | None) -> int | None:
    """A value of a field as a whole number, equal for equal values: of a word, one that no count reaches.

    Where some clips have words, the numbers of the others are text.
    """
    if not isinstance(value, str):
        return value
    if value.isdecimal() and value == str(int(value)):
        return int(value)
    return int.from_bytes(hashlib.blake2b(value.encode(), digest_size=7).digest()) | 2**60


def clip_fields(columns: "ClipColumns", names: Sequence[str], *, dataset: str, option: str) -> Rows:
    """(N, F) whole numbers of each clip, such as setup, subject, replication and label.

    option: the field of a request that needs them. Raises UmurlError, naming it, on data that lacks them.
    """
    fields = [[number_of(value) for value in columns.columns[name]] for name in names]
    absent = [
        name for name, field in zip(names, fields, strict=True) if any(value is None for value in field)
    ]
    if absent:
        *most, last = [name.replace("label", "action") for name in absent]
        listed = f"{', '.join(most)} or {last}" if most else last
        needs = "{option} needs it" if len(names) == 1 else f"{{option}} needs {_NUMBERS[len(names)]}"
        raise UmurlError(f"some clips of {dataset} have no {listed}", Hint(needs, option=option))
    return np.array(fields, dtype=np.int64).T
