"""What the server keeps at hand of a library: read again when it has changed, told when it is gone."""

from changes import build
from serving import Client, problem

from umurl_search import Library
from umurl_search.ingest.add_update_remove import remove
from umurl_search.maintenance.inspect_and_doctor import prefer
from umurl_search.serve.cache import LibraryCache

INDEX = "mine@e"


def test_the_page_takes_it_at_once(indexed: Library) -> None:
    build(indexed, "second")
    shelf = LibraryCache(indexed, device="cpu")
    assert (shelf.index(None).name, shelf.contents()["default_index"]) == ("second", "second")
    prefer(indexed, "mine@e")
    assert (shelf.index(None).name, shelf.contents()["default_index"]) == ("mine@e", "mine@e")
    assert LibraryCache(indexed, device="cpu", default="second").index(None).name == "second"
    assert LibraryCache(indexed, device="cpu", default="gone").index(None).name == "mine@e"


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
