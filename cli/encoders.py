"""Commands that make encoders: `train`, `import-encoder`."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from cli.datasets import ensure_ingested
from cli.terminal import Terminal, command, is_first_process
from umurl_search.training.options import TrainOptions


def register(app: typer.Typer) -> None:
    command(app, "train")(train)
    command(app, "import-encoder")(import_encoder)


def train(
    terminal: Terminal,
    dataset: Annotated[str, typer.Argument(help="The dataset to train on")],
    options: TrainOptions,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run")] = False,
    inexact: Annotated[
        bool,
        typer.Option(
            "--inexact", help="With --resume: on another device or number of processes, not to the bit"
        ),
    ] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Discard an interrupted run of this name")] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the training curves: .png, .svg or .html")
    ] = None,
) -> None:
    """Trains an encoder on a dataset, without labels.

    Trains on the training clips of the protocol. torchrun shares the work over several processes.
    """
    if resume and anew:
        raise typer.BadParameter("goes on with a run, --anew discards it: give one", param_hint="--resume")
    if inexact and not resume:
        raise typer.BadParameter("goes with --resume", param_hint="--inexact")
    if plot is not None:
        from umurl_search.report.training_curves import check_drawable

        check_drawable(plot)
    ingested = ensure_ingested(terminal, dataset) if is_first_process() else []
    from cli import print_tables
    from encoder.train import TrainingInterrupted
    from umurl_search.training.plan import TrainRequest
    from umurl_search.training.run import DrawnTrainReport, train_encoder

    request = TrainRequest(dataset=dataset, device=terminal.device, **vars(options))
    with stop_flag() as should_stop:
        try:
            report = train_encoder(
                terminal.library,
                request,
                resume=resume,
                anew=anew,
                inexact=inexact,
                progress=terminal.progress,
                should_stop=should_stop,
                tell=terminal.tell,
            )
        except TrainingInterrupted as stopped:
            raise KeyboardInterrupt("saved; the same command with --resume goes on from here") from stopped
        except KeyboardInterrupt as stopped:
            said = "the same command with --resume goes on from the last state saved, if there is one"
            raise KeyboardInterrupt(said) from stopped
    if not is_first_process():
        return
    terminal.note(*ingested, *(f"note: {warning}" for warning in report.warnings))
    if plot is not None:
        from umurl_search.report.training_curves import draw_curves
        from umurl_search.training.history import read_history

        draw_curves(read_history(terminal.library.encoder(report.encoder)), plot)
    drawn = DrawnTrainReport(**vars(report), plot=None if plot is None else str(plot))
    terminal.show(drawn, print_tables.print_trained)


@contextlib.contextmanager
def stop_flag() -> Iterator[Callable[[], bool]]:
    """Turns the first Ctrl-C or SIGTERM into an answer to `should_stop`; the second one interrupts."""
    asked: list[int] = []

    def ask(signum: int, frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(signum)

    before = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def import_encoder(
    terminal: Terminal,
    checkpoint: Annotated[Path, typer.Argument(help="A released .pth.tar")],
    as_: Annotated[str, typer.Option("--as", help="The encoder's name")],
    made_for: Annotated[
        str | None, typer.Option("--for", help="NAME or NAME:PROTOCOL it was trained on")
    ] = None,
) -> None:
    """Imports a checkpoint that the paper's authors released.

    Reads tensors only; a checkpoint with code in it is refused.
    """
    from cli import print_tables
    from umurl_search.training.import_encoder import import_encoder as take_in

    terminal.show(take_in(terminal.library, checkpoint, as_, made_for=made_for), print_tables.print_imported)
