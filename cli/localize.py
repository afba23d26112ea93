"""The command that measures finding moments in long recordings: `localize-eval`."""

from typing import Annotated

import typer

from cli.linear_eval import ProtocolOption
from cli.search import IndexOption, ModalityOption
from cli.terminal import Terminal, command
from umurl_search.index.temporal_iou import OVERLAP
from umurl_search.search.options import OVERLAP_HELP


def register(app: typer.Typer) -> None:
    command(app, "localize-eval")(localize_eval)


def localize_eval(
    terminal: Terminal,
    index: IndexOption = None,
    protocol: ProtocolOption = None,
    modality: ModalityOption = "fused",
    overlap: Annotated[float, typer.Option(min=0, max=1, help=OVERLAP_HELP)] = OVERLAP,
) -> None:
    """Evaluates how well moments are found in whole recordings.

    The figure is mAP at temporal IoU 0.1, 0.3 and 0.5.
    """
    from cli import print_localize
    from umurl_search.evaluation.localization import LocalizeRequest
    from umurl_search.evaluation.localization import localize_eval as evaluate

    request = LocalizeRequest(
        index=index, protocol=protocol, modality=modality, overlap=overlap, device=terminal.device
    )
    figures = evaluate(terminal.library, request, progress=terminal.progress)
    terminal.note(*(f"note: {warning}" for warning in figures.warnings))
    terminal.show(figures, print_localize.print_figures)
