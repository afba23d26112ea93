"""`query` with many clips: its document, its table, its notes; one clip is as ever."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from conftest import Result

from umurl_search.library.library import Library

Command = Callable[..., Result]
CLIP = "mine:S001C001P001R001A001"
OTHER = "mine:S001C002P003R001A028"


def test_one_clip_is_as_ever(command: Command, indexed: Library) -> None:
    document = command("query", CLIP, "--json").json
    assert list(document) == ["query", "index", "indexes", "hits", "seconds"]
    assert command("query", CLIP).out.startswith(
        f"{CLIP} (fused) against mine@e (fused, transform none): 10 of 60"
    )
    assert command("query", "nowhere").err.startswith("umurl-search: nowhere: not a clip; give")
    assert command("query").code == 2


def test_two_clips(command: Command, indexed: Library) -> None:
    told = command("query", CLIP, OTHER, "--k", "2", "--json")
    assert (told.code, told.err) == (0, "")
    assert set(told.json) == {
        "queries",
        "answered",
        "stored",
        "rows",
        "index",
        "indexes",
        "left_out",
        "seconds",
    }
    assert [one["query"]["clip"] for one in told.json["queries"]] == [CLIP, OTHER]
    assert [one["hits"][0]["name"] for one in told.json["queries"]] == [CLIP[5:], OTHER[5:]]
    lines = command("query", CLIP, OTHER, "--k", "2").out.splitlines()
    assert lines[0].startswith("2 clips against mine@e (fused, transform none): 4 hits, ")
    assert lines[1] == "* the query itself"
    assert lines[2].split() == ["clip", "action", "1.", "2."]
    assert lines[3].split()[0] == CLIP
    assert f"{CLIP[5:]}* 1.0000" in lines[3]


def test_a_dataset(command: Command, indexed: Library) -> None:
    told = command("query", "mine", "--k", "5")
    assert told.code == 0
    assert told.err == "note: 60 clips are the index's own and ask with the embeddings that it holds\n"
    assert "60 clips against mine@e (fused, transform none): 300 hits" in told.out
    assert told.out.splitlines()[-1] == "and 40 more clips: --json or --out FILE gives all"
    assert command("query", "mine", "--quiet", "--json").err == ""


def test_what_cannot_be_read_is_told_and_the_rest_answered(
    command: Command, indexed: Library, tmp_path: Path
) -> None:
    for name in "abcde":
        np.save(tmp_path / f"{name}.npy", np.zeros((4, 3)))
    told = command("query", CLIP, *sorted(tmp_path.glob("*.npy")))
    assert told.code == 0
    lines = told.err.splitlines()
    assert lines[0].startswith(f"left out: {tmp_path}/a.npy: an array of shape (4, 3) is no clip")
    assert lines[3:] == ["and 2 more left out (--json)"]
    assert "1 clips against mine@e (fused, transform none), 5 left out: 10 hits" in told.out
    none = command("query", tmp_path / "a.npy", tmp_path / "b.npy", "--json")
    assert (none.code, none.out) == (1, "")
    assert "none of the 2 clips can be read; the first, " in none.err


def test_out(command: Command, indexed: Library, tmp_path: Path) -> None:
    path = tmp_path / "hits.jsonl"
    document = command("query", CLIP, "--k", "3", "--out", path, "--json").json
    assert (document["out"], document["rows"]) == (str(path), 3)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["query"], row["rank"]) for row in rows] == [(CLIP, 1), (CLIP, 2), (CLIP, 3)]
    assert f"{path}: a row a hit" in command("query", "mine", "--out", path).out
    assert len(path.read_text().splitlines()) == 600
    wrong = command("query", "mine", "--out", tmp_path / "hits.txt")
    assert (wrong.code, wrong.out) == (1, "")
    assert "give a file that ends in .jsonl, .parquet or .csv, in a folder that exists" in wrong.err
