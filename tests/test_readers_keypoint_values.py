"""Single values in pose estimators' JSON."""

from typing import Any

import numpy as np
import pytest

from umurl_search.readers.keypoint_values import as_number, mean_score, read_joints, read_text, to_joint_name


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3.0),
        ("2.5", 2.5),
        (True, None),
        (None, None),
        ("a", None),
        (float("nan"), None),
        (10**400, None),
        ([1], None),
    ],
)
def test_numbers(value: Any, number: float | None) -> None:
    assert as_number(value) == number


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (3.0, "3"), ([[0.0], [1.0]], "0"), ("a", "a"), (None, None), (2**70, None), ({}, None)],
)
def test_tracks_are_text(value: Any, text: str | None) -> None:
    assert read_text(value) == text


def test_scores_may_be_nested() -> None:
    assert mean_score([[0.5]]) == 0.5
    assert mean_score({}) is None


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("left_hip", "left hip"),
        ("LEFT_HIP", "left hip"),
        ("leftHip", "left hip"),
        ("L-Hip", "left hip"),
        ("nose", "nose"),
    ],
)
def test_joints_by_any_spelling(name: str, meant: str) -> None:
    assert to_joint_name(name) == meant


def test_three_numbers_are_a_place_and_a_score() -> None:
    points, scores = read_joints([[1, 2, 0.5], None])
    assert points is not None
    assert scores is not None
    np.testing.assert_array_equal(points, [[1, 2], [np.nan, np.nan]])
    np.testing.assert_array_equal(scores, [0.5, np.nan])


def test_depth_comes_before_the_score() -> None:
    for joints, dims in (([1, 2, 3, 0.5] * 2, 3), ([[1, 2, 3, 0.5]] * 2, None)):
        points, scores = read_joints(joints, dims=dims)
        assert points is not None
        assert scores is not None
        assert (points.shape, scores.tolist()) == ((2, 3), [0.5, 0.5])


def test_nothing_is_nobody() -> None:
    nothing: tuple[Any, ...] = (None, [], {}, "text", [None], {"x": [], "y": []}, [{"a": 1}])
    for joints in nothing:
        assert read_joints(joints) == (None, None)
