"""Encoders on disk and released checkpoints: equal to the bit, or refused in one line."""

import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_networks import clips, model
from torch import Tensor

from encoder.checkpoint import CONFIG, WEIGHTS, import_released, load, read_config, save
from encoder.embed import embed
from encoder.errors import UmurlError
from encoder.model import ModelConfig, UmURL

GOLDEN = Path(__file__).parent / "golden" / "checkpoint_0450.pth.tar"
SMALL = ModelConfig(width=16, projection=24)
CPU = torch.device("cpu")


# on disk


@pytest.mark.parametrize("with_projectors", [True, False])
def test_saved_and_loaded_is_equal_to_the_bit(tmp_path: Path, with_projectors: bool) -> None:
    before = UmURL(SMALL, with_projectors=with_projectors).train()
    with torch.no_grad():
        for buffer in before.buffers():
            buffer.add_(1)
    save(tmp_path, before, extra={"origin": "trained"})
    after = load(tmp_path)
    assert not after.training
    assert read_config(tmp_path)["origin"] == "trained"
    assert after.config == SMALL
    assert after.state_dict().keys() == before.state_dict().keys()
    for name, tensor in before.state_dict().items():
        assert torch.equal(after.state_dict()[name], tensor), name


def test_half_precision_weights_are_widened(tmp_path: Path) -> None:
    whole = model()
    save(tmp_path, whole.half(), extra={})
    widened = load(tmp_path)
    for name, tensor in widened.state_dict().items():
        assert tensor.dtype != torch.float16
        assert torch.equal(tensor, whole.state_dict()[name].to(tensor.dtype)), name
    y = embed(widened, [clips(1, 1)[0].numpy()], modalities=("fused",), device=CPU)["fused"]
    assert np.isfinite(y).all()


def one_line(error: pytest.ExceptionInfo[UmurlError], path: Path) -> str:
    text = error.value.typed
    assert "\n" not in text
    assert text.startswith(f"{path}: ")
    assert len(text) < len(str(path)) + 300
    return text


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"model": 3}', '{"model": {"widht": 16}}', '{"model": {"width": 15}}', "\xff"]
)
def test_a_damaged_configuration(tmp_path: Path, text: str) -> None:
    save(tmp_path, model(), extra={})
    (tmp_path / CONFIG).write_text(text, encoding="latin1")
    with pytest.raises(UmurlError, match="not an encoder's configuration") as error:
        load(tmp_path)
    one_line(error, tmp_path / CONFIG)


def test_damaged_weights(tmp_path: Path) -> None:
    save(tmp_path, model(), extra={})
    weights = tmp_path / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UmurlError, match="cannot be read") as error:
        load(tmp_path)
    one_line(error, weights)
    weights.unlink()
    with pytest.raises(UmurlError, match="cannot be read"):
        load(tmp_path)


def test_weights_of_another_size(tmp_path: Path) -> None:
    save(tmp_path, model(), extra={})
    config = json.loads((tmp_path / CONFIG).read_text())
    config["model"]["width"] = 32
    (tmp_path / CONFIG).write_text(json.dumps(config))
    with pytest.raises(UmurlError, match="the weights do not fit the model") as error:
        load(tmp_path)
    one_line(error, tmp_path / WEIGHTS)


# released checkpoints


def test_a_released_checkpoint_survives_saving(tmp_path: Path) -> None:
    released = import_released(GOLDEN)
    assert not released.training
    assert released.config == ModelConfig(width=32)
    save(tmp_path, released, extra={})
    for name, tensor in load(tmp_path).state_dict().items():
        assert torch.equal(tensor, released.state_dict()[name]), name


class RunsCode:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("form", ["pickle", "zip", "legacy"])
def test_a_pickle_that_would_run_code_does_not(tmp_path: Path, form: str) -> None:
    trap, path = tmp_path / "ran", tmp_path / "checkpoint_0450.pth.tar"
    content = {"epoch": 450, "state_dict": {"module.backbone.x": RunsCode(trap)}}
    if form == "pickle":
        path.write_bytes(pickle.dumps(content, 2))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(UmurlError, match="refused, not a checkpoint of plain tensors") as error:
        import_released(path)
    one_line(error, path)
    assert not trap.exists()


