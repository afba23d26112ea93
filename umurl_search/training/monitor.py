"""Watches a training run: its history as JSON lines and in TensorBoard, and looks at the embedding."""

import importlib.util
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from encoder.errors import DamagedError, reason_of
from encoder.model import UmURL
from encoder.train import Log
from umurl_search.evaluation.metrics import effective_rank, spread
from umurl_search.files import sealed_folder
from umurl_search.index.bridges_and_whitening import LinearMap
from umurl_search.index.embed_rows import embed_clips
from umurl_search.index.exact_knn import nearest
from umurl_search.library.clip_store import Clips
from umurl_search.progress import Advance
from umurl_search.training.history import HISTORY

MOST_LINES = 500
N_GALLERY, N_QUERIES = 512, 256


@dataclass(frozen=True, kw_only=True)
class ProbeSplit:
    """Clips to look at now and then, as rows of the clip store, with their labels (-1: none).

    queries: test clips of the protocol, looked at and never learnt from or chosen by; gallery: training clips.
    """

    gallery: list[int]
    gallery_labels: list[int]
    queries: list[int]
    query_labels: list[int]


def held_out_split(train: list[int], test: list[int], labels: NDArray[np.int64], *, seed: int) -> ProbeSplit:
    """At most 512 training and 256 test clips, drawn at random."""
    rng = np.random.default_rng(seed)
    gallery, queries = (
        sorted(rng.choice(rows, size=min(most, len(rows)), replace=False).tolist()) if rows else []
        for rows, most in ((train, N_GALLERY), (test, N_QUERIES))
    )
    return ProbeSplit(
        gallery=gallery,
        gallery_labels=labels[gallery].tolist(),
        queries=queries,
        query_labels=labels[queries].tolist(),
    )


def probe_embedding(
    model: UmURL, store: Clips, clips: ProbeSplit, *, device: torch.device
) -> dict[str, float | None] | None:
    """Effective rank and spread of the gallery's fused embedding (collapse shows as a fall of either), and the
    1-NN accuracy of the labelled queries in it, None where there are none. Nothing of an embedding that is not finite.
    """
    rows = [*clips.gallery, *clips.queries]
    y = embed_clips(model, store, rows, modality="fused", device=device)
    if not np.isfinite(y).all():
        return None
    gallery, queries = np.split(y, [len(clips.gallery)])
    own, asked = np.array(clips.gallery_labels), np.array(clips.query_labels)
    known = asked >= 0
    accuracy = None
    if known.any() and (own >= 0).any():
        found = nearest(LinearMap()(gallery[own >= 0]), LinearMap()(queries[known]), 1).rows[:, 0]
        accuracy = float((own[own >= 0][found] == asked[known]).mean())
    return {"rank": effective_rank(gallery), "spread": spread(gallery), "accuracy": accuracy}


class TrainingMonitor:
    """Writes the history of a run beside its state: every line the mean of as many steps as make about 500
    lines in all.

    before: what `state` gave at the step from which the run goes on, `settings` what is new since then.
    """

    def __init__(
        self,
        folder: Path,
        *,
        total_steps: int,
        done: int = 0,
        before: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        tensorboard: Path | None = None,
    ) -> None:
        self.every = max(1, total_steps // MOST_LINES)
        self.last: Log | None = None
        self.doubts: list[str] = []
        known = before or {"pending": [], "losses": {}, "looks": {}, "epoch": 0, "pace": {}}
        self.losses: dict[str, float] = known["losses"]
        self.looks: dict[str, float | None] = known["looks"]
        self._pending: list[dict[str, float]] = known["pending"]
        self._epoch: int = known["epoch"]
        self._pace: dict[str, float] = known["pace"]
        self._step = done
        self._path = folder / HISTORY
        lines = _read_kept(self._path, done)
        self._began = time.monotonic() - (lines[-1]["seconds"] if lines else 0.0)
        sealed_folder.write_text(self._path, "".join(json.dumps(line) + "\n" for line in lines))
        self._board = _tensorboard(tensorboard, purge_step=done + 1 if done else None)
        if done:
            self._write({"kind": "resumed", "step": done, "epoch": self._epoch, **(settings or {})})

    def log(self, log: Log) -> None:
        first = log.step - len(log.losses)
        if self._pending and self._pending[0].keys() != log.losses[0].keys():
            self._write_losses(first)
        self.last, self.losses, self._epoch = log, log.losses[-1], log.epoch
        self._pace = {
            "learning_rate": log.learning_rate,
            "clips_per_s": log.clips_per_s,
            "waiting": log.waiting,
        }
        self._pending += log.losses
        self._step = log.step
        if log.step % self.every == 0:
            self._write_losses(log.step)

    def record_look(self, step: int, seen: dict[str, float | None]) -> None:
        self.looks = seen
        self._write({"kind": "embedding", "step": step, "epoch": self._epoch, **seen})

    def state(self) -> dict[str, Any]:
        """What the next run's recorder needs to go on as if there had been one run, as plain data."""
        return {
            "pending": self._pending,
            "losses": self.losses,
            "looks": self.looks,
            "epoch": self._epoch,
            "pace": self._pace,
        }

    def finish(self) -> None:
        """Writes what is left over at the end of a run."""
        if self._pending:
            self._write_losses(self._step)

    def sync(self) -> None:
        """To the disk, before a state that counts on it."""
        with open(self._path, "rb") as file:
            os.fsync(file.fileno())

    def close(self) -> None:
        if self._board is not None:
            self._board.close()

    def _write_losses(self, step: int) -> None:
        """The mean of what is pending."""
        means = {term: float(np.mean([row[term] for row in self._pending])) for term in self._pending[0]}
        self._pending = []
        self._write({"kind": "losses", "step": step, "epoch": self._epoch, **means, **self._pace})

    def _write(self, line: dict[str, Any]) -> None:
        stamped = {**line, "seconds": round(time.monotonic() - self._began, 3)}
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(stamped) + "\n")
        for name, value in line.items() if self._board is not None else ():
            if isinstance(value, float):
                self._board.add_scalar(name, value, line["step"])


def _read_kept(path: Path, done: int) -> list[dict[str, Any]]:
    """The whole lines of an earlier part of the run, up to the step from which it goes on. What was tried from there
    before is left out."""
    if not path.exists() or not done:
        return []
    whole = [
        line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")
    ]
    try:
        lines = [json.loads(line) for line in whole]
    except ValueError as error:
        raise DamagedError(
            f"{path}: the history is damaged ({reason_of(error)})", "delete the file to go on without it"
        ) from error
    return [line for line in lines if line["step"] < done + (line["kind"] != "resumed")]


def _tensorboard(folder: Path | None, *, purge_step: int | None) -> Any:
    """A TensorBoard writer, where that package is installed."""
    if folder is None or importlib.util.find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=purge_step)


def progress_note(log: Log, looks: dict[str, float | None]) -> str:
    """What a progress bar says beside itself."""
    parts = [f"epoch {log.epoch + 1}", f"loss {log.losses[-1]['loss']:.2f}", f"{log.clips_per_s:.0f} clips/s"]
    if looks:
        accuracy = looks["accuracy"]
        parts.append(f"rank {looks['rank']:.0f}")
        parts += [] if accuracy is None else [f"1-NN {100 * accuracy:.0f} %"]
    return "  ".join(parts)


def on_log(recorder: TrainingMonitor, advance: Advance) -> Callable[[Log], None]:
    """A hook that records, and moves the progress bar."""

    def log(log: Log) -> None:
        recorder.log(log)
        advance(len(log.losses), note=progress_note(log, recorder.looks))

    return log
