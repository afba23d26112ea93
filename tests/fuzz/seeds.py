"""Small well-formed inputs of every target, to start from."""

import io
import json
import pickle
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import torch
from fuzz.mutate import SEPARATOR
from scipy.io import savemat

from encoder import checkpoint
from encoder.model import ModelConfig, UmURL
from umurl_search.library.catalog.queries import Catalog

_OPEN = ExitStack()
_CLIPS = """
create table clips (
  id bigint, name varchar, dataset varchar, label bigint, action varchar, subject bigint, camera bigint,
  setup bigint, replication bigint, people integer, frames integer)"""
NAMES = ("S001C001P001R001A001", "S001C002P003R001A002", "S001C003P005R002A050")


def _places(*shape: int) -> Any:
    return np.random.default_rng(1).normal(size=shape).round(3)


def _npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()


def skeletons() -> list[bytes]:
    return [_skeleton([1, 1]), _skeleton([0, 2, 1]), _skeleton([1]).replace(b"\n", b"\r\n"), b"2\n0\n0\n"]


def _skeleton(bodies: Sequence[int]) -> bytes:
    lines = [str(len(bodies))]
    for count in bodies:
        lines.append(str(count))
        for _ in range(count):
            lines += ["72057594037931691 0 1 1 1 1 0 0.01 0.02 2", "25"]
            lines += [f"{x} {y} {z} 1 2 3 4 0 0 0 0 2" for x, y, z in _places(25, 3).round(2)]
    return "\n".join(lines).encode() + b"\n"


def pku() -> list[bytes]:
    return [_recording(3) + SEPARATOR + b"1,0,2,2\n51,1,3,1\n", _recording(1) + SEPARATOR + b"8,1,1,0\r\n"]


def _recording(n_frames: int) -> bytes:
    lines = [" ".join(f"{number:.1f}" for number in _places(75)) + " 0" * 75 for _ in range(n_frames)]
    return "\n".join(lines).encode() + b"\n"


def nw_ucla() -> list[bytes]:
    person = _places(2, 20, 3).round(1).tolist()
    return [
        json.dumps({"file_name": "a01", "label": 3, "skeletons": person}).encode(),
        json.dumps({"skeletons": [[[0, 1, 2]] * 20]}).encode(),
    ]


def npy_clips() -> list[bytes]:
    shapes = ((2, 25, 3), (2, 2, 25, 3), (3, 2, 25, 2), (3, 3, 25, 3))
    return [_npy(_places(*shape).astype("f4")) for shape in shapes] + [
        _npy(np.asfortranarray(_places(2, 25, 3)).astype("f2"))
    ]


def ctr_gcn() -> list[bytes]:
    clips, one_hot = _places(2, 3, 150).astype("f4"), np.eye(4)[[0, 3]]
    return [_npz(clips, one_hot), _npz(clips.astype("f2"), np.array([1, 2]))]


