"""Embeddings of a dataset, a folder or a file: their documents, conventions, and what was left out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from detector_files import write_openpose
from documents import QUERY, read_document
from made_recordings import write_scaled

from umurl_search.clips.types import Up
from umurl_search.export.embed_source import EmbedRequest, embed_source
from umurl_search.ingest import ingest
from umurl_search.ingest.ingest import Request
from umurl_search.library.clip_store import ClipStore
from umurl_search.library.library import Library

Command = Callable[..., Result]


def test_the_keys_of_embed(indexed: Library, command: Command, made: Path, tmp_path: Path) -> None:
    out = tmp_path / "y.npy"
    document = read_document(command("embed", "mine", "--out", out, "--modality", "motion+joint", "--json"))
    names = sorted(path.stem for path in (made / "clips").iterdir())
    assert document["names"] == names
    assert (document["shape"], document["encoder"]) == ([60, 128], "e")
    assert (document["modality"], document["left_out"]) == ("joint+motion", [])
    y = np.load(out)
    assert (y.shape, y.dtype) == ((60, 128), np.float32)
    folder = read_document(
        command(
            "embed",
            made / "clips",
            "--out",
            tmp_path / "f.npy",
            "--encoder",
            "e",
            "--modality",
            "joint+motion",
            "--json",
        )
    )
    assert folder["names"] == names
    np.testing.assert_allclose(np.load(tmp_path / "f.npy"), y, atol=1e-5)
    one = read_document(
        command(
            "embed",
            made / "clips" / f"{QUERY}.npy",
            "--out",
            tmp_path / "o.npy",
            "--encoder",
            "e",
            "--modality",
            "joint+motion",
            "--json",
        )
    )
    assert one["names"] == [QUERY]
    np.testing.assert_allclose(np.load(tmp_path / "o.npy")[0], y[names.index(QUERY)], atol=1e-5)


def test_embed_tells_what_it_left_out(library: Library, command: Command, tmp_path: Path) -> None:
    source = tmp_path / "mixed"
    source.mkdir()
    np.save(source / "good.npy", np.random.default_rng(0).normal(size=(20, 25, 3)))
    np.save(source / "bad.npy", np.full((20, 25, 3), np.nan))
    out = tmp_path / "y.npy"
    document = read_document(command("embed", source, "--out", out, "--json"))
    assert (document["names"], document["encoder"]) == (["good"], "shipped")
    assert document["left_out"] == [{"name": "bad", "reason": "non-finite"}]
    assert command("ingest", "mixed", "--source", source).code == 0
    again = read_document(command("embed", "mixed", "--out", out, "--json"))
    assert (again["names"], again["left_out"]) == (document["names"], document["left_out"])


@pytest.mark.parametrize("up", ["z", "x"])
def test_own_conventions_give_the_same_embedding(
    up: Up, library: Library, made: Path, tmp_path: Path
) -> None:
    """Metres, y up, 30 frames/s and millimetres, another axis up, 60 frames/s: one motion."""
    at_30 = np.load(made / "clips" / "S001C001P001R001A001.npy")
    at_60 = np.repeat(at_30, 2, axis=0)[:-1]
    at_60[1::2] = (at_30[:-1] + at_30[1:]) / 2
    x, y, z = (at_60[..., axis] for axis in range(3))
    turned = np.stack([x, -z, y] if up == "z" else [y, -x, z], axis=-1) * 1000
    for name, array in (("plain", at_30), ("turned", turned)):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "clip.npy", array)
    ingest.ingest(library, Request(name="plain", source=tmp_path / "plain"))
    ingest.ingest(library, Request(name="turned", source=tmp_path / "turned", up=up, scale=0.001, fps=60))
    y_of = {}
    for name in ("plain", "turned"):
        out = tmp_path / f"{name}.npy"
        embed_source(library, EmbedRequest(source=name, out=out, encoder="e", device="cpu"))
        y_of[name] = np.load(out)
    assert ClipStore(library.clips("turned")).frames(0).shape == at_30.shape
    np.testing.assert_allclose(y_of["turned"], y_of["plain"], atol=2e-3 * np.abs(y_of["plain"]).max())
    untold = tmp_path / "untold.npy"
    embed_source(
        library, EmbedRequest(source=str(tmp_path / "turned"), out=untold, encoder="e", device="cpu")
    )
    assert np.abs(np.load(untold) - y_of["plain"]).max() > 0.1 * np.abs(y_of["plain"]).max()


def test_a_folder_that_asks_or_is_embedded_tells(indexed: Library, tmp_path: Path, command: Command) -> None:
    write_scaled(tmp_path / "own", "S001C001P001R001A001", "S001C001P002R001A005", scale=1000)
    asked = command("query", tmp_path / "own", "--k", 1)
    embedded = command("embed", tmp_path / "own", "--out", tmp_path / "y.npy", "--encoder", "e", "--json")
    assert asked.err.count("say --scale 0.001") == 1
    assert "2 clips, such as S001C001P001R001A001: people are 1," in asked.err
    filed = command("query", tmp_path / "own", "--k", 1, "--out", tmp_path / "hits.csv")
    assert filed.err == asked.err
    assert [note.startswith(f"{tmp_path / 'own'}: people are 1,") for note in embedded.json["notes"]] == [
        True
    ]
    assert f"note: {embedded.json['notes'][0]}\n" == embedded.err
    assert command("query", tmp_path / "own", "--k", 1, "--scale", 0.001).err == ""


def test_what_was_assumed_of_clips_is_told_with_their_number(
    indexed: Library, tmp_path: Path, command: Command
) -> None:
    out = ("--out", tmp_path / "y.npy", "--encoder", "e")
    for name in ("walk", "run"):
        write_openpose(tmp_path / "poses" / name)
    notes = command("embed", tmp_path / "poses", "--size", "1280x720", *out).err.splitlines()
    said = "--size changes nothing: coordinates are points of the picture, not parts of its width and height"
    assert notes == [f"note: {tmp_path / 'poses'}: 2 clips, such as run: {said}"]
    alone = tmp_path / "poses" / "walk"
    assert command("embed", alone, "--size", "1280x720", *out).err == f"note: {alone}: {said}\n"


def test_axes_are_stated_as_for_ingest(library: Library, command: Command, tmp_path: Path) -> None:
    frames = np.random.default_rng(0).normal(size=(9, 25, 3)).astype("f4")
    (tmp_path / "folded").mkdir()
    np.save(tmp_path / "folded" / "a.npy", frames.transpose(0, 2, 1).reshape(9, 75))
    np.save(tmp_path / "a.npy", frames)
    np.save(tmp_path / "many.npy", np.stack([frames, frames + 1]))
    found = []
    for source, axes in (("folded", ("--axes", "TCV")), ("a.npy", ()), ("folded", ())):
        out = tmp_path / "embedded.npy"
        read_document(command("embed", tmp_path / source, "--out", out, *axes, "--encoder", "e", "--json"))
        found.append(np.load(out))
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
    assert np.abs(found[0] - found[2]).max() > 1e-2
    many = ("embed", tmp_path / "many.npy", "--out", tmp_path / "embedded.npy", "--encoder", "e", "--json")
    assert read_document(command(*many, "--axes", "NTVC"))["names"] == ["many_00000", "many_00001"]
    assert read_document(command(*many))["names"] == ["many"]
    assert (
        command(*many)
        .json["notes"][0]
        .startswith("many.npy: an array of shape (2, 9, 25, 3), read as one recording")
    )


@pytest.mark.parametrize(
    "said",
    [
        ("--axes", "TVC"),
        ("--layout", "ntu25"),
        ("--format", "npy"),
        ("--fps", 15),
        ("--up", "z"),
        ("--scale", 0.001),
        ("--upright",),
        ("--missing", "zero"),
    ],
)
def test_what_is_stated_of_a_dataset_is_refused(
    indexed: Library, command: Command, tmp_path: Path, said: tuple[object, ...]
) -> None:
    refused = command("embed", "mine", "--out", tmp_path / "y.npy", "--encoder", "e", *said)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == (
        "umurl-search: mine is a dataset of the library: its clips were read when it was ingested; leave out "
        f"{said[0]}, or give the path of recordings\n"
    )
