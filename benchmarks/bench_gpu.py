"""Pre-training and embedding at the paper's size on a GPU: one unattended run, its table last.

    python benchmarks/bench_gpu.py [--seconds 40] [--width 1024]

Random clips of NTU-60's shape (40 to 125 frames, a fifth with two people). Each training row runs `encoder.train`
for --seconds after its warm-up: clips a second is the median over logs, the share of the peak is of what a large
bf16 product reaches in this run, hours are for 451 epochs of the 40,091 training clips of NTU-60 xsub. At most five
rows: under eight minutes with the default. Embedding is given raw clips in memory, packed by the host and normalised on
the device. Needs a CUDA device; says so and stops where there is none.
"""

import argparse
import contextlib
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from encoder.embed import CHUNK, Embedder
from encoder.errors import UmurlError
from encoder.losses import umurl_losses
from encoder.modality_sets import SINGLE_AND_FUSED
from encoder.model import ModelConfig, UmURL
from encoder.options import Precision
from encoder.packed_clips import Chunk
from encoder.ragged import RaggedClips
from encoder.schedule import TrainConfig
from encoder.train import Hooks, Log, TrainingInterrupted, train

N_CLIPS = 8192
NTU60_XSUB_CLIPS, PAPER_EPOCHS = 40_091, 451
ROWS = ((512, True), (1024, True), (512, False))
"""Batch, compiled."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--width", type=int, default=1024)
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("no CUDA device here: these figures are owed", file=sys.stderr)
        return 1
    device, model_config = torch.device("cuda"), ModelConfig(width=arguments.width)
    clips = [_clip(i) for i in range(N_CLIPS)]
    ragged = RaggedClips.of(clips)
    peak, flops = _peak(device), _flops_a_clip(model_config, device)
    lines = [
        f"{torch.cuda.get_device_name()}, torch {torch.__version__}, width {arguments.width}, bf16",
        f"peak of a bf16 product here: {peak / 1e12:.0f} TFLOP/s; a training step: {flops / 1e9:.1f} GFLOP a clip",
        f"{'training, batch':<17}{'compiled':<10}{'clips/s':>9}{'of peak':>9}{'waiting':>9}{'hours':>7}",
    ]
    for batch, compiled in ROWS:
        try:
            rate, waiting = _measure_training(
                ragged, model_config, batch, compiled, device, seconds=arguments.seconds
            )
        except (RuntimeError, UmurlError) as error:  # the other rows are still wanted
            lines.append(f"{batch:<17}{compiled!s:<10}failed: {' '.join(str(error).split())[:200]}")
        else:
            hours = NTU60_XSUB_CLIPS * PAPER_EPOCHS / rate / 3600
            share = rate * flops / peak
            lines.append(f"{batch:<17}{compiled!s:<10}{rate:>9.0f}{share:>9.2f}{waiting:>9.3f}{hours:>7.2f}")
        print(lines[-1], flush=True)
    lines.append(f"{'embedding, four subsets':<27}{'clips/s':>9}")
    model = UmURL(model_config, with_projectors=False).eval().to(device)
    precisions: tuple[Precision, ...] = ("float32", "bf16")
    for precision in precisions:
        lines.append(f"{precision:<27}{_measure_embedding(model, clips, precision, device):>9.0f}")
        print(lines[-1], flush=True)
    print("\n" + "\n".join(lines))
    return 0


def _clip(i: int) -> np.ndarray:
    rng = np.random.default_rng(i)
    shape = (int(rng.integers(40, 125)), 2 if i % 5 == 0 else 1, 25, 3)
    return 0.3 * rng.standard_normal(shape, dtype=np.float32)


def _peak(device: torch.device) -> float:
    """Operations a second of a bf16 product of 8,192 cubed, the best of five."""
    n = 8192
    a = torch.randn(n, n, device=device, dtype=torch.bfloat16)
    return 2.0 * n**3 / min(_seconds(lambda: a @ a) for _ in range(5))


def _flops_a_clip(config: ModelConfig, device: torch.device) -> float:
    """Of one training step, forwards and backwards, two people; a multiply-add counts as two."""
    model = UmURL(config).to(device).train()
    view = dict.fromkeys(SINGLE_AND_FUSED, torch.randn(8, 64, 2, 25, 3, device=device))
    with FlopCounterMode(display=False) as counter, torch.autocast("cuda", dtype=torch.bfloat16):
        own, fused = model([view])
        umurl_losses(own, fused).total.backward()  # type: ignore[no-untyped-call]
    return float(counter.get_total_flops()) / 8


def _measure_training(
    clips: RaggedClips,
    model_config: ModelConfig,
    batch: int,
    compiled: bool,
    device: torch.device,
    *,
    seconds: float,
) -> tuple[float, float]:
    """Clips a second and the share of waiting, medians over the logs after the first half of warming up."""
    logs: list[Log] = []
    begun: list[float] = []

    def note(log: Log) -> None:
        logs.append(log)
        if len(logs) == 3:  # compiled and warm
            begun.append(time.monotonic())

    def enough() -> bool:
        return bool(begun) and time.monotonic() - begun[0] > seconds

    hooks = Hooks(log=note, log_every=10, log_every_s=1e9, should_stop=enough)
    config = TrainConfig(epochs=10**6, batch_size=batch, compile=compiled)
    with contextlib.suppress(TrainingInterrupted):
        train(clips, model_config, config, device=device, hooks=hooks)
    warm = logs[3:] or logs[-1:]
    return statistics.median(log.clips_per_s for log in warm), statistics.median(log.waiting for log in warm)


def _measure_embedding(
    model: UmURL, clips: list[np.ndarray], precision: Precision, device: torch.device
) -> float:
    embedder = Embedder(model, n_clips=len(clips), device=device, precision=precision)
    starts = range(0, len(clips), CHUNK)
    parts = [clips[start : start + CHUNK] for start in starts]
    chunks = [Chunk(part, [True] * len(part)) for part in parts]

    def run() -> None:
        for _ in embedder.in_chunks(chunks, SINGLE_AND_FUSED):
            pass

    run()
    return len(clips) / statistics.median(_seconds(run) for _ in range(3))


def _seconds(run: Callable[[], object]) -> float:
    torch.cuda.synchronize()
    begun = time.perf_counter()
    run()
    torch.cuda.synchronize()
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
