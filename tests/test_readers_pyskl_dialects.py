"""How annotations, splits, keypoints and labels are written; tests/test_readers_pyskl.py reads whole files."""

from pathlib import Path
from typing import Any

import pytest

from umurl_search.readers.build_clip import BadRecordingError
from umurl_search.readers.pyskl_dialects import label_of, number_actions, part_of_name, read_splits, to_name


@pytest.mark.parametrize(
    ("stem", "found"),
    [
        ("ntu60_xsub_train", ("xsub", "train")),
        ("NTU60_XView_Val", ("xview", "test")),
        ("ntu120_xset-test", ("xset", "test")),
        ("NTU60_CS_train", ("xsub", "train")),
        ("train", ("default", "train")),
        ("own_validation_2", ("default", "test")),
        ("training", None),
        ("own", None),
    ],
)
def test_a_name_speaks_of_its_part(stem: str, found: tuple[str, str] | None) -> None:
    assert part_of_name(stem) == found


@pytest.mark.parametrize(
    ("label", "read"), [(" wave ", "wave"), ("07", 7), ("", None), (None, None), (2.0, 2)]
)
def test_a_label_is_a_number_or_a_name(label: Any, read: int | str | None) -> None:
    assert label_of({"label": label}) == read


@pytest.mark.parametrize("label", [float("nan"), [1, 2], {"a": 1}, b"a"])
def test_another_label_is_refused(label: Any) -> None:
    with pytest.raises(BadRecordingError, match="not a whole number"):
        label_of({"label": label})


def test_names_are_numbered_and_made_up_where_there_is_none() -> None:
    assert number_actions([{"label": "b"}, {"label": "a"}, {"label": 3}, {"label": "7"}, [1]]) == {
        "a": 0,
        "b": 1,
    }
    assert number_actions([{"label": "9" * 30}]) == {"9" * 30: 0}
    assert to_name({"filename": "x"}, 3) == "x"
    assert to_name({"frame_dir": ""}, 3) == to_name([], 3) == "annotation_000003"


def test_a_split_of_several_protocols_and_parts() -> None:
    split = {"xsub": {"train": ("a",), "val": ["b"]}, "xview_train": ["b"], "test": ["a"]}
    assert read_splits(split, Path("a.pkl")) == {
        "xsub": {"train": ["a"], "test": ["b"]},
        "default": {"test": ["a"]},
        "xview": {"train": ["b"]},
    }
