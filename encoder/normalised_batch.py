"""UmURL's normalisation of raw clips and their resize to 64 frames, on a device that is asked nothing meanwhile.

The same numbers, to rounding, as normalising clip by clip on the CPU and `RaggedClips.resize`: gaps are closed, frames
are centred, then blended, then turned, since a rotation of a blend is the blend of what is rotated. Only the two source
frames of each of the 64 are centred. Numbers stand as fills, not in `torch.where`, which would copy each to the device.
Letters: N clips, R rows (a row is a person in a frame), B clips of a batch, T frames, M people, V joints, C = 3.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from encoder.ragged import RaggedClips, find_positions
from encoder.skeleton import LEFT_SHOULDER, RIGHT_SHOULDER, SPINE_MID

_NOTHING = 1e-6
"""Shoulders nearer than this, an angle or an axis that is smaller, are not turned."""


@dataclass(frozen=True, kw_only=True)
class NormalisedClips:
    """Raw clips, and what their normalisation needs to know of each.

    there: (R, V) bool, joints that are seen. source: (R,) int64, the row that each row becomes when gaps are closed;
    here a clip's rows lie in the order person, frame. is_raw: (N,) bool, whether a clip is still to be normalised.
    rotation: (N, 3, 3) float32.
    """

    raw: RaggedClips
    there: Tensor
    source: Tensor
    is_raw: Tensor
    rotation: Tensor

    @classmethod
    def of(cls, raw: RaggedClips, is_raw: Tensor) -> "NormalisedClips":
        """raw: absent joints are zeros. Clips that are not `is_raw` (N,) bool stay as they are."""
        there = (raw.rows != 0).any(dim=-1)
        places = _Places.of(raw)
        closed = _close_gaps(there.any(dim=-1)[places.rows(raw, places.frame)], places)
        source = places.rows(raw, torch.where(is_raw[places.clip], closed, places.frame))
        turned = is_raw & ~_find_flat(raw, there, source, places)
        rotation = _find_rotations(raw, there, source[raw.start], turned)
        return cls(raw=raw, there=there, source=source, is_raw=is_raw, rotation=rotation)

    def resize(self, index: Tensor, *, people: int) -> Tensor:
        """(B, 64, people, V, C): the chosen clips whole, normalised and resized; index: (B,)."""
        raw = self.raw
        length, base = raw.n_frames[index], raw.start[index]
        low, weight = find_positions(length)
        ends = (low, torch.minimum(low + 1, length[:, None] - 1))
        weights = (1 - weight, weight)
        spines = [self._spines(index, self.source[base[:, None] + end]) for end in ends]
        shown = []
        for person in range(people):
            first = base + torch.clamp(raw.n_people[index] - 1, max=person) * length
            before, after = (
                self._centred(self.source[first[:, None] + end], spine) * w[:, :, None, None]
                for end, spine, w in zip(ends, spines, weights, strict=True)
            )
            absent = raw.n_people[index] <= person
            shown.append((before + after).masked_fill(absent[:, None, None, None], 0))
        return _rotate(torch.stack(shown, dim=2), self.rotation[index])

    def _spines(self, index: Tensor, rows: Tensor) -> Tensor:
        """(B, 64, 1, C): the centres of frames of raw clips, zeros of those that are centred."""
        centre = self.raw.rows[:, SPINE_MID][rows] * self.is_raw[index][:, None, None]
        return centre[:, :, None]

    def _centred(self, rows: Tensor, spines: Tensor) -> Tensor:
        return (self.raw.rows[rows] - spines) * self.there[rows][..., None]


@dataclass(frozen=True, kw_only=True)
class _Places:
    """Of each of the R rows, a clip's in the order person, frame: its clip, person and frame, how many frames the clip
    has, and the first row of the clip (`start`) and of the person (`base`)."""

    clip: Tensor
    person: Tensor
    frame: Tensor
    n_frames: Tensor
    start: Tensor
    base: Tensor

    @classmethod
    def of(cls, clips: RaggedClips) -> "_Places":
        n_rows = len(clips.rows)
        every = torch.arange(n_rows, device=clips.start.device)
        clip = torch.searchsorted(clips.start, every, right=True) - 1
        start, n_frames = clips.start[clip], clips.n_frames[clip]
        person = (every - start) // n_frames
        base = start + person * n_frames
        return cls(clip=clip, person=person, frame=every - base, n_frames=n_frames, start=start, base=base)

    def rows(self, clips: RaggedClips, frame: Tensor) -> Tensor:
        """Where these frames of each person lie among the clips' rows."""
        return self.start + frame * clips.n_people[self.clip] + self.person


