"""Frames of one file each: which make a clip."""

from pathlib import Path

import pytest

from umurl_search.readers.frames_per_file import gather_frames, number_of_frame


@pytest.mark.parametrize(
    ("stem", "said"),
    [
        ("walk_000000000012_keypoints", ("walk", 12)),
        ("12", ("", 12)),
        ("walk-2.10", ("walk-2", 10)),
        ("walk", ("walk", None)),
        ("walk_3_face", ("walk_3_face", None)),
    ],
)
def test_numbers_of_frames(stem: str, said: tuple[str, int | None]) -> None:
    assert number_of_frame(stem) == said


def test_groups(tmp_path: Path) -> None:
    sources = ["a/2.npy", "a/10.npy", "b/x_1.npy", "b/y_1.npy", "c/only_1.npy"]
    found = gather_frames((tmp_path,), [(0, source) for source in sources])
    assert {one.name: [frame.source for frame in one.frames] for one in found} == {
        "a": ["a/2.npy", "a/10.npy"],
        "b/x": ["b/x_1.npy"],
        "b/y": ["b/y_1.npy"],
        "c": ["c/only_1.npy"],
    }
