"""The command that evaluates retrieval: `knn-eval`."""

from pathlib import Path
from typing import Annotated

import typer

from cli.arguments import read_layout
from cli.search import MODALITY_HELP, IndexOption, read_modality
from cli.terminal import Terminal, command, parse_option
from umurl_search.evaluation.metrics import MOST_NEIGHBOURS, Vote


def register(app: typer.Typer) -> None:
    command(app, "knn-eval")(knn_eval)


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


NoBridgeOption = Annotated[bool, typer.Option("--no-bridge", help="Compare raw embeddings across modalities")]
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
    str, typer.Option(callback=parse_option("--query-modality", read_modality), help=MODALITY_HELP)
]
GalleryModalityOption = Annotated[
    str, typer.Option(callback=parse_option("--gallery-modality", read_modality), help=MODALITY_HELP)
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
    if query_layout is None and noise is not None:
        raise typer.BadParameter("--noise goes with --query-layout LAYOUT")
    if query_layout is None and queries is None and views is not None:
        raise typer.BadParameter("--views goes with --query-layout LAYOUT or --queries INDEX")
    from cli.print_knn_eval import print_figures, print_matrix
    from umurl_search.clips.degrade import VIEWS
    from umurl_search.evaluation.knn_eval import EvalRequest, evaluate_index, evaluate_matrix
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
