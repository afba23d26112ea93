"""An index of shares is the one that a process builds alone: every byte of its files, every hit."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from conftest import LONG_INDEX, WINDOW
from interruptions import content, interrupting_progress, raise_interrupt

from encoder.errors import NotFoundError, UmurlError
from umurl_search.files import sealed_folder, shards
from umurl_search.files.shards import Shard
from umurl_search.index import build, embed_rows, embedding_shards
from umurl_search.index.bridges_and_whitening import Transform
from umurl_search.index.build import build_index, build_shard
from umurl_search.index.build_plan import BuildRequest, plan_build
from umurl_search.ingest.add_update_remove import remove
from umurl_search.library.library import Library
from umurl_search.maintenance import verify
from umurl_search.search.options import QueryRequest
from umurl_search.search.query import query

MINE = BuildRequest(dataset="mine", device="cpu")


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """60 clips are 8 chunks."""
    monkeypatch.setattr(embed_rows, "CHUNK", 8)


def files(library: Library, name: str) -> dict[str, bytes]:
    """Of an index, but for its manifest, which says how long a query took."""
    found = content(library.index_folder(name))
    del found["manifest.json"]
    return found


def build_in_shards(library: Library, request: BuildRequest, n: int) -> build.BuildReport:
    for i in reversed(range(n)):
        build_shard(library, request, Shard(number=i, of=n))
    return build_index(library, request, gathers=True)


def hits(library: Library, index: str) -> list[tuple[str, float]]:
    asked = QueryRequest(clip="mine:S001C001P001R001A005", index=index, k=60, device="cpu")
    return [(hit["name"], hit["score"]) for hit in query(library, asked)["hits"]]


@pytest.mark.parametrize("n", [1, 3, 11])
def test_shards_make_the_index_of_one_process(library: Library, n: int) -> None:
    alone = build_index(library, BuildRequest(dataset="mine", device="cpu", name="alone"))
    report = build_in_shards(library, MINE, n)
    assert files(library, "mine@e") == files(library, "alone")
    assert hits(library, "mine@e") == hits(library, "alone")
    differing = {key for key in report if report[key] != alone[key]}
    assert differing <= {"index", "seconds", "quality", "encoder_why", "bytes"}
    assert verify.verify(library) == []
    there = [path.name for path in (library.root / "indexes").iterdir()]
    assert sorted(there) == ["alone", "mine@e"]


@pytest.mark.parametrize(
    "how", [{"modalities": "all"}, {"transform": Transform.parse("half-whiten:8")}, {"precision": "bf16"}]
)
def test_so_do_those_with_other_options(library: Library, how: dict[str, Any]) -> None:
    alone = build_index(library, BuildRequest(dataset="mine", device="cpu", name="alone", **how))
    shared = BuildRequest(dataset="mine", device="cpu", name="shared", **how)
    assert build_in_shards(library, shared, 2).modalities == alone.modalities
    assert files(library, "shared") == files(library, "alone")


def test_an_index_of_windows(long: Library) -> None:
    request = BuildRequest(dataset="long", device="cpu", name="shared", encoder="e", window=WINDOW)
    report = build_in_shards(long, request, 3)
    build_index(long, replace(request, name="alone"))
    assert files(long, "shared") == files(long, "alone")
    assert report.windows == len(np.load(long.index_folder(LONG_INDEX) / "ids.npy"))


def test_a_dataset_of_several_parts(parted: Library) -> None:
    alone = BuildRequest(dataset="mine", device="cpu", name="alone")
    build_index(parted, alone)
    build_in_shards(parted, BuildRequest(dataset="mine", device="cpu", name="shared"), 3)
    assert files(parted, "shared") == files(parted, "alone")


def test_shares_begin_where_chunks_do(library: Library) -> None:
    plan = plan_build(library, MINE)
    spans = [embedding_shards.rows_of(plan, Shard(number=i, of=3)) for i in range(3)]
    assert spans == [(0, 16), (16, 40), (40, 60)]


def test_a_shard_changes_no_catalog(library: Library) -> None:
    before = library.stamp()
    report = build_shard(library, MINE, Shard(number=1, of=2))
    assert (report.name, report.shard, report.shards) == ("mine@e", 1, 2)
    assert (report.rows, report.total, report.already_there) == (28, 60, False)
    assert build_shard(library, MINE, Shard(number=1, of=2)).already_there
    assert library.stamp() == before


def test_a_stopped_shard_goes_on_from_its_last_chunk(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt):
        build_shard(library, MINE, Shard(number=0, of=2), progress=interrupting_progress(3))
    taken = []

    def note(embedder: Any, store: Any, units: Any, **how: Any) -> Iterator[Any]:
        taken.append(how["first"])
        yield from embed_chunks(embedder, store, units, **how)

    embed_chunks = embed_rows.embed_chunks
    monkeypatch.setattr(embed_rows, "embed_chunks", note)
    build_shard(library, MINE, Shard(number=0, of=2))
    assert taken == [24]
    build_shard(library, MINE, Shard(number=1, of=2))
    build_index(library, MINE, gathers=True)
    build_index(library, BuildRequest(dataset="mine", device="cpu", name="alone"))
    assert files(library, "mine@e") == files(library, "alone")


@pytest.mark.parametrize("where", ["gather", "fit_maps", "_enter", "sweep"])
def test_a_gathering_that_was_stopped_is_done_again(
    library: Library, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    for i in range(3):
        build_shard(library, MINE, Shard(number=i, of=3))
    with monkeypatch.context() as patched:
        patched.setattr(shards if where == "sweep" else build, where, raise_interrupt)
        with pytest.raises(KeyboardInterrupt):
            build_index(library, MINE, gathers=True)
    report = build_index(library, MINE, gathers=True)
    assert report.already_there == (where == "sweep")
    build_index(library, BuildRequest(dataset="mine", device="cpu", name="alone"))
    assert files(library, "mine@e") == files(library, "alone")
    assert not shards.folder_of(library.index_folder("mine@e")).exists()


def test_the_missing_one_is_named_with_its_command(library: Library) -> None:
    request = BuildRequest(
        dataset="mine", device="cpu", encoder="shipped", modalities="all", name="i", precision="float32"
    )
    for i in (0, 1, 3):
        build_shard(library, request, Shard(number=i, of=4))
    with pytest.raises(NotFoundError) as told:
        build_index(library, request, gathers=True)
    assert told.value.typed == (
        "shard 2 of 4 is missing: umurl-search build-index mine --encoder shipped --modalities all "
        "--precision float32 --as i --shard 2/4"
    )
    assert [path.name for path in (library.root / "indexes").iterdir()] == [".i.shards"]


def test_the_command_of_windows() -> None:
    request = BuildRequest(dataset="x", window=WINDOW, transform=Transform.parse("half-whiten:8"))
    assert embedding_shards._hint_to_make(request, "1/2").typed == (
        "umurl-search build-index x --transform half-whiten:8 --window 2.5 --stride 1 --shard 1/2"
    )


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"encoder": "shipped"}, "encoder e, not shipped; not the same state of the encoder"),
        ({"modalities": "all"}, "not the same modalities"),
        ({"precision": "bf16"}, "precision float32, not bf16"),
        ({"transform": Transform.parse("half-whiten")}, "transform none, not half-whiten"),
    ],
)
def test_other_options_are_refused(library: Library, how: dict[str, Any], said: str) -> None:
    made: dict[str, Any] = {"precision": "float32", "name": "i"}
    build_shard(library, BuildRequest(dataset="mine", device="cpu", **made), Shard(number=0, of=2))
    other = BuildRequest(dataset="mine", device="cpu", **(made | how))
    works: tuple[Callable[[], object], ...] = (
        lambda: build_shard(library, other, Shard(number=1, of=2)),
        lambda: build_index(library, other, gathers=True),
    )
    for work in works:
        with pytest.raises(UmurlError, match="made from something else") as told:
            work()
        assert said in told.value.message


def test_a_dataset_that_changed_is_refused(library: Library) -> None:
    build_shard(library, MINE, Shard(number=0, of=2))
    remove(library, "mine", names=["S001C001P001R001A001"])
    with pytest.raises(UmurlError, match="not the same state of the dataset"):
        build_shard(library, MINE, Shard(number=1, of=2))


def test_of_what_is_there_no_shard_is_made(indexed: Library) -> None:
    report = build_shard(indexed, MINE, Shard(number=0, of=2))
    assert report.already_there
    assert not shards.folder_of(indexed.index_folder("mine@e")).exists()
    assert build_index(indexed, MINE, gathers=True).already_there


def test_shards_left_beside_what_is_there_go(library: Library) -> None:
    """Or the first process of torchrun would wait for the others for good."""
    build_shard(library, MINE, Shard(number=0, of=2))
    build_index(library, MINE)
    assert build_shard(library, MINE, Shard(number=0, of=2)).already_there
    assert not shards.folder_of(library.index_folder("mine@e")).exists()


def test_a_share_that_is_gathered_while_it_is_made_again_goes(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_late(*given: Any, **how: Any) -> bool:
        build_index(library, MINE)
        return make_share(*given, **how)

    make_share = embedding_shards.make_share
    monkeypatch.setattr(build, "make_share", make_late)
    build_shard(library, MINE, Shard(number=0, of=2))
    assert [path.name for path in (library.root / "indexes").iterdir()] == ["mine@e"]


def test_a_shard_brings_no_older_catalog_up_to_date(library: Library) -> None:
    with duckdb.connect(str(library.catalog_path)) as connection:
        connection.execute("update meta set schema_version = schema_version - 1")
    with pytest.raises(UmurlError) as told:
        build_shard(library, MINE, Shard(number=0, of=2))
    assert told.value.typed.endswith("; run: umurl-search doctor")


def test_a_dataset_that_is_not_there(tmp_path: Path, library: Library) -> None:
    for where in (library, Library(tmp_path / "none")):
        with pytest.raises(NotFoundError):
            build_shard(where, BuildRequest(dataset="none", device="cpu"), Shard(number=0, of=2))


def test_a_flipped_byte_of_a_shard_does_not_get_into_the_index(library: Library) -> None:
    build_shard(library, MINE, Shard(number=0, of=1))
    place = shards.place_of(library.index_folder("mine@e"), Shard(number=0, of=1))
    path = place / "embeddings-fused.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(UmurlError, match="was altered"):
        build_index(library, MINE, gathers=True)
    assert not sealed_folder.partial_of(library.index_folder("mine@e")).exists()
