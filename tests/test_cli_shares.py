"""Shares of bulk work by options, torchrun and job arrays, in several processes, some of them killed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Result
from interruptions import content
from shard_workers import Killer, cut_small

from cli import shares
from cli.shares import Work, find_work, own_cores, shard_of_slurm, shard_of_torchrun
from encoder.errors import UmurlError
from umurl_search.files import shards
from umurl_search.files.shards import Shard
from umurl_search.index import embed_rows
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.ingest import parallel_read, recording_shards
from umurl_search.ingest.ingest import Request, ingest, is_ingested
from umurl_search.library.library import Library
from umurl_search.maintenance import inspect_and_doctor, verify
from umurl_search.search.options import QueryRequest
from umurl_search.search.query import query

Command = Callable[..., Result]
REPOSITORY = Path(__file__).parents[1]


def array(task: int, count: int, first: int = 0) -> dict[str, str]:
    names = {"ID": task, "COUNT": count, "MIN": first}
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in names.items()}


def torchrun(rank: int, count: int) -> dict[str, str]:
    return {"RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}


# who does what


@pytest.mark.parametrize(
    ("shard", "gather", "environment", "work"),
    [
        (None, False, {}, Work()),
        ("2/4", False, {}, Work(shard=Shard(number=2, of=4))),
        (None, True, {}, Work(gathers=True)),
        ("all", False, {}, Work()),
        (None, False, torchrun(0, 1), Work()),
        (None, False, torchrun(0, 3), Work(shard=Shard(number=0, of=3), gathers=True, why="torchrun")),
        (None, False, torchrun(2, 3), Work(shard=Shard(number=2, of=3), why="torchrun")),
        (None, True, torchrun(0, 3), Work(gathers=True)),
        (None, True, torchrun(1, 3), Work(is_idle=True)),
        ("all", False, torchrun(0, 3), Work()),
        ("all", False, torchrun(1, 3), Work(is_idle=True)),
        (None, False, array(2, 4), Work(shard=Shard(number=2, of=4), why="the job array")),
        (None, False, array(3, 4, 1), Work(shard=Shard(number=2, of=4), why="the job array")),
        (None, False, array(0, 1), Work()),
        ("1/2", False, array(2, 4), Work(shard=Shard(number=1, of=2))),
        (None, True, array(2, 4), Work(gathers=True)),
        ("all", False, array(2, 4), Work()),
        ("1/2", False, array(1, 1, 1), Work(shard=Shard(number=1, of=2))),
    ],
)
def test_what_a_process_does(
    shard: str | None, gather: bool, environment: dict[str, str], work: Work
) -> None:
    assert find_work(shard, gather, environment=environment) == work


@pytest.mark.parametrize("environment", [array(2, 1, 2), array(7, 2, 1), array(1, 1, 1)])
def test_a_part_of_an_array_is_refused(environment: dict[str, str]) -> None:
    task, count = environment["SLURM_ARRAY_TASK_ID"], environment["SLURM_ARRAY_TASK_COUNT"]
    with pytest.raises(UmurlError) as told:
        find_work(None, False, environment=environment)
    assert told.value.typed == (
        f"task {task} of a job array of {count}, which is not all of the shards; say which share it is with "
        f"--shard {task}/N"
    )


def test_an_array_of_torchruns_is_refused() -> None:
    with pytest.raises(UmurlError, match="torchrun and a job array both share out the work"):
        find_work(None, False, environment=torchrun(0, 2) | array(0, 2))


def test_outside_of_both_there_is_no_share() -> None:
    assert shard_of_torchrun({}) is None
    assert shard_of_slurm({}) is None


def test_processes_of_a_machine_share_its_cores() -> None:
    assert own_cores({}) is None
    cores = len(os.sched_getaffinity(0))
    assert own_cores({"LOCAL_WORLD_SIZE": "2"}) == max(1, cores // 2)
    assert own_cores({"LOCAL_WORLD_SIZE": "1000"}) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("build-index mine --shard 0/2 --gather", "makes a share, --gather puts all together: give one"),
        ("ingest mine --shard 0/2 --gather", "makes a share, --gather puts all together: give one"),
        ("build-index mine --shard 2/2", "a shard is I/N with I from 0 to N - 1, got '2/2'"),
        ("ingest mine --shard 5/4", "a shard is I/N with I from 0 to N - 1, got '5/4'"),
        ("ingest mine --shard half", "a shard is I/N with I from 0 to N - 1, got 'half'"),
        ("build-index mine --shard 0/2 --ask-with coco-17", "goes with --gather, not with a shard"),
    ],
)
def test_options_that_contradict_each_other(command: Command, words: str, said: str) -> None:
    failed = command(*words.split())
    assert (failed.code, failed.out) == (2, "")
    assert said in failed.err


def test_a_shard_of_what_is_not_ingested(library: Library, command: Command) -> None:
    failed = command(*["build-index", "other", "--shard", "0/2", "--device", "cpu"])
    assert failed.code == 1
    assert failed.err.count("\n") == 1
    assert not is_ingested(library, "other")


# by options and by the environment


def test_by_options(library: Library, command: Command) -> None:
    sealed = command(*["build-index", "mine", "--device", "cpu", "--as", "i", "--shard", "0/2"])
    assert sealed.code == 0, sealed.err
    assert sealed.out.startswith("i: shard 0 of 2 sealed: 0 of 60, ")
    assert "once all are there: the same command with --gather puts them together" in sealed.out
    missing = command(*["build-index", "mine", "--device", "cpu", "--as", "i", "--gather"])
    assert (missing.code, missing.err) == (
        1,
        "umurl-search: shard 1 of 2 is missing: umurl-search build-index mine --as i --shard 1/2\n",
    )
    document = command(
        *["build-index", "mine", "--device", "cpu", "--as", "i", "--shard", "1/2", "--json"]
    ).json
    assert (document["shard"], document["shards"], document["rows"]) == (1, 2, 60)
    again = command(*["build-index", "mine", "--device", "cpu", "--as", "i", "--shard", "1/2"])
    assert "i: shard 1 of 2 is there already" in again.out
    other = command(*["build-index", "mine", "--device", "cpu", "--as", "i", "--shard", "1/3"])
    assert other.code == 1
    assert "number of shards 2, not 3; ask for the same, or delete " in other.err
    assert other.err.count("\n") == 1
    built = command(*["build-index", "mine", "--device", "cpu", "--as", "i", "--gather", "--json"]).json
    assert (built["index"], built["clips"], built["already_there"]) == ("i", 60, False)


def test_a_job_array(library: Library, made: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    words = f"ingest two --source {made / 'clips'}"
    for task in (1, 2, 3):
        for name, value in array(task, 3, 1).items():
            monkeypatch.setenv(name, value)
        done = command(*words.split())
        assert done.code == 0, done.err
        assert f"this is shard {task - 1} of 3, as the job array says; --shard all does all of it" in done.err
    assert not is_ingested(library, "two")
    done = command(*words.split(), "--gather", "--json")
    assert (done.code, done.json["used"]) == (0, 60), done.err


def test_processes_of_torchrun_one_after_another(
    library: Library, made: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others first, since the first one waits for them; they say nothing."""
    for words in (f"ingest two --source {made / 'clips'}", "build-index two --device cpu --encoder e"):
        for rank in (2, 1, 0):
            for name, value in torchrun(rank, 3).items():
                monkeypatch.setenv(name, value)
            done = command(*words.split(), "--json")
            assert done.code == 0, done.err
            assert bool(done.out) == (rank == 0)
    assert done.json["index"] == "two@e"
    assert verify.verify(library) == []


