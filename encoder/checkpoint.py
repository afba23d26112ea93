"""Encoders on disk, and the authors' released checkpoints."""

import json
import pickle
import re
import warnings
import zipfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from encoder.errors import (
    BadInputError,
    DamagedError,
    NotFoundError,
    StorageError,
    one_line,
    reason_of,
    shorten,
)
from encoder.model import ModelConfig, UmURL

WEIGHTS = "weights.safetensors"
CONFIG = "config.json"
_MOST = {"width": 65_536, "heads": 65_536, "layers": 100, "projection": 1_048_576}
"""The sizes that a configuration may state; above all, so many layers that building them takes forever are none."""
_LONGEST_SIZE = 40
"""Characters of a size that is none, as an error quotes it."""
_AGAIN = "make the encoder again"

_LAYER = {
    "self_attn.in_proj_": "qkv.",
    "self_attn.out_proj.": "out.",
    "linear1.": "feed_in.",
    "linear2.": "feed_out.",
    "norm1.": "norm_attention.",
    "norm2.": "norm_feed.",
}
_MODALITY = {"j": "joint", "b": "bone", "m": "motion"}
_STREAM = {"t": "temporal", "s": "spatial"}


def save(folder: Path, model: UmURL, *, extra: dict[str, Any]) -> None:
    """Writes config.json (the model's sizes under `model`, beside `extra`) and the weights into `folder`.

    Raises UmurlError when the weights cannot be written.
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    try:
        save_file(state, str(folder / WEIGHTS))
    except SafetensorError as error:
        raise StorageError(
            f"{folder / WEIGHTS}: cannot be written ({reason_of(error)})", "mend that and go on"
        ) from error
    config = {"model": asdict(model.config), **extra}
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def read_config(folder: Path) -> dict[str, Any]:
    """The encoder's config.json. Raises UmurlError when it is missing or is not what `save` writes."""
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        _model_config(config)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedError(
            f"{folder / CONFIG}: not an encoder's configuration ({reason_of(error)})", _AGAIN
        ) from error
    return config  # type: ignore[no-any-return]


def _model_config(config: dict[str, Any]) -> ModelConfig:
    sizes = dict(config["model"])
    known = {field.name for field in fields(ModelConfig)}
    if set(sizes) - known:
        raise ValueError(f"unknown keys {sorted(set(sizes) - known)}; known are {sorted(known)}")
    for name in sizes.keys() - {"modalities"}:
        if type(sizes[name]) is not int or sizes[name] > _MOST[name]:
            raise ValueError(
                f"{name} is a whole number up to {_MOST[name]:,}, got {str(sizes[name])[:_LONGEST_SIZE]}"
            )
    return ModelConfig(**sizes)


def load(folder: Path) -> UmURL:
    """The model in evaluation mode, with its projectors if the file has them; half precision is widened."""
    config = _model_config(read_config(folder))
    try:
        state = load_file(str(folder / WEIGHTS))
    except Exception as error:  # a damaged file may fail in any way
        raise DamagedError(f"{folder / WEIGHTS}: cannot be read ({reason_of(error)})", _AGAIN) from error
    return _fill(config, state, source=folder / WEIGHTS)


def _fill(config: ModelConfig, state: dict[str, Tensor], *, source: Path) -> UmURL:
    """The model with these weights, for which memory is taken only once they are known to fit it."""
    with_projectors = any(name.startswith("projectors.") for name in state)
    try:
        _require_held(state)
        _require_sized(config, state, with_projectors=with_projectors)
        model = UmURL(config, with_projectors=with_projectors)
        model.load_state_dict(state)  # copies into float32, whatever the file holds
    except (RuntimeError, ValueError) as error:
        last = shorten(one_line(str(error).splitlines()[-1]))  # torch begins with what all such errors say
        raise BadInputError(
            f"{source}: the weights do not fit the model ({last})", "give a whole encoder"
        ) from error
    return model.eval()


def _require_sized(config: ModelConfig, state: dict[str, Tensor], *, with_projectors: bool) -> None:
    """Raises ValueError unless the tensors that outgrow all others are of the sizes that the configuration says."""
    width = config.width
    wanted = {f"encoder.{stream}_fusion.weight": (width, width) for stream in _STREAM.values()}
    for stream in _STREAM.values():
        wanted |= {f"encoder.{stream}.{n}.qkv.weight": (3 * width, width) for n in range(config.layers)}
    if with_projectors:
        wanted |= {f"projectors.{m}.6.weight": (config.projection, 2 * width) for m in config.modalities}
    for name, shape in wanted.items():
        if name in state and state[name].shape == shape:
            continue
        seen = f"of shape {tuple(state[name].shape)}" if name in state else "missing"
        raise ValueError(f"{name} is {seen}, not of {shape}")


