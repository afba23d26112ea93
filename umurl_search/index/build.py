"""Builds an index: embeds a dataset, fits its maps, writes its vectors."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from encoder.embed import Embedder, pick_device
from encoder.errors import Hint, UmurlError
from encoder.model import UmURL
from encoder.precision import emulation_note, precision_here
from umurl_search.files import sealed_folder, shards
from umurl_search.files.shards import Shard, ShardReport
from umurl_search.index.bridges_and_whitening import fit_maps
from umurl_search.index.build_plan import BuildPlan, BuildRequest, plan_build
from umurl_search.index.embed_rows import DONE, embed_units, write_units
from umurl_search.index.embedding_shards import gather, make_share, require_shares, rows_of
from umurl_search.index.index import Index, embeddings_file, write_maps
from umurl_search.index.kind_selection import RECALL, write_vectors
from umurl_search.index.open_index import open_index
from umurl_search.library.catalog.open_catalog import copy_if_old, require_current
from umurl_search.library.library import Library
from umurl_search.progress import Progress, no_progress
from umurl_search.result import Result

_AS_MADE = (
    "dataset",
    "encoder",
    "encoder_hash",
    "pipeline",
    "transform",
    "metric",
    "modalities",
    "precision",
    "dimension",
    "window_s",
    "stride_s",
)
"""What must be the same for an index to be the one that is asked for."""


@dataclass(frozen=True, kw_only=True)
class BuildReport(Result):
    """The index that was built."""

    index: str
    """its name"""
    dataset: str
    encoder: str
    """the encoder used"""
    encoder_why: str
    """that encoder"""
    clips: int
    windows: int | None
    """rows of an index of windows, else null"""
    window_s: list[float] | None
    """lengths of the windows in seconds, or null"""
    stride_s: float | None
    """seconds from one window's start to the next, or null"""
    dimension: int
    """D, the size of an embedding"""
    modalities: list[str]
    """names"""
    transform: str
    """`none` or `half-whiten:D`"""
    kind: str
    """of index, chosen or asked for (index-kinds.md)"""
    why: str
    """that kind"""
    quality: dict[str, Any] | None
    """on clips left out of the index: `queries`, `recall_at` `1` and `10`, `latency_ms` of one,
    `accuracy_change` of 1-NN against exact (null without labels); null for a handful of clips"""
    precision: str
    """of the products: `float32` or `bf16`"""
    bytes: int
    """size on disk"""
    warnings: list[str]
    """what to know before it is used, a line each"""
    already_there: bool
    """whether the library held it before"""
    seconds: dict[str, float]
    """`embed`, `fit`, `total`"""
    ask_with: list[str] = field(default_factory=list)
    """joint layouts whose bridges are ready"""


def build_index(
    library: Library,
    request: BuildRequest,
    *,
    gathers: bool = False,
    progress: Progress = no_progress,
    tell: Callable[[str], None] = lambda line: None,
) -> BuildReport:
    """Embeds every clip of a dataset, or every window of its recordings, and fits bridges and transform on all.

    gathers: whether the embeddings are those of shards (`build_shard`), which must all be there. An interrupted build
    goes on where it stopped. `tell` is given a line before bf16 is emulated, and where a device's memory does not
    suffice for the usual batch. Raises UmurlError for an unknown dataset or encoder, when the encoder reads clips
    prepared in another way, or when another index has the name.
    """
    started = time.monotonic()
    plan = plan_build(library, request)
    there, seconds = _is_already_there(library, plan), {"embed": 0.0, "fit": 0.0}
    if there:
        copy_if_old(library.catalog_path)
    else:
        seconds |= _build(library, plan, gathers=gathers, progress=progress, tell=tell)
    if gathers:
        shards.sweep(library.index_folder(plan.name))
    seconds["total"] = time.monotonic() - started
    return _report(open_index(library, plan.name)[0], plan, there=there, seconds=seconds)


