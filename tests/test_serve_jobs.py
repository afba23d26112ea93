"""Jobs run one after the other, tell how far they are, and end with the server."""

import threading
import time

import pytest
import torch
from serving import PATIENCE_S

from encoder.errors import UmurlError
from umurl_search.progress import Progress
from umurl_search.serve.errors import HttpError
from umurl_search.serve.jobs import Job, Jobs


def wait_for(job: Job) -> Job:
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
    assert one.describe() == {"id": one.id, "state": "running", "progress": 0.5}
    assert two.progress == 0
    assert jobs.unfinished == 2
    go_on.set()
    assert [wait_for(job).result for job in (one, two)] == [1, 1]
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
    assert [wait_for(job).state for job in (first, *others)] == ["done"] * 3
    failed = wait_for(jobs.start("work", "d", fail))
    assert failed.describe() == {
        "id": failed.id,
        "state": "failed",
        "progress": 0.0,
        "error": "nothing to see",
        "code": "refused",
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
    assert (wait_for(job).state, job.error) == ("failed", "the server stopped")


def test_a_job_says_what_failed_of_the_device(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = Jobs(most_kept=2, most_waiting=2)

    def fail(progress: Progress) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    said = wait_for(jobs.start("work", "a", fail)).describe()
    assert (said["error"], said["code"]) == (
        "the GPU's memory is full: 2.00 GiB more were asked for",
        "device",
    )
    assert "OutOfMemoryError" in capsys.readouterr().err
