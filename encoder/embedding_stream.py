"""Clips through a network on a device, chunk after chunk: while the device works on one, the host packs the next.

Letters: N clips, D the size of an embedding.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from encoder.errors import DeviceMemoryError, Hint
from encoder.packed_clips import Chunk, ClipsOnDevice, PackedClips

BATCH = 512
"""Clips at once, unless the device's memory does not suffice."""
FEWEST = 16
"""No batch is halved to less: such a device holds nothing."""

Network = Callable[[Tensor, tuple[str, ...]], dict[str, Tensor]]
"""What makes y (B, D) of each modality subset from clips (B, 64, M, V, C)."""


class EmbeddingStream:
    """Embeds chunks on a device. Each goes there in one copy and comes back in one, whatever its modalities.

    batch: clips that the network is given at once; halved where the memory is full, which `tell` is told once.
    """

    def __init__(
        self, network: Network, *, dimension: int, device: torch.device, tell: Callable[[str], None]
    ) -> None:
        self._network, self._dimension, self._device, self._tell = network, dimension, device, tell
        self.batch = BATCH

    def __call__(
        self, chunks: Iterable[Chunk], modalities: tuple[str, ...]
    ) -> Iterator[dict[str, NDArray[np.float32]]]:
        """y (N, D) float32 for each modality subset, of one chunk after the other.

        The next chunk is taken and packed in a thread of its own, and goes to the device before the last is waited for.
        What is raised meanwhile is raised after the chunks before it.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="pack") as thread:
            begun = self._begin_each(iter(chunks), modalities, thread)
            running = next(begun, None)
            while running is not None:
                try:
                    following = next(begun, None)
                except Exception:
                    yield running.wait()
                    raise
                yield running.wait()
                running = following

    def _begin_each(
        self, chunks: Iterator[Chunk], modalities: tuple[str, ...], thread: ThreadPoolExecutor
    ) -> Iterator["_Running"]:
        following = thread.submit(self._pack_next, chunks)
        while (packed := following.result()) is not None:
            following = thread.submit(self._pack_next, chunks)
            yield self._begin(packed, modalities)

    def _pack_next(self, chunks: Iterator[Chunk]) -> PackedClips | None:
        chunk = next(chunks, None)
        return None if chunk is None else PackedClips.of(chunk, pinned=self._device.type == "cuda")

    def _begin(self, packed: PackedClips, modalities: tuple[str, ...]) -> "_Running":
        """Gives the device all work on a chunk, and waits for none of it."""
        try:
            with torch.inference_mode():
                clips = packed.to(self._device)
                y = torch.empty((len(modalities), packed.n_clips, self._dimension), device=self._device)
                for people, first, end in packed.groups():
                    self._embed_group(y, clips, modalities, people=people, first=first, end=end)
                return _Running.of(y, modalities)
        except torch.OutOfMemoryError as error:
            raise self._too_small(packed.n_clips) from error

    def _embed_group(
        self,
        y: Tensor,
        clips: ClipsOnDevice,
        modalities: tuple[str, ...],
        *,
        people: int,
        first: int,
        end: int,
    ) -> None:
        while first < end:
            rows = clips.order[first : min(first + self.batch, end)]
            found = self._try(clips, rows, modalities, people=people)
            if found is None:
                self._halve(len(rows))
            else:
                y.index_copy_(1, rows, found)
                first += len(rows)

    def _try(
        self, clips: ClipsOnDevice, rows: Tensor, modalities: tuple[str, ...], *, people: int
    ) -> Tensor | None:
        """(modalities, B, D), None where the memory does not suffice. What was begun is free again after the return."""
        try:
            found = self._network(clips.clips.resize(rows, people=people), modalities)
            return torch.stack([found[m] for m in modalities]).float()
        except torch.OutOfMemoryError:
            return None

    def _halve(self, tried: int) -> None:
        if tried <= FEWEST:
            raise self._too_small(tried)
        if self.batch == BATCH:
            said = f"the memory of {self._device} does not suffice for {tried} clips at a time"
            self._tell(f"{said}: fewer are embedded at a time")
        self.batch = max(FEWEST, tried // 2)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _too_small(self, n: int) -> DeviceMemoryError:
        return DeviceMemoryError(
            f"the memory of {self._device} is full: it does not suffice for {n} clips at a time",
            Hint("end what else uses it, or use {option}", option="device", value="cpu"),
        )


@dataclass(frozen=True, kw_only=True)
class _Running:
    """A chunk that the device works on. host: (modalities, N, D), filled once `is_done` has come."""

    modalities: tuple[str, ...]
    host: Tensor
    is_done: torch.cuda.Event | None

    @classmethod
    def of(cls, y: Tensor, modalities: tuple[str, ...]) -> "_Running":
        if y.device.type != "cuda":
            return cls(modalities=modalities, host=y.cpu(), is_done=None)
        host = torch.empty(y.shape, pin_memory=True)
        host.copy_(y, non_blocking=True)
        is_done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        is_done.record(torch.cuda.current_stream(y.device))
        return cls(modalities=modalities, host=host, is_done=is_done)

    def wait(self) -> dict[str, NDArray[np.float32]]:
        if self.is_done is not None:
            self.is_done.synchronize()
        return dict(zip(self.modalities, self.host.numpy(), strict=True))
