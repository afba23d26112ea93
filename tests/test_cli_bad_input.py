"""Guards cli/ and what it calls: what users get wrong is told in one line, and the library is left as it was."""

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from refusals import Refused, has

from umurl_search.clips.normalization import Pipeline
from umurl_search.files import sealed_folder
from umurl_search.library.library import Library

Command = Callable[..., Result]
QUERY = "mine:S001C001P001R001A001"


# sources


def test_missing_and_empty_folders(library: Library, refused: Refused, tmp_path: Path) -> None:
    has(refused("ingest", "x", "--source", tmp_path / "gone"), tmp_path / "gone", "--source")
    (tmp_path / "empty").mkdir()
    has(refused("ingest", "x", "--source", tmp_path / "empty"), tmp_path / "empty", "empty", "formats")
    (tmp_path / "empty" / "notes.md").write_text("nothing here")
    has(refused("ingest", "x", "--source", tmp_path / "empty"), tmp_path / "empty", "formats")
    has(refused("ingest", "x", "--source", tmp_path / "empty", "--format", "npy"), "npy", "the source")
    has(refused("ingest", "x", "--data", tmp_path / "gone"), tmp_path / "gone", "UMURL_DATA")
    out = ("--out", tmp_path / "y.npy")
    has(refused("embed", tmp_path / "gone", *out), tmp_path / "gone", "neither a dataset")
    (tmp_path / "bare").mkdir()
    has(refused("embed", tmp_path / "bare", *out), tmp_path / "bare", "formats")


