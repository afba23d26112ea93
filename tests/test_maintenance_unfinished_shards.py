"""Shards that were not gathered: doctor shows them, verify names those of no use, repair deletes these alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Result

from umurl_search.files import sealed_folder, shards
from umurl_search.files.shards import Shard
from umurl_search.index.build import build_index, build_shard
from umurl_search.index.build_plan import BuildRequest
from umurl_search.ingest.add_update_remove import remove
from umurl_search.ingest.ingest import Request, ingest, ingest_shard
from umurl_search.library.library import Library
from umurl_search.maintenance import inspect_and_doctor
from umurl_search.maintenance.repair import repair
from umurl_search.maintenance.unfinished_shards import find_shards
from umurl_search.maintenance.verify import verify

Command = Callable[..., Result]
HALF = Shard(number=0, of=2)
INDEX = BuildRequest(dataset="mine", device="cpu", name="i")


@pytest.fixture
def two(request_of_mine: Request) -> Request:
    return replace(request_of_mine, name="two")


def useless(library: Library) -> dict[str, str | None]:
    return {one.folder.name: one.why_useless for one in find_shards(library)}


def test_what_can_still_be_gathered_stays(library: Library, two: Request, command: Command) -> None:
    ingest_shard(library, two, HALF, workers=1)
    build_shard(library, INDEX, HALF)
    assert [one.words for one in find_shards(library)] == [
        "dataset two: 1 of 2 shards sealed",
        "index i: 1 of 2 shards sealed",
    ]
    assert verify(library) == []
    assert repair(library).mended == []
    checks = {one["name"]: one for one in command("doctor", "--json").json["checks"]}
    assert checks["shards"] == {
        "name": "shards",
        "ok": True,
        "detail": "dataset two: 1 of 2 shards sealed, index i: 1 of 2 shards sealed",
    }


def test_without_shards_there_is_nothing_to_say(library: Library, command: Command) -> None:
    assert find_shards(library) == []
    assert find_shards(Library(library.root / "none")) == []
    checks = command("doctor", "--json").json["checks"]
    assert "shards" not in {one["name"] for one in checks}


def test_those_of_what_is_there_already(library: Library, two: Request, command: Command) -> None:
    ingest_shard(library, two, HALF, workers=1)
    build_shard(library, INDEX, HALF)
    ingest(library, two, workers=1)
    build_index(library, INDEX)
    said = {".two.shards": "dataset two is there already", ".i.shards": "index i is there already"}
    assert useless(library) == said
    folders = [shards.folder_of(library.clips("two")), shards.folder_of(library.index_folder("i"))]
    assert verify(library) == [
        f"{folder}: shards that were not gathered, of no use since {why}: umurl-search repair deletes them"
        for folder, why in zip(folders, said.values(), strict=True)
    ]
    (check,) = (one for one in command("doctor", "--json").json["checks"] if one["name"] == "shards")
    assert not check["ok"]
    assert check["detail"].endswith("; umurl-search repair deletes what is of no use")
    report = repair(library)
    assert report.mended == [f"{folder}: left by an interrupted run, deleted" for folder in folders]
    assert report.problems == []
    assert not any(folder.exists() for folder in folders)


def test_those_of_a_dataset_that_changed_or_went(library: Library, two: Request) -> None:
    ingest(library, two, workers=1)
    build_shard(library, INDEX, HALF)
    build_shard(library, replace(INDEX, dataset="two", name="j", encoder="e"), HALF)
    remove(library, "mine", names=["S001C001P001R001A001"])
    inspect_and_doctor.delete(library, "dataset:two")
    assert useless(library) == {
        ".i.shards": "dataset mine changed since",
        ".j.shards": "dataset two is not there any more",
    }
    assert len(repair(library).mended) == 2
    assert verify(library) == []


def test_a_damaged_plan(library: Library) -> None:
    build_shard(library, INDEX, HALF)
    (shards.folder_of(library.index_folder("i")) / shards.PLAN).write_text("{")
    (why,) = useless(library).values()
    assert why is not None
    assert "plan.json is damaged" in why
    repair(library)
    assert verify(library) == []


def test_what_a_process_works_on_is_left_alone(library: Library) -> None:
    build_shard(library, INDEX, HALF)
    build_index(library, INDEX)
    place = shards.place_of(library.index_folder("i"), Shard(number=1, of=2))
    with sealed_folder.building(place, resume_token="t"):
        assert useless(library) == {}
    assert len(useless(library)) == 1


def test_a_plan_that_was_being_written_is_swept(library: Library) -> None:
    folder = library.root / "indexes" / ".i.shards.0123abcd.removed"
    folder.mkdir()
    (folder / "plan.json").write_text("{")
    assert repair(library).mended == [f"{folder}: left by an interrupted run, deleted"]


def test_the_library_may_be_without_a_catalog(tmp_path: Path, two: Request) -> None:
    library = Library(tmp_path / "new")
    ingest_shard(library, two, HALF, workers=1)
    assert useless(library) == {".two.shards": None}
