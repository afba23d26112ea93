"""Bridges of an index go with it."""

from pathlib import Path

from umurl_search.library.bridge_files import bridge_file, drop_orphans


def test_only_files_of_indexes_that_are_gone_are_deleted(tmp_path: Path) -> None:
    kept, gone = "a" * 64, "b" * 64
    for recipe in (kept, gone):
        (tmp_path / bridge_file(recipe, "x")).write_bytes(b"12345")
    (tmp_path / "note.txt").write_text("mine")
    assert drop_orphans(tmp_path, [kept]) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == [bridge_file(kept, "x"), "note.txt"]
    assert drop_orphans(tmp_path / "absent", []) == 0
