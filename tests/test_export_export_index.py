"""What is exported is what the index and the catalog hold, row by row, in either format."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LONG_INDEX
from documents import table
from refusals import raises_typed

from umurl_search.export import export_index as exporting
from umurl_search.export.export_index import ExportRequest, export_index
from umurl_search.index.open_index import open_index
from umurl_search.library.library import Library

MODALITIES = ("joint", "bone", "motion", "fused")


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "CHUNK", 23)


def test_parquet(indexed: Library, tmp_path: Path) -> None:
    out = tmp_path / "out"
    document = export_index(indexed, ExportRequest(out=out))
    assert document["files"] == ["about.json", "embeddings.parquet"]
    assert (document["rows"], document["clips"], document["modalities"]) == (60, 60, list(MODALITIES))
    columns = table(out / "embeddings.parquet")
    index, _ = open_index(indexed, None)
    for modality in MODALITIES:
        assert np.array_equal(np.array(columns[modality], dtype=np.float32), index.embeddings(modality))
    assert_catalog(indexed, columns)
    about = json.loads((out / "about.json").read_text())
    assert (about["index"], about["rows"], about["dataset"], about["encoder"]) == ("mine@e", 60, "mine", "e")
    assert about["transform"] == "none"
    assert about["encoder_hash"] == index.manifest["encoder_hash"]


def assert_catalog(library: Library, columns: dict[str, list[Any]]) -> None:
    with library.read() as catalog:
        clips, split = catalog.clips_of("mine"), catalog.split("mine", "xsub")
    assert columns["id"] == clips.id.tolist() == sorted(columns["id"])
    for name in ("name", "label", "action", "subject", "camera", "setup", "replication", "people", "frames"):
        assert columns[name] == clips.columns[name], name
    test = [i for i, part in zip(columns["id"], columns["split_xsub"], strict=True) if part == "test"]
    assert test == split["test"].tolist()
    assert set(columns["split_xsub"]) == {"train", "test"}


def test_npy(indexed: Library, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    document = export_index(indexed, ExportRequest(out=out, format="npy"))
    assert document["files"] == [
        "about.json",
        "catalog.csv",
        *sorted(f"embeddings-{m}.npy" for m in MODALITIES),
    ]
    assert document["bytes"] == sum(path.stat().st_size for path in out.iterdir())
    index, _ = open_index(indexed, None)
    for modality in MODALITIES:
        y = np.load(out / f"embeddings-{modality}.npy", allow_pickle=False)
        assert y.dtype == np.float32
        assert np.array_equal(y, index.embeddings(modality))
    with open(out / "catalog.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = ("id", "label", "subject", "camera", "setup", "replication", "people", "frames")
    columns: dict[str, list[Any]] = {
        name: [
            (int(row[name]) if row[name] else None) if name in numbers else row[name] or None for row in rows
        ]
        for name in rows[0]
    }
    assert_catalog(indexed, columns)


def test_an_index_of_which_a_clip_is_gone(indexed: Library, tmp_path: Path) -> None:
    index, _ = open_index(indexed, None)
    whole = np.array(index.embeddings("bone"))
    gone = [int(index.ids[0]), int(index.ids[30])]
    with indexed.write() as catalog:
        catalog.change_clips("mine", removed=gone)
    assert export_index(indexed, ExportRequest(out=tmp_path / "out"))["rows"] == 58
    columns = table(tmp_path / "out" / "embeddings.parquet")
    assert np.array_equal(np.array(columns["bone"], dtype=np.float32), np.delete(whole, [0, 30], axis=0))
    assert_catalog(indexed, columns)


def test_a_folder_in_use_is_left_alone(indexed: Library, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    for place in (out, out / "mine.txt"):
        with raises_typed(r"holds something already; give --out a folder that is new or empty$"):
            export_index(indexed, ExportRequest(out=place))
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    with raises_typed(r"give --out a folder in one that exists$"):
        export_index(indexed, ExportRequest(out=tmp_path / "no" / "out"))


def test_a_stopped_export_leaves_nothing(
    indexed: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(exporting._Clips, "chunk", stop)
    for form in ("parquet", "npy"):
        with pytest.raises(KeyboardInterrupt):
            export_index(indexed, ExportRequest(out=tmp_path / "out", format=form))
        assert [path.name for path in tmp_path.iterdir()] == ["library"]


def test_windows_of_long_recordings_say_where_they_are(long: Library, tmp_path: Path) -> None:
    document = export_index(long, ExportRequest(out=tmp_path / "out", index=LONG_INDEX))
    columns, (index, _) = table(tmp_path / "out" / "embeddings.parquet"), open_index(long, LONG_INDEX)
    assert index.spans is not None
    assert (document["clips"], document["rows"]) == (4, len(index.spans))
    assert [columns["start_frame"], columns["stop_frame"]] == index.spans.T.tolist()
    assert columns["id"] == index.ids.tolist()
    assert np.array_equal(np.array(columns["fused"], dtype=np.float32), index.embeddings("fused"))
    assert json.loads((tmp_path / "out" / "about.json").read_text())["window_s"] == [2.5]
