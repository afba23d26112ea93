"""The commands `list`, `info`, `verify`, `delete` and `doctor`: their documents."""

import json
from collections.abc import Callable
from pathlib import Path

from conftest import Result
from documents import QUERY, read_document

from umurl_search.library.library import Library

Command = Callable[..., Result]


def test_the_keys_of_verify(indexed: Library, command: Command) -> None:
    assert read_document(command("verify", "--json")) == {"ok": True, "problems": []}
    (indexed.index_folder("mine@e") / "ids.npy").unlink()
    broken = command("verify", "--json")
    assert broken.code == 1
    document = json.loads(broken.out)
    assert document["ok"] is False
    assert len(document["problems"]) == 1
    assert "ids.npy is missing" in document["problems"][0]
    assert broken.err.count("\n") == 1


def test_list_and_info(indexed: Library, command: Command) -> None:
    document = read_document(command("list", "--json"))
    named = [[row["name"] for row in document[room]] for room in ("datasets", "encoders", "indexes")]
    assert named == [["mine"], ["e"], ["mine@e"]]
    assert all(word in command("list").out for word in ("mine@e", "xsub", "trained"))
    for what, kind in (("dataset:mine", "dataset"), ("e", "encoder"), ("mine@e", "index")):
        found = read_document(command("info", what, "--json"))
        assert (found["kind"], found["name"]) == (kind, what.removeprefix("dataset:"))
        assert found["bytes"] > 0
    row = read_document(command("info", f"mine:{QUERY}", "--json"))
    assert (row["kind"], row["name"], row["people"]) == ("clip", QUERY, 1)
    assert read_document(command("info", "shipped", "--json"))["kind"] == "encoder"
    whole = read_document(command("info", "--json"))
    assert whole["bytes"] > 0
    assert {room: whole[room] for room in document} == document
    assert "xsub" in command("info", "mine").out


def test_an_empty_library_is_listed_as_empty(command: Command) -> None:
    document = read_document(command("list", "--json"))
    assert [document[room] for room in ("datasets", "encoders", "indexes")] == [[], [], []]
    assert "none" in command("list").out


def test_delete_takes_an_index_then_its_encoder(indexed: Library, command: Command) -> None:
    document = read_document(command("delete", "mine@e", "--json"))
    assert (document["deleted"], document["kind"]) == ("mine@e", "index")
    assert document["bytes"] > 0
    assert "encoder e deleted" in command("delete", "encoder:e").out
    assert "dataset mine deleted" in command("delete", "mine").out
    assert [
        path.name for room in ("clips", "encoders", "indexes") for path in (indexed.root / room).iterdir()
    ] == []
    assert read_document(command("verify", "--json"))["ok"] is True


def test_doctor(indexed: Library, command: Command, tmp_path: Path) -> None:
    document = read_document(command("doctor", "--json"))
    assert document["ok"] is True
    assert {"python", "faiss", "device", "library", "disk"} <= {check["name"] for check in document["checks"]}
    ill = command("doctor", "--json", "--data", tmp_path / "nowhere")
    assert ill.code == 1
    assert [c["name"] for c in json.loads(ill.out)["checks"] if not c["ok"]] == ["data"]
    assert ill.err.count("\n") == 1
    assert "nowhere" in ill.err
