"""Options that are declared once: fields of frozen dataclasses with their help and limits.

The command line and the HTTP API are made from these fields, Python takes the dataclass itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Precision = Literal["auto", "float32", "bf16"]
"""Of products; auto is bf16 where the hardware multiplies it and the network is wide enough to gain by it."""

Schedule = Literal["step", "cosine"]
"""Of the learning rate."""

Preset = Literal["paper", "small", "tiny"]
"""Of sizes and schedule: width 1024, 256 or 64."""

_KEY = "option"


@dataclass(frozen=True, kw_only=True)
class Option:
    """What is said of a field beside its type and default.

    low, high: the limits of a number, both included. flag: its name on the command line, where that is not the
    field's; with `negated`, the flag that sets it to False. parse: gives the value of a text; raises ValueError.
    typed: what is typed there, where it is not the field's type.
    """

    help: str
    low: float | None = None
    high: float | None = None
    flag: str | None = None
    negated: bool = False
    parse: Callable[[str], Any] | None = None
    typed: Any = None


def option(default: Any, help: str, **more: Any) -> Any:
    """A field with an `Option`; `more` are the latter's fields."""
    return field(default=default, metadata={_KEY: Option(help=help, **more)})


def options_of(declared: type) -> dict[str, tuple[Any, Option]]:
    """Name -> (default, option) of a dataclass's fields that are options."""
    return {one.name: (one.default, one.metadata[_KEY]) for one in fields(declared) if _KEY in one.metadata}


def check_limits(declared: Any) -> None:
    """Raises ValueError where a number of a dataclass lies outside the limits of its option."""
    for name, (_, one) in options_of(type(declared)).items():
        value = getattr(declared, name)
        if value is None or (one.low is None and one.high is None):
            continue
        low = one.low is None or value >= one.low
        high = one.high is None or value <= one.high
        if not (low and high):
            raise ValueError(f"{name} is {_range(one)}, got {value}")


def _range(one: Option) -> str:
    if one.high is None:
        return f"{one.low:g} or more"
    return f"at most {one.high:g}" if one.low is None else f"from {one.low:g} to {one.high:g}"
