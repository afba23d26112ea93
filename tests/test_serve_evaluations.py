"""Evaluations and matrices of the API: the commands' documents."""

from collections.abc import Callable

import numpy as np
import pytest
from conftest import Result
from serving import Client, finish_job, problem, without_seconds

from umurl_search.library.library import Library
from umurl_search.serve.evaluations import MOST_HARDEST

INDEX = "mine@e"
Command = Callable[..., Result]


def test_an_evaluation_is_that_of_the_command(
    read_client: Client, indexed: Library, command: Command
) -> None:
    _, job = finish_job(
        read_client, "evaluations", {"index": INDEX, "protocol": "xsub", "query_modality": "bone"}
    )
    assert (job["state"], job["progress"]) == ("done", 1)
    expected = without_seconds(command("knn-eval", "--query-modality", "bone", "--json").json)
    assert {key: job["document"][key] for key in expected} == expected


def test_confusion_hardest_and_cells_agree(read_client: Client) -> None:
    number, job = finish_job(read_client, "evaluations", {"query_modality": "motion", "ranking": False})
    document = job["document"]
    counts = np.array(document["confusion"])
    assert counts.sum() == document["queries"] == 30
    assert counts.trace() / counts.sum() == pytest.approx(document["accuracy"])
    assert document["labels"] == [0, 4, 9, 22, 27]
    assert len(document["classes"]) == 5
    wrong = counts.sum() - counts.trace()
    assert 0 < wrong <= MOST_HARDEST
    assert len(document["hardest"]) == wrong
    scores = [one["score"] for one in document["hardest"]]
    assert scores == sorted(scores, reverse=True)
    for true in range(5):
        for found in range(5):
            cell = read_client.get(
                f"/api/evaluations/{number}/cell", params={"true": true, "found": found}
            ).json()
            assert cell["total"] == len(cell["pairs"]) == counts[true, found]
            assert {pair["query"]["label"] for pair in cell["pairs"]} <= {document["labels"][true]}
            assert {pair["hit"]["label"] for pair in cell["pairs"]} <= {document["labels"][found]}
            assert {pair["query"]["subject"] % 2 for pair in cell["pairs"]} <= {0}  # the test part
    beyond = read_client.get(f"/api/evaluations/{number}/cell", params={"true": 5, "found": 0})
    assert "5 classes" in problem(beyond, 404)


def test_the_score_of_a_cell_is_that_of_the_query(read_client: Client) -> None:
    number, job = finish_job(read_client, "evaluations", {"ranking": False})
    hardest = job["document"]["hardest"][0]
    asked = {"clip": {"id": hardest["clip_id"]}, "k": 60, "where": "subject in (1, 3)"}
    best = read_client.post("/api/query", json=asked).json()["hits"][0]
    assert best["clip_id"] == hardest["found_id"]
    assert best["score"] == pytest.approx(hardest["score"], abs=1e-6)
    assert number


def test_the_matrix_is_that_of_the_command(read_client: Client, indexed: Library, command: Command) -> None:
    _, job = finish_job(read_client, "matrices", {"index": INDEX})
    expected = without_seconds(command("knn-eval", "--matrix", "--json").json)
    assert without_seconds(job["document"]) == expected


def test_queries_may_be_brought_down_to_another_layout(read_client: Client) -> None:
    asked = {"query_layout": "coco-17", "views": 20, "noise": 0.01, "ranking": False}
    _, job = finish_job(read_client, "evaluations", asked)
    document = job["document"]
    assert (document["query_layout"], document["views"], document["bridge"]) == ("coco-17", 20, True)
    native = finish_job(read_client, "evaluations", {"ranking": False})[1]["document"]
    assert document["native_accuracy"] == native["accuracy"]
    assert "query_layout" not in native
    _, matrix = finish_job(read_client, "matrices", {"query_layout": "coco-17", "views": 20, "noise": 0.01})
    assert matrix["document"]["matrix"]["fused"]["fused"] == document["accuracy"]
    assert matrix["document"]["query_layout"] == "coco-17"
    assert read_client.post("/api/evaluations", json={"query_layout": "coco"}).status_code == 422
