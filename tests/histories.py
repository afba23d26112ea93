"""Training histories written by hand."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from umurl_search.training.history import HISTORY, LOSSES, History, read_history


def losses(step: int, epoch: int, **values: Any) -> dict[str, Any]:
    terms = {name: 1.0 + i + 1 / step for i, name in enumerate(LOSSES)}
    rest = {"learning_rate": 1e-3, "clips_per_s": 200.0, "waiting": 0.25, "seconds": 0.5 * step}
    return {"kind": "losses", "step": step, "epoch": epoch, **terms, **rest, **values}


def look(step: int, epoch: int, **values: Any) -> dict[str, Any]:
    seen = {"rank": 12.5, "spread": 0.4, "accuracy": 0.5}
    return {"kind": "embedding", "step": step, "epoch": epoch, "seconds": 1.0, **seen, **values}


def write_history(folder: Path, records: Iterable[dict[str, Any]], *, end: str = "") -> Path:
    text = "".join(json.dumps(record) + "\n" for record in records)
    (folder / HISTORY).write_text(text + end, encoding="utf-8")
    return folder


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Six steps in two epochs, two looks."""
    records = [losses(step, (step - 1) // 3) for step in range(1, 7)]
    return read_history(write_history(tmp_path, [*records, look(3, 0), look(6, 1, accuracy=0.75)]))
