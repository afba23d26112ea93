"""Which format a source is in."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import motion_files
import numpy as np
import pytest
from detector_files import landmarks, points, walk, write_holistic, write_openpose
from rigs import bvh, person
from scipy.io import savemat

from encoder.errors import UmurlError
from encoder.joint_layouts import LAYOUTS
from umurl_search.readers import FORMATS, SourceOptions, detect, open_reader
from umurl_search.readers.base import Reader

REAL = Path(__file__).parents[2] / "shared/data"
GOLDEN = Path(__file__).parent / "golden"


def make_ntu(folder: Path) -> Path:
    (folder / "deep").mkdir()
    (folder / "S001C001P001R001A001.txt").write_text("a note\n")
    path = folder / "deep" / "S001C001P001R001A001.skeleton"
    path.write_text("1\n0\n")
    return path


def make_pku(folder: Path) -> Path:
    path = folder / "0291-L.txt"
    path.write_text(" ".join(["0.5"] * 150) + "\n")
    (folder / "README.txt").write_text("about\n")
    return path


def make_agcn(folder: Path) -> None:
    (folder / "xsub").mkdir()
    np.save(folder / "xsub" / "train_data_joint.npy", np.ones((1, 3, 4, 25, 2)))
    (folder / "xsub" / "train_label.pkl").write_bytes(pickle.dumps((["a"], [0])))


def make_ctr_gcn(folder: Path) -> Path:
    path = folder / "NTU60_CS.npz"
    data, labels = np.ones((1, 4, 150)), np.eye(60)[:1]
    np.savez(path, x_train=data, y_train=labels, x_test=data, y_test=labels)
    return path


def make_pyskl(folder: Path) -> Path:
    path = folder / "some.pkl"
    path.write_bytes(pickle.dumps({"split": {}, "annotations": []}))
    return path


def make_nw_ucla(folder: Path) -> Path:
    path = folder / "a01_s01_e00_v01.json"
    path.write_text(json.dumps({"skeletons": np.ones((2, 20, 3)).tolist(), "label": 1}))
    return path


def make_azure_kinect(folder: Path) -> Path:
    return motion_files.write_azure_kinect(folder / "clip.json", [{1: np.ones((32, 3))}] * 2)


def make_bvh(folder: Path) -> Path:
    path = folder / "clip.bvh"
    path.write_text(bvh(person()))
    return path


def make_c3d(folder: Path) -> Path:
    return motion_files.write_c3d(folder / "clip.c3d", np.ones((3, 9, 3)), list("abcdefghi"))


def make_pose(folder: Path) -> Path:
    return motion_files.write_pose(folder / "clip.pose", np.ones((2, 1, 33, 3)))


def make_amass(folder: Path) -> Path:
    path = folder / "clip.npz"
    np.savez(
        path, poses=np.zeros((4, 156)), trans=np.zeros((4, 3)), betas=np.zeros(16), mocap_framerate=120.0
    )
    return path


def make_npy(folder: Path) -> Path:
    path = folder / "clip.npy"
    np.save(path, np.ones((2, 25, 3)))
    return path


def make_array_set(folder: Path) -> Path:
    np.save(folder / "X.npy", np.ones((5, 2, 25, 3)))
    np.save(folder / "y.npy", np.arange(5))
    return folder / "X.npy"


def make_npz(folder: Path) -> Path:
    path = folder / "clip.npz"
    np.savez(path, keypoints=np.ones((2, 25, 3)), fps=30)
    return path


def make_mat(folder: Path) -> Path:
    path = folder / "clip.mat"
    savemat(path, {"d_skel": np.ones((25, 3, 4)), "about": "a text"})
    return path


def make_csv(folder: Path) -> Path:
    path = folder / "clip.csv"
    path.write_text(",".join(["0.5"] * 75) + "\n")
    return path


def make_openpose(folder: Path) -> Path:
    return write_openpose(folder) / "walk_000000000003_keypoints.json"


def make_keypoints(folder: Path) -> Path:
    path = folder / "squat.json"
    path.write_text(json.dumps([{"keypoints": points(joints)} for joints in walk("coco-17")]))
    return path


def make_keypoints_csv(folder: Path) -> Path:
    path = folder / "squat.csv"
    head = [f"{axis}{joint}" for joint in range(1, 34) for axis in "xyzv"]
    rows = [",".join(map(str, frame.ravel())) for frame in landmarks()]
    path.write_text("\n".join([",".join(head), *rows]))
    return path


def make_mediapipe(folder: Path) -> Path:
    return write_holistic(folder / "hello" / "0", landmarks()) / "3.npy"


MAKERS: dict[str, Callable[[Path], Path | None]] = {
    "ntu-skeleton": make_ntu,
    "pku-mmd": make_pku,
    "agcn": make_agcn,
    "ctr-gcn": make_ctr_gcn,
    "pyskl": make_pyskl,
    "nw-ucla": make_nw_ucla,
    "azure-kinect": make_azure_kinect,
    "bvh": make_bvh,
    "c3d": make_c3d,
    "pose": make_pose,
    "amass": make_amass,
    "openpose": make_openpose,
    "keypoints-json": make_keypoints,
    "keypoints-csv": make_keypoints_csv,
    "mediapipe-npy": make_mediapipe,
    "array-set": make_array_set,
    "npy": make_npy,
    "npz": make_npz,
    "mat": make_mat,
    "csv": make_csv,
}


OWN_LAYOUTS = {
    "nw-ucla": "kinect-v1",
    "azure-kinect": "azure-32",
    "bvh": "rig",
    "c3d": "rig",
    "pose": "mediapipe-33",
    "amass": "smpl-22",
    "openpose": "openpose-25",
    "keypoints-json": "coco-17",
    "keypoints-csv": "mediapipe-33",
    "mediapipe-npy": "mediapipe-33",
}
STATED = {"c3d": SourceOptions(layout="rig")}


def test_every_format_is_covered_here() -> None:
    assert tuple(MAKERS) == tuple(FORMATS)


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_source_is_recognised_and_opened(tmp_path: Path, fmt: str) -> None:
    file = MAKERS[fmt](tmp_path)
    for source in filter(None, (tmp_path, file)):
        assert detect(source) == fmt
        reader: Reader = open_reader(fmt, (source,), STATED.get(fmt))
        assert (reader.format, reader.layout) == (fmt, OWN_LAYOUTS.get(fmt, "ntu25"))
        assert reader.parallel == (fmt not in ("ctr-gcn", "pyskl"))
        items = reader.items()
        assert reader.items() == items
        assert len(list(reader.read(items))) == len(items)
        assert all(path.is_file() for path in reader.files())
        assert (
            repr(pickle.loads(pickle.dumps(reader)))
            == repr(reader)
            == repr(open_reader(fmt, (source,), STATED.get(fmt)))
        )
        assert str(source) in repr(reader)


def test_a_file_as_source_is_read(tmp_path: Path) -> None:
    reader = open_reader("npy", (make_npy(tmp_path),))
    ((clip,),) = reader.read(reader.items())
    assert (clip.name, clip.source) == ("clip", "clip.npy")


def test_golden_recordings_are_recognised() -> None:
    assert detect(GOLDEN / "raw") == "ntu-skeleton"


def test_what_is_not_recognised_is_an_error(tmp_path: Path) -> None:
    known = ", ".join(FORMATS)
    for source, message in (
        (tmp_path / "gone", "no such file or folder"),
        (tmp_path, "the folder is empty"),
    ):
        with pytest.raises(UmurlError) as raised:
            detect(source)
        assert raised.value.typed == f"{source}: {message}; known formats are {known}"
    (tmp_path / "a.txt").write_text("hello\n")
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([1]))
    (tmp_path / "a.npy").write_text("hello")
    (tmp_path / "a.npz").write_text("hello")
    for source in (tmp_path, *sorted(tmp_path.iterdir())):
        with pytest.raises(UmurlError) as raised:
            detect(source)
        assert raised.value.typed.startswith(f"{source}: ")
        assert f"known formats are {known}; " in raised.value.typed


def test_an_unknown_format_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UmurlError, match=r"^unknown format 'fbx'; known are ntu-skeleton, pku-mmd, "):
        open_reader("fbx", (tmp_path,))


@pytest.mark.parametrize("fmt", ["npy", "pyskl"])
def test_an_unknown_layout_is_an_error(tmp_path: Path, fmt: str) -> None:
    MAKERS[fmt](tmp_path)
    with pytest.raises(
        UmurlError, match=f"^unknown joint layout: layout is one of {', '.join(LAYOUTS)}, or a"
    ):
        open_reader(fmt, (tmp_path,), SourceOptions(layout="none"))


@pytest.mark.data
@pytest.mark.parametrize(
    ("source", "fmt"),
    [
        ("ntu_samples/raw", "ntu-skeleton"),
        ("ntu_samples/ctrgcn", "ctr-gcn"),
        ("pku_samples", "pku-mmd"),
        ("utd_mhad/utd_mhad.pkl", "pyskl"),
        ("utd_mhad/agcn", "agcn"),
        ("utd_mhad/agcn/xsub", "agcn"),
        ("nw_ucla", "nw-ucla"),
        ("skeletons/movenet17_json", "keypoints-json"),
        ("skeletons/mediapipe33_json", "keypoints-json"),
        ("skeletons/alphapose_json", "keypoints-json"),
        ("skeletons/mediapipe_holistic_npy/MP_Data", "mediapipe-npy"),
    ],
)
def test_real_sources_are_recognised(source: str, fmt: str) -> None:
    if not REAL.is_dir():
        pytest.skip("real recordings are not beside the checkout")
    assert detect(REAL / source) == fmt
