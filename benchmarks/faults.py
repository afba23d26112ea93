"""Kills commands that change a library, at random moments, and checks what is left and that the same command ends well.

    python benchmarks/faults.py --kills 200 [--seed S] [--commands add,remove] [--steps] [--made LIBRARY]

Every round copies a small library (60 made-up clips), starts one of ingest, train, build-index, add, update, remove and
compact in a process group of its own, kills the group with SIGKILL, and then
- verifies: nothing is damaged, at most a folder of the interrupted command is not in the catalog;
- compares: every clip is there as before, and the library is as before the command or as after it, nothing between;
  each index answers a fixed query as its embeddings say, computed by hand;
- runs the command again: it ends, the library is that of an undisturbed run, and nothing stray is left.
Six moments in ten are uniform over the time that an undisturbed run takes, the rest lies in its last fifth, where
folders are sealed and the catalog's transaction is. With --steps a command is killed before each of its file
operations in turn (or before --kills of them, evenly spread): everything between two of them is one state of the disk.
Processes are forked from one that has imported everything and started nothing. Exit code 1 on any violation.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from library_state import State, differences, find_lost, state
from rich.console import Console
from rich.table import Table

from cli.main import run
from umurl_search.library.library import Library
from umurl_search.synthetic.demo_corpus import make_clip

_AT_RANDOM = 0.6
_LATE = 0.8
_WAIT_S = 120.0
_FILE_OPERATIONS = (
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.truncate",
    "os.chmod",
    "shutil.copyfile",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass(frozen=True, kw_only=True)
class Case:
    """A command, the library it starts from, and how a run that was killed after its end answers a second time."""

    words: str
    start: Literal["plain", "changed"] = "plain"
    done_says: str = ""


CASES = {
    "ingest": Case(words="ingest second --source {extra} --splits {splits}"),
    "train": Case(
        words="train mine --preset tiny --epochs 2 --batch-size 16 --as f --save-every 0 --looks 0",
        done_says="is there already",
    ),
    "build-index": Case(words="build-index mine --encoder e --transform half-whiten:8 --as second"),
    "add": Case(words="add mine --source {extra}"),
    "update": Case(words="update mine --source {altered}"),
    "remove": Case(words='remove mine --where "camera = 3"', done_says="nothing was removed"),
    "compact": Case(words="compact mine", start="changed"),
}


@dataclass
class Tally:
    """What happened to one command."""

    kills: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    strays: int = 0
    old: int = 0
    still_old: int = 0
    again: int = 0
    wrong: list[str] = field(default_factory=list)


def run_forked(work: Callable[[], Any], *, kill_after_s: float | None = None) -> Any:
    """What `work` gives in a process of its own; None where that was killed or failed (which it prints)."""
    descriptor, told = tempfile.mkstemp()
    os.close(descriptor)
    pid = os.fork()
    if pid == 0:
        _child(work, Path(told))
    with contextlib.suppress(OSError):  # the child does it too: whoever is first
        os.setpgid(pid, pid)
    _await(pid, kill_after_s)
    text = Path(told).read_text()
    os.unlink(told)
    return json.loads(text) if text else None


def _child(work: Callable[[], Any], told: Path) -> None:
    """Never returns."""
    os.setpgid(0, 0)
    try:
        result = json.dumps(work())
        folder, name = os.path.split(told)
        aside = Path(folder) / f"{name}.aside"
        aside.write_text(result)
        os.replace(aside, told)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(0)


def _await(pid: int, kill_after_s: float | None) -> None:
    """Until the process is gone: of itself, or killed with its group."""
    deadline = time.monotonic() + (_WAIT_S if kill_after_s is None else kill_after_s)
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if time.monotonic() >= deadline:
            with contextlib.suppress(ProcessLookupError):  # it ended just now
                os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return
        time.sleep(0.0005)


def command(words: list[str], library: Path, log: Path) -> Callable[[], int]:
    """Runs a command as `umurl-search` does; what it prints goes to a file."""

    def work() -> int:
        printed = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(printed, 1)
        os.dup2(printed, 2)
        code = run([*words, "--library", str(library), "--device", "cpu", "--json"])
        sys.stdout.flush()
        return code

    return work


def kill_before(operation: int | None, root: Path, work: Callable[[], int]) -> Callable[[], int]:
    """The same, killed just before one of its file operations below `root`; None: gives their number instead."""
    seen = 0

    def watch(event: str, given: tuple[Any, ...]) -> None:
        nonlocal seen
        if event == "open":
            if not isinstance(given[2], int) or not given[2] & _WRITING:
                return
        elif event not in _FILE_OPERATIONS:
            return
        if not any(
            isinstance(one, str | os.PathLike) and os.fspath(one).startswith(str(root)) for one in given[:2]
        ):
            return
        if seen == operation:
            os.killpg(0, signal.SIGKILL)
        seen += 1

    def run_watched() -> int:
        sys.addaudithook(watch)
        code = work()
        return seen if operation is None else code

    return run_watched


def corpus(folder: Path, *, subjects: tuple[int, ...], replication: int = 1) -> Path:
    """Made-up clips as .npy files named in NTU's pattern: 5 actions and 3 cameras of each subject."""
    folder.mkdir(parents=True)
    for action in (1, 5, 10, 23, 28):
        for subject in subjects:
            for camera in (1, 2, 3):
                name = f"S001C{camera:03d}P{subject:03d}R001A{action:03d}"
                np.save(folder / f"{name}.npy", make_clip(name.replace("R001", f"R{replication:03d}")))
    return folder


