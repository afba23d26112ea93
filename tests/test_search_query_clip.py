"""A query clip from wherever it comes: arrays of every shape, recordings of every format, stated conventions."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from detector_files import landmarks, points, walk, write_openpose
from documents import QUERY, ranks_and_names, read_document
from made_recordings import write_scaled
from numpy.typing import NDArray

from encoder.errors import UmurlError
from umurl_search import Library
from umurl_search.clips.normalization import Conventions
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.search.query_clip import TooLongError, conventions_of, read_clip_frames
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Result]


@pytest.mark.parametrize(
    ("axes", "order"), [("TVC", None), ("MTVC", (1, 0, 2, 3)), ("TMVC", (0, 1, 2, 3)), ("CTVM", (3, 0, 2, 1))]
)
def test_every_order_of_axes(
    axes: str,
    order: tuple[int, ...] | None,
    indexed: Library,
    command: Command,
    clip: NDArray[np.float32],
    tmp_path: Path,
) -> None:
    array = clip[:, 0] if order is None else clip.transpose(order)
    np.save(tmp_path / "clip.npy", array)
    found = read_document(command("query", tmp_path / "clip.npy", "--json"))
    wanted = read_document(command("query", f"mine:{QUERY}", "--json"))
    for hit in wanted["hits"]:
        hit["is_query"] = False  # a file is not said to be the clip of the library
    assert found["hits"] == wanted["hits"]
    assert (
        read_document(command("query", tmp_path / "clip.npy", "--axes", axes, "--json"))["hits"]
        == wanted["hits"]
    )


def test_a_shape_with_two_readings(indexed: Library, command: Command, tmp_path: Path) -> None:
    people = [make_clip(f"S001C001P002R001A{action:03d}") for action in (1, 28)]
    array = np.stack([person[20:22, 0] for person in people])  # two people, or two frames
    np.save(tmp_path / "square.npy", array)
    guessed = command("query", tmp_path / "square.npy", "--json")
    assert "MTVC" in guessed.err
    assert "--axes" in guessed.err
    first, second = (
        read_document(command("query", tmp_path / "square.npy", "--axes", axes, "--json"))
        for axes in ("MTVC", "TMVC")
    )
    assert read_document(guessed)["hits"] == first["hits"] != second["hits"]
    assert [note for note in first["query"]["notes"] if "one or two frames" not in note] == []


def pku_text(frames: NDArray[np.float32]) -> str:
    """(T, 1, 25, 3) as PKU-MMD writes it: 150 numbers a line, an absent person zeros."""
    flat = np.concatenate([frames.reshape(len(frames), 75), np.zeros((len(frames), 75))], axis=1)
    return "\n".join(" ".join(f"{x:.6f}" for x in line) for line in flat) + "\n"


def test_a_pku_recording_is_a_clip(
    indexed: Library, command: Command, clip: NDArray[np.float32], tmp_path: Path
) -> None:
    (tmp_path / "0291-L.txt").write_text(pku_text(clip))
    document = read_document(command("query", tmp_path / "0291-L.txt", "--json"))
    assert document["query"]["frames"] == len(clip)
    assert document["hits"][0]["name"] == QUERY
    assert document["hits"][0]["score"] > 0.999


def test_an_nw_ucla_recording_is_a_clip(
    indexed: Library, command: Command, clip: NDArray[np.float32], tmp_path: Path
) -> None:
    path = tmp_path / "a01_s01_e00_v01.json"
    path.write_text(json.dumps({"label": 1, "skeletons": clip[:, 0, :20].tolist()}))
    np.save(tmp_path / "same.npy", clip[:, 0, :20])
    from_json, from_npy = (
        read_document(command("query", name, "--json"))["hits"] for name in (path, tmp_path / "same.npy")
    )
    assert from_json == from_npy
    assert len(from_json) == 10


def test_a_skeleton_file_is_a_clip(indexed: Library, command: Command, golden: Path, tmp_path: Path) -> None:
    assert command("ingest", "raw", "--source", golden / "raw").code == 0
    assert command("build-index", "raw", "--encoder", "e").code == 0
    for path in sorted((golden / "raw").iterdir())[:3]:
        best = read_document(command("query", path, "--json"))["hits"][0]
        assert best["name"] == path.stem
        assert best["score"] == pytest.approx(1, abs=1e-5)


def test_stated_conventions_of_a_query(
    indexed: Library, command: Command, clip: NDArray[np.float32], tmp_path: Path
) -> None:
    x, y, z = (clip[:, 0, :, axis] for axis in range(3))
    np.save(tmp_path / "up.npy", np.stack([x, -z, y], axis=-1) * 1000)
    words = ("query", tmp_path / "up.npy", "--up", "z", "--scale", "0.001", "--json")
    wanted = read_document(command("query", f"mine:{QUERY}", "--json"))["hits"]
    found = read_document(command(*words))["hits"]
    assert [hit["name"] for hit in found] == [hit["name"] for hit in wanted]
    assert [h["score"] for h in found] == pytest.approx([h["score"] for h in wanted], abs=1e-5)


def test_the_up_axis_of_the_dataset_is_not_that_of_a_picture() -> None:
    dataset = {"state": "raw", "layout": "ntu25", "fps": 30.0, "up": "z", "scale": 1.0}
    assert conventions_of("kp.npy", dataset, {}).up == "z"
    assert conventions_of("kp.npy", dataset, {"layout": "coco-17"}).up == "y"
    assert conventions_of("kp.npy", dataset, {"layout": "coco-17-3d"}).up == "z"
    assert conventions_of("kp.npy", dataset, {"layout": "coco-17", "up": "z"}).up == "z"


def test_an_up_axis_that_is_stated_of_a_picture_is_an_error(
    indexed: Library, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "kp.json").write_text(
        json.dumps([{"keypoints": points(joints)} for joints in walk("coco-17", 30)])
    )
    answer = command("query", tmp_path / "kp.json", "--up", "z")
    assert answer.code != 0
    assert "joints of a picture have no up axis to state: x is right, y down" in answer.err


@pytest.mark.parametrize(
    ("clip", "k", "text"),
    [
        (np.zeros((9, 1, 25, 3)), 3, "nobody is in the clip"),
        (np.full((9, 1, 25, 3), np.nan), 3, "finite numbers"),
        (np.ones((9, 1, 17, 3)), 3, r"\(T, M, 25, 3\) or \(T, 25, 3\), got \(9, 1, 17, 3\)"),
        (np.ones((0, 1, 25, 3)), 3, r"got \(0, 1, 25, 3\)"),
        (np.ones((25, 3)), 3, r"got \(25, 3\)"),
        (np.ones((9, 3, 25, 3)), 3, "3 people are in the clip"),
        (np.ones((9, 1, 25, 3)), 0, "k is 1 or more"),
    ],
)
def test_what_is_no_clip_is_a_value_error(indexed: Library, clip: np.ndarray, k: int, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        indexed.index(device="cpu").search([clip], k=k)


def test_one_person_may_come_without_an_axis_and_with_an_absent_one(indexed: Library, made: Path) -> None:
    searcher = indexed.index(device="cpu")
    clip = np.load(made / "clips" / "S001C001P001R001A010.npy")
    one = clip[:, :1]
    beside = np.concatenate([np.zeros_like(one), one], axis=1)
    alone, without, with_nobody = searcher.search([one, one[:, 0], beside], k=3)
    assert ranks_and_names([alone]) == ranks_and_names([without]) == ranks_and_names([with_nobody])


def test_a_clip_is_read_as_the_indexs_dataset_whatever_the_case_of_its_ending(
    library: Library, tmp_path: Path, command: Command
) -> None:
    write_scaled(tmp_path / "own", "S001C001P001R001A001", "S001C001P002R001A005", scale=1000)
    ingest(library, Request(name="own", source=tmp_path / "own", scale=0.001, fps=15))
    assert command("build-index", "own", "--encoder", "e").code == 0
    small = tmp_path / "own" / "S001C001P001R001A001.npy"
    large = small.rename(small.with_suffix(".NPY"))
    told = command("query", large, "--index", "own@e", "--json")
    assert (told.err, told.json["hits"][0]["name"]) == ("", small.stem)
    assert told.json["hits"][0]["score"] == pytest.approx(1, abs=1e-5)


def test_a_query_tells(indexed: Library, tmp_path: Path, command: Command) -> None:
    write_scaled(tmp_path, "S001C002P003R001A010", scale=1000)
    clip = tmp_path / "S001C002P003R001A010.npy"
    told = command("query", clip)
    assert f"note: {clip}: people are 1," in told.err
    assert "--scale 0.001" in told.err
    assert command("query", clip, "--scale", 0.001).err == ""


def test_a_folder_of_openposes_frames_is_a_query(indexed: Library, command: Command, tmp_path: Path) -> None:
    write_openpose(tmp_path / "squat")
    document = read_document(command("query", tmp_path / "squat", "--json"))
    (found,) = document["queries"]
    assert found["query"]["frames"] == 8
    assert len(found["hits"]) > 0


def test_upper_bodies_are_taken_and_told(indexed: Library, command: Command, tmp_path: Path) -> None:
    keys = ("x", "y", "z", "visibility")
    frames = landmarks(legs=0.01).tolist()
    content = [{"pose_landmarks": [dict(zip(keys, joint, strict=True)) for joint in one]} for one in frames]
    (tmp_path / "sign.json").write_text(json.dumps(content))
    notes = read_document(command("query", tmp_path / "sign.json", "--json"))["query"]["notes"]
    assert any("legs are never seen" in note for note in notes)
    assert any("4:3 is assumed" in note for note in notes)
    assert not any("lie along" in note for note in notes)


def test_too_little_of_a_person_is_refused(indexed: Library, command: Command, tmp_path: Path) -> None:
    desk = [points(joints[:11]) + points(joints[11:], 0.1) for joints in walk("coco-17")]
    (tmp_path / "desk.json").write_text(json.dumps([{"keypoints": one} for one in desk]))
    refused = command("query", tmp_path / "desk.json")
    assert refused.code == 1
    assert "both shoulders and both hips are seen in 0 of 8 frames" in refused.err


def test_an_archive_is_weighed_before_it_is_read(tmp_path: Path) -> None:
    """One that holds no clip: were it read, it would be told so."""
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(1_000))
    with pytest.raises(TooLongError, match=r"a\.npz: more frames than there is room for"):
        read_clip_frames(tmp_path / "a.npz", conventions=Conventions(), most_bytes=4_000)
    with pytest.raises(UmurlError, match="none of its arrays is a clip"):
        read_clip_frames(tmp_path / "a.npz", conventions=Conventions(), most_bytes=5_000)