def _require_held(state: dict[str, Tensor]) -> None:
    """Raises ValueError unless each tensor is an ordinary one whose every number is in the file, and its own."""
    held: dict[int, int] = {}
    for name, tensor in state.items():
        usual = tensor.layout == torch.strided and not (tensor.is_complex() or tensor.is_quantized)
        if not usual or tensor.device.type != "cpu":
            raise ValueError(f"{name} is {tensor.dtype}, {tensor.layout}, on {tensor.device}")
        storage = tensor.untyped_storage()
        needed = held[storage.data_ptr()] = held.get(storage.data_ptr(), 0) + tensor.nbytes
        if needed > storage.nbytes():
            raise ValueError(f"{name} is larger than what is stored of it")


def import_released(path: Path) -> UmURL:
    """A model from a checkpoint of the authors' code: a dict whose `state_dict` has `module.backbone.*`.

    Read with `weights_only=True`: a file that would run code is refused. Raises UmurlError.
    """
    try:
        _require_unpacked(path)
        content = load_tensors(path)
    except FileNotFoundError as error:
        raise NotFoundError(f"{path}: no such file", "give the path of a released .pth.tar") from error
    except Exception as error:  # a damaged file may fail in any way
        raise BadInputError(
            f"{path}: refused, not a checkpoint of plain tensors ({refuse(error)})",
            "give one as its authors released it",
        ) from error
    state = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(state, dict):
        raise BadInputError(
            f"{path}: no 'state_dict' inside", "give a UmURL checkpoint as its authors released it"
        )
    return _fill(*_translate(state, source=path), source=path)


def load_tensors(path: Path) -> Any:
    """What torch saved, on the CPU: tensors and plain values. Raises whatever a damaged file makes torch raise."""
    with warnings.catch_warnings():  # about how the file was written: what is wrong with it, `refuse` says
        warnings.simplefilter("ignore")
        return torch.load(path, map_location="cpu", weights_only=True)


def refuse(error: Exception) -> str:
    """Why `load_tensors` took no file, without torch's advice to load it all the same, code and all."""
    if isinstance(error, EOFError):
        return "it ends too soon"
    if isinstance(error, pickle.UnpicklingError | KeyError):  # the latter: no instruction
        named = re.search(r"GLOBAL (\S+)", str(error))
        return (
            f"it holds {shorten(one_line(named[1]))}, no tensor" if named else "a damaged or foreign pickle"
        )
    if "weights_only" in str(error):
        return "an archive of another kind, TorchScript or tar"
    return reason_of(error)


def _require_unpacked(path: Path) -> None:
    """Raises ValueError for an archive that is larger than its file: torch packs nothing, and would unpack all."""
    if not path.is_file() and path.exists():
        raise ValueError("no regular file")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            n_bytes = sum(member.file_size for member in archive.infolist())
        if n_bytes > path.stat().st_size:
            raise ValueError(f"an archive of {n_bytes} bytes in a file of {path.stat().st_size}")


def _translate(state: dict[str, Tensor], *, source: Path) -> tuple[ModelConfig, dict[str, Tensor]]:
    try:
        if not all(isinstance(tensor, Tensor) for tensor in state.values()):
            raise ValueError("not every value is a tensor")
        _require_held(state)
        renamed = {_rename(name): tensor for name, tensor in state.items()}
        width = renamed["encoder.temporal_fusion.weight"].shape[0]
        projection = next((x.shape[0] for n, x in renamed.items() if n.endswith("joint.6.weight")), 4096)
        layers = len({n.split(".")[2] for n in renamed if n.startswith("encoder.temporal.")})
        config = ModelConfig(width=width, layers=layers, projection=projection)
        if layers > _MOST["layers"]:
            raise ValueError(f"{layers} layers")
    except (KeyError, AttributeError, IndexError, TypeError, ValueError) as error:
        raise BadInputError(
            f"{source}: has a 'state_dict', but not of a UmURL encoder ({reason_of(error)})",
            "give one of its authors'",
        ) from error
    renamed.pop("encoder.position", None)
    return config, renamed


def _rename(name: str) -> str:
    name = name.removeprefix("module.").removeprefix("backbone.")
    if match := re.fullmatch(r"([jbm])_emb\.([ts])_embedding\.(.+)", name):
        return f"encoder.embeddings.{_MODALITY[match[1]]}.{_STREAM[match[2]]}.{match[3]}"
    if match := re.fullmatch(r"mm_fusion\.([ts])_fusion\.0\.weight", name):
        return f"encoder.{_STREAM[match[1]]}_fusion.weight"
    if match := re.fullmatch(r"ma_encoder\.([ts])_tr\.layers\.(\d+)\.(.+)", name):
        tail = match[3]
        for theirs, ours in _LAYER.items():
            tail = tail.replace(theirs, ours)
        return f"encoder.{_STREAM[match[1]]}.{match[2]}.{tail}"
    if match := re.fullmatch(r"([jbm])_projector\.(.+)", name):
        return f"projectors.{_MODALITY[match[1]]}.{match[2]}"
    return "encoder.position" if name == "ma_encoder.pe.pe" else name
