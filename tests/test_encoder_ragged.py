"""Clips of different lengths in one tensor, and the resize against torch's own."""

import numpy as np
import pytest
import torch
from golden_arrays import arrays, to_single_batch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from small_networks import clip
from torch import Tensor
from torch.nn import functional

from encoder.ragged import RaggedClips


def test_crop() -> None:
    want, prepared = arrays("augmentations.npz"), arrays("preprocess.npz")
    clip = prepared["normalised"][int(want["crop_clip_index"])].transpose(1, 3, 2, 0)
    got = RaggedClips.of([np.ascontiguousarray(clip)]).resize(
        torch.tensor([0]),
        first=torch.tensor([int(want["crop_start"])]),
        length=torch.tensor([int(want["crop_length"])]),
    )
    np.testing.assert_allclose(got, to_single_batch(want["cropped"]), rtol=0, atol=1e-5)


def interpolate(frames: NDArray[np.float32], mode: str) -> Tensor:
    """(T, M, V, C) to (64, M, V, C) by torch, as an image one pixel wide or as a signal."""
    signal = torch.from_numpy(frames).reshape(len(frames), -1).T[None]
    if mode == "linear":
        resized = functional.interpolate(signal, size=64, mode="linear", align_corners=False)
    else:
        image = signal[..., None]
        resized = functional.interpolate(image, size=(64, 1), mode="bilinear", align_corners=False)[..., 0]
    return resized[0].T.reshape(64, *frames.shape[1:])


@pytest.mark.parametrize("mode", ["linear", "bilinear"])
def test_the_resize_is_torchs(mode: str) -> None:
    lengths = [1, 2, 3, 63, 64, 65, 127, 128, 129, 299, 300, 1000]
    clips = [clip(t, 1 + i % 2) for i, t in enumerate(lengths)]
    resized = RaggedClips.of(clips).resize(torch.arange(len(clips)))
    assert resized.shape == (len(clips), 64, 2, 25, 3)
    for got, frames in zip(resized, clips, strict=True):
        people = frames.shape[1]
        torch.testing.assert_close(got[:, :people], interpolate(frames, mode), rtol=0, atol=2e-5)
        assert not got[:, people:].any()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data(), lengths=st.lists(st.integers(1, 320), min_size=1, max_size=5))
def test_the_resize_of_crops_is_torchs(data: st.DataObject, lengths: list[int]) -> None:
    clips = [clip(t, 1 + t % 2, seed=1) for t in lengths]
    index = data.draw(st.lists(st.integers(0, len(clips) - 1), min_size=1, max_size=6), label="index")
    length = [data.draw(st.integers(1, lengths[i])) for i in index]
    first = [data.draw(st.integers(0, lengths[i] - n)) for i, n in zip(index, length, strict=True)]
    got = RaggedClips.of(clips).resize(
        torch.tensor(index), first=torch.tensor(first), length=torch.tensor(length)
    )
    assert got.shape[2] == max(clips[i].shape[1] for i in index)
    for row, i, a, n in zip(got, index, first, length, strict=True):
        people = clips[i].shape[1]
        want = interpolate(clips[i][a : a + n], "bilinear")
        torch.testing.assert_close(row[:, :people], want, rtol=0, atol=2e-5)
        assert not row[:, people:].any()


def test_64_frames_are_left_as_they_are() -> None:
    frames = clip(64)
    resized = RaggedClips.of([frames]).resize(torch.tensor([0]))
    assert torch.equal(resized[0], torch.from_numpy(frames))


def test_packing_keeps_every_clip() -> None:
    clips = [clip(3, 2), clip(1, 1), clip(5, 1)]
    packed = RaggedClips.of(clips)
    assert len(packed) == 3
    assert packed.start.tolist() == [0, 6, 7]
    assert packed.n_frames.tolist() == [3, 1, 5]
    assert packed.n_people.tolist() == [2, 1, 1]
    assert packed.rows.shape == (12, 25, 3)
    assert np.array_equal(packed.rows[:6].numpy().reshape(clips[0].shape), clips[0])
