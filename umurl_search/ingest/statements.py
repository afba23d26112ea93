"""What a user states of clips beside their recordings: splits, segments and labels, from files or from folders."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from umurl_search.clips.types import Splits
from umurl_search.ingest.labels_file import FOLDER, Labels, is_folder_word, labels_of_folders, read_labels
from umurl_search.ingest.segments_file import StatedSegments, read_segments
from umurl_search.ingest.splits_file import PARTS, read_splits, splits_of_folders

_PARTS = frozenset(PARTS)


@dataclass(frozen=True, kw_only=True)
class Statements:
    """folder_labels, folder_splits: the folder that holds a clip's file says its action, or its part.
    files: that said all this. notes: how they were read."""

    splits: Splits = field(default_factory=dict)
    segments: StatedSegments = field(default_factory=dict)
    labels: Labels | None = None
    folder_labels: bool = False
    folder_splits: bool = False
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def origin(self) -> dict[str, str]:
        """What is kept of them with the source: it is read so again."""
        said = {"labels": self.folder_labels, "splits": self.folder_splits}
        return {name: FOLDER for name, is_so in said.items() if is_so}

    @property
    def digest(self) -> str:
        """Changes when labels or folders are stated otherwise; empty without them."""
        if self.labels is None and not self.origin:
            return ""
        said: list[Any] = [None if self.labels is None else self.labels.digest, self.origin]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    def labels_of(self, names: list[str], sources: list[str]) -> list[Labels]:
        """What is said of the clips of these names: by folders first, then by a table."""
        by_folder = [labels_of_folders(names, sources, parts=_PARTS)] if self.folder_labels else []
        return [*by_folder, *([] if self.labels is None else [self.labels])]

    def splits_of(self, names: list[str], sources: list[str]) -> Splits:
        return {**(splits_of_folders(names, sources) if self.folder_splits else {}), **self.splits}


def read_statements(
    *, splits: Path | None = None, segments: Path | None = None, labels: Path | None = None
) -> Statements:
    """Raises UmurlError for a file that is not what it should be."""
    happenings = read_segments(segments)
    files = [path for path in (splits, segments, labels) if path is not None and not is_folder_word(path)]
    return Statements(
        files=tuple(path.absolute() for path in files),
        splits=read_splits(splits),
        segments=happenings.recordings,
        notes=happenings.notes,
        labels=read_labels(labels),
        folder_labels=is_folder_word(labels),
        folder_splits=is_folder_word(splits),
    )
