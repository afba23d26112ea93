"""The formats of pose estimators' files as the table of formats has them: each reader is imported when it is needed."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from umurl_search.readers.base import Reader
    from umurl_search.readers.build_clip import FileClip
    from umurl_search.readers.formats import QueryReading, SourceOptions


def open_openpose(roots: Sequence[Path], options: "SourceOptions") -> "Reader":
    from umurl_search.readers.openpose import OpenPoseReader

    return OpenPoseReader(roots, layout=options.layout)


def is_openpose(path: Path) -> bool:
    from umurl_search.readers.openpose import is_openpose_frame

    return is_openpose_frame(path)


def read_openpose(path: Path, how: "QueryReading") -> "FileClip":
    from umurl_search.readers.detected_clip import name_notes
    from umurl_search.readers.openpose import read_recording

    return name_notes(path, read_recording(path, layout=how.layout))


def open_keypoints(roots: Sequence[Path], options: "SourceOptions") -> "Reader":
    from umurl_search.readers.keypoints_json import KeypointsReader

    return KeypointsReader(roots, layout=options.layout)


def is_keypoints(path: Path) -> bool:
    from umurl_search.readers.keypoints_json import is_keypoints_json

    return is_keypoints_json(path)


def read_keypoints(path: Path, how: "QueryReading") -> "FileClip":
    from umurl_search.readers.detected_clip import name_notes
    from umurl_search.readers.keypoints_json import read_recording

    return name_notes(path, read_recording(path, layout=how.layout))


def open_keypoints_csv(roots: Sequence[Path], options: "SourceOptions") -> "Reader":
    from umurl_search.readers.keypoints_csv import KeypointsCsvReader

    return KeypointsCsvReader(roots, layout=options.layout)


def is_keypoints_csv(path: Path) -> bool:
    from umurl_search.readers.keypoints_csv import is_keypoints_csv

    return is_keypoints_csv(path)


def read_keypoints_csv(path: Path, how: "QueryReading") -> "FileClip":
    from umurl_search.readers.detected_clip import name_notes
    from umurl_search.readers.keypoints_csv import read_recording

    return name_notes(path, read_recording(path, layout=how.layout))


def open_mediapipe(roots: Sequence[Path], options: "SourceOptions") -> "Reader":
    from umurl_search.readers.mediapipe_npy import MediapipeNpyReader

    return MediapipeNpyReader(roots, layout=options.layout)


def is_mediapipe(path: Path) -> bool:
    from umurl_search.readers.mediapipe_npy import is_mediapipe_npy

    return is_mediapipe_npy(path)


def count_mediapipe(folder: Path) -> int:
    from umurl_search.readers.mediapipe_npy import count_mediapipe_files

    return count_mediapipe_files(folder)


def read_mediapipe(path: Path, how: "QueryReading") -> "FileClip":
    from umurl_search.readers.detected_clip import name_notes
    from umurl_search.readers.mediapipe_npy import read_recording

    return name_notes(path, read_recording(path, layout=how.layout))


ROWS: dict[str, dict[str, Any]] = {
    "openpose": {
        "open": open_openpose,
        "suffix": ".json",
        "is_file": is_openpose,
        "read_clip": read_openpose,
    },
    "keypoints-json": {
        "open": open_keypoints,
        "suffix": ".json",
        "is_file": is_keypoints,
        "has_recording_files": True,
        "is_clip_a_file": True,
        "read_clip": read_keypoints,
    },
    "keypoints-csv": {
        "open": open_keypoints_csv,
        "suffix": ".csv",
        "other_suffixes": (".tsv",),
        "is_file": is_keypoints_csv,
        "has_recording_files": True,
        "is_clip_a_file": True,
        "read_clip": read_keypoints_csv,
    },
    "mediapipe-npy": {
        "open": open_mediapipe,
        "suffix": ".npy",
        "is_file": is_mediapipe,
        "count_in_folder": count_mediapipe,
        "read_clip": read_mediapipe,
    },
}
"""name -> the fields of its row."""
