"""Faults from outside: full disks, wrong permissions, clocks that go back, several at once, flipped bytes, kills."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from another_user import NOBODY
from test_cli_bad_input import hashes
from test_search_library import catalog_positions, flipped, free_blocks

from encoder.errors import UmurlError
from umurl_search.export.embed_source import EmbedRequest, embed_source
from umurl_search.files import sealed_folder
from umurl_search.index.build import BuildRequest, build_index
from umurl_search.index.open_index import open_index
from umurl_search.ingest.add_update_remove import ChangeRequest, add_or_update, remove
from umurl_search.library.catalog import open_catalog
from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library
from umurl_search.maintenance import compact as compaction
from umurl_search.maintenance.compact import compact
from umurl_search.maintenance.repair import repair
from umurl_search.maintenance.verify import verify
from umurl_search.search.searcher import QueryRequest, query
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Any]
Hits = dict[str, float]
ASKED = "mine:S001C001P001R001A005"
NEW = [f"S001C00{c}P005R001A00{a}" for a in (1, 5) for c in (1, 2)]
ROOT = os.name == "posix" and os.getuid() == 0

CHILDREN = """
import json, os, resource, sys
import concurrent.futures.process, cli.main, umurl_search.index.build, umurl_search.ingest.add_update_remove
import umurl_search.maintenance.repair, umurl_search.training.run, umurl_search.maintenance.inspect_and_doctor
from another_user import become

def run(job):
    said = os.open(job["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    if job.get("limit"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["limit"], job["limit"]))
    if job.get("user"):
        become(job["user"], rehearsals=[job["rehearsal"]])
    codes = [cli.main.run(words) for words in job["commands"]]
    sys.stdout.flush()
    os._exit(max(codes))

for group in json.loads(sys.argv[1]):  # those of a group at once
    pids = []
    for job in group:
        pids.append(os.fork())
        if pids[-1] == 0:
            run(job)
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]), flush=True)
"""


def started(groups: list[list[dict[str, Any]]]) -> "subprocess.Popen[str]":
    """A process that runs commands in children: groups one after another, the jobs of a group at once."""
    program = [sys.executable, "-c", CHILDREN, json.dumps(groups)]
    tests = Path(__file__).parent
    return subprocess.Popen(
        program,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tests.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tests.parent), str(tests)])},
    )


def outcomes(running: "subprocess.Popen[str]") -> list[list[int]]:
    out, _ = running.communicate(timeout=120)
    return [json.loads(line) for line in out.splitlines()]


def hits(library: Library, index: str = "mine@e", **how: Any) -> Hits:
    found = query(library, QueryRequest(clip=ASKED, index=index, k=100, device="cpu", **how))
    return {hit["name"]: round(hit["score"], 5) for hit in found["hits"]}


def unsound(library: Library) -> list[str]:
    """What `verify` says but for what a command that failed may leave: a folder, an old copy of the catalog."""
    left = ("is not in the catalog", "is not of the catalog's last change")
    return [line for line in verify(library) if not any(what in line for what in left)]


def add_files(source: Path, names: list[str] = NEW) -> None:
    for name in names:
        np.save(source / f"{name}.npy", make_clip(name))


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """A folder with four further recordings."""
    folder = tmp_path / "new"
    folder.mkdir()
    add_files(folder)
    return folder


@pytest.fixture(scope="session")
def parted_root(indexed_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The indexed library after an `add` of four clips and a `remove` of five."""
    base = tmp_path_factory.mktemp("parted")
    (base / "new").mkdir()
    add_files(base / "new")
    library = Library(Path(shutil.copytree(indexed_root, base / "library")))
    add_or_update(library, ChangeRequest(dataset="mine", source=base / "new", device="cpu"))
    remove(library, "mine", where="subject = 2 and camera = 3")
    return library.root


@pytest.fixture
def parted(parted_root: Path, tmp_path: Path) -> Library:
    return Library(Path(shutil.copytree(parted_root, tmp_path / "library")))


# disks and permissions


