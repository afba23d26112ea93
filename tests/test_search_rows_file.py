"""Answers as rows of files: columns of one's own, and words in place of numbers."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Result

from umurl_search.ingest.relabel import relabel
from umurl_search.library.library import Library

Command = Callable[..., Result]
CLIP = "S001C001P001R001A001"


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_columns_that_are_shown_are_written(
    indexed: Library, command: Command, tmp_path: Path, ending: str
) -> None:
    (tmp_path / "l.csv").write_text(f"name,mood,subject\n{CLIP},good,ann\n")
    relabel(indexed, "mine", tmp_path / "l.csv")
    out = tmp_path / f"hits.{ending}"
    asked = ("query", f"mine:{CLIP}", "--k", 2, "--show", "mood", "--out", out)
    assert command(*asked).code == 0
    content = out.read_bytes()
    assert b"mood" in content
    if ending == "jsonl":
        first, second = map(json.loads, content.decode().splitlines())
        assert (first["mood"], first["subject"], second["mood"]) == ("good", "ann", None)
    if ending == "csv":
        assert b",good" in content.splitlines()[1]
