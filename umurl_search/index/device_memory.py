"""Where galleries are searched: those on a device lie there whole, as far as its memory goes.

The one place that says which devices hold galleries. Letters: N gallery clips, P dimensions.
"""

from collections.abc import Iterable

import numpy as np
import torch

from umurl_search.clips.types import Embeddings

_SHARE = 0.8
"""Of the free memory, for one gallery: products and other work need the rest."""
_WITH_CODES = 2.5
"""Times a block's rows, at most, that it takes with its codes."""


def holds_galleries(device: torch.device) -> bool:
    """Whether galleries are kept on the device; a CPU reads them as they lie on disk."""
    return device.type != "cpu"


def free_bytes(device: torch.device) -> int:
    """Bytes that may still be taken: what is free, and what torch holds without using it."""
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def fits(n_bytes: int, device: torch.device) -> bool:
    return n_bytes <= _SHARE * free_bytes(device)


def count_fitting_rows(n: int, p: int, device: torch.device) -> int:
    """How many of N rows with their codes lie on the device at once: all where they lie in memory anyway."""
    if not holds_galleries(device):
        return n
    return max(1024, min(n, int(_SHARE * free_bytes(device) / (4 * p * _WITH_CODES))))


def upload(blocks: Iterable[Embeddings], *, n: int, p: int, device: torch.device) -> torch.Tensor | None:
    """(N, P) float32 on the device, of consecutive blocks of rows; None where its memory does not suffice."""
    if not fits(4 * n * p, device):
        return None
    try:
        out = torch.empty((n, p), device=device)
    except torch.OutOfMemoryError:
        return None
    start = 0
    for block in blocks:
        out[start : start + len(block)] = torch.from_numpy(np.require(block, np.float32, ["C", "W"]))
        start += len(block)
    return out
