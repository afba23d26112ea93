"""NW-UCLA's JSON files."""

import json
import pickle
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encoder.errors import UmurlError
from umurl_search.clips.clip import Clip, LeftOut, Outcome, Reason
from umurl_search.readers.build_clip import BadRecordingError
from umurl_search.readers.nwucla import NwUclaReader, read_recording

REAL = Path(__file__).parents[2] / "shared/data/nw_ucla"
NAME = "a08_s02_e03_v01"
SKELETONS = np.random.default_rng(0).normal(size=(5, 20, 3)).round(6).tolist()


def write(folder: Path, content: Any, *, name: str = NAME) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def outcomes(root: Path) -> list[Outcome]:
    reader = NwUclaReader((root,))
    return [outcome for group in reader.read(reader.items()) for outcome in group]


def recording(**entries: Any) -> dict[str, Any]:
    return {"file_name": NAME, "skeletons": SKELETONS, "label": 7, **entries}


def test_files_are_clips(tmp_path: Path) -> None:
    write(tmp_path / "all_sqe", recording())
    (clip,) = outcomes(tmp_path)
    assert isinstance(clip, Clip)
    assert (clip.name, clip.source) == (NAME, f"all_sqe/{NAME}.json")
    assert (clip.label, clip.subject, clip.replication, clip.camera) == (6, 2, 3, 1)
    np.testing.assert_array_equal(clip.frames, np.array(SKELETONS, np.float32)[:, None])


def test_without_a_label_the_name_tells_the_class(tmp_path: Path) -> None:
    write(tmp_path, {"skeletons": SKELETONS})
    (clip,) = outcomes(tmp_path)
    assert isinstance(clip, Clip)
    assert clip.label == 7


TEXT = json.dumps(recording())


RAGGED = [*SKELETONS[:2], SKELETONS[2][:19]]