def build_shard(
    library: Library,
    request: BuildRequest,
    shard: Shard,
    *,
    progress: Progress = no_progress,
    tell: Callable[[str], None] = lambda line: None,
) -> ShardReport:
    """Embeds one share of what `build_index` would embed, and seals it for the one that gathers; the catalog is only
    read.

    Raises UmurlError as `build_index` does, and when there are shards of this index that were made from something else.
    """
    started = time.monotonic()
    require_current(library.catalog_path)
    plan = plan_build(library, request)
    made = not _is_already_there(library, plan) and make_share(
        library, plan, shard, progress=progress, tell=tell
    )
    if _is_already_there(library, plan):  # before, or gathered since of the same share made before
        shards.sweep(library.index_folder(plan.name))
    start, stop = rows_of(plan, shard)
    return ShardReport(
        name=plan.name,
        shard=shard.number,
        shards=shard.of,
        rows=stop - start,
        total=len(plan.rows),
        already_there=not made,
        seconds={"total": time.monotonic() - started},
    )


def _build(
    library: Library, plan: BuildPlan, *, gathers: bool, progress: Progress, tell: Callable[[str], None]
) -> dict[str, float]:
    """Makes the index and enters it, unless another process has done so since; returns seconds by stage."""
    target, device = library.index_folder(plan.name), pick_device(plan.request.device)
    shares = require_shares(library, plan) if gathers and not _is_sealed(target, plan) else []
    model = plan.entry.load().to(device)
    library.make()
    with sealed_folder.building(target, resume_token=plan.about["recipe"]) as partial:
        if _is_already_there(library, plan):  # by another process, since
            shutil.rmtree(partial)
            return {}
        if _is_sealed(target, plan):
            shutil.rmtree(partial)
            _enter(library, plan)
            return {}
        note = emulation_note(plan.about["precision"], device)
        if note is not None:
            tell(note)
        if shares:
            gather(partial, plan, shares)
        seconds, measured = _make(partial, plan, model, progress=progress, tell=tell)
        sealed_folder.remove(target)
        sealed_folder.seal(partial, target, {**plan.about, **measured})
        _enter(library, plan)
    return seconds


def _report(index: Index, plan: BuildPlan, *, there: bool, seconds: dict[str, float]) -> BuildReport:
    said, about = index.manifest, plan.about
    return BuildReport(
        index=plan.name,
        dataset=plan.request.dataset,
        encoder=plan.entry.name,
        encoder_why=plan.encoder_why,
        clips=len(plan.columns.id),
        kind=said["index_kind"],
        windows=None if plan.request.window is None else len(index.ids),
        window_s=said.get("window_s"),
        stride_s=said.get("stride_s"),
        why=plan.why if said["index_kind"] == about["index_kind"] else "as it was built",
        quality=said.get("quality"),
        dimension=about["dimension"],
        modalities=about["modalities"],
        transform=about["transform"],
        precision=said["precision"],
        bytes=sum(file["size"] for file in said["files"].values()),
        warnings=plan.warnings,
        already_there=there,
        seconds=seconds,
    )


def build_beside(
    library: Library, request: BuildRequest, target: Path, old: Path, *, progress: Progress = no_progress
) -> tuple[int, bool]:
    """Seals an index anew in a folder of its own, without entering it in the catalog.

    Embeddings of the `old` folder are taken over where they are whole and of the same clips. Returns how many rows the
    index has, and whether they were. Raises UmurlError as `build_index` does.
    """
    plan = plan_build(library, request)
    with sealed_folder.building(target, resume_token=f"beside-{plan.about['recipe']}") as partial:
        salvaged = _salvage(old, plan.about, partial)
        device = pick_device(request.device)
        if not salvaged:
            plan.about["precision"] = precision_here(plan.about["precision"], device)
        model = plan.entry.load().to(device)
        _, measured = _make(partial, plan, model, progress=progress)
        sealed_folder.seal(partial, target, {**plan.about, **measured})
    return len(plan.rows), salvaged


