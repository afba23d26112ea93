"""The command `demo`: from nothing to a first result."""

import time
from typing import Any

import numpy as np
import typer

from cli.terminal import Terminal, command

ENCODER = "demo-tiny"
TRAINING_LIMIT_S = 60.0
ACTION = "wave"
SAMPLE = "S001C001P002R002A001"


def register(app: typer.Typer) -> None:
    command(app, "demo")(demo)


def demo(terminal: Terminal) -> None:
    """Makes up a corpus, trains an encoder for a minute at most, indexes, queries and evaluates it."""
    started = time.monotonic()
    document: dict[str, Any] = {}
    _ingest(terminal, document)
    _train(terminal, document)
    _index(terminal, document)
    _queries(terminal, document)
    _evaluate(terminal, document)
    document["seconds"] = {"total": time.monotonic() - started}
    terminal.show(document, lambda _: _next(terminal, document))


def _title(terminal: Terminal, text: str) -> None:
    if not terminal.as_json:
        from cli import render

        render.line(f"\n== {text}")


def _draw(terminal: Terminal, part: Any, render_name: str) -> None:
    if not terminal.as_json:
        from cli import render

        getattr(render, render_name)(part)


def _ingest(terminal: Terminal, document: dict[str, Any]) -> None:
    from umurl_search.ingest import Request, ingest

    _title(terminal, "a made-up corpus: actions by subjects of different build and style, three cameras")
    report = ingest(terminal.library, Request(name="demo"), progress=terminal.progress)
    document["ingest"] = vars(report)
    _draw(terminal, document["ingest"], "ingest_summary")


def _train(terminal: Terminal, document: dict[str, Any]) -> None:
    from umurl_search.planning import TrainRequest
    from umurl_search.training import train_encoder

    _title(terminal, "an encoder, trained without labels on the training subjects")
    if any(row["name"] == ENCODER for row in _encoders(terminal)):
        document["train"] = {"encoder": ENCODER, "already_there": True}
        terminal.note(f"encoder {ENCODER} is there already")
        return
    request = TrainRequest(
        dataset="demo", preset="tiny", name=ENCODER, device=terminal.device, max_seconds=TRAINING_LIMIT_S
    )
    document["train"] = vars(train_encoder(terminal.library, request, progress=terminal.progress))
    _draw(terminal, document["train"], "train")


def _encoders(terminal: Terminal) -> list[dict[str, Any]]:
    with terminal.library.read() as catalog:
        return catalog.encoders()


def _index(terminal: Terminal, document: dict[str, Any]) -> None:
    from umurl_search.build import BuildRequest, build_index

    _title(terminal, "an index of every clip as joint, bone, motion and all three fused")
    request = BuildRequest(dataset="demo", encoder=ENCODER, device=terminal.device)
    document["build"] = vars(build_index(terminal.library, request, progress=terminal.progress))
    _draw(terminal, document["build"], "built")


def _queries(terminal: Terminal, document: dict[str, Any]) -> None:
    from umurl_search.search import QueryRequest, query

    sample = _write_sample(terminal)
    _title(terminal, f"three queries with a new performance of '{ACTION}'")
    index = document["build"]["index"]
    asked = (
        ("joint", "joint", None, "joints against joints"),
        ("bone", "fused", None, "bones alone against the fused index, across a bridge"),
        ("fused", "fused", "subject % 2 = 0 and camera = 3", "fused, among some clips only"),
    )
    document["queries"] = []
    for modality, against, where, text in asked:
        options = f"--modality {modality}" + (f" --against {against}" if against != "fused" else "")
        options += f' --where "{where}"' if where else ""
        _title(terminal, f"{text}:  umurl-search query {sample} {options}")
        request = QueryRequest(
            clip=sample, modality=modality, against=against, where=where, k=5, index=index,
            exclude_same_performance=False, device=terminal.device,
        )  # fmt: skip
        answer = query(terminal.library, request)
        document["queries"].append(answer)
        if not terminal.as_json:
            from cli import render_hits

            render_hits.hits(answer)


def _write_sample(terminal: Terminal) -> str:
    """A new performance that is not in the corpus, as a .npy file in the library's folder."""
    from umurl_search.demo import make_clip

    path = terminal.library.root / "demo-clip.npy"
    np.save(path, make_clip(SAMPLE), allow_pickle=False)
    return str(path)


def _evaluate(terminal: Terminal, document: dict[str, Any]) -> None:
    from umurl_search.evaluate import EvalRequest, evaluate_index, evaluate_matrix

    request = EvalRequest(index=document["build"]["index"], device=terminal.device)
    _title(terminal, "how good it is, on subjects it was not trained on:  umurl-search knn-eval")
    document["evaluation"] = evaluate_index(terminal.library, request, progress=terminal.progress)
    _draw(terminal, document["evaluation"], "figures")
    _title(terminal, "every modality against every other:  umurl-search knn-eval --matrix")
    document["matrix"] = evaluate_matrix(terminal.library, request, progress=terminal.progress)
    _draw(terminal, document["matrix"], "matrix")


def _next(terminal: Terminal, document: dict[str, Any]) -> None:
    from cli import render

    render.line(f"\ndone in {document['seconds']['total']:.0f} s. What to type next:")
    for text in (
        f"umurl-search query {terminal.library.root / 'demo-clip.npy'} --modality motion --k 3",
        "umurl-search query demo:S001C001P001R001A005 --exclude-same-performance",
        "umurl-search knn-eval --protocol xview --exclude-same-performance",
        "umurl-search build-index demo --transform half-whiten   # often better",
        "umurl-search ingest mine --source FOLDER   # your own clips: .npy, .skeleton, pickles, ...",
        "umurl-search datasets   # NTU RGB+D, PKU-MMD, NW-UCLA, UTD-MHAD",
    ):
        render.line(f"  {text}")
