"""How coordinates are read is declared once, and stated alike everywhere."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
from conftest import Result
from serving import Client, npy, problem

from encoder.options import options_of
from umurl_search.clips.normalization import Conventions
from umurl_search.clips.reading_options import ReadingOptions
from umurl_search.export.embed_source import EmbedRequest
from umurl_search.ingest.add_update_remove import ChangeRequest
from umurl_search.ingest.ingest import Request
from umurl_search.library.clip_store import ClipStore
from umurl_search.library.library import Library
from umurl_search.search.options import ClipFileOptions
from umurl_search.serve.schemas import FileOptions
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Result]


def test_whatever_reads_coordinates_takes_them() -> None:
    stated = set(options_of(ReadingOptions))
    assert stated == {"upright", "missing", "size", "mirror", "person", "depth"}
    for request in (Request, ChangeRequest, EmbedRequest, ClipFileOptions, Conventions):
        assert stated <= {field.name for field in fields(request)}, request
    assert stated <= set(FileOptions.model_fields)


def test_conventions_are_kept_as_before_where_nothing_new_is_stated() -> None:
    assert Conventions().describe() == {"layout": "ntu25", "fps": 30.0, "up": "y", "scale": 1.0}
    assert Conventions(missing="nan", is_assumed=True).describe()["missing"] == "nan"
    assert Conventions(**Conventions(upright=True).describe()).upright


def test_what_is_stated_holds_for_add_query_and_embed(
    library: Library, command: Command, tmp_path: Path
) -> None:
    names = ["S001C001P001R001A010", "S001C001P002R001A020", "S001C001P003R001A030"]
    for folder, name in zip(("one", "one", "two"), names, strict=True):
        frames = make_clip(name)[:, 0]
        frames[3:5, 22] = 7
        (tmp_path / folder).mkdir(exist_ok=True)
        np.save(tmp_path / folder / f"{name}.npy", frames)
    report = command(
        "ingest", "own", "--source", tmp_path / "one", "--missing", "7,interpolate", "--json"
    ).json
    assert report["unseen"] == 4
    assert "own: 4 joints are marked as not seen, each frame counted" in report["notes"][0]
    added = command("add", "own", "--source", tmp_path / "two", "--json").json
    assert "own: 2 joints are marked" in added["notes"][0]
    stored = ClipStore(library.clips("own")).frames(0)
    np.testing.assert_allclose(stored[3:5, 0, 22], make_clip(names[0])[3:5, 0, 22], atol=0.1)
    assert command("build-index", "own").code == 0
    asked = command("query", tmp_path / "two" / f"{names[2]}.npy", "--k", 1, "--json").json
    assert (asked["hits"][0]["name"], round(asked["hits"][0]["score"], 4)) == (names[2], 1)
    assert "2 joints are marked" in asked["query"]["notes"][0]
    out = tmp_path / "y.npy"
    written = command("embed", tmp_path / "one", "--out", out, "--missing", "7", "--upright", "--json").json
    assert "4 joints are marked" in written["notes"][0]
    for words in (
        ("ingest", "b", "--source", tmp_path / "one"),
        ("query", "x.npy"),
        ("embed", "x", "--out", out),
    ):
        assert command(*words, "--missing", "far").code == 2


def test_over_http_the_same_options_are_checked(client: Client) -> None:
    frames = make_clip("S001C001P001R001A005")[:, 0]
    frames[3:5, 22] = 7
    sent = client.ask_with("x.npy", npy(frames), missing="7").json()
    assert "2 joints are marked as not seen" in sent["query"]["notes"][0]
    assert "marks are nan, zero or numbers" in problem(
        client.ask_with("x.npy", npy(frames), missing="far"), 422
    )
    turned = frames * np.array([1, -1, -1], np.float32)
    for signs in ({"up": "-y"}, {"upright": True}):
        found = client.ask_with("x.npy", npy(turned), missing="7", **signs).json()
        assert found["hits"][0]["score"] > 0.9
    assert client.ask_with("x.npy", npy(turned), up="-w").status_code == 422
