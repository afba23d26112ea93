"""Shares of bulk work, made by several processes on one machine or many, and gathered in the end.

The shares of NAME lie beside it in `.NAME.shards`: `plan.json` says what all of them are made from, and each is a
sealed folder, `2-of-4`. Whoever comes first writes the plan; who would make something else is refused.
"""

import contextlib
import errno
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from encoder.errors import BusyError, DamagedError, Hint, NotFoundError, UmurlError, reason_of
from umurl_search.files import sealed_folder
from umurl_search.result import Result

PLAN = "plan.json"
OF = "number of shards"
"""Key of the plan: how many shares there are."""
DATASET_STATE = "state of the dataset"
"""Key of an index's plan: the signature of the dataset that it is of."""
_LONGEST_SHOWN = 40
_POLL_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One of `of` shares of a work; number: from 0."""

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 0 <= self.number < self.of:
            raise ValueError(f"a shard is I/N with I from 0 to N - 1, got '{self}'")

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Raises ValueError for what is not I/N with I from 0 to N - 1."""
        number, _, of = text.partition("/")
        if not (number.isascii() and number.isdecimal() and of.isascii() and of.isdecimal()):
            raise ValueError(f"a shard is I/N with I from 0 to N - 1, got '{text}'")
        return cls(number=int(number), of=int(of))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @property
    def words(self) -> str:
        """For sentences: shard 2 of 4."""
        return f"shard {self.number} of {self.of}"

    def share(self, n_pieces: int) -> tuple[int, int]:
        """Its pieces of `n_pieces`, from and to: pieces that follow one another, as many for each share but for one."""
        return self.number * n_pieces // self.of, (self.number + 1) * n_pieces // self.of


@dataclass(frozen=True, kw_only=True)
class ShardReport(Result):
    """A share of a dataset or index, sealed until all are gathered."""

    name: str
    """of the dataset or index"""
    shard: int
    """which share, from 0"""
    shards: int
    """how many there are"""
    rows: int
    """rows of the index, or recordings of the source, that are this share"""
    total: int
    """those of all shares"""
    already_there: bool
    """whether it was sealed before, or all gathered"""
    seconds: dict[str, float]
    """`total`"""


def folder_of(target: Path) -> Path:
    """Where the shares of `target` lie."""
    return target.with_name(f".{target.name}.shards")


def place_of(target: Path, shard: Shard) -> Path:
    """The sealed folder of one share."""
    return folder_of(target) / f"{shard.number}-of-{shard.of}"


def is_sealed(target: Path, shard: Shard) -> bool:
    return (place_of(target, shard) / sealed_folder.MANIFEST).exists()


def make(
    target: Path,
    shard: Shard,
    *,
    what: str,
    plan: Mapping[str, Any],
    fill: Callable[[Path], None],
    leave_out: tuple[str, ...] = (),
) -> bool:
    """Seals a share, which `fill` puts into a partial folder where an interrupted run may have left something; False
    where it was sealed before.

    what: it is a share of. plan: what decides on the bytes of all shares, as JSON holds it. leave_out: files that only
    the filling needs. Raises UmurlError when shares were made from something else, and when another process makes
    this one.
    """
    agreed = {OF: shard.of, **plan}
    _agree(target, agreed, what=what)
    place = place_of(target, shard)
    if is_sealed(target, shard):
        return False
    with sealed_folder.building(place, resume_token=json.dumps(agreed, sort_keys=True)) as partial:
        if is_sealed(target, shard):  # by another process, since
            shutil.rmtree(partial)
            return False
        fill(partial)
        about = {"kind": "shard", "shard": shard.number, "plan": agreed}
        sealed_folder.seal(partial, place, about, leave_out=leave_out)
    return True


def require_all(
    target: Path, *, what: str, plan: Mapping[str, Any], again: Callable[[str], Hint]
) -> list[tuple[Shard, Path]]:
    """All shares of `target` in order, every file hashed.

    again: the hint to the command that makes a share, by its I/N. Raises UmurlError where there are
    none, some are missing, made or damaged, or they were made from something else.
    """
    there = plan_of(target)
    if there is None:
        raise NotFoundError(f"there are no shards of {what}", again("0/N"))
    _require_same(there, {OF: there.get(OF), **plan}, what=what, folder=folder_of(target))
    shards = [Shard(number=i, of=int(there[OF])) for i in range(int(there[OF]))]
    _require_sealed(target, shards, again)
    for shard in shards:
        problems = sealed_folder.check(place_of(target, shard), full=True)
        if problems:
            text = f"delete {place_of(target, shard)}, then {{command}}"
            raise DamagedError(problems[0], replace(again(str(shard)), text=text))
    return [(shard, place_of(target, shard)) for shard in shards]


