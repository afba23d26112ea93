"""Guards ingest/, index/ and cli/: what a newcomer's first hours brought to light, kept from coming back."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest
from conftest import Result
from refusals import FOUR_NAMES, four_clips

from encoder.errors import UmurlError
from umurl_search.index.bridges_and_whitening import fit_maps
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.library.library import Library
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Result]


def test_huge_coordinates_are_left_out_and_the_corpus_goes_on(tmp_path: Path, command: Command) -> None:
    source = four_clips(tmp_path / "clips")
    np.save(source / "huge.npy", make_clip(FOUR_NAMES[0]) * np.float32(1e25))
    report = command("ingest", "own", "--source", source, "--json").json
    assert (report["found"], report["used"], report["left_out"]) == (4, 3, {"malformed": 1})
    assert command("build-index", "own", "--json").code == 0
    embedded = command("embed", source, "--out", tmp_path / "y.npy", "--json").json
    assert embedded["left_out"] == [{"name": "huge", "reason": "malformed"}]
    assert np.isfinite(np.load(tmp_path / "y.npy")).all()


def test_a_link_to_nowhere_is_left_out(tmp_path: Path, command: Command) -> None:
    source = four_clips(tmp_path / "clips")
    (source / "gone.npy").symlink_to(tmp_path / "nowhere.npy")
    report = command("ingest", "own", "--source", source, "--json")
    assert report.code == 0, report.err
    assert report.json["left_out"] == {"malformed": 1}


@pytest.mark.parametrize("lost", ["dataset:mine", "encoder:e"])
def test_what_an_index_is_made_from_may_not_vanish_meanwhile(
    library: Library, command: Command, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    def fit_while_another_deletes(*arguments: object, **options: object) -> object:
        assert command("delete", lost).code == 0
        return fit_maps(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("umurl_search.index.build.fit_maps", fit_while_another_deletes)
    with pytest.raises(UmurlError, match="was deleted or changed while index 'mine@e' was built"):
        build_index(library, BuildRequest(dataset="mine", encoder="e", device="cpu"))
    assert command("list", "--json").json["indexes"] == []


def test_doctor_leaves_another_programs_database_alone(tmp_path: Path, command: Command) -> None:
    (tmp_path / "other").mkdir()
    path = tmp_path / "other" / "catalog.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table a (b integer)")
    result = command("doctor", "--library", tmp_path / "other")
    assert result.code == 1
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("select table_name from information_schema.tables").fetchall() == [("a",)]


def test_a_twenty_joint_query_says_how_it_was_read(
    library: Library, command: Command, tmp_path: Path
) -> None:
    assert command("build-index", "mine").code == 0
    np.save(tmp_path / "clip.npy", make_clip(FOUR_NAMES[0])[:, 0, :20])
    notes = command("query", tmp_path / "clip.npy", "--json").json["query"]["notes"]
    assert [note.split(": ", 1)[1] for note in notes] == ["20 joints, read as kinect-v1; --layout settles it"]
    stated = command("query", tmp_path / "clip.npy", "--layout", "ntu25")
    assert stated.code == 1
    assert "has 20 joints" in stated.err
