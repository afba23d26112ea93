"""Queries of other layouts: what crosses, what is said, at every door."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from detector_files import landmarks
from serving import Client, npy
from test_clips_picture_places import to_coco, to_pixels

from umurl_search.clips.degrade import Degrading, degrade
from umurl_search.clips.normalization import Conventions, normalise
from umurl_search.clips.types import Embeddings
from umurl_search.index.bridges_and_whitening import Transform
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library
from umurl_search.search.options import MatchOptions, SearchOptions
from umurl_search.search.query_clip import QueryBatch, QueryClip, read_clip
from umurl_search.search.searcher import Searcher

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def shipped_root(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made library with an index of the encoder that ships, which tells clips apart."""
    root = tmp_path_factory.mktemp("shipped") / "library"
    shutil.copytree(made / "library", root)
    build_index(Library(root), BuildRequest(dataset="mine", encoder="shipped", device="cpu"))
    return root


@pytest.fixture
def indexed(shipped_root: Path, tmp_path: Path) -> Library:
    shutil.copytree(shipped_root, tmp_path / "library")
    return Library(tmp_path / "library")


@pytest.fixture
def keypoints(indexed: Library, tmp_path: Path) -> tuple[Path, str]:
    """A clip of the index as COCO's keypoints in pixels, (T, 17, 3) with a score, and its name."""
    pixels = to_pixels(to_coco(np.asarray(open_clips(indexed, "mine").frames(1))[:, :1]))[:, 0]
    pixels[..., 2] = 0.9
    np.save(tmp_path / "seen.npy", pixels)
    with indexed.read() as catalog:
        return tmp_path / "seen.npy", catalog.clips_of("mine").name[1]


def test_keypoints_of_a_picture_find_their_clip_and_say_how(
    indexed: Library, command: Command, keypoints: tuple[Path, str]
) -> None:
    path, name = keypoints
    answer = command("query", path, "--layout", "coco-17", "--k", 3, "--json").json
    assert answer["hits"][0]["name"] == name
    notes = " ".join(answer["query"]["notes"])
    assert "joints of coco-17; it has no spine base" in notes
    assert "across a bridge from coco-17, seen from -60 to 60 degrees" in notes
    said = {key: answer["query"][key] for key in ("layout", "layout_bridge", "views")}
    assert said == {"layout": "coco-17", "layout_bridge": True, "views": 60}
    assert "left thumb" in answer["query"]["invented"]
    assert "bridge" in answer["seconds"]
    kept = list((indexed.root / "bridges").iterdir())
    assert len(kept) == 1
    stamp = kept[0].stat().st_mtime_ns
    again = command("query", path, "--layout", "coco-17", "--k", 3, "--json").json
    assert again["hits"] == answer["hits"]
    assert kept[0].stat().st_mtime_ns == stamp
    raw = command("query", path, "--layout", "coco-17", "--no-bridge", "--json").json["query"]
    assert "across a bridge" not in " ".join(raw["notes"])
    assert (raw["layout_bridge"], raw["views"]) == (False, None)


def test_a_bridge_covers_the_sides_that_are_asked_for(
    indexed: Library, command: Command, keypoints: tuple[Path, str]
) -> None:
    path, name = keypoints
    words = ("query", path, "--layout", "coco-17", "--views", 90, "--json")
    answer = command(*words).json
    assert answer["hits"][0]["name"] == name
    assert answer["query"]["views"] == 90
    assert "seen from -90 to 90 degrees" in " ".join(answer["query"]["notes"])
    searcher = Searcher(indexed, "mine@shipped", device="cpu")
    clip = read_clip(indexed, str(path), conventions=Conventions(layout="coco-17"), strict_layout=True)
    scores = [searcher.ask([clip], SearchOptions(k=1, views=views))[0].hits[0].score for views in (0, 90, 0)]
    assert scores[0] == scores[2] != scores[1] == pytest.approx(answer["hits"][0]["score"])
    assert command("query", path, "--views", 181).code == 2


def test_bridges_are_made_ready_for_the_sides_that_are_asked_for(indexed: Library, command: Command) -> None:
    words = ("build-index", "mine", "--encoder", "shipped", "--as", "ready")
    assert command(*words, "--views", 90).code == 2
    assert command(*words, "--ask-with", "coco-17", "--views", 90, "--json").json["ask_with"] == ["coco-17"]
    kept = set((indexed.root / "bridges").iterdir())
    assert len(kept) == 1
    searcher = Searcher(indexed, "ready", device="cpu")
    searcher.layout_bridge("coco-17", SearchOptions(views=90))
    assert set((indexed.root / "bridges").iterdir()) == kept


