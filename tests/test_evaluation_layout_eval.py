"""What would be lost if people asked with the joints of another layout."""

from collections.abc import Callable

import numpy as np
import pytest
from conftest import Result

from encoder.errors import UmurlError
from umurl_search.clips.degrade import Degrading
from umurl_search.evaluation.knn_eval import EvalRequest, evaluate_index, evaluate_matrix
from umurl_search.evaluation.layout_eval import LayoutQueries
from umurl_search.index.open_index import open_protocol
from umurl_search.library.library import Library

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
