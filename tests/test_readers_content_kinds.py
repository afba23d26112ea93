"""Files that are called otherwise than what they hold."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from detector_files import write_openpose
from rigs import bvh, person

from umurl_search.readers.content_kinds import find_format, suggest_format

Command = Callable[..., Result]


def write_text(folder: Path) -> Path:
    path = folder / "walk.txt"
    path.write_text(bvh(person()))
    return path


def test_content_says_the_format(tmp_path: Path) -> None:
    assert find_format(write_text(tmp_path)) == "bvh"
    with open(tmp_path / "a.dat", "wb") as file:
        np.save(file, np.ones((4, 25, 3)))
    assert find_format(tmp_path / "a.dat") == "npy"
    (tmp_path / "b.txt").write_text("a note")
    assert find_format(tmp_path / "b.txt") is None


@pytest.mark.parametrize("verb", ["embed", "ingest", "add"])
def test_a_format_that_is_stated_wrongly(
    indexed: object, command: Command, tmp_path: Path, verb: str
) -> None:
    path = write_text(tmp_path)
    given = {
        "embed": (path, "--out", tmp_path / "y.npy", "--format", "pku-mmd"),
        "ingest": ("own", "--source", path, "--format", "pku-mmd"),
        "add": ("mine", "--source", path),
    }
    told = command(verb, *given[verb])
    assert told.code == 1
    assert told.err.count("\n") == 1
    assert "walk.txt is bvh by its content; give it a name that ends in .bvh" in told.err


@pytest.mark.parametrize("source", ["walk.txt", "."])
def test_a_file_that_is_called_otherwise(command: Command, tmp_path: Path, source: str) -> None:
    write_text(tmp_path)
    told = command("ingest", "own", "--source", tmp_path / source)
    assert "only 1 .txt file; walk.txt is bvh by its content; give it a name that ends in .bvh" in told.err


def test_another_format_is_named(tmp_path: Path) -> None:
    folder = write_openpose(tmp_path / "walk")
    first = "walk_000000000000_keypoints.json"
    assert suggest_format(folder).typed == f"{first} is openpose by its content: --format openpose reads it"
    (tmp_path / "none").mkdir()
    assert suggest_format(tmp_path / "none").typed == "check the source, or give its --format"
