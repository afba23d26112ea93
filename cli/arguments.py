"""What is typed, before a command is parsed: shared options may stand before it, one value is given once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperOption

from encoder.errors import reason_of
from encoder.joint_layouts import check_layout, parse_layout
from umurl_search.library.catalog.filter_text import join_filters

WITH_VALUE = ("--library", "--data", "--device")
FLAGS = ("--json", "--quiet")
"""Options of every command."""
JOINED: dict[str, Callable[[Sequence[str]], str]] = {"--where": join_filters}
"""Options of one value that may be given several times, and what the values are together."""


def move_shared(arguments: list[str]) -> list[str]:
    """The arguments, shared options that stand before the command put behind it."""
    first = 0
    while first < len(arguments):
        name, equals, _ = arguments[first].partition("=")
        if name in WITH_VALUE:
            first += 1 if equals else 2
        elif name in FLAGS:
            first += 1
        else:
            break
    shared, rest = arguments[:first], arguments[first:]
    if not rest or rest[0].startswith("-"):  # no command, or --help and --version
        return rest
    return [rest[0], *shared, *rest[1:]]


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether a document is asked for, wherever the flag stands."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return "--json" in arguments[:end]


class OneValueCommand(TyperCommand):
    """A command whose options of one value are given once, or mean something together."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Raises a usage error that names the option and its values."""
        options = {
            name: option
            for option in self.get_params(ctx)
            if isinstance(option, TyperOption) and not option.is_flag
            for name in option.opts
        }
        return super().parse_args(ctx, _join_values(args, options))


@dataclass(frozen=True, kw_only=True)
class _Given:
    """An option as it was typed: `arguments[start:stop]`."""

    name: str
    value: str
    start: int
    stop: int


def _join_values(arguments: list[str], options: Mapping[str, TyperOption]) -> list[str]:
    """The arguments, every option of one value in them once. Raises a usage error."""
    given = [one for one in _find_given(arguments, options) if not options[one.name].multiple]
    values: dict[str, list[str]] = {}
    for one in given:
        values.setdefault(one.name, []).append(one.value)
    kept, at, seen = [], 0, set[str]()
    for one in given:
        kept += arguments[at : one.start]
        if len(values[one.name]) == 1:
            kept += arguments[one.start : one.stop]
        elif one.name not in seen:
            kept.append(f"{one.name}={_combine(one.name, values[one.name])}")
        seen.add(one.name)
        at = one.stop
    return [*kept, *arguments[at:]]


def _combine(name: str, values: Sequence[str]) -> str:
    """What several values of an option are together. Raises a usage error where they are nothing."""
    if name not in JOINED:
        listed = " and ".join(f"'{value}'" for value in values)
        raise typer.BadParameter(f"takes one value, got {listed}", param_hint=name)
    try:
        return JOINED[name](values)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=name) from error


def _find_given(arguments: Sequence[str], options: Mapping[str, TyperOption]) -> Iterator[_Given]:
    """The options with a value, in the order typed; what is not whole is left to the parser."""
    i = 0
    while i < len(arguments) and arguments[i] != "--":
        name, equals, value = arguments[i].partition("=")
        if name not in options:
            i += 1
            continue
        stop = i + (1 if equals else 2)
        if stop <= len(arguments):
            yield _Given(name=name, value=value if equals else arguments[i + 1], start=i, stop=stop)
        i = stop


def read_layout(text: str) -> str:
    """A joint layout: its name, or the text of a layout file that is named. Raises ValueError for neither."""
    path = Path(text)
    if path.suffix.lower() != ".json":
        return check_layout(text)
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise ValueError(f"{text}: cannot be read ({reason_of(error)})") from None
    try:
        return parse_layout(content).to_json()
    except ValueError as error:
        raise ValueError(f"{text}: {error}") from None


def read_layouts(text: str) -> str:
    """Several layouts with commas between, as `read_layout` gives each, a line each. Raises ValueError."""
    return "\n".join(read_layout(one.strip()) for one in text.split(","))