def released_state() -> dict[str, Tensor]:
    state: dict[str, Tensor] = torch.load(GOLDEN, weights_only=True)["state_dict"]
    return state


def rename(state: dict[str, Tensor], old: str, new: str) -> dict[str, Tensor]:
    return {name.replace(old, new): tensor for name, tensor in state.items()}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "no 'state_dict' inside"),
        ({"model": {}}, "no 'state_dict' inside"),
        ({"state_dict": torch.zeros(3)}, "no 'state_dict' inside"),
        ({"state_dict": {}}, "not of a UmURL encoder"),
        ({"state_dict": {"module.backbone.fc.weight": torch.zeros(2, 2)}}, "not of a UmURL encoder"),
        ({"state_dict": {"epoch": 3}}, "not every value is a tensor"),
        ({"state_dict": {3: torch.zeros(2)}}, "not of a UmURL encoder"),
    ],
)
def test_a_dict_of_something_else(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "other.pth.tar"
    torch.save(content, path)
    with pytest.raises(UmurlError, match=message) as error:
        import_released(path)
    one_line(error, path)


@pytest.mark.parametrize("how", ["renamed", "missing", "added", "resized"])
def test_keys_that_do_not_fit(tmp_path: Path, how: str) -> None:
    state, path = released_state(), tmp_path / "other.pth.tar"
    name = "module.backbone.j_emb.t_embedding.3.bias"
    match how:
        case "renamed":
            state = rename(state, "norm1", "norm_one")
        case "missing":
            del state[name]
        case "added":
            state["module.queue"] = torch.zeros(4)
        case "resized":
            state[name] = torch.zeros(5)
    torch.save({"state_dict": state}, path)
    with pytest.raises(UmurlError, match="the weights do not fit the model") as error:
        import_released(path)
    one_line(error, path)


def test_a_checkpoint_without_projectors_embeds(tmp_path: Path) -> None:
    state = {name: x for name, x in released_state().items() if "projector" not in name}
    torch.save({"state_dict": state}, tmp_path / "backbone.pth.tar")
    bare = import_released(tmp_path / "backbone.pth.tar")
    assert len(bare.projectors) == 0
    one = clips(2, 1)
    with torch.inference_mode():
        assert torch.equal(bare.encoder(one, "fused"), import_released(GOLDEN).encoder(one, "fused"))


@pytest.mark.parametrize("form", ["text", "empty", "zip", "cut", "folder"])
def test_a_file_that_is_no_checkpoint(tmp_path: Path, form: str) -> None:
    path = tmp_path / "no.pth.tar"
    match form:
        case "text":
            path.write_text("<html>quota exceeded</html>")
        case "empty":
            path.touch()
        case "zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("a/data.pkl", b"nothing")
        case "cut":
            path.write_bytes(GOLDEN.read_bytes()[:100_000])
        case "folder":
            path.mkdir()
    with pytest.raises(UmurlError, match="refused, not a checkpoint of plain tensors") as error:
        import_released(path)
    one_line(error, path)


def test_a_missing_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(UmurlError, match=r"no such file$") as error:
        import_released(tmp_path / "none.pth.tar")
    assert error.value.typed.endswith("; give the path of a released .pth.tar")
    one_line(error, tmp_path / "none.pth.tar")


def test_damage_anywhere_is_a_users_problem(tmp_path: Path) -> None:
    path, rng = tmp_path / "damaged.pth.tar", np.random.default_rng(0)
    few = dict(list(released_state().items())[:4])
    for zipped in (True, False):
        torch.save({"state_dict": few}, path, _use_new_zipfile_serialization=zipped)
        whole = np.frombuffer(path.read_bytes(), np.uint8)
        for _ in range(60):
            damaged = whole.copy()
            at = rng.integers(0, min(len(whole), 1500), 8)
            damaged[at] = rng.integers(0, 256, 8)
            path.write_bytes(damaged.tobytes())
            with pytest.raises(UmurlError) as error:
                import_released(path)
            one_line(error, path)
