"""Shares of bulk work: the options `--shard` and `--gather`, and what torchrun and Slurm say of them."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import typer

from cli.terminal import Terminal, is_first_process, parse_option
from encoder.errors import Hint, UmurlError
from umurl_search.files.shards import Shard, ShardReport

ALL = "all"
TORCHRUN = "torchrun"
ARRAY = "the job array"
_POLL_S = 0.5


def _read_shard(text: str) -> str:
    return text if text == ALL else str(Shard.parse(text))


ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        callback=parse_option("--shard", _read_shard),
        help="I/N: do only share I of N, from 0; all: do all [default: as torchrun or a job array says, else all]",
    ),
]
GatherOption = Annotated[bool, typer.Option("--gather", help="Put together what all shards made")]


@dataclass(frozen=True, kw_only=True)
class Work:
    """What this process does of a command: a share, the gathering, both (under torchrun, the first process), all of it
    (neither), or nothing. why: who said so, where no option did."""

    shard: Shard | None = None
    gathers: bool = False
    is_idle: bool = False
    why: str = ""

    @property
    def ends_with_share(self) -> bool:
        """Whether another command puts all shares together."""
        return self.shard is not None and self.why != TORCHRUN


ALONE = Work()


def find_work(shard: str | None, gather: bool, *, environment: Mapping[str, str] = os.environ) -> Work:
    """What the options say, else torchrun, else Slurm. Raises a usage error for options that contradict each other, and
    UmurlError for a job array that is no 0 to N - 1."""
    if shard is not None and gather:
        raise typer.BadParameter("makes a share, --gather puts all together: give one", param_hint="--shard")
    launched = shard_of_torchrun(environment)
    idle = launched is not None and launched.number > 0
    if gather or shard == ALL:
        return Work(gathers=gather and not idle, is_idle=idle)
    if shard is not None:
        return Work(shard=Shard.parse(shard))
    in_array = shard_of_slurm(environment)
    if launched is not None:
        if in_array is not None:
            raise UmurlError(
                "torchrun and a job array both share out the work",
                Hint("say what this process does with {option}", option="shard", value="I/N"),
            )
        return Work(shard=launched, gathers=not idle, why=TORCHRUN)
    return Work(shard=in_array, why=ARRAY) if in_array is not None else Work()


def shard_of_torchrun(environment: Mapping[str, str]) -> Shard | None:
    """This process's among those that torchrun started, None for one alone."""
    count = int(environment.get("WORLD_SIZE", "1"))
    return Shard(number=int(environment.get("RANK", "0")), of=count) if count > 1 else None


def shard_of_slurm(environment: Mapping[str, str]) -> Shard | None:
    """This task's of a Slurm job array, which counts from its lowest number; None outside of arrays. Raises UmurlError
    where numbers are left out, as when a few tasks of an array are submitted again."""
    if "SLURM_ARRAY_TASK_ID" not in environment:
        return None
    task, count = (int(environment.get(f"SLURM_ARRAY_TASK_{key}", "1")) for key in ("ID", "COUNT"))
    first = int(environment.get("SLURM_ARRAY_TASK_MIN", "0"))
    if task - first >= count or (count == 1 and task > 0):
        raise UmurlError(
            f"task {task} of a job array of {count}, which is not all of the shards",
            Hint("say which share it is with {option}", option="shard", value=f"{task}/N"),
        )
    return Shard(number=task - first, of=count) if count > 1 else None


def own_device(work: Work, device: str) -> str:
    """The device for a share: under torchrun each process of a machine has a GPU of its own."""
    if work.why != TORCHRUN:
        return device
    from encoder import distributed
    from encoder.embed import pick_device

    return str(distributed.own_device(pick_device(device)))


def own_cores(environment: Mapping[str, str] = os.environ) -> int | None:
    """Reading processes for a share where torchrun started several on this machine, None: one for each core."""
    here = int(environment.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, len(os.sched_getaffinity(0)) // here) if here > 1 else None


def make_share(terminal: Terminal, work: Work, make: Callable[..., ShardReport]) -> ShardReport:
    """What became of this process's share, shown where the command ends with it."""
    from cli import print_tables

    if work.why == ARRAY:
        terminal.tell(
            f"this is {work.shard and work.shard.words}, as {ARRAY} says; --shard all does all of it"
        )
    try:
        report = make(progress=terminal.progress)
    except UmurlError as error:
        if not is_first_process():  # it is silent otherwise, and what it meets others do not
            print(f"umurl-search: {work.shard and work.shard.words}: {error.typed}", file=sys.stderr)
        raise
    if work.ends_with_share:
        terminal.show(report, print_tables.print_share)
    return report


def wait_until(is_done: Callable[[], bool]) -> None:
    """Returns once it is done. Whoever started the processes ends this one when another fails."""
    while not is_done():
        time.sleep(_POLL_S)
