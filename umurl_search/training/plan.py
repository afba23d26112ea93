"""What a training run is to do: its clips, its configuration, its name, whether it goes on with an earlier one."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import torch

from encoder.batches import shared_batch
from encoder.distributed import Processes
from encoder.errors import Hint, NotFoundError, UmurlError
from encoder.model import ModelConfig
from encoder.schedule import PRESETS, TrainConfig, settle_precision
from encoder.train import require_compilable
from umurl_search.clips.normalization import PIPELINE
from umurl_search.datasets.protocols import first_protocol
from umurl_search.library import encoder_registry
from umurl_search.library.clip_store import open_clips
from umurl_search.library.encoder_registry import EncoderEntry
from umurl_search.library.library import Library, check_name
from umurl_search.library.missing import require_dataset
from umurl_search.training.import_encoder import is_sealed, refuse_known
from umurl_search.training.monitor import ProbeSplit, held_out_split
from umurl_search.training.options import TrainOptions
from umurl_search.training.resume_state import (
    CHANGEABLE,
    keep_made_with,
    read_options,
    refuse_to_lose,
    require_resumable,
)

_LARGE_BATCH = {("ntu60", "xview"), ("ntu120", "xsub"), ("ntu120", "xset")}
"""Where the paper trains with batches of 1,024 instead of 512."""


@dataclass(frozen=True, kw_only=True)
class TrainRequest(TrainOptions):
    """What to train, and how.

    start_from: an encoder of the library, or `shipped`, whose weights are the first; its sizes are kept.
    looks: how often, in the whole run, to look at the embedding of a held-out slice. max_seconds: ends it early.
    """

    dataset: str
    device: str = "auto"
    max_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """What the first process finds out for all.

    recipe: what makes two encoders the same; token: what makes a run one to go on with. stated, changeable: what
    the run is made with, but for what may change when it is resumed, and that.
    """

    name: str
    protocol: str | None
    rows: list[int]
    names: list[str]
    watched: ProbeSplit
    recipe: str
    token: str
    finished: bool
    start: EncoderEntry | None
    model_config: ModelConfig
    config: TrainConfig
    stated: dict[str, Any]
    changeable: dict[str, Any]


def plan_run(
    library: Library,
    request: TrainRequest,
    device: torch.device,
    processes: Processes,
    *,
    resume: bool,
    anew: bool,
    inexact: bool = False,
) -> Run:
    """Raises UmurlError for everything that can be known to be wrong before anything is written or discarded."""
    protocol, rows, names = training_rows(library, request.dataset, request.protocol)
    name = check_name(request.name or _default_name(request, protocol), what="an encoder")
    refuse_known(library, name)
    if not rows:
        raise UmurlError(
            f"{request.dataset}: the protocol has no training clips in the library",
            Hint("choose another {option}", option="protocol"),
        )
    model_config, config = apply_options(request)
    start = encoder_registry.open_encoder(library, request.start_from) if request.start_from else None
    if start is not None:
        model_config = _sizes_of(start, model_config, request)
    kept = read_options(library.encoder(name)) if resume else None
    config = replace(config, **_keep_not_given(request, kept["changeable"]) if kept else {})
    config = settle_precision(config, width=model_config.width, device=device)
    require_compilable(config, device)
    shared_batch(len(rows), config, processes)
    stated = {
        "dataset": request.dataset,
        "protocol": protocol,
        **_data(library, request.dataset, names),
        **asdict(model_config),
        **_state_config(config),
        "device": device.type,
        "processes": processes.count,
        "start_from": start.hash if start else None,
    }
    stated = keep_made_with(stated, kept["stated"]) if kept and inexact else stated
    recipe = _hash(stated)
    changeable = {name: stated.pop(name) for name in CHANGEABLE}
    stated = json.loads(json.dumps(stated))
    target = library.encoder(name)
    finished = not anew and (
        is_sealed(target, recipe=recipe) or (resume and is_sealed(target, token=_hash(stated)))
    )
    if resume and not finished:
        require_resumable(target, stated)
    elif not (finished or anew):
        refuse_to_lose(target)
    return Run(
        name=name,
        protocol=protocol,
        rows=rows,
        names=names,
        watched=_choose_watched(library, request.dataset, protocol, rows, seed=config.seed),
        recipe=recipe,
        token=_hash(stated),
        finished=finished,
        start=start,
        model_config=model_config,
        config=config,
        stated=stated,
        changeable=changeable,
    )


def training_rows(
    library: Library, dataset: str, protocol: str | None
) -> tuple[str | None, list[int], list[str]]:
    """The protocol in force, the store rows of its training clips and their names.

    Raises UmurlError for an unknown dataset or protocol.
    """
    with library.read() as catalog:
        require_dataset(catalog, dataset)
        known = catalog.protocols(dataset)
        columns = catalog.clips_of(dataset)
        chosen = protocol or first_protocol(dataset, known)
        if chosen is not None and chosen not in known:
            have = ", ".join(known) or "none; ingest with --splits"
            raise NotFoundError(f"{dataset} has no protocol '{chosen}': it has {have}")
        split = catalog.split(dataset, chosen) if chosen else {"train": columns.id}
    train_ids = set(split.get("train", np.zeros(0, dtype=np.int64)).tolist())
    rows = [i for i, clip_id in enumerate(columns.id.tolist()) if clip_id in train_ids]
    return chosen, rows, [columns.name[i] for i in rows]


def _choose_watched(
    library: Library, dataset: str, protocol: str | None, rows: list[int], *, seed: int
) -> ProbeSplit:
    with library.read() as catalog:
        columns = catalog.clips_of(dataset)
        split = catalog.split(dataset, protocol) if protocol else {}
        test = split.get("test", np.zeros(0, dtype=np.int64))
    held_out = set(np.flatnonzero(np.isin(columns.id, test)).tolist()) - set(rows)
    return held_out_split(rows, sorted(held_out), columns.label, seed=seed)


def apply_options(request: TrainRequest) -> tuple[ModelConfig, TrainConfig]:
    """The preset's sizes and schedule with the request's own values in place.

    Raises UmurlError for values that do not fit each other.
    """
    model_config, config = PRESETS[request.preset]
    if request.preset == "paper" and (request.dataset, request.protocol or "xsub") in _LARGE_BATCH:
        config = replace(config, batch_size=1024)
    given = {name: value for name, value in vars(request).items() if value is not None}
    try:
        return _replace_given(model_config, given), _replace_given(config, given)
    except ValueError as error:
        raise UmurlError(f"these sizes or this schedule cannot be: {error}") from error


def _sizes_of(start: EncoderEntry, asked: ModelConfig, request: TrainRequest) -> ModelConfig:
    """The sizes of the encoder to start from. Raises UmurlError when others were asked for."""
    kept = replace(ModelConfig(**start.config["model"]), projection=asked.projection)
    differing = [
        f.name
        for f in fields(kept)
        if getattr(request, f.name) is not None and getattr(kept, f.name) != getattr(asked, f.name)
    ]
    if differing:
        raise UmurlError(
            f"encoder {start.name} has {differing[0]} {getattr(kept, differing[0])}, not "
            f"{getattr(asked, differing[0])}",
            Hint("leave out {option}, or start from another encoder", option=differing[0]),
        )
    return kept


def _state_config(config: TrainConfig) -> dict[str, Any]:
    """Its fields; of those that came later, what is not the default, so that earlier runs are known by theirs."""
    return {name: value for name, value in asdict(config).items() if name != "cuda_graphs" or value}


def _replace_given(config: Any, given: dict[str, Any]) -> Any:
    return replace(config, **{f.name: given[f.name] for f in fields(config) if f.name in given})


def _default_name(request: TrainRequest, protocol: str | None) -> str:
    only = "+".join(request.modalities) if request.modalities else None
    return "-".join(part for part in (request.dataset, protocol, request.preset, only) if part)


def _keep_not_given(request: TrainRequest, before: dict[str, Any]) -> dict[str, Any]:
    """What a resumed run keeps of the settings that it may be given anew."""
    return {name: before[name] for name in CHANGEABLE if getattr(request, name) is None}


def _data(library: Library, dataset: str, names: list[str]) -> dict[str, str]:
    """Hashes of what is trained on: the dataset's source, the names of the clips, how they are prepared."""
    return {
        "ingest": _hash(open_clips(library, dataset).signature),
        "clips": _hash(names),
        "pipeline": _hash(vars(PIPELINE)),
    }


def _hash(stated: Any) -> str:
    return hashlib.sha256(json.dumps(stated).encode()).hexdigest()
