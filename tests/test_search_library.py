"""The library on disk: interrupted work goes on, one writer at a time, and nothing altered goes unnoticed."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from conftest import Result
from numpy.typing import NDArray

from encoder.embed import Embedder
from encoder.errors import UmurlError
from umurl_search.clips.clip import Clip
from umurl_search.clips.normalization import Up
from umurl_search.export.embed_source import EmbedRequest, embed_source
from umurl_search.files import sealed_folder
from umurl_search.index import build, embed_rows
from umurl_search.index.build import BuildRequest, build_index
from umurl_search.index.index import Index, embeddings_file
from umurl_search.ingest import ingest, parallel_read
from umurl_search.ingest.ingest import Request
from umurl_search.library.clip_store import ClipStore
from umurl_search.library.library import Library
from umurl_search.maintenance import inspect_and_doctor
from umurl_search.maintenance import verify as soundness
from umurl_search.progress import Advance, Progress
from umurl_search.readers.arrays import NpyReader
from umurl_search.readers.file_per_clip import Place
from umurl_search.search.searcher import QueryRequest, query
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Result]
ROOT = Path(__file__).parents[1]


def stopping(after: int) -> Progress:
    """Progress that is interrupted once `after` pieces of work are done."""

    @contextlib.contextmanager
    def progress(title: str, *, total: int, unit: str) -> Iterator[Advance]:
        calls = [0]

        def advance(n: int, note: str = "") -> None:
            calls[0] += n > 0
            if calls[0] >= after:
                raise KeyboardInterrupt

        yield advance

    return progress


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def rows(library: Library, dataset: str) -> tuple[dict[str, list[Any]], dict[str, list[int]]]:
    with library.read() as catalog:
        columns = catalog.clips_of(dataset).columns
        split = catalog.split(dataset, "xsub")
    return columns, {part: ids.tolist() for part, ids in split.items()}


@pytest.fixture
def request_of_mine(made: Path) -> Request:
    return Request(name="mine", source=made / "clips", splits=made / "splits.json")


# ingest


@pytest.mark.parametrize("left", ["whole chunks", "a torn chunk"])
def test_an_interrupted_ingest_goes_on(
    left: str, made: Path, request_of_mine: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel_read, "CHUNK", 8)
    library = Library(tmp_path / "new")
    read: list[str] = []
    partial = sealed_folder.partial_of(library.clips("mine"))
    with pytest.raises(KeyboardInterrupt):
        ingest.ingest(library, request_of_mine, progress=stopping(3), workers=1)
    assert not library.catalog_path.exists()
    assert (partial / "journal.jsonl").read_bytes().count(b"\n") == 3
    if left == "a torn chunk":
        for name, junk in (("journal.jsonl", b'{"items": 8, "clips": [{"na'), ("frames.f32", b"\1\2\3")):
            with open(partial / name, "ab") as file:
                file.write(junk)
    load = NpyReader.load

    def counting(self: NpyReader, place: Place) -> Clip:
        read.append(place.name)
        return load(self, place)

    monkeypatch.setattr(NpyReader, "load", counting)
    report = ingest.ingest(library, request_of_mine, workers=1)
    assert (report.used, report.already_there, len(read)) == (60, False, 60 - 3 * 8)
    assert not partial.exists()
    whole = Library(tmp_path / "whole")
    ingest.ingest(whole, request_of_mine, workers=1)
    assert content(library.clips("mine")) == content(whole.clips("mine"))
    assert rows(library, "mine") == rows(whole, "mine") == rows(Library(made / "library"), "mine")
    assert soundness.verify(library) == []


def test_a_reader_that_fails_leaves_what_was_read(
    request_of_mine: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel_read, "CHUNK", 8)
    library, load, count = Library(tmp_path / "new"), NpyReader.load, [0]

    def failing(self: NpyReader, place: Place) -> Clip:
        count[0] += 1
        if count[0] == 30:
            raise OSError(5, "Input/output error")
        return load(self, place)

    monkeypatch.setattr(NpyReader, "load", failing)
    with pytest.raises(OSError, match="Input/output"):
        ingest.ingest(library, request_of_mine, workers=1)
    assert ingest.ingest(library, request_of_mine, workers=1).used == 60
    assert count[0] == 30 + 60 - 24


def test_another_source_does_not_go_on_from_there(
    request_of_mine: Request, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel_read, "CHUNK", 8)
    library = Library(tmp_path / "new")
    with pytest.raises(KeyboardInterrupt):
        ingest.ingest(library, request_of_mine, progress=stopping(3), workers=1)
    ingest.ingest(library, Request(name="mine", source=made / "clips", scale=0.5))
    store = ClipStore(library.clips("mine"))
    first = np.load(sorted((made / "clips").iterdir())[0])
    np.testing.assert_array_equal(store.frames(0), first * np.float32(0.5))


def test_a_sealed_store_is_entered_by_the_next_run(
    request_of_mine: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library(tmp_path / "new")
    with monkeypatch.context() as patched:
        patched.setattr(ingest, "register", stopped)
        with pytest.raises(KeyboardInterrupt):
            ingest.ingest(library, request_of_mine)
    before = content(library.clips("mine"))
    with monkeypatch.context() as patched:
        patched.setattr(NpyReader, "load", stopped)
        report = ingest.ingest(library, request_of_mine)
    assert (report.used, report.already_there) == (60, False)
    assert content(library.clips("mine")) == before
    assert soundness.verify(library) == []


def stopped(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_second_ingest_of_the_same_does_nothing(
    library: Library, request_of_mine: Request, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = library.catalog_path.read_bytes()
    monkeypatch.chdir(made)
    relative = Request(name="mine", source=Path("clips"), splits=Path("splits.json"))
    for request in (request_of_mine, relative):
        report = ingest.ingest(library, request)
        assert (report.already_there, report.used, report.found) == (True, 60, 60)
    assert library.catalog_path.read_bytes() == before


def test_a_source_that_changed_is_told(made: Path, tmp_path: Path) -> None:
    source = tmp_path / "clips"
    source.mkdir()
    path = source / "a.npy"
    shutil.copy(made / "clips" / "S001C001P001R001A001.npy", path)
    library = Library(tmp_path / "new")
    ingest.ingest(library, Request(name="x", source=source))
    old = (library.clips("x") / "journal.jsonl").read_text()
    np.save(path, np.load(path)[:20])
    with pytest.raises(UmurlError, match=r"files have changed since.*umurl-search delete x"):
        ingest.ingest(library, Request(name="x", source=source))
    inspect_and_doctor.delete(library, "x")
    ingest.ingest(library, Request(name="x", source=source))
    assert sealed_folder.sha256_of(path) in (library.clips("x") / "journal.jsonl").read_text()
    assert sealed_folder.sha256_of(path) not in old


def test_one_name_in_two_folders_is_taken_once(made: Path, tmp_path: Path) -> None:
    clips = sorted((made / "clips").iterdir())
    for folder, path in (("b", clips[0]), ("a", clips[0]), ("c/d", clips[2]), ("a", clips[1])):
        (tmp_path / "two" / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / "two" / folder)
    library = Library(tmp_path / "new")
    report = ingest.ingest(library, Request(name="x", source=tmp_path / "two"))
    assert (report.found, report.used, report.left_out) == (4, 3, {"duplicate name": 1})
    with library.read() as catalog:
        assert catalog.clips_of("x").name == [path.stem for path in clips[:3]]
        assert catalog.clips_of("x").id.tolist() == [1, 2, 3]
        (left_out,) = catalog.left_out("x")
    assert (left_out["source"], left_out["name"]) == (f"b/{clips[0].name}", clips[0].stem)


def test_ids_are_never_used_again(made: Path, tmp_path: Path) -> None:
    library = Library(tmp_path / "new")
    for name in ("a", "b"):
        ingest.ingest(library, Request(name=name, source=made / "clips"))
    inspect_and_doctor.delete(library, "b")
    ingest.ingest(library, Request(name="b", source=made / "clips"))
    with library.read() as catalog:
        assert catalog.clips_of("a").id.tolist() == list(range(1, 61))
        assert catalog.clips_of("b").id.tolist() == list(range(121, 181))


def test_numbers_beyond_32_bits_in_a_name(made: Path, tmp_path: Path) -> None:
    (tmp_path / "late").mkdir()
    clip = made / "clips" / "S001C001P001R001A001.npy"
    shutil.copy(clip, tmp_path / "late" / "a1_s20240131_t1706700000000.npy")
    library = Library(tmp_path / "new")
    ingest.ingest(library, Request(name="x", source=tmp_path / "late"))
    with library.read() as catalog:
        columns = catalog.clips_of("x").columns
    assert (columns["subject"], columns["replication"]) == ([20240131], [1706700000000])


@pytest.mark.parametrize("up", ["z", "x"])
def test_own_conventions_give_the_same_embedding(
    up: Up, library: Library, made: Path, tmp_path: Path
) -> None:
    """Metres, y up, 30 frames/s and millimetres, another axis up, 60 frames/s: one motion."""
    at_30 = np.load(made / "clips" / "S001C001P001R001A001.npy")
    at_60 = np.repeat(at_30, 2, axis=0)[:-1]
    at_60[1::2] = (at_30[:-1] + at_30[1:]) / 2
    x, y, z = (at_60[..., axis] for axis in range(3))
    turned = np.stack([x, -z, y] if up == "z" else [y, -x, z], axis=-1) * 1000
    for name, array in (("plain", at_30), ("turned", turned)):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "clip.npy", array)
    ingest.ingest(library, Request(name="plain", source=tmp_path / "plain"))
    ingest.ingest(library, Request(name="turned", source=tmp_path / "turned", up=up, scale=0.001, fps=60))
    y_of = {}
    for name in ("plain", "turned"):
        out = tmp_path / f"{name}.npy"
        embed_source(library, EmbedRequest(source=name, out=out, encoder="e", device="cpu"))
        y_of[name] = np.load(out)
    assert ClipStore(library.clips("turned")).frames(0).shape == at_30.shape
    np.testing.assert_allclose(y_of["turned"], y_of["plain"], atol=2e-3 * np.abs(y_of["plain"]).max())
    untold = tmp_path / "untold.npy"
    embed_source(
        library, EmbedRequest(source=str(tmp_path / "turned"), out=untold, encoder="e", device="cpu")
    )
    assert np.abs(np.load(untold) - y_of["plain"]).max() > 0.1 * np.abs(y_of["plain"]).max()


def many(folder: Path, n: int, *, n_frames: int) -> Path:
    """n clips of one person, all different."""
    folder.mkdir()
    clip = make_clip("S001C001P001R001A001")[:n_frames]
    for i in range(n):
        np.save(folder / f"S001C001P001R{i // 100 + 1:03d}A{i % 100 + 1:03d}.npy", clip + np.float32(i))
    return folder


def test_two_processes_read_the_same_bytes_as_one(tmp_path: Path) -> None:
    source = many(tmp_path / "many", 150, n_frames=4)
    np.save(source / "S001C001P001R001A013.npy", np.full((4, 25, 3), np.nan))
    libraries = [Library(tmp_path / f"by{n}") for n in (1, 2)]
    for n, library in enumerate(libraries, start=1):
        report = ingest.ingest(library, Request(name="x", source=source), workers=n)
        assert (report.used, report.left_out) == (149, {"non-finite": 1})
    one, two = (content(library.clips("x")) for library in libraries)
    assert one == two


def test_a_killed_reading_process_is_told(
    request_of_mine: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def __init__(self, *_: object, **__: object) -> None: ...

        def submit(self, *_: object) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_exception(BrokenProcessPool("a process died"))
            return future

        def shutdown(self, **_: object) -> None: ...

    monkeypatch.setattr(parallel_read, "ProcessPoolExecutor", Broken)
    monkeypatch.setattr(parallel_read, "CHUNK", 8)
    with pytest.raises(UmurlError, match=r"process that reads recordings was killed.*run the same command"):
        ingest.ingest(Library(tmp_path / "new"), request_of_mine, workers=2)


@pytest.mark.slow
def test_ctrl_c_in_an_ingest_of_several_processes(tmp_path: Path, command: Command) -> None:
    """A terminal sends it to all of them, also to those that are just starting."""
    source, library = many(tmp_path / "many", 2000, n_frames=20), Library(tmp_path / "library")
    words = ["ingest", "x", "--source", str(source), "--library", str(library.root)]
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while process.poll() is None and not (sealed_folder.partial_of(library.clips("x")) / "token").exists():
        time.sleep(0.01)
    time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.count("\n")) == (130, "", 1), err
    assert "the same command does the rest" in err
    assert command(*words, "--json").json["used"] == 2000


@pytest.mark.slow
def test_the_memory_of_an_ingest_is_bounded(tmp_path: Path) -> None:
    source = many(tmp_path / "many", 500, n_frames=150)
    words = [sys.executable, "-m", "cli.main", "ingest", "x", "--source", str(source)]
    process = psutil.Popen([*words, "--library", str(tmp_path / "new")], cwd=ROOT, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            tree = [process, *process.children(recursive=True)]
            peak = max(peak, sum(member.memory_info().rss for member in tree))
        time.sleep(0.05)
    assert process.returncode == 0
    assert 2**20 < peak < 2**30


# build-index


def test_an_interrupted_build_goes_on(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    request = BuildRequest(dataset="mine", device="cpu", name="i")
    monkeypatch.setattr(embed_rows, "CHUNK", 16)
    with pytest.raises(KeyboardInterrupt):
        build_index(library, request, progress=stopping(3))
    embedded: list[int] = []

    call = Embedder.__call__

    def counting(self: Embedder, clips: Any, modalities: Any) -> Any:
        embedded.append(len(clips))
        return call(self, clips, modalities)

    with library.read() as catalog:
        assert catalog.indexes() == []
    monkeypatch.setattr(Embedder, "__call__", counting)
    assert build_index(library, request).already_there is False
    assert sum(embedded) == 60 - 48
    assert build_index(library, request).already_there is True
    assert len(embedded) == 1
    build_index(library, BuildRequest(dataset="mine", device="cpu", name="whole"))
    for modality in ("joint", "bone", "motion", "fused"):
        one, two = (library.index_folder(name) / embeddings_file(modality) for name in ("i", "whole"))
        assert one.read_bytes() == two.read_bytes()
    assert soundness.verify(library) == []


def test_a_sealed_index_is_entered_by_the_next_run(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    request = BuildRequest(dataset="mine", device="cpu")
    with monkeypatch.context() as patched:
        patched.setattr(build, "_enter", stopped)
        with pytest.raises(KeyboardInterrupt):
            build_index(library, request)
    before = content(library.index_folder("mine@e"))
    with monkeypatch.context() as patched:
        patched.setattr(Embedder, "__call__", stopped)
        assert build_index(library, request).clips == 60
    assert content(library.index_folder("mine@e")) == before
    assert soundness.verify(library) == []
    assert [path.name for path in (library.root / "indexes").iterdir()] == ["mine@e"]


@pytest.mark.parametrize("what", ["clips", "recipe"])
def test_a_sealed_index_of_something_else_is_built_again(
    what: str, library: Library, request_of_mine: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left by a build that was stopped, before the dataset was ingested anew (its clips have new ids now)."""
    with monkeypatch.context() as patched:
        patched.setattr(build, "_enter", stopped)
        with pytest.raises(KeyboardInterrupt):
            build_index(library, BuildRequest(dataset="mine", device="cpu", name="i"))
    if what == "clips":
        inspect_and_doctor.delete(library, "mine")
        ingest.ingest(library, request_of_mine)
    encoder = "shipped" if what == "recipe" else "e"
    build_index(library, BuildRequest(dataset="mine", device="cpu", name="i", encoder=encoder))
    with library.read() as catalog:
        np.testing.assert_array_equal(Index(library.index_folder("i")).ids, catalog.clips_of("mine").id)
    answer = query(library, QueryRequest(clip="mine:S001C001P001R001A001", k=1, device="cpu"))
    assert answer["hits"][0]["name"] == "S001C001P001R001A001"
    assert answer["hits"][0]["score"] == pytest.approx(1, abs=1e-5)
    assert soundness.verify(library) == []


