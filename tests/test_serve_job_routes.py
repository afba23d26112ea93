"""Routes of longer work: refused, failed, done once."""

from typing import Any

import pytest
from serving import Client, finish_job, problem

from umurl_search.serve.documents import ProjectionDocument
from umurl_search.serve.jobs import Job

INDEX = "mine@e"


def test_jobs_that_are_refused_or_fail(read_client: Client) -> None:
    assert "no index 'x'" in problem(read_client.post("/api/evaluations", json={"index": "x"}), 400)
    _, job = finish_job(read_client, "evaluations", {"protocol": "xview"})
    assert (job["state"], "no protocol 'xview'" in job["error"]) == ("failed", True)
    assert "failed" in problem(read_client.get(f"/api/evaluations/{job['id']}/cell?true=0&found=0"), 404)
    assert "no such job" in problem(read_client.get("/api/evaluations/nothing"), 404)
    assert "no such job" in problem(read_client.get(f"/api/maps/{job['id']}"), 404)  # of another kind
    assert "method" in problem(read_client.post("/api/maps", json={"method": "tsne"}), 422)


def test_the_same_work_is_done_once(read_client: Client) -> None:
    first, job = finish_job(read_client, "matrices", {"bridge": False})
    assert read_client.post("/api/matrices", json={"bridge": False, "index": INDEX}).json() == job
    assert finish_job(read_client, "matrices", {"bridge": True})[0] != first


@pytest.mark.parametrize("ends", [1, 2, 3])
def test_a_job_that_ends_while_it_is_looked_at_is_not_said_to_be_done_without_its_document(
    read_client: Client, monkeypatch: pytest.MonkeyPatch, ends: int
) -> None:
    class Ending(Job):
        """Done when its state is looked at for the n-th time."""

        looks = 0

        def __getattribute__(self, name: str) -> Any:
            if name == "state":
                Ending.looks += 1
                return "done" if Ending.looks >= ends else "running"
            return super().__getattribute__(name)

    job = Ending(
        id="ending",
        kind="maps",
        key=(),
        result=ProjectionDocument(index="i", method="pca", count=1, columns=[]),
    )
    monkeypatch.setattr(read_client.service.jobs, "find", lambda kind, id: job)
    said = read_client.get("/api/maps/ending").json()
    assert ("document" in said) == (said["state"] == "done")
