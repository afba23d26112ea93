"""Chunk after chunk on a device: order, errors, crossings, and memory that does not suffice."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from small_networks import clip, moved_model
from test_encoder_normalised_batch import AWKWARD, body
from torch import Tensor
from values_on_device import Crossings

from encoder import embedding_stream
from encoder.embed import Embedder
from encoder.embedding_stream import EmbeddingStream
from encoder.errors import UmurlError
from encoder.packed_clips import Chunk
from encoder.ragged import RaggedClips
from umurl_search.clips.clip import Frames
from umurl_search.clips.normalization import normalise

CPU = torch.device("cpu")
NAMES = ("joint", "fused")


def network(clips: Tensor, modalities: tuple[str, ...]) -> dict[str, Tensor]:
    """The first joint of the first person in the first and last frame, by modality times 1, 2 ..."""
    ends = clips[:, [0, -1], 0, 0].flatten(1)
    return {m: ends * (i + 1) for i, m in enumerate(modalities)}


def stream(told: list[str] | None = None, made_by: embedding_stream.Network = network) -> EmbeddingStream:
    tell = (lambda line: None) if told is None else told.append
    return EmbeddingStream(made_by, dimension=6, device=CPU, tell=tell)


def chunks(n: int, size: int = 5) -> Iterator[Chunk]:
    for i in range(n):
        yield Chunk([clip(10 + j, 1 + (i + j) % 2, seed=i) for j in range(size)], [False] * size)


def ends_of(chunk: Chunk) -> NDArray[np.float32]:
    ready = RaggedClips.of(chunk.frames).resize(torch.arange(len(chunk.frames)))
    return network(ready, ("joint",))["joint"].numpy()


@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_chunks_come_back_in_order(n: int) -> None:
    found = list(stream()(chunks(n), NAMES))
    assert len(found) == n
    for y, chunk in zip(found, chunks(n), strict=True):
        assert list(y) == list(NAMES)
        np.testing.assert_array_equal(y["joint"], ends_of(chunk))
        np.testing.assert_array_equal(y["fused"], 2 * ends_of(chunk))


def test_the_next_chunk_is_made_elsewhere_while_the_network_works() -> None:
    made_by: list[int] = []
    is_made = [threading.Event() for _ in range(3)]

    def make() -> Iterator[Chunk]:
        for event, chunk in zip(is_made, chunks(3), strict=True):
            made_by.append(threading.get_ident())
            event.set()
            yield chunk

    worked = iter(range(1, 3))

    def wait(clips: Tensor, modalities: tuple[str, ...]) -> dict[str, Tensor]:
        """Its work on a group of a chunk ends after the next chunk is begun."""
        if len(clips) == 3 and (following := next(worked, None)) is not None:
            assert is_made[following].wait(10)
        return network(clips, modalities)

    assert len(list(stream(made_by=wait)(make(), NAMES))) == 3
    assert threading.get_ident() not in made_by


def test_an_error_of_a_chunk_comes_after_the_chunks_before_it() -> None:
    def fail() -> Iterator[Chunk]:
        yield from chunks(2)
        raise OSError("no such clip")

    asked = stream()(fail(), NAMES)
    for chunk in chunks(2):
        np.testing.assert_array_equal(next(asked)["joint"], ends_of(chunk))
    with pytest.raises(OSError, match="no such clip"):
        next(asked)


def test_who_stops_asking_leaves_no_thread_behind() -> None:
    asked = stream()(chunks(50), NAMES)
    next(asked)
    asked.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pack")]


class Small:
    """A device whose memory holds so many clips."""

    def __init__(self, most: int) -> None:
        self.most, self.sizes = most, list[int]()

    def __call__(self, clips: Tensor, modalities: tuple[str, ...]) -> dict[str, Tensor]:
        self.sizes.append(len(clips))
        if len(clips) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return network(clips, modalities)


def test_a_batch_that_does_not_fit_is_halved_and_said_once() -> None:
    told: list[str] = []
    small = Small(70)
    fitting = stream(told, small)
    two = list(chunks(2, 600))
    for y, chunk in zip(fitting(two, NAMES), two, strict=True):
        np.testing.assert_array_equal(y["joint"], ends_of(chunk))
    assert small.sizes[:4] == [300, 150, 75, 37]
    assert max(small.sizes[3:]) == fitting.batch == 37
    assert told == [
        "the memory of cpu does not suffice for 300 clips at a time: fewer are embedded at a time"
    ]


def test_memory_that_holds_next_to_nothing_is_one_line() -> None:
    small = Small(embedding_stream.FEWEST - 1)
    with pytest.raises(UmurlError, match=r"^the memory of cpu is full") as raised:
        list(stream(made_by=small)(chunks(1, 600), NAMES))
    assert raised.value.typed == (
        "the memory of cpu is full: it does not suffice for 16 clips at a time; "
        "end what else uses it, or use --device cpu"
    )
    assert min(small.sizes) == embedding_stream.FEWEST


# an embedder on a device


def raw_clips() -> list[Frames]:
    return [spoil(body(30 + i, 1 + i % 2, seed=i)) for i, spoil in enumerate(AWKWARD * 4)]


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_raw_clips_are_embedded_as_a_cpu_embeds_them(
    precision: str, device: tuple[torch.device, Crossings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "inference_mode", torch.no_grad)  # the device that is not there has none
    where, crossings = device
    model, raw = moved_model(), raw_clips()
    on_cpu = Embedder(model, n_clips=len(raw), device=CPU, precision=precision)  # type: ignore[arg-type]
    want = on_cpu([normalise(clip) for clip in raw], NAMES)
    embedder = Embedder(model.to(where), n_clips=len(raw), device=where, precision=precision)  # type: ignore[arg-type]
    crossings.clear()
    halves = [Chunk(half, [True] * len(half)) for half in (raw[:30], raw[30:])]
    found = list(embedder.in_chunks(halves, NAMES))
    for m in NAMES:
        got = np.concatenate([y[m] for y in found])
        atol = 1e-4 if precision == "float32" else 0.2
        np.testing.assert_allclose(got, want[m], rtol=0, atol=atol)
    assert (len(crossings.up), len(crossings.down), crossings.asked) == (2, 2, 0)
    ready = embedder([normalise(clip) for clip in raw], NAMES)
    assert (len(crossings.up), len(crossings.down), crossings.asked) == (3, 3, 0)
    np.testing.assert_allclose(ready["fused"], want["fused"], rtol=0, atol=atol)


def test_a_cpu_takes_no_raw_clips() -> None:
    embedder = Embedder(moved_model(), n_clips=1, device=CPU)
    with pytest.raises(ValueError, match="on a CPU clips are normalised before they are embedded"):
        list(embedder.in_chunks([Chunk([clip(4)], [True])], NAMES))