def _salvage(old: Path, about: dict[str, Any], partial: Path) -> bool:
    """Copies sound embeddings of the same clips to where a build goes on from them; False where there are none."""
    said = sealed_folder.manifest_or_none(old)
    if said is None or any(said[key] != about[key] for key in ("clips", "dataset_signature", "modalities")):
        return False
    names = [embeddings_file(modality) for modality in about["modalities"]]
    if any(sealed_folder.check_file(old / name, said["files"][name], full=True) for name in names):
        return False
    for name in names:
        shutil.copyfile(old / name, partial / name)
    sealed_folder.write_text(partial / DONE, str(about["clips"]))
    return True


def _is_already_there(library: Library, plan: BuildPlan) -> bool:
    """Whether the index is there. Raises UmurlError where another has its name."""
    with library.read() as catalog:
        known = any(row["name"] == plan.name for row in catalog.indexes())
    if not known:
        return False
    said, request = open_index(library, plan.name)[0].manifest, plan.request
    same_kind = request.kind in ("auto", said["index_kind"])
    made_from = [key for key in _AS_MADE if key != "precision" or request.precision != "auto"]
    if not same_kind or any(said.get(key) != plan.about.get(key) for key in made_from):
        raise UmurlError(
            f"index '{plan.name}' is there, made from something else",
            Hint(
                "{command}, or name the new one with {option}",
                command=("delete", f"index:{plan.name}"),
                option="as",
            ),
        )
    return True


def _is_sealed(target: Path, plan: BuildPlan) -> bool:
    """Whether a build that was stopped before it told the catalog has left this very index."""
    if not target.exists() or sealed_folder.check(target, full=False):
        return False
    index = Index(target)
    same = bool(index.manifest["recipe"] == plan.about["recipe"])
    return same and np.array_equal(np.unique(index.ids), plan.columns.id)


def _make(
    partial: Path,
    plan: BuildPlan,
    model: UmURL,
    *,
    progress: Progress,
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[dict[str, float], dict[str, Any]]:
    """Fills the partial folder; returns seconds by stage, and what is measured of the vectors."""
    begun = time.monotonic()
    about, rows, request = plan.about, plan.rows, plan.request
    n, d, chosen = len(rows), about["dimension"], tuple(about["modalities"])
    sealed_folder.need_space(
        partial, 4 * n * d * (len(chosen) + 2) + 4 * d * d * len(chosen) ** 2, what="the index"
    )
    device = pick_device(request.device)
    embedder = Embedder(model, n_clips=n, device=device, precision=about["precision"], tell=tell)
    embed_units(partial, plan.store, rows, embedder, modalities=chosen, dimension=d, progress=progress)
    embedded = time.monotonic()
    arrays = {m: np.load(partial / embeddings_file(m), mmap_mode="r", allow_pickle=False) for m in chosen}
    with progress("Fitting bridges", total=len(chosen) + 1, unit="steps") as advance:
        maps = fit_maps(arrays, request.transform, device=device, advance=advance)
        write_maps(partial, maps)
        measured = write_vectors(
            partial,
            arrays["fused"],
            maps,
            kind=about["index_kind"],
            labels=plan.columns.label if rows.spans is None else None,
            recall=request.recall if request.recall < 1 else RECALL,
        )
        write_units(partial, rows, plan.columns.id)
        advance(1)
    (partial / DONE).unlink(missing_ok=True)
    return {"embed": embedded - begun, "fit": time.monotonic() - embedded}, measured


def _enter(library: Library, plan: BuildPlan) -> None:
    about = plan.about
    ids = np.unique(Index(library.index_folder(plan.name)).ids)
    row = {
        "name": plan.name,
        "dataset": about["dataset"],
        "encoder": plan.entry.name,
        "encoder_hash": plan.entry.hash,
        "kind": about["index_kind"],
        "transform": about["transform"],
        "modalities": ",".join(about["modalities"]),
        "clips": about["clips"],
    }
    with library.write() as catalog:
        catalog.add_index(clip_ids=ids, row=row)
