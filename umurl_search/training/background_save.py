"""States of a run written beside the training, one after the other."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map


class BackgroundSave:
    """Takes a state as it is now, and writes it while the run goes on. A context: at its end all is written.

    What fails is raised by the next call, or at the end.
    """

    def __init__(self, write: Callable[[dict[str, Any]], None]) -> None:
        self._write = write
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="save")
        self._written: Future[None] | None = None

    def __call__(self, state: dict[str, Any]) -> None:
        self.wait()
        devices = {value.device.type for value in tree_leaves(state) if isinstance(value, torch.Tensor)}
        taken = tree_map(_take, state)
        event = _record_copies() if "cuda" in devices else None
        self._written = self._pool.submit(self._write_when_copied, taken, event)

    def wait(self) -> None:
        """Until the last state is written. Raises what its writing raised."""
        written, self._written = self._written, None
        if written is not None:
            written.result()

    def __enter__(self) -> "BackgroundSave":
        return self

    def __exit__(self, *raised: object) -> None:
        try:
            self.wait()
        finally:
            self._pool.shutdown()

    def _write_when_copied(self, state: dict[str, Any], event: Any) -> None:
        if event is not None:
            event.synchronize()
        self._write(state)


def _take(value: Any) -> Any:
    """A tensor's values as they are now, on the CPU; a GPU copies them between two steps without the host waiting."""
    if not isinstance(value, torch.Tensor):
        return value
    if value.device.type == "cpu":
        return value.detach().clone()
    taken = torch.empty(value.shape, dtype=value.dtype, pin_memory=value.device.type == "cuda")
    return taken.copy_(value.detach(), non_blocking=True)


def _record_copies() -> Any:
    """What says that the GPU has copied all."""
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record()
    return event
