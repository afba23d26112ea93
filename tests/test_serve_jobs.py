"""Evaluations, matrices, maps and timelines: the commands' documents, and what they are made of."""

import base64
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LONG, LONG_INDEX, Result
from serving import PATIENCE_S, Client, problem

from encoder.errors import UmurlError
from umurl_search.evaluation.projection import flatten, lay_out, leading_axes
from umurl_search.index.index import MAIN
from umurl_search.library.library import Library
from umurl_search.progress import Progress
from umurl_search.search.searcher import Searcher
from umurl_search.serve.errors import HttpError
from umurl_search.serve.evaluations import MOST_HARDEST
from umurl_search.serve.frames import stand_on_floor
from umurl_search.serve.jobs import Job, Jobs
from umurl_search.serve.projections import within_one

INDEX = "mine@e"
Command = Callable[..., Result]


@pytest.fixture(scope="module")
def client(indexed_root: Path) -> Iterator[Client]:
    with Client(Library(indexed_root)) as client:
        yield client


@pytest.fixture(scope="module")
def long_client(long_root: Path) -> Iterator[Client]:
    with Client(Library(long_root / "library")) as client:
        yield client


def done(client: Client, kind: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A job's number, and what it says once it is over."""
    job = client.post(f"/api/{kind}", json=body).json()
    deadline = time.monotonic() + PATIENCE_S
    while job["state"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.01)
        job = client.get(f"/api/{kind}/{job['id']}").json()
    return job["id"], job


def without_seconds(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "seconds"}


# evaluations


def test_an_evaluation_is_that_of_the_command(client: Client, indexed: Library, command: Command) -> None:
    _, job = done(client, "evaluations", {"index": INDEX, "protocol": "xsub", "query_modality": "bone"})
    assert (job["state"], job["progress"]) == ("done", 1)
    expected = without_seconds(command("knn-eval", "--query-modality", "bone", "--json").json)
    assert {key: job["document"][key] for key in expected} == expected


def test_confusion_hardest_and_cells_agree(client: Client) -> None:
    number, job = done(client, "evaluations", {"query_modality": "motion", "ranking": False})
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
            cell = client.get(f"/api/evaluations/{number}/cell", params={"true": true, "found": found}).json()
            assert cell["total"] == len(cell["pairs"]) == counts[true, found]
            assert {pair["query"]["label"] for pair in cell["pairs"]} <= {document["labels"][true]}
            assert {pair["hit"]["label"] for pair in cell["pairs"]} <= {document["labels"][found]}
            assert {pair["query"]["subject"] % 2 for pair in cell["pairs"]} <= {0}  # the test part
    beyond = client.get(f"/api/evaluations/{number}/cell", params={"true": 5, "found": 0})
    assert "5 classes" in problem(beyond, 404)


def test_the_score_of_a_cell_is_that_of_the_query(client: Client) -> None:
    number, job = done(client, "evaluations", {"ranking": False})
    hardest = job["document"]["hardest"][0]
    asked = {"clip": {"id": hardest["clip_id"]}, "k": 60, "where": "subject in (1, 3)"}
    best = client.post("/api/query", json=asked).json()["hits"][0]
    assert best["clip_id"] == hardest["found_id"]
    assert best["score"] == pytest.approx(hardest["score"], abs=1e-6)
    assert number


def test_the_matrix_is_that_of_the_command(client: Client, indexed: Library, command: Command) -> None:
    _, job = done(client, "matrices", {"index": INDEX})
    expected = without_seconds(command("knn-eval", "--matrix", "--json").json)
    assert without_seconds(job["document"]) == expected


def test_jobs_that_are_refused_or_fail(client: Client) -> None:
    assert "no index 'x'" in problem(client.post("/api/evaluations", json={"index": "x"}), 400)
    _, job = done(client, "evaluations", {"protocol": "xview"})
    assert (job["state"], "no protocol 'xview'" in job["error"]) == ("failed", True)
    assert "failed" in problem(client.get(f"/api/evaluations/{job['id']}/cell?true=0&found=0"), 404)
    assert "no such job" in problem(client.get("/api/evaluations/nothing"), 404)
    assert "no such job" in problem(client.get(f"/api/maps/{job['id']}"), 404)  # of another kind
    assert "method" in problem(client.post("/api/maps", json={"method": "tsne"}), 422)


def test_the_same_work_is_done_once(client: Client) -> None:
    first, job = done(client, "matrices", {"bridge": False})
    assert client.post("/api/matrices", json={"bridge": False, "index": INDEX}).json() == job
    assert done(client, "matrices", {"bridge": True})[0] != first


@pytest.mark.parametrize("ends", [1, 2, 3])
def test_a_job_that_ends_while_it_is_looked_at_is_not_said_to_be_done_without_its_document(
    client: Client, monkeypatch: pytest.MonkeyPatch, ends: int
) -> None:
    class Ending(Job):
        """Done when its state is looked at for the n-th time."""

        looks = 0

        def __getattribute__(self, name: str) -> Any:
            if name == "state":
                Ending.looks += 1
                return "done" if Ending.looks >= ends else "running"
            return super().__getattribute__(name)

    job = Ending(id="ending", kind="maps", key=(), result={"count": 1})
    monkeypatch.setattr(client.service.jobs, "find", lambda kind, id: job)
    said = client.get("/api/maps/ending").json()
    assert ("document" in said) == (said["state"] == "done")


# maps


def test_a_map(client: Client, indexed: Library) -> None:
    number, job = done(client, "maps", {"index": INDEX})
    assert job["document"]["count"] == 60
    answer = client.get(f"/api/maps/{number}/points")
    assert answer.headers["x-count"] == "60"
    points = np.frombuffer(answer.content, "<f4", count=120).reshape(60, 2)
    ids = np.frombuffer(answer.content, "<u4", offset=480)
    searcher = Searcher(indexed, device="cpu")
    y = np.array(searcher.index.embeddings(MAIN), dtype=np.float64)
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    _, _, axes = np.linalg.svd(y - y.mean(axis=0), full_matrices=False)
    plane = (y - y.mean(axis=0)) @ axes[:2].T
    distances, expected = (np.linalg.norm(p[:, None] - p, axis=2) for p in (points, plane))
    np.testing.assert_allclose(distances / distances.max(), expected / expected.max(), atol=1e-4)
    np.testing.assert_array_equal(ids, searcher.index.ids)
    assert np.abs(points).max() == 1
    column = client.get(f"/api/maps/{number}/column/camera").json()
    codes = np.frombuffer(base64.b64decode(column["codes"]), "<u2")
    rows = client.get(f"/api/indexes/{INDEX}/clips", params={"limit": 200}).json()["clips"]
    assert [column["values"][code] for code in codes] == [row["camera"] for row in rows]
    assert column["counts"] == [20, 20, 20]
    absent = client.get(f"/api/maps/{number}/column/action").json()
    assert set(np.frombuffer(base64.b64decode(absent["codes"]), "<u2").tolist()) == {65535}
    assert client.get(f"/api/maps/{number}/column/name").status_code == 422


def test_axes_do_not_depend_on_the_blocks() -> None:
    y = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    blocks = leading_axes(lambda: iter([y[:7], y[7:40], y[40:]]), "pca")
    np.testing.assert_allclose(lay_out(blocks, "pca"), flatten(y, "pca"), atol=1e-9)


def test_points_fill_the_square_and_keep_their_shape() -> None:
    points = np.array([[0.0, 5.0], [4.0, 5.0], [4.0, 7.0]])
    np.testing.assert_allclose(within_one(points), [[-1, -0.5], [1, -0.5], [1, 0.5]])
    np.testing.assert_array_equal(within_one(np.ones((3, 2))), np.zeros((3, 2)))


# timelines


def test_a_timeline(long_client: Client, long: Library) -> None:
    asked = {"clip": f"long:{LONG[1]}@2-5", "recording": f"long:{LONG[0]}", "index": LONG_INDEX}
    found = long_client.post("/api/timelines", json=asked).json()
    searcher = Searcher(long, LONG_INDEX, device="cpu")
    mine = searcher.index.ids == found["recording"]["id"]
    assert searcher.index.spans is not None
    spans = [[one["start"], one["stop"]] for one in found["windows"]]
    assert spans == sorted(searcher.index.spans[mine].tolist())
    answer = searcher.search([f"long:{LONG[1]}@2-5"], k=500, where=f"id = {found['recording']['id']}")[0]
    by_span = {(one["start"], one["stop"]): one["score"] for one in found["windows"]}
    assert len(answer.hits) > 1
    for hit, peak in zip(answer.hits, found["peaks"], strict=False):
        assert (peak["start"], peak["stop"]) == (hit.start, hit.stop)
        assert hit.start is not None
        assert hit.stop is not None
        assert by_span[hit.start, hit.stop] == pytest.approx(hit.score, abs=1e-5)
    assert max(by_span.values()) == found["peaks"][0]["score"]
    about = long_client.get(f"/api/clips/{found['recording']['id']}").json()
    assert found["segments"] == about["segments"]
    assert len(found["segments"]) > 1
    by_number = long_client.post("/api/timelines", json={**asked, "recording": found["recording"]["id"]})
    assert by_number.json() == found


def test_timelines_that_are_refused(long_client: Client, client: Client) -> None:
    asked = {"clip": f"long:{LONG[1]}", "recording": "long:nobody", "index": LONG_INDEX}
    assert "no recording 'long:nobody'" in problem(long_client.post("/api/timelines", json=asked), 404)
    whole = client.post("/api/timelines", json={"clip": {"id": 1}, "recording": 1})
    assert "is of whole clips" in problem(whole, 400)


# the jobs themselves


def finished(job: Job) -> Job:
    deadline = time.monotonic() + PATIENCE_S
    while job.state == "running":
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return job


def test_jobs_run_one_after_the_other_and_tell_how_far_they_are() -> None:
    jobs, at_half, go_on, running = (
        Jobs(most_kept=9, most_waiting=9),
        threading.Event(),
        threading.Event(),
        list[int](),
    )

    def work(progress: Progress) -> int:
        running.append(1)
        most = len(running)
        with progress("Working", total=4, unit="steps") as advance:
            advance(2)
            at_half.set()
            assert go_on.wait(PATIENCE_S)
        running.pop()
        return most

    one, two = (jobs.start("work", key, work) for key in "ab")
    assert at_half.wait(PATIENCE_S)
    assert (one.to_dict(), two.progress) == ({"id": one.id, "state": "running", "progress": 0.5}, 0)
    assert jobs.unfinished == 2
    go_on.set()
    assert [finished(job).result for job in (one, two)] == [1, 1]
    assert jobs.result("work", one.id) == 1


def test_jobs_are_bounded_and_failures_are_told_and_tried_again() -> None:
    jobs, go_on = Jobs(most_kept=2, most_waiting=2), threading.Event()

    def wait(progress: Progress) -> None:
        assert go_on.wait(PATIENCE_S)

    def fail(progress: Progress) -> None:
        raise UmurlError("nothing\nto see")

    first = jobs.start("work", "first", wait)
    while not jobs._queue.empty():
        time.sleep(0.005)
    others = [jobs.start("work", key, wait) for key in "ab"]
    with pytest.raises(HttpError, match="too many jobs"):
        jobs.start("work", "c", wait)
    go_on.set()
    assert [finished(job).state for job in (first, *others)] == ["done"] * 3
    failed = finished(jobs.start("work", "d", fail))
    assert failed.to_dict() == {
        "id": failed.id,
        "state": "failed",
        "progress": 0.0,
        "error": "nothing to see",
    }
    assert jobs.start("work", "d", wait).id != failed.id
    with pytest.raises(HttpError, match="no such job"):
        jobs.find("work", first.id)


def test_a_job_ends_when_the_server_does() -> None:
    jobs, begun, go_on = Jobs(most_kept=2, most_waiting=2), threading.Event(), threading.Event()

    def work(progress: Progress) -> None:
        with progress("Working", total=2, unit="steps") as advance:
            begun.set()
            assert go_on.wait(PATIENCE_S)
            advance(1)

    job = jobs.start("work", "a", work)
    assert begun.wait(PATIENCE_S)
    jobs.close()
    go_on.set()
    assert (finished(job).state, job.error) == ("failed", "the server stopped")


# frames as they are drawn


def test_frames_stand_on_the_ground_above_the_origin() -> None:
    frames = np.zeros((3, 2, 25, 3), np.float32)
    frames[:, 0] = np.random.default_rng(0).normal(loc=(5, 1, 3), size=(3, 25, 3))
    frames[1, 0, 9] = 0  # an absent joint
    frames[2, 0, 4] = (frames[0, 0, 0, 0], frames[0, 0, :, 1].min() - 4, frames[0, 0, 0, 2])
    frames[2, 0, 5] = (100, 2, 0)
    drawn = stand_on_floor(frames)
    assert drawn.dtype == np.int16
    assert drawn[0, 0, 0].tolist()[::2] == [0, 0]
    assert not drawn[:, 1].any()
    assert not drawn[1, 0, 9].any()
    assert drawn[2, 0, 4].tolist() == [0, 1, 0]  # at the origin, yet there
    assert drawn[2, 0, 5, 0] == 32767
    height = (frames[0, 0, 7, 1] - frames[2, 0, 4, 1]) * 1000
    assert drawn[0, 0, 7, 1] == pytest.approx(height, abs=1)
    assert not stand_on_floor(np.zeros((2, 1, 25, 3), np.float32)).any()
    late = np.zeros((2, 2, 25, 3), np.float32)
    late[1, 1] = 1
    assert stand_on_floor(late)[1, 1, 0].tolist() == [0, 1, 0]
