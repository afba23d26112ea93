"""The command `export`: its document, its drawing, its errors."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from conftest import Result

from umurl_search.library.library import Library

Command = Callable[..., Result]


def test_export(command: Command, indexed: Library, tmp_path: Path) -> None:
    told = command("export", "mine@e", "--out", tmp_path / "a", "--format", "npy", "--json")
    assert (told.code, told.err) == (0, "")
    document = told.json
    assert (document["index"], document["format"], document["rows"]) == ("mine@e", "npy", 60)
    y = np.load(tmp_path / "a" / "embeddings-fused.npy", allow_pickle=False)
    assert y.shape == (60, document["dimension"])
    drawn = command("export", "--out", tmp_path / "b")
    assert drawn.out.startswith(
        f"{tmp_path / 'b'}: 60 rows of index mine@e, {document['dimension']} dimensions, joint,"
    )
    assert drawn.out.endswith("rows in order of clip id: about.json, embeddings.parquet\n")


def test_problems(command: Command, indexed: Library, tmp_path: Path) -> None:
    assert command("export").code == 2
    assert command("export", "--out", tmp_path / "a", "--format", "hdf5").code == 2
    unknown = command("export", "nowhere", "--out", tmp_path / "a")
    assert (unknown.code, unknown.out) == (1, "")
    assert "no index 'nowhere'; there are mine@e" in unknown.err
    full = command("export", "--out", tmp_path)
    assert full.code == 1
    assert "holds something already; give --out a folder that is new or empty" in full.err
