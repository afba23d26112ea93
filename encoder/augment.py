"""The augmentations of pre-training, drawn for a whole batch at once (released code's recipe).

Both spatial ones are one linear map a joint: row vectors x (C,) become x @ map.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from encoder.ragged import RaggedClips
from encoder.skeleton import N_FRAMES, N_JOINTS

MIN_SHARE = 0.1
N_CORRUPTED = 15


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """One random view of each of B clips, drawn but not yet made.

    index, first, length: (B,) int64, the clip and the frames of it; maps: (B, V, 3, 3) float32.
    """

    index: Tensor
    first: Tensor
    length: Tensor
    maps: Tensor

    @classmethod
    def sample(cls, clips: RaggedClips, index: Tensor, generator: torch.Generator) -> "Augmentation":
        first, length = random_crops(clips.n_frames[index], generator)
        maps = random_joint_maps(len(index), N_JOINTS, generator)
        return cls(index=index, first=first, length=length, maps=maps)

    def take(self, rows: Tensor) -> "Augmentation":
        """Those at some positions."""
        chosen = {name: getattr(self, name)[rows] for name in self.__dataclass_fields__}
        return Augmentation(**chosen)

    def to(self, device: torch.device) -> "Augmentation":
        """On another device."""
        moved = {name: getattr(self, name).to(device) for name in self.__dataclass_fields__}
        return Augmentation(**moved)

    def views(self, clips: RaggedClips, *, people: int) -> Tensor:
        """(B, 64, people, V, C)"""
        made = clips.resize(self.index, first=self.first, length=self.length, people=people)
        return map_joints(made, self.maps)


def augmented_view(clips: RaggedClips, index: Tensor, generator: torch.Generator) -> Tensor:
    """One random view of each chosen clip: (B, 64, M, V, C)."""
    drawn = Augmentation.sample(clips, index, generator)
    return drawn.views(clips, people=int(clips.n_people[index].max()))


def random_crops(n_frames: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """First frame and length (B,): a share from U(0.1, 1), at least 64 frames or the whole clip if shorter."""
    draw = torch.rand(2, len(n_frames), generator=generator, device=n_frames.device)
    share = MIN_SHARE + (1 - MIN_SHARE) * draw[0]
    length = torch.minimum(torch.clamp((n_frames * share).long(), min=N_FRAMES), n_frames)
    slack = n_frames - length + 1
    first = torch.minimum((draw[1] * slack).long(), slack - 1)
    return first, length


def random_joint_maps(n: int, n_joints: int, generator: torch.Generator) -> Tensor:
    """(B, V, 3, 3): half the clips sheared, a quarter with 15 joints zeroed, a quarter with 15 mixed."""
    device = generator.device
    kind = torch.rand(n, generator=generator, device=device)
    uniform = torch.rand(n, 3, 3, generator=generator, device=device) * 2 - 1
    order = torch.rand(n, n_joints, generator=generator, device=device).argsort(dim=1)
    chosen = order < N_CORRUPTED
    mixing = torch.where((kind < 0.25)[:, None, None], torch.zeros_like(uniform), uniform)
    corrupting = corruption_maps(chosen, mixing)
    return torch.where((kind < 0.5)[:, None, None, None], corrupting, shear_maps(uniform, n_joints))


def shear_maps(shear: Tensor, n_joints: int) -> Tensor:
    """Maps (B, V, 3, 3) of x -> S x, the diagonal of S (B, 3, 3) taken as one."""
    eye = torch.eye(3, device=shear.device, dtype=shear.dtype)
    full = shear * (1 - eye) + eye
    return full.transpose(1, 2)[:, None].expand(-1, n_joints, -1, -1)


def corruption_maps(joints: Tensor, mixing: Tensor) -> Tensor:
    """Maps (B, V, 3, 3) of x -> x^T R on the chosen joints (B, V) bool, nothing elsewhere; R is (B, 3, 3)."""
    eye = torch.eye(3, device=mixing.device, dtype=mixing.dtype)
    return torch.where(joints[:, :, None, None], mixing[:, None], eye)


def map_joints(clips: Tensor, maps: Tensor) -> Tensor:
    """clips (B, T, M, V, C) with each joint's row vectors multiplied by maps (B, V, C, C)."""
    return torch.einsum("btmvc,bvcd->btmvd", clips, maps)
