"""The command that measures finding moments in long recordings: `localize-eval`."""

import typer

from cli.search import IndexOption, ModalityOption, OverlapOption
from cli.tasks import ProtocolOption
from cli.terminal import Terminal, command


def register(app: typer.Typer) -> None:
    command(app, "localize-eval")(localize_eval)


def localize_eval(
    terminal: Terminal,
    index: IndexOption = None,
    protocol: ProtocolOption = None,
    modality: ModalityOption = "fused",
    overlap: OverlapOption = 0.2,
) -> None:
    """How well moments are found in whole recordings: mAP at temporal IoU 0.1, 0.3 and 0.5."""
    from cli import render_localize
    from umurl_search.localize import LocalizeRequest
    from umurl_search.localize import localize_eval as evaluate

    request = LocalizeRequest(
        index=index, protocol=protocol, modality=modality, overlap=overlap, device=terminal.device
    )
    document = evaluate(terminal.library, request, progress=terminal.progress)
    terminal.note(*(f"note: {warning}" for warning in document["warnings"]))
    terminal.show(document, render_localize.figures)
