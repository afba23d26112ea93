"""Queries of the API give what the command gives."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import LONG, LONG_INDEX, Result
from serving import Client, assert_same

Command = Callable[..., Result]
INDEX = "mine@e"
QUERY = "S001C001P001R001A005"


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
    def refuse_to_embed(*_: object) -> None:
        raise AssertionError("the index holds its embedding")

    monkeypatch.setattr("umurl_search.serve.cache.CachedSearcher.embed", refuse_to_embed)
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


def test_a_file_asks_an_index_of_windows(long_client: Client, long_root: Path, command: Command) -> None:
    path = long_root / "recordings" / f"{LONG[0]}.npy"
    answer = long_client.ask_with(path.name, path.read_bytes(), index=LONG_INDEX, k=2).json()
    expected = command(
        "query", path, "--index", LONG_INDEX, "--k", 2, "--json", "--library", long_root / "library"
    ).json
    expected["query"]["clip"] = path.name
    assert "segment" in answer["hits"][0]
    assert_same(answer, expected)


def test_a_moment_of_a_recording_asks(long_client: Client, command: Command) -> None:
    clip = f"long:{LONG[1]}@2-5"
    answer = long_client.post("/api/query", json={"clip": clip, "index": LONG_INDEX, "k": 3}).json()
    expected = command("query", clip, "--index", LONG_INDEX, "--k", 3, "--json").json
    assert "segment" in answer["hits"][0]
    assert_same(answer, expected)
