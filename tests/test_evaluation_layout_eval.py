"""What would be lost if people asked with the joints of another layout."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from test_clips_picture_places import to_coco, to_pixels

from encoder.errors import UmurlError
from umurl_search.clips.degrade import Degrading
from umurl_search.evaluation.knn_eval import EvalRequest, evaluate_index, evaluate_matrix
from umurl_search.evaluation.layout_eval import ForeignQueries, LayoutQueries
from umurl_search.index.bridges_and_whitening import fit_maps
from umurl_search.index.layout_bridges import to_unit
from umurl_search.index.open_index import open_protocol
from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library
from umurl_search.search.searcher import Searcher

Command = Callable[..., Result]


def test_all_joints_of_ntu_lose_nothing(indexed: Library) -> None:
    native = evaluate_index(indexed, EvalRequest(index="mine@e", device="cpu"))
    shown = evaluate_index(indexed, EvalRequest(index="mine@e", query_layout="ntu25", device="cpu"))
    assert shown.accuracy == native.accuracy == shown["native_accuracy"]
    assert shown["views"] == 0


def test_figures_say_what_was_asked_and_repeat(indexed: Library, command: Command) -> None:
    words = ("knn-eval", "--query-layout", "coco-17", "--views", 20, "--noise", 0.01)
    one, two = command(*words, "--json").json, command(*words, "--json").json
    one.pop("seconds"), two.pop("seconds")
    assert one == two
    assert (one["query_layout"], one["views"], one["noise"], one["bridge"]) == ("coco-17", 20, 0.01, True)
    assert one["native_accuracy"] == command("knn-eval", "--json").json["accuracy"]
    shown = command(*words).out
    assert "queries brought down to coco-17, seen from within 20 degrees, joints moved by 1 cm" in shown
    assert command("knn-eval", "--views", 20).code == 2
    assert command("knn-eval", "--query-layout", "coco").code == 2


def test_a_bridge_is_fitted_on_the_gallery_alone(indexed: Library) -> None:
    gallery = open_protocol(indexed, "mine@e", None)
    rows = gallery.split.queries
    asking = LayoutQueries(indexed, gallery, rows, Degrading(layout="coco-17", views=0), device="cpu")
    assert set(asking._sample) <= set(gallery.split.fitting.tolist())
    assert not set(asking._sample) & set(rows.tolist())
    some = LayoutQueries(indexed, gallery, rows[:1], Degrading(layout="coco-17", views=0), device="cpu")
    one, two = (a.fit_bridge("fused", "fused").maps.bridges["coco-17", "fused"] for a in (asking, some))
    np.testing.assert_array_equal(one, two)


def test_every_modality_crosses_to_every_other(indexed: Library) -> None:
    table = evaluate_matrix(
        indexed, EvalRequest(index="mine@e", query_layout="coco-17", views=0, device="cpu")
    )
    assert set(table.matrix) == set(table.matrix["fused"]) == {"joint", "bone", "motion", "fused"}
    assert table["query_layout"] == "coco-17"
    alone = evaluate_index(
        indexed, EvalRequest(index="mine@e", query_layout="coco-17", views=0, device="cpu")
    )
    assert table.matrix["fused"]["fused"] == alone.accuracy


def test_another_datasets_queries_ask_as_they_are(indexed: Library) -> None:
    with pytest.raises(UmurlError, match="ask as they are"):
        evaluate_index(
            indexed,
            EvalRequest(index="mine@e", queries="mine@e", query_layout="coco-17", device="cpu"),
        )


@pytest.fixture
def pictured(indexed: Library, command: Command, tmp_path: Path) -> tuple[Library, Path]:
    """The library with the same clips as keypoints of pictures, dataset `phone`, indexed alike; a map of actions."""
    folder = tmp_path / "phone"
    folder.mkdir()
    clips = open_clips(indexed, "mine")
    with indexed.read() as catalog:
        columns, split = catalog.clips_of("mine"), catalog.split("mine", "xsub")
    for i, name in enumerate(columns.name):
        frames = np.asarray(clips.frames(i))
        seen = to_pixels(to_coco(frames))[..., :2] * np.asarray(frames.any(axis=(2, 3)))[..., None, None]
        np.save(folder / f"{name}.npy", seen)
    names = dict(zip(columns.id.tolist(), columns.name, strict=True))
    parts = {part: [names[one] for one in ids.tolist()] for part, ids in split.items()}
    (tmp_path / "splits.json").write_text(json.dumps({"xsub": parts}))
    (tmp_path / "same.tsv").write_text("".join(f"{i}\t{i}\n" for i in range(1, 61)))
    words = (
        "ingest",
        "phone",
        "--source",
        folder,
        "--layout",
        "coco-17",
        "--axes",
        "TMVC",
        "--splits",
        tmp_path / "splits.json",
    )
    assert command(*words).code == 0
    assert command("build-index", "phone", "--encoder", "e", "--as", "phone@e").code == 0
    return indexed, tmp_path / "same.tsv"


def test_another_datasets_queries_cross_from_their_joints(
    pictured: tuple[Library, Path], command: Command
) -> None:
    _, same = pictured
    words = (
        "knn-eval",
        "--index",
        "mine@e",
        "--queries",
        "phone@e",
        "--action-map",
        same,
        "--protocol",
        "xsub",
    )
    across = command(*words, "--views", 0, "--json").json
    assert (across["layout_bridge"], across["views"], across["bridge"]) == (True, None, True)
    own = command("knn-eval", "--index", "mine@e", "--query-layout", "coco-17", "--views", 0, "--json").json
    assert across["queries"] == own["queries"]
    assert abs(across["accuracy"] - own["accuracy"]) <= 1.5 / own["queries"]
    assert command(*words, "--no-bridge", "--json").json["layout_bridge"] is False
    assert "across a bridge from their joints" in command(*words).out


def test_queries_in_space_are_brought_down_to_a_gallery_of_pictures(
    pictured: tuple[Library, Path], command: Command
) -> None:
    library, same = pictured
    words = ("knn-eval", "--index", "phone@e", "--queries", "mine@e", "--action-map", same)
    across = command(*words, "--json").json
    assert across["layout_bridge"] is False
    gallery, asked = open_protocol(library, "phone@e", None), open_protocol(library, "mine@e", None)
    rows = asked.split.queries
    shown = ForeignQueries(library, gallery, rows, Degrading(layout="ntu25"), device="cpu", asked=asked)
    maps = fit_maps({"fused": gallery.index.embeddings("fused")}, gallery.index.transform, pairs=[])
    frames = [open_clips(library, "mine").normalised_frames(row) for row in rows.tolist()]
    y = to_unit(Searcher(library, "phone@e", device="cpu").embed(frames, "fused"))
    np.testing.assert_allclose(shown.points(maps, "fused", "fused", bridge=True), y, atol=1e-5)
    table = command(*words, "--matrix", "--json").json["matrix"]
    assert table["fused"]["fused"] == across["accuracy"]
