"""Many queries at once: as one by one, whatever they come from, and what they leave in a file."""

import contextlib
import csv
import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from conftest import LONG_INDEX
from refusals import raises_typed

from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.library import Library
from umurl_search.readers.formats import FORMATS, list_suffixes
from umurl_search.search import batch
from umurl_search.search.batch import BatchRequest, query_many
from umurl_search.search.options import QueryRequest
from umurl_search.search.query import query

HOW = QueryRequest(clip="", k=4, device="cpu")


def ask(
    library: Library, *sources: object, how: QueryRequest = HOW, out: Path | None = None
) -> dict[str, Any]:
    request = BatchRequest(sources=tuple(map(str, sources)), how=how, out=out)
    return query_many(library, request).to_dict()


def assert_as_one_by_one(library: Library, document: dict[str, Any], clips: list[str], **asked: Any) -> None:
    """The first, the last and a few between."""
    assert len(document["queries"]) == len(clips)
    step = max(1, len(clips) // 3)
    for one, clip in [*zip(document["queries"], clips, strict=True)][::-step]:
        alone = query(library, QueryRequest(clip=clip, k=4, device="cpu", **asked))
        assert [hit["name"] for hit in one["hits"]] == [hit["name"] for hit in alone["hits"]], clip
        assert [hit["score"] for hit in one["hits"]] == pytest.approx(
            [hit["score"] for hit in alone["hits"]], abs=1e-5
        )
        assert set(one["hits"][0]) == set(alone["hits"][0])
        assert one["query"]["passing"] == alone["index"]["passing"]
        assert {
            key: value for key, value in one["query"].items() if key in alone["query"] and key != "clip"
        } == {key: value for key, value in alone["query"].items() if key != "clip"}


def names_of(library: Library) -> list[str]:
    with library.read() as catalog:
        return [f"mine:{name}" for name in catalog.clips_of("mine").name]


@pytest.mark.parametrize("modality", ["fused", "motion", "joint+bone"])
def test_the_indexs_own_dataset(indexed: Library, monkeypatch: pytest.MonkeyPatch, modality: str) -> None:
    """With the embeddings that are there; those that are not are made. In chunks that do not divide it."""
    monkeypatch.setattr(batch, "CHUNK", 25)
    how = QueryRequest(clip="", k=4, modality=modality, bridge=modality != "joint+bone", device="cpu")
    document = ask(indexed, "mine", how=how)
    assert (document["answered"], document["rows"], document["left_out"]) == (60, 240, [])
    assert document["stored"] == (0 if modality == "joint+bone" else 60)
    assert {one["query"]["stored"] for one in document["queries"]} == {modality != "joint+bone"}
    assert [one["query"]["clip"] for one in document["queries"]] == names_of(indexed)
    assert_as_one_by_one(indexed, document, names_of(indexed), modality=modality, bridge=how.bridge)


def test_a_filter_and_the_own_performance(indexed: Library) -> None:
    asked: dict[str, Any] = {"where": "camera = 2", "exclude_same_performance": True}
    document = ask(indexed, *names_of(indexed)[:5], how=QueryRequest(clip="", k=4, device="cpu", **asked))
    assert_as_one_by_one(indexed, document, names_of(indexed)[:5], **asked)
    assert all(hit["camera"] == 2 for one in document["queries"] for hit in one["hits"])


def test_a_folder_of_arrays_and_one_that_is_no_clip(indexed: Library, made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ask"
    (folder / "deep").mkdir(parents=True)
    names = [f"S001C00{camera}P002R001A010" for camera in (1, 2, 3)]
    for name in names:
        shutil.copy(made / "clips" / f"{name}.npy", folder / "deep")
    np.save(folder / "flat.npy", np.zeros((4, 3), np.float32))
    np.save(folder / "nan.npy", np.full((9, 25, 3), np.nan, np.float32))
    np.save(folder / "nobody.npy", np.zeros((9, 25, 3), np.float32))
    document = ask(indexed, folder)
    assert (document["answered"], document["stored"]) == (3, 0)
    assert [one["query"]["clip"] for one in document["queries"]] == names
    assert {one["query"]["source"] for one in document["queries"]} == {str(folder)}
    for one in document["queries"]:
        assert one["query"]["label"] == 9  # by its name, which a query by file does not look at
        one["query"]["label"] = None
    assert_as_one_by_one(indexed, document, [str(folder / "deep" / f"{name}.npy") for name in names])
    left_out = {one["name"]: one["reason"] for one in document["left_out"]}
    assert set(left_out) == {"flat", "nan", "nobody"}
    assert left_out["flat"].startswith("an array of shape (4, 3) is no clip: accepted are")
    assert left_out["nobody"] == "nobody in any of 9 frames"


def test_a_folder_of_recordings_is_read_whole(indexed: Library, golden: Path) -> None:
    document = ask(indexed, golden / "raw")
    paths = {path.stem: str(path) for path in (golden / "raw").glob("*.skeleton")}
    for one in document["queries"]:
        one["query"]["label"] = None
    assert_as_one_by_one(indexed, document, [paths[one["query"]["clip"]] for one in document["queries"]])
    assert len(document["queries"]) >= 5


def test_a_folder_is_read_as_the_index_was_ingested(library: Library, made: Path, tmp_path: Path) -> None:
    """20 joints, z up, millimetres: said once, when the dataset was ingested."""
    folder = tmp_path / "millimetres"
    folder.mkdir()
    for path in sorted((made / "clips").glob("S001C001*.npy")):
        x, y, z = np.moveaxis(np.load(path)[:, :, :20], -1, 0)
        np.save(folder / path.name, 1000 * np.stack([x, -z, y], axis=-1))
    asked: dict[str, Any] = {"layout": "kinect-v1", "up": "z", "scale": 0.001}
    ingest(library, Request(name="odd", source=folder, **asked))
    build_index(library, BuildRequest(dataset="odd", encoder="e", device="cpu"))
    document = ask(library, folder)
    assert [one["hits"][0]["name"] for one in document["queries"]] == [
        one["query"]["clip"] for one in document["queries"]
    ]
    assert min(one["hits"][0]["score"] for one in document["queries"]) > 1 - 1e-5
    assert document["answered"] == 20


def test_sources_of_all_kinds_in_their_order(indexed: Library, made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    shutil.copy(made / "clips" / "S001C001P001R001A001.npy", folder)
    file = made / "clips" / "S001C002P001R001A005.npy"
    empty = tmp_path / "empty"
    empty.mkdir()
    document = ask(
        indexed, file, "nowhere", folder, empty, "mine:S001C001P001R001A001", "mine", "mine:nobody"
    )
    found = [one["query"]["clip"] for one in document["queries"]]
    assert found[:3] == [str(file), "S001C001P001R001A001", "mine:S001C001P001R001A001"]
    assert found[3:] == names_of(indexed)
    assert [one["query"]["stored"] for one in document["queries"][:4]] == [False, False, False, True]
    assert document["left_out"] == [
        {
            "name": "nowhere",
            "reason": f"not a clip; give a {list_suffixes()} file, or DATASET:CLIPNAME",
        },
        {
            "name": str(empty),
            "reason": f"the folder is empty; known formats are {', '.join(FORMATS)}",
        },
        {
            "name": "mine:nobody",
            "reason": "no clip 'nobody' in mine: umurl-search info mine shows some names",
        },
    ]
    twin, own = document["queries"][1], document["queries"][2]
    assert [hit["name"] for hit in twin["hits"]] == [hit["name"] for hit in own["hits"]]


def test_none_that_can_be_read(indexed: Library, tmp_path: Path) -> None:
    with raises_typed(r"^none of the 2 clips can be read; the first, x.npy: no such file; give"):
        ask(indexed, "x.npy", "y.npy", out=tmp_path / "x.csv")
    with raises_typed(r"^x.npy: no such file; give the path of a clip$"):
        ask(indexed, "x.npy", out=tmp_path / "x.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["library"]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
def test_a_row_a_hit_in_a_file(
    indexed: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, suffix: str
) -> None:
    monkeypatch.setattr(batch, "CHUNK", 25)
    told = ask(indexed, "mine")
    folder = tmp_path / "a [b]"
    folder.mkdir()
    path = folder / f"hits{suffix}"
    path.write_text("old")
    document = ask(indexed, "mine", out=path)
    assert (document["out"], document["rows"], "queries" in document) == (str(path), 240, False)
    assert list(folder.iterdir()) == [path]
    keys = ("rank", "name", "label", "subject", "camera", "frames", "clip_id", "score")
    wanted = [
        (one["query"]["clip"], *(hit[key] for key in keys)) for one in told["queries"] for hit in one["hits"]
    ]
    rows = read_rows(path)
    assert [(row["query"], *(row[key] for key in keys)) for row in rows] == wanted
    assert {(row["source"], row["dataset"]) for row in rows} == {("mine", "mine")}
    assert [row["query_label"] for row in rows[:240:4]] == [one["query"]["label"] for one in told["queries"]]


TEXTS = ("query", "source", "name", "dataset", "action", "index", "is_query")


def read_rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if path.suffix == ".csv":
        with open(path, newline="") as file:
            return [
                {key: value if key in TEXTS else float(value) for key, value in row.items() if value != ""}
                for row in csv.DictReader(file)
            ]
    escaped = str(path).replace("[", "[[]")
    with duckdb.connect() as connection:
        found = connection.execute("select * from read_parquet(?)", [escaped])
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def test_a_file_that_cannot_be_written(indexed: Library, tmp_path: Path) -> None:
    for out in (tmp_path / "x.txt", tmp_path / "nowhere" / "x.csv"):
        with raises_typed(r"give a file that ends in .jsonl, .parquet or .csv, in a folder that exists$"):
            ask(indexed, "mine", out=out)


def test_an_interrupted_file_is_not_there(
    indexed: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "CHUNK", 25)
    for suffix in (".jsonl", ".parquet", ".csv"):
        taken: list[int] = []

        def stop(n: int, note: str = "", taken: list[int] = taken) -> None:
            taken.append(n)
            if len(taken) == 2:
                raise KeyboardInterrupt

        def progress(title: str, *, total: int, unit: str, advance: Any = stop) -> Any:
            return contextlib.nullcontext(advance)

        request = BatchRequest(sources=("mine",), how=HOW, out=tmp_path / f"x{suffix}")
        with pytest.raises(KeyboardInterrupt):
            query_many(indexed, request, progress=progress)
        assert [path.name for path in tmp_path.iterdir()] == ["library"]


def test_an_own_dataset_needs_no_encoder(indexed: Library) -> None:
    shutil.rmtree(indexed.encoder("e"))
    assert ask(indexed, "mine")["answered"] == 60


def test_moments_of_long_recordings(long: Library, tmp_path: Path) -> None:
    how = QueryRequest(clip="", k=3, index=LONG_INDEX, device="cpu")
    clips = ["mine:S001C001P001R001A001", "mine:S001C002P003R001A028"]
    document = ask(long, *clips, "long", how=how)
    assert (document["answered"], document["stored"], document["index"]["window_s"]) == (6, 0, [2.5])
    alone = query(long, QueryRequest(clip=clips[1], k=3, index=LONG_INDEX, device="cpu"))
    found = document["queries"][1]["hits"]
    moments = ("name", "start_frame", "stop_frame", "segment")
    assert [[hit[key] for key in moments] for hit in found] == [
        [hit[key] for key in moments] for hit in alone["hits"]
    ]
    path = tmp_path / "moments.parquet"
    ask(long, clips[1], how=how, out=path)
    assert [(row["name"], row["start_frame"], row["end_s"]) for row in read_rows(path)] == [
        (hit["name"], hit["start_frame"], hit["end_s"]) for hit in found
    ]