def test_who_is_silent_says_what_went_wrong_with_its_share(
    library: Library, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in torchrun(1, 2).items():
        monkeypatch.setenv(name, value)
    failed = command(*["build-index", "mine", "--device", "cpu", "--encoder", "none"])
    assert failed.code == 1
    assert failed.err.startswith("umurl-search: shard 1 of 2: ")
    assert failed.err.count("\n") == 1


def test_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "_POLL_S", 0)
    answers = iter([False, False, True])
    shares.wait_until(lambda: next(answers))
    assert list(answers) == []


# killed


@pytest.fixture
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (parallel_read, recording_shards, embed_rows):
        monkeypatch.setattr(module, "CHUNK", module.CHUNK)
    cut_small()


def index_files(library: Library, name: str) -> dict[str, bytes]:
    found = content(library.index_folder(name))
    del found["manifest.json"]
    return found


def kill_at_random(library: Library, made: Path, *, kills: int, seed: int) -> dict[str, int]:
    """A dataset and its index, made and deleted until so many processes were killed; each time they are as alone."""
    request = Request(name="two", source=made / "clips", splits=made / "splits.json")
    ingest(library, request, workers=1)
    built = BuildRequest(dataset="two", device="cpu", encoder="e")
    build_index(library, built)
    store, index = content(library.clips("two")), index_files(library, "two@e")
    del index["ids.npy"]
    killer = Killer(library.root, np.random.default_rng(seed), kills)

    def has_index() -> bool:
        with library.read() as catalog:
            return any(row["name"] == "two@e" for row in catalog.indexes())

    while killer.kills:
        for one in ("index:two@e", "dataset:two"):
            inspect_and_doctor.delete(library, one)
        killer.run(library.clips("two"), request, lambda: is_ingested(library, "two"))
        assert content(library.clips("two")) == store
        killer.run(library.index_folder("two@e"), built, has_index)
        found = index_files(library, "two@e")
        with library.read() as catalog:
            ids = catalog.clips_of("two").id
        np.testing.assert_array_equal(np.load(library.index_folder("two@e") / "ids.npy"), ids)
        assert len(ids) == 60
        assert {key: value for key, value in found.items() if key != "ids.npy"} == index
        for target in (library.clips("two"), library.index_folder("two@e")):
            assert not shards.folder_of(target).exists()
        assert verify.verify(library) == []
    return killer.killed