# several processes


@pytest.mark.parametrize(
    ("words", "target"),
    [
        ("ingest x --source CLIPS", "clips/x"),
        ("build-index mine --as x", "indexes/x"),
        ("train mine --preset tiny --epochs 1 --as x", "encoders/x"),
        ("import-encoder GOLDEN --as x", "encoders/x"),
    ],
)
def test_a_second_builder_is_told(
    words: str, target: str, library: Library, command: Command, made: Path, golden: Path
) -> None:
    words = words.replace("CLIPS", str(made / "clips"))
    words = words.replace("GOLDEN", str(golden / "checkpoint_0450.pth.tar"))
    with sealed_folder.building(library.root / target, resume_token="the first"):
        told = command(*words.split())
        assert (told.code, told.out, told.err.count("\n")) == (1, "", 1)
        assert f"{target}: another process is building it" in told.err
    assert command(*words.split()).code == 0


HOLD = """
import sys, time
from pathlib import Path
from umurl_search.library.library import Library
library = Library(Path(sys.argv[1]))
with library.read() if sys.argv[2] == "read" else library.write():
    print("held", flush=True)
    time.sleep(float(sys.argv[3]))
"""


@contextlib.contextmanager
def held(library: Library, how: str, seconds: float) -> Iterator[None]:
    """Another process has the catalog open."""
    words = [sys.executable, "-c", HOLD, str(library.root), how, str(seconds)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield
        finally:
            process.kill()


def test_a_reader_waits_for_a_writer(
    library: Library, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("umurl_search.library.catalog.open_catalog.LOCK_WAIT_S", 30.0)
    with held(library, "write", 0.5):
        assert command("list").code == 0
    monkeypatch.setattr("umurl_search.library.catalog.open_catalog.LOCK_WAIT_S", 0.2)
    with held(library, "write", 60):
        told = command("list")
    assert (told.code, told.out, told.err.count("\n")) == (1, "", 1)
    assert "another process is writing to the library; try again" in told.err


def test_readers_share_and_a_writer_is_told(
    library: Library, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("umurl_search.library.catalog.open_catalog.LOCK_WAIT_S", 0.2)
    with held(library, "read", 60):
        assert command("list").code == 0
        told = command("delete", "encoder:e")
        assert (told.code, told.err.count("\n")) == (1, 1)
        assert "another process is using the library; try again" in told.err
    assert command("delete", "encoder:e").code == 0


KILLED = """
import os, sys
from pathlib import Path
from umurl_search.library.library import Library
with Library(Path(sys.argv[1])).write() as catalog:
    catalog.delete("encoder", "e")
    os.kill(os.getpid(), 9)
"""


def test_a_writer_that_is_killed_leaves_a_whole_catalog(library: Library, command: Command) -> None:
    run = subprocess.run([sys.executable, "-c", KILLED, str(library.root)], cwd=ROOT, check=False)
    assert run.returncode == -signal.SIGKILL
    assert command("list", "--json").json["encoders"] == []
    assert command("info", "mine").code == 0
    assert command("doctor").code == 0
    assert not (library.root / "catalog.duckdb.wal").exists()


def test_a_transaction_that_fails_changes_nothing(library: Library) -> None:
    with library.read() as catalog:
        known = catalog.dataset("mine")
    assert known is not None
    clips: dict[str, list[Any]] = {"name": ["a"], "label": [None], "action": [None], "frames": [3]}
    with pytest.raises(UmurlError, match="'mine' was made by another process"), library.write() as catalog:
        catalog.add_dataset(
            {"name": "mine", "report": {}}, clips=clips, splits=[("p", "train", [0])], left_out=[]
        )
    with library.read() as catalog:
        assert len(catalog.clips_of("mine").id) == 60
        assert catalog.protocols("mine") == ["xsub"]


# migrations


def test_an_old_catalog_is_migrated_when_it_is_written(
    library: Library, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("umurl_search.library.catalog.open_catalog.SCHEMA_VERSION", 6)
    steps = {4: "alter table clips add column mirrored boolean;", 5: "create table nosuch.table (x integer);"}
    monkeypatch.setattr("umurl_search.library.catalog.open_catalog.MIGRATIONS", steps)
    told = command("list")
    assert told.code == 1
    assert "older version (schema 4); run: umurl-search doctor" in told.err
    assert command("doctor").code == 1
    steps[5] = "create table marks (x integer);"
    assert "schema 5" in command("list").err
    assert command("doctor").code == 0
    assert command("list").code == 0
    with library.read() as catalog:
        assert catalog.filter("mirrored is null").size == 60


# damage


@pytest.mark.slow
def test_verify_finds_any_flipped_byte(library: Library) -> None:
    build_index(library, BuildRequest(dataset="mine", device="cpu"))
    assert soundness.verify(library) == []
    rng = np.random.default_rng(0)
    files = [path for path in sorted(library.root.rglob("*")) if path.is_file()]
    assert len(files) == 1 + 2 + 4 + 5 + 9
    for path in files:
        size = path.stat().st_size
        positions = {size - 1, int(rng.integers(0, size))}
        if path == library.catalog_path:
            positions = catalog_positions(library, rng)
        unseen = 0
        for position in sorted(positions):
            with flipped(path, position):
                problems = soundness.verify(library)
            unseen += not problems
            assert len(problems) == 1 or path == library.catalog_path, (path, position, problems)
            assert all(str(path) in problem for problem in problems)
        assert unseen <= free_blocks(library) if path == library.catalog_path else unseen == 0
    assert soundness.verify(library) == []


def file_blocks(library: Library) -> dict[str, Any]:
    """What DuckDB says of the catalog's file."""
    with library.read() as catalog:
        rows = catalog._rows("pragma database_size")
    return next(row for row in rows if row["database_name"] == "library")


def free_blocks(library: Library) -> int:
    """Blocks of the catalog that are not in use: nothing reads them."""
    found = file_blocks(library)
    return int(found["free_blocks"])


def catalog_positions(library: Library, rng: np.random.Generator) -> set[int]:
    """In each header and each block."""
    found = file_blocks(library)
    assert found["used_blocks"] > 4
    blocks = 12288 + np.arange(found["total_blocks"]) * found["block_size"]
    inside = rng.integers(0, found["block_size"], len(blocks))
    return {8, 4096, 8192, *(blocks + inside).tolist()}


@contextlib.contextmanager
def flipped(path: Path, position: int) -> Iterator[None]:
    with open(path, "r+b") as file:
        file.seek(position)
        (byte,) = file.read(1)
        for value in (byte ^ 1, byte):
            file.seek(position)
            file.write(bytes([value]))
            file.flush()
            if value != byte:
                yield


def test_verify_names_what_is_missing_or_unknown(library: Library) -> None:
    os.rename(library.clips("mine"), library.clips("other"))
    problems = soundness.verify(library)
    assert any("clips/mine/manifest.json is missing" in problem for problem in problems)
    assert any("clips/other is not in the catalog" in problem for problem in problems)
    shutil.rmtree(library.root / "clips")
    assert any("clips/mine/manifest.json is missing" in problem for problem in soundness.verify(library))


def test_verify_reads_folders_even_if_the_catalog_is_lost(library: Library) -> None:
    library.catalog_path.write_bytes(b"no database")
    (library.encoder("e") / "config.json").unlink()
    catalog, encoder = soundness.verify(library)
    assert "the catalog cannot be used" in catalog
    assert "encoders/e/config.json is missing" in encoder


def test_a_stored_clip_is_the_recording(library: Library, made: Path) -> None:
    store = ClipStore(library.clips("mine"))
    for row, path in enumerate(sorted((made / "clips").iterdir())):
        wanted: NDArray[np.float32] = np.load(path)
        np.testing.assert_array_equal(store.frames(row), wanted)
