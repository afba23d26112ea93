"""Float32 products as the bounds of a search count on them, whatever the host program has set.

TF32 keeps 10 bits of each factor, bfloat16 7: an error of 5e-4 or more where bounds allow 2e-5.
"""

import contextlib
import functools
import threading
from collections.abc import Iterator
from typing import Any

import torch

_lock = threading.Lock()
_inside = 0
_before: list[tuple[Any, str, object]] = []


@contextlib.contextmanager
def whole_float32() -> Iterator[None]:
    """Within it float32 matrices are multiplied in float32; what was set before is set again by the last to leave.

    Settings are the process's own: of several threads within, none multiplies otherwise.
    """
    global _inside
    with _lock:
        if _inside == 0:
            _before[:] = [(place, name, getattr(place, name)) for place, name, _ in _settings()]
            for place, name, value in _settings():
                setattr(place, name, value)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                for place, name, value in _before:
                    setattr(place, name, value)


@functools.cache
def _settings() -> list[tuple[Any, str, object]]:
    """Where torch keeps what its products of float32 matrices may be, and what they have to be. Newer ones have a
    setting for each library, older ones one for CUDA and one for all."""
    matmul = torch.backends.cuda.matmul
    if hasattr(matmul, "fp32_precision"):
        return [
            (matmul, "fp32_precision", "ieee"),
            (torch.backends.mkldnn.matmul, "fp32_precision", "ieee"),  # type: ignore[attr-defined]
        ]
    return [(_Older(), "precision", "highest")]


class _Older:
    """torch before 2.9: one word for all libraries."""

    @property
    def precision(self) -> str:
        return torch.get_float32_matmul_precision()

    @precision.setter
    def precision(self, value: str) -> None:
        torch.set_float32_matmul_precision(value)
