"""One training run shared by several processes, as `torchrun` starts them."""

import contextlib
import inspect
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from encoder.errors import BusyError, Hint, UmurlError, reason_of

Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True)
class Processes:
    """This process's rank and how many there are. Rank 0 speaks and writes; all compute."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    def agree(self, code: int) -> int:
        """The largest of all processes' codes: a stop asked of one stops all, at the same step. The hosts talk of
        it among themselves, no device waits."""
        if self.count == 1:
            return code
        largest = torch.tensor(code)
        dist.all_reduce(largest, dist.ReduceOp.MAX)
        return int(largest)

    def broadcast_from_rank0(self, find: Callable[[], Found]) -> Found:
        """What `find` gives in rank 0, in every process; a UmurlError there is one everywhere."""
        if self.count == 1:
            return find()
        box: list[Any] = [None, None]
        if self.first:
            try:
                box[0] = find()
            except UmurlError as error:
                box[1] = type(error), error.message, error.hint
        dist.broadcast_object_list(box, src=0)
        if box[1] is not None:
            kind, *said = box[1]
            raise kind(*said)
        return box[0]  # type: ignore[no-any-return]


ALONE = Processes()
_BUCKET_MB = 100
"""Of gradients that are exchanged at once: the network's in three pieces."""
_SYNC_BUFFERS = next(
    name
    for name in ("forward_sync_buffers", "broadcast_buffers")
    if name in inspect.signature(DistributedDataParallel.__init__).parameters
)
"""What torch calls the exchange of buffers at each step; it was renamed."""


def is_started_by_torchrun() -> bool:
    """Whether the environment names other processes."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextlib.contextmanager
def process_group(device: torch.device) -> Iterator[Processes]:
    """The processes that `torchrun` started, over NCCL on GPUs and gloo on CPUs; alone without it.

    Raises UmurlError when they do not find each other, or when one has gone while another waits for it.
    """
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)
    if not is_started_by_torchrun():
        yield ALONE
        return
    try:
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    except (RuntimeError, ValueError) as error:
        raise UmurlError(
            f"the processes do not find each other ({reason_of(error)})", "start them with torchrun"
        ) from error
    try:
        yield Processes(rank=dist.get_rank(), count=dist.get_world_size())
    except RuntimeError as error:
        if isinstance(error, dist.DistError) or "Connection closed by peer" in str(error):
            raise BusyError("another process of this run ended", "see what it said") from error
        raise
    finally:
        dist.destroy_process_group()


def own_device(device: torch.device) -> torch.device:
    """On GPUs, one a process: the process's own among those of its machine. Raises UmurlError when they are fewer."""
    if device.type == "cuda" and is_started_by_torchrun():
        own, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if own >= there:
            raise UmurlError(
                f"{own + 1} processes or more were started for {there} GPUs",
                Hint(
                    f"give torchrun --nproc-per-node {there}, or work with {{option}}",
                    option="device",
                    value="cpu",
                ),
            )
        return torch.device("cuda", own)
    return device


class _Gather(torch.autograd.Function):
    """All processes' rows. Every process computes the same loss of them, so its gradient of the gathered rows
    is everyone's: their sum over processes is `count` times the own one, and needs no exchange."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        parts = [torch.empty_like(x) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, x.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        count, rank = dist.get_world_size(), dist.get_rank()
        return gradient.chunk(count)[rank] * count


class _GatherStatistics(torch.autograd.Function):
    """All processes' values of one shape, (P, ...); each one's gradient is the sum of what all make of it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        parts = [torch.empty_like(x) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, x.contiguous())
        return torch.stack(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous()
        dist.all_reduce(total)
        return total[dist.get_rank()]


def gather(rows: dict[str, Tensor], processes: Processes) -> dict[str, Tensor]:
    """Every process's rows of each tensor, with gradients: (B, P) to (count * B, P) float32, in one exchange."""
    if processes.count == 1:
        return rows
    beside = torch.cat([z.float() for z in rows.values()], dim=1)
    together = _Gather.apply(beside)  # type: ignore[no-untyped-call]
    parts = together.split([z.shape[1] for z in rows.values()], dim=1)
    return dict(zip(rows, parts, strict=True))


class GatheredBatchNorm(nn.BatchNorm1d):
    """BatchNorm over the batch of all processes."""

    def forward(self, x: Tensor) -> Tensor:
        return normalise_together([self], [x])[0] if self.training else super().forward(x)

    def move_statistics(self, mean: Tensor, variance: Tensor) -> None:
        """The running ones towards a batch's."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)


def normalise_together(norms: Sequence[nn.Module], batches: Sequence[Tensor]) -> list[Tensor]:
    """Each batch (B, D) by the norm of the same place; statistics over all processes take one exchange for all."""
    gathered = [norm for norm in norms if isinstance(norm, GatheredBatchNorm) and norm.training]
    if len(gathered) < len(norms):
        return [norm(x) for norm, x in zip(norms, batches, strict=True)]
    with torch.autocast(batches[0].device.type, enabled=False):
        wide = torch.stack([x.float() for x in batches])
        n = wide.shape[1] * dist.get_world_size()
        own = torch.stack([wide.mean(dim=1), wide.var(dim=1, correction=0)])
        each: Tensor = _GatherStatistics.apply(own)  # type: ignore[no-untyped-call]
        mean = each[:, 0].mean(dim=0)
        variance = (each[:, 1] + (each[:, 0] - mean).square()).mean(dim=0)
        for norm, mean_of, variance_of in zip(gathered, mean.detach(), variance.detach(), strict=True):
            norm.move_statistics(mean_of, variance_of * (n / (n - 1)))
        weight = torch.stack([norm.weight for norm in gathered])
        bias = torch.stack([norm.bias for norm in gathered])
        scale = weight * torch.rsqrt(variance + gathered[0].eps)
        made = (wide - mean[:, None]) * scale[:, None] + bias[:, None]
        return list(made.to(batches[0].dtype).unbind())


def wrap_ddp(module: nn.Module, device: torch.device, processes: Processes) -> nn.Module:
    """The module to be called in training: gradients averaged and batch statistics taken over all processes.

    Buffers are the same in all of them, and gradients lie where they are exchanged, in few pieces.
    """
    if processes.count == 1:
        return module
    for parent in list(module.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.BatchNorm1d:
                setattr(parent, name, _make_gathered(layer))
    options: dict[str, Any] = {_SYNC_BUFFERS: False}
    return DistributedDataParallel(
        module,
        device_ids=[device.index] if device.type == "cuda" else None,
        gradient_as_bucket_view=True,
        bucket_cap_mb=_BUCKET_MB,
        **options,
    )


def _make_gathered(layer: nn.BatchNorm1d) -> GatheredBatchNorm:
    made = GatheredBatchNorm(layer.num_features, device=layer.weight.device)
    made.load_state_dict(layer.state_dict())
    made.weight, made.bias = layer.weight, layer.bias  # the optimiser's own
    return made
