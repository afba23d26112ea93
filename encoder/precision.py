"""In which precision products are made: bf16 where the hardware multiplies it, float32 elsewhere."""

import os
import time
from typing import Literal

import torch
from torch import Tensor

from encoder.options import Precision

Taken = Literal["float32", "bf16"]
"""What `auto` becomes."""
BF16_FROM = 256
"""Widths for which bfloat16 products are worth it."""
ONEDNN_LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""Variables that keep oneDNN, which multiplies for torch, from units that the CPU has; the first that is set counts."""
_TRIED = 50
_WITHOUT_BF16 = (
    "sse41",
    "avx",
    "avx2",
    "avx2_vnni",
    "avx2_vnni_2",
    "avx512_mic",
    "avx512_mic_4ops",
    "avx512_core",
    "avx512_core_vnni",
)
"""oneDNN's levels that have no bf16 products."""


def multiplies_bf16(device: torch.device) -> bool:
    """Whether products of bfloat16 matrices run in units made for them, as the process is set up.

    On a CPU: AVX-512 bf16 or AMX, unless ATEN_CPU_CAPABILITY or ONEDNN_MAX_CPU_ISA keeps torch from them.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    limit = next((os.environ[name] for name in ONEDNN_LIMITS if os.environ.get(name)), "")
    if limit.lower() in _WITHOUT_BF16 or not torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
        return False
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def pick_precision(name: Precision, *, width: int, device: torch.device) -> Taken:
    """`auto` is bf16 where the device multiplies it in hardware and the encoder is wide enough to gain by it."""
    if name != "auto":
        return name
    return "bf16" if width >= BF16_FROM and multiplies_bf16(device) else "float32"


def precision_here(made_with: Taken, device: torch.device) -> Taken:
    """What goes with embeddings made in that precision, perhaps elsewhere: the same, but never emulated.

    Embeddings of the two agree to a cosine above 0.999.
    """
    return made_with if multiplies_bf16(device) else "float32"


def emulation_note(precision: Precision, device: torch.device) -> str | None:
    """A line that says what bf16 costs where it is emulated, as measured now; None where nothing is emulated."""
    if precision != "bf16" or multiplies_bf16(device):
        return None
    x = torch.randn(128, 128, device=device)
    times = _seconds(x.bfloat16()) / _seconds(x)
    return (
        f"bf16 is emulated here: a product of two 128 x 128 matrices takes {times:.1f} times as long as in float32 "
        "(measured just now); --precision auto takes what is fast"
    )


def _seconds(x: Tensor) -> float:
    """Of x times itself, the best of several: what comes first wakes threads, and other work is in the way."""
    best = float("inf")
    for _ in range(_TRIED):
        begun = time.perf_counter()
        (x @ x).sum().item()
        best = min(best, time.perf_counter() - begun)
    return best