@pytest.mark.slow
def test_a_file_that_may_not_grow_leaves_the_library_as_it_was(
    parted: Library, new: Path, tmp_path: Path
) -> None:
    add_files(new, ["S001C003P005R001A010"])
    before = hits(parted)
    at = ["--library", str(parted.root), "--device", "cpu", "--json"]
    commands = [
        ["add", "mine", "--source", str(new)],
        ["compact", "mine"],
        ["remove", "mine", "--where", "camera = 2"],
        ["build-index", "mine", "--encoder", "e", "--as", "second"],
        ["train", "mine", "--preset", "tiny", "--epochs", "1", "--as", "f"],
        ["ingest", "other", "--source", str(new)],
    ]
    groups = [
        [{"commands": [[*words, *at]], "limit": 5_000, "said": str(tmp_path / f"said{i}")}]
        for i, words in enumerate(commands)
    ]
    assert outcomes(started(groups)) == [[1]] * len(commands)
    for i, words in enumerate(commands):
        said = (tmp_path / f"said{i}").read_text()
        assert said.count("\n") == 1, (words, said)
        assert said.startswith("umurl-search: "), said
        assert "File too large" in said or "cannot be" in said, (words, said)
    assert unsound(parted) == []
    assert "the catalog is changed, its copy cannot be written" in (tmp_path / "said2").read_text()
    after = {name: score for name, score in before.items() if "C002" not in name}
    assert hits(parted) == after
    assert add_or_update(parted, ChangeRequest(dataset="mine", source=new, device="cpu")).added == 1
    assert compact(parted, "mine").done
    assert hits(parted).keys() == after.keys() | {"S001C003P005R001A010"}
    assert verify(parted) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 32 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(place)]
    if not ROOT or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a disk of its own needs root and the right to mount")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.slow
def test_a_full_disk_leaves_the_library_as_it_was(
    parted_root: Path, small_disk: Path, new: Path, tmp_path: Path
) -> None:
    library = Library(Path(shutil.copytree(parted_root, small_disk / "library")))
    before = hits(library)
    filler = small_disk / "filler"
    with open(filler, "wb") as file:
        file.write(bytes(max(0, shutil.disk_usage(small_disk).free - 40_000)))
    at = ["--library", str(library.root), "--device", "cpu", "--json"]
    words = [
        ["compact", "mine"],
        ["build-index", "mine", "--encoder", "e", "--as", "second"],
        ["remove", "mine", "--where", "camera = 2"],
    ]
    groups = [
        [{"commands": [[*one, *at]], "said": str(tmp_path / f"said{i}")}] for i, one in enumerate(words)
    ]
    assert outcomes(started(groups)) == [[1]] * len(words)
    filler.unlink()
    said = [(tmp_path / f"said{i}").read_text() for i in range(len(words))]
    assert all(one.count("\n") == 1 for one in said), said
    assert unsound(library) == []
    is_changed = "the catalog is changed" in said[2]
    assert hits(library) == {name: s for name, s in before.items() if not (is_changed and "C002" in name)}
    assert repair(library, device="cpu").problems == []
    assert verify(library) == []