class Bench:
    """The libraries that rounds start from, what undisturbed runs give, and how long those take."""

    def __init__(self, scratch: Path, made: Path | None = None) -> None:
        """made: a library with the dataset `mine` of such clips and the encoder `e`, copied instead of made anew."""
        self.scratch = scratch
        clips = corpus(scratch / "clips", subjects=(1, 2, 3, 4))
        self.places = {
            "extra": corpus(scratch / "extra", subjects=(5,)),
            "altered": corpus(scratch / "altered", subjects=(2,), replication=2),
            "splits": scratch / "splits.json",
        }
        names = sorted(path.stem for path in clips.iterdir())
        odd = [name for name in names if int(name[9:12]) % 2]
        parts = {"train": odd, "test": [name for name in names if name not in odd]}
        self.places["splits"].write_text(json.dumps({"xsub": parts}))
        plain, changed = self.library("plain"), self.library("changed")
        first = (
            f"ingest mine --source {clips} --splits {self.places['splits']}",
            "train mine --preset tiny --epochs 1 --batch-size 16 --as e",
            "build-index mine --encoder e --as first",
        )
        if made:
            shutil.copytree(made, plain)
        for words in first[2:] if made else first:
            self.must(words.split(), plain)
        shutil.copytree(plain, changed)
        self.must(self.words(CASES["add"]), changed)
        self.must(self.words(CASES["remove"]), changed)
        np.save(scratch / "y.npy", np.array(run_forked(lambda: _some_embedding(plain)), dtype=np.float32))
        self.before = {name: self.look(self.library(name)) for name in ("plain", "changed")}
        self.after: dict[str, State] = {}
        self.seconds: dict[str, float] = {}
        self.operations: dict[str, int] = {}

    def library(self, name: str) -> Path:
        return self.scratch / f"library-{name}"

    def words(self, case: Case) -> list[str]:
        """The command's words; what is quoted stays one."""
        plain, _, quoted = case.words.format(**self.places).partition('"')
        return [*plain.split(), *([quoted.rstrip('"')] if quoted else [])]

    def must(self, words: list[str], library: Path) -> None:
        code = run_forked(command(words, library, self.log))
        if code != 0:
            raise RuntimeError(f"{' '.join(words)}: exit code {code}, {self.log.read_text()}")

    @property
    def log(self) -> Path:
        return self.scratch / "printed.txt"

    def look(self, library: Path) -> State:
        found = run_forked(lambda: state(Library(library), np.load(self.scratch / "y.npy")))
        return found or {"wrong": ["the library cannot be looked at"]}

    def run_undisturbed(self, name: str) -> None:
        """Runs a command whole, for what it gives, how long it takes and how many file operations that is."""
        case, library = CASES[name], self.library("whole")
        shutil.rmtree(library, ignore_errors=True)
        shutil.copytree(self.library(case.start), library)
        begun = time.monotonic()
        counted = kill_before(None, library, command(self.words(case), library, self.log))
        self.operations[name] = run_forked(counted)
        self.seconds[name] = time.monotonic() - begun
        whole = self.after[name] = self.look(library)
        if whole["wrong"] or whole["strays"] or whole["hidden"] or whole["copy_differs"]:
            raise RuntimeError(f"{name}, undisturbed: {whole['wrong'], whole['strays'], whole['hidden']}")

    def round(
        self, name: str, tally: Tally, *, after_s: float | None = None, operation: int | None = None
    ) -> bool:
        """One kill with what follows; False where the command was done before it."""
        case, library = CASES[name], self.library("round")
        shutil.rmtree(library, ignore_errors=True)
        shutil.copytree(self.library(case.start), library)
        work = command(self.words(case), library, self.log)
        work = work if operation is None else kill_before(operation, library, work)
        if run_forked(work, kill_after_s=after_s) is not None:
            return False
        tally.kills += 1
        moment = f"{after_s:.4f} s" if after_s is not None else f"file operation {operation}"
        wrong = self._check_after_kill(name, self.look(library), tally) + self._check_run_again(
            name, case, library, tally
        )
        tally.wrong += [f"{name} killed at {moment}: {one}" for one in wrong]
        return True

    def _check_after_kill(self, name: str, now: State, tally: Tally) -> list[str]:
        """What is wrong with what a kill left."""
        if "clips" not in now:
            return list(now["wrong"])
        before, after = self.before[CASES[name].start], self.after[name]
        tally.strays += bool(now["strays"])
        tally.old += now["copy_is_old"]
        from_before, from_after = differences(now, before), differences(now, after)
        tally.taken["after" if from_before else "before"] += 1
        may_go = {n for n in before["clips"]["mine"] if n not in after["clips"]["mine"]} | {
            n for n, clip in before["clips"]["mine"].items() if after["clips"]["mine"].get(n) != clip
        }
        between = (
            [f"neither as before ({from_before}) nor as after ({from_after})"]
            if from_before and from_after
            else []
        )
        between += ["the copy of the catalog is old and does not say so"] if now["copy_differs"] else []
        return [*now["wrong"], *between, *(f"lost {one}" for one in find_lost(before, now, may_go=may_go))]

    def _check_run_again(self, name: str, case: Case, library: Path, tally: Tally) -> list[str]:
        """What is wrong with what the same command gives now."""
        words = self.words(case)
        code = run_forked(command(words, library, self.log))
        said = self.log.read_text()
        if name == "train" and "train --resume goes on with it" in said:
            code = run_forked(command([*words, "--resume"], library, self.log))
            said = self.log.read_text()
        if code != 0 and not (case.done_says and case.done_says in said):
            return [f"again: exit code {code}, {said}"]
        now = self.look(library)
        if "clips" not in now:
            return [f"again: {one}" for one in now["wrong"]]
        tally.still_old += now["copy_is_old"]
        left = [f"{kind} {now[kind]}" for kind in ("wrong", "strays", "hidden", "copy_is_old") if now[kind]]
        wrong = [f"again: {one}" for one in [*differences(now, self.after[name]), *left]]
        tally.again += not wrong
        return wrong


