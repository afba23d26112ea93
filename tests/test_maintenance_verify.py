"""What `verify` compares: every byte of every file, the catalog with itself, what changes meanwhile."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import spoil

from umurl_search import Library
from umurl_search.files import sealed_folder
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.library.catalog import open_catalog
from umurl_search.maintenance import verify as soundness
from umurl_search.maintenance.compact import compact
from umurl_search.maintenance.repair import repair
from umurl_search.maintenance.verify import verify


@pytest.mark.parametrize("room", ["clips/mine/frames.f32", "encoders/e/weights.safetensors"])
def test_large_files_are_hashed(indexed: Library, monkeypatch: pytest.MonkeyPatch, room: str) -> None:
    monkeypatch.setattr(sealed_folder, "HASHED_AT_OPENING", 0)
    assert verify(indexed) == []
    spoil(indexed.root / room)
    assert verify(indexed) == [f"{indexed.root / room} was altered (its sha256 differs from the manifest's)"]


@pytest.mark.parametrize("column", ["frames", "people"])
def test_a_clip_of_another_size_than_the_catalog_says_is_named(indexed: Library, column: str) -> None:
    with indexed.write() as catalog:
        name = catalog.clips_of("mine").name[7]
        catalog._con.execute(f"update clips set {column} = {column} + 1 where name = ?", [name])
    assert verify(indexed) == [
        f"{indexed.clips('mine')}: clip {name} has other frames or people than the catalog says: "
        "umurl-search delete mine, then ingest it"
    ]


def test_a_clip_that_the_store_does_not_hold_is_named(indexed: Library) -> None:
    with indexed.write() as catalog:
        catalog._con.execute("update clips set store_row = 60 where store_row = 59")
    assert verify(indexed) == [f"{indexed.clips('mine')}: the catalog names clips that it does not hold"]


# flipped bytes


@pytest.mark.slow
def test_a_flipped_byte_in_a_library_with_parts_and_copies_is_found(parted: Library) -> None:
    assert verify(parted) == []
    rng = np.random.default_rng(0)
    files = [path for path in sorted(parted.root.rglob("*")) if path.is_file()]
    folders_of = {path.parent.name for path in files}
    assert {"mine", "mine~2", "mine@e", "mine@e~2", "e", open_catalog.BACKUP} <= folders_of
    for path in files:
        size = path.stat().st_size
        is_catalog = path == parted.catalog_path
        positions = catalog_positions(parted, rng) if is_catalog else {int(rng.integers(0, size))}
        unseen = 0
        for position in sorted(positions):
            with flip_bit(path, position):
                problems = verify(parted)
            unseen += not problems
            assert all(str(path) in problem for problem in problems)
        assert unseen <= (free_blocks(parted) if is_catalog else 0), path
    assert verify(parted) == []


# verify beside others


def test_verify_beside_a_process_that_adds_names_no_folder_of_it(parted: Library) -> None:
    shutil.copytree(parted.clips("mine"), parted.clips("mine~9"))
    shutil.copytree(parted.index_folder("mine@e"), parted.index_folder("another"))
    assert len(verify(parted)) == 2
    with parted.write_lock():
        assert verify(parted) == []
    with sealed_folder.building(parted.index_folder("another"), resume_token="x"):
        (stray,) = verify(parted)
        assert "mine~9 is not in the catalog" in stray


def test_verify_looks_again_where_clips_go_while_it_looks(
    parted: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Path] = []
    check = sealed_folder.check

    def check_slowly(folder: Path, *, full: bool) -> list[str]:
        if full and not looked:
            compact(parted, "mine", force=True)
        looked.append(folder)
        return check(folder, full=full)

    monkeypatch.setattr(sealed_folder, "check", check_slowly)
    assert verify(parted) == []
    assert len(looked) > len(set(looked))


def test_verify_misses_the_copy_of_the_catalog(parted: Library) -> None:
    shutil.rmtree(parted.root / open_catalog.BACKUP)
    (problem,) = verify(parted)
    assert problem.endswith("catalog-copy is not of the catalog's last change: umurl-search repair copies it")
    assert len(repair(parted, device="cpu").mended) == 1
    assert verify(parted) == []


@pytest.mark.slow
def test_verify_finds_any_flipped_byte(library: Library) -> None:
    build_index(library, BuildRequest(dataset="mine", device="cpu"))
    assert soundness.verify(library) == []
    rng = np.random.default_rng(0)
    files = [path for path in sorted(library.root.rglob("*")) if path.is_file()]
    assert len(files) == 1 + 2 + 4 + 5 + 9
    for path in files:
        size = path.stat().st_size
        positions = {size - 1, int(rng.integers(0, size))}
        if path == library.catalog_path:
            positions = catalog_positions(library, rng)
        unseen = 0
        for position in sorted(positions):
            with flip_bit(path, position):
                problems = soundness.verify(library)
            unseen += not problems
            assert len(problems) == 1 or path == library.catalog_path, (path, position, problems)
            assert all(str(path) in problem for problem in problems)
        assert unseen <= free_blocks(library) if path == library.catalog_path else unseen == 0
    assert soundness.verify(library) == []


def file_blocks(library: Library) -> dict[str, Any]:
    """What DuckDB says of the catalog's file."""
    with library.read() as catalog:
        rows = catalog._rows("pragma database_size")
    return next(row for row in rows if row["database_name"] == "library")