def test_many_clips_are_told_of_as_one_is(
    indexed: Library, command: Command, keypoints: tuple[Path, str], tmp_path: Path
) -> None:
    path, _ = keypoints
    alone = command("query", path, "--layout", "coco-17", "--json").json["query"]
    batch = command("query", path, path, "--layout", "coco-17", "--json").json["queries"]
    for one in batch:
        assert one["query"]["notes"] == alone["notes"]
        assert {key: one["query"][key] for key in ("layout", "layout_bridge", "views", "invented")} == {
            key: alone[key] for key in ("layout", "layout_bridge", "views", "invented")
        }


@pytest.mark.parametrize("transform", ["none", "half-whiten:16"])
@pytest.mark.parametrize("layout", ["ntu25", "coco-17"])
def test_many_clips_are_centred_on_their_own_mean(indexed: Library, transform: str, layout: str) -> None:
    build_index(
        indexed,
        BuildRequest(
            dataset="mine", encoder="shipped", device="cpu", transform=Transform.parse(transform), name="i"
        ),
    )
    searcher = Searcher(indexed, "i", device="cpu")
    how, crossed = SearchOptions(k=3), None if layout == "ntu25" else layout
    clips = open_clips(indexed, "mine")
    frames = [normalise(degrade(clips.frames(i), Degrading(layout=layout))) for i in range(12)]
    y = searcher.embed(frames, "fused", layout=crossed)

    def ask(moved: Embeddings) -> list[tuple[str, float]]:
        asking = QueryBatch(names=[str(i) for i in range(12)], y=moved, layout=crossed, centred=True)
        return [(hit.name, round(hit.score, 4)) for one in searcher.answer(asking, how) for hit in one.hits]

    away = np.random.default_rng(0).normal(size=y.shape[1:]).astype(np.float32)
    assert ask(y) == ask(y + away)
    plain = QueryBatch(names=[str(i) for i in range(12)], y=y, layout=crossed)
    assert [hit.score for one in searcher.answer(plain, how) for hit in one.hits] != [s for _, s in ask(y)]


def test_centring_goes_with_many(
    indexed: Library, command: Command, keypoints: tuple[Path, str], tmp_path: Path
) -> None:
    path, _ = keypoints
    assert command("query", path, "--layout", "coco-17", "--centre-batch").code == 2
    (tmp_path / "many").mkdir()
    for i in range(5):
        shutil.copy(path, tmp_path / "many" / f"c{i}.npy")
    words = ("query", tmp_path / "many", "--index", "mine@shipped", "--layout", "coco-17", "--json")
    scores = [
        [one["hits"][0]["score"] for one in command(*words, *more).json["queries"]]
        for more in ((), ("--centre-batch",))
    ]
    assert len(scores[0]) == len(scores[1]) == 5
    assert scores[0] != scores[1]
    few = command("query", path, path, "--layout", "coco-17", "--centre-batch", "--json").json["queries"]
    assert [one["hits"][0]["score"] for one in few] == scores[0][:2]
    assert "2 clips of one joint layout are too few to centre" in " ".join(few[0]["query"]["notes"])


def test_a_batch_of_mixed_layouts_answers_as_each_alone(
    indexed: Library, command: Command, keypoints: tuple[Path, str], tmp_path: Path
) -> None:
    path, name = keypoints
    native = f"mine:{name}"
    searcher = Searcher(indexed, "mine@shipped", device="cpu")
    options = SearchOptions(k=2)
    stated = Conventions(layout="coco-17")
    clips = [
        read_clip(indexed, str(path), conventions=stated, strict_layout=True),
        read_clip(indexed, native, conventions=Conventions()),
    ]
    both = searcher.ask([*clips, clips[0]], options)
    for answer, clip in zip(both, [*clips, clips[0]], strict=True):
        (alone,) = searcher.ask([clip], options)
        assert [hit.name for hit in answer.hits] == [hit.name for hit in alone.hits]
        assert answer.hits[0].name == name
    batch = command("query", path, path, "--layout", "coco-17", "--k", 2, "--json").json
    assert [one["hits"][0]["name"] for one in batch["queries"]] == [name, name]


def test_what_is_like_nothing_in_the_gallery_is_said_to_be_far(
    indexed: Library, command: Command, tmp_path: Path
) -> None:
    odd = np.random.default_rng(0).uniform(0, 700, (40, 17, 3)).astype(np.float32)
    odd[..., 2] = 1
    np.save(tmp_path / "odd.npy", odd)
    notes = command("query", tmp_path / "odd.npy", "--layout", "coco-17", "--json").json["query"]["notes"]
    assert any("lies far from all" in note for note in notes)


