"""What a searcher keeps of the catalog while its file stays the same."""

from dataclasses import dataclass, field
from typing import Any

from umurl_search.clips.types import Rows

_MOST_ROWS = 20_000
_MOST_FILTERS = 64
"""That a searcher keeps in memory; then it begins again."""


@dataclass(frozen=True, kw_only=True)
class CatalogMemory:
    """What a searcher has read of the catalog while its file had this stamp: rows of clips, clips that pass filters."""

    stamp: tuple[tuple[int, int, int], ...] = ()
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    passing: dict[tuple[str, ...], Rows] = field(default_factory=dict)
    unknown: dict[tuple[str, ...], dict[str, Rows]] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        return len(self.rows) > _MOST_ROWS or len(self.passing) > _MOST_FILTERS
