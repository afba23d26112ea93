"""Find human motion by example: skeleton clips to embeddings, an index, answers and figures.

    from umurl_search import Library
    for answer in Library.open("my-library").index().search(["clip.npy"], modality="bone", k=5):
        print(answer.name, [(hit.name, hit.score) for hit in answer.hits])

Nothing heavy is imported before it is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from encoder.errors import UmurlError as UmurlError
    from umurl_search.batch import BatchRequest as BatchRequest
    from umurl_search.batch import query_many as query_many
    from umurl_search.build import BuildRequest as BuildRequest
    from umurl_search.build import build_index as build_index
    from umurl_search.costs import CostRequest as CostRequest
    from umurl_search.costs import cost_table as cost_table
    from umurl_search.embedding import EmbedRequest as EmbedRequest
    from umurl_search.embedding import embed_source as embed_source
    from umurl_search.evaluate import EvalRequest as EvalRequest
    from umurl_search.evaluate import evaluate_index as evaluate_index
    from umurl_search.evaluate import evaluate_matrix as evaluate_matrix
    from umurl_search.exporting import ExportRequest as ExportRequest
    from umurl_search.exporting import export_index as export_index
    from umurl_search.hits import Answer as Answer
    from umurl_search.hits import Hit as Hit
    from umurl_search.importing import import_encoder as import_encoder
    from umurl_search.ingest import Request as IngestRequest
    from umurl_search.ingest import ingest as ingest_dataset
    from umurl_search.library import Library as Library
    from umurl_search.localize import LocalizeRequest as LocalizeRequest
    from umurl_search.localize import localize_eval as localize_eval
    from umurl_search.pictures import PictureRequest as PictureRequest
    from umurl_search.pictures import render as render
    from umurl_search.planning import TrainRequest as TrainRequest
    from umurl_search.probing import LinearRequest as LinearRequest
    from umurl_search.probing import late_eval as late_eval
    from umurl_search.probing import linear_eval as linear_eval
    from umurl_search.report import ReportRequest as ReportRequest
    from umurl_search.report import write_report as write_report
    from umurl_search.search import QueryRequest as QueryRequest
    from umurl_search.search import Searcher as Searcher
    from umurl_search.search import query as query
    from umurl_search.semi import SemiRequest as SemiRequest
    from umurl_search.semi import semi_eval as semi_eval
    from umurl_search.training import train_encoder as train_encoder
    from umurl_search.transfer import TransferRequest as TransferRequest
    from umurl_search.transfer import transfer_eval as transfer_eval
    from umurl_search.twins import LeakRequest as LeakRequest
    from umurl_search.twins import TwinRequest as TwinRequest
    from umurl_search.twins import duplicates as duplicates
    from umurl_search.twins import leaks as leaks
    from umurl_search.windows import Window as Window

_HOMES = {
    "UmurlError": ("encoder.errors", "UmurlError"),
    "Library": ("umurl_search.library", "Library"),
    "IngestRequest": ("umurl_search.ingest", "Request"),
    "ingest_dataset": ("umurl_search.ingest", "ingest"),
    "TrainRequest": ("umurl_search.planning", "TrainRequest"),
    "train_encoder": ("umurl_search.training", "train_encoder"),
    "import_encoder": ("umurl_search.importing", "import_encoder"),
    "BuildRequest": ("umurl_search.build", "BuildRequest"),
    "build_index": ("umurl_search.build", "build_index"),
    "QueryRequest": ("umurl_search.search", "QueryRequest"),
    "query": ("umurl_search.search", "query"),
    "Searcher": ("umurl_search.search", "Searcher"),
    "Answer": ("umurl_search.hits", "Answer"),
    "Hit": ("umurl_search.hits", "Hit"),
    "BatchRequest": ("umurl_search.batch", "BatchRequest"),
    "query_many": ("umurl_search.batch", "query_many"),
    "TwinRequest": ("umurl_search.twins", "TwinRequest"),
    "duplicates": ("umurl_search.twins", "duplicates"),
    "LeakRequest": ("umurl_search.twins", "LeakRequest"),
    "leaks": ("umurl_search.twins", "leaks"),
    "ExportRequest": ("umurl_search.exporting", "ExportRequest"),
    "export_index": ("umurl_search.exporting", "export_index"),
    "EvalRequest": ("umurl_search.evaluate", "EvalRequest"),
    "evaluate_index": ("umurl_search.evaluate", "evaluate_index"),
    "evaluate_matrix": ("umurl_search.evaluate", "evaluate_matrix"),
    "LocalizeRequest": ("umurl_search.localize", "LocalizeRequest"),
    "localize_eval": ("umurl_search.localize", "localize_eval"),
    "Window": ("umurl_search.windows", "Window"),
    "CostRequest": ("umurl_search.costs", "CostRequest"),
    "cost_table": ("umurl_search.costs", "cost_table"),
    "LinearRequest": ("umurl_search.probing", "LinearRequest"),
    "linear_eval": ("umurl_search.probing", "linear_eval"),
    "late_eval": ("umurl_search.probing", "late_eval"),
    "SemiRequest": ("umurl_search.semi", "SemiRequest"),
    "semi_eval": ("umurl_search.semi", "semi_eval"),
    "TransferRequest": ("umurl_search.transfer", "TransferRequest"),
    "transfer_eval": ("umurl_search.transfer", "transfer_eval"),
    "ReportRequest": ("umurl_search.report", "ReportRequest"),
    "write_report": ("umurl_search.report", "write_report"),
    "PictureRequest": ("umurl_search.pictures", "PictureRequest"),
    "render": ("umurl_search.pictures", "render"),
    "EmbedRequest": ("umurl_search.embedding", "EmbedRequest"),
    "embed_source": ("umurl_search.embedding", "embed_source"),
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'umurl_search' has no attribute '{name}'")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)
