"""The commands `train` and `import-encoder`: documents, notes, curves, sizes that cannot be."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Result
from documents import read_document

from encoder import precision
from umurl_search.library.library import Library

Command = Callable[..., Result]


def test_the_keys_of_train(library: Library, command: Command) -> None:
    words = "train mine --preset tiny --epochs 1 --batch-size 16 --seed 3 --as second --device cpu --json"
    document = read_document(command(*words.split()))
    assert (document["encoder"], document["dataset"], document["protocol"]) == ("second", "mine", "xsub")
    assert [row["name"] for row in read_document(command("list", "--json"))["encoders"]] == ["second", "e"]


def test_what_emulated_bf16_costs_is_noted_before_the_work_and_only_then(
    indexed: Library, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(precision, "multiplies_bf16", lambda device: False)
    build = ("build-index", "mine", "--encoder", "e", "--as", "half", "--precision", "bf16")
    assert command(*build, "--json").err.count("note: bf16 is emulated here") == 1
    assert command(*build).err == ""  # it is there already
    embed = ("embed", "mine", "--encoder", "e", "--out", tmp_path / "y.npy")
    assert command(*embed, "--precision", "bf16").err.count("note: bf16 is emulated here") == 1
    assert command(*embed, "--precision", "bf16", "--quiet").err == ""
    assert "emulated" not in command(*embed).err


@pytest.mark.slow
def test_the_curves_are_drawn(library: Library, command: Command, tmp_path: Path) -> None:
    words = "train mine --preset tiny --epochs 2 --device cpu --json --plot"
    out = tmp_path / "curves.png"
    assert command(*words.split(), out, "--as", "drawn").json["plot"] == str(out)
    assert out.read_bytes().startswith(b"\x89PNG")
    failed = command(*words.split(), tmp_path / "curves.bmp", "--as", "other")
    assert (failed.code, failed.out, library.encoder("other").exists()) == (1, "", False)


@pytest.mark.slow
def test_sizes_that_cannot_be(library: Library, command: Command) -> None:
    failed = command("train", "mine", "--width", "10", "--heads", "4", "--device", "cpu")
    assert failed.code == 1
    assert "width is a multiple of 2 * heads" in failed.err
