"""Guards cli/: commands, options, JSON keys, exit codes and what is chosen when nothing is said."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from documents import CONTRACT, read_document, tree
from numpy.typing import NDArray

Command = Callable[..., Result]
SHARED = "--library --data --device --json --quiet"


# commands, options, exit codes


@pytest.mark.parametrize("name", CONTRACT)
def test_every_command_has_its_options(name: str, command: Command) -> None:
    shown = command(name, "--help")
    assert (shown.code, shown.err) == (0, "")
    there = set(re.findall(r"--[a-z-]+", shown.out))
    assert set(f"{CONTRACT[name]} {SHARED}".split()) <= there


# what is chosen when nothing is said


@pytest.mark.parametrize("shape", ["official", "flat", "named"])
def test_typed_exactly_as_in_the_contract(
    shape: str,
    golden: Path,
    tmp_path: Path,
    command: Command,
    clip: NDArray[np.float32],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UMURL_DATA", str(tree(tmp_path / "data", golden, shape)))
    monkeypatch.chdir(tmp_path)
    np.save("clip.npy", clip[:, 0])
    built = command("build-index", "ntu120")
    assert built.code == 0, built.err
    assert "8 of 8 clips" in built.err
    assert "shipped" in built.out
    assert "no encoder was trained to its end on ntu120 or imported for it" in built.err
    hits = command("query", "clip.npy", "--modality", "bone")
    assert hits.code == 0, hits.err
    assert "8 of 8 clips" in hits.out
    assert "put on jacket" not in hits.err
    figures = command("knn-eval")
    assert figures.code == 0, figures.err
    assert "ntu120 xsub, encoder shipped, index ntu120@shipped: 1 queries, gallery of 7" in figures.out
    splits = read_document(command("info", "ntu120", "--json"))["splits"]
    assert splits["xsub"] == {"train": 7, "test": 1}
    assert splits["xset"] == {"train": 4, "test": 4}
