"""Commands that make and ask indexes: `build-index`, `query`, `knn-eval`, `embed`."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.arguments import read_layout, read_layouts
from cli.datasets import AxesOption, FormatOption, LayoutOption, ensure_ingested
from cli.terminal import Terminal, command, parse_option
from umurl_search.clips.reading_options import ReadingOptions
from umurl_search.clips.types import Up
from umurl_search.evaluation.metrics import MOST_NEIGHBOURS, Vote
from umurl_search.index.kind_names import KindOrAuto
from umurl_search.readers.formats import list_suffixes
from umurl_search.search.options import SearchRequest


def _modality(text: str) -> str:
    from encoder.modality_sets import parse

    return parse(text)


def _transform(text: str) -> str:
    from umurl_search.index.bridges_and_whitening import Transform

    return str(Transform.parse(text))


def _fields(text: str) -> str:
    from umurl_search.library.clip_columns import EXCLUDABLE

    if not set(text.split(",")) <= set(EXCLUDABLE):
        raise ValueError(f"fields are {', '.join(EXCLUDABLE)}, got '{text}'")
    return text


def _neighbours(text: str) -> tuple[int, ...]:
    ks = text.split(",")
    if not all(k.isdecimal() and 1 <= int(k) <= MOST_NEIGHBOURS for k in ks):
        raise ValueError(f"numbers from 1 to {MOST_NEIGHBOURS:,}, with commas, got '{text}'")
    return tuple(map(int, ks))


Modalities = Literal["base", "all"]

_M = "joint, bone, motion, any + of them, or fused"
ModalityOption = Annotated[
    str, typer.Option("--modality", callback=parse_option("--modality", _modality), help=_M)
]
NoBridgeOption = Annotated[bool, typer.Option("--no-bridge", help="Compare raw embeddings across modalities")]
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
ExcludeOption = Annotated[
    bool,
    typer.Option(
        "--exclude-same-performance", help="Leave out the query's own performance, whatever the camera"
    ),
]
ColumnsOption = Annotated[
    str | None,
    typer.Option(
        callback=parse_option("--exclude", _fields),
        help="Leave out the query's own subject, camera, setup or replication (several: with commas)",
    ),
]
NoMapOption = Annotated[
    bool,
    typer.Option(
        "--no-map", help="Neighbours only: metrics such as mAP rank the whole gallery, which takes longer"
    ),
]
ActionMapOption = Annotated[
    Path | None, typer.Option(help="TSV: query label id, gallery label id, from 1 [default: where known]")
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
    command(app, "knn-eval")(knn_eval)
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
) -> None:
    """Embeds a dataset and builds an index of it."""
    if stride is not None and not window:
        raise typer.BadParameter("--stride goes with --window SECONDS", param_hint="--stride")
    if views is not None and ask_with is None:
        raise typer.BadParameter("--views goes with --ask-with LAYOUT", param_hint="--views")
    ingested = ensure_ingested(terminal, name)
    from cli import print_localize, print_tables
    from umurl_search.index.bridges_and_whitening import Transform
    from umurl_search.index.build import build_index as build
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
        device=terminal.device,
        window=Window.parse(window or (), stride),
    )
    report = build(terminal.library, request, progress=terminal.progress, tell=terminal.tell)
    if ask_with:
        ready = _prepare_bridges(terminal, report.index, ask_with.split("\n"), views)
        report = replace(report, ask_with=ready)
    terminal.note(*ingested, *(f"note: {warning}" for warning in report.warnings))
    terminal.show(report, print_tables.print_built if report.windows is None else print_localize.print_built)


def _prepare_bridges(terminal: Terminal, index: str, layouts: list[str], views: int | None) -> list[str]:
    """Names of the layouts from which clips cross to an index, whose bridges are ready then."""
    from umurl_search.clips.degrade import VIEWS
    from umurl_search.search.layout_crossing import prepare_bridges
    from umurl_search.search.searcher import Searcher

    searcher = Searcher(terminal.library, index, device=terminal.device)
    reach = VIEWS if views is None else views
    return prepare_bridges(searcher, layouts, views=reach, progress=terminal.progress)


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
        batch = BatchRequest(sources=tuple(clip), how=asked, out=out)
        answers = query_many(terminal.library, batch, progress=terminal.progress)
        terminal.note(*print_batch.notes(answers))
        return terminal.show(answers, print_batch.print_answers)
    request = asked.of(clip[0], k=asked.k)
    result = ask(terminal.library, request, progress=terminal.progress)
    terminal.note(*(f"note: {note}" for note in result.query.notes))
    draw = braille.drawer(terminal.library, request, result) if braille.can_draw(plain=plain) else None
    if isinstance(result, MomentQueryResult):
        return terminal.show(result, partial(print_localize.print_moments, draw=draw))
    terminal.show(result, partial(print_hits.print_hits, draw=draw))


def _require_one_matrix(k: str, query_modality: str, gallery_modality: str) -> None:
    """Raises BadParameter for options that ask for part of a matrix, or for several."""
    if (query_modality, gallery_modality) != ("fused", "fused"):
        raise typer.BadParameter(
            "--matrix shows every modality: give no --query-modality or --gallery-modality"
        )
    if len(k) > 1:
        raise typer.BadParameter("--matrix takes one number of neighbours", param_hint="--k")


NeighboursOption = Annotated[
    str,
    typer.Option(
        callback=parse_option("--k", _neighbours), help="Neighbours that vote; several numbers with commas"
    ),
]
VoteOption = Annotated[
    Vote, typer.Option(help="One clip one vote, or each with the weight exp(cosine / temperature)")
]
QueryModalityOption = Annotated[
    str, typer.Option(callback=parse_option("--query-modality", _modality), help=_M)
]
GalleryModalityOption = Annotated[
    str, typer.Option(callback=parse_option("--gallery-modality", _modality), help=_M)
]


QueryLayoutOption = Annotated[
    str | None,
    typer.Option(
        help="Bring the queries down to this joint layout first (see: layouts)",
        callback=parse_option("--query-layout", read_layout),
    ),
]
ViewsOption = Annotated[
    int | None,
    typer.Option(
        min=0, max=180, help="Of joints in a picture: seen from so far to either side [default: 60]"
    ),
]
NoiseOption = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Move each joint of the queries by so many metres [default: 0]"),
]


def knn_eval(
    terminal: Terminal,
    index: IndexOption = None,
    protocol: Annotated[str | None, typer.Option(help="[default: the dataset's first]")] = None,
    k: NeighboursOption = "1",
    vote: VoteOption = "majority",
    temperature: Annotated[
        float | None, typer.Option(min=1e-3, max=1e3, help="Of --vote weighted [default: 0.07]")
    ] = None,
    query_modality: QueryModalityOption = "fused",
    gallery_modality: GalleryModalityOption = "fused",
    matrix: Annotated[bool, typer.Option("--matrix", help="Every base modality against every other")] = False,
    exclude_same_performance: ExcludeOption = False,
    exclude: ColumnsOption = None,
    no_map: NoMapOption = False,
    no_bridge: NoBridgeOption = False,
    queries: Annotated[
        str | None, typer.Option(help="Another index, whose protocol's test clips ask instead")
    ] = None,
    query_protocol: Annotated[
        str | None, typer.Option(help="Of --queries [default: its dataset's first]")
    ] = None,
    action_map: ActionMapOption = None,
    query_layout: QueryLayoutOption = None,
    views: ViewsOption = None,
    noise: NoiseOption = None,
) -> None:
    """Evaluates retrieval: kNN accuracy, recall and mAP.

    The queries are the protocol's test clips, or those of another index; the gallery is the index's.
    """
    if temperature is not None and vote != "weighted":
        raise typer.BadParameter("--temperature goes with --vote weighted", param_hint="--temperature")
    if matrix:
        _require_one_matrix(k, query_modality, gallery_modality)
    if queries is None and (query_protocol is not None or action_map is not None):
        raise typer.BadParameter("--query-protocol and --action-map go with --queries INDEX")
    if query_layout is None and (views is not None or noise is not None):
        raise typer.BadParameter("--views and --noise go with --query-layout LAYOUT")
    from cli.print_knn_eval import print_figures, print_matrix
    from umurl_search.evaluation.knn_eval import EvalRequest, evaluate_index, evaluate_matrix
    from umurl_search.clips.degrade import VIEWS
    from umurl_search.evaluation.metrics import TEMPERATURE

    request = EvalRequest(
        index=index,
        protocol=protocol,
        k=tuple(map(int, k)),
        vote=vote,
        temperature=TEMPERATURE if temperature is None else temperature,
        query_modality=query_modality,
        gallery_modality=gallery_modality,
        bridge=not no_bridge,
        exclude_same_performance=exclude_same_performance,
        exclude=tuple(exclude.split(",")) if exclude else (),
        ranking=not no_map,
        queries=queries,
        query_protocol=query_protocol,
        action_map=action_map,
        query_layout=query_layout,
        views=VIEWS if views is None else views,
        noise=noise or 0.0,
        device=terminal.device,
    )
    if matrix:
        table = evaluate_matrix(terminal.library, request, progress=terminal.progress)
        terminal.note(*(f"note: {warning}" for warning in table.warnings))
        return terminal.show(table, print_matrix)
    figures = evaluate_index(terminal.library, request, progress=terminal.progress)
    terminal.note(*(f"note: {warning}" for warning in figures.warnings))
    terminal.show(figures, print_figures)


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