@pytest.mark.parametrize(
    ("content", "reason", "detail"),
    [
        ("", "truncated", "the file is empty"),
        (TEXT[:500], "truncated", "the JSON ends too soon"),
        (recording(skeletons=[]), "no body", "it has no frames"),
        (recording(skeletons=np.zeros((4, 20, 3)).tolist()), "no body", "nobody in any of 4 frames"),
        (recording(skeletons=[[[float("nan")] * 3] * 20]), "non-finite", "60 NaN or infinite numbers"),
        (recording(skeletons=[[[float("-inf")] * 3] * 20]), "non-finite", "60 NaN or infinite numbers"),
        (recording(skeletons=[[[1e300] * 3] * 20]), "non-finite", "60 NaN or infinite numbers"),
        (recording(skeletons=RAGGED), "malformed", "its skeletons are no array of numbers"),
        (recording(skeletons=[[["a"] * 3] * 20]), "malformed", "its skeletons are no array of numbers"),
        (recording(skeletons=[[[10**400] * 3] * 20]), "malformed", "its skeletons are no array of numbers"),
        (recording(skeletons=np.zeros((4, 25, 3)).tolist()), "malformed", "skeletons of shape (4, 25, 3)"),
        (recording(skeletons=7), "malformed", "it has no list 'skeletons'"),
        ({"label": 3}, "malformed", "it has no list 'skeletons'"),
        ([1, 2], "malformed", "the JSON is a list, not an object"),
        ("{'skeletons': 1}", "malformed", "no JSON: "),
        ('{"a":' + "[" * 100_000 + "}", "malformed", "no JSON: "),
        (recording(label="x"), "malformed", "its label is 'x', not a number from 1"),
        (recording(label=0), "malformed", "its label is 0, not a number from 1"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, content: Any, reason: Reason, detail: str) -> None:
    write(tmp_path, content)
    write(tmp_path, recording(), name="a08_s02_e03_v02")
    left_out, good = outcomes(tmp_path)
    assert isinstance(good, Clip)
    assert isinstance(left_out, LeftOut)
    assert (left_out.name, left_out.reason, left_out.source) == (NAME, reason, f"{NAME}.json")
    assert left_out.detail.startswith(detail)


LARGE = [
    (recording(), ""),
    (json.dumps(recording(), indent=4), ""),
    ('\ufeff {"skeletons" : ' + json.dumps(recording()["skeletons"]) + ' , "label": 4 } \n', ""),
    (recording(other={"a": [1, {}]}), ""),
    (TEXT[:500], "truncated"),
    (TEXT[:-1], "truncated"),
    (TEXT + "1", "truncated"),
    (TEXT.replace("]]]", "]] ]]", 1), "malformed"),
    ("{}", "malformed"),
    ("{" + " " * 50 + "}", "malformed"),
    (recording(skeletons=[]), "malformed"),
    (recording(skeletons=[[[float("nan")] * 3] * 20]), "non-finite"),
    (recording(skeletons=RAGGED), "malformed"),
    (recording(skeletons=[[["a"] * 3] * 20]), "malformed"),
    (recording(skeletons=np.zeros((4, 25, 3)).tolist()), "malformed"),
    (recording(skeletons=7), "malformed"),
    ({"label": 3}, "malformed"),
    ([1, 2], "malformed"),
    ("\ufeff ", "malformed"),
    ('{{"a": 1}: 2}', "malformed"),
    ('{"a":' + "[" * 100_000 + "}", "malformed"),
    ('{"skeletons": [' + ",".join(["[]"] * 9_000) + "]}", "malformed"),
    (recording(other="x" * 20_000), "malformed"),
    (recording(label="x"), "malformed"),
]


@pytest.mark.parametrize(("content", "reason"), LARGE)
def test_a_large_file_is_read_frame_by_frame_and_says_the_same(
    tmp_path: Path, content: Any, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, content)
    monkeypatch.setattr("umurl_search.readers.nwucla._PARSED_WHOLE", 0)
    (found,) = outcomes(tmp_path)
    if reason:
        assert isinstance(found, LeftOut)
        assert found.reason == reason
        return
    monkeypatch.undo()
    (wanted,) = outcomes(tmp_path)
    assert isinstance(found, Clip)
    assert isinstance(wanted, Clip)
    assert (found.frames == wanted.frames).all()
    assert (found.label, found.name) == (wanted.label, wanted.name)
    assert len(read_recording(path)) == 5


def test_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    hostile = '{"skeletons": [' + ",".join(["[]"] * 1_000_000) + "]}"
    path = write(tmp_path, hostile)
    tracemalloc.start()
    try:
        with pytest.raises(BadRecordingError, match="no JSON: no frame ends within 16,384 characters"):
            read_recording(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(hostile)


def test_of_two_files_of_one_name_the_first_is_used(tmp_path: Path) -> None:
    write(tmp_path / "b", recording())
    write(tmp_path / "a", recording())
    clip, left_out = outcomes(tmp_path)
    assert isinstance(clip, Clip)
    assert isinstance(left_out, LeftOut)
    assert (left_out.reason, left_out.detail) == ("duplicate name", f"a/{NAME}.json comes first")


def test_a_recording_alone_tells_its_file_when_bad(tmp_path: Path) -> None:
    assert read_recording(write(tmp_path, recording())).shape == (5, 1, 20, 3)
    path = write(tmp_path, {"skeletons": 3})
    with pytest.raises(BadRecordingError) as raised:
        read_recording(path)
    assert str(raised.value) == f"{path}: malformed: it has no list 'skeletons'"


def test_a_copy_of_the_reader_reads_the_same(tmp_path: Path) -> None:
    path = write(tmp_path, recording())
    reader = NwUclaReader((tmp_path,))
    copy = pickle.loads(pickle.dumps(reader))
    assert [group[0].name for group in copy.read(reader.items())] == [NAME]
    assert repr(copy) == repr(reader)
    assert reader.files() == [path]
    with pytest.raises(UmurlError, match="no such file or folder"):
        NwUclaReader((tmp_path / "gone",))


@pytest.mark.data
def test_real_recordings() -> None:
    if not REAL.is_dir():
        pytest.skip("NW-UCLA is not beside the checkout")
    found = outcomes(REAL)
    clips = [clip for clip in found if isinstance(clip, Clip)]
    assert len(clips) == len(found) == 1_484
    assert Counter(clip.camera == 3 for clip in clips) == {False: 1_020, True: 464}
    assert {clip.label for clip in clips} == set(range(10))
    assert sum(len(clip.frames) < 8 for clip in clips) == 4
    assert sum(len(clip.frames) == 1 for clip in clips) == 2
