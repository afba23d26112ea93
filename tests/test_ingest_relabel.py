"""Labels said anew: the catalog changes at once, nothing is embedded, filters and hits know it."""

import json
from collections.abc import Callable
from pathlib import Path

import duckdb
from conftest import Result
from refusals import Refused, has, hashes

from umurl_search.ingest.relabel import relabel
from umurl_search.library.library import Library

Command = Callable[..., Result]
CLIP = "S001C001P001R001A001"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    return path


def test_what_is_said_is_found_by_filters_hits_and_exports(
    indexed: Library, command: Command, tmp_path: Path
) -> None:
    before = hashes(indexed.root / "indexes") | hashes(indexed.root / "clips")
    path = write(tmp_path, f"name,label,mood,subject\n{CLIP},9,good,ann\nnobody,1,bad,bob\n")
    report = relabel(indexed, "mine", path)
    assert (report.relabelled, report.columns, report.unmatched) == (1, ["mood", "subject"], ["nobody"])
    assert relabel(indexed, "mine", path).relabelled == 0
    assert hashes(indexed.root / "indexes") | hashes(indexed.root / "clips") == before
    query = ("query", f"mine:{CLIP}", "--where", "mood = 'good'", "--show", "mood,people")
    (hit,) = command(*query, "--json").json["hits"]
    assert (hit["label"], hit["subject"], hit["mood"], hit["people"]) == (9, "ann", "good", 1)
    assert "good" in command(*query).out
    assert command("export", "--format", "npy", "--out", tmp_path / "out").code == 0
    header, *rows = (tmp_path / "out" / "catalog.csv").read_text().splitlines()
    assert "mood" in header.split(",")
    assert sum("good" in row for row in rows) == 1


def test_columns_of_every_type_are_shown_filtered_and_written(
    indexed: Library, command: Command, tmp_path: Path
) -> None:
    path = tmp_path / "l.parquet"
    with duckdb.connect() as con:
        values = "date '2026-01-02' as day, timestamp '2026-01-02 03:04:05' as stamped, 2.5::decimal(4, 2) as weight"
        con.execute(f"copy (select '{CLIP}' as name, {values}, true as ok, 'x' as word) to '{path}'")
    relabel(indexed, "mine", path)
    asked = ("query", f"mine:{CLIP}", "--show", "DAY,stamped,weight,ok,word")
    passing = ("--where", "day > date '2026-01-01' and stamped < '2027-01-01' and weight = 2.5 and ok")
    (hit,) = command(*asked, *passing, "--json").json["hits"]
    said = {"day": "2026-01-02", "stamped": "2026-01-02 03:04:05", "weight": 2.5, "ok": True, "word": "x"}
    assert {name: hit[name] for name in said} == said
    (row,) = [line for line in command(*asked, *passing).out.splitlines() if "1*" in line]
    assert row.split()[-6:] == ["2026-01-02", "2026-01-02", "03:04:05", "2.5", "true", "x"]
    out = tmp_path / "o.jsonl"
    assert command("query", "mine", "--k", 1, "--show", "day,stamped,weight,ok,word", "--out", out).code == 0
    rows = {one["name"]: one for one in map(json.loads, out.read_text().splitlines())}
    assert {name: rows[CLIP][name] for name in said} == said
    assert {rows[name]["day"] for name in rows if name != CLIP} == {None}
    for suffix in ("csv", "parquet"):
        out = tmp_path / f"o.{suffix}"
        assert command("query", "mine", "--k", 1, "--show", "day,ok", "--out", out).code == 0
        with duckdb.connect() as con:
            found = con.execute(f"select day::varchar, ok from '{out}' where name = '{CLIP}'").fetchall()
        assert found == [("2026-01-02", True)]
    assert "day is not known of 59 clips" in command(*asked, "--where", "day <> '2026-01-02'").err


def test_own_performance_is_left_out_by_words_too(indexed: Library, command: Command, tmp_path: Path) -> None:
    with indexed.read() as catalog:
        names, subjects = catalog.clips_of("mine").name, catalog.clips_of("mine").columns["subject"]
    rows = "".join(f"{n},who {s}\n" for n, s in zip(names, subjects, strict=True))
    plain = command("knn-eval", "--exclude-same-performance", "--json").json
    relabel(indexed, "mine", write(tmp_path, f"name,subject\n{rows}"))
    worded = command("knn-eval", "--exclude-same-performance", "--json").json
    assert {**plain, "seconds": 0} == {**worded, "seconds": 0}
    asked = ("query", f"mine:{names[0]}", "--exclude-same-performance", "--k", 60, "--json")
    assert all(hit["name"] != names[0] for hit in command(*asked).json["hits"])


def test_add_takes_labels_of_clips_that_are_there(indexed: Library, command: Command, tmp_path: Path) -> None:
    path = write(tmp_path, f"name,label\n{CLIP},9\n")
    report = command("add", "mine", "--labels", path, "--json").json
    assert (report["added"], report["relabelled"]) == (0, 1)


def test_labels_that_cannot_be(indexed: Library, refused: Refused, tmp_path: Path) -> None:
    path = write(tmp_path, "name,label\nnobody,1\n")
    has(refused("relabel", "mine", "--labels", path), "name no clip of the data")
    has(refused("relabel", "nothing", "--labels", path), "no dataset 'nothing'")
    has(refused("query", f"mine:{CLIP}", "--show", "mood"), "no column 'mood' to show")