def _require_sealed(target: Path, shards: list[Shard], again: Callable[[str], Hint]) -> None:
    missing = [shard for shard in shards if not is_sealed(target, shard)]
    if not missing:
        return
    first = missing[0]
    said = (
        f"{first.words} is"
        if len(missing) == 1
        else f"shards {', '.join(str(one.number) for one in missing)} of {first.of} are"
    )
    if all(is_being_made(target, shard) for shard in missing):
        raise BusyError(f"{said} still being made", "wait for them, then gather")
    idle = next(shard for shard in missing if not is_being_made(target, shard))
    raise NotFoundError(f"{said} missing", again(str(idle)))


def is_being_made(target: Path, shard: Shard) -> bool:
    """Whether a process makes this share."""
    return sealed_folder.is_held(sealed_folder.lock_of(place_of(target, shard)))


def plan_of(target: Path) -> dict[str, Any] | None:
    """What the shares of `target` are made from, None where there are none. Raises UmurlError where it is damaged."""
    path = folder_of(target) / PLAN
    try:
        plan: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(plan[OF], int) or plan[OF] < 1:
            raise ValueError("it does not say how many shards there are")
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{path} is damaged ({reason_of(error)})", f"delete {path.parent}") from error
    return plan


def wait_for_all(target: Path, report: ShardReport) -> None:
    """Returns once all shares are sealed, of which a report tells one, or were gathered before. Whoever started the
    processes ends this one when another fails."""
    waiting = [Shard(number=i, of=report.shards) for i in range(report.shards)]
    while waiting and folder_of(target).exists():
        waiting = [one for one in waiting if not is_sealed(target, one)]
        if waiting:
            time.sleep(_POLL_S)


def sweep(target: Path) -> None:
    """Deletes the shares of `target`, in one step for whoever looks."""
    with contextlib.suppress(FileNotFoundError):  # by another process, just now
        sealed_folder.remove(folder_of(target))


def count_sealed(target: Path) -> tuple[int, int]:
    """How many shares of `target` are sealed, and how many there are to be."""
    plan = plan_of(target) or {OF: 0}
    shards = [Shard(number=i, of=plan[OF]) for i in range(plan[OF])]
    return sum(is_sealed(target, shard) for shard in shards), len(shards)


def is_in_work(target: Path) -> bool:
    """Whether a process makes one of the shares."""
    return any(sealed_folder.is_held(lock) for lock in folder_of(target).glob(".*.lock"))


def _agree(target: Path, plan: dict[str, Any], *, what: str) -> None:
    """Writes the plan, unless there is one, which must be the same: a folder that holds it is renamed into place."""
    folder = folder_of(target)
    if not folder.exists():
        # Called as what is to be deleted, which `repair` does where this process is killed here.
        aside = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}.removed")
        aside.mkdir(parents=True)
        sealed_folder.write_text(aside / PLAN, json.dumps(plan, indent=1, sort_keys=True) + "\n")
        try:
            os.rename(aside, folder)
        except OSError as error:
            shutil.rmtree(aside, ignore_errors=True)
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # another process was first
                raise
    there = plan_of(target)
    if there is None:  # all were gathered while this share was about to be made again
        raise DamagedError(f"{folder} holds no plan", f"delete {folder}")
    _require_same(there, plan, what=what, folder=folder)


def _require_same(there: dict[str, Any], plan: dict[str, Any], *, what: str, folder: Path) -> None:
    differing = [key for key in (*plan, *(set(there) - set(plan))) if there.get(key) != plan.get(key)]
    if differing:
        told = "; ".join(_contrast(key, there.get(key), plan.get(key)) for key in differing)
        raise UmurlError(
            f"the shards of {what} that are there were made from something else: {told}",
            f"ask for the same, or delete {folder}",
        )


def _contrast(key: str, there: object, asked: object) -> str:
    """Two values side by side; of hashes, that they differ."""
    texts = [str(value) for value in (there, asked)]
    if any(len(text) > _LONGEST_SHOWN for text in texts):
        return f"not the same {key}"
    return f"{key} {texts[0]}, not {texts[1]}"
