"""The options of a training, declared once for the command line and Python."""

from dataclasses import dataclass

from encoder.modality_sets import FUSED, members, parse
from encoder.options import Precision, Preset, Schedule, option

MOST_SEED = 2**31 - 1
_PRESET = "[default: the preset's]"


def _members(text: str) -> tuple[str, ...] | None:
    subset = parse(text)
    return None if subset == FUSED else members(subset)


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """How to train. None: the dataset's first protocol, a name made of dataset, protocol and preset, and of the fields
    of `ModelConfig` and `TrainConfig`, which have these names, the preset's own value."""

    protocol: str | None = option(None, "Whose training clips [default: the dataset's first]")
    preset: Preset = option("small", "Width 1024, 256 or 64, with its schedule")
    start_from: str | None = option(None, "An encoder whose weights are the first, e.g. shipped")
    epochs: int | None = option(None, _PRESET, low=1)
    batch_size: int | None = option(None, f"Clips a step, of all processes {_PRESET}", low=2)
    learning_rate: float | None = option(None, _PRESET, low=0, high=10)
    weight_decay: float | None = option(None, _PRESET, low=0)
    schedule: Schedule | None = option(
        None, "step: a tenth from --drop-at on; cosine: down to nothing [default: step]"
    )
    drop_at: float | None = option(None, f"A share of the epochs {_PRESET}", low=0, high=1)
    warmup_epochs: float | None = option(None, "The rate rises first [default: 0]", low=0)
    tune_epochs: int | None = option(None, "Of contrastive tuning after [default: 0]", low=0)
    tune_rate: float | None = option(None, "Its learning rate [default: 0.0003]", low=0)
    precision: Precision | None = option(
        None, "auto: bf16 where the hardware multiplies it, from width 256 on [default: auto]"
    )
    width: int | None = option(None, f"Half the size of an embedding {_PRESET}", low=2)
    heads: int | None = option(None, "Of attention [default: 1]", low=1)
    layers: int | None = option(None, "Of each transformer [default: 1]", low=1)
    projection: int | None = option(None, f"Size of the projections {_PRESET}", low=1)
    modalities: tuple[str, ...] | None = option(
        None,
        "Those to train on; one alone makes a uni-modal encoder [default: fused]",
        parse=_members,
        typed=str | None,
    )
    compile: bool | None = option(None, "Let torch compile a step first, on GPUs", typed=bool)
    cuda_graphs: bool | None = option(None, "With --compile: replay a step's launches as one", typed=bool)
    seed: int = option(0, "Of weights, order and augmentations", low=0, high=MOST_SEED)
    name: str | None = option(None, "The encoder's name [default: NAME-PROTOCOL-PRESET]", flag="--as")
    save_every_s: float = option(60.0, "Seconds between saved states", low=0, flag="--save-every")
    looks: int = option(10, "How often to look at a held-out slice's embedding, in all", low=0)
