"""Which clips make a batch, and the views of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from encoder.augment import Augmentation
from encoder.distributed import Processes
from encoder.errors import Hint, UmurlError
from encoder.model import View
from encoder.ragged import RaggedClips
from encoder.schedule import TrainConfig


@dataclass(frozen=True, kw_only=True)
class Order:
    """The clips of every batch of an epoch, those of one person first.

    index: (steps, B) int64 on the device, the whole batch; singles: how many of this process's share of a
    batch are of one person; share: which of the B are this process's; people: the most in any clip.
    """

    index: Tensor
    singles: list[int]
    share: slice
    people: int


@dataclass(frozen=True, kw_only=True)
class Group:
    """Clips of a batch that are embedded in one shape, and what was drawn for each of their views, name after name."""

    drawn: Augmentation
    people: int

    def to(self, device: torch.device) -> "Group":
        """On another device."""
        return Group(drawn=self.drawn.to(device), people=self.people)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is fixed before the first step.

    Raises UmurlError when there are fewer than two clips, or a batch that the processes cannot share.
    """

    n_people: Tensor
    seed: int
    batch_size: int
    steps_per_epoch: int
    total_steps: int
    processes: Processes

    @classmethod
    def of(cls, clips: RaggedClips, config: TrainConfig, processes: Processes) -> "Plan":
        n = len(clips)
        batch_size = shared_batch(n, config, processes)
        steps = n // batch_size
        return cls(
            n_people=clips.n_people.cpu(),
            seed=config.seed,
            batch_size=batch_size,
            steps_per_epoch=steps,
            total_steps=(config.epochs + config.tune_epochs) * steps,
            processes=processes,
        )

    def epoch_of(self, step: int) -> int:
        """Both counted from 0."""
        return step // self.steps_per_epoch

    def order(self, epoch: int, device: torch.device) -> Order:
        """A GPU's batches all have the same two shapes (`fixed_singles`)."""
        people = int(self.n_people.max())
        index = epoch_order(len(self.n_people), self.seed, epoch)
        index = index[: self.steps_per_epoch * self.batch_size].view(self.steps_per_epoch, self.batch_size)
        one = self.n_people[index] == 1
        index = index.gather(1, (~one).int().argsort(dim=1, stable=True))
        share = slice(self.processes.rank, None, self.processes.count)
        mine = self.n_people[index][:, share]
        singles = (mine == 1).sum(dim=1).tolist()
        if people > 1 and device.type == "cuda":
            fixed = fixed_singles(self.n_people, batch_size=self.batch_size, count=self.processes.count)
            singles = [fixed if n >= fixed else 0 for n in singles]
        if device.type == "cuda":
            index = index.pin_memory()
        return Order(index=index.to(device, non_blocking=True), singles=singles, share=share, people=people)


def shared_batch(n: int, config: TrainConfig, processes: Processes) -> int:
    """Clips of a batch, of n in all. Raises UmurlError when these are fewer than two or processes cannot share it."""
    if n < 2:
        raise UmurlError(
            f"training needs at least 2 clips, there are {n}", "choose another dataset or protocol"
        )
    count = processes.count
    if config.batch_size % count:
        fitting = max(2, config.batch_size // count) * count
        raise UmurlError(
            f"{count} processes cannot share a batch of {config.batch_size} evenly",
            Hint("give {option}", option="batch_size", value=str(fitting)),
        )
    batch_size = min(config.batch_size, n) // count * count
    if batch_size < 2 * count:
        raise UmurlError(
            f"{count} processes share a batch of {batch_size}",
            Hint(f"start fewer, or raise {{option}} ({n} clips are there)", option="batch_size"),
        )
    return batch_size


def draw_batch(
    clips: RaggedClips, order: Order, batch: int, names: Sequence[str], generator: torch.Generator
) -> list[Group]:
    """What `make_views` makes a view of each name of: of every clip of this process's share, those of one person
    first. Chance is drawn for the whole batch, whoever makes which view."""
    index = order.index[batch]
    drawn = Augmentation.sample(clips, index.repeat(len(names)), generator)
    rows = torch.arange(len(names) * len(index), device=index.device).view(len(names), -1)[:, order.share]
    n_single = order.singles[batch]
    groups = [(rows[:, :n_single], 1), (rows[:, n_single:], order.people)]
    return [
        Group(drawn=drawn.take(chosen.reshape(-1)), people=people)
        for chosen, people in groups
        if chosen.numel()
    ]


def make_views(clips: RaggedClips, groups: Sequence[Group], names: Sequence[str]) -> list[View]:
    """A view of each name of the clips of each group, (B, 64, M, V, C)."""
    made = [group.drawn.views(clips, people=group.people).chunk(len(names)) for group in groups]
    return [dict(zip(names, views, strict=True)) for views in made]


def fixed_singles(n_people: Tensor, *, batch_size: int, count: int) -> int:
    """How many of a process's share of a batch are of one person in nearly every batch, a multiple of eight.

    Where shapes must not change, so many are a group of one person a clip and the rest a group of two, in which a clip
    of one person embeds as it does alone. Of chance, four standard deviations below the mean: one batch of 30,000 has
    fewer, and is then one group.
    """
    n, n_single = len(n_people), int((n_people == 1).sum())
    share = n_single / n
    spread = math.sqrt(batch_size * share * (1 - share) * (n - batch_size) / max(n - 1, 1))
    return max(0, int((batch_size * share - 4 * spread) / count) // 8 * 8)


def epoch_order(n: int, seed: int, epoch: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(n, generator=generator)