@pytest.fixture
def truncated(golden: Path, tmp_path: Path) -> Path:
    """A folder with one recording, cut in the middle."""
    whole = (golden / "raw" / "S005C002P025R001A043.skeleton").read_bytes()
    folder = tmp_path / "cut"
    folder.mkdir()
    (folder / "S005C002P025R001A043.skeleton").write_bytes(whole[: len(whole) // 2])
    return folder


def test_a_truncated_recording(indexed: Library, refused: Refused, truncated: Path, tmp_path: Path) -> None:
    (path,) = truncated.iterdir()
    has(refused("query", path), path, "truncated", "give a whole")
    has(refused("ingest", "x", "--source", truncated), path.stem, "truncated", "check the source")
    has(refused("ingest", "x", "--source", path), path.stem, "truncated")
    has(
        refused("embed", path, "--out", tmp_path / "y.npy"),
        path,
        "1 left out",
        "truncated, it ends",
        "--layout",
    )


def test_a_truncated_recording_among_others_is_counted(
    truncated: Path, golden: Path, command: Command
) -> None:
    shutil.copy(golden / "raw" / "S001C001P001R001A001.skeleton", truncated)
    report = command("ingest", "x", "--source", truncated, "--json").json
    assert (report["found"], report["used"], report["left_out"]) == (2, 1, {"truncated": 1})
    left_out = command("info", "x", "--json").json["left_out"]
    assert [(row["name"], row["reason"]) for row in left_out] == [("S005C002P025R001A043", "truncated")]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_coordinates_that_are_no_numbers(
    value: float, indexed: Library, refused: Refused, tmp_path: Path
) -> None:
    clip = np.ones((30, 25, 3))
    clip[:, :, 0] = np.linspace(0, 1, 25)
    clip[..., 1] = value
    (tmp_path / "bad").mkdir()
    path = tmp_path / "bad" / "clip.npy"
    np.save(path, clip if value != 1e30 else clip * np.float64(1e38))
    line = refused("query", path)
    has(line, path)
    assert "finite" in line or "overflow" in line
    has(refused("ingest", "x", "--source", path.parent), "clip", "non-finite", "check the source")


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_runs_code(indexed: Library, refused: Refused, tmp_path: Path) -> None:
    marker, source = tmp_path / "ran", tmp_path / "trap.pkl"
    source.write_bytes(pickle.dumps({"split": {}, "annotations": [Trap(marker)]}))
    has(refused("ingest", "x", "--source", source), source)
    has(refused("embed", source, "--out", tmp_path / "y.npy"), source)
    has(refused("import-encoder", source, "--as", "x"), source, "refused")
    np.save(tmp_path / "objects.npy", np.array([Trap(marker)], dtype=object), allow_pickle=True)
    has(refused("query", tmp_path / "objects.npy"), tmp_path / "objects.npy")
    objects = np.array([Trap(marker)], dtype=object)
    np.savez(tmp_path / "objects.npz", x_train=objects, y_train=objects)
    has(refused("ingest", "x", "--source", tmp_path / "objects.npz"), tmp_path / "objects.npz")
    assert not marker.exists()
    assert pickle.loads(source.read_bytes())
    assert marker.is_dir()


@pytest.mark.parametrize("shape", [(30, 24, 3), (30, 25, 2), (0, 25, 3), (75,), (2, 30, 25, 3, 1)])
def test_a_clip_of_a_wrong_shape(
    shape: tuple[int, ...], indexed: Library, refused: Refused, tmp_path: Path
) -> None:
    path = tmp_path / "clip.npy"
    np.save(path, np.ones(shape))
    line = refused("query", path)
    has(line, path, str(shape))
    for accepted in ("(T, V, C)", "(M, T, V, C)", "(T, M, V, C)", "(C, T, V, M)"):
        has(line, accepted)


@pytest.mark.slow
def test_what_is_no_clip(indexed: Library, refused: Refused, tmp_path: Path) -> None:
    for name in ("gone.npy", "gone.skeleton", "gone.txt", "gone.json"):
        has(refused("query", tmp_path / name), tmp_path / name, "no such file")
    for name, content in (
        ("text.npy", "hello"),
        ("text.skeleton", "hello"),
        ("text.txt", "hello"),
        ("text.json", "hello"),
        ("empty.npy", ""),
        ("empty.skeleton", ""),
        ("list.json", "[1]"),
        ("none.json", '{"skeletons": []}'),
        ("labels.txt", "1,0,20,2\n"),
    ):
        (tmp_path / name).write_text(content)
        has(refused("query", tmp_path / name), tmp_path / name, "give a")
    (tmp_path / "folder.npy").mkdir()
    has(refused("query", tmp_path / "folder.npy"), "the folder is empty")
    has(refused("query", "clip.mp4"), "clip.mp4", "DATASET:CLIPNAME")
    np.save(tmp_path / "nobody.npy", np.zeros((30, 25, 3)))
    has(refused("query", tmp_path / "nobody.npy"), "nobody", "give a clip with a person")
    np.save(tmp_path / "good.npy", np.random.default_rng(0).normal(size=(30, 25, 3)))
    has(refused("query", tmp_path / "good.npy", "--axes", "CTVM"), "good.npy", "(C, T, V, M)")


# names


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ("train nosuch", ["nosuch", "umurl-search ingest nosuch"]),
        ("train mine --protocol xset", ["mine has no protocol 'xset'", "xsub"]),
        ("train mine --as e", ["'e' is there already", "umurl-search delete encoder:e", "--as"]),
        ("train mine --as shipped", ["shipped", "--as"]),
        ("train mine --as f --resume", ["no interrupted training of 'f'", "--resume"]),
        ("train mine --as f --device cuda:99", ["cuda:99", "--device cpu"]),
        ("build-index nosuch", ["nosuch", "umurl-search ingest nosuch"]),
        ("build-index mine --encoder nosuch", ["nosuch", "e, shipped", "umurl-search train"]),
        ("build-index mine --as i --device cuda:99", ["cuda:99", "--device cpu"]),
        ("query nosuch:clip", ["nosuch", "mine", "umurl-search ingest nosuch"]),
        ("query mine:nosuch", ["no clip 'nosuch' in mine", "umurl-search info mine"]),
        (f"query {QUERY} --index nosuch", ["nosuch", "mine@e", "umurl-search build-index"]),
        (f"query {QUERY} --modality joint+bone", ["joint+bone", "with all modalities"]),
        (f"query {QUERY} --where nosuch=1", ["nosuch", "subject, camera"]),
        (f"query {QUERY} --where subject='x'", ["'subject='x''", "'x' to INT64; the columns are id"]),
        ("knn-eval --index nosuch", ["nosuch", "mine@e"]),
        ("knn-eval --protocol xset", ["mine has no protocol 'xset'", "xsub"]),
        ("knn-eval --gallery-modality joint+motion", ["joint+motion", "--modalities all"]),
        ("embed mine --out y.npy --encoder nosuch", ["nosuch", "e, shipped"]),
        ("embed mine --out nosuch/y.npy", ["nosuch/y.npy", "a folder that exists"]),
        ("embed mine --out y.txt", ["y.txt", ".npy"]),
        ("info nosuch", ["nosuch", "index:mine@e"]),
        ("info mine:nosuch", ["nosuch", "umurl-search info mine"]),
        ("delete nosuch", ["nosuch", "dataset:mine"]),
        ("delete encoder:mine", ["encoder:mine", "dataset:mine"]),
        ("delete shipped", ["shipped"]),
        ("delete mine", ["mine@e", "umurl-search delete index:mine@e"]),
        ("delete e", ["mine@e", "umurl-search delete index:mine@e"]),
        ("ingest a/b --source .", ["'a/b'", "no /"]),
        ("ingest .. --source .", ["'..'", "letters"]),
        ("build-index mine --as ../x", ["'../x'", "no /"]),
        ("build-index mine --as .x", ["'.x'", "letters"]),
        ("train mine --as a/../b", ["'a/../b'", "no /"]),
        ("import-encoder x.pth --as a/b", ["'a/b'", "no /"]),
        ("import-encoder x.pth --as x", ["x.pth", "no such file"]),
        ("import-encoder x.pth --as x --for ntu60:xset", ["ntu60 has no protocol 'xset'", "xview"]),
        ("import-encoder x.pth --as e", ["'e' is there already", "delete encoder:e"]),
        ("ingest demo --source .", ["demo", "another name"]),
    ],
)
def test_names_that_do_not_fit(
    arguments: str,
    parts: list[str],
    indexed: Library,
    refused: Refused,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    has(refused(*arguments.split()), *parts)
    assert not (indexed.root.parent / "x").exists()


def test_a_name_that_is_taken(indexed: Library, refused: Refused, made: Path, command: Command) -> None:
    (made_again := made / "clips.again").mkdir(exist_ok=True)
    shutil.copy(made / "clips" / "S001C001P001R001A001.npy", made_again)
    line = refused("ingest", "mine", "--source", made_again)
    has(line, "another 'mine'", made / "clips", "umurl-search delete mine", "another name")
    has(refused("ingest", "mine", "--source", made / "clips", "--fps", 60), "umurl-search delete mine")
    line = refused("build-index", "mine", "--transform", "half-whiten:8", "--as", "mine@e")
    has(line, "mine@e", "umurl-search delete index:mine@e", "--as")


def test_what_names_several_things(indexed: Library, command: Command, refused: Refused) -> None:
    built = command("build-index", "mine", "--as", "mine", "--encoder", "shipped", "--quiet")
    assert built.code == 0
    has(refused("delete", "mine"), "dataset:mine or index:mine")
    has(refused("info", "mine"), "dataset:mine or index:mine")
    assert command("delete", "index:mine").code == 0


# filters


@pytest.mark.parametrize(
    "where",
    [
        "1=1; drop table clips",
        "label in (select 1 from read_csv('/etc/passwd'))",
        "exists(select * from read_text('/etc/passwd'))",
        "exists(select * from '/etc/passwd')",
        "copy clips to 'stolen.csv'",
        "copy (select * from clips) to 'stolen.csv'",
        "1=1) union select 1 --",
        "(subject = 1",
        "subject = 1)",
        "true) or (true",
        "set enable_external_access = true",
        "delete from clips",
        "nosuch = 1",
        "frames > 'long'",
        "count(*) > 1",
        "label = ?",
        "",
        "1=1 limit 1",
    ],
)
def test_filters_that_are_refused(
    where: str, indexed: Library, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    has(
        refused("query", QUERY, "--where", where), f"filter '{where}'", "columns are id, name, dataset, label"
    )
    assert not (tmp_path / "stolen.csv").exists()


# damage


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


INDEX_FILES = (
    "manifest.json",
    "ids.npy",
    "bridges.safetensors",
    "vectors.faiss",
    "vectors-centred.faiss",
    *(f"embeddings-{m}.npy" for m in ("joint", "bone", "motion", "fused")),
)


@pytest.mark.slow
def test_an_index_altered_by_one_byte(indexed: Library, refused: Refused) -> None:
    folder = indexed.index_folder("mine@e")
    assert {path.name for path in folder.iterdir()} == set(INDEX_FILES)
    for name in INDEX_FILES:
        path = folder / name
        whole = path.read_bytes()
        asked = (("query", QUERY), ("knn-eval",), ("build-index", "mine"))
        for position, words in zip((len(whole) // 2, 8, len(whole) - 1), asked, strict=True):
            flip(path, position)
            has(refused(*words), path, "umurl-search repair")
            path.write_bytes(whole)
    (folder / "ids.npy").unlink()
    has(refused("knn-eval"), "ids.npy is missing", "umurl-search repair")


@pytest.mark.parametrize("room", ["encoders/e", "clips/mine"])
def test_an_encoder_or_store_altered_by_one_byte(room: str, library: Library, refused: Refused) -> None:
    for path in sorted((library.root / room).iterdir()):
        whole = path.read_bytes()
        flip(path, len(whole) // 2)
        remedy = "umurl-search repair" if room == "clips/mine" else "umurl-search delete"
        has(refused("build-index", "mine", "--encoder", "e"), path, remedy)
        path.write_bytes(whole)


def other_pipeline(library: Library) -> None:
    """Re-seals the encoder `e` as one that reads clips of 32 frames."""
    folder = library.encoder("e")
    config = json.loads((folder / "config.json").read_text())
    config["pipeline"]["frames"] = 32
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "manifest.json").unlink()
    sealed_folder.seal(folder, folder, {"kind": "encoder"})


def test_an_encoder_of_another_preprocessing(indexed: Library, refused: Refused, tmp_path: Path) -> None:
    other_pipeline(indexed)
    for words in (
        ("query", QUERY),
        ("build-index", "mine", "--as", "second"),
        ("embed", "mine", "--out", tmp_path / "y.npy"),
    ):
        has(refused(*words), "encoder e reads clips prepared in another way", "frames: 32 there, 64 here")
    assert not (tmp_path / "y.npy").exists()


def test_a_store_of_another_preprocessing(
    indexed: Library, refused: Refused, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("umurl_search.clips.normalization.PIPELINE", Pipeline(centre="the floor"))
    has(refused("build-index", "mine", "--as", "x"), "the clip store of mine", "umurl-search delete mine")
    has(refused("query", QUERY), "index mine@e", "umurl-search delete index:mine@e")
    has(refused("embed", "mine", "--out", tmp_path / "y.npy"), "centre", "again")
