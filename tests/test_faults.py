"""Guards library/, files/, index/ and ingest/: full disks, wrong permissions, clocks that go back, several at once."""

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

import pytest
from another_user import NOBODY
from conftest import add_files
from parted_libraries import Hits, score_by_name
from refusals import hashes

from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.index.open_index import open_index
from umurl_search.ingest.add_update_remove import ChangeRequest, add_or_update, remove
from umurl_search.library.library import Library
from umurl_search.maintenance.compact import compact
from umurl_search.maintenance.repair import repair
from umurl_search.maintenance.verify import verify

ASKED = "mine:S001C001P001R001A005"
FOUR_NEW = [f"S001C00{c}P005R001A00{a}" for a in (1, 5) for c in (1, 2)]
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


def start(groups: list[list[dict[str, Any]]]) -> "subprocess.Popen[str]":
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


def find_unsound(library: Library) -> list[str]:
    """What `verify` says but for what a command that failed may leave: a folder, an old copy of the catalog."""
    left = ("is not in the catalog", "is not of the catalog's last change")
    return [line for line in verify(library) if not any(what in line for what in left)]


# disks and permissions


@pytest.mark.slow
def test_a_change_that_cannot_be_committed_is_not_there(parted: Library, tmp_path: Path) -> None:
    before = score_by_name(parted)
    at = ["--library", str(parted.root), "--device", "cpu", "--json"]
    words = ["remove", "mine", "--where", "camera = 2", *at]
    job = {"commands": [words], "limit": 5_000, "said": str(tmp_path / "said")}
    assert outcomes(start([[job]])) == [[1]]
    said = json.loads((tmp_path / "said").read_text())
    assert said["code"] == "storage"
    assert "the catalog cannot be written" in said["error"]
    assert score_by_name(parted) == before
    assert outcomes(start([[{**job, "limit": 0}]])) == [[0]]
    assert not any("C002" in name for name in score_by_name(parted))


@pytest.mark.slow
def test_a_file_that_may_not_grow_leaves_the_library_as_it_was(
    parted: Library, new: Path, tmp_path: Path
) -> None:
    add_files(new, ["S001C003P005R001A010"])
    before = score_by_name(parted)
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
        [
            {
                "commands": [[*words, *at]],
                "limit": 50_000 if i == 2 else 5_000,
                "said": str(tmp_path / f"said{i}"),
            }
        ]
        for i, words in enumerate(commands)
    ]
    assert outcomes(start(groups)) == [[1]] * len(commands)  # a removal's log is over 5,000 bytes
    for i, words in enumerate(commands):
        said = (tmp_path / f"said{i}").read_text()
        assert said.count("\n") == 1, (words, said)
        assert json.loads(said)["code"] == "storage", said
        assert "File too large" in said or "cannot be" in said, (words, said)
    assert find_unsound(parted) == []
    assert "the catalog is changed, its copy cannot be written" in (tmp_path / "said2").read_text()
    after = {name: score for name, score in before.items() if "C002" not in name}
    assert score_by_name(parted) == after
    assert add_or_update(parted, ChangeRequest(dataset="mine", source=new, device="cpu")).added == 1
    assert compact(parted, "mine").done
    assert score_by_name(parted).keys() == after.keys() | {"S001C003P005R001A010"}
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
    before = score_by_name(library)
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
    assert outcomes(start(groups)) == [[1]] * len(words)
    filler.unlink()
    said = [(tmp_path / f"said{i}").read_text() for i in range(len(words))]
    assert all(one.count("\n") == 1 for one in said), said
    assert find_unsound(library) == []
    is_changed = "the catalog is changed" in said[2]
    assert score_by_name(library) == {
        name: s for name, s in before.items() if not (is_changed and "C002" in name)
    }
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
            ["remove", "mine", FOUR_NEW[0]],
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
        codes = outcomes(start(groups))
        assert codes == [[0]] * len(may) + [[1]] * len(may_not)
        for i in range(len(may), len(may) + len(may_not)):
            *_, said = (base / "said" / str(i)).read_text().splitlines()
            told = json.loads(said)
            assert told["error"].startswith(str(library.root)), said
            assert (told["code"], "ermission" in said) == ("storage", True), said
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
    assert len(score_by_name(indexed)) == len(score_by_name(indexed, "second")) == 44
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
    codes = outcomes(start(groups))
    for i, pair in enumerate(codes):
        assert min(pair) == 0, codes
        for j, code in enumerate(pair):
            said = (tmp_path / f"said-{i}-{j}").read_text()
            if code != 0:
                assert code == 1
                assert "another process is" in said, said
    lines = [line for j in (0, 1) for line in (tmp_path / f"said-1-{j}").read_text().splitlines()]
    told = [json.loads(line) for line in lines if line.startswith("{")]
    added = [one["added"] for one in told if "error" not in one]
    assert sum(added) == 4, added
    assert len(score_by_name(indexed)) == len(score_by_name(indexed, "second")) == 64
    assert verify(indexed) == []


@pytest.mark.slow
def test_a_query_sees_one_state_while_clips_come_and_go(indexed: Library, new: Path, tmp_path: Path) -> None:
    with_all, changing = score_by_name(indexed), str(indexed.root)
    at = ["--library", changing, "--device", "cpu", "--json"]
    add_or_update(indexed, ChangeRequest(dataset="mine", source=new, device="cpu"))
    with_new = score_by_name(indexed)
    once = [
        ["remove", "mine", "--where", "subject = 5"],
        ["compact", "mine"],
        ["add", "mine", "--source", str(new), "--removed"],
    ]
    running = start([[{"commands": [[*words, *at] for words in once * 2], "said": str(tmp_path / "said")}]])
    seen: list[Hits] = []
    while running.poll() is None or len(seen) < 3:
        seen.append(score_by_name(indexed))
    assert outcomes(running) == [[0]], (tmp_path / "said").read_text()
    assert [one for one in seen if one not in (with_all, with_new)] == []
    assert verify(indexed) == []
