"""The command `umurl-search`."""

import logging
import os
import signal
import sys
import warnings
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

import umurl_search
from cli import (
    add_update_remove,
    costs,
    datasets,
    demo,
    duplicates,
    encoders,
    exporting,
    knn_eval,
    layouts,
    linear_eval,
    localize,
    maintenance,
    pictures,
    report,
    search,
    serving,
)
from cli.arguments import move_shared, wants_json
from cli.problems import (
    Problem,
    describe_device_error,
    describe_interruption,
    describe_system_error,
    describe_user_error,
    describe_wrong_usage,
)
from cli.terminal import Stopped, is_first_process
from encoder.device_errors import device_error_of
from encoder.errors import DeviceError, UmurlError

GROUPS = {
    "First steps": ("demo", "doctor", "datasets", "layouts"),
    "Data": ("ingest", "add", "update", "remove", "relabel", "rename"),
    "Encoders": ("train", "import-encoder", "embed", "costs"),
    "Search": ("build-index", "query", "render", "serve", "prefer", "export"),
    "Evaluation": (
        "knn-eval",
        "localize-eval",
        "linear-eval",
        "semi-eval",
        "transfer-eval",
        "duplicates",
        "leaks",
        "report",
    ),
    "Library": ("list", "info", "verify", "repair", "compact", "delete"),
}
"""The commands as `--help` lists them."""


class GroupedCommands(TyperGroup):
    """Lists commands in groups, each with its summary: the first sentence of its help, whole."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        longest = max(map(len, self.commands))
        for title, names in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [
                        (name.ljust(longest), (self.commands[name].help or "").split("\n\n")[0])
                        for name in names
                    ]
                )


app = typer.Typer(
    name="umurl-search",
    cls=GroupedCommands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for room in (
    demo,
    datasets,
    layouts,
    encoders,
    search,
    knn_eval,
    exporting,
    duplicates,
    localize,
    linear_eval,
    costs,
    report,
    pictures,
    serving,
    add_update_remove,
    maintenance,
):
    room.register(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"umurl-search {umurl_search.__version__}")
        raise typer.Exit


@app.callback()
def _before_any_command(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit"),
    ] = False,
) -> None:
    """Find human motion by example: skeleton clips to embeddings, an index, answers and honest figures."""


def run(arguments: list[str]) -> int:
    """Runs a command line and gives its exit code; problems are one line on stderr, with `--json` a document."""
    typed = move_shared(arguments)
    try:
        result = app(args=typed if arguments else ["--help"], prog_name="umurl-search", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except TyperException as error:
        see = f"umurl-search {typed[0]} --help" if _is_command(typed) else "umurl-search --help"
        return _tell(describe_wrong_usage(error.format_message(), see=see), arguments)
    except DeviceError as error:
        return _tell(describe_device_error(error, flags=_flags_of(typed)), arguments)
    except UmurlError as error:
        return _tell(describe_user_error(error), arguments)
    except (Stopped, KeyboardInterrupt) as error:
        return _tell(describe_interruption(str(error)), arguments)
    except BrokenPipeError:
        sys.stdout = None
        return 0
    except OSError as error:
        return _tell(describe_system_error(error), arguments)
    except (RuntimeError, MemoryError) as error:
        told = device_error_of(error)
        if told is None:
            raise
        return _tell(describe_device_error(told, flags=_flags_of(typed)), arguments)


def _flags_of(arguments: list[str]) -> set[str]:
    """The options of the command that is typed, with their dashes."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    params = commands[arguments[0]].params if _is_command(arguments) else []
    return {flag for one in params for flag in one.opts}


def _is_command(arguments: list[str]) -> bool:
    return bool(arguments) and arguments[0] in {command.name for command in app.registered_commands}


def _tell(problem: Problem, arguments: list[str]) -> int:
    """Says it on stderr, and gives the exit code."""
    if is_first_process():
        print(problem.write(as_json=wants_json(arguments)), file=sys.stderr)
    return problem.exit_code


def _terminate(signum: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _quiet_libraries() -> None:
    """Keeps from the terminal what libraries (torch, matplotlib, ...) warn their callers of, in this process and in
    those that it starts: what matters to a user, a command says itself. Whoever asks Python for warnings gets them.
    """
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    logging.disable(logging.WARNING)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        sys.warnoptions.append("ignore")  # what spawned processes are started with


def main() -> NoReturn:
    _quiet_libraries()
    if sys.stdout is None:  # closed by the caller
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for as long as the process lives
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
