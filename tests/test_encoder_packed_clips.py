"""A chunk in one buffer, and what a device makes of it."""

import numpy as np
import pytest
import torch
from small_networks import clip
from values_on_device import Crossings

from encoder.normalised_batch import NormalisedClips
from encoder.packed_clips import Chunk, PackedClips
from encoder.ragged import RaggedClips

CPU = torch.device("cpu")
CLIPS = [clip(3, 2), clip(1, 1), clip(70, 2), clip(5, 1)]


@pytest.mark.parametrize("n_raw", [0, 1, 4])
def test_a_packed_chunk_is_its_clips(n_raw: int) -> None:
    packed = PackedClips.of(Chunk(CLIPS, [i < n_raw for i in range(4)]))
    assert (packed.n_clips, packed.n_single) == (4, 2)
    assert list(packed.groups()) == [(1, 0, 2), (2, 2, 4)]
    clips, order = packed.to(CPU)
    assert order.tolist() == [1, 3, 0, 2]
    assert isinstance(clips, NormalisedClips) == (n_raw > 0)
    rows, want = clips.raw if isinstance(clips, NormalisedClips) else clips, RaggedClips.of(CLIPS)
    for name in ("rows", "start", "n_frames", "n_people"):
        assert torch.equal(getattr(rows, name), getattr(want, name)), name
    if isinstance(clips, NormalisedClips):
        assert clips.is_raw.tolist() == [i < n_raw for i in range(4)]


def test_a_chunk_goes_to_a_device_in_one_copy(device: tuple[torch.device, Crossings]) -> None:
    where, crossings = device
    packed = PackedClips.of(Chunk(CLIPS, [True] * 4))
    clips, order = packed.to(where)
    made = clips.resize(order[2:], people=2)
    assert crossings == Crossings(up=[4 * sum(c.size for c in CLIPS) + 4 * 4 * 4])
    assert made.device == where
    ours, _ = packed.to(CPU)
    np.testing.assert_array_equal(made.cpu().numpy(), ours.resize(torch.tensor([0, 2]), people=2).numpy())
