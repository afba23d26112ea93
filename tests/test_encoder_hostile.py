"""Guards encoder/checkpoint.py and training/import_encoder.py: encoders made to do harm are refused early."""

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from fuzz import seeds
from fuzz.guard import watch
from fuzz.mutate import SEPARATOR
from fuzz.sources import npz, write

from encoder import checkpoint
from encoder.errors import UmurlError
from umurl_search.library.library import Library
from umurl_search.training.import_encoder import import_encoder

pytestmark = pytest.mark.usefixtures("soon")


def released_checkpoint(**changes: Any) -> bytes:
    content = torch.load(io.BytesIO(seeds.checkpoints()[0]), weights_only=True)
    content["state_dict"] |= changes
    out = io.BytesIO()
    torch.save(content, out)
    return out.getvalue()


FUSION = "module.backbone.mm_fusion.t_fusion.0.weight"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({FUSION: torch.zeros(1).expand(10**6, 10**6)}, "is larger than what is stored of it"),
        ({FUSION: torch.zeros(2**20, 1)}, "is of shape"),
        ({FUSION: torch.eye(2).to_sparse()}, "torch.sparse_coo"),
        ({FUSION: torch.zeros(2, 2, dtype=torch.complex64)}, "torch.complex64"),
        ({FUSION: torch.zeros(2, 2, device="meta")}, "on meta"),
        ({FUSION: torch.zeros(())}, "not of a UmURL encoder"),
        ({FUSION: "text"}, "not every value is a tensor"),
        (
            {f"module.backbone.ma_encoder.t_tr.layers.{n}.norm1.weight": torch.zeros(2) for n in range(5000)},
            "5000 layers",
        ),
        ({"module.j_projector.6.weight": torch.zeros(10**6, 1)}, "is of shape"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_checkpoints_that_would_take_much_memory(source: Path, changes: dict[str, Any], said: str) -> None:
    path = write(source, "some.pth.tar", released_checkpoint(**changes))
    with pytest.raises(UmurlError, match=r"some\.pth\.tar: ") as raised:
        checkpoint.import_released(path)
    assert said in raised.value.typed


def test_a_checkpoint_packed_tightly(source: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(released_checkpoint())) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["archive/data/999"] = b"\0" * 50_000_000
    path = write(source, "some.pth.tar", npz(members))
    with pytest.raises(UmurlError, match=r"an archive of 500\d{5} bytes in a file of \d{5}"):
        checkpoint.import_released(path)


def test_a_checkpoint_that_would_run_a_command(source: Path, tmp_path: Path) -> None:
    class Runs:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.system, (f"touch {tmp_path}/marker",)

    out = io.BytesIO()
    torch.save({"state_dict": Runs()}, out)
    library = Library(tmp_path / "library")
    with pytest.raises(UmurlError, match="refused, not a checkpoint of plain tensors"):
        import_encoder(library, write(source, "some.pth.tar", out.getvalue()), "evil")
    assert not (tmp_path / "marker").exists()
    assert not library.encoder("evil").exists()


@pytest.mark.parametrize(
    "sizes",
    [
        '{"width": 1000000000}',
        '{"layers": 1000000000}',
        '{"heads": 1.0}',
        '{"width": "8"}',
        '{"width": true}',
        '{"projection": 1e9}',
        '{"modalities": 5}',
        '{"modalities": [["joint"]]}',
        '{"width": ' + "9" * 4000 + "}",
        '{"a": ' + "[" * 5000 + "]" * 5000 + "}",
        "[]",
        '{"width": 60000}',
        '{"layers": 100}',
    ],
)
def test_configurations_of_encoders(source: Path, sizes: str) -> None:
    weights = seeds.encoders()[0].split(SEPARATOR, 1)[1]
    write(source, checkpoint.CONFIG, json.dumps({"model": "HERE"}).replace('"HERE"', sizes).encode())
    write(source, checkpoint.WEIGHTS, weights)
    with pytest.raises(UmurlError) as raised, watch(source.resolve(), n_bytes=len(weights)):
        checkpoint.load(source)
    assert len(raised.value.typed) < 700
