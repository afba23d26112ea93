"""Reading catalogs: what is kept ready between two readings hides no change, holds no lock and opens no file."""

import contextlib
import gc
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest
from refusals import raises_typed

from encoder.errors import UmurlError
from umurl_search.ingest.add_update_remove import remove
from umurl_search.library.catalog import connection, open_catalog
from umurl_search.library.library import Library

WRITE = """
import sys
from pathlib import Path
from umurl_search.library.catalog import open_catalog
from umurl_search.library.library import Library
open_catalog.LOCK_WAIT_S = 0
with Library(Path(sys.argv[1])).write():
    pass
"""
FORK = """
import os, sys
from pathlib import Path
from umurl_search.library.library import Library

roots = sys.argv[1:]

def clips(root):
    with Library(Path(root)).read() as catalog:
        return len(catalog.clip_ids("mine"))

for root in roots:
    clips(root)
child = os.fork()
if not child:
    {reads}
    {leave}
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(f"child {{code}}, {{[clips(root) for root in roots]}}")
"""


def clips(library: Library) -> int:
    with library.read() as catalog:
        return len(catalog.clip_ids("mine"))


def write_from_another(library: Library) -> str:
    """What another process says that writes, nothing where it may."""
    run = [sys.executable, "-c", WRITE, str(library.root)]
    return subprocess.run(run, capture_output=True, text=True, cwd=Path(__file__).parents[1]).stderr


def test_who_still_reads_is_not_written_under(library: Library) -> None:
    with library.read() as catalog:
        assert clips(library) == 60
        assert "another process is using the library" in write_from_another(library)
        assert len(catalog.clip_ids("mine")) == 60
    assert write_from_another(library) == ""


def test_a_writer_that_is_refused_does_not_open_the_file_to_others(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_catalog, "LOCK_WAIT_S", 0)
    with library.read() as catalog:
        with pytest.raises(UmurlError, match="another process is using the library"), library.write():
            pass
        assert "another process is using the library" in write_from_another(library)
        assert len(catalog.clip_ids("mine")) == 60
    with library.write():
        pass


def test_links_lead_to_one_opening(library: Library, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(library.root)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "catalog.duckdb").symlink_to(library.catalog_path)
    for other in ("link", "other"):
        with library.read() as catalog:
            assert clips(Library(tmp_path / other)) == 60
            assert "another process is using the library" in write_from_another(library)
            assert len(catalog.clip_ids("mine")) == 60
    remove(Library(tmp_path / "link"), "mine", where="camera = 2")
    assert [clips(Library(tmp_path / one)) for one in ("library", "link", "other")] == [40] * 3


def test_a_link_may_be_turned_to_another_library(library: Library, tmp_path: Path) -> None:
    shutil.copytree(library.root, tmp_path / "second")
    remove(library, "mine", where="camera = 2")
    found = []
    for target in ("library", "second", "library"):
        (tmp_path / "current").unlink(missing_ok=True)
        (tmp_path / "current").symlink_to(tmp_path / target)
        found.append(clips(Library(tmp_path / "current")))
    assert found == [40, 60, 40]


@pytest.mark.parametrize("leave", ["os._exit(0)", "sys.exit(0)"])
@pytest.mark.parametrize("reads", [True, False])
def test_a_forked_process_reads_and_ends_well(
    library: Library, tmp_path: Path, leave: str, reads: bool
) -> None:
    roots = [library.root]
    for i in range(connection._MOST_KEPT):
        roots.append(Path(shutil.copytree(library.root, tmp_path / str(i))))
    program = FORK.format(reads="clips(roots[0]), clips(roots[1])" if reads else "()", leave=leave)
    run = [sys.executable, "-c", program, *map(str, roots)]
    done = subprocess.run(run, capture_output=True, text=True, cwd=Path(__file__).parents[1], timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "child 0, [60, 60, 60, 60, 60]\n"


def test_an_interrupt_is_none_of_damage(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: object) -> None:
        raise RuntimeError("Query interrupted")

    with pytest.raises(KeyboardInterrupt), library.read():
        interrupt(None)
    monkeypatch.setattr(connection._Ready, "open_cursor", interrupt)
    with pytest.raises(KeyboardInterrupt), library.read():
        pass
    monkeypatch.undo()
    monkeypatch.setenv("UMURL_LIBRARY", str(library.root))
    assert clips(library) == 60


@pytest.mark.parametrize("at", ["open_cursor", "let_go"])
def test_a_reading_that_was_interrupted_holds_no_lock(
    library: Library, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    whole = getattr(connection._Ready, at)

    def interrupt(self: connection._Ready) -> None:
        if self is not connection._kept[os.path.realpath(library.catalog_path)]:
            whole(self)  # a reading that another test left is collected about now
            return
        monkeypatch.undo()
        whole(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(connection._Ready, at, interrupt)
    with contextlib.suppress(KeyboardInterrupt):
        clips(library)
        raise AssertionError("not interrupted")
    assert write_from_another(library) == ""
    assert clips(library) == 60


def test_one_that_failed_ends_no_other(library: Library) -> None:
    whole = library.catalog_path.read_bytes()
    library.catalog_path.write_bytes(b"nonsense")
    with pytest.raises(duckdb.Error) as failed:
        connection.Reading(library.catalog_path)
    library.catalog_path.write_bytes(whole)
    with library.read() as catalog:
        del failed
        gc.collect()
        assert "another process is using the library" in write_from_another(library)
        assert clips(library) == len(catalog.clip_ids("mine")) == 60
    assert write_from_another(library) == ""


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
        with raises_typed("umurl-search repair"):
            clips(library)
        path.write_bytes(whole)
        assert clips(library) == 60


def test_few_are_kept(library: Library, tmp_path: Path) -> None:
    for i in range(2 * connection._MOST_KEPT):
        other = Library(Path(shutil.copytree(library.root, tmp_path / f"it's {i}")))
        with library.read():
            assert clips(other) == 60
    assert len(connection._kept) == connection._MOST_KEPT


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
    assert write_from_another(library) == ""


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from glob('/*')",
        "copy (select 1) to '{}/x.csv'",
        "attach '{}/x.duckdb'",
        "attach '{}/library/catalog.duckdb' as x",
        "set threads = 1",
        "set enable_external_access = true",
        "set allowed_paths = ['/etc/passwd']",
        "install httpfs",
        "copy (select 1) to '{}/library/catalog.duckdb'",
        "delete from clips",
        "select content from read_text('{}/library/encoders/e')",
    ],
)
def test_nothing_but_the_catalog_is_open(library: Library, tmp_path: Path, sql: str) -> None:
    before = library.catalog_path.read_bytes()
    with library.read() as catalog, pytest.raises(duckdb.Error):
        catalog._con.execute(sql.replace("{}", str(tmp_path))).fetchall()
    assert clips(library) == 60
    assert library.catalog_path.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["library"]
