"""Other names for datasets, encoders and indexes: everything answers as before, nothing is left behind."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from conftest import Result
from refusals import Refused, has

from umurl_search.ingest.add_update_remove import ChangeRequest, add_or_update, remove
from umurl_search.library.library import Library
from umurl_search.maintenance.inspect_and_doctor import contents
from umurl_search.maintenance.rename import rename
from umurl_search.maintenance.verify import verify

Command = Callable[..., Result]
CLIP = "S001C001P002R001A005"


@pytest.mark.parametrize(
    ("what", "clip", "index", "encoder"),
    [
        ("dataset:mine", "ours", "mine@e", "e"),
        ("mine@e", "mine", "ours", "e"),
        ("encoder:e", "mine", "mine@e", "ours"),
    ],
)
def test_everything_answers_as_before(
    indexed: Library, command: Command, what: str, clip: str, index: str, encoder: str
) -> None:
    asked = [(h["name"], h["score"]) for h in command("query", f"mine:{CLIP}", "--json").json["hits"]]
    assert rename(indexed, what, "ours").name == "ours"
    found = command("query", f"{clip}:{CLIP}", "--index", index, "--json").json
    assert [(h["name"], h["score"]) for h in found["hits"]] == asked
    assert (found["index"]["dataset"], found["index"]["encoder"]) == (clip, encoder)
    assert command("info", f"index:{index}", "--json").json["dataset"] == clip
    assert verify(indexed) == []
    folders = {
        path.name for room in ("clips", "encoders", "indexes") for path in (indexed.root / room).iterdir()
    }
    assert {name for name in folders if not name.startswith(".")} == {clip, encoder, index}


def test_parts_move_too_and_the_old_name_is_free(changing: Library) -> None:
    remove(changing, "mine", where="subject = 2")
    add_or_update(changing, ChangeRequest(dataset="mine", removed=True, device="cpu"))
    rename(changing, "dataset:mine", "ours")
    assert verify(changing) == []
    assert {row.dataset for row in contents(changing).indexes} == {"ours"}
    remove(changing, "ours", where="subject = 3")
    assert add_or_update(changing, ChangeRequest(dataset="ours", removed=True, device="cpu")).added > 0
    assert verify(changing) == []


def test_names_that_cannot_be(indexed: Library, refused: Refused) -> None:
    has(refused("rename", "nothing", "x"), "holds no 'nothing'")
    has(refused("rename", "dataset:mine", "a/b"), "'a/b' cannot name the dataset")
    has(refused("rename", "dataset:mine", "mine"), "holds dataset 'mine' already")
    has(refused("rename", "dataset:mine", "ntu60"), "'ntu60' is the name of a known dataset")
    has(refused("rename", "encoder:e", "shipped"), "the encoder in the package")


_KILLED = """
import os, sys
from pathlib import Path
from umurl_search.library.library import Library
from umurl_search.maintenance import rename as module

def die(*_: object) -> None:
    os.kill(os.getpid(), 9)

where, root, what = sys.argv[1:]
if where == "before the catalog":
    Library.write = die
elif where == "amid the links":
    module.os.rename = die
else:
    module.sealed_folder.remove = die
module.rename(Library(Path(root)), what, "ours")
"""


@pytest.mark.parametrize("what", ["dataset:mine", "mine@e", "encoder:e"])
@pytest.mark.parametrize("where", ["amid the links", "before the catalog", "after the catalog"])
def test_what_a_killed_rename_leaves_is_swept(
    indexed: Library, command: Command, what: str, where: str
) -> None:
    words = [sys.executable, "-c", _KILLED, where, str(indexed.root), what]
    assert subprocess.run(words, check=False).returncode == -9
    report = command("repair", "--json").json
    assert any("left by an interrupted run, deleted" in line for line in report["mended"])
    assert verify(indexed) == []
    rooms = [indexed.root / room for room in ("clips", "encoders", "indexes")]
    assert sum(len(list(room.iterdir())) for room in rooms) == 3
    name = {"dataset:mine": "dataset:{}", "mine@e": "index:{}", "encoder:e": "encoder:{}"}[what]
    there = "ours" if where == "after the catalog" else what.rpartition(":")[2]
    assert command("info", name.format(there)).code == 0
