"""The command `demo`: from nothing to a first result."""

import math
import shlex
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import numpy as np
import typer

from cli.terminal import Terminal, command
from umurl_search.library.library import default_root

if TYPE_CHECKING:
    from cli.demo_results import AnsweredIndex, DemoIndex, DemoReport, DemoTraining, TrainedBefore
    from umurl_search.ingest.ingest import IngestReport
    from umurl_search.search.results import QueryResult

ENCODER = "demo-tiny"
TRAINING_LIMIT_S = 60.0
ACTION = "throw"
CLIP = "demo-clip.npy"
SAMPLE = "S002C001P004R002A004"
QUESTIONS = (
    ("joint", "joint", None, "joints against joints"),
    ("bone", "fused", None, "bones alone against the fused index, across a bridge"),
    ("fused", "fused", "subject % 2 = 0 and camera = 3", "fused, among some clips only"),
)
"""modality, against, where, in words."""
P = TypeVar("P")


def register(app: typer.Typer) -> None:
    command(app, "demo")(demo)


def demo(
    terminal: Terminal,
    seconds: Annotated[
        float, typer.Option(min=0.0, max=3600.0, help="How long to train at most")
    ] = TRAINING_LIMIT_S,
) -> None:
    """Tries everything on made-up clips: index, queries, figures.

    Makes up a corpus, indexes it with the encoder in the package, queries and evaluates it. Then it trains an encoder
    of its own, for a minute at most, and keeps the better of the two indexes as the default.
    """
    from cli.demo_results import DemoIndex, DemoReport
    from umurl_search.library.encoder_registry import SHIPPED

    started = time.monotonic()
    ingested = _ingest(terminal)
    at_once = _ask(terminal, _index(terminal, SHIPPED))
    answered = time.monotonic()
    training = _train(terminal, seconds)
    if not terminal.as_json:
        from cli import print_demo

        print_demo.print_training(training)
    trained = _index(terminal, ENCODER)
    trained_is_better = is_better(trained.evaluation.accuracy, at_once.evaluation.accuracy)
    best = _ask(terminal, trained) if trained_is_better else at_once
    _prefer(terminal, best)
    took = {"answers": answered - started, "total": time.monotonic() - started}
    other = DemoIndex(build=at_once.build, evaluation=at_once.evaluation) if trained_is_better else trained
    report = DemoReport(**vars(best), ingest=ingested, train=training, other=other, seconds=took)
    terminal.show(report, lambda _: _end(terminal, report))


def is_better(trained: float, at_once: float) -> bool:
    """Which accuracy is better; where both are the same, that of the index that was there at once."""
    return trained > at_once


def _title(terminal: Terminal, text: str) -> None:
    if not terminal.as_json:
        from cli import print_tables

        print_tables.line(f"\n== {text}")


def _draw(terminal: Terminal, part: P, print_it: Callable[[P], None]) -> None:
    if not terminal.as_json:
        print_it(part)


def _ingest(terminal: Terminal) -> "IngestReport":
    from cli import print_tables
    from umurl_search.ingest.ingest import Request, ingest

    _title(terminal, "a made-up corpus: actions by subjects of different build and style, three cameras")
    report = ingest(terminal.library, Request(name="demo"), progress=terminal.progress)
    _draw(terminal, report, print_tables.ingest_summary)
    return report


def _index(terminal: Terminal, encoder: str) -> "DemoIndex":
    """An index of the corpus with that encoder, and how good it is."""
    from cli import print_tables
    from cli.demo_results import DemoIndex
    from umurl_search.evaluation.knn_eval import EvalRequest, evaluate_index
    from umurl_search.index.build import build_index
    from umurl_search.index.build_plan import BuildRequest
    from umurl_search.library.encoder_registry import SHIPPED

    whose = "the encoder in the package" if encoder == SHIPPED else "the encoder trained here"
    _title(terminal, f"an index with {whose}: every clip as joint, bone, motion and all three fused")
    request = BuildRequest(dataset="demo", encoder=encoder, device=terminal.device)
    build = build_index(terminal.library, request, progress=terminal.progress)
    _draw(terminal, build, print_tables.print_built_line)
    asked = EvalRequest(index=build.index, device=terminal.device)
    evaluation = evaluate_index(terminal.library, asked, progress=terminal.progress)
    return DemoIndex(build=build, evaluation=evaluation)


