"""What can be looked through: an index, its columns, clips by filter and page."""

from collections.abc import Callable

from conftest import Result
from serving import Client, problem

Command = Callable[..., Result]
INDEX = "mine@e"


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
