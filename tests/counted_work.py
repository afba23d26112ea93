"""What a computation costs, counted on tensors that have no values: operations, FLOP, bytes kept for gradients."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

VIEWS = (
    *(
        "view",
        "t.",
        "permute",
        "transpose",
        "expand",
        "detach",
        "slice",
        "select",
        "unsqueeze",
        "split",
        "alias",
    ),
    *("_unsafe_view", "unbind", "squeeze", "lift_fresh", "as_strided", "unfold", "empty"),
)
"""Beginnings of the names of operations that launch nothing."""


class Launches(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operations that a GPU is given work by."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        space, _, name = str(func).partition(".")
        if space == "aten" and not name.startswith(VIEWS):
            self.calls[name] += 1
        return func(*args, **(kwargs or {}))


@dataclass(frozen=True, kw_only=True)
class Work:
    """flop: of products; kept: bytes that the forward pass keeps for the backward one, parameters apart."""

    launches: int
    flop: int
    kept: int


def count_work(forward: Callable[[], torch.Tensor], parameters: Iterable[torch.Tensor]) -> Work:
    """Of a loss and its gradients."""
    own = {p.untyped_storage()._cdata for p in parameters}
    kept: dict[int, int] = {}
    alive: list[torch.Tensor] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        alive.append(tensor)
        kept[tensor.untyped_storage()._cdata] = tensor.untyped_storage().nbytes()
        return tensor

    with Launches() as counted, FlopCounterMode(display=False) as flops:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = forward()
        loss.backward()  # type: ignore[no-untyped-call]
    return Work(
        launches=counted.calls.total(),
        flop=flops.get_total_flops(),
        kept=sum(n for storage, n in kept.items() if storage not in own),
    )
