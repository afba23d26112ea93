"""Routes about the library and its clips."""

from collections.abc import Callable

from conftest import Result
from serving import Client, problem

Command = Callable[..., Result]
INDEX = "mine@e"


def test_health_and_the_library(client: Client, command: Command) -> None:
    assert client.get("/api/health").json()["status"] == "ok"
    assert client.get("/api/library").json() == {**command("list", "--json").json, "default_index": INDEX}


def test_bones_of_copied_joints_are_left_out(client: Client) -> None:
    whole = client.get("/api/skeleton").json()
    assert len(whole["joints"]) == 25
    assert len(whole["bones"]) == 24
    fewer = client.get("/api/skeleton", params={"layout": "kinect-v1"}).json()
    assert len(fewer["bones"]) == 19
    assert "layout" in problem(client.get("/api/skeleton", params={"layout": "coco"}), 422)
