"""The sources of a change: how each is read, and what is stated otherwise."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from changes import change
from conftest import Result
from refusals import raises_typed

from umurl_search import Library
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.clip_store import ClipStore
from umurl_search.synthetic.demo_corpus import make_clip

NAMES = [f"S001C001P00{one}R001A005" for one in (1, 2, 3)]


@pytest.fixture
def first(tmp_path: Path) -> Path:
    folder = tmp_path / "first"
    folder.mkdir()
    np.save(folder / f"{NAMES[0]}.npy", make_clip(NAMES[0]))
    return folder


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """A recording in millimetres, z up, at 60 frames a second, each frame as all x, then all y, then all z."""
    folder = tmp_path / "second"
    folder.mkdir()
    x, y, z = np.moveaxis(np.repeat(make_clip(NAMES[1])[:, 0], 2, axis=0), -1, 0)
    np.save(folder / f"{NAMES[1]}.npy", 1000 * np.stack([x, -z, y], axis=1).reshape(len(x), 75))
    return folder


@pytest.fixture
def mine(tmp_path: Path, first: Path) -> Library:
    library = Library(tmp_path / "library")
    ingest(library, Request(name="mine", source=first), workers=1)
    return library


HOW: dict[str, Any] = {"up": "z", "scale": 0.001, "fps": 60.0, "axes": "TCV"}


def test_a_second_source_is_read_as_it_is_stated(mine: Library, second: Path) -> None:
    report = change(mine, source=second, **HOW)
    assert (report.added, report.notes) == (1, [])
    with mine.read() as catalog:
        clip = catalog.clip("mine", NAMES[1])
        _, origin = catalog.origins("mine")
    assert clip is not None
    assert origin | HOW == origin
    store = ClipStore(mine.clips("mine~2"))
    wanted = make_clip(NAMES[1])
    found = store.frames(clip["store_row"])
    np.testing.assert_allclose(found, wanted[: len(found)], atol=1e-4)
    for again in (change(mine), change(mine, source=second), change(mine, source=second, **HOW)):
        assert (again.added, again.replaced) == (0, 0)
    assert change(mine, source=second, changed=True).replaced == 0


def test_a_changed_file_of_a_second_source_is_read_as_before(mine: Library, second: Path) -> None:
    change(mine, source=second, **HOW)
    path = second / f"{NAMES[1]}.npy"
    np.save(path, np.load(path)[::-1])
    assert change(mine, changed=True).replaced == 1
    with mine.read() as catalog:
        clip = catalog.clip("mine", NAMES[1])
    assert clip is not None
    found = ClipStore(mine.clips("mine~3")).frames(clip["store_row"])
    np.testing.assert_allclose(found[:5], make_clip(NAMES[1])[::-1][:5], atol=1e-2)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"up": "z"}, "up y, now z is stated; leave out --up, or ingest it under another name"),
        ({"fps": 60.0}, "fps 30.0, now 60.0 is stated; leave out --fps, or ingest it under another name"),
        (
            {"scale": 0.001},
            "scale 1.0, now 0.001 is stated; leave out --scale, or ingest it under another name",
        ),
        (
            {"layout": "kinect-v1"},
            "layout ntu25, now kinect-v1 is stated; leave out --layout, or ingest it .*",
        ),
        ({"axes": "TCV"}, "axes none, now TCV is stated; leave out --axes, or ingest it under another name"),
        (
            {"upright": True},
            "upright none, now True is stated; leave out --upright, or ingest it under another name",
        ),
        (
            {"missing": "zero"},
            "missing none, now zero is stated; leave out --missing, or ingest it under another name",
        ),
    ],
)
def test_a_source_is_not_read_otherwise_than_before(
    mine: Library, first: Path, said: dict[str, Any], told: str
) -> None:
    np.save(first / f"{NAMES[2]}.npy", make_clip(NAMES[2]))
    for source in (None, first):
        with raises_typed(f"^{first}: its clips were read with {told}$"):
            change(mine, source=source, **said)
    assert change(mine, up="y", fps=30.0, scale=1.0, layout="ntu25").added == 1


def test_what_is_passed_over_is_counted(mine: Library, first: Path, second: Path, tmp_path: Path) -> None:
    labels = first / "mine.csv"
    labels.write_text(f"name,label\n{NAMES[0]},4\n")
    (first / "notes.txt").write_text("hello")
    report = change(mine, labels=labels)
    assert report.passed_over == {".txt": 1}
    assert "1 .npy read, 1 .txt passed over" in report.notes
    for name in ("a.txt", "b.md", "c.txt"):
        (second / name).write_text("hello")
    report = change(mine, source=second, **HOW)
    assert report.passed_over == {".txt": 2, ".md": 1}
    assert change(mine).passed_over == {".txt": 3, ".md": 1, ".csv": 1}
    assert change(mine, changed=True).passed_over == {".txt": 3, ".md": 1, ".csv": 1}


def test_the_command_says_so(mine: Library, second: Path, command: Any) -> None:
    (second / "notes.txt").write_text("hello")
    asked = ("add", "mine", "--source", second, "--up", "z", "--scale", 0.001, "--fps", 60, "--axes", "TCV")
    done: Result = command(*asked, "--json")
    assert (done.code, done.json["added"], done.json["passed_over"]) == (0, 1, {".txt": 1})
    assert done.err == "note: 1 .npy read, 1 .txt passed over\n"
    assert command("update", "mine", "--json").json["passed_over"] == {".txt": 1}