def _close_gaps(seen: Tensor, places: _Places) -> Tensor:
    """(R,) the frame that each row becomes: late starts move to the front without gaps, early ends are repeated.

    seen: (R,) bool, whether the person is there, in the order of `places`.
    """
    n_rows, base = len(seen), places.base
    until = torch.cumsum(seen, dim=0)
    before = until - seen.long()
    rank = before - before[base]
    n_seen = until[base + places.n_frames - 1] - before[base]
    # frames in which the person is there, first of all: those in which not go to a place behind the rows
    place = (base + rank).masked_fill(~seen, n_rows)
    kept = torch.zeros(n_rows + 1, dtype=torch.int64, device=seen.device).scatter_(0, place, places.frame)
    last = kept[base + torch.clamp(n_seen - 1, min=0)]
    is_late = ~seen[base] & (n_seen > 0)
    period = torch.where(is_late, n_seen, torch.where(n_seen > 0, last + 1, places.n_frames))
    position = places.frame % period
    return torch.where(is_late, kept[base + position], position)


def _find_flat(raw: RaggedClips, there: Tensor, source: Tensor, places: _Places) -> Tensor:
    """(N,) bool: clips no joint of which has a depth once they are centred, as those of a picture."""
    depth = raw.rows[..., 2]
    spine = depth[:, SPINE_MID][source[places.start + places.frame]]
    deep = ((depth[source] - spine[:, None]) * there[source] != 0).any(dim=-1)
    until = torch.cumsum(deep, dim=0)
    last = raw.start + raw.n_frames * raw.n_people - 1
    return until[last] - until[raw.start] + deep[raw.start].long() == 0


def _find_rotations(raw: RaggedClips, there: Tensor, first: Tensor, turned: Tensor) -> Tensor:
    """(N, 3, 3) float32: the rotations that take right minus left shoulder onto x; of clips not to be `turned`, none.

    first: (N,) the row of person 1 in frame 1. The cosine is taken in float32, with the bits that numpy gives it: where
    the shoulders nearly lie on x, one bit more is a ten-thousandth of a radian. Roots and quotients are made in float64
    and rounded, since torch's own in float32 may be a bit off.
    """
    joints, seen = raw.rows[first], there[first][..., None]
    centre = joints[:, SPINE_MID]
    right, left = ((joints[:, j] - centre) * seen[:, j] for j in (RIGHT_SHOULDER, LEFT_SHOULDER))
    across = right - left
    is_there = across.abs().sum(dim=-1) >= _NOTHING
    square = (across * across).double().sum(dim=-1).masked_fill(~is_there, 1)
    length = square.float().double().sqrt().float().double()
    cosine = (across[:, 0].double() / length).float().double()
    angle = torch.acos(torch.clamp(cosine, -1, 1))
    y, z = across[:, 2].double(), -across[:, 1].double()
    turned = turned & is_there & (y.abs() + z.abs() >= _NOTHING) & (angle >= _NOTHING)
    norm = (y * y + z * z).masked_fill(~turned, 1).sqrt()
    found = _rotations(y / norm, z / norm, angle).float()
    return torch.where(turned[:, None, None], found, torch.eye(3, device=found.device))


def _rotations(y: Tensor, z: Tensor, angle: Tensor) -> Tensor:
    """(N, 3, 3): about the axes (0, y, z) of length 1."""
    sin, rest = torch.sin(angle), 1 - torch.cos(angle)
    rows = (
        (1 - rest, -sin * z, sin * y),
        (sin * z, 1 - rest * z * z, rest * y * z),
        (-sin * y, rest * y * z, 1 - rest * y * y),
    )
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def _rotate(frames: Tensor, rotation: Tensor) -> Tensor:
    """frames: (B, T, M, V, C); rotation: (B, 3, 3). Sums of three products: a matrix product could be of fewer bits."""
    x, y, z = frames.unbind(dim=-1)
    of = rotation[:, :, :, None, None, None]
    return torch.stack([x * of[:, i, 0] + y * of[:, i, 1] + z * of[:, i, 2] for i in range(3)], dim=-1)
