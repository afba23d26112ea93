"""Commands that make and ask indexes: `build-index`, `query`, `embed`."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.arguments import read_layouts
from cli.datasets import AxesOption, FormatOption, LayoutOption, ensure_ingested
from cli.shares import GatherOption, ShardOption, find_work, make_share, own_device
from cli.terminal import Terminal, command, parse_option
from encoder.joint_layouts import find_layout
from umurl_search.clips.reading_options import ReadingOptions
from umurl_search.clips.types import Up
from umurl_search.index.kind_names import KindOrAuto
from umurl_search.readers.formats import list_suffixes
from umurl_search.search.options import SearchRequest


def read_modality(text: str) -> str:
    from encoder.modality_sets import parse

    return parse(text)


def _transform(text: str) -> str:
    from umurl_search.index.bridges_and_whitening import Transform

    return str(Transform.parse(text))


Modalities = Literal["base", "all"]

MODALITY_HELP = "joint, bone, motion, any + of them, or fused"
ModalityOption = Annotated[
    str, typer.Option("--modality", callback=parse_option("--modality", read_modality), help=MODALITY_HELP)
]
IndexOption = Annotated[
    str | None, typer.Option("--index", help="Which index [default: the last built or preferred]")
]
PrecisionOption = Annotated[
    Literal["auto", "float32", "bf16"],
    typer.Option(help="Of the products; auto: bf16 where the hardware has it and the width is 256 or more"),
]
EncoderOption = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        help="Which encoder [default: the newest for the dataset trained to its end, or the shipped]",
    ),
]
WindowOption = Annotated[
    list[float] | None,
    typer.Option(
        "--window",
        min=0.1,
        max=3600,
        help="Cut recordings into windows of so many seconds; may be given several times",
    ),
]


def register(app: typer.Typer) -> None:
    command(app, "build-index")(build_index)
    command(app, "query")(query)
    command(app, "embed")(embed)


AskWithOption = Annotated[
    str | None,
    typer.Option(
        callback=parse_option("--ask-with", read_layouts),
        help="Prepare bridges from these joint layouts (with commas), else fitted when first needed",
    ),
]


def build_index(
    terminal: Terminal,
    name: Annotated[str, typer.Argument(help="The dataset; ingested first if it must be")],
    encoder: EncoderOption = None,
    modalities: Annotated[
        Modalities, typer.Option(help="joint, bone, motion, fused; or all seven subsets")
    ] = "base",
    kind: Annotated[
        KindOrAuto, typer.Option(help="auto chooses, and says why; all are re-ranked exactly")
    ] = "auto",
    recall: Annotated[
        float,
        typer.Option(
            min=0.5, max=1, help="At 10, of an approximate kind: below 1, auto may take one; 1: at least 0.95"
        ),
    ] = 1.0,
    transform: Annotated[
        str, typer.Option(callback=parse_option("--transform", _transform), help="none or half-whiten[:D]")
    ] = "none",
    window: WindowOption = None,
    stride: Annotated[
        float | None,
        typer.Option(min=0.04, max=3600, help="Seconds between windows [default: a fifth of one]"),
    ] = None,
    precision: PrecisionOption = "auto",
    as_: Annotated[
        str | None, typer.Option("--as", help="The index's name [default: DATASET@ENCODER]")
    ] = None,
    ask_with: AskWithOption = None,
    views: Annotated[
        int | None,
        typer.Option(min=0, max=180, help="Of --ask-with: bridges cover so many degrees [default: 60]"),
    ] = None,
    shard: ShardOption = None,
    gather: GatherOption = False,
) -> None:
    """Embeds a dataset and builds an index of it.

    Several processes share the work with --shard, and one puts it together with --gather.
    """
    _require_together(stride, "--stride", window, "--window SECONDS")
    _require_together(views, "--views", ask_with, "--ask-with LAYOUT")
    work = find_work(shard, gather)
    if ask_with is not None and work.ends_with_share:
        raise typer.BadParameter("goes with --gather, not with a shard", param_hint="--ask-with")
    if work.is_idle:
        return
    ingested = [] if work.ends_with_share or gather else ensure_ingested(terminal, name, work)
    from cli import print_localize, print_tables
    from umurl_search.files.shards import wait_for_all
    from umurl_search.index.bridges_and_whitening import Transform
    from umurl_search.index.build import build_index as build
    from umurl_search.index.build import build_shard
    from umurl_search.index.build_plan import BuildRequest
    from umurl_search.index.windows import Window

    request = BuildRequest(
        dataset=name,
        encoder=encoder,
        modalities=modalities,
        kind=kind,
        recall=recall,
        transform=Transform.parse(transform),
        name=as_,
        precision=precision,
        device=own_device(work, terminal.device),
        window=Window.parse(window or (), stride),
    )
    if work.shard is not None:
        make = partial(build_shard, terminal.library, request, work.shard, tell=terminal.tell)
        made = make_share(terminal, work, make)
        if not work.gathers:
            return
        wait_for_all(terminal.library.index_folder(made.name), made)
    report = build(
        terminal.library, request, gathers=work.gathers, progress=terminal.progress, tell=terminal.tell
    )
    if ask_with:
        report = replace(
            report, ask_with=_prepare_bridges(terminal, report.index, ask_with.split("\n"), views)
        )
    terminal.note(*ingested, *(f"note: {warning}" for warning in report.warnings))
    terminal.show(report, print_tables.print_built if report.windows is None else print_localize.print_built)


def _require_together(given: object, name: str, other: object, wanted: str) -> None:
    """Raises BadParameter for an option without the one that it belongs to."""
    if given is not None and not other:
        raise typer.BadParameter(f"{name} goes with {wanted}", param_hint=name)


def _prepare_bridges(terminal: Terminal, index: str, layouts: list[str], views: int | None) -> list[str]:
    """Names of the layouts from which clips cross to an index, whose bridges are ready then."""
    from umurl_search.clips.degrade import VIEWS
    from umurl_search.search.layout_crossing import prepare_bridges
    from umurl_search.search.searcher import Searcher

    searcher = Searcher(terminal.library, index, device=terminal.device)
    reach = VIEWS if views is None else views
    ready = prepare_bridges(searcher, layouts, views=reach, progress=terminal.progress)
    terminal.note(*_describe_needless(layouts, ready))
    return ready


def _describe_needless(layouts: list[str], ready: list[str]) -> list[str]:
    """A note on layouts whose clips ask the index as they are."""
    needless = [name for name in (find_layout(layout).name for layout in layouts) if name not in ready]
    if not needless:
        return []
    return [
        f"note: {', '.join(needless)}: clips of these joints ask this index as they are, no bridge is needed"
    ]


def query(
    terminal: Terminal,
    clip: Annotated[
        list[str],
        typer.Argument(
            help=f"A {list_suffixes()} file, or DATASET:CLIPNAME[@FROM-TO]; several, a folder or a DATASET"
        ),
    ],
    asked: SearchRequest,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write a row a hit to a .jsonl, .parquet or .csv file")
    ] = None,
    centre_batch: Annotated[
        bool,
        typer.Option(
            "--centre-batch",
            help="Of many clips: centre them on their own mean, which helps where the index's are of another kind",
        ),
    ] = False,
    plain: Annotated[
        bool,
        typer.Option(
            "--plain",
            help="Do not draw skeletons next to the hits, as terminals that support it do",
        ),
    ] = False,
) -> None:
    """Finds the clips or moments most similar to given clips.

    Clips are files, folders, datasets of the library, or DATASET:CLIPNAME. A .npy file is read by the conventions
    (layout, frames a second, axis up, scale) of the index's dataset.
    """
    from cli import braille, print_batch, print_hits, print_localize
    from umurl_search.search.batch import BatchRequest, holds_many, query_many
    from umurl_search.search.query import query as ask
    from umurl_search.search.results import MomentQueryResult

    if len(clip) > 1 or out is not None or holds_many(terminal.library, clip[0]):
        batch = BatchRequest(sources=tuple(clip), how=asked, out=out, centre=centre_batch)
        answers = query_many(terminal.library, batch, progress=terminal.progress)
        terminal.note(*print_batch.notes(answers))
        return terminal.show(answers, print_batch.print_answers)
    if centre_batch:
        raise typer.BadParameter(
            "it goes with several clips, a folder or a dataset", param_hint="--centre-batch"
        )
    request = asked.of(clip[0], k=asked.k)
    result = ask(terminal.library, request, progress=terminal.progress)
    terminal.note(*(f"note: {note}" for note in result.query.notes))
    draw = braille.drawer(terminal.library, request, result) if braille.can_draw(plain=plain) else None
    if isinstance(result, MomentQueryResult):
        return terminal.show(result, partial(print_localize.print_moments, draw=draw))
    terminal.show(result, partial(print_hits.print_hits, draw=draw))


def embed(
    terminal: Terminal,
    source: Annotated[str, typer.Argument(help="A dataset of the library, a folder or a file")],
    out: Annotated[Path, typer.Option("--out", help="The .npy to write")],
    encoder: EncoderOption = None,
    modality: ModalityOption = "fused",
    format: FormatOption = None,
    layout: LayoutOption = None,
    fps: Annotated[float, typer.Option(min=1, max=9999, help="Frames a second of a file or folder")] = 30.0,
    up: Annotated[Up, typer.Option(help="Its up axis")] = "y",
    scale: Annotated[float, typer.Option(min=1e-9, max=1e8, help="Metres a unit of it")] = 1.0,
    axes: AxesOption = None,
    precision: PrecisionOption = "auto",
    *,
    reading: ReadingOptions,
) -> None:
    """Writes the embeddings of clips as a NumPy array.

    Writes (N, D) float32 as the encoder gives them, rows in order of clip name.
    """
    from cli.print_exporting import print_embedded
    from umurl_search.export.embed_source import EmbedRequest, embed_source

    request = EmbedRequest(
        source=source,
        out=out,
        encoder=encoder,
        modality=modality,
        format=format,
        layout=layout,
        fps=fps,
        up=up,
        scale=scale,
        axes=axes,
        precision=precision,
        device=terminal.device,
        **vars(reading),
    )
    report = embed_source(terminal.library, request, progress=terminal.progress, tell=terminal.tell)
    terminal.note(*(f"note: {note}" for note in report.notes))
    terminal.show(report, print_embedded)