def _some_embedding(library: Path) -> list[list[float]]:
    found: list[list[float]] = np.load(library / "indexes/first/embeddings-fused.npy")[7:8].tolist()
    return found


def kill_at_random(bench: Bench, name: str, kills: int, tally: Tally, rng: random.Random) -> None:
    """Kills at moments of which _AT_RANDOM are uniform over the run, the others over its end."""
    while tally.kills < kills:
        share = rng.random() if rng.random() < _AT_RANDOM else rng.uniform(_LATE, 1.0)
        bench.round(name, tally, after_s=share * bench.seconds[name])


def kill_before_operations(bench: Bench, name: str, kills: int, tally: Tally) -> None:
    """A kill before each file operation, or before some of them, the last among them."""
    n = bench.operations[name]
    for operation in sorted({round(i) for i in np.linspace(0, n - 1, min(kills, n))}):
        bench.round(name, tally, operation=int(operation))


def tabulate(tallies: dict[str, Tally], bench: Bench) -> Table:
    table = Table(title="What kills left")
    for column in (
        "command",
        "whole run, s",
        "kills",
        "found as before",
        "as after",
        "strays",
        "old copy of catalog",
        "run again, done",
        "violations",
    ):
        table.add_column(column, justify="left" if column == "command" else "right")
    for name, one in tallies.items():
        counts = (one.kills, one.taken["before"], one.taken["after"], one.strays)
        rest = (f"{one.old}, then {one.still_old}", one.again, len(one.wrong))
        table.add_row(name, f"{bench.seconds[name]:.2f}", *map(str, (*counts, *rest)))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--kills", type=int, default=200, help="in all; with --steps, at most, of each command"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", default=",".join(CASES))
    parser.add_argument("--made", type=Path, help="a library to start from, with `mine` and `e`")
    parser.add_argument("--steps", action="store_true", help="before file operations, not at random moments")
    options = parser.parse_args()
    names = options.commands.split(",")
    tallies = {name: Tally() for name in names}
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(Path(scratch), options.made)
        for i, name in enumerate(names):
            bench.run_undisturbed(name)
            tally, rng = tallies[name], random.Random(f"{options.seed} {name}")
            if options.steps:
                kill_before_operations(bench, name, options.kills, tally)
            else:
                kill_at_random(bench, name, (options.kills + i) // len(names), tally, rng)
            print(f"{name}: {tally.kills} kills, {len(tally.wrong)} violations", flush=True)
            for one in tally.wrong:
                print(f"seed {options.seed}: {one}", flush=True)
    Console(width=140).print(tabulate(tallies, bench))
    sys.exit(1 if any(one.wrong for one in tallies.values()) else 0)


if __name__ == "__main__":
    main()
