"""The command `costs`: what embedding a clip costs."""

from typing import Annotated

import typer

from cli.terminal import Terminal, command
from encoder.options import Preset


def register(app: typer.Typer) -> None:
    command(app, "costs")(costs)


def costs(
    terminal: Terminal,
    encoder: Annotated[str | None, typer.Option(help="Of which encoder [default: shipped]")] = None,
    preset: Annotated[Preset | None, typer.Option(help="Of a preset's network instead, untrained")] = None,
    people: Annotated[int, typer.Option(min=1, max=2, help="People in the clip")] = 2,
    clips: Annotated[int, typer.Option(min=1, max=4096, help="Clips to measure speed with")] = 16,
    no_measure: Annotated[
        bool, typer.Option("--no-measure", help="Count only, do not measure speed")
    ] = False,
) -> None:
    """Shows parameters, FLOPs and speed of embedding a clip.

    A row for each set of modalities.
    """
    if encoder is not None and preset is not None:
        raise typer.BadParameter("--encoder and --preset exclude each other")
    from cli import print_costs
    from umurl_search.evaluation.model_cost import CostRequest, cost_table
    from umurl_search.library.encoder_registry import SHIPPED

    request = CostRequest(
        encoder=encoder or SHIPPED,
        preset=preset,
        people=people,
        clips=None if no_measure else clips,
        device=terminal.device,
    )
    document = cost_table(terminal.library, request, progress=terminal.progress)
    terminal.show(document, print_costs.print_costs)
