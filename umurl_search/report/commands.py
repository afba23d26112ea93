"""The commands that made an index and its figures, from what the library wrote down of them."""

import os
import shlex
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from encoder.joint_layouts import layout_name
from encoder.schedule import PRESETS
from umurl_search.datasets import protocols
from umurl_search.evaluation.modality_matrix import Retrieval
from umurl_search.library import encoder_registry
from umurl_search.library.encoder_registry import EncoderEntry
from umurl_search.readers.formats import FORMATS

_ALWAYS = ("epochs", "batch_size", "learning_rate", "seed")
"""Settings of a training that are said even where they are the preset's."""
"""Formats that bring no protocol of their own."""


def commands(found: Retrieval, *, library: Path, report: Iterable[str], linear: bool) -> list[str]:
    """Lines for a shell, in order. `report`: the options that this report was asked for with; linear: whether
    linear classifiers were trained for it."""
    index, protocol = ("--index", found.opened.name), ("--protocol", found.opened.split.protocol)
    evaluations = [_line("knn-eval", *index, *protocol, *_pair(m)) for m in found.modalities]
    return [
        f"export UMURL_LIBRARY={shlex.quote(os.path.abspath(library))}",
        *_ingest(found.dataset),
        *_encoder(found.entry),
        _build(found),
        *evaluations,
        _line("knn-eval", *index, *protocol, "--matrix"),
        *(
            [_line("linear-eval", *index, *protocol, "--modality", m) for m in found.modalities]
            if linear
            else []
        ),
        _line("report", *index, *protocol, *report),
    ]


def _line(*words: str) -> str:
    return shlex.join(["umurl-search", *words])


def _pair(modality: str) -> tuple[str, ...]:
    return () if modality == "fused" else ("--query-modality", modality, "--gallery-modality", modality)


def _ingest(row: dict[str, Any]) -> list[str]:
    """The dataset's ingestion; a comment for what the library does not write down."""
    known = protocols.find(row["name"])
    if known.actions == "demo":
        return [_line("ingest", row["name"])]
    stated = [("fps", 30.0), ("up", "y"), ("scale", 1.0)]
    changed = [w for name, usual in stated if row[name] != usual for w in (f"--{name}", str(row[name]))]
    changed += ["--upright"] if row.get("upright") and row["state"] == "raw" else []
    changed += ["--missing", row["missing"]] if row.get("missing") else []
    source = _source(row["source"], known.places)
    unsaid = []
    if not FORMATS[row["format"]].has_splits and set(row["report"]["splits"]) - set(known.rules):
        unsaid.append("its --splits FILE")
    if row["format"] == "pku-mmd":
        unsaid.append("its --slicing, if that was not the default")
    words = (
        "ingest",
        row["name"],
        *source,
        "--format",
        row["format"],
        "--layout",
        _layout(row["layout"]),
        *changed,
    )
    return [*(f"# the library does not say {what}:" for what in unsaid), _line(*words)]


def _layout(text: str) -> str:
    """How `--layout` says a layout: its name, or the file that states one of one's own."""
    name = layout_name(text)
    return name if name == text else f"{name}.json"


def _source(stated: str, places: tuple[str, ...]) -> tuple[str, str]:
    """`--source` with the one place read, or `--data` with the folder that holds the several."""
    if ", " not in stated or Path(stated).exists():
        return "--source", stated
    roots = stated.split(", ")
    for place in places:
        if Path(roots[0]).parts[-len(Path(place).parts) :] == Path(place).parts:
            return "--data", str(Path(roots[0]).parents[len(Path(place).parts) - 1])
    return "--data", os.path.commonpath(roots)


def _encoder(entry: EncoderEntry) -> list[str]:
    config = entry.config
    if entry.name == encoder_registry.SHIPPED:
        return [f"# the encoder in the package was made with: {config['command']}"]
    if config["origin"] == "imported":
        made_for = ":".join(part for part in (entry.dataset, entry.protocol) if part)
        return [
            _line(
                "import-encoder",
                config["file"],
                "--as",
                entry.name,
                *(("--for", made_for) if made_for else ()),
            )
        ]
    lines = []
    if config["training"].get("max_seconds") is not None:
        lines.append(
            f"# (stopped after {config['training']['max_seconds']:g} s, as umurl-search demo does it)"
        )
    if config.get("processes", 1) > 1:
        lines.append(f"# (by torchrun, in {config['processes']} processes)")
    protocol = ("--protocol", entry.protocol) if entry.protocol else ()
    words = ("train", str(entry.dataset), *protocol, "--preset", config["preset"], *_settings(config))
    return [*lines, _line(*words, "--as", entry.name)]


def _settings(config: dict[str, Any]) -> list[str]:
    """The options of a training that are not its preset's."""
    usual = {name: value for part in PRESETS[config["preset"]] for name, value in asdict(part).items()}
    stated = {**config["model"], **config["training"]}
    words = []
    for name, value in stated.items():
        same = _to_plain(value) == _to_plain(usual.get(name))
        if name == "max_seconds" or (same and name not in _ALWAYS):
            continue
        option = f"--{name.replace('_', '-')}"
        words += [option] if value is True else [option, _format_value(value)]
    return words


def _to_plain(value: Any) -> Any:
    """As JSON would give it back."""
    return list(value) if isinstance(value, tuple) else value


def _format_value(value: Any) -> str:
    return "+".join(value) if isinstance(value, list | tuple) else str(value)


def _build(found: Retrieval) -> str:
    manifest = found.opened.index.manifest
    every = "all" if len(manifest["modalities"]) == 7 else "base"
    precision = ("--precision", manifest["precision"]) if "precision" in manifest else ()
    return _line(
        "build-index",
        found.opened.dataset,
        "--encoder",
        found.entry.name,
        "--modalities",
        every,
        "--kind",
        manifest["index_kind"],
        "--transform",
        manifest["transform"],
        *precision,
        "--as",
        found.opened.name,
    )
