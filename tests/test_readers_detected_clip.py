"""From detections to a clip."""

import numpy as np
import pytest
from detector_files import person

from encoder.joint_layouts import find_layout
from umurl_search.readers.build_clip import BadRecordingError
from umurl_search.readers.detected_clip import build_clip
from umurl_search.readers.detected_people import DetectedFrame, DetectedPerson, Detections


def frames(*xs: float, number: bool = True) -> tuple[DetectedFrame, ...]:
    return tuple(
        DetectedFrame(
            people=(DetectedPerson(points=person("coco-17", at=(x, 240))),), number=t if number else None
        )
        for t, x in enumerate(xs)
    )


def test_frames_out_of_order_are_sorted() -> None:
    found = build_clip(Detections(frames=frames(10, 20, 30)[::-1]), layout=None)
    np.testing.assert_allclose(found.frames[:, 0, 0, 0], [10, 20, 30])


def test_joints_that_are_no_numbers_are_unseen() -> None:
    points = person("coco-17")
    points[3, 1] = np.nan
    found = build_clip(
        Detections(frames=(DetectedFrame(people=(DetectedPerson(points=points),)),)), layout=None
    )
    assert not found.frames[0, 0, 3].any()
    assert np.isfinite(found.frames).all()


def test_a_layout_file_is_handed_on_as_it_is_stated() -> None:
    stated = (
        '{"name": "mine", "dims": 2, "joints": ["left shoulder", "right shoulder", "left hip", "right hip"]}'
    )
    points = person("coco-17")[[5, 6, 11, 12]]
    found = build_clip(
        Detections(frames=(DetectedFrame(people=(DetectedPerson(points=points),)),)), layout=stated
    )
    assert found.layout == stated


def test_a_stated_layout_in_a_picture_has_its_form_of_two_dimensions() -> None:
    points = person("coco-17")
    found = build_clip(
        Detections(frames=(DetectedFrame(people=(DetectedPerson(points=points),)),)), layout="h36m-17"
    )
    assert found.layout == "h36m-17-2d"
    layout = find_layout("h36m-17-2d")
    assert (layout.axes, layout.faces, layout.dims) == ("picture", "camera", 2)


def test_the_two_who_move_most_are_told_where_there_are_more() -> None:
    people = tuple(
        DetectedPerson(points=person("coco-17", at=(x, 240)), track=str(x)) for x in (100, 500, 900)
    )
    (note,) = build_clip(Detections(frames=(DetectedFrame(people=people),) * 2), layout=None).notes
    assert note == (
        "3 people, by tracks (frames of person 1 in 2, 2 in 2, 3 in 2): the two that move most are compared; "
        "--person N takes one"
    )


def test_nobody_at_all_is_refused() -> None:
    with pytest.raises(BadRecordingError, match="nobody in any of 1 frames"):
        build_clip(Detections(frames=(DetectedFrame(),)), layout=None)