@pytest.mark.usefixtures("_small_chunks")
def test_a_few_kills_lose_and_double_nothing(library: Library, made: Path) -> None:
    assert sum(kill_at_random(library, made, kills=6, seed=0).values()) == 6


@pytest.mark.slow
@pytest.mark.usefixtures("_small_chunks")
def test_a_hundred_kills_lose_and_double_nothing(library: Library, made: Path) -> None:
    killed = kill_at_random(library, made, kills=100, seed=1)
    assert sum(killed.values()) == 100
    assert min(killed.values()) > 0  # how many of either is the chance of the machine


# the script for Slurm

SBATCH = """#!/bin/bash
# Stands in for Slurm's: runs the job at once, the tasks of an array beside each other, the last one first.
for word in "$@"; do
    case $word in --array=0-*) last=${word#--array=0-};; --parsable|--*=*) ;; --wrap) ;; *) job=$word;; esac
done
if [ -z "${last:-}" ]; then $job >&2 || exit 1; echo 7; exit; fi
for task in $(seq "$last" -1 0); do
    SLURM_ARRAY_TASK_ID=$task SLURM_ARRAY_TASK_COUNT=$((last + 1)) SLURM_ARRAY_TASK_MIN=0 $job >&2 &
    running="${running:-} $!"
done
for one in $running; do wait "$one" || exit 1; done
echo 7
"""


@pytest.mark.slow
def test_the_script_for_slurm(golden: Path, tmp_path: Path) -> None:
    recorded = tmp_path / "recordings" / "nturgb+d_skeletons"
    shutil.copytree(golden / "raw", recorded)
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in (
        ("sbatch", SBATCH),
        ("umurl-search", f'#!/bin/bash\ncd {REPOSITORY}\nexec {sys.executable} -m cli "$@"\n'),
    ):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "UMURL_LIBRARY": str(tmp_path / "library"),
        "UMURL_DATA": str(tmp_path / "recordings"),
    }
    for _ in range(2):  # again, it finds everything done
        ran = subprocess.run(
            [str(REPOSITORY / "examples" / "slurm.sh"), "ntu120", "2"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
    assert "ntu120: shard 1 of 2 is there already" in ran.stderr
    with Library(tmp_path / "library").read() as catalog:
        assert [row["name"] for row in catalog.indexes()] == ["ntu120@shipped"]
    assert verify.verify(Library(tmp_path / "library")) == []


# the demo corpus


def start(words: str, library: Path, *, by: tuple[str, ...] = ()) -> "subprocess.Popen[str]":
    environment = {**os.environ, "UMURL_LIBRARY": str(library), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *by, "-m", "cli", *words.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=environment,
    )


def finish(process: "subprocess.Popen[str]") -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def hits(root: Path) -> list[tuple[str, float]]:
    with Library(root).read() as catalog:
        name = catalog.clips_of("demo").name[100]
    asked = QueryRequest(clip=f"demo:{name}", index="demo@shipped", k=50, device="cpu")
    return [(hit["name"], hit["score"]) for hit in query(Library(root), asked)["hits"]]


@pytest.fixture(scope="module")
def demo_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("alone") / "library"
    for words in ("ingest demo", "build-index demo --device cpu"):
        finish(start(words, root))
    return root


def require_same_demo(root: Path, alone: Path) -> None:
    assert content(Library(root).clips("demo")) == content(Library(alone).clips("demo"))
    assert index_files(Library(root), "demo@shipped") == index_files(Library(alone), "demo@shipped")
    columns: list[Any] = []
    for one in (root, alone):
        with Library(one).read() as catalog:
            columns.append((catalog.clips_of("demo").columns, catalog.split("demo", "xsub")))
    assert columns[0][0] == columns[1][0]
    for part in ("train", "test"):
        np.testing.assert_array_equal(columns[0][1][part], columns[1][1][part])
    assert hits(root) == hits(alone)
    assert verify.verify(Library(root)) == []


@pytest.mark.slow
def test_four_processes_make_the_demo_corpus_of_one(demo_alone: Path, tmp_path: Path) -> None:
    root = tmp_path / "library"
    for words in ("ingest demo", "build-index demo --device cpu"):
        for process in [start(f"{words} --shard {i}/4", root) for i in range(4)]:
            finish(process)
        finish(start(f"{words} --gather", root))
    require_same_demo(root, demo_alone)


@pytest.mark.slow
def test_torchrun_makes_it_with_one_command(demo_alone: Path, tmp_path: Path) -> None:
    by = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    out = finish(start("build-index demo --device cpu", tmp_path / "library", by=by))
    assert out.count("index demo@shipped built: 2,232 clips of demo") == 1
    require_same_demo(tmp_path / "library", demo_alone)
