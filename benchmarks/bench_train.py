"""Clips a second of training: UmURL written plainly in PyTorch, and this project's loop, in one run.

    python benchmarks/bench_train.py [--steps N] [--people one|mixed]

Plain is benchmarks/plain.py: four views a clip augmented one by one in a DataLoader, float32, the D x D covariance,
two people always. Ours is `encoder.train.train`. The two take steps in turn, so that a noisy machine slows both;
medians over the steps, ratio last. `waiting`: the share of ours that goes into making batches. --people mixed: a
fifth of the clips with two people, as in NTU RGB+D; one: none, as in UTD-MHAD.
"""

import argparse
import statistics
import time
from collections.abc import Iterator

import numpy as np
import torch
from plain import PlainTraining, batches

from encoder.model import ModelConfig
from encoder.options import Precision
from encoder.precision import pick_precision
from encoder.ragged import RaggedClips
from encoder.schedule import TrainConfig
from encoder.train import Hooks, Log, train

CASES: tuple[tuple[int, int, Precision], ...] = (
    (256, 32, "auto"),
    (256, 128, "auto"),
    (256, 128, "float32"),
    (1024, 64, "auto"),
    (1024, 64, "float32"),
)
"""Width, batch, precision of ours; auto is the presets'."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--people", choices=["one", "mixed"], default="one")
    arguments = parser.parse_args()
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, people: {arguments.people}")
    print(f"{'width':<7}{'batch':>6}{'plain':>9}{'ours':>9}  {'precision':<10}{'ratio':>6}{'waiting':>9}")
    for width, batch, precision in CASES:
        rng = np.random.default_rng(0)
        people = [2 if arguments.people == "mixed" and i % 5 == 0 else 1 for i in range(2 * batch)]
        clips = [
            (0.3 * rng.standard_normal((int(rng.integers(40, 125)), m, 25, 3))).astype(np.float32)
            for m in people
        ]
        taken = pick_precision(precision, width=width, device=torch.device("cpu"))
        plain, logs = _in_turn(clips, width, batch, precision, arguments.steps)
        ours = [log.clips_per_s for log in logs]
        slow, fast = statistics.median(plain), statistics.median(ours)
        waiting = statistics.median(log.waiting for log in logs)
        print(
            f"{width:<7}{batch:>6}{slow:>9.1f}{fast:>9.1f}  {taken:<10}{fast / slow:>6.2f}{waiting:>9.3f}",
            flush=True,
        )


def _in_turn(
    clips: list[np.ndarray], width: int, batch: int, precision: Precision, n_steps: int
) -> tuple[list[float], list[Log]]:
    """Clips a second of plain steps, and the logs of ours, a step of each after the other; the first is left out."""
    loader, plain = batches(clips, batch), PlainTraining(width, 4096)
    rates: list[float] = []
    logs: list[Log] = []

    def note(log: Log) -> None:
        logs.append(log)
        rates.append(batch / _seconds(plain, loader))

    schedule = TrainConfig(
        epochs=1 + -(-n_steps * batch // len(clips)), batch_size=batch, precision=precision
    )
    _seconds(plain, loader)
    train(
        RaggedClips.of(clips),
        ModelConfig(width=width),
        schedule,
        device=torch.device("cpu"),
        hooks=Hooks(log=note, log_every=1),
    )
    return rates, logs[1:]


def _seconds(plain: PlainTraining, loader: Iterator[list[torch.Tensor]]) -> float:
    """Of one plain step, its batch included."""
    begun = time.perf_counter()
    plain.step(next(loader))
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
