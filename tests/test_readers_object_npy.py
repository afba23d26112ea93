"""The files of the NTU RGB+D authors' converter, and what else an array of objects may hold."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from umurl_search.readers.build_clip import BadRecordingError
from umurl_search.readers.object_npy import read_object_npy

PERSON = np.random.default_rng(5).normal(size=(6, 25, 3))


def saved(content: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, content, allow_pickle=True)
    return out.getvalue()


def test_the_people_of_the_dictionary_are_read() -> None:
    bodies = {"skel_body0": PERSON, "skel_body1": PERSON + 1, "rgb_body0": PERSON[..., :2]}
    held = {"file_name": "S001C001P001R001A001", "nbodys": [2] * 6, "njoints": 25, **bodies}
    frames = read_object_npy(saved(held))
    assert frames.shape == (6, 2, 25, 3)
    assert np.allclose(frames[:, 1], PERSON + 1)


class Runs:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch marker",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"skel_body0": Runs()}, "refused, they may run code"),
        (Runs(), "refused, they may run code"),
        ({"skel_body0": "text"}, r"its skel_body0 is no array of numbers \(T, V, 3\)"),
        ({"skel_body0": PERSON, "skel_body1": PERSON[:3]}, "different numbers of frames or joints"),
        ({"a": 1}, "a dictionary without 'skel_body0'"),
        ({"skel_body0": np.array([PERSON, None], dtype=object)}, "its skel_body0 is no array of numbers"),
    ],
)
def test_other_objects_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadRecordingError, match=message):
        read_object_npy(saved(content))
    assert not (tmp_path / "marker").exists()


def test_a_file_that_ends_too_soon_is_truncated() -> None:
    with pytest.raises(BadRecordingError, match="truncated: no whole array of objects"):
        read_object_npy(saved({"skel_body0": PERSON})[:-30])