def _ask(terminal: Terminal, index: "DemoIndex") -> "AnsweredIndex":
    """Makes that index the default, so that the commands shown are true, and asks it."""
    from cli.demo_results import AnsweredIndex
    from cli.print_knn_eval import print_figures, print_matrix
    from umurl_search.evaluation.knn_eval import EvalRequest, evaluate_matrix

    _prefer(terminal, index)
    queries = _query(terminal, index.build.index)
    _title(
        terminal,
        f"how good it is, on subjects it was not trained on:  {_format_command(terminal, 'knn-eval')}",
    )
    _draw(terminal, index.evaluation, print_figures)
    terminal.note(*(f"note: {warning}" for warning in index.evaluation.warnings))
    _title(terminal, f"every modality against every other:  {_format_command(terminal, 'knn-eval --matrix')}")
    request = EvalRequest(index=index.build.index, device=terminal.device)
    matrix = evaluate_matrix(terminal.library, request, progress=terminal.progress)
    _draw(terminal, matrix, print_matrix)
    return AnsweredIndex(**vars(index), queries=queries, matrix=matrix)


def _prefer(terminal: Terminal, index: "DemoIndex") -> None:
    from umurl_search.maintenance.inspect_and_doctor import prefer

    prefer(terminal.library, index.build.index)


def _query(terminal: Terminal, index: str) -> "list[QueryResult]":
    from umurl_search.search.options import QueryRequest
    from umurl_search.search.query import query

    sample = _write_sample(terminal)
    _title(terminal, f"three queries with a new performance of '{ACTION}'")
    answers = []
    for modality, against, where, text in QUESTIONS:
        options = f"--modality {modality}" + (f" --against {against}" if against != "fused" else "")
        options += f' --where "{where}"' if where else ""
        _title(terminal, f"{text}:  {_format_command(terminal, f'query {shlex.quote(sample)} {options}')}")
        request = QueryRequest(
            clip=sample,
            modality=modality,
            against=against,
            where=where,
            k=5,
            index=index,
            exclude_same_performance=False,
            device=terminal.device,
        )
        answers.append(query(terminal.library, request))
        if not terminal.as_json:
            from cli import print_hits

            print_hits.print_hits(answers[-1])
    return answers


def _write_sample(terminal: Terminal) -> str:
    """A new performance that is not in the corpus, as a .npy file in the library's folder."""
    from umurl_search.synthetic.demo_corpus import make_clip

    path = terminal.library.root / CLIP
    np.save(path, make_clip(SAMPLE), allow_pickle=False)
    return str(path)


def _train(terminal: Terminal, seconds: float) -> "DemoTraining | TrainedBefore":
    """What `train` reports; of an encoder that is there already, what is kept of that."""
    from cli.demo_results import DemoTraining
    from umurl_search.training.plan import TrainRequest
    from umurl_search.training.run import train_encoder

    _title(terminal, f"a small encoder trained here: without labels, from nothing, for {seconds:g} s at most")
    if any(row["name"] == ENCODER for row in _encoders(terminal)):
        return _read_earlier_training(terminal)
    request = TrainRequest(
        dataset="demo",
        preset="tiny",
        name=ENCODER,
        device=terminal.device,
        max_seconds=seconds,
        save_every_s=math.inf,
    )
    try:  # what a killed demo may have left is a minute's work
        report = train_encoder(terminal.library, request, anew=True, progress=terminal.progress)
    except KeyboardInterrupt as stopped:
        raise KeyboardInterrupt("the answers above hold; the same command trains again") from stopped
    return DemoTraining(**vars(report))


def _read_earlier_training(terminal: Terminal) -> "TrainedBefore":
    from cli.demo_results import TrainedBefore
    from umurl_search.library.encoder_registry import open_encoder
    from umurl_search.training.history import read_history

    entry = open_encoder(terminal.library, ENCODER)
    epochs, planned = read_history(entry.folder).epochs, entry.config["training"]["epochs"]
    return TrainedBefore(encoder=ENCODER, epochs=epochs, planned_epochs=planned)


def _end(terminal: Terminal, report: "DemoReport") -> None:
    from cli import print_demo

    def format_command(words: str) -> str:
        return _format_command(terminal, words)

    _title(terminal, "which of the two is better, asked with the same clips")
    print_demo.print_comparison(report, format_command)
    print_demo.print_next_steps(report, shlex.quote(str(terminal.library.root / CLIP)), format_command)


def _encoders(terminal: Terminal) -> list[dict[str, Any]]:
    with terminal.library.read() as catalog:
        return catalog.encoders()


def _format_command(terminal: Terminal, words: str) -> str:
    """The command as it is to be typed to ask this library."""
    root = terminal.library.root
    return f"umurl-search {words}" + (
        f" --library {shlex.quote(str(root))}" if root != default_root() else ""
    )
