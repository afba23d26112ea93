"""Raw clips normalised and resized on a device, against normalising clip by clip on the CPU."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from golden_arrays import GOLDEN, arrays
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from values_on_device import Crossings

from encoder.normalised_batch import NormalisedClips
from encoder.ragged import RaggedClips
from umurl_search.clips.clip import Frames
from umurl_search.clips.normalization import Conventions, normalise, to_ntu25
from umurl_search.readers.ntu import read_skeleton
from umurl_search.synthetic.demo_corpus import make_clip

SPINE, LEFT, RIGHT = 1, 4, 8


def on_device(
    clips: Sequence[Frames], *, people: int, is_raw: Sequence[bool] | None = None
) -> NDArray[np.float32]:
    raw = torch.tensor([True] * len(clips) if is_raw is None else is_raw)
    ready = NormalisedClips.of(RaggedClips.of(clips), raw)
    return ready.resize(torch.arange(len(clips)), people=people).numpy()


def on_cpu(clips: Sequence[Frames], *, people: int) -> NDArray[np.float32]:
    ready = RaggedClips.of([normalise(clip) for clip in clips])
    return ready.resize(torch.arange(len(clips)), people=people).numpy()


def assert_same(clips: Sequence[Frames], *, people: int = 2) -> None:
    got, want = on_device(clips, people=people), on_cpu(clips, people=people)
    assert got.dtype == np.float32
    assert np.isfinite(got).all()
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5)


def body(n_frames: int, people: int = 2, *, seed: int = 0) -> Frames:
    """Somebody's joints, some metres off."""
    rng = np.random.default_rng((seed, n_frames, people))
    place = rng.uniform(-2, 3, size=(1, people, 1, 3))
    return (place + rng.normal(scale=0.4, size=(n_frames, people, 25, 3))).astype(np.float32)


