"""The protocol that is meant where one is named, and where none is."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from conftest import Result
from refusals import FOUR_NAMES, Refused, four_clips, has

from umurl_search.library.library import Library

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
