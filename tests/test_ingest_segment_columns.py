"""Stated segments and those of the format, to columns of the catalog."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Result
from refusals import raises_typed

from umurl_search.ingest.ingest import IngestReport, Request, ingest
from umurl_search.ingest.segment_columns import match_segments, segment_columns
from umurl_search.ingest.segments_file import StatedSegment
from umurl_search.library.clip_store import ClipStore
from umurl_search.library.library import Library
from umurl_search.readers.formats import FORMATS
from umurl_search.synthetic import long_recordings


def describe(name: str, frames: int, segments: list[list[Any]] | None = None) -> dict[str, Any]:
    """A recording as the journal of a store says it."""
    return {"name": name, "frames": frames, **({} if segments is None else {"segments": segments})}


def columns(*clips: dict[str, Any], names: tuple[str, ...] = (), **stated: list[StatedSegment]) -> Any:
    return segment_columns(clips, stated, names=names, what="mine")


def test_segments_of_the_format_are_in_order_of_time() -> None:
    found = columns(
        describe("a", 100), describe("b", 100, [[2, None, 50, 60], [0, None, 3, 9]]), names=("x", "y", "z")
    )
    assert found.columns == {
        "position": [1, 1],
        "label": [0, 2],
        "action": ["x", "z"],
        "start_frame": [3, 50],
        "stop_frame": [9, 60],
    }
    assert len(found) == 2
    assert found.notes == ["2 segments of 2 actions in 1 of 2 recordings"]


def test_what_a_file_states_takes_the_place_of_what_the_format_says() -> None:
    own = [[0, None, 3, 9]]
    given = [
        StatedSegment(action="wave", start_s=1, end_s=2.01),
        StatedSegment(action="Clap", start_s=0, end_s=0.001),
    ]
    found = columns(describe("a", 100, own), describe("b", 50, own), a=given)
    assert found.columns["position"] == [0, 0, 1]
    assert found.columns["action"] == ["Clap", "wave", None]
    assert found.columns["label"] == [0, 1, 0]
    assert list(zip(found.columns["start_frame"], found.columns["stop_frame"], strict=True)) == [
        (0, 1),
        (30, 60),
        (3, 9),
    ]


def test_names_are_found_in_the_datasets_list_whatever_their_case() -> None:
    found = columns(
        describe("a", 99), names=("wave", "clap"), a=[StatedSegment(action="CLAP", start_s=0, end_s=1)]
    )
    assert (found.columns["label"], found.columns["action"]) == ([1], ["clap"])
    numbered = columns(
        describe("a", 99), names=("wave", "clap"), a=[StatedSegment(action=2, start_s=0, end_s=1)]
    )
    assert numbered.columns == found.columns
    with raises_typed(r"^the segments file names 'jump', which is no action of mine; give one of "):
        columns(describe("a", 99), names=("wave",), a=[StatedSegment(action="jump", start_s=0, end_s=1)])


def test_numbers_without_a_list_have_no_name() -> None:
    found = columns(describe("a", 99), a=[StatedSegment(action=7, start_s=0, end_s=1)])
    assert (found.columns["label"], found.columns["action"]) == ([6], [None])


def test_what_lies_beyond_a_recording_is_cut_or_counted() -> None:
    given = [StatedSegment(action=1, start_s=0.5, end_s=9), StatedSegment(action=1, start_s=1, end_s=9)]
    found = columns(describe("a", 30), a=given, b=given, c=[])
    assert (found.columns["start_frame"], found.columns["stop_frame"]) == ([15], [30])
    assert found.notes == [
        "1 segments of 1 actions in 1 of 1 recordings",
        "1 segments start after their recording ends: they were left out",
        "the segments file names 2 recordings that are not in the data or were left out",
    ]


def test_no_segments_no_notes() -> None:
    assert (len(columns(describe("a", 30))), columns(describe("a", 30)).notes) == (0, [])


def test_recordings_are_found_by_other_spellings() -> None:
    one = StatedSegment(action="wave", start_s=0, end_s=1)
    two = StatedSegment(action="clap", start_s=1, end_s=2)
    found, notes = match_segments(
        {"A.npy": [one], "a": [two], "who": [one]}, names=["a", "b"], sources=["x/a.npy", ""], what="mine"
    )
    assert found == {"a": [one, two]}
    assert notes == [
        "the segments file: 1 names were matched without their ending or folder",
        "the segments file names 1 recordings that are not in mine",
    ]
    assert match_segments({}, names=["a"], sources=[""]) == ({}, [])
    with raises_typed(
        r"^the segments file names no recording of the data, e\.g\. 'who'; names are those of clips"
    ):
        match_segments({"who": [one]}, names=["a"], sources=[""])


# ingest


def motion(n_frames: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(seed).uniform(0.1, 2, (n_frames, 25, 3)).astype(np.float32)


def write_pku(root: Path, name: str, n_frames: int, labels: str | None) -> None:
    numbers = np.zeros((n_frames, 150))
    numbers[:, :75] = motion(n_frames).reshape(n_frames, 75)
    for folder, text in (("data", None), ("label", labels)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        if text is not None:
            (root / folder / f"{name}.txt").write_text(text)
    np.savetxt(root / "data" / f"{name}.txt", numbers, fmt="%.6f")


@pytest.fixture
def pku(tmp_path: Path) -> Path:
    """Three recordings of PKU-MMD's form: one of more than 300 frames, one with a bad label, one without labels."""
    root = tmp_path / "pku"
    write_pku(root, "0001-L", 400, "12,310,390,2\n3,5,60,1\n")
    write_pku(root, "0300-M", 90, "3,10,60,2\n5,95,99,1\n")
    write_pku(root, "0002-R", 40, None)
    return root


