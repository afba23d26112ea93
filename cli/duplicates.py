"""Commands that look for the same motion twice: `duplicates` and `leaks`."""

from typing import Annotated

import typer

from cli.linear_eval import ProtocolOption
from cli.search import ModalityOption
from cli.terminal import Terminal, command

IndexArgument = Annotated[
    str | None, typer.Argument(help="Which index [default: the last built or preferred]")
]
AboveOption = Annotated[
    float | None,
    typer.Option(
        "--above", min=-1, max=1, help="Cosine from which two clips are twins [default: chosen by the index]"
    ),
]


def register(app: typer.Typer) -> None:
    command(app, "duplicates")(duplicates)
    command(app, "leaks")(leaks)


def duplicates(
    terminal: Terminal,
    index: IndexArgument = None,
    above: AboveOption = None,
    modality: ModalityOption = "fused",
) -> None:
    """Finds groups of near-duplicate clips."""
    from cli import print_duplicates
    from umurl_search.evaluation.duplicates_and_leaks import TwinRequest
    from umurl_search.evaluation.duplicates_and_leaks import duplicates as find

    request = TwinRequest(index=index, above=above, modality=modality, device=terminal.device)
    terminal.show(find(terminal.library, request, progress=terminal.progress), print_duplicates.print_groups)


def leaks(
    terminal: Terminal,
    index: IndexArgument = None,
    protocol: ProtocolOption = None,
    above: AboveOption = None,
    modality: ModalityOption = "fused",
) -> None:
    """Finds test clips that have a near duplicate in training."""
    from cli import print_duplicates
    from umurl_search.evaluation.duplicates_and_leaks import LeakRequest
    from umurl_search.evaluation.duplicates_and_leaks import leaks as find

    request = LeakRequest(
        index=index, protocol=protocol, above=above, modality=modality, device=terminal.device
    )
    terminal.show(find(terminal.library, request, progress=terminal.progress), print_duplicates.print_leaks)
