"""Reading catalogs: what is kept ready between two readings hides no change, holds no lock and opens no file."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from umurl_search import catalog_reading
from umurl_search.catalog_file import DamagedCatalogError
from umurl_search.changes import remove
from umurl_search.library import Library

WRITE = """
import sys
from pathlib import Path
from umurl_search import catalog_file
from umurl_search.library import Library
catalog_file.LOCK_WAIT_S = 0
with Library(Path(sys.argv[1])).write():
    pass
"""


def clips(library: Library) -> int:
    with library.read() as catalog:
        return len(catalog.clip_ids("mine"))


def written_by_another(library: Library) -> str:
    """What another process says that writes, nothing where it may."""
    run = [sys.executable, "-c", WRITE, str(library.root)]
    return subprocess.run(run, capture_output=True, text=True, cwd=Path(__file__).parents[1]).stderr


def test_who_still_reads_is_not_written_under(library: Library) -> None:
    with library.read() as catalog:
        assert clips(library) == 60
        assert "another process is using the library" in written_by_another(library)
        assert len(catalog.clip_ids("mine")) == 60
    assert written_by_another(library) == ""


def test_a_change_is_seen(library: Library, tmp_path: Path) -> None:
    shutil.copytree(library.root, tmp_path / "before")
    assert clips(library) == 60
    remove(library, "mine", where="camera = 2")
    assert clips(library) == 40
    shutil.rmtree(library.root)
    (tmp_path / "before").rename(library.root)
    assert clips(library) == 60


def test_a_catalog_that_was_damaged_and_mended_is_read_again(library: Library) -> None:
    path = library.catalog_path
    whole = path.read_bytes()
    assert clips(library) == 60
    for damaged in (b"nonsense", whole[:5000], b"\0" * len(whole)):
        path.write_bytes(damaged)
        with pytest.raises(DamagedCatalogError, match="umurl-search repair"):
            clips(library)
        path.write_bytes(whole)
        assert clips(library) == 60


def test_few_are_kept(library: Library, tmp_path: Path) -> None:
    for i in range(2 * catalog_reading._MOST_KEPT):
        other = Library(Path(shutil.copytree(library.root, tmp_path / f"it's {i}")))
        with library.read():
            assert clips(other) == 60
    assert len(catalog_reading._kept) == catalog_reading._MOST_KEPT


def test_threads_read_at_once(library: Library) -> None:
    found, begin = list[int](), threading.Barrier(8)

    def read() -> None:
        begin.wait()
        for _ in range(20):
            found.append(clips(library))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [60] * 160
    assert written_by_another(library) == ""


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')", "select * from glob('/*')", "copy (select 1) to '{}/x.csv'",
        "attach '{}/x.duckdb'", "attach '{}/library/catalog.duckdb' as x", "set threads = 1",
        "set enable_external_access = true", "set allowed_paths = ['/etc/passwd']", "install httpfs",
        "copy (select 1) to '{}/library/catalog.duckdb'", "delete from clips",
        "select content from read_text('{}/library/encoders/e')",
    ],
)  # fmt: skip
def test_nothing_but_the_catalog_is_open(library: Library, tmp_path: Path, sql: str) -> None:
    before = library.catalog_path.read_bytes()
    with library.read() as catalog, pytest.raises(duckdb.Error):
        catalog._con.execute(sql.replace("{}", str(tmp_path))).fetchall()
    assert clips(library) == 60
    assert library.catalog_path.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["library"]
