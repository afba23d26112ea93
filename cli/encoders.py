"""Commands that make encoders: `train`, `import-encoder`."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.corpus import ensure_ingested
from cli.terminal import Terminal, command

Preset = Literal["paper", "small", "tiny"]


def register(app: typer.Typer) -> None:
    command(app, "train")(train)
    command(app, "import-encoder")(import_encoder)


def train(
    terminal: Terminal,
    name: Annotated[str, typer.Argument(help="The dataset to train on")],
    protocol: Annotated[str | None, typer.Option(help="Whose training clips [default: the dataset's first]")] = None,
    preset: Annotated[Preset, typer.Option(help="Width 1024, 256 or 64, with its schedule")] = "small",
    epochs: Annotated[int | None, typer.Option(min=1, help="[default: the preset's]")] = None,
    batch_size: Annotated[int | None, typer.Option(min=2, help="[default: the preset's]")] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0.0, help="[default: the preset's]")] = None,
    precision: Annotated[Literal["float32", "bf16"] | None, typer.Option(help="[default: the preset's]")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the weights, the order and the augmentations")] = 0,
    as_: Annotated[str | None, typer.Option("--as", help="The encoder's name [default: NAME-PROTOCOL-PRESET]")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run")] = False,
) -> None:  # fmt: skip
    """Pre-trains an encoder on a dataset's training clips, without labels."""
    ingested = ensure_ingested(terminal, name)
    from cli import render
    from encoder.train import Interrupted
    from umurl_search.training import TrainRequest, train_encoder

    request = TrainRequest(
        dataset=name, protocol=protocol, preset=preset, epochs=epochs, batch_size=batch_size,
        learning_rate=learning_rate, precision=precision, seed=seed, name=as_,
        device=terminal.device,
    )  # fmt: skip
    with stop_flag() as should_stop:
        try:
            report = train_encoder(
                terminal.library, request, resume=resume, progress=terminal.progress, should_stop=should_stop
            )
        except Interrupted as stopped:
            raise KeyboardInterrupt("saved; the same command with --resume goes on from here") from stopped
    terminal.note(*ingested)
    terminal.show(vars(report), render.train)


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
    """Takes in a checkpoint that the paper's authors released (tensors only; code in it is refused)."""
    from cli import render
    from umurl_search.training import import_encoder as take_in

    terminal.show(take_in(terminal.library, checkpoint, as_, made_for=made_for), render.imported)