def read(tmp_path: Path, request: Request) -> tuple[Library, IngestReport]:
    library = Library(tmp_path / "library")
    return library, ingest(library, request, workers=1)


def segments_of(library: Library, dataset: str) -> list[tuple[str, int, str | None, int, int]]:
    """(recording, label, action, start, stop) of each, as the catalog says them."""
    with library.read() as catalog:
        clips, found = catalog.clips_of(dataset), catalog.segments(dataset)
    names = dict(zip(clips.id.tolist(), clips.name, strict=True))
    rows = zip(
        *(found[key].tolist() for key in ("clip_id", "label", "action", "start_frame", "stop_frame")),
        strict=True,
    )
    return [(names[clip_id], *rest) for clip_id, *rest in rows]


def test_pku_mmd_is_kept_whole(tmp_path: Path, pku: Path) -> None:
    library, report = read(tmp_path, Request(name="pku-mmd-1-long", source=pku))
    assert (report.found, report.used, report.cut, report.segments) == (4, 3, 0, 3)
    assert report.left_out == {"malformed": 1}
    assert "3 segments of 2 actions in 2 of 3 recordings" in report.notes
    assert report.splits == {"xsub": {"train": 2, "test": 1}, "xview": {"train": 2, "test": 1}}
    assert segments_of(library, "pku-mmd-1-long") == [
        ("0001-L", 2, "brushing teeth", 5, 60),
        ("0001-L", 11, "giving something to other person", 310, 390),
        ("0300-M", 2, "brushing teeth", 10, 60),
    ]
    store = ClipStore(library.clips("pku-mmd-1-long"))
    with library.read() as catalog:
        clip = catalog.clip("pku-mmd-1-long", "0001-L")
        (bad,) = catalog.left_out("pku-mmd-1-long")
    assert clip is not None
    assert (clip["label"], clip["action"], clip["camera"], clip["frames"]) == (None, None, 1, 400)
    np.testing.assert_allclose(store.frames(clip["store_row"])[:, 0], motion(400), atol=1e-6)
    assert (bad["name"], bad["detail"]) == ("0300-M_001", "frames 95 to 99 of a recording of 90")


def test_untrimmed_makes_any_names_recordings_whole(tmp_path: Path, pku: Path) -> None:
    library, report = read(tmp_path, Request(name="mine", source=pku, untrimmed=True, slicing="start-1:end"))
    assert report.segments == 3
    assert segments_of(library, "mine")[0] == ("0001-L", 2, None, 4, 60)


def test_arrays_with_a_segments_file(tmp_path: Path, command: Callable[..., Result]) -> None:
    source = tmp_path / "clips"
    source.mkdir()
    for i, name in enumerate(("a", "b")):
        np.save(source / f"{name}.npy", motion(601, i))
    table = tmp_path / "segments.csv"
    table.write_text("recording,action,start,end\nb,wave,1,2\nb,clap,3,99\nc,wave,0,1\n")
    asked = ("ingest", "mine", "--source", source, "--fps", 60, "--untrimmed", "--segments", table)
    document = command(*asked, "--json").json
    assert (document["used"], document["segments"], document["cut"]) == (2, 2, 0)
    library = Library(tmp_path / "library")
    assert segments_of(library, "mine") == [("b", 1, "wave", 30, 60), ("b", 0, "clap", 90, 301)]
    again = command(*asked)
    assert again.code == 0
    assert "note: the segments file names 1 recordings that are not in the data" in again.out
    table.write_text("recording,action,start,end\nb,wave,1,3\n")
    changed = command(*asked)
    assert changed.code == 1
    assert "the library holds another 'mine'" in changed.err