@pytest.mark.slow
@pytest.mark.skipif(not ROOT, reason="only root can become another user")
def test_a_library_of_another_user_is_read_and_not_changed(
    parted_root: Path, new: Path, tmp_path: Path
) -> None:
    with tempfile.TemporaryDirectory() as everybodys:
        base = Path(everybodys)
        library = Library(Path(shutil.copytree(parted_root, base / "library")))
        shutil.copytree(new, base / "new")
        (base / "said").mkdir()
        for path in (base, *base.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        (base / "said").chmod(0o777)
        at = ["--library", str(library.root), "--device", "cpu", "--json"]
        copies = [shutil.copytree(parted_root, tmp_path / str(i)) for i in range(8)]
        may = [["query", ASKED], ["verify"], ["info", "mine@e"]]
        may_not = [
            ["add", "mine", "--source", str(base / "new")],
            ["remove", "mine", NEW[0]],
            ["compact", "mine"],
            ["repair"],
            ["update", "mine", "--source", str(base / "new")],
        ]
        before = hashes(library.root)
        groups = [
            [
                {
                    "commands": [[*words, *at]],
                    "user": NOBODY,
                    "rehearsal": [*words, "--library", str(copies[i]), *at[2:]],
                    "said": str(base / "said" / str(i)),
                }
            ]
            for i, words in enumerate([*may, *may_not])
        ]
        codes = outcomes(started(groups))
        assert codes == [[0]] * len(may) + [[1]] * len(may_not)
        for i in range(len(may), len(may) + len(may_not)):
            *_, said = (base / "said" / str(i)).read_text().splitlines()
            assert said.startswith(f"umurl-search: {library.root}"), said
            assert "ermission" in said, said
        assert hashes(library.root) == before


# clocks


def test_a_clock_that_goes_back_changes_nothing(
    indexed: Library, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(10**9, 0, -1))
    back: Callable[[], float] = lambda: float(next(ticks))  # noqa: E731
    clock = SimpleNamespace(
        monotonic=back, time=back, time_ns=lambda: 0, sleep=lambda s: None, perf_counter=back
    )
    timed = [
        module
        for name, module in sys.modules.items()
        if name.startswith("umurl_search.") and getattr(module, "time", None) is time
    ]
    assert len(timed) >= 5
    for module in timed:
        monkeypatch.setattr(module, "time", clock)
    build_index(indexed, BuildRequest(dataset="mine", encoder="e", name="second", device="cpu"))
    with indexed.write() as catalog:  # by the clock, the second index is the older one
        catalog._con.execute("update indexes set created = timestamp '1999-01-01' where name = 'second'")
    assert open_index(indexed, None)[1]["name"] == "second"
    add_or_update(indexed, ChangeRequest(dataset="mine", source=new, device="cpu"))
    remove(indexed, "mine", where="camera = 3")
    assert compact(indexed, "mine").done
    assert len(hits(indexed)) == len(hits(indexed, "second")) == 44
    assert open_index(indexed, None)[1]["name"] == "second"
    assert verify(indexed) == []


# several at once


@pytest.mark.slow
def test_two_builds_and_two_adds_at_once(indexed: Library, new: Path, tmp_path: Path) -> None:
    at = ["--library", str(indexed.root), "--device", "cpu", "--json"]
    pairs = [
        ["build-index", "mine", "--encoder", "e", "--as", "second"],
        ["add", "mine", "--source", str(new)],
    ]
    groups = [
        [{"commands": [[*words, *at]], "said": str(tmp_path / f"said-{i}-{j}")} for j in (0, 1)]
        for i, words in enumerate(pairs)
    ]
    codes = outcomes(started(groups))
    for i, pair in enumerate(codes):
        assert min(pair) == 0, codes
        for j, code in enumerate(pair):
            said = (tmp_path / f"said-{i}-{j}").read_text()
            if code != 0:
                assert code == 1
                assert "another process is" in said, said
    lines = [line for j in (0, 1) for line in (tmp_path / f"said-1-{j}").read_text().splitlines()]
    added = [json.loads(line)["added"] for line in lines if line.startswith("{")]
    assert sum(added) == 4, added
    assert len(hits(indexed)) == len(hits(indexed, "second")) == 64
    assert verify(indexed) == []


@pytest.mark.slow
def test_a_query_sees_one_state_while_clips_come_and_go(indexed: Library, new: Path, tmp_path: Path) -> None:
    with_all, changing = hits(indexed), str(indexed.root)
    at = ["--library", changing, "--device", "cpu", "--json"]
    add_or_update(indexed, ChangeRequest(dataset="mine", source=new, device="cpu"))
    with_new = hits(indexed)
    once = [
        ["remove", "mine", "--where", "subject = 5"],
        ["compact", "mine"],
        ["add", "mine", "--source", str(new), "--removed"],
    ]
    running = started([[{"commands": [[*words, *at] for words in once * 2], "said": str(tmp_path / "said")}]])
    seen: list[Hits] = []
    while running.poll() is None or len(seen) < 3:
        seen.append(hits(indexed))
    assert outcomes(running) == [[0]], (tmp_path / "said").read_text()
    assert [one for one in seen if one not in (with_all, with_new)] == []
    assert verify(indexed) == []


# flipped bytes


@pytest.mark.slow
def test_a_flipped_byte_in_a_library_with_parts_and_copies_is_found(parted: Library) -> None:
    assert verify(parted) == []
    rng = np.random.default_rng(0)
    files = [path for path in sorted(parted.root.rglob("*")) if path.is_file()]
    folders_of = {path.parent.name for path in files}
    assert {"mine", "mine~2", "mine@e", "mine@e~2", "e", open_catalog.BACKUP} <= folders_of
    for path in files:
        size = path.stat().st_size
        is_catalog = path == parted.catalog_path
        positions = catalog_positions(parted, rng) if is_catalog else {int(rng.integers(0, size))}
        unseen = 0
        for position in sorted(positions):
            with flipped(path, position):
                problems = verify(parted)
            unseen += not problems
            assert all(str(path) in problem for problem in problems)
        assert unseen <= (free_blocks(parted) if is_catalog else 0), path
    assert verify(parted) == []


# kills, at moments that chance seldom finds


class Killed(BaseException):
    pass


def killed(*_: object) -> str:
    raise Killed


def dies(patched: pytest.MonkeyPatch, module: Any, name: str, stand_in: Any, work: Callable[[], Any]) -> None:
    """Runs what is killed in a function of a module."""
    with patched.context() as changed:
        changed.setattr(module, name, stand_in)
        with pytest.raises(Killed):
            work()


def killed_before_the_copy(
    library: Library, monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any]
) -> None:
    """Runs a change that is killed after its transaction, before the catalog is copied."""
    dies(monkeypatch, open_catalog, "_quoted", killed, work)
    assert open_catalog.copy_may_be_old(library.catalog_path)


