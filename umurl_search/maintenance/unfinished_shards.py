"""Shards of datasets and indexes that were not gathered: how far they are, and which are of no use any more."""

from dataclasses import dataclass
from pathlib import Path

from encoder.errors import UmurlError
from umurl_search.files import sealed_folder, shards
from umurl_search.files.shards import DATASET_STATE
from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library

_ROOMS = {"clips": "dataset", "indexes": "index"}


@dataclass(frozen=True, kw_only=True)
class UnfinishedShards:
    """kind: dataset or index; name: its name; folder: theirs; why_useless: None where they can still be gathered."""

    kind: str
    name: str
    folder: Path
    sealed: int = 0
    of: int = 0
    why_useless: str | None = None

    @property
    def words(self) -> str:
        """How far they are."""
        return f"{self.kind} {self.name}: {self.sealed} of {self.of} shards sealed"


def find_shards(library: Library) -> list[UnfinishedShards]:
    """Those that lie in a library, but for those that a process works on and that are of no use."""
    found = [
        _look(library, room, folder)
        for room in _ROOMS
        for folder in sorted((library.root / room).glob(".*.shards"))
        if folder.is_dir()
    ]
    return [one for one in found if one.why_useless is None or not _is_in_work(one)]


def _is_in_work(one: UnfinishedShards) -> bool:
    target = one.folder.with_name(one.name)
    return shards.is_in_work(target) or sealed_folder.is_held(sealed_folder.lock_of(target))


def _look(library: Library, room: str, folder: Path) -> UnfinishedShards:
    name = folder.name.removeprefix(".").removesuffix(".shards")
    target, kind = folder.with_name(name), _ROOMS[room]
    try:
        sealed, of = shards.count_sealed(target)
        why = _why_useless(library, kind, target)
    except UmurlError as error:
        return UnfinishedShards(kind=kind, name=name, folder=folder, why_useless=error.message)
    return UnfinishedShards(kind=kind, name=name, folder=folder, sealed=sealed, of=of, why_useless=why)


def _why_useless(library: Library, kind: str, target: Path) -> str | None:
    if not library.exists():
        return None
    with library.read() as catalog:
        datasets = [row["name"] for row in catalog.datasets()]
        there = datasets if kind == "dataset" else [row["name"] for row in catalog.indexes()]
    if target.name in there:
        return f"{kind} {target.name} is there already"
    if kind == "dataset":
        return None
    plan = shards.plan_of(target) or {}
    if plan.get("dataset") not in datasets:
        return f"dataset {plan.get('dataset')} is not there any more"
    if plan.get(DATASET_STATE) != open_clips(library, plan["dataset"]).signature:
        return f"dataset {plan['dataset']} changed since"
    return None


def describe_useless(library: Library) -> list[str]:
    """A problem for each folder of shards that is of no use."""
    return [
        f"{one.folder}: shards that were not gathered, of no use since {one.why_useless}: umurl-search repair "
        "deletes them"
        for one in find_shards(library)
        if one.why_useless is not None
    ]


def sweep_useless(library: Library) -> list[Path]:
    """Deletes the shards that are of no use. Call it while holding `Library.write_lock`."""
    useless = [one.folder for one in find_shards(library) if one.why_useless is not None]
    for folder in useless:
        sealed_folder.remove(folder)
    return useless