def test_joints_in_space_need_no_bridge_where_nothing_is_whitened(
    indexed: Library, command: Command, tmp_path: Path
) -> None:
    frames = np.asarray(open_clips(indexed, "mine").frames(1))[:, :1]
    np.save(tmp_path / "space.npy", to_coco(frames)[:, 0])
    answer = command("query", tmp_path / "space.npy", "--layout", "coco-17-3d", "--json").json
    with indexed.read() as catalog:
        assert answer["hits"][0]["name"] == catalog.clips_of("mine").name[1]
    assert not (indexed.root / "bridges").exists()


def test_over_http_keypoints_cross_too(indexed: Library) -> None:
    pixels = np.random.default_rng(0).uniform(100, 600, (30, 17, 3)).astype(np.float32)
    pixels[..., 2] = 1
    with Client(indexed, bridge_s=120.0, request_s=120.0) as client:
        sent = client.ask_with("x.npy", npy(pixels), layout="coco-17").json()
        assert "across a bridge from coco-17" in " ".join(sent["query"]["notes"])
        assert client.ask_with("x.npy", npy(pixels), layout="coco").status_code == 422
        assert client.ask_with("x.npy", npy(pixels), layout="coco-17", size="wide").status_code == 422


def test_a_gallery_of_pictures_answers_keypoints_and_joints_in_space(
    indexed: Library, command: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    clips = open_clips(indexed, "mine")
    with indexed.read() as catalog:
        names = list(catalog.clips_of("mine").name)
    for i in range(6):
        pixels = to_pixels(to_coco(np.asarray(clips.frames(i))[:, :1]))[:, 0, :, :2]
        np.save(folder / f"{names[i]}.npy", pixels)
    report = command("ingest", "flat", "--source", folder, "--layout", "coco-17", "--json").json
    assert report["used"] == 6
    assert command("build-index", "flat", "--encoder", "shipped").code == 0
    together = ("--index", "mine@shipped", "--index", "flat@shipped")
    refused = command("query", f"mine:{names[2]}", *together)
    assert refused.code == 1
    assert "joints in a picture there, in space here" in refused.err
    for query in (folder / f"{names[2]}.npy", f"mine:{names[2]}"):
        answer = command("query", query, "--index", "flat@shipped", "--k", 2, "--json").json
        assert answer["hits"][0]["name"] == names[2]
    assert "brought down to coco-17" in " ".join(answer["query"]["notes"])
    space = tmp_path / "space"
    space.mkdir()
    np.save(space / "S001C001P001R001A001x.npy", np.asarray(clips.frames(0))[:, 0])
    refused = command("add", "flat", "--source", space, "--layout", "ntu25")
    assert refused.code != 0


def test_pictures_of_other_joints_cross_to_a_gallery_of_pictures(
    indexed: Library, command: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    clips = open_clips(indexed, "mine")
    with indexed.read() as catalog:
        names = list(catalog.clips_of("mine").name[:12])
    for i, name in enumerate(names):
        frames = np.asarray(clips.frames(i))[:, :1]
        np.save(folder / f"{name}.npy", to_pixels(to_coco(frames))[:, 0, :, :2])
    assert command("ingest", "flat", "--source", folder, "--layout", "coco-17").code == 0
    assert command("build-index", "flat", "--encoder", "shipped").code == 0
    seen = degrade(clips.frames(2)[:, :1], Degrading(layout="openpose-18"))
    searcher = Searcher(indexed, "flat@shipped", device="cpu")
    clip = QueryClip(name="x", frames=normalise(seen), layout="openpose-18")
    how = SearchOptions(k=1)
    assert searcher.crossing("openpose-18", how) == "openpose-18"
    assert searcher.layout_bridge("openpose-18", how).how.angles == (0,)
    assert searcher.ask([clip], how)[0].hits[0].name == names[2]
    own = QueryClip(name="y", frames=clips.normalised_frames(2), layout="ntu25")
    assert searcher.crossing("ntu25", how) is None
    assert searcher.ask([own], how)[0].hits[0].name == names[2]


def test_pictures_of_a_tilted_camera_find_themselves_when_put_upright(
    indexed: Library, command: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "tilted"
    folder.mkdir()
    clips = open_clips(indexed, "mine")
    roll = np.array([[0.9, -0.436, 0], [0.436, 0.9, 0], [0, 0, 1]], np.float32)
    with indexed.read() as catalog:
        names = list(catalog.clips_of("mine").name[:6])
    for i, name in enumerate(names):
        rolled = to_coco(np.asarray(clips.frames(i))[:, :1] @ roll.T)
        np.save(folder / f"{name}.npy", to_pixels(rolled)[:, 0, :, :2])
    assert command("ingest", "flat", "--source", folder, "--layout", "coco-17", "--upright").code == 0
    assert command("build-index", "flat", "--encoder", "shipped").code == 0
    together = ("--index", "mine@shipped", "--index", "flat@shipped")
    refused = command("query", f"mine:{names[2]}", *together)
    assert refused.code == 1
    assert "joints in a picture there, in space here" in refused.err
    for query in (folder / f"{names[2]}.npy", f"flat:{names[2]}"):
        (best,) = command("query", query, "--index", "flat@shipped", "--k", 1, "--json").json["hits"]
        assert best["name"] == names[2]
        assert best["score"] == pytest.approx(1, abs=1e-5)


def test_bridges_may_be_fitted_with_the_index_and_go_with_it(indexed: Library, command: Command) -> None:
    words = ("build-index", "mine", "--encoder", "shipped", "--as", "white", "--transform", "half-whiten:16")
    built = command(*words, "--ask-with", "coco-17,smpl-22,kinect-v1", "--json")
    assert built.json["ask_with"] == ["coco-17", "smpl-22"]
    assert "kinect-v1: clips of these joints ask this index as they are, no bridge is needed" in built.err
    assert "coco-17" not in built.err
    assert len(list((indexed.root / "bridges").iterdir())) == 2
    shown = command(*words, "--ask-with", "coco-17").out
    assert "bridges are ready from coco-17" in shown
    assert command("build-index", "mine", "--ask-with", "coco").code == 2
    assert command("delete", "index:mine@shipped").code == 0
    assert len(list((indexed.root / "bridges").iterdir())) == 2
    assert command("delete", "index:white").code == 0
    assert list((indexed.root / "bridges").iterdir()) == []


def test_a_bridge_is_fitted_anew_when_clips_have_come_or_gone(indexed: Library, command: Command) -> None:
    words = ("build-index", "mine", "--encoder", "shipped", "--ask-with", "coco-17", "--views", 0)
    assert command(*words).code == 0
    (kept,) = (indexed.root / "bridges").iterdir()
    before = kept.read_bytes()
    searcher = Searcher(indexed, "mine@shipped", device="cpu")
    first = searcher.layout_bridge("coco-17", MatchOptions(views=0)).near
    assert kept.read_bytes() == before
    assert command("remove", "mine", "--where", "camera = 2").code == 0
    again = (
        Searcher(indexed, "mine@shipped", device="cpu").layout_bridge("coco-17", MatchOptions(views=0)).near
    )
    assert len(again) < len(first)
    assert list((indexed.root / "bridges").iterdir()) == [kept]
    assert kept.read_bytes() != before


def test_pictures_do_not_ask_windows(long: Library, command: Command, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).uniform(100, 600, (40, 17, 3)).astype(np.float32)
    pixels[..., 2] = 1
    np.save(tmp_path / "seen.npy", pixels)
    words = ("query", tmp_path / "seen.npy", "--layout", "coco-17")
    refused = command(*words)
    assert refused.code == 1
    assert "ask an index of whole clips" in refused.err
    assert command(*words, "--no-bridge").code == 0


def test_landmarks_of_the_world_and_of_pictures_do_not_mix(command: Command, tmp_path: Path) -> None:
    flat, space = tmp_path / "flat", tmp_path / "space"
    for folder, key in ((flat, "pose_landmarks"), (space, "pose_world_landmarks")):
        folder.mkdir()
        place = landmarks()
        if folder == space:
            place[..., 2] = np.linspace(-0.2, 0.2, 33)
            place[..., :3] -= place[:, 23:25, :3].mean(axis=1, keepdims=True)
        frames = [
            {key: [{"x": x, "y": y, "z": z, "visibility": v} for x, y, z, v in one]} for one in place.tolist()
        ]
        (folder / f"{folder.name}.json").write_text(json.dumps({"frames": frames}))
    assert command("ingest", "landmarks", "--source", flat, "--layout", "mediapipe-33").code == 0
    added = command("add", "landmarks", "--source", space, "--json")
    assert added.json["added"] == 0
    shutil.copy(space / "space.json", flat)
    both = command("ingest", "mixed", "--source", flat, "--json").json
    assert (both["found"], both["used"]) == (2, 1)
    assert both["left_out"] == {"malformed": 1}
