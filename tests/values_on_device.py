"""A device that is not there: its tensors have values, lie apart from the CPU's, and every crossing is counted.

What meets a tensor of the CPU (but for a single number), or is indexed by one, is refused, as a GPU refuses it. So a
computation that passes here leaves nothing behind on the CPU, and `Crossings` says how often the host waited for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_any, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "npy"
_setup_privateuseone_for_python_backend(
    NAME
)  # before the first gradient: then torch makes a queue for each device


class OnDevice(torch.Tensor):
    """A tensor of the device; on_cpu: what it would hold."""

    on_cpu: torch.Tensor

    @staticmethod
    def __new__(cls, values: torch.Tensor) -> "OnDevice":
        out: OnDevice = torch.Tensor._make_wrapper_subclass(
            cls,
            values.size(),
            strides=values.stride(),
            storage_offset=values.storage_offset(),
            dtype=values.dtype,
            device=torch.device(NAME, 0),
        )
        out.on_cpu = values
        return out

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        raise RuntimeError("a tensor of the device is used outside it")

    def __repr__(self) -> str:  # type: ignore[override]
        return f"OnDevice({self.on_cpu!r})"


@dataclass
class Crossings:
    """up: bytes of each tensor that went to the device; down: of each that came back; asked: values that the host
    waited for."""

    up: list[int] = field(default_factory=list)
    down: list[int] = field(default_factory=list)
    asked: int = 0

    def clear(self) -> None:
        self.up, self.down, self.asked = [], [], 0


class _Device(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Does the device's work on the values, and wraps what comes of it."""

    def __init__(self, crossings: Crossings) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._crossings = crossings

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        target = kwargs.get("device")
        named = None if target is None else torch.device(target)
        goes = named is not None and named.type == NAME
        is_here = tree_any(lambda x: isinstance(x, OnDevice), (args, kwargs))
        if not (goes or is_here):
            return func(*args, **kwargs)
        if goes:
            kwargs["device"] = torch.device("cpu")
        name = func.overloadpacket._qualified_op_name
        if name == "aten::_to_copy" and named is not None:
            return self._copy(func, args, kwargs, goes=goes)
        if name == "aten::_local_scalar_dense":
            self._crossings.asked += 1
            return func(*tree_map(_values, args))
        if name == "aten::copy_":
            return self._fill(*args)
        _require_one_place(name, args, kwargs)
        done = func(*tree_map(_values, args), **tree_map(_values, kwargs))
        mutable = [a for a in (*args, *kwargs.values()) if isinstance(a, OnDevice)]
        return tree_map(lambda x: _wrap(x, mutable), done)

    def _copy(self, func: Any, args: Any, kwargs: dict[str, Any], *, goes: bool) -> torch.Tensor:
        was_here = isinstance(args[0], OnDevice)
        out: torch.Tensor = func(*tree_map(_values, args), **kwargs)
        if goes and not was_here:
            self._crossings.up.append(out.nbytes)
        if was_here and not goes:
            self._crossings.down.append(out.nbytes)
        return OnDevice(out) if goes else out

    def _fill(self, into: torch.Tensor, source: torch.Tensor, *more: object) -> torch.Tensor:
        if isinstance(into, OnDevice) and not isinstance(source, OnDevice) and source.dim() > 0:
            self._crossings.up.append(source.nbytes)
        if not isinstance(into, OnDevice):
            self._crossings.down.append(source.nbytes)
        _values(into).copy_(_values(source))
        return into


def _values(x: Any) -> Any:
    return x.on_cpu if isinstance(x, OnDevice) else x


def _wrap(x: Any, given: list[OnDevice]) -> Any:
    """A result on the device; what was changed in place is the tensor that was given."""
    if not isinstance(x, torch.Tensor) or isinstance(x, OnDevice):
        return x
    changed = [one for one in given if one.on_cpu is x]
    return changed[0] if changed else OnDevice(x)


def _require_one_place(name: str, args: Any, kwargs: dict[str, Any]) -> None:
    def is_left_behind(x: Any) -> bool:
        return isinstance(x, torch.Tensor) and not isinstance(x, OnDevice) and x.dim() > 0

    if tree_any(is_left_behind, (args, kwargs)):
        raise RuntimeError(f"{name}: tensors of the device and of the CPU meet")


@pytest.fixture
def device() -> Iterator[tuple[torch.device, Crossings]]:
    """The device, as long as the test runs, and what crosses to it and back."""
    crossings = Crossings()
    with _Device(crossings):
        yield torch.device(NAME, 0), crossings
