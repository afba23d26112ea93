"""Clips a second of a training step, random clips of NTU's shape (a fifth with two people), bf16.

    python benchmarks/bench_train.py

Median of the steps after the first: `paper` at batch 64 (its own does not fit every machine), `small` and
`tiny` at their own batch and precision.
"""

import statistics
import time

import numpy as np
import torch

from encoder.embed import pick_device
from encoder.ragged import RaggedClips
from encoder.train import PRESETS, Hooks, Step, TrainConfig, train

STEPS = {"tiny": 20, "small": 12, "paper": 4}
LARGEST_BATCH = 64


def main() -> None:
    device = pick_device("auto")
    print(f"{device}, {torch.get_num_threads()} threads\n{'preset':<8}{'batch':>6}{'clips/s':>10}")
    for preset, n_steps in STEPS.items():
        model_config, config = PRESETS[preset]
        batch = min(config.batch_size, LARGEST_BATCH)
        rng = np.random.default_rng(0)
        shapes = [(90, 2 if i % 5 == 0 else 1, 25, 3) for i in range(batch)]
        clips = RaggedClips.of([rng.standard_normal(shape).astype(np.float32) for shape in shapes])
        ends: list[float] = []

        def note(step: Step, ends: list[float] = ends) -> None:
            ends.append(time.perf_counter())

        schedule = TrainConfig(epochs=n_steps, batch_size=batch, precision=config.precision)
        train(clips, model_config, schedule, device=device, hooks=Hooks(on_step=note))
        print(f"{preset:<8}{batch:>6}{batch / statistics.median(np.diff(ends)):>10.0f}", flush=True)


if __name__ == "__main__":
    main()
