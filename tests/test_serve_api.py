"""The HTTP API gives what the command line gives; every problem is one line of JSON. No sockets here."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LONG, LONG_INDEX, Result
from serving import Client, problem

from umurl_search.ingest.add_update_remove import remove
from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library
from umurl_search.serve.auth import Access
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Result]
INDEX = "mine@e"
QUERY = "S001C001P001R001A005"


@pytest.fixture
def client(indexed: Library) -> Iterator[Client]:
    with Client(indexed) as client:
        yield client


@pytest.fixture
def long_client(long: Library) -> Iterator[Client]:
    with Client(long) as client:
        yield client


def npy(clip: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, clip)
    return file.getvalue()


def without_seconds(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "seconds"}


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    """But for how long it took, and the last digits of scores, since rows of an index are embedded many at a time."""
    first, second = ([hit.pop("score") for hit in document["hits"]] for document in (one, other))
    np.testing.assert_allclose(first, second, atol=1e-5)
    assert without_seconds(one) == without_seconds(other)


# the library


def test_health_and_the_library(client: Client, command: Command) -> None:
    assert client.get("/api/health").json()["status"] == "ok"
    assert client.get("/api/library").json() == {**command("list", "--json").json, "default_index": INDEX}


def test_an_index(client: Client, command: Command) -> None:
    info = command("info", f"index:{INDEX}", "--json").json
    expected = {**info, "layout": "ntu25", "windowed": False, "protocols": ["xsub"]}
    assert client.get(f"/api/indexes/{INDEX}").json() == expected
    assert "no index 'x'" in problem(client.get("/api/indexes/x"), 404)


def test_columns_count_the_clips_that_pass(client: Client) -> None:
    columns = {one["column"]: one for one in client.get(f"/api/indexes/{INDEX}/columns").json()["columns"]}
    assert set(columns) == {
        "label",
        "subject",
        "camera",
        "setup",
        "replication",
        "people",
    }  # actions have no names
    assert columns["subject"]["values"] == [{"value": n, "count": 15} for n in (1, 2, 3, 4)]
    assert columns["label"]["distinct"] == 5
    some = client.get(f"/api/indexes/{INDEX}/columns", params={"where": "subject = 2 and camera < 3"}).json()
    (camera,) = (one for one in some["columns"] if one["column"] == "camera")
    assert camera["values"] == [{"value": 1, "count": 5}, {"value": 2, "count": 5}]
    refused = client.get(f"/api/indexes/{INDEX}/columns", params={"where": "colour = 1"})
    assert "colour" in problem(refused, 400)


def test_clips_by_filter_text_and_page(client: Client) -> None:
    every = client.get(f"/api/indexes/{INDEX}/clips", params={"limit": 200}).json()
    assert every["total"] == len(every["clips"]) == 60
    assert [row["id"] for row in every["clips"]] == sorted(row["id"] for row in every["clips"])
    asked = {"where": "camera = 1", "text": "p001", "offset": 1, "limit": 3}
    some = client.get(f"/api/indexes/{INDEX}/clips", params=asked).json()
    expected = [row for row in every["clips"] if row["camera"] == 1 and "P001" in row["name"]]
    assert (some["total"], some["clips"]) == (5, expected[1:4])
    assert "limit" in problem(client.get(f"/api/indexes/{INDEX}/clips", params={"limit": 201}), 422)


def test_a_clip_and_its_frames(client: Client, indexed: Library) -> None:
    about = client.get("/api/clips/7").json()
    assert (about["id"], about["indexes"], about["segments"]) == (7, [INDEX], [])
    answer = client.get("/api/clips/7/frames")
    stored = open_clips(indexed, "mine").frames(6)
    shape = tuple(map(int, answer.headers["x-shape"].split(",")))
    assert shape == stored.shape
    assert (answer.headers["x-fps"], answer.headers["x-layout"]) == ("30", "ntu25")
    drawn = np.frombuffer(answer.content, dtype="<i2").reshape(shape)
    assert (drawn[0, 0, 0, [0, 2]] == 0).all()
    assert drawn[..., 1].min() == 0
    moved = drawn[5, 0, 3].astype(float) - drawn[0, 0, 3]
    np.testing.assert_allclose(moved, (stored[5, 0, 3] - stored[0, 0, 3]) * 1000, atol=1.01)
    again = client.get("/api/clips/7/frames", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    part = client.get("/api/clips/7/frames", params={"start": 2, "stop": 5})
    assert part.headers["x-shape"] == f"3,{shape[1]},25,3"
    assert "no frame" in problem(client.get("/api/clips/7/frames", params={"start": 9, "stop": 9}), 400)
    assert "no clip 99" in problem(client.get("/api/clips/99/frames"), 404)


def test_bones_of_copied_joints_are_left_out(client: Client) -> None:
    whole = client.get("/api/skeleton").json()
    assert len(whole["joints"]) == 25
    assert len(whole["bones"]) == 24
    fewer = client.get("/api/skeleton", params={"layout": "kinect-v1"}).json()
    assert len(fewer["bones"]) == 19
    assert "layout" in problem(client.get("/api/skeleton", params={"layout": "coco"}), 422)


# queries


@pytest.mark.parametrize(
    "asked",
    [{}, {"modality": "bone"}, {"where": "subject = 1", "k": 40}, {"exclude_same_performance": True}],
    ids=["plain", "bridged", "filtered", "excluding"],
)
def test_a_stored_clip_asks_as_the_command_does(
    client: Client, command: Command, asked: dict[str, Any]
) -> None:
    answer = client.post("/api/query", json={"clip": f"mine:{QUERY}", **asked}).json()
    words = [
        word
        for key, value in asked.items()
        for word in ([f"--{key.replace('_', '-')}"] if value is True else [f"--{key}", value])
    ]
    clip_id = answer["query"].pop("clip_id")
    assert answer["query"]["label"] == 4
    assert (
        clip_id == client.get(f"/api/indexes/{INDEX}/clips", params={"text": QUERY}).json()["clips"][0]["id"]
    )
    assert_same(answer, command("query", f"mine:{QUERY}", *words, "--json").json)


def test_a_stored_clip_is_not_embedded_anew(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def embedded(*_: object) -> None:
        raise AssertionError("the index holds its embedding")

    monkeypatch.setattr("umurl_search.serve.cache.CachedSearcher.embed", embedded)
    best = client.post("/api/query", json={"clip": {"id": 7}, "k": 1}).json()["hits"][0]
    assert best["clip_id"] == 7
    assert best["score"] == pytest.approx(1, abs=1e-6)


def test_a_clip_that_is_sent_asks_as_its_file_does(client: Client, command: Command, made: Path) -> None:
    path = made / "clips" / f"{QUERY}.npy"
    sent = client.send(f"C:\\fakepath\\{QUERY}.npy", path.read_bytes()).json()
    assert (sent["name"], sent["label"], sent["notes"]) == (f"{QUERY}.npy", 4, [])
    answer = client.post("/api/query", json={"clip": f"upload:{sent['token']}", "modality": "joint"}).json()
    expected = command("query", path, "--modality", "joint", "--json").json
    expected["query"]["clip"] = f"{QUERY}.npy"
    assert_same(answer, expected)
    assert client.send("X.NPY", path.read_bytes()).json()["frames"] == sent["frames"]
    shape = f"{sent['frames']},{sent['people']},25,3"
    assert client.get(f"/api/uploads/{sent['token']}/frames").headers["x-shape"] == shape


@pytest.mark.parametrize(
    "asked", [{}, {"modality": "bone", "against": "joint", "k": 3}, {"where": "subject = 1", "scale": 0.5}]
)
def test_a_file_asks_in_one_request(
    client: Client, command: Command, made: Path, asked: dict[str, Any]
) -> None:
    path, held = made / "clips" / f"{QUERY}.npy", len(client.service.uploads)
    answer = client.ask_with(f"{QUERY}.npy", path.read_bytes(), **asked).json()
    words = [word for key, value in asked.items() for word in (f"--{key}", value)]
    expected = command("query", path, *words, "--json").json
    expected["query"]["clip"] = f"{QUERY}.npy"
    expected["query"]["notes"] = [note.replace(str(path), path.name) for note in expected["query"]["notes"]]
    assert_same(answer, expected)
    assert len(client.service.uploads) == held


@pytest.mark.parametrize(
    ("name", "body", "asked", "status", "text"),
    [
        ("x.npy", b"", {}, 400, "x.npy: the body is empty"),
        ("x.npy", b"nonsense", {}, 400, "x.npy"),
        ("x.exe", b"MZ", {}, 400, "x.exe: not a clip"),
        ("x.npy", npy(make_clip(QUERY)), {"index": "x"}, 400, "no index 'x'"),
        ("x.npy", npy(make_clip(QUERY)), {"where": "1=1; drop table clips"}, 400, "--where"),
        ("x.npy", npy(make_clip(QUERY)), {"k": 0}, 422, "k: "),
        ("x.npy", npy(make_clip(QUERY)), {"clip": "mine:x"}, 422, "clip: "),
        ("x.npy", npy(make_clip(QUERY)), {"fps": "nan"}, 422, "fps: "),
    ],
)
def test_a_file_that_asks_is_refused(
    client: Client, name: str, body: bytes, asked: dict[str, Any], status: int, text: str
) -> None:
    assert text in problem(client.ask_with(name, body, **asked), status)


def test_a_file_asks_an_index_of_windows(long_client: Client, long_root: Path, command: Command) -> None:
    path = long_root / "recordings" / f"{LONG[0]}.npy"
    answer = long_client.ask_with(path.name, path.read_bytes(), index=LONG_INDEX, k=2).json()
    expected = command(
        "query", path, "--index", LONG_INDEX, "--k", 2, "--json", "--library", long_root / "library"
    ).json
    expected["query"]["clip"] = path.name
    assert "segment" in answer["hits"][0]
    assert_same(answer, expected)


def test_how_a_file_is_read_can_be_said(client: Client) -> None:
    clip = make_clip(QUERY)[:2, [0, 0]]
    clip[1, 1] += np.float32(0.1)
    guessed = client.ask_with("x.npy", npy(clip)).json()
    assert "--axes" in guessed["query"]["notes"][0]
    said = [client.ask_with("x.npy", npy(clip), axes=axes).json() for axes in ("MTVC", "TMVC")]
    assert [one["query"]["notes"] for one in said] == [[], []]
    assert said[0]["hits"] != said[1]["hits"]


def test_the_token_may_stand_in_the_address_of_any_request(indexed: Library) -> None:
    clip, sesame = npy(make_clip(QUERY)), {"token": "sesame"}
    with Client(indexed, access=Access(host="0.0.0.0", token="sesame")) as client:
        client.forget_cookies()
        assert client.send("x.npy", clip).status_code == 401
        assert client.send("x.npy", clip, **sesame).status_code == 200
        assert client.ask_with("x.npy", clip, **sesame).status_code == 200


def test_frames_are_counted_as_they_would_be_held(indexed: Library) -> None:
    small = np.ones((400, 1, 25, 3), np.int8)
    with Client(indexed, upload_bytes=2 * 4 * 75 * 500 * 30) as client:
        assert client.ask_with("x.npy", npy(small), fps=1).status_code == 200
        too_long = npy(np.tile(small, (2, 1, 1, 1)))
        assert "x.npy: more frames" in problem(client.ask_with("x.npy", too_long, fps=1), 413)
        assert client.ask_with("x.npy", too_long, fps=2).status_code == 200


def test_a_moment_of_a_recording_asks(long_client: Client, command: Command) -> None:
    clip = f"long:{LONG[1]}@2-5"
    answer = long_client.post("/api/query", json={"clip": clip, "index": LONG_INDEX, "k": 3}).json()
    expected = command("query", clip, "--index", LONG_INDEX, "--k", 3, "--json").json
    assert "segment" in answer["hits"][0]
    assert_same(answer, expected)


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"clip": "mine:nobody"}, 400, "no clip 'nobody' in mine"),
        ({"clip": "ours:x"}, 400, "no dataset 'ours'"),
        ({"clip": "/etc/passwd.npy"}, 400, "not a clip"),
        ({"clip": "mine:../x.npy"}, 400, "no clip"),
        ({"clip": "mine:x@1-2.npy"}, 400, "no clip"),
        ({"clip": f"mine:{QUERY}@900-901"}, 400, "nobody is there"),
        ({"clip": "upload:x"}, 404, "no such upload"),
        ({"clip": {"id": 10**6}}, 404, "no clip 1000000"),
        ({"clip": {"id": 1}, "index": "x"}, 400, "no index 'x'; there are mine@e"),
        ({"clip": {"id": 1}, "where": "read_csv('/etc/passwd')"}, 400, "read_csv"),
        ({"clip": {"id": 1}, "where": "1=1; drop table clips"}, 400, "--where"),
        ({"clip": {"id": 1}, "where": " "}, 400, "nothing is asked; leave it out for all clips"),
        ({"clip": {"id": 1}, "modality": "smell"}, 422, "modality: modality is joint"),
        ({"clip": {"id": 1}, "k": 0}, 422, "k: "),
        ({"clip": {"id": 1}, "k": 501}, 422, "k: "),
        ({"clip": {"id": 1}, "limit": 3}, 422, "limit: "),
        ({"clip": "a\ud800"}, 422, "surrogate"),
        ({}, 422, "clip: "),
    ],
)
def test_a_query_that_is_refused(client: Client, body: Any, status: int, text: str) -> None:
    said = client.post("/api/query", content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert text in problem(said, status)


# clips that are sent


@pytest.mark.parametrize(
    ("name", "body", "text"),
    [
        ("x.npy", b"nonsense", "x.npy"),
        ("x.npy", b"", "x.npy: the body is empty"),
        ("x.exe", b"MZ", "x.exe: not a clip"),
        ("../../x.npy", npy(np.zeros((4, 25, 3), np.float32)), "x.npy: nobody is in any"),
        ("x.npy", npy(np.full((4, 25, 3), np.nan)), "x.npy: non-finite"),
        ("x.npy", npy(np.ones((4, 7, 3))), "x.npy: an array of shape (4, 7, 3) is no clip"),
        ("x.skeleton", b"\xff" * 100, "x.skeleton: "),
        ("x.json", b"[" * 100_000, "x.json: "),
        ("x.txt", b"1 2 3\n", "x.txt: "),
    ],
)
def test_a_file_that_is_no_clip(client: Client, name: str, body: bytes, text: str) -> None:
    line = problem(client.send(name, body), 400)
    assert text in line
    assert "/" not in line.partition(":")[0]


def test_the_oldest_uploads_go(indexed: Library) -> None:
    clip = npy(make_clip(QUERY))
    with Client(indexed, uploads=2) as client:
        tokens = [client.send("x.npy", clip).json()["token"] for _ in range(3)]
        found = [client.get(f"/api/uploads/{token}/frames").status_code for token in tokens]
    assert found == [404, 200, 200]


def test_uploads_are_bounded_in_bytes(indexed: Library) -> None:
    clip = make_clip(QUERY)
    with Client(indexed, upload_bytes=3 * clip.nbytes) as client:
        tokens = [client.send("x.npy", npy(clip)).json()["token"] for _ in range(2)]
        assert [client.get(f"/api/uploads/{token}/frames").status_code for token in tokens] == [404, 200]
        assert "more frames" in problem(client.send("x.npy", npy(clip), fps=1), 413)


def test_stated_conventions_of_a_clip_that_is_sent(client: Client) -> None:
    clip = npy(make_clip(QUERY)[:, :, :20])
    assert client.send("x.npy", clip).json()["layout"] == "kinect-v1"
    assert client.send("x.npy", clip, layout="utd-mhad").json()["layout"] == "utd-mhad"
    assert "joints" in problem(client.send("x.npy", clip, layout="ntu25"), 400)
    assert "fps" in problem(client.send("x.npy", clip, fps="nan"), 422)


# what changes meanwhile


def test_a_changed_library_is_noticed(client: Client, indexed: Library) -> None:
    assert client.post("/api/query", json={"clip": {"id": 7}, "k": 1}).json()["hits"][0]["clip_id"] == 7
    name = client.get("/api/clips/7").json()["name"]
    remove(indexed, "mine", names=(name,))
    assert "no clip 7" in problem(client.post("/api/query", json={"clip": {"id": 7}}), 404)
    assert client.get(f"/api/indexes/{INDEX}/clips").json()["total"] == 59
    found = client.post("/api/query", json={"clip": {"id": 8}, "k": 60}).json()["hits"]
    assert 7 not in {hit["clip_id"] for hit in found}
    assert len(found) == 59


def test_files_that_went_missing_are_told(client: Client, indexed: Library) -> None:
    folder = indexed.index_folder(INDEX)
    folder.rename(folder.with_name("away"))
    body = {"clip": {"id": 7}, "modality": "bone", "against": "motion", "bridge": False}
    assert "is missing" in problem(client.post("/api/query", json=body), 400)
    folder.with_name("away").rename(folder)
    assert client.post("/api/query", json=body).status_code == 200


def test_a_library_without_an_index(library: Library) -> None:
    with Client(library) as client:
        assert client.get("/api/library").json()["default_index"] is None
        assert "holds no index yet" in problem(client.post("/api/query", json={"clip": {"id": 1}}), 400)
        assert client.get("/api/clips/1/frames").status_code == 200


# the description


def test_the_description_names_every_route_and_no_other_host(client: Client) -> None:
    document = client.get("/openapi.json").json()
    assert {
        "/api/query",
        "/api/query-file",
        "/api/uploads",
        "/api/clips/{clip_id}/frames",
        "/api/maps/{job}/points",
        "/metrics",
    } <= set(document["paths"])
    assert "http" not in json.dumps(document)
    assert [client.get(path).status_code for path in ("/docs", "/redoc")] == [404, 404]
    body = document["components"]["schemas"]["QueryBody"]
    assert body["additionalProperties"] is False


def test_metrics(client: Client) -> None:
    client.post("/api/query", json={"clip": {"id": 7}})
    client.post("/api/query", json={"clip": "x"})
    client.get("/wp-login.php")
    lines = client.get("/metrics").text.splitlines()
    assert 'umurl_search_requests_total{method="POST",route="/api/query",status="200"} 1' in lines
    assert 'umurl_search_requests_total{method="POST",route="/api/query",status="400"} 1' in lines
    assert 'umurl_search_requests_total{method="GET",route="other",status="404"} 1' in lines
    assert 'umurl_search_request_seconds_count{route="/api/query"} 2' in lines
    (memory,) = (line for line in lines if line.startswith("umurl_search_resident_bytes "))
    assert float(memory.split()[1]) > 2**20
