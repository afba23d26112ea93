"""States are taken as they are and written one after the other; what fails is told."""

import threading
from typing import Any

import pytest
import torch

from encoder.errors import StorageError
from umurl_search.training.background_save import BackgroundSave


def test_a_state_is_written_as_it_was_while_the_run_goes_on() -> None:
    goes, written = threading.Event(), list[dict[str, Any]]()

    def write(state: dict[str, Any]) -> None:
        assert goes.wait(10)
        written.append(state)

    weight, rows = torch.zeros(3), [1]
    with BackgroundSave(write) as save:
        save({"step": 1, "module": {"weight": weight}, "rows": rows, "none": None})
        weight += 1
        rows.append(2)
        assert written == []
        goes.set()
        save({"step": 2, "module": {"weight": weight}, "rows": rows, "none": None})
        weight += 1
    assert [state["step"] for state in written] == [1, 2]
    assert [state["module"]["weight"].tolist() for state in written] == [[0, 0, 0], [1, 1, 1]]
    assert [state["rows"] for state in written] == [[1], [1, 2]]


@pytest.mark.parametrize("again", [True, False], ids=["at the next state", "at the end"])
def test_a_state_that_cannot_be_written_is_told(again: bool) -> None:
    def write(state: dict[str, Any]) -> None:
        raise StorageError("the disk is full", "mend that")

    save = BackgroundSave(write)
    save({"step": 1})
    with pytest.raises(StorageError, match="the disk is full"):
        save({"step": 2}) if again else save.__exit__()


def test_a_run_on_the_cpu_asks_nothing_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is there may be full, or of no use."""

    def fail() -> None:
        raise RuntimeError("CUDA error: out of memory")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "Event", fail)
    written: list[dict[str, Any]] = []
    with BackgroundSave(written.append) as save:
        save({"step": 1, "weight": torch.ones(2)})
    assert written[0]["weight"].tolist() == [1, 1]