def late(clip: Frames) -> Frames:
    clip[: len(clip) // 3, 0] = 0
    return clip


def with_gaps(clip: Frames) -> Frames:
    clip[5:9, 0] = 0
    clip[20:22] = 0
    return clip


def late_with_gaps(clip: Frames) -> Frames:
    return with_gaps(late(clip))


def early_end(clip: Frames) -> Frames:
    clip[-len(clip) // 2 :, -1] = 0
    return clip


def all_at_once(clip: Frames) -> Frames:
    clip[:3, -1], clip[-7:, 0], clip[30:33] = 0, 0, 0
    return clip


def second_absent(clip: Frames) -> Frames:
    clip[:, -1] = 0
    return clip


def first_absent(clip: Frames) -> Frames:
    clip[:, 0] = 0
    return clip


def nobody(clip: Frames) -> Frames:
    return np.zeros_like(clip)


def flat(clip: Frames) -> Frames:
    clip[..., 2] = 0
    return clip


def flat_at_a_distance(clip: Frames) -> Frames:
    clip[..., 2] = 2.5
    return clip


def flat_but_for_the_second(clip: Frames) -> Frames:
    clip[:, 0, :, 2] = 2.5
    return clip


def no_shoulders(clip: Frames) -> Frames:
    clip[:, 0, [LEFT, RIGHT]] = 0
    return clip


def one_shoulder(clip: Frames) -> Frames:
    clip[0, 0, LEFT] = 0
    return clip


def no_spine(clip: Frames) -> Frames:
    clip[::2, 0, SPINE] = 0
    return clip


def some_joints_absent(clip: Frames) -> Frames:
    clip[np.random.default_rng(0).random(clip.shape[:3]) < 0.3] = 0
    return clip


def shoulders_on_x(clip: Frames) -> Frames:
    clip[0, 0, RIGHT] = clip[0, 0, LEFT] + np.array([0.25, 0, 0], np.float32)
    return clip


def shoulders_against_x(clip: Frames) -> Frames:
    clip[0, 0, RIGHT] = clip[0, 0, LEFT] - np.array([0.25, 0.01, 0], np.float32)
    return clip


AWKWARD: tuple[Callable[[Frames], Frames], ...] = (
    late,
    with_gaps,
    late_with_gaps,
    early_end,
    all_at_once,
    second_absent,
    first_absent,
    nobody,
    flat,
    flat_at_a_distance,
    flat_but_for_the_second,
    no_shoulders,
    one_shoulder,
    no_spine,
    some_joints_absent,
    shoulders_on_x,
    shoulders_against_x,
)


@pytest.mark.parametrize("spoil", AWKWARD, ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("people", [1, 2])
def test_awkward_clips(spoil: Callable[[Frames], Frames], people: int) -> None:
    assert_same([spoil(body(t, people, seed=seed)) for t in (40, 64, 300) for seed in (1, 2)], people=people)


def test_a_mixed_batch() -> None:
    clips = [spoil(body(t, 1 + (i + t) % 2, seed=i)) for i, spoil in enumerate(AWKWARD) for t in (35, 65, 84)]
    assert_same([body(1), *clips, body(1, 1), body(2, 1), body(300, 2), body(3, 2)])


def test_clips_of_one_frame() -> None:
    assert_same([body(1, 1, seed=seed) for seed in range(4)], people=1)
    assert_same([second_absent(body(1, 2)), first_absent(body(1, 2)), flat(body(1, 2))])


def test_the_demos_clips() -> None:
    assert_same([make_clip(f"S001C{c:03d}P001R001A{a:03d}") for a in (1, 7, 23, 28) for c in (1, 2, 3)])


def test_shoulders_that_nearly_lie_on_x() -> None:
    """There one bit of the cosine turns a clip by a ten-thousandth of a radian."""
    rng = np.random.default_rng(0)
    clips = []
    for size in 10.0 ** rng.uniform(-5, -2, size=400):
        clip = body(2, 1)
        off = np.array([rng.uniform(0.2, 0.4), *rng.normal(scale=size, size=2)], np.float32)
        clip[0, 0, RIGHT] = clip[0, 0, LEFT] + off
        clips.append(clip)
    assert_same(clips, people=1)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    data=st.data(), shapes=st.lists(st.tuples(st.integers(1, 90), st.integers(1, 2)), min_size=1, max_size=6)
)
def test_whoever_is_there_in_whichever_frames(data: st.DataObject, shapes: list[tuple[int, int]]) -> None:
    clips = []
    for t, m in shapes:
        share = data.draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
        clip = body(t, m)
        clip[np.random.default_rng((t, m)).random((t, m)) > share] = 0
        clips.append(clip)
    assert_same(clips)


def test_every_golden_recording() -> None:
    want = arrays("preprocess.npz")
    names = want["names"].tolist()
    clips = [to_ntu25(read_skeleton(GOLDEN / "raw" / f"{name}.skeleton"), Conventions()) for name in names]
    got = on_device(clips, people=2)
    np.testing.assert_allclose(got, want["resized"].transpose(0, 2, 4, 3, 1), rtol=0, atol=1e-5)


def test_what_is_normalised_already_stays_to_the_bit() -> None:
    clips = [late(body(50)), flat(body(84, 1)), body(10)]
    ready = [normalise(clip) for clip in clips]
    mixed = on_device([clips[0], ready[1], ready[2]], people=2, is_raw=[True, False, False])
    np.testing.assert_array_equal(mixed[1:], RaggedClips.of(ready).resize(torch.arange(3)).numpy()[1:])
    np.testing.assert_allclose(mixed, on_cpu(clips, people=2), rtol=0, atol=1e-5)


def test_a_device_is_asked_nothing(device: tuple[torch.device, Crossings]) -> None:
    where, crossings = device
    clips = [late_with_gaps(body(50)), body(84, 1), flat(body(10))]
    raw = RaggedClips.of(clips).to(where)
    is_raw, index = torch.ones(3, dtype=torch.bool).to(where), torch.arange(3).to(where)
    crossings.clear()
    made = NormalisedClips.of(raw, is_raw).resize(index, people=2)
    assert (made.device, crossings) == (where, Crossings())
    np.testing.assert_allclose(made.cpu().numpy(), on_cpu(clips, people=2), rtol=0, atol=1e-5)
