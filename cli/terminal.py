"""What every command has in common: its shared options, progress on stderr, one document on stdout."""

import contextlib
import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import typer

from cli.arguments import OneValueCommand, read_layout
from encoder.options import options_of
from umurl_search.library.library import Library, default_root
from umurl_search.progress import Advance
from umurl_search.result import plain

LibraryOption = Annotated[
    Path | None,
    typer.Option(
        "--library", envvar="UMURL_LIBRARY", help="The library's folder [default: the platform's data folder]"
    ),
]
DataOption = Annotated[
    Path | None, typer.Option("--data", envvar="UMURL_DATA", help="The folder that holds raw recordings")
]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:i")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress, no notes")]

R = TypeVar("R", bound=Mapping[str, Any])

_DEVICE = re.compile(r"auto|cpu|cuda(:(0|[1-9][0-9]?))?")
"""torch takes cuda:300 for cuda:44."""
_OF_FILES: dict[str, Callable[[str], Any]] = {"--layout": read_layout}
"""How options are read that may name a file, of those that are declared for all doors."""
_SHARED = {
    "library": (LibraryOption, None),
    "data": (DataOption, None),
    "device": (DeviceOption, "auto"),
    "as_json": (JsonOption, False),
    "quiet": (QuietOption, False),
}


def is_first_process() -> bool:
    """Whether this process speaks: under torchrun several run the same command."""
    return os.environ.get("RANK", "0") == "0"


class Stopped(Exception):
    """The user, or a signal, stopped a command; Typer would answer a KeyboardInterrupt without a word."""


@dataclass(frozen=True, kw_only=True)
class Terminal:
    """The shared options of a command, and the ways it speaks."""

    library: Library
    data: Path | None
    device: str
    as_json: bool
    quiet: bool

    @contextlib.contextmanager
    def progress(self, title: str, *, total: int, unit: str) -> Iterator[Advance]:
        """A `umurl_search.progress.Progress`: a bar on stderr, on a terminal only."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda n, note="": None
            return
        from cli.print_tables import progress_bar

        with progress_bar(title, total=total, unit=unit) as advance:
            yield advance

    def note(self, *lines: str) -> None:
        """Lines on stderr that are no part of the result; only beside one, not before a problem."""
        for text in () if self.quiet else lines:
            print(text, file=sys.stderr)

    def tell(self, line: str) -> None:
        """A line of what is worth knowing before long work begins."""
        self.note(f"note: {line}")

    def show(self, result: R, print_it: Callable[[R], None]) -> None:
        """The result: as JSON, or as `print_it` prints it."""
        if self.as_json:
            print(json.dumps(plain(result), ensure_ascii=False, default=str), flush=True)
        else:
            print_it(result)


def command(app: typer.Typer, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers a function whose first parameter is a Terminal; the shared options come after its own.

    A parameter of a dataclass stands for the options that the dataclass declares; one whose flag the command has
    itself is of the source, and is called so.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function, eval_str=True)
        own = list(signature.parameters.values())[1:]
        declared: dict[str, Any] = {p.name: p.annotation for p in own if is_dataclass(p.annotation)}
        taken = {flag for p in own for one in get_args(p.annotation)[1:] for flag in one.param_decls or ()}
        spread = [
            q for p in own for q in (_parameters(declared[p.name], taken) if p.name in declared else [p])
        ]
        keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in spread]
        run = _runner(function, declared)
        run.__signature__ = signature.replace(parameters=[*keyword, *_shared_parameters()])  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in [*keyword, *_shared_parameters()]}
        run.__doc__ = function.__doc__
        app.command(name, cls=OneValueCommand)(run)
        return function

    return register


def _shared_parameters() -> list[inspect.Parameter]:
    return [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for key, (annotation, default) in _SHARED.items()
    ]


def _runner(function: Callable[..., Any], declared: dict[str, Any]) -> Callable[..., Any]:
    """What typer calls: the terminal and the declared dataclasses are made of what was typed."""

    def run(**values: Any) -> Any:
        shared = {key: values.pop(key) for key in _SHARED}
        for name, options in declared.items():
            values[name] = _collect(options, values, device=shared["device"])
        try:
            return function(_terminal(**shared), **values)
        except KeyboardInterrupt as stopped:
            raise Stopped(str(stopped)) from stopped
        except (BrokenPipeError, SystemExit):  # Rich exits. Whoever read stdout has enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0

    return run


def _parameters(declared: type, taken: set[str]) -> Iterator[inspect.Parameter]:
    """A typer parameter for each option that a dataclass declares. taken: flags that mean something else there."""
    types = get_type_hints(declared)
    for name, (default, one) in options_of(declared).items():
        flag = one.flag or f"--{name.replace('_', '-')}"
        flag = f"--source-{flag[2:]}" if flag in taken else flag
        parse = _OF_FILES.get(flag, one.parse)
        callback = None if parse is None else parse_option(flag, parse)
        annotation = types[name] if one.typed is None else one.typed
        known = typer.Option(flag, help=one.help, min=one.low, max=one.high, callback=callback)
        yield inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=not default
            if one.negated
            else False
            if annotation is bool and default is None
            else default,
            annotation=Annotated[annotation, known],
        )


def _collect(declared: Any, values: dict[str, Any], *, device: str) -> Any:
    """The dataclass of what was typed; its options leave `values`."""
    typed = {}
    for name, (default, one) in options_of(declared).items():
        value = values.pop(name)
        if default is None and value is False:  # a flag that was not given
            value = None
        typed[name] = not value if one.negated else value
    if "device" in {one.name for one in fields(declared)}:
        typed["device"] = device
    return declared(**typed)


def _terminal(
    *, library: Path | None, data: Path | None, device: str, as_json: bool, quiet: bool
) -> Terminal:
    if not _DEVICE.fullmatch(device):
        raise typer.BadParameter(
            f"device is auto, cpu, cuda or cuda:i, got '{device}'", param_hint="--device"
        )
    return Terminal(
        library=Library(library or default_root()), data=data, device=device, as_json=as_json, quiet=quiet
    )


def parse_option(option: str, parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """A typer callback: the parser's ValueError becomes a usage error of that option. None stays None."""

    def callback(value: str | None) -> Any:
        try:
            return None if value is None else parse(value)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint=option) from error

    return callback