def damage(library: Library) -> None:
    library.catalog_path.write_bytes(library.catalog_path.read_bytes()[:9000])


def test_a_copy_of_the_catalog_that_a_kill_left_old_is_made_again(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_before_the_copy(indexed, monkeypatch, lambda: remove(indexed, "mine", where="camera = 2"))
    with pytest.raises(UmurlError, match="nothing was removed"):
        remove(indexed, "mine", where="camera = 2")
    assert not open_catalog.copy_may_be_old(indexed.catalog_path)
    damage(indexed)
    told = repair(indexed, device="cpu").mended
    assert told == [f"{indexed.catalog_path}: put back from the copy of its last change"]
    assert len(hits(indexed, where="true")) == 40


def test_repair_makes_an_old_copy_of_the_catalog_again(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_before_the_copy(indexed, monkeypatch, lambda: remove(indexed, "mine", where="camera = 1"))
    told = repair(indexed, device="cpu").mended
    assert told == [
        f"{indexed.root / 'catalog-copy'} may be older than the catalog: copied again from the catalog"
    ]
    assert repair(indexed, device="cpu").mended == []


def test_what_an_old_copy_does_not_know_is_kept_for_the_same_command(
    indexed: Library, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = ChangeRequest(dataset="mine", source=new, device="cpu")
    calls: Iterator[Callable[[Path], str]] = iter([open_catalog._quoted, killed])
    second: Callable[[Path], str] = lambda path: next(calls)(path)  # noqa: E731 - the first copy is of reserved ids
    dies(monkeypatch, open_catalog, "_quoted", second, lambda: add_or_update(indexed, change))
    damage(indexed)
    report = repair(indexed, device="cpu")
    assert report.mended == [
        f"{indexed.catalog_path}: put back from the copy of its last change but for one that was killed: "
        "run that command again"
    ]
    assert indexed.clips("mine~2").is_dir()
    sealed = (indexed.clips("mine~2") / "manifest.json").read_bytes()
    assert add_or_update(indexed, change).added == 4
    assert (indexed.clips("mine~2") / "manifest.json").read_bytes() == sealed
    assert verify(indexed) == []


@pytest.mark.slow
def test_a_compaction_killed_before_it_deletes_the_old_is_ended_by_the_next(
    parted: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hits(parted)
    for last in (lambda: compact(parted, "mine"), lambda: repair(parted, device="cpu")):
        dies(monkeypatch, compaction, "sweep_leftovers", killed, lambda: compact(parted, "mine", force=True))
        strays = [line for line in verify(parted) if "not in the catalog" in line]
        assert len(strays) >= 2
        assert hits(parted) == before
        last()
        assert verify(parted) == []
        assert hits(parted) == before
        remove(parted, "mine", names=[min(before.keys() - {"S001C001P001R001A005"})])
        before = hits(parted)


def test_a_folder_takes_the_place_of_another_in_one_step(tmp_path: Path) -> None:
    for content in ("one", "two"):
        with sealed_folder.building(tmp_path / "x", resume_token=content) as partial:
            (partial / "a.txt").write_text(content)
            sealed_folder.seal(partial, tmp_path / "x", {})
    assert (tmp_path / "x" / "a.txt").read_text() == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    (tmp_path / ".x.removed").mkdir()  # left by one that was killed
    sealed_folder.remove(tmp_path / "gone")
    sealed_folder.remove(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


# verify beside others


def test_verify_beside_a_process_that_adds_names_no_folder_of_it(parted: Library) -> None:
    shutil.copytree(parted.clips("mine"), parted.clips("mine~9"))
    shutil.copytree(parted.index_folder("mine@e"), parted.index_folder("another"))
    assert len(verify(parted)) == 2
    with parted.write_lock():
        assert verify(parted) == []
    with sealed_folder.building(parted.index_folder("another"), resume_token="x"):
        (stray,) = verify(parted)
        assert "mine~9 is not in the catalog" in stray


def test_verify_looks_again_where_clips_go_while_it_looks(
    parted: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Path] = []
    check = sealed_folder.check

    def slow(folder: Path, *, full: bool) -> list[str]:
        if full and not looked:
            compact(parted, "mine", force=True)
        looked.append(folder)
        return check(folder, full=full)

    monkeypatch.setattr(sealed_folder, "check", slow)
    assert verify(parted) == []
    assert len(looked) > len(set(looked))


def test_verify_misses_the_copy_of_the_catalog(parted: Library) -> None:
    shutil.rmtree(parted.root / open_catalog.BACKUP)
    (problem,) = verify(parted)
    assert problem.endswith("catalog-copy is not of the catalog's last change: umurl-search repair copies it")
    assert len(repair(parted, device="cpu").mended) == 1
    assert verify(parted) == []


@pytest.mark.parametrize("again", ["ingest", "build-index"])
def test_a_command_with_nothing_to_do_copies_what_a_killed_one_did_not(
    indexed: Library, made: Path, command: Command, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    change = lambda: remove(indexed, "mine", where="camera = 9 or subject = 4")  # noqa: E731
    words = {
        "ingest": ("mine", "--source", made / "clips", "--splits", made / "splits.json"),
        "build-index": ("mine", "--encoder", "e"),
    }
    dies(monkeypatch, open_catalog, "_quoted", killed, change)
    assert open_catalog.copy_may_be_old(indexed.catalog_path)
    assert command(again, *words[again], "--library", indexed.root, "--json").json["already_there"]
    assert not open_catalog.copy_may_be_old(indexed.catalog_path)


def test_readers_look_once_more_where_clips_go_while_they_look(
    indexed: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened, calls = open_clips, []

    def late(library: Library, dataset: str) -> Any:
        clips = opened(library, dataset)
        calls.append(dataset)
        if len(calls) == 1:
            remove(library, "mine", where="subject = 4")
            raise FileNotFoundError("its folder has gone")
        return clips

    monkeypatch.setattr("umurl_search.export.embed_source.open_clips", late)
    request = EmbedRequest(source="mine", out=tmp_path / "y.npy", encoder="e", device="cpu")
    embed_source(indexed, request)
    assert (len(calls), len(np.load(tmp_path / "y.npy"))) == (2, 45)
    monkeypatch.undo()
    with pytest.raises(UmurlError, match="no index 'none'"):
        query(indexed, QueryRequest(clip=ASKED, index="none", device="cpu"))


# several in one process


def test_a_writer_beside_a_reader_in_one_process_waits_for_it(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_catalog, "LOCK_WAIT_S", 0.2)
    with indexed.read(), pytest.raises(UmurlError, match="another process is using the library") as error:
        remove(indexed, "mine", where="camera = 2")
    assert not isinstance(error.value, open_catalog.DamagedCatalogError)
    with indexed.write(), pytest.raises(UmurlError, match="another process is writing to the library"):
        hits(indexed)
    assert len(hits(indexed)) == 60


def test_threads_filter_and_read_at_once(indexed: Library) -> None:
    with indexed.read() as one, indexed.read() as other:
        assert len(one.filter("camera = 2")) == 20
        assert len(other.clip_ids("mine")) == 60
