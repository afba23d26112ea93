"""Shares of the rows of an index, embedded by several processes.

A share is whole chunks of rows as one process alone would embed them, so that its embeddings are the same bits on the
same kind of CPU. Whose the rows are is found again when they are gathered; a share has no clip ids.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from encoder.embed import Embedder, pick_device
from encoder.errors import Hint
from umurl_search.files import sealed_folder, shards
from umurl_search.files.shards import DATASET_STATE, Shard
from umurl_search.index.build_plan import BuildPlan, BuildRequest
from umurl_search.index.embed_rows import DONE, cut_chunks, embed_units
from umurl_search.index.index import embeddings_file
from umurl_search.index.windows import IndexRows
from umurl_search.library.library import Library
from umurl_search.progress import Progress

_CALLED = {
    "dataset_signature": DATASET_STATE,
    "encoder_hash": "state of the encoder",
    "window_s": "windows",
    "stride_s": "stride",
}
"""What a line calls parts of the plan."""
_NOT_OF_EMBEDDINGS = ("kind", "version", "recipe", "index_kind")


def rows_of(plan: BuildPlan, shard: Shard) -> tuple[int, int]:
    """The rows of an index that are a share's, from and to."""
    cuts = cut_chunks(plan.store, plan.rows, 0, on_device=_is_on_device(plan))
    first, last = shard.share(len(cuts) - 1)
    return cuts[first], cuts[last]


def make_share(
    library: Library, plan: BuildPlan, shard: Shard, *, progress: Progress, tell: Callable[[str], None]
) -> bool:
    """Embeds the rows of a share and seals them; False where that was done before. Raises UmurlError as `shards.make`
    does."""

    def fill(partial: Path) -> None:
        _embed(partial, plan, rows_of(plan, shard), progress=progress, tell=tell)

    return shards.make(
        library.index_folder(plan.name),
        shard,
        what=f"index {plan.name}",
        plan=_said_of(plan),
        fill=fill,
        leave_out=(DONE,),
    )


def _embed(
    partial: Path,
    plan: BuildPlan,
    rows: tuple[int, int],
    *,
    progress: Progress,
    tell: Callable[[str], None],
) -> None:
    start, stop = rows
    if start == stop:
        return
    about, device = plan.about, pick_device(plan.request.device)
    n_bytes = 4 * (stop - start) * about["dimension"] * len(about["modalities"])
    sealed_folder.need_space(partial, n_bytes, what="the shard")
    embedder = Embedder(
        plan.entry.load().to(device),
        n_clips=len(plan.rows),  # of all shares: it decides how they are embedded
        device=device,
        precision=about["precision"],
        tell=tell,
    )
    spans = plan.rows.spans
    units = IndexRows(row=plan.rows.row[start:stop], spans=None if spans is None else spans[start:stop])
    modalities, dimension = tuple(about["modalities"]), about["dimension"]
    embed_units(
        partial, plan.store, units, embedder, modalities=modalities, dimension=dimension, progress=progress
    )


def require_shares(library: Library, plan: BuildPlan) -> list[tuple[Shard, Path]]:
    """All shares of an index, whole and made as the plan says. Raises UmurlError where they are not."""
    return shards.require_all(
        library.index_folder(plan.name),
        what=f"index {plan.name}",
        plan=_said_of(plan),
        again=lambda shard: _hint_to_make(plan.request, shard),
    )


def gather(partial: Path, plan: BuildPlan, shares: list[tuple[Shard, Path]]) -> None:
    """Copies the embeddings of all shares to where a build goes on from them."""
    n, dimension = len(plan.rows), plan.about["dimension"]
    if (partial / DONE).exists() and int((partial / DONE).read_text()) == n:
        return
    for modality in plan.about["modalities"]:
        file = embeddings_file(modality)
        out = np.lib.format.open_memmap(partial / file, mode="w+", dtype=np.float32, shape=(n, dimension))
        for shard, folder in shares:
            start, stop = rows_of(plan, shard)
            if start < stop:
                out[start:stop] = np.load(folder / file, mmap_mode="r", allow_pickle=False)
        out.flush()
    sealed_folder.write_text(partial / DONE, str(n))


def _is_on_device(plan: BuildPlan) -> bool:
    return pick_device(plan.request.device).type != "cpu"


def _said_of(plan: BuildPlan) -> dict[str, Any]:
    """What decides on the embeddings, and on what they are to be."""
    said = {key: value for key, value in plan.about.items() if key not in _NOT_OF_EMBEDDINGS}
    said["pipeline"] = json.dumps(said["pipeline"], sort_keys=True)
    said["rows"] = len(plan.rows)
    said["device"] = "gpu" if _is_on_device(plan) else "cpu"
    return {_CALLED.get(key, key): value for key, value in said.items()}


def _hint_to_make(request: BuildRequest, shard: str) -> Hint:
    return Hint(
        "{command}", command=("build-index", request.dataset, *_options_of(request), "--shard", shard)
    )


def _options_of(request: BuildRequest) -> list[str]:
    """The options that decide on a share, as they are typed."""
    words = ["--encoder", request.encoder] if request.encoder else []
    words += ["--modalities", request.modalities] if request.modalities != "base" else []
    words += ["--transform", str(request.transform)] if request.transform.kind != "none" else []
    if request.window is not None:
        for length in request.window.lengths_s:
            words += ["--window", f"{length:g}"]
        words += ["--stride", f"{request.window.stride_s:g}"]
    words += ["--precision", request.precision] if request.precision != "auto" else []
    words += ["--as", request.name] if request.name else []
    return words
