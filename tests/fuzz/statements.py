"""What is done with files that say more of clips: splits, segments, labels, maps of actions."""

from pathlib import Path

from umurl_search.evaluation.cross_dataset import read_action_map
from umurl_search.ingest.labels_file import read_labels
from umurl_search.ingest.segments_file import read_segments
from umurl_search.ingest.splits_file import read_splits


def require_storable(name: str) -> None:
    assert type(name) is str
    assert len(name) < 1_000, len(name)
    name.encode()


def read_splits_files(folder: Path) -> None:
    for path in folder.iterdir():
        for protocol, parts in read_splits(path).items():
            require_storable(protocol)
            assert all(type(name) is str for names in parts.values() for name in names)


def read_segments_files(folder: Path) -> None:
    for path in folder.iterdir():
        for name, stated in read_segments(path).recordings.items():
            assert type(name) is str
            assert all(0 <= one.start_s < one.end_s for one in stated)


def read_labels_files(folder: Path) -> None:
    for path in folder.iterdir():
        labels = read_labels(path)
        assert labels is not None
        columns = (labels.label, labels.action, *labels.fields.values(), *labels.own.values())
        assert all(len(column) == len(labels.names) for column in columns)
        assert all(label is None or 0 <= label < 2**31 for label in labels.label)
        assert labels.digest


def read_map_file(folder: Path) -> None:
    for pair in read_action_map(folder / "map.tsv").items():
        assert all(0 <= label < 2**31 for label in pair), pair
