"""The history of a training run: what it said of itself, a JSON object a line. Letters: R records."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import DamagedError, Hint, NotFoundError, UmurlError, reason_of

HISTORY = "history.jsonl"
"""Lies in the folder of an encoder that was trained."""

LOSSES = ("loss", "intra", "inter", "variance", "covariance")
_OF_KIND = {
    "losses": (*LOSSES, "learning_rate", "clips_per_s", "waiting"),
    "embedding": ("rank", "spread", "accuracy"),
}
"""What is read of each kind of record; other kinds and keys are left alone."""
Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Series:
    """Records of one kind in order of step.

    step, epoch: (R,), counted from 1 and from 0. seconds: (R,) since the run began. values: name -> (R,), NaN
    where a record does not say it.
    """

    step: NDArray[np.int64]
    epoch: NDArray[np.int64]
    seconds: Numbers
    values: dict[str, Numbers]

    def __len__(self) -> int:
        return len(self.step)

    def says(self, name: str) -> bool:
        """Whether any record holds a number of that name."""
        return bool(np.isfinite(self.values[name]).any())

    def by_epoch(self, name: str) -> tuple[Numbers, Numbers]:
        """The mean step and the mean value of each epoch, epochs without a value left out."""
        known = np.isfinite(self.values[name])
        epochs = self.epoch[known]
        chosen = [epochs == epoch for epoch in np.unique(epochs)]
        steps, values = self.step[known], self.values[name][known]
        return np.array([steps[c].mean() for c in chosen]), np.array([values[c].mean() for c in chosen])


@dataclass(frozen=True, kw_only=True)
class History:
    """A run's losses, its looks at the embedding, and the steps after which it was resumed."""

    losses: Series
    embedding: Series
    resumed: tuple[int, ...]

    @property
    def epochs(self) -> int:
        return int(self.losses.epoch.max()) + 1 if len(self.losses) else 0


def read_history(folder: Path) -> History:
    """The history in an encoder's folder; where a resumed run repeated steps, what it said last.

    A last line that was cut short, as a killed run leaves it, is left out. Raises UmurlError when there is no
    history or another line is not a record.
    """
    path = folder / HISTORY
    try:
        text = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(
            f"{path}: no training history",
            Hint("{command} writes one for the encoders it makes", command=("train", "NAME")),
        ) from error
    lines = text.split(b"\n")
    records = [_record(path, number, line) for number, line in enumerate(lines[:-1], start=1) if line.strip()]
    records += _read_last(path, len(lines), lines[-1])
    losses, embedding = (_series(path, records, kind) for kind in _OF_KIND)
    resumed = [
        int(_number(path, n, record, "step")) for n, record in records if record.get("kind") == "resumed"
    ]
    return History(losses=losses, embedding=embedding, resumed=tuple(resumed))


def _read_last(path: Path, number: int, line: bytes) -> list[tuple[int, dict[str, Any]]]:
    """What stands after the last line end: a whole record, or nothing that can be used."""
    try:
        json.loads(line.decode("utf-8"))
    except ValueError:
        return []
    return [_record(path, number, line)]


def _record(path: Path, number: int, line: bytes) -> tuple[int, dict[str, Any]]:
    """The line's number and its object. Raises UmurlError when it holds none."""
    try:
        record = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _not_a_record(path, number, f"not JSON ({reason_of(error)})") from error
    if not isinstance(record, dict):
        raise _not_a_record(path, number, "not a JSON object")
    return number, record


def _series(path: Path, records: list[tuple[int, dict[str, Any]]], kind: str) -> Series:
    kept: list[dict[str, float]] = []
    for number, record in records:
        if record.get("kind") != kind:
            continue
        row = {name: _number(path, number, record, name) for name in ("step", "epoch", "seconds")}
        row |= {name: _number(path, number, record, name, absent=np.nan) for name in _OF_KIND[kind]}
        while kept and kept[-1]["step"] >= row["step"]:
            kept.pop()
        kept.append(row)
    columns = {name: np.array([row[name] for row in kept], dtype=np.float64) for name in _OF_KIND[kind]}
    return Series(
        step=np.array([row["step"] for row in kept], dtype=np.int64),
        epoch=np.array([row["epoch"] for row in kept], dtype=np.int64),
        seconds=np.array([row["seconds"] for row in kept], dtype=np.float64),
        values=columns,
    )


def _number(
    path: Path, number: int, record: dict[str, Any], name: str, *, absent: float | None = None
) -> float:
    value = record.get(name)
    if value is None and absent is not None:
        return absent
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _not_a_record(path, number, f"its {name} is {json.dumps(value)}, not a number")
    return float(value)


def _not_a_record(path: Path, number: int, why: str) -> UmurlError:
    return DamagedError(
        f"{path}: line {number} of the training history is damaged: {why}", "delete that line"
    )
