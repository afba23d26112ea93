"""The commands `add`, `update`, `remove`, `compact` and `repair`."""

from collections.abc import Callable
from pathlib import Path

from conftest import NEW, Result, add_files

from umurl_search import Library

Command = Callable[..., Result]


def test_the_commands(changing: Library, kept: Path, command: Command) -> None:
    at = ("--library", changing.root, "--json")
    add_files(kept)
    assert command("add", "mine", *at).json["added"] == 6
    assert command("add", "mine", *at).json["added"] == 0
    assert command("update", "mine", *at).json["replaced"] == 0
    assert command("remove", "mine", NEW[0], *at).json["removed"] == 1
    assert command("remove", "mine", "--where", "subject = 5", *at).json["removed"] == 5
    assert command("remove", "mine", *at).code == 2
    assert command("info", "i", *at).json["parts"] == 2
    assert command("compact", "mine", *at).json["done"] is True
    assert command("repair", *at).json == {"mended": [], "problems": []}
    assert command("delete", "index:half", *at).code == 0
    assert command("verify", *at).json == {"ok": True, "problems": []}
    for words in ("add mine", "remove mine S001C001P001R001A001", "compact mine --force", "repair"):
        assert command(*words.split(), "--library", changing.root).code == 0
