"""Keypoints in JSON, in each form that pose estimators write."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from detector_files import flat, landmarks, openpose, person, points, walk

from umurl_search.clips.clip import Clip, LeftOut
from umurl_search.clips.normalization import Conventions, Converted, convert_and_count
from umurl_search.readers import SourceOptions, detect, open_reader
from umurl_search.readers.build_clip import BadRecordingError, FileClip
from umurl_search.readers.formats import read_clip_file
from umurl_search.readers.keypoints_json import KeypointsReader, is_keypoints_json, read_recording
from umurl_search.search.query_clip import read_clip_frames

REAL = Path(__file__).parents[2] / "shared/data/skeletons"
COCO = walk("coco-17")
OBJECTS = [{"keypoints": points(joints)} for joints in COCO]


def write(folder: Path, content: Any, name: str = "walk") -> Path:
    path = folder / f"{name}.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def read(folder: Path, content: Any, layout: str | None = None) -> FileClip:
    path = write(folder, content)
    assert is_keypoints_json(path)
    return read_recording(path, layout=layout)


def detections(**also: Any) -> list[dict[str, Any]]:
    return [
        {"image_id": f"{t}.jpg", "keypoints": flat(joints), "score": 2.1, **also}
        for t, joints in enumerate(COCO)
    ]


def ultralytics(joints: Any) -> dict[str, Any]:
    columns = {"x": joints[:, 0].tolist(), "y": joints[:, 1].tolist(), "visible": [0.9] * len(joints)}
    return {"name": "person", "class": 0, "confidence": 0.8, "box": {"x1": 0, "y1": 0}, "keypoints": columns}


def instance(joints: Any) -> dict[str, Any]:
    return {
        "keypoints": joints.tolist(),
        "keypoint_scores": [0.9] * len(joints),
        "bbox_score": 0.8,
        "bbox": [[0, 0]],
    }


_PARTS = ("Eye", "Ear", "Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle")
_NAMES = ["nose", *(f"{side}{part}" for part in _PARTS for side in ("left", "right"))]
NAMED = {name: {"x": x, "y": y, "score": 0.9} for name, (x, y) in zip(_NAMES, COCO[0].tolist(), strict=True)}

OBJECTS_UNSURE = [{"keypoints": points(joints, score=0.2)} for joints in COCO]
FORMS: dict[str, Any] = {
    "objects": OBJECTS,
    "rows": [{"keypoints": [[x, y, 0.9] for x, y in joints.tolist()]} for joints in COCO],
    "one document a line": "\n".join(map(json.dumps, OBJECTS)),
    "in a head": {"model": "movenet", "frames": OBJECTS},
    "by number": {str(t): frame for t, frame in enumerate(OBJECTS)},
    "bare objects": [points(joints) for joints in COCO],
    "alphapose": detections(idx=1),
    "out of order": detections()[::-1],
    "coco results": [one | {"image_id": t, "category_id": 1} for t, one in enumerate(detections())],
    "mmpose": {"instance_info": [{"frame_id": t, "instances": [instance(one)]} for t, one in enumerate(COCO)]},
    "ultralytics": [[ultralytics(joints)] for joints in COCO],
    "ultralytics, flat": [ultralytics(joints) | {"frame": t} for t, joints in enumerate(COCO)],
    "openpose in one file": [openpose([joints]) for joints in COCO],
    "alphapose as openpose": {f"{t}.jpg": openpose([joints]) for t, joints in enumerate(COCO)},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_clip(tmp_path: Path, form: str) -> None:
    clip = read(tmp_path, FORMS[form])
    assert (clip.layout, clip.fps, clip.notes) == ("coco-17", None, ())
    assert clip.frames.shape == (8, 1, 17, 3)
    assert clip.frames.dtype == np.float32
    np.testing.assert_allclose(clip.frames[:, 0, :, :2], COCO, rtol=1e-6)
    assert not clip.frames[..., 2].any()


def test_joints_by_name_are_put_in_order(tmp_path: Path) -> None:
    shuffled = dict(reversed(NAMED.items()))
    by_name = read(tmp_path, [{"keypoints": shuffled}])
    named = read(tmp_path, [{"keypoints": [one | {"name": name} for name, one in shuffled.items()]}])
    for clip in (by_name, named):
        np.testing.assert_allclose(clip.frames[0, 0, :, :2], COCO[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("n_numbers", "layout"),
    [(17, "coco-17"), (26, "halpe-26"), (133, "coco-wholebody-133"), (136, "halpe-26")],
)
def test_the_number_of_keypoints_says_the_layout(tmp_path: Path, n_numbers: int, layout: str) -> None:
    joints = np.random.default_rng(0).uniform(1, 99, (3, n_numbers, 2))
    clip = read(
        tmp_path, [{"image_id": str(t), "keypoints": flat(one), "score": 1} for t, one in enumerate(joints)]
    )
    assert clip.layout == layout


def test_mediapipe_keeps_depth_and_arms_and_loses_legs_that_were_not_seen(tmp_path: Path) -> None:
    frames = landmarks(legs=0.01)
    frames[:, 13, 3] = 0.1
    keys = ("x", "y", "z", "visibility")
    content = [
        {"pose_landmarks": [dict(zip(keys, joint, strict=True)) for joint in one]} for one in frames.tolist()
    ]
    clip = read(tmp_path, content)
    assert clip.layout == "mediapipe-33"
    np.testing.assert_allclose(clip.frames[:, 0, :25], frames[:, :25, :3], rtol=1e-6)
    assert not clip.frames[:, 0, 25:].any()


def test_world_landmarks_come_before_those_of_the_picture(tmp_path: Path) -> None:
    place = [{"x": 0.1 * j, "y": 0.2, "z": -0.3} for j in range(33)]
    picture = [{"x": 0.5, "y": 0.5, "z": 0} for _ in range(33)]
    clip = read(
        tmp_path, {"fps": 25, "frames": [{"pose_landmarks": [picture], "pose_world_landmarks": [place]}] * 3}
    )
    assert clip.fps == 25
    assert clip.frames[0, 0, 4].tolist() == pytest.approx([0.4, 0.2, -0.3])


def test_frames_without_world_landmarks_show_nobody_where_others_have_them(tmp_path: Path) -> None:
    place = [{"x": 0.1 * j, "y": 0.2, "z": -0.3} for j in range(33)]
    picture = [{"x": 0.5 + 0.01 * j, "y": 0.5, "z": 0} for j in range(33)]
    both = {"pose_landmarks": [picture], "pose_world_landmarks": [place]}
    lacking = [{"pose_landmarks": [picture], "pose_world_landmarks": None}, {"pose_landmarks": [picture] * 2}]
    for there in (both, both | {"pose_world_landmarks": [place, place]}):
        clip = read(tmp_path, [lacking[0], there, lacking[1], there])
        assert clip.frames.any(axis=(1, 2, 3)).tolist() == [False, True, False, True]
        assert clip.notes[0] == (
            "landmarks of the world are taken: 2 frames hold those of the picture only and show nobody"
        )
    assert read(tmp_path, lacking).frames.any(axis=(1, 2, 3)).all()


def test_unsure_joints_are_unseen(tmp_path: Path) -> None:
    content = [{"keypoints": [{"x": 5, "y": 6, "score": 0.29 if j == 3 else 0.3} for j in range(17)]}] * 2
    assert not read(tmp_path, content).frames[:, 0, 3].any()
    assert read(tmp_path, content).frames.any(axis=-1).sum() == 32


def test_frames_without_anybody_are_kept(tmp_path: Path) -> None:
    clip = read(tmp_path, [OBJECTS[0], {"keypoints": []}, {}, [], None, OBJECTS[1]])
    assert clip.frames.any(axis=(1, 2, 3)).tolist() == [True, False, False, False, False, True]


def test_ghosts_are_left_out_and_counted(tmp_path: Path) -> None:
    ghost = {"image_id": "3.jpg", "keypoints": flat(person("coco-17", at=(30, 30))), "score": 0.29}
    clip = read(tmp_path, [*detections(), ghost])
    assert clip.frames.shape[1] == 1
    assert clip.notes == ("1 person was left out whose score is under 0.3",)
    with pytest.raises(BadRecordingError, match=r"all 1 people have scores under 0.3"):
        read(tmp_path, [ghost])


def test_several_people_without_tracks_are_followed_and_told(tmp_path: Path) -> None:
    other = walk("coco-17", at=(900, 240))
    frames = [
        {"instances": [instance(a), instance(b)][:: 1 if t % 2 else -1]}
        for t, (a, b) in enumerate(zip(COCO, other, strict=True))
    ]
    clip = read(tmp_path, {"instance_info": frames})
    assert clip.frames.shape[1] == 2
    assert np.abs(np.diff(clip.frames[..., 0], axis=0)).max() < 6
    (note,) = clip.notes
    assert note.startswith("2 people, followed by where they are, as the file does not say who is who")


def test_nested_tracks_are_read(tmp_path: Path) -> None:
    two = [
        {
            "image_id": t,
            "keypoints": flat(walk("coco-17", at=(x, 240))[t]),
            "score": 1,
            "idx": [[float(who)], [0.0]],
        }
        for t in range(8)
        for who, x in ((1, 300), (2, 340))
    ]
    clip = read(tmp_path, two)
    assert clip.frames.shape[1] == 2
    said = "2 people, by tracks (frames of person 1 in 8, 2 in 8): "
    assert clip.notes == (f"{said}both are compared; --person N takes one",)
    path = tmp_path / "walk.json"
    notes = read_clip_frames(path, conventions=Conventions(person=1)).notes
    assert f"{path}: {said}person 1 alone is compared" in notes
    converted = convert_and_count(
        Clip(name="walk", frames=clip.frames, notes=clip.notes, layout=clip.layout),
        Conventions(layout="coco-17", person=2),
    )
    assert isinstance(converted, Converted)
    assert converted.notes[0] == f"{said}person 2 alone is compared"


def test_time_stamps_say_the_rate(tmp_path: Path) -> None:
    content = [frame | {"timestamp_ms": 40 * t + (40 if t > 4 else 0)} for t, frame in enumerate(OBJECTS)]
    clip = read(tmp_path, content)
    assert clip.fps == 25
    assert len(clip.frames) == 9
    assert clip.frames[5, 0, 0, 0] == pytest.approx((COCO[4, 0, 0] + COCO[5, 0, 0]) / 2)


def test_a_stated_layout_wins(tmp_path: Path) -> None:
    content = [[[x, y, 0.5] for x, y in joints.tolist()] for joints in COCO]
    assert read(tmp_path, [{"keypoints": one} for one in content], "h36m-17").layout == "h36m-17-2d"
    with pytest.raises(BadRecordingError, match="people have 17 joints, layout openpose-25 25"):
        read(tmp_path, OBJECTS, "openpose-25")


def test_bare_numbers_are_read_as_arrays_are(tmp_path: Path) -> None:
    kinect = np.random.default_rng(0).normal(size=(4, 25, 3)).round(3)
    assert read(tmp_path, kinect.tolist()).frames.shape == (4, 1, 25, 3)
    assert read(tmp_path, kinect.tolist()).layout is None
    with pytest.raises(BadRecordingError, match="17 joints may be coco-17 or h36m-17"):
        read(tmp_path, kinect[:, :17].tolist())


def test_movenets_own_arrays_are_y_x(tmp_path: Path) -> None:
    raw = np.concatenate([COCO[..., ::-1] / 500, np.full((8, 17, 1), 0.9)], axis=-1)[:, None, None]
    clip = read(tmp_path, raw.tolist())
    assert clip.layout == "coco-17"
    np.testing.assert_allclose(clip.frames[:, 0, :, :2], COCO / 500, rtol=1e-5)
    assert read(tmp_path, raw.tolist(), "h36m-17").layout == "h36m-17-2d"


def test_movenets_own_arrays_in_npy_are_the_same(tmp_path: Path) -> None:
    raw = np.concatenate([COCO[..., ::-1] / 500, np.full((8, 17, 1), 0.9)], axis=-1)[:, None, None]
    raw[2, 0, 0, 3, 2] = 0.1
    same = read(tmp_path, raw.tolist())
    path = tmp_path / "npy" / "walk.npy"
    path.parent.mkdir()
    np.save(path, raw.astype(np.float32))
    clip = read_clip_file(path)
    assert (clip.layout, clip.notes) == (same.layout, tuple(f"{path}: {note}" for note in same.notes))
    np.testing.assert_allclose(clip.frames, same.frames, rtol=1e-5)
    assert detect(path.parent) == "npy"
    reader = open_reader("npy", (path.parent,), SourceOptions())
    ((stored,),) = reader.read(reader.items())
    assert isinstance(stored, Clip)
    assert (reader.layout, stored.layout, stored.notes) == ("coco-17", "coco-17", same.notes)
    np.testing.assert_array_equal(stored.frames, clip.frames)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[{", "ends too soon"),
        ("[}", "no JSON"),
        ("[" * 100_000, "ends too soon"),
        ("3", "is a int, not a list"),
        ([], "no body: an empty list, no frames; read are frames with keypoints, landmarks, people or instances"),
        ({"frames": []}, "an empty list, no frames"),
        ({"a": 1}, "it holds a: no keypoints that are known"),
        ([{"foo": 1}], "it holds foo: no keypoints that are known; read are frames with keypoints"),
        ([{c * 30: 1 for c in "abcdef"}] * 3, "it holds aaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbb, cccc"),
        ([{"a\nb": 1}, {}], "it holds a\\nb: no keypoints"),
        (OBJECTS_UNSURE, "no body: by their scores no joints are seen: all are below 0.3"),
        (np.ones((8, 17, 3)).tolist(), "17 joints may be coco-17 or h36m-17: --layout says which"),
        ([{"keypoints": [{"x": 1, "y": 2}] * 19}], "people of 19 joints"),
        ([{"keypoints": [1, 2, 3, 4, 5]}], "5 numbers of one person"),
        ([{"keypoints": [[1, 2], [1, 2, 3]]}], "columns of 2, 3 keypoints"),
        ([{"keypoints": [[1, 2, 3]] * 17, "keypoint_scores": [0.5] * 17}], "h36m-17 or coco-17-3d"),
        ([*OBJECTS, {"keypoints": [{"x": 1, "y": 2}] * 33}], "people of 17, 33 joints"),
        ([{"keypoints": [{"x": "a", "y": None, "score": 1}] * 17}], "NaN or infinite"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(BadRecordingError) as raised:
        read_recording(write(tmp_path, content))
    assert said in raised.value.message
    assert "walk.json" in raised.value.message


@pytest.mark.parametrize(
    ("content", "said"), [([], "an empty list"), ([{"foo": 1}], "it holds foo"), ([1], "a frame is a int")]
)
def test_a_query_that_no_format_knows_says_what_is_read(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(BadRecordingError, match=said):
        read_clip_file(write(tmp_path, content))


def test_a_folder_is_a_corpus(tmp_path: Path) -> None:
    write(tmp_path, OBJECTS, "b")
    write(tmp_path, [], "c")
    (tmp_path / "labels.json").write_text('{"b": 3}')
    reader = KeypointsReader((tmp_path,))
    clip, bad = (outcome for group in reader.read(reader.items()) for outcome in group)
    assert isinstance(clip, Clip)
    assert isinstance(bad, LeftOut)
    assert (reader.layout, clip.name, clip.layout, clip.source) == ("coco-17", "b", "coco-17", "b.json")
    assert (bad.name, bad.reason) == ("c", "no body")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "shape", "layout"),
    [
        ("movenet17_json/correct1.json", (61, 1, 17, 3), "coco-17"),
        ("mediapipe33_json/correct10.json", (45, 1, 33, 3), "mediapipe-33"),
        ("alphapose_json/alphapose-results.json", (206, 6, 17, 3), "coco-17"),
    ],
)
def test_real_files(name: str, shape: tuple[int, ...], layout: str) -> None:
    if not REAL.is_dir():
        pytest.skip("real recordings are not beside the checkout")
    clip = read_recording(REAL / name)
    assert (clip.frames.shape, clip.layout) == (shape, layout)
