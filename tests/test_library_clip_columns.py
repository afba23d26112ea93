"""The protocol that is meant where none is named, and columns that an evaluation needs."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from conftest import Result
from refusals import FOUR_NAMES, Refused, four_clips, has

from umurl_search.library.library import Library
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Result]


def test_evaluation_without_a_protocol_or_labels(
    library: Library, command: Command, refused: Refused, tmp_path: Path
) -> None:
    (tmp_path / "bare").mkdir()
    for name in ("a", "b"):
        np.save(tmp_path / "bare" / f"{name}.npy", np.random.default_rng(0).normal(size=(20, 25, 3)))
    assert command("ingest", "bare", "--source", tmp_path / "bare").code == 0
    assert command("build-index", "bare", "--encoder", "e").code == 0
    has(refused("knn-eval"), "bare has no protocol", "--splits FILE")
    splits = tmp_path / "splits.json"
    splits.write_text('{"p": {"train": ["a"], "test": ["b"]}}')
    assert command("ingest", "split", "--source", tmp_path / "bare", "--splits", splits).code == 0
    assert command("build-index", "split", "--encoder", "e").code == 0
    has(refused("knn-eval"), "split", "no labels")


def test_xsub_is_the_default_among_protocols_of_ones_own(tmp_path: Path, command: Command) -> None:
    splits = tmp_path / "splits.json"
    parts = {"train": list(FOUR_NAMES[:1]), "test": list(FOUR_NAMES[1:])}
    splits.write_text(json.dumps({"another": parts, "xsub": parts}))
    assert command("ingest", "own", "--source", four_clips(tmp_path / "clips"), "--splits", splits).code == 0
    assert command("build-index", "own").code == 0
    assert command("knn-eval", "--json").json["protocol"] == "xsub"


def test_clips_without_labels_say_so(tmp_path: Path, command: Command) -> None:
    source = tmp_path / "clips"
    source.mkdir()
    for name in ("kick", "wave", FOUR_NAMES[0]):
        np.save(source / f"{name}.npy", make_clip(FOUR_NAMES[0]))
    splits = tmp_path / "splits.json"
    splits.write_text(json.dumps({"p": {"train": ["kick"], "test": ["wave"]}}))
    assert command("ingest", "own", "--source", source, "--splits", splits).code == 0
    assert command("build-index", "own").code == 0
    result = command("knn-eval")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "have no labels" in result.err
