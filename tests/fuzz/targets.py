"""What is fuzzed: each reader, file and expression that comes from outside, with seeds and a way to change them.

A target lays an input out as files and reads their folder. UmurlError and outcomes that are left out are its good ends;
any other exception, and what `guard` forbids, is a finding.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fuzz import mutate, mutate_filters, mutate_pickles, seeds, seeds_bodies, statements
from fuzz.guard import watch
from fuzz.mutate import SEPARATOR, Mutation

from encoder import checkpoint
from encoder.errors import UmurlError
from encoder.joint_layouts import parse_layout
from umurl_search.clips.clip import REASONS, LeftOut, Outcome
from umurl_search.clips.joint_mapping import combine_joints
from umurl_search.clips.normalization import Conventions, convert_clip, normalise
from umurl_search.files import sealed_folder
from umurl_search.library.clip_store import FRAMES, JOURNAL, ClipStore, StoreWriter, journal_of
from umurl_search.library.library import Library
from umurl_search.readers import SourceOptions, detect, nwucla, open_reader
from umurl_search.readers.base import Reader
from umurl_search.readers.zip_source import unpack
from umurl_search.search.query_clip import read_clip

Files = Callable[[bytes], dict[str, bytes]]
Run = Callable[[Path], None]
MOST_OUTCOMES = 2_000
"""Of one input, no more are read."""
_NTU_NAME = "S001C001P001R001A001"


@dataclass(frozen=True, kw_only=True)
class Target:
    """files: path -> content. run: what is done with their folder. seeds: well-formed inputs.

    refused: seeds that lead to UmurlError. may_write: whether it is to write there.
    """

    files: Files
    run: Run
    seeds: Callable[[], Sequence[bytes]]
    mutate: Mutation
    max_len: int = 16_384
    may_write: bool = False
    refused: tuple[bytes, ...] = ()


# readers


def _read_all(fmt: str, root: Path) -> None:
    with suppress(UmurlError):
        detect(root)
    _read_with(open_reader(fmt, [root]))


def _read_whole(root: Path) -> None:
    """Cut into its actions, and whole with them as segments."""
    _read_all("pku-mmd", root)
    _read_with(open_reader("pku-mmd", [root], SourceOptions(untrimmed=True)))


def _read_markers(root: Path) -> None:
    with suppress(UmurlError):
        detect(root)
    _read_with(open_reader("c3d", [root], SourceOptions(layout=seeds_bodies.MARKERS)))


def _read_by_frame(root: Path) -> None:
    """As a large file is read."""
    before = nwucla._PARSED_WHOLE
    nwucla._PARSED_WHOLE = 0
    try:
        _read_all("nw-ucla", root)
    finally:
        nwucla._PARSED_WHOLE = before


def _read_with(reader: Reader) -> None:
    items = reader.items()
    for outcomes in reader.read(items[:MOST_OUTCOMES]):
        for outcome in outcomes:
            _judge(outcome, reader.layout)
    for protocol, parts in reader.splits().items():
        statements.require_storable(protocol)
        for part, names in parts.items():
            assert part in ("train", "gallery", "test"), part
            assert all(type(name) is str for name in names), names
    reader.files()


def _judge(outcome: Outcome, layout: str) -> None:
    """Raises AssertionError for an outcome that the catalog or the store could not take."""
    if isinstance(outcome, LeftOut):
        assert outcome.reason in REASONS, outcome.reason
        assert len(outcome.detail) < 1_000, len(outcome.detail)
        return
    assert type(outcome.name) is str
    for number in (outcome.label, outcome.subject, outcome.camera, outcome.setup, outcome.replication):
        assert number is None or (type(number) is int and 0 <= number < 2**63), number
    for segment in outcome.segments:
        assert segment.label is not None
        assert 0 <= segment.label < 2**31, segment
        assert 0 <= segment.start < segment.stop <= len(outcome.frames) + outcome.cut, segment
    assert outcome.frames.dtype == np.float32
    assert outcome.frames.ndim == 4
    assert 1 <= outcome.frames.shape[1] <= 6
    frames = convert_clip(outcome, Conventions(layout=layout))
    if not isinstance(frames, LeftOut):
        assert np.isfinite(normalise(frames)).all()


def _reads(fmt: str) -> Run:
    return lambda folder: _read_all(fmt, folder)


def _reader(fmt: str, files: Files, some: Callable[[], Sequence[bytes]], change: Mutation) -> Target:
    return Target(files=files, run=_reads(fmt), seeds=some, mutate=change)


def _at(*paths: str) -> Files:
    """The files of an input at these paths."""
    return lambda data: dict(zip(paths, data.split(SEPARATOR), strict=False))


def _one_of(*paths: str) -> Files:
    """The same, of the parts that are not empty."""
    return lambda data: {path: part for path, part in _at(*paths)(data).items() if part}


# single files


_SUFFIXES = {b"n": ".npy", b"s": ".skeleton", b"t": ".txt", b"j": ".json", b"b": ".bvh", b"p": ".pose"}


def _clip_file(data: bytes) -> dict[str, bytes]:
    return {f"clip{_SUFFIXES.get(data[:1], '.npy')}": data[1:]}


def _query(folder: Path) -> None:
    (path,) = folder.iterdir()
    stated = Conventions(size="1280x720", mirror=True, upright=True, depth="keep", scale=1.5)
    for conventions in (stated, Conventions()):
        clip = read_clip(Library(folder / "library"), str(path), conventions=conventions)
        assert clip.frames.dtype == np.float32
        assert clip.frames.shape[1:] in ((1, 25, 3), (2, 25, 3)), clip.frames.shape
        assert np.isfinite(clip.frames).all()


def _layout_file(folder: Path) -> None:
    with suppress(ValueError):
        layout = parse_layout((folder / "layout.json").read_bytes().decode("utf-8", "replace"))
        made = combine_joints(np.ones((2, 1, layout.n_joints, 3), np.float32), layout)
        assert made.shape == (2, 1, 25, 3)
        assert parse_layout(layout.to_json()) == layout


def _zip(folder: Path) -> None:
    """As `ZipReader` does, but into the folder of the input."""
    (folder / "out").mkdir()
    inside = unpack(folder / "a.zip", folder / "out")
    assert inside.is_relative_to(folder / "out")
    _read_with(open_reader(detect(inside), [inside]))


# encoders


def _checkpoint(folder: Path) -> None:
    model = checkpoint.import_released(folder / "some.pth.tar")
    assert all(parameter.device.type == "cpu" for parameter in model.parameters())


def _encoder(folder: Path) -> None:
    checkpoint.load(folder)


# what a library holds


def _sealed_files(data: bytes) -> dict[str, bytes]:
    text, _, content = data.partition(SEPARATOR)
    return {sealed_folder.MANIFEST: _reseal(text), "a.bin": content}


def _reseal(text: bytes) -> bytes:
    """A manifest as its sealer would write it, so that what it says is looked at beyond its checksum."""
    with suppress(ValueError, RecursionError, AttributeError, TypeError, KeyError):
        manifest = json.loads(text)
        if manifest.pop("checksum") == "right":
            manifest["checksum"] = sealed_folder._checksum(manifest)
            return sealed_folder._canonical(manifest).encode()
    return text


def _manifest(folder: Path) -> None:
    with suppress(UmurlError):
        sealed_folder.read_manifest(folder, hint="mend it")
    for problem in sealed_folder.check(folder, full=True):
        assert type(problem) is str


def _clip_store(folder: Path) -> None:
    writer = StoreWriter(folder / "store")
    if not writer.clips:  # such a store is not sealed
        writer.close()
        return
    try:
        writer.finish()
    finally:
        writer.close()
    sealed_folder.seal(folder / "store", folder / "sealed", {"state": "raw"})
    journal_of(folder / "sealed")
    store = ClipStore(folder / "sealed")
    for row in range(min(len(store), MOST_OUTCOMES)):
        store.normalised_frames(row)


# filters


def _where(folder: Path) -> None:
    expression = (folder / "expression").read_bytes().decode("utf-8", "replace")
    ids = seeds.catalog().filter(expression)
    assert ids.dtype == np.int64
    assert set(ids.tolist()) <= {1, 2, 3}, ids


_TEXT = mutate.words
_AGCN = ("train_label.pkl", "train_data_joint.npy", "train_num_frame.npy")
_CLIP: dict[bytes, Mutation] = {b"n": mutate.npy, b"s": _TEXT, b"t": _TEXT, b"j": mutate.json_text}
_CLIP |= {b"b": _TEXT, b"p": mutate.raw_bytes}

_OPENPOSE = _at(*(f"walk/a_{t}_keypoints.json" for t in (1, 2, 4)))
_HOLISTIC = _one_of("hello/0/1.npy", "hello/0/2.npy", "hello/1.npy")
_ARRAYS_IN_ZIP = mutate.zip_members(mutate.npy)
_READERS = {
    "ntu-skeleton": (_at(f"{_NTU_NAME}.skeleton"), seeds.skeletons, _TEXT),
    "nw-ucla": (_at("a01_s02_e03_v01.json"), seeds.nw_ucla, mutate.json_text),
    "azure-kinect": (_at("clip.json"), seeds_bodies.azure_kinect, mutate.json_text),
    "bvh": (_at("clip.bvh"), seeds_bodies.bvh, _TEXT),
    "pose": (_at("clip.pose"), seeds_bodies.pose, mutate.raw_bytes),
    "amass": (_at("clip.npz"), seeds_bodies.amass, _ARRAYS_IN_ZIP),
    "keypoints-json": (_at("walk.json"), seeds_bodies.keypoints_json, mutate.json_text),
    "keypoints-csv": (_at("walk.csv"), seeds_bodies.keypoints_csv, _TEXT),
    "openpose": (_OPENPOSE, seeds_bodies.openpose, mutate.several_files(mutate.json_text)),
    "mediapipe-npy": (_HOLISTIC, seeds_bodies.mediapipe_npy, mutate.several_files(mutate.npy)),
    "npy": (_at(f"{_NTU_NAME}.npy"), seeds.npy_clips, mutate.npy),
    "npz": (_at(f"{_NTU_NAME}.npz"), seeds.npz_clips, _ARRAYS_IN_ZIP),
    "array-set": (_at("X.npy", "y.npy"), seeds.array_sets, mutate.several_files(mutate.npy)),
    "mat": (_at(f"{_NTU_NAME}.mat"), seeds.mat_clips, mutate.mat),
    "csv": (_at(f"{_NTU_NAME}.csv"), seeds.csv_clips, _TEXT),
    "ctr-gcn": (_at("NTU60_CS.npz"), seeds.ctr_gcn, _ARRAYS_IN_ZIP),
    "pyskl": (_at("some.pkl"), seeds.pyskl, mutate_pickles.pickle_bytes),
}


TARGETS: dict[str, Target] = {
    **{name: _reader(name, *rest) for name, rest in _READERS.items()},
    "pku-mmd": Target(
        files=_at("data/0001-L.txt", "labels/0001-L.txt"),
        run=_read_whole,
        seeds=seeds.pku,
        mutate=mutate.several_files(_TEXT),
    ),
    "c3d": Target(files=_at("clip.c3d"), run=_read_markers, seeds=seeds_bodies.c3d, mutate=mutate.raw_bytes),
    "nw-ucla-large": Target(
        files=_at("a01_s02_e03_v01.json"), run=_read_by_frame, seeds=seeds.nw_ucla, mutate=mutate.json_text
    ),
    "array-set-file": Target(
        files=_one_of("X.npz", "X.mat"),
        run=_reads("array-set"),
        seeds=seeds.array_set_files,
        mutate=mutate.several_files(_ARRAYS_IN_ZIP, mutate.mat),
    ),
    "object-npy": Target(
        files=_at(f"{_NTU_NAME}.skeleton.npy"),
        run=_reads("npy"),
        seeds=seeds.object_npy,
        mutate=mutate_pickles.object_array,
    ),
    "agcn": Target(
        files=_at(*_AGCN),
        run=_reads("agcn"),
        seeds=seeds.agcn,
        mutate=mutate.several_files(mutate_pickles.pickle_bytes, mutate.npy, mutate.npy),
    ),
    "query": Target(
        files=_clip_file,
        run=_query,
        seeds=seeds_bodies.queries,
        mutate=mutate.by_first_byte(_CLIP),
        refused=(b"s2\n0\n0\n",),
    ),
    "layout-file": Target(
        files=_at("layout.json"),
        run=_layout_file,
        seeds=seeds_bodies.layout_files,
        mutate=mutate.json_text,
    ),
    "splits": Target(
        files=_one_of("splits.json", "splits.csv"),
        run=statements.read_splits_files,
        seeds=seeds.splits,
        mutate=mutate.several_files(mutate.json_text, _TEXT),
    ),
    "segments": Target(
        files=_one_of("segments.json", "segments.csv"),
        run=statements.read_segments_files,
        seeds=seeds.segments,
        mutate=mutate.several_files(mutate.json_text, _TEXT),
    ),
    "labels": Target(
        files=_one_of("labels.json", "labels.csv"),
        run=statements.read_labels_files,
        seeds=seeds.label_tables,
        mutate=mutate.several_files(mutate.json_text, _TEXT),
    ),
    "zip": Target(
        files=_at("a.zip"),
        run=_zip,
        seeds=seeds.zips,
        mutate=mutate.zip_members(mutate.npy, mutate.PATHS),
        may_write=True,
    ),
    "action-map": Target(
        files=_at("map.tsv"), run=statements.read_map_file, seeds=seeds.action_maps, mutate=_TEXT
    ),
    "checkpoint": Target(
        files=_at("some.pth.tar"),
        run=_checkpoint,
        seeds=seeds.checkpoints,
        mutate=mutate.zip_members(mutate_pickles.pickle_bytes),
        max_len=65_536,
    ),
    "encoder": Target(
        files=_at(checkpoint.CONFIG, checkpoint.WEIGHTS),
        run=_encoder,
        seeds=seeds.encoders,
        mutate=mutate.several_files(mutate.json_text, mutate.safetensors),
        max_len=65_536,
    ),
    "manifest": Target(
        files=_sealed_files,
        run=_manifest,
        seeds=seeds.manifests,
        mutate=mutate.several_files(mutate.json_text, mutate.raw_bytes),
    ),
    "clip-store": Target(
        files=_at(f"store/{JOURNAL}", f"store/{FRAMES}"),
        run=_clip_store,
        seeds=seeds.clip_stores,
        mutate=mutate.several_files(mutate.json_lines, mutate.raw_bytes),
        may_write=True,
    ),
    "where": Target(
        files=_at("expression"),
        run=_where,
        seeds=seeds.filters,
        mutate=mutate_filters.expression,
        max_len=1_024,
        refused=seeds.REFUSED_FILTERS,
    ),
}


def run_in(home: Path, target: Target, data: bytes, *, guarded: bool = True) -> None:
    """Runs an input in a folder of its own below `home`, removed afterwards.

    Raises what is a finding: any exception but UmurlError, and BrokenRuleError of the guard.
    """
    folder = home / "input"
    folder.mkdir()
    try:
        for path, content in target.files(data).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        guard = watch(home, n_bytes=len(data), may_write=target.may_write) if guarded else nullcontext()
        with guard, suppress(UmurlError):
            target.run(folder)
    finally:
        shutil.rmtree(folder)