def free_blocks(library: Library) -> int:
    """Blocks of the catalog that are not in use: nothing reads them."""
    found = file_blocks(library)
    return int(found["free_blocks"])


def catalog_positions(library: Library, rng: np.random.Generator) -> set[int]:
    """In each header and each block."""
    found = file_blocks(library)
    assert found["used_blocks"] > 4
    blocks = 12288 + np.arange(found["total_blocks"]) * found["block_size"]
    inside = rng.integers(0, found["block_size"], len(blocks))
    return {8, 4096, 8192, *(blocks + inside).tolist()}


@contextlib.contextmanager
def flip_bit(path: Path, position: int) -> Iterator[None]:
    with open(path, "r+b") as file:
        file.seek(position)
        (byte,) = file.read(1)
        for value in (byte ^ 1, byte):
            file.seek(position)
            file.write(bytes([value]))
            file.flush()
            if value != byte:
                yield


def test_verify_names_what_is_missing_or_unknown(library: Library) -> None:
    os.rename(library.clips("mine"), library.clips("other"))
    problems = soundness.verify(library)
    assert any("clips/mine/manifest.json is missing" in problem for problem in problems)
    assert any("clips/other is not in the catalog" in problem for problem in problems)
    shutil.rmtree(library.root / "clips")
    assert any("clips/mine/manifest.json is missing" in problem for problem in soundness.verify(library))


def test_verify_reads_folders_even_if_the_catalog_is_lost(library: Library) -> None:
    library.catalog_path.write_bytes(b"no database")
    (library.encoder("e") / "config.json").unlink()
    catalog, encoder = soundness.verify(library)
    assert "the catalog cannot be used" in catalog
    assert "encoders/e/config.json is missing" in encoder


def test_verify_compares_the_catalog_with_itself_and_with_the_stores(changing: Library) -> None:
    for sql, said in (
        ("update clips set frames = 7 where id = 3", "has other frames or people than the catalog says"),
        ("update clips set store_row = 0 where id = 2", "several clips of mine lie in row 0"),
        ("update meta set next_clip_id = 3", "the next clip would be number 3, which is in use"),
        ("delete from origins", "60 clips of mine come from a source that is not known"),
        ("insert into splits select * from splits limit 1", "xsub holds clip"),
        ("insert into segments values ('mine', 999, 1, 'x', 0, 9)", "1 segments of mine are of no clip"),
        ("update indexes set dataset = 'x' where name = 'h'", "index h is of dataset x, which is not there"),
    ):
        library = Library(Path(shutil.copytree(changing.root, changing.root.with_name("altered"))))
        with library.write() as catalog:
            catalog._con.execute(sql)
        assert any(said in problem for problem in verify(library)), sql
        shutil.rmtree(library.root)
    assert sealed_folder.check(changing.clips("mine"), full=True) == []
