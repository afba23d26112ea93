"""Trains the encoder that ships with the package, on made-up motion alone.

    python benchmarks/make_shipped.py [--programmes N] [--takes R] [--width W] [--epochs E] [--out FOLDER]

A training clip is a programme of the studio (umurl_search/synthetic/motion_generator.py): every view of it is
of another of its performances. The projectors are dropped, the weights are kept in half precision.
"""

import argparse
import time
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from encoder import checkpoint
from encoder.embed import pick_device
from encoder.model import ModelConfig, UmURL
from encoder.precision import pick_precision
from encoder.schedule import TrainConfig, describe
from encoder.train import Hooks, Log, train
from umurl_search.clips.normalization import PIPELINE, normalise
from umurl_search.synthetic.motion_generator import GENERATOR, MotionGenerator
from umurl_search.synthetic.multi_take_clips import Retakes

SHIPPED = Path(__file__).parents[1] / "umurl_search" / "library" / "shipped"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programmes", type=int, default=1500)
    parser.add_argument("--takes", type=int, default=4)
    parser.add_argument("--pairs", type=float, default=0.08)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--precision", choices=("auto", "float32", "bf16"), default="auto")
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--out", type=Path, default=SHIPPED)
    arguments = parser.parse_args()
    unknown = {path.name for path in arguments.out.glob("*")} - {checkpoint.CONFIG, checkpoint.WEIGHTS}
    if unknown or not arguments.out.absolute().parent.is_dir():
        parser.error(f"--out {arguments.out} is to be a new folder or one with an encoder in it")
    device = pick_device("cpu")
    arguments.precision = pick_precision(arguments.precision, width=arguments.width, device=device)
    studio = MotionGenerator(seed=arguments.seed, pairs=arguments.pairs)
    takes = [
        normalise(studio.clip(programme, take))
        for programme in range(arguments.programmes)
        for take in range(arguments.takes)
    ]
    clips = Retakes.group(takes, n_takes=arguments.takes, seed=arguments.seed)
    model_config = ModelConfig(width=arguments.width, projection=1024)
    config = TrainConfig(
        epochs=arguments.epochs,
        batch_size=32,
        learning_rate=arguments.learning_rate,
        schedule="cosine",
        warmup_epochs=0.5,
        precision=arguments.precision,
    )
    model = train(clips, model_config, config, device=device, hooks=Hooks(log=_say, log_every_s=30))
    about = {
        "dataset": "studio",
        "protocol": None,
        "preset": None,
        "origin": "shipped",
        "clips": len(takes),
        "generator": {
            "name": GENERATOR,
            **asdict(studio),
            "programmes": len(clips),
            "takes": arguments.takes,
        },
        "shares_actions_with": ["demo"],
        "training": describe(model_config, config)["training"],
        "command": _command(arguments),
        "pipeline": vars(PIPELINE),
    }
    _write(arguments.out, model, model_config, about)


def _command(arguments: argparse.Namespace) -> str:
    """What reproduces the encoder, every default stated."""
    stated = {name.replace("_", "-"): value for name, value in vars(arguments).items() if name != "out"}
    return " ".join(["python benchmarks/make_shipped.py", *(f"--{k} {v}" for k, v in stated.items())])


def _say(log: Log) -> None:
    print(
        f"{time.strftime('%H:%M:%S')} step {log.step}/{log.total_steps} {log.losses[-1]['loss']:.2f}",
        flush=True,
    )


def _write(out: Path, model: UmURL, config: ModelConfig, about: dict[str, object]) -> None:
    out.mkdir(exist_ok=True)
    bare = UmURL(config, with_projectors=False)
    bare.encoder.load_state_dict(model.encoder.state_dict())
    checkpoint.save(out, bare, extra=about)
    weights = load_file(str(out / checkpoint.WEIGHTS))
    save_file(
        {k: v.to(torch.float16).contiguous() for k, v in weights.items()}, str(out / checkpoint.WEIGHTS)
    )
    print({path.name: path.stat().st_size for path in out.iterdir()})


if __name__ == "__main__":
    main()
