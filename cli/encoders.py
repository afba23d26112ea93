"""Commands that make encoders: `train`, `import-encoder`."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.datasets import ensure_ingested
from cli.terminal import MOST_SEED, Terminal, command, is_first_process, parse_option

Preset = Literal["paper", "small", "tiny"]
_PRESET = "[default: the preset's]"


def _modalities(text: str) -> str:
    from encoder.modality_sets import parse

    return parse(text)


def _members(subset: str | None) -> tuple[str, ...] | None:
    from encoder.modality_sets import FUSED, members

    return None if subset in (None, FUSED) else members(subset)


ScheduleOption = Annotated[
    Literal["step", "cosine"] | None,
    typer.Option(help="step: a tenth from --drop-at on; cosine: down to nothing [default: step]"),
]
TrainedOption = Annotated[
    str | None,
    typer.Option(
        "--modalities",
        callback=parse_option("--modalities", _modalities),
        help="Those to train on; one alone makes a uni-modal encoder [default: fused]",
    ),
]


def register(app: typer.Typer) -> None:
    command(app, "train")(train)
    command(app, "import-encoder")(import_encoder)


def train(
    terminal: Terminal,
    name: Annotated[str, typer.Argument(help="The dataset to train on")],
    protocol: Annotated[
        str | None, typer.Option(help="Whose training clips [default: the dataset's first]")
    ] = None,
    preset: Annotated[Preset, typer.Option(help="Width 1024, 256 or 64, with its schedule")] = "small",
    start_from: Annotated[
        str | None, typer.Option(help="An encoder whose weights are the first, e.g. shipped")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help=_PRESET)] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=2, help=f"Clips a step, of all processes {_PRESET}")
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0.0, max=10.0, help=_PRESET)] = None,
    weight_decay: Annotated[float | None, typer.Option(min=0.0, help=_PRESET)] = None,
    schedule: ScheduleOption = None,
    drop_at: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help=f"A share of the epochs {_PRESET}")
    ] = None,
    warmup_epochs: Annotated[
        float | None, typer.Option(min=0.0, help="The rate rises first [default: 0]")
    ] = None,
    tune_epochs: Annotated[
        int | None, typer.Option(min=0, help="Of contrastive tuning after [default: 0]")
    ] = None,
    tune_rate: Annotated[
        float | None, typer.Option(min=0.0, help="Its learning rate [default: 0.0003]")
    ] = None,
    precision: Annotated[
        Literal["auto", "float32", "bf16"] | None,
        typer.Option(help="auto: bf16 where the hardware multiplies it, from width 256 on [default: auto]"),
    ] = None,
    width: Annotated[int | None, typer.Option(min=2, help=f"Half the size of an embedding {_PRESET}")] = None,
    heads: Annotated[int | None, typer.Option(min=1, help="Of attention [default: 1]")] = None,
    layers: Annotated[int | None, typer.Option(min=1, help="Of each transformer [default: 1]")] = None,
    projection: Annotated[int | None, typer.Option(min=1, help=f"Size of the projections {_PRESET}")] = None,
    modalities: TrainedOption = None,
    compile: Annotated[
        bool, typer.Option("--compile", help="Let torch compile the network first, on GPUs")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Of weights, order and augmentations")] = 0,
    as_: Annotated[
        str | None, typer.Option("--as", help="The encoder's name [default: NAME-PROTOCOL-PRESET]")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run")] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Discard an interrupted run of this name")] = False,
    save_every: Annotated[float, typer.Option(min=0.0, help="Seconds between saved states")] = 60.0,
    looks: Annotated[
        int, typer.Option(min=0, help="How often to look at a held-out slice's embedding, in all")
    ] = 10,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the training curves: .png, .svg or .html")
    ] = None,
) -> None:
    """Trains an encoder on a dataset, without labels.

    Trains on the training clips of the protocol. torchrun shares the work over several processes.
    """
    if resume and anew:
        raise typer.BadParameter("goes on with a run, --anew discards it: give one", param_hint="--resume")
    if plot is not None:
        from umurl_search.report.training_curves import check_drawable

        check_drawable(plot)
    ingested = ensure_ingested(terminal, name) if is_first_process() else []
    from cli import print_tables
    from encoder.train import TrainingInterrupted
    from umurl_search.training.plan import TrainRequest
    from umurl_search.training.run import train_encoder

    request = TrainRequest(
        dataset=name,
        protocol=protocol,
        preset=preset,
        start_from=start_from,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        schedule=schedule,
        drop_at=drop_at,
        warmup_epochs=warmup_epochs,
        tune_epochs=tune_epochs,
        tune_rate=tune_rate,
        precision=precision,
        width=width,
        heads=heads,
        layers=layers,
        projection=projection,
        modalities=_members(modalities),
        compile=compile or None,
        seed=seed,
        name=as_,
        device=terminal.device,
        save_every_s=save_every,
        looks=looks,
    )
    with stop_flag() as should_stop:
        try:
            report = train_encoder(
                terminal.library,
                request,
                resume=resume,
                anew=anew,
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
    terminal.note(*ingested)
    document = {**vars(report), "plot": None if plot is None else str(plot)}
    if plot is not None:
        from umurl_search.report.training_curves import draw_curves
        from umurl_search.training.history import read_history

        draw_curves(read_history(terminal.library.encoder(report.encoder)), plot)
    terminal.show(document, print_tables.train)


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

    terminal.show(take_in(terminal.library, checkpoint, as_, made_for=made_for), print_tables.imported)