def test_names_are_matched_with_and_without_ending_and_folder(
    tmp_path: Path, pku: Path, command: Callable[..., Result]
) -> None:
    table = tmp_path / "s.csv"
    table.write_text(
        "Recording;Start;End;Action\nold/0001-l.txt;0;1;wave\n0300-M;0;1;clap\n0001-L;2;3;clap\n"
    )
    asked = ("ingest", "mine", "--source", pku, "--untrimmed", "--segments", table)
    assert (
        "note: the segments file: 1 names were matched without their ending or folder" in command(*asked).out
    )
    library = Library(tmp_path / "library")
    wanted = [("0001-L", 1, "wave", 0, 30), ("0001-L", 0, "clap", 60, 90), ("0300-M", 0, "clap", 0, 30)]
    assert segments_of(library, "mine") == wanted
    table.write_text("recording,action,start,end\nx/0300-M.avi,wave,1,2\n0001-L.skeleton,wave,0,1\n")
    assert command("add", "mine", "--segments", table).code == 0
    assert segments_of(library, "mine") == [("0001-L", 1, "wave", 0, 30), ("0300-M", 1, "wave", 30, 60)]


def test_a_file_that_names_no_recording_is_an_error(
    tmp_path: Path, pku: Path, command: Callable[..., Result]
) -> None:
    table = tmp_path / "s.csv"
    table.write_text("recording,action,start,end\nother,wave,1,2\n")
    said = (
        "umurl-search: the segments file names no recording of the data, e.g. 'other'; names are those of clips, with "
        "or without ending and folder, in --segments\n"
    )
    asked = ("ingest", "mine", "--source", pku, "--untrimmed")
    refused = command(*asked, "--segments", table)
    assert (refused.code, refused.err) == (1, said)
    assert command(*asked).code == 0
    refused = command("add", "mine", "--segments", table)
    assert (refused.code, refused.err) == (1, said)


def test_half_the_frame_rate_moves_the_labels_of_the_format(tmp_path: Path, pku: Path) -> None:
    library, _ = read(tmp_path, Request(name="mine", source=pku, untrimmed=True, fps=15))
    store = ClipStore(library.clips("mine"))
    assert sorted(len(store.frames(row)) for row in range(3)) == [79, 179, 799]
    assert segments_of(library, "mine")[1] == ("0001-L", 11, None, 619, 779)


def test_a_stopped_ingest_keeps_the_segments_it_had_read(
    tmp_path: Path, pku: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Request(name="pku-mmd-1-long", source=pku)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("umurl_search.ingest.ingest.register", stop)
        with pytest.raises(KeyboardInterrupt):
            read(tmp_path, request)
    library, report = read(tmp_path, request)
    assert report.segments == len(segments_of(library, "pku-mmd-1-long")) == 3


def test_the_demo_in_whole_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = long_recordings.recording_names()[:4]
    monkeypatch.setattr(long_recordings, "recording_names", lambda: names)
    library, report = read(tmp_path, Request(name="demo-long"))
    assert (report.used, report.splits) == (4, {"xsub": {"train": 3, "test": 1}})
    wanted = [(name, *one) for name in names for one in long_recordings.make_recording(name).segments]
    assert segments_of(library, "demo-long") == wanted
    assert report.segments == len(wanted)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("mine", "--segments", "s.json"),
            "s.json: segments are of whole recordings; ingest them with --untrimmed",
        ),
        (
            ("demo", "--untrimmed"),
            "recordings of format demo cannot be kept whole, only those of a file each "
            f"({', '.join(name for name, row in FORMATS.items() if row.has_recording_files)}); leave out --untrimmed",
        ),
        (
            ("demo-long", "--source", "pku"),
            "'demo-long' names the made-up corpus; give recordings of your own another name",
        ),
    ],
)
def test_what_cannot_be_kept_whole(
    pku: Path,
    command: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(pku.parent)
    source = () if arguments[0] != "mine" else ("--source", pku)
    result = command("ingest", *arguments, *source)
    assert (result.code, result.out) == (1, "")
    assert result.err == f"umurl-search: {said}\n"