def _npz(clips: Any, labels: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, rows in (("train", slice(0, 1)), ("test", slice(1, 2))):
            archive.writestr(f"x_{part}.npy", _npy(clips[rows]))
            archive.writestr(f"y_{part}.npy", _npy(labels[rows]))
    return out.getvalue()


def npz_clips() -> list[bytes]:
    found = []
    for packing in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", packing) as archive:
            archive.writestr("keypoints.npy", _npy(_places(3, 25, 3).astype("f4")))
            archive.writestr("fps.npy", _npy(np.array(30)))
        found.append(out.getvalue())
    return found


def mat_clips() -> list[bytes]:
    found = []
    for packed, dtype in ((False, "f8"), (True, "f8"), (True, "i2")):
        out = io.BytesIO()
        content = {"d_skel": (8 * _places(25, 3, 2)).astype(dtype), "text": "a", "n": 1.0}
        savemat(out, content, do_compression=packed)
        found.append(out.getvalue())
    return found


def array_sets() -> list[bytes]:
    clips = _places(3, 2, 25, 3).astype("f4")
    arrays = (clips, clips.reshape(3, 2, 75), np.stack([clips, clips], axis=2))
    labels = (np.array([0, 2, 1]), np.eye(3), np.array(["a", "b", "a"]))
    return [SEPARATOR.join((_npy(array), _npy(one))) for array, one in zip(arrays, labels, strict=True)]


def array_set_files() -> list[bytes]:
    out, mat = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", _npy(_places(3, 2, 25, 3)))
        archive.writestr("y.npy", _npy(np.arange(3)))
    savemat(mat, {"data": _places(25, 3, 2, 3), "labels": np.arange(3)})
    return [out.getvalue() + SEPARATOR, SEPARATOR + mat.getvalue()]


def csv_clips() -> list[bytes]:
    rows = [",".join(map(str, row)) for row in _places(3, 75).tolist()]
    head = "time," + ",".join(f"j{j}_{axis}" for j in range(25) for axis in "xyz")
    joints = [f"{t},{j},1,2.5,{t}" for t in range(2) for j in range(25)]
    texts = (rows, [head, *(f"{t},{row}" for t, row in enumerate(rows))], ["frame,joint,x,y,z", *joints])
    return ["\n".join(lines).encode() for lines in texts] + [
        "\n".join(rows).replace(",", ";").encode("utf-16")
    ]


def object_npy() -> list[bytes]:
    people = {f"skel_body{body}": _places(2, 25, 3) for body in range(2)}
    out = io.BytesIO()
    np.save(out, np.array({"nbodys": [2, 2], "njoints": 25, **people}, dtype=object), allow_pickle=True)
    return [out.getvalue()]


def pyskl() -> list[bytes]:
    shapes = ((1, 2, 25, 3), (3, 2, 25, 3))
    annotations = [
        {"frame_dir": name, "label": 1, "total_frames": 2, "keypoint": _places(*shape).astype("f2")}
        for name, shape in zip(NAMES, shapes, strict=False)
    ]
    content = {"split": {"xsub_train": [NAMES[0]], "xsub_val": [NAMES[1]]}, "annotations": annotations}
    return [pickle.dumps(content, protocol) for protocol in (0, 2, 3, 4, 5)]


def agcn() -> list[bytes]:
    files = _npy(_places(2, 3, 2, 25, 2).astype("f4")), _npy(np.array([2, 1]))
    labels = (list(NAMES[:2]), [0, 3]), (list(NAMES[:2]), np.array([0, 3])), (np.array(NAMES[:2]), (1, 2))
    return [SEPARATOR.join((pickle.dumps(one, 2 + i), *files)) for i, one in enumerate(labels)]


def zips() -> list[bytes]:
    """Archives of clips: of arrays, of recordings, in folders, with what systems leave in them."""
    arrays = {f"clips/{name}.npy": npy_clips()[0] for name in "ab"}
    recording = {f"{NAMES[0]}.skeleton": _skeleton([1]), "__MACOSX/._x": b"x", "notes.txt": b"hello"}
    return [
        _packed(arrays),
        _packed(recording),
        _packed({"X.npy": _npy(_places(3, 2, 25, 3)), "y.npy": _npy([0, 1, 1])}),
    ]


def _packed(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def segments() -> list[bytes]:
    one: dict[str, Any] = {"action": "wave", "start": 0, "end": 1.5}
    by_name: list[Any] = [
        {"r1": [one, ["wave", 2, 3]]},
        {"r1": {"wave": [[0, 1]]}},
        [{"recording": "r1", **one}],
    ]
    nested = {"database": {"r1": {"annotations": [{"label": "a", "segment": [0, 1]}]}}, "version": "1"}
    texts = [json.dumps(content).encode() for content in (*by_name, nested)]
    return [*texts, SEPARATOR + b"recording;action;start;end;x\nr1;3;0;1,5;a\nr1;4;1:02;0:01:05.5;\n"]


def label_tables() -> list[bytes]:
    records = [
        {"name": "a", "label": 0, "who": "x"},
        {"name": "b", "action": "wave", "size": 1.5, "ok": True},
    ]
    by_name = {"a": {"label": 1}, "b": {"label": None}}
    texts = [json.dumps(content).encode() for content in (records, by_name)]
    return [*texts, SEPARATOR + b"name,label,subject,speed,when\na,0,1,0.5,2024-01-01\nb,2.0,x,,\n"]


def splits() -> list[bytes]:
    return [
        b'{"xsub": {"train": ["a", "b"], "test": ["c"]}}',
        b'{"p": {"gallery": ["a"], "test": []}, "q": {"train": []}}',
    ]


def action_maps() -> list[bytes]:
    return [b"# query\tgallery\n1\t5\n2\t7\n", b"\xef\xbb\xbf3 4\r\n10\t20\r\n"]


def _tiny() -> UmURL:
    torch.manual_seed(1)
    return UmURL(ModelConfig(width=2, projection=2), with_projectors=False)


def checkpoints() -> list[bytes]:
    """Of the authors' form; one with a first projector, one in the format before zip archives."""
    state = {_theirs(name): tensor.half() for name, tensor in _tiny().state_dict().items()}
    found = []
    for zipped in (True, False):
        out = io.BytesIO()
        content = {"epoch": 1, "state_dict": state, "optimizer": {}}
        torch.save(content, out, _use_new_zipfile_serialization=zipped)
        found.append(out.getvalue())
    return found


def _theirs(name: str) -> str:
    """The authors' name of a tensor: `checkpoint._rename` backwards."""
    parts = name.split(".")
    stream = {"temporal": "t", "spatial": "s"}
    if parts[1] == "embeddings":
        return f"module.backbone.{parts[2][0]}_emb.{stream[parts[3]]}_embedding.{'.'.join(parts[4:])}"
    if parts[1].endswith("_fusion"):
        return f"module.backbone.mm_fusion.{stream[parts[1].removesuffix('_fusion')]}_fusion.0.weight"
    tail = ".".join(parts[3:])
    for theirs, ours in checkpoint._LAYER.items():
        tail = tail.replace(ours, theirs) if tail.startswith(ours) else tail
    return f"module.backbone.ma_encoder.{stream[parts[1]]}_tr.layers.{parts[2]}.{tail}"


def encoders() -> list[bytes]:
    from safetensors.torch import save

    model = _tiny()
    config = {"model": asdict(model.config), "origin": "trained", "dataset": "demo", "protocol": "xsub"}
    weights = save({name: tensor.half() for name, tensor in model.state_dict().items()})
    return [json.dumps(config).encode() + SEPARATOR + weights]


def manifests() -> list[bytes]:
    """Their checksum is put in where they say `right`."""
    sha256 = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    files = {"a.bin": {"size": 1, "sha256": sha256}}
    return [json.dumps({"kind": "clips", "files": files, "checksum": "right"}).encode() + SEPARATOR + b"a"]


def clip_stores() -> list[bytes]:
    clip = {"name": "a", "label": 0, "subject": None, "source": "a.npy", "frames": 2, "people": 1, "cut": 0}
    entry = {"items": 2, "clips": [clip], "left_out": [{"name": "b", "reason": "no body"}], "frames_end": 600}
    return [json.dumps(entry).encode() + b"\n" + SEPARATOR + _places(150).astype("<f4").tobytes()]


REFUSED_FILTERS = (b"label in (select 1)", b"length(repeat(name, 9)) > 1")


def filters() -> list[bytes]:
    return [
        b"subject = 3 and camera = 2",
        b"label in (0, 4) or name like 'S001%'",
        b"not (frames between 2 and 9)",
        b"lower(name) ~ '.*a0{2}1' and action is null",
        b"case when people = 1 then label end = 0",
        b"cast(label as varchar) || 'x' = '0x'",
        b"substring(name, 1, 4) = 'S001' -- set",
        b"id % 2 = 1",
        b"coalesce(setup, 0) <> 1 and \"dataset\" = 'own'",
        *REFUSED_FILTERS,
    ]


@cache
def catalog() -> Catalog:
    """A locked catalog of three clips, open until the process ends."""
    root = Path(_OPEN.enter_context(tempfile.TemporaryDirectory()))
    with duckdb.connect(str(root / "catalog.duckdb")) as connection:
        connection.execute(_CLIPS)
        for clip_id, name in enumerate(NAMES, start=1):
            connection.execute(
                "insert into clips values (?, ?, 'own', 1, null, 1, 2, 3, 1, 1, 9)", [clip_id, name]
            )
    locked = {"enable_external_access": "false", "lock_configuration": "true"}
    connection = duckdb.connect(str(root / "catalog.duckdb"), read_only=True, config=locked)  # type: ignore[arg-type]
    return Catalog(_OPEN.enter_context(connection))
