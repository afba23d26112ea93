"""AGCN's arrays: rows are clips, sub-folders protocols."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Result
from made_bodies import turn_like_agcn
from numpy.typing import NDArray
from refusals import raises_typed

from encoder.errors import UmurlError
from umurl_search.clips.clip import Clip, LeftOut, Outcome
from umurl_search.clips.normalization import normalise
from umurl_search.library.library import Library
from umurl_search.readers import detect
from umurl_search.readers.agcn import AgcnReader
from umurl_search.search.searcher import Searcher
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Result]
REAL = Path(__file__).parents[2] / "shared/data/utd_mhad/agcn"
NAMES = ["S001C001P001R001A001.skeleton", "S001C002P001R001A002.skeleton"]


def rows(n_rows: int, *, n_frames: int = 6) -> NDArray[np.float32]:
    return np.random.default_rng(n_rows).normal(size=(n_rows, 3, n_frames, 25, 2)).astype(np.float32)


def write(
    folder: Path, prefix: str, data: NDArray[Any], names: Any, *, n_frames: list[int] | None = None
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{prefix}_data_joint.npy", data)
    (folder / f"{prefix}_label.pkl").write_bytes(pickle.dumps((names, list(range(len(names)))), 2))
    if n_frames is not None:
        np.save(folder / f"{prefix}_num_frame.npy", np.array(n_frames))


def outcomes(root: Path) -> list[Outcome]:
    reader = AgcnReader((root,))
    return [outcome for group in reader.read(reader.items()) for outcome in group]


def only_outcome(root: Path) -> Outcome:
    (outcome,) = outcomes(root)
    return outcome


def test_rows_are_clips(tmp_path: Path) -> None:
    data = rows(2)
    write(tmp_path / "xsub", "train", data, NAMES, n_frames=[4, 6])
    first, second = outcomes(tmp_path)
    assert isinstance(first, Clip)
    assert isinstance(second, Clip)
    assert (first.name, first.label, first.source) == (
        "S001C001P001R001A001",
        0,
        "xsub/train_data_joint.npy:0",
    )
    assert (second.label, second.camera, second.setup) == (1, 2, 1)
    np.testing.assert_array_equal(first.frames, data[0].transpose(1, 3, 2, 0)[:4])
    assert second.frames.shape == (6, 2, 25, 3)


def test_without_numbers_of_frames_clips_end_with_their_last_body(tmp_path: Path) -> None:
    data = rows(1)
    data[0, :, 1] = 0
    data[0, :, 4:] = 0
    data[0, ..., 1] = 0
    write(tmp_path, "train", data, NAMES[:1])
    clip = only_outcome(tmp_path)
    assert isinstance(clip, Clip)
    assert clip.frames.shape == (4, 1, 25, 3)


def test_a_clip_longer_than_its_row_says_what_was_cut(tmp_path: Path) -> None:
    write(tmp_path, "train", rows(1), NAMES[:1], n_frames=[9])
    clip = only_outcome(tmp_path)
    assert isinstance(clip, Clip)
    assert (len(clip.frames), clip.cut) == (6, 3)


def test_bad_rows_are_left_out(tmp_path: Path) -> None:
    data = rows(5)
    data[1] = 0
    data[2, 0] = np.inf
    names = ["a10_s1_0", "a10_s1_1", "a10_s1_2", "a10_s1_3", "a10_s1_0"]
    write(tmp_path, "val", data, names, n_frames=[6, 6, 6, 0, 6])
    good, *bad = outcomes(tmp_path)
    assert isinstance(good, Clip)
    assert good.replication == 0
    source = "val_data_joint.npy"
    assert bad == [
        LeftOut(name="a10_s1_1", reason="no body", detail="nobody in any of 6 frames", source=f"{source}:1"),
        LeftOut(
            name="a10_s1_2",
            reason="non-finite",
            detail="300 NaN or infinite numbers, from frame 1",
            source=f"{source}:2",
        ),
        LeftOut(
            name="a10_s1_3",
            reason="malformed",
            detail="the number of its frames is given as 0",
            source=f"{source}:3",
        ),
        LeftOut(
            name="a10_s1_0", reason="duplicate name", detail="row val/0 comes first", source=f"{source}:4"
        ),
    ]


def test_sub_folders_are_protocols_and_the_first_gives_the_clips(tmp_path: Path) -> None:
    for protocol in ("xview", "xsub", "xset"):
        write(tmp_path / protocol, "train", rows(1), [f"{protocol}_a"])
        write(tmp_path / protocol, "val", rows(1), [f"{protocol}_b"])
    (tmp_path / "other").mkdir()
    reader = AgcnReader((tmp_path,))
    assert [group[0].name for group in reader.read(reader.items())] == ["xsub_a", "xsub_b"]
    assert reader.splits() == {
        protocol: {"train": [f"{protocol}_a"], "test": [f"{protocol}_b"]}
        for protocol in ("xsub", "xview", "xset")
    }
    assert list(reader.splits()) == ["xsub", "xview", "xset"]
    assert len(reader.files()) == 8


@pytest.mark.parametrize(("folder", "protocol"), [("xview", "xview"), ("mine", "default")])
def test_a_flat_folder_is_one_protocol(tmp_path: Path, folder: str, protocol: str) -> None:
    write(tmp_path / folder, "train", rows(1), ["a"])
    assert AgcnReader((tmp_path / folder,)).splits() == {protocol: {"train": ["a"]}}


def test_items_are_read_in_the_order_given_by_any_copy(tmp_path: Path) -> None:
    write(tmp_path, "train", rows(3), ["a", "b", "c"])
    copy = pickle.loads(pickle.dumps(AgcnReader((tmp_path,))))
    assert [group[0].name for group in copy.read(["train/2", "train/0"])] == ["c", "a"]


class Runs:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch marker",)


def test_bad_sources_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UmurlError, match=r": holds no train_data_joint\.npy or val_data_joint\.npy, nor do"):
        AgcnReader((tmp_path,))
    np.save(tmp_path / "train_data_joint.npy", rows(2))
    labels = tmp_path / "train_label.pkl"
    with pytest.raises(UmurlError, match=r"train_label\.pkl: missing; it holds the names and labels"):
        AgcnReader((tmp_path,))
    labels.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(UmurlError, match=r"train_label\.pkl: holds no pair of names and labels"):
        AgcnReader((tmp_path,))
    labels.write_bytes(pickle.dumps((["a"], Runs())))
    with pytest.raises(UmurlError, match=r"train_label\.pkl: refused: the pickle asks for posix\.system"):
        AgcnReader((tmp_path,))
    assert not (tmp_path / "marker").exists()
    labels.write_bytes(pickle.dumps((["a"], [0])))
    with pytest.raises(UmurlError, match=r"train_label\.pkl: 1 entries for the 2 clips of train_data_joint"):
        AgcnReader((tmp_path,))


@pytest.mark.parametrize("name", ["data_joint", "data", "position", "joint"])
@pytest.mark.parametrize("shape", [(2, 3, 6, 25, 2), (2, 3, 6, 25, 1), (2, 3, 6, 25)])
@pytest.mark.parametrize("labels", ["pkl", "npy", "txt", "pairs"])
def test_arrays_of_every_name_and_kind_of_label(
    tmp_path: Path, name: str, shape: tuple[int, ...], labels: str
) -> None:
    for part in ("train", "test"):
        np.save(tmp_path / f"{part}_{name}.npy", np.ones(shape))
        match labels:
            case "pkl":
                (tmp_path / f"{part}_label.pkl").write_bytes(pickle.dumps([3, 1]))
            case "npy":
                np.save(tmp_path / f"{part}_labels.npy", np.array([3, 1]))
            case "txt":
                (tmp_path / f"{part}_label.txt").write_text("3\n1\n")
            case "pairs":
                pair = [f"{part}_00000.skeleton", f"{part}_00001"], [3, 1]
                (tmp_path / f"{part}_label.pkl").write_bytes(pickle.dumps(pair))
    assert detect(tmp_path) == "agcn"
    reader = AgcnReader((tmp_path,))
    clips = [outcome for (outcome,) in reader.read(reader.items())]
    assert [clip.label for clip in clips if isinstance(clip, Clip)] == [3, 1, 3, 1]
    assert reader.splits() == {
        "default": {part: [f"{part}_00000", f"{part}_00001"] for part in ("train", "test")}
    }
    assert len(reader.files()) == 4


def test_labels_that_are_text_are_numbered_over_all_parts(tmp_path: Path) -> None:
    for part, words in (("train", "wave\nclap\n"), ("val", "kick\nwave\n")):
        np.save(tmp_path / f"{part}_data.npy", np.ones((2, 3, 6, 25, 1)))
        (tmp_path / f"{part}_label.txt").write_text(words)
    reader = AgcnReader((tmp_path,))
    clips = [one for (one,) in reader.read(reader.items()) if isinstance(one, Clip)]
    assert [(clip.label, clip.action) for clip in clips] == [
        (2, "wave"),
        (0, "clap"),
        (1, "kick"),
        (2, "wave"),
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((2, 3, 6, 20, 2)), r"shape \(2, 3, 6, 20, 2\), not \(N, 3, T, 25, 2\)"),
        (np.array([1, None]), "holds Python objects, not numbers"),
        (np.zeros(3, complex), "holds complex128, not numbers"),
    ],
)
def test_bad_arrays_are_errors(tmp_path: Path, data: NDArray[Any], message: str) -> None:
    write(tmp_path, "train", data, ["a", "b"])
    with pytest.raises(UmurlError, match=rf"train_data_joint\.npy: .*{message}"):
        AgcnReader((tmp_path,))


def test_a_truncated_array_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "train", rows(2), ["a", "b"])
    path = tmp_path / "train_data_joint.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with raises_typed(r"joint\.npy: 7327 bytes, its header announces 7328; make it again$"):
        AgcnReader((tmp_path,))


def test_two_sources_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(UmurlError, match="this format is read from one source at a time"):
        AgcnReader((tmp_path, tmp_path))


@pytest.mark.data
def test_real_arrays() -> None:
    if not REAL.is_dir():
        pytest.skip("the real UTD-MHAD arrays are not beside the checkout")
    reader = AgcnReader((REAL,))
    clips = [group[0] for group in reader.read(reader.items())]
    assert len(clips) == 861
    assert all(isinstance(clip, Clip) for clip in clips)
    assert {part: len(names) for part, names in reader.splits()["xsub"].items()} == {
        "train": 431,
        "test": 430,
    }
    assert {clip.label for clip in clips if isinstance(clip, Clip)} == set(range(27))


def write_turned(folder: Path, prefix: str, *, n_frames: int = 0) -> list[NDArray[np.float32]]:
    """Four clips of one person as 2s-AGCN stores them; with n_frames, repeated up to as many. Returns them raw."""
    names = [f"S001C001P00{subject}R001A0{action}" for subject in (1, 2) for action in (10, 20)]
    raw = [make_clip(name)[:40] for name in names]
    data = np.zeros((4, 3, n_frames or 40, 25, 2), np.float32)
    for row, frames in zip(data, raw, strict=True):
        turned = turn_like_agcn(frames)
        row[..., 0] = np.resize(turned, (row.shape[1], *turned.shape[1:]))[:, 0].transpose(2, 0, 1)
    write(folder, prefix, data, names)
    return raw


def test_the_state_is_found_by_looking(tmp_path: Path) -> None:
    assert AgcnReader((_made(tmp_path / "a", rows(3)),)).state == "raw"
    write_turned(tmp_path / "b", "train")
    assert AgcnReader((tmp_path / "b",)).state == "body-turned"
    ready = np.zeros((2, 3, 40, 25, 2), np.float32)
    for row, action in zip(ready, (10, 20), strict=True):
        row[..., 0] = normalise(make_clip(f"S001C001P001R001A0{action}")[:40])[:, 0].transpose(2, 0, 1)
    assert AgcnReader((_made(tmp_path / "c", ready),)).state == "umurl-normalised"
    assert AgcnReader((_made(tmp_path / "d", ready[..., 0]),)).state == "umurl-normalised"
    assert AgcnReader((_made(tmp_path / "e", ready + 1),)).state == "raw"


def _made(folder: Path, data: NDArray[np.float32]) -> Path:
    write(folder, "train", data, [f"n{row}" for row in range(len(data))])
    return folder


def test_repetitions_that_fill_a_row_are_no_part_of_its_clip(tmp_path: Path) -> None:
    write_turned(tmp_path, "train", n_frames=300)
    assert {len(clip.frames) for clip in outcomes(tmp_path) if isinstance(clip, Clip)} == {40}


@pytest.mark.parametrize("n_frames", [0, 300])
def test_a_recording_finds_itself_in_arrays_of_2s_agcn(
    library: Library, command: Command, tmp_path: Path, n_frames: int
) -> None:
    raw = write_turned(tmp_path / "arrays", "train", n_frames=n_frames)
    report = command("ingest", "turned", "--source", tmp_path / "arrays", "--json").json
    assert any("turned upright" in note for note in report["notes"])
    assert command("build-index", "turned").code == 0
    names = [clip.name for clip in outcomes(tmp_path / "arrays") if isinstance(clip, Clip)]
    for name, frames in zip(names, raw, strict=True):
        np.save(tmp_path / "ask.npy", frames)
        (hit,) = command("query", tmp_path / "ask.npy", "--k", 1, "--json").json["hits"]
        assert hit["name"] == name
        assert hit["score"] > 0.999
        (answer,) = Searcher(library).search([frames], k=1)
        assert answer.hits[0].name == name


def test_a_dataset_of_recordings_asks_arrays_of_2s_agcn(
    library: Library, command: Command, tmp_path: Path
) -> None:
    raw = write_turned(tmp_path / "arrays", "train")
    names = [clip.name for clip in outcomes(tmp_path / "arrays") if isinstance(clip, Clip)]
    (tmp_path / "raw").mkdir()
    for name, frames in zip(names, raw, strict=True):
        np.save(tmp_path / "raw" / f"{name}.npy", frames)
    assert command("ingest", "turned", "--source", tmp_path / "arrays").code == 0
    assert command("ingest", "plain", "--source", tmp_path / "raw").code == 0
    assert command("build-index", "turned").code == 0
    for source in ("plain", tmp_path / "raw", f"plain:{names[0]}"):
        document = command("query", source, "--index", "turned@shipped", "--k", 1, "--json").json
        for answer in document.get("queries", [document]):
            assert answer["hits"][0]["score"] > 0.999
            assert answer["hits"][0]["name"] == answer["query"]["clip"].rpartition(":")[2]
