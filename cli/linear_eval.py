"""Commands that measure an encoder with labels: `linear-eval`, `semi-eval`, `transfer-eval`."""

import contextlib
from collections.abc import Iterator
from typing import Annotated

import typer

from cli.datasets import ensure_ingested
from cli.search import IndexOption, ModalityOption
from cli.terminal import Terminal, command, parse_option
from umurl_search.training.options import MOST_SEED

ProtocolOption = Annotated[str | None, typer.Option("--protocol", help="[default: the dataset's first]")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=MOST_SEED, help="Of weights, order and crops")]
LateOption = Annotated[
    list[str] | None,
    typer.Option(
        "--late", help="INDEX:MODALITY, given at least twice: the mean of their classifiers' scores"
    ),
]
SharesOption = Annotated[
    list[float] | None,
    typer.Option("--shares", help="A share of the training labels, may be repeated [default: 0.01 and 0.1]"),
]


def register(app: typer.Typer) -> None:
    command(app, "linear-eval")(linear_eval)
    command(app, "semi-eval")(semi_eval)
    command(app, "transfer-eval")(transfer_eval)


@contextlib.contextmanager
def _say_nothing_written() -> Iterator[None]:
    """What a Ctrl-C is told in a command that only measures."""
    try:
        yield
    except KeyboardInterrupt as stopped:
        raise KeyboardInterrupt("nothing was written; the same command starts again") from stopped


def _late_part(text: str) -> tuple[str, str]:
    from encoder.modality_sets import parse

    index, colon, modality = text.rpartition(":")
    if not colon or not index:
        raise ValueError(f"late is INDEX:MODALITY, got '{text}'")
    return index, parse(modality)


def linear_eval(
    terminal: Terminal,
    index: IndexOption = None,
    protocol: ProtocolOption = None,
    modality: ModalityOption = "fused",
    epochs: Annotated[
        int, typer.Option(min=1, help="The learning rate falls at 4/5 and 14/15 of them")
    ] = 150,
    batch_size: Annotated[int, typer.Option(min=1, help="The last batch of an epoch is what is left")] = 512,
    standardise: Annotated[
        bool,
        typer.Option(
            "--standardise", help="Bring every dimension to mean 0 and deviation 1; the paper does not"
        ),
    ] = False,
    seed: SeedOption = 0,
    late: LateOption = None,
) -> None:
    """Trains and tests a linear classifier on frozen embeddings.

    This is the paper's action recognition. The figure is that of the last epoch.
    """
    parts = tuple(parse_option("--late", _late_part)(text) for text in late or ())
    if parts and (len(parts) == 1 or index is not None or modality != "fused"):
        raise typer.BadParameter(
            "late fusion takes two or more --late INDEX:MODALITY, and neither --index nor --modality",
            param_hint="--late",
        )
    from cli import print_linear_eval
    from encoder.probe import ProbeConfig
    from umurl_search.evaluation import linear_eval

    config = ProbeConfig(epochs=epochs, batch_size=batch_size, standardise=standardise, seed=seed)
    request = linear_eval.LinearRequest(
        index=index, protocol=protocol, modality=modality, config=config, late=parts, device=terminal.device
    )
    if parts:
        with _say_nothing_written():
            fused = linear_eval.late_eval(terminal.library, request, progress=terminal.progress)
        terminal.note(*(f"note: {warning}" for warning in fused.warnings))
        return terminal.show(fused, print_linear_eval.print_late_fused)
    with _say_nothing_written():
        figures = linear_eval.linear_eval(terminal.library, request, progress=terminal.progress)
    terminal.note(*(f"note: {warning}" for warning in figures.warnings))
    terminal.show(figures, print_linear_eval.print_linear)


def semi_eval(
    terminal: Terminal,
    index: IndexOption = None,
    protocol: ProtocolOption = None,
    modality: ModalityOption = "fused",
    shares: SharesOption = None,
    seeds: Annotated[int, typer.Option(min=1, help="Draws of each share; the figure is their mean")] = 5,
    finetune: Annotated[
        bool, typer.Option("--finetune", help="Train the whole encoder too, on the clips")
    ] = False,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="[default: 150; fine-tuning 50, more if that is under 500 steps]"),
    ] = None,
) -> None:
    """Evaluates classifiers trained on a share of the labels.

    The share is class-balanced: at least one clip of each class.
    """
    for share in shares or ():
        if not 0 < share <= 1:
            raise typer.BadParameter(
                f"a share is above 0 and at most 1, got {share:g}", param_hint="--shares"
            )
    from cli import print_linear_eval
    from umurl_search.evaluation import semi_supervised

    request = semi_supervised.SemiRequest(
        index=index,
        protocol=protocol,
        modality=modality,
        shares=tuple(shares or (0.01, 0.1)),
        seeds=seeds,
        finetune=finetune,
        epochs=epochs,
        device=terminal.device,
    )
    with _say_nothing_written():
        figures = semi_supervised.semi_eval(terminal.library, request, progress=terminal.progress)
    terminal.note(*(f"note: {warning}" for warning in figures.warnings))
    terminal.show(figures, print_linear_eval.print_semi)


def transfer_eval(
    terminal: Terminal,
    name: Annotated[str, typer.Argument(help="The dataset to classify; ingested first if it must be")],
    encoder: Annotated[str, typer.Option("--encoder", help="An encoder trained on another dataset")],
    protocol: ProtocolOption = None,
    modality: ModalityOption = "fused",
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Of fine-tuning [default: 50, more if that is under 500 steps]")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Of fine-tuning")] = 32,
    learning_rate: Annotated[float, typer.Option(min=1e-9, max=10, help="Of fine-tuning")] = 5e-4,
    seed: SeedOption = 0,
) -> None:
    """Evaluates an encoder on a dataset it was not trained on.

    Trains a linear classifier on frozen embeddings, and fine-tunes the whole encoder.
    """
    from umurl_search.library.encoder_registry import open_encoder

    open_encoder(terminal.library, encoder)  # there, before a dataset is read for it
    ingested = ensure_ingested(terminal, name)
    from cli import print_linear_eval
    from encoder.finetune import FinetuneConfig
    from encoder.probe import ProbeConfig
    from umurl_search.evaluation import transfer

    finetuning = FinetuneConfig.from_epochs(
        epochs, batch_size=batch_size, learning_rate=learning_rate, seed=seed
    )
    request = transfer.TransferRequest(
        dataset=name,
        encoder=encoder,
        protocol=protocol,
        modality=modality,
        linear=ProbeConfig(seed=seed),
        finetuning=finetuning,
        device=terminal.device,
    )
    with _say_nothing_written():
        figures = transfer.transfer_eval(terminal.library, request, progress=terminal.progress)
    terminal.note(*ingested, *(f"note: {warning}" for warning in figures.warnings))
    terminal.show(figures, print_linear_eval.print_transfer)
