"""Trains the encoder that ships with the package, on made-up motion alone.

    python benchmarks/make_shipped.py [--epochs E] [--width W] [--out FOLDER]

Training clips are those of the demo corpus's xsub protocol. The projectors are dropped, the weights are
kept in half precision. About 10 minutes on two cores.
"""

import argparse
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from encoder import checkpoint
from encoder.embed import pick_device
from encoder.model import ModelConfig, UmURL
from encoder.ragged import RaggedClips
from encoder.train import PRESETS, Hooks, Step, describe, train
from umurl_search.clipstore import ClipStore
from umurl_search.encoders import TRAINED_ON
from umurl_search.ingest import Request, ingest
from umurl_search.library import Library
from umurl_search.preprocess import PIPELINE
from umurl_search.training import training_rows

SHIPPED = Path(__file__).parents[1] / "umurl_search" / "shipped"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--out", type=Path, default=SHIPPED)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        library = Library(Path(scratch))
        ingest(library, Request(name="demo"))
        _, rows, names = training_rows(library, "demo", "xsub")
        store = ClipStore(library.clips("demo"))
        clips = RaggedClips.of([store.normalised(row) for row in rows])
    model_config = ModelConfig(width=arguments.width, projection=1024)
    config = replace(PRESETS["tiny"][1], epochs=arguments.epochs)
    model = train(clips, model_config, config, device=pick_device("cpu"), hooks=Hooks(on_step=_say))
    command = f"python benchmarks/make_shipped.py --epochs {arguments.epochs} --width {arguments.width}"
    about = {
        "dataset": "demo", "protocol": "xsub", "preset": None, "origin": "shipped", "clips": len(rows),
        "training": describe(model_config, config)["training"], "command": command, "pipeline": vars(PIPELINE),
    }  # fmt: skip
    _write(arguments.out, model, model_config, about, names)


def _say(step: Step) -> None:
    if step.step % 50 == 0:
        print(
            f"{time.strftime('%H:%M:%S')} step {step.step}/{step.total_steps} {step.losses['loss']:.2f}",
            flush=True,
        )


def _write(out: Path, model: UmURL, config: ModelConfig, about: dict[str, object], names: list[str]) -> None:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    bare = UmURL(config, with_projectors=False)
    bare.encoder.load_state_dict(model.encoder.state_dict())
    checkpoint.save(out, bare, extra=about)
    weights = load_file(str(out / checkpoint.WEIGHTS))
    save_file(
        {k: v.to(torch.float16).contiguous() for k, v in weights.items()}, str(out / checkpoint.WEIGHTS)
    )
    (out / TRAINED_ON).write_text("\n".join(names), encoding="utf-8")
    print({path.name: path.stat().st_size for path in out.iterdir()})


if __name__ == "__main__":
    main()
