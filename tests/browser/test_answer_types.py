"""types/server.d.ts, which the page's JavaScript is checked with, against what the server answers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser.declared_types import Declarations, read_declarations
from conftest import LONG, LONG_INDEX
from serving import Client, finish_job

TYPES = Path(__file__).parents[2] / "types" / "server.d.ts"
INDEX = "/api/indexes/mine@e"
NO_ANSWERS = {"ClipColumns", "Documents"}
"""Interfaces that no answer is: what others extend, and which kind of work gives which document."""


@pytest.fixture
def declared() -> Declarations:
    return read_declarations(TYPES)


def answers(client: Client, long_client: Client, clip: bytes) -> Iterator[tuple[str, Any]]:
    """Types, and documents that shall be of them."""
    for type, path in (
        ("Contents", "/api/library"),
        ("IndexInfo", INDEX),
        ("Columns", f"{INDEX}/columns"),
        ("Clips", f"{INDEX}/clips"),
        ("ClipInfo", "/api/clips/1"),
        ("Files", "/api/files"),
        ("Skeleton", "/api/skeleton"),
        ("Refusal", "/api/indexes/none"),
    ):
        yield type, client.get(path).json()
    yield "QueryAnswer", client.post("/api/query", json={"clip": {"id": 1}}).json()
    yield "Refusal", client.post("/api/query", json={"clip": {"id": 1}, "where": "subjects = 3"}).json()
    yield "Upload", client.send("x.npy", clip).json()
    yield from answers_of_recordings(long_client)
    yield from answers_of_jobs(client)


def answers_of_recordings(client: Client) -> Iterator[tuple[str, Any]]:
    asked = {"clip": f"long:{LONG[1]}@2-5", "index": LONG_INDEX}
    yield "IndexInfo", client.get(f"/api/indexes/{LONG_INDEX}").json()
    yield "QueryAnswer", client.post("/api/query", json=asked).json()
    yield "Timeline", client.post("/api/timelines", json={**asked, "recording": f"long:{LONG[0]}"}).json()


def answers_of_jobs(client: Client) -> Iterator[tuple[str, Any]]:
    yield "RunningJob", client.post("/api/evaluations", json={"query_modality": "motion"}).json()
    number, job = finish_job(client, "evaluations", {"query_modality": "motion"})
    yield "DoneJob", job
    yield "Evaluation", job["document"]
    hardest = job["document"]["hardest"][0]
    classes = job["document"]["classes"]
    place = {"true": classes.index(hardest["action"]), "found": classes.index(hardest["found_action"])}
    yield "Cell", client.get(f"/api/evaluations/{number}/cell", params=place).json()
    yield "Matrix", finish_job(client, "matrices", {})[1]["document"]
    number, job = finish_job(client, "maps", {})
    yield "Map", job["document"]
    yield "MapColumn", client.get(f"/api/maps/{number}/column/action").json()
    yield "FailedJob", finish_job(client, "evaluations", {"protocol": "none"})[1]


def test_every_answer_is_of_its_declared_type(
    read_client: Client, read_long_client: Client, declared: Declarations, made: Path
) -> None:
    clip = next((made / "clips").glob("*.npy")).read_bytes()
    for type, document in answers(read_client, read_long_client, clip):
        assert declared.misfit(document, type) is None
    assert set(declared.fields) - declared.met == NO_ANSWERS


def test_what_is_not_as_declared_is_told(read_client: Client, declared: Declarations) -> None:
    answer = read_client.post("/api/query", json={"clip": {"id": 1}}).json()
    hit = answer["hits"][0]
    for key in ("rank", "action", "clip_id"):
        without = {name: value for name, value in hit.items() if name != key}
        assert f".hits.0.{key} is missing" in str(
            declared.misfit({**answer, "hits": [without]}, "QueryAnswer")
        )
    wrong = {**answer["index"], "passing": "60"}
    assert declared.misfit({**answer, "index": wrong}, "QueryAnswer") == '.index.passing: "60" is no number'
    assert declared.misfit({**hit, "start_frame": 3}, "Hit") == ".start_frame: 3 is no undefined"
    assert declared.misfit({"bones": [[1, 2, 3]]}, "Skeleton") == ".bones.0: [1, 2, 3] is no [number, number]"
    assert declared.misfit({"indexes": [], "default_index": 1}, "Contents") is not None
