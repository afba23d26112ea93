"""Find human motion by example: skeleton clips to embeddings, an index, answers and figures.

    from umurl_search import Library as Library
    for answer in Library.open("my-library").index().search(["clip.npy"], modality="bone", k=5):
        print(answer.name, [(hit.name, hit.score) for hit in answer.hits])

Nothing heavy is imported before it is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from encoder.errors import UmurlError as UmurlError
    from umurl_search.api import Library as Library
    from umurl_search.evaluation.duplicates_and_leaks import LeakRequest as LeakRequest
    from umurl_search.evaluation.duplicates_and_leaks import TwinRequest as TwinRequest
    from umurl_search.evaluation.duplicates_and_leaks import duplicates as duplicates
    from umurl_search.evaluation.duplicates_and_leaks import leaks as leaks
    from umurl_search.evaluation.knn_eval import EvalRequest as EvalRequest
    from umurl_search.evaluation.knn_eval import evaluate_index as evaluate_index
    from umurl_search.evaluation.knn_eval import evaluate_matrix as evaluate_matrix
    from umurl_search.evaluation.linear_eval import LinearRequest as LinearRequest
    from umurl_search.evaluation.linear_eval import late_eval as late_eval
    from umurl_search.evaluation.linear_eval import linear_eval as linear_eval
    from umurl_search.evaluation.localization import LocalizeRequest as LocalizeRequest
    from umurl_search.evaluation.localization import localize_eval as localize_eval
    from umurl_search.evaluation.model_cost import CostRequest as CostRequest
    from umurl_search.evaluation.model_cost import cost_table as cost_table
    from umurl_search.evaluation.semi_supervised import SemiRequest as SemiRequest
    from umurl_search.evaluation.semi_supervised import semi_eval as semi_eval
    from umurl_search.evaluation.transfer import TransferRequest as TransferRequest
    from umurl_search.evaluation.transfer import transfer_eval as transfer_eval
    from umurl_search.export.embed_source import EmbedRequest as EmbedRequest
    from umurl_search.export.embed_source import embed_source as embed_source
    from umurl_search.export.export_index import ExportRequest as ExportRequest
    from umurl_search.export.export_index import export_index as export_index
    from umurl_search.index.build import build_index as build_index
    from umurl_search.index.build_plan import BuildRequest as BuildRequest
    from umurl_search.index.windows import Window as Window
    from umurl_search.ingest.ingest import Request as IngestRequest
    from umurl_search.ingest.ingest import ingest as ingest_dataset
    from umurl_search.ingest.relabel import relabel as relabel
    from umurl_search.maintenance.rename import rename as rename
    from umurl_search.pictures.render import PictureRequest as PictureRequest
    from umurl_search.pictures.render import render as render
    from umurl_search.report.report import ReportRequest as ReportRequest
    from umurl_search.report.report import write_report as write_report
    from umurl_search.search.batch import BatchRequest as BatchRequest
    from umurl_search.search.batch import query_many as query_many
    from umurl_search.search.joint_searcher import JointSearcher as JointSearcher
    from umurl_search.search.options import QueryRequest as QueryRequest
    from umurl_search.search.options import SearchOptions as SearchOptions
    from umurl_search.search.options import SearchRequest as SearchRequest
    from umurl_search.search.query import query as query
    from umurl_search.search.results import Answer as Answer
    from umurl_search.search.results import Hit as Hit
    from umurl_search.search.searcher import Searcher as Searcher
    from umurl_search.training.import_encoder import import_encoder as import_encoder
    from umurl_search.training.plan import TrainRequest as TrainRequest
    from umurl_search.training.run import train_encoder as train_encoder

_HOMES = {
    "UmurlError": ("encoder.errors", "UmurlError"),
    "Library": ("umurl_search.api", "Library"),
    "IngestRequest": ("umurl_search.ingest.ingest", "Request"),
    "ingest_dataset": ("umurl_search.ingest.ingest", "ingest"),
    "relabel": ("umurl_search.ingest.relabel", "relabel"),
    "rename": ("umurl_search.maintenance.rename", "rename"),
    "TrainRequest": ("umurl_search.training.plan", "TrainRequest"),
    "train_encoder": ("umurl_search.training.run", "train_encoder"),
    "import_encoder": ("umurl_search.training.import_encoder", "import_encoder"),
    "BuildRequest": ("umurl_search.index.build_plan", "BuildRequest"),
    "build_index": ("umurl_search.index.build", "build_index"),
    "SearchOptions": ("umurl_search.search.options", "SearchOptions"),
    "JointSearcher": ("umurl_search.search.joint_searcher", "JointSearcher"),
    "SearchRequest": ("umurl_search.search.options", "SearchRequest"),
    "QueryRequest": ("umurl_search.search.options", "QueryRequest"),
    "query": ("umurl_search.search.query", "query"),
    "Searcher": ("umurl_search.search.searcher", "Searcher"),
    "Answer": ("umurl_search.search.results", "Answer"),
    "Hit": ("umurl_search.search.results", "Hit"),
    "BatchRequest": ("umurl_search.search.batch", "BatchRequest"),
    "query_many": ("umurl_search.search.batch", "query_many"),
    "TwinRequest": ("umurl_search.evaluation.duplicates_and_leaks", "TwinRequest"),
    "duplicates": ("umurl_search.evaluation.duplicates_and_leaks", "duplicates"),
    "LeakRequest": ("umurl_search.evaluation.duplicates_and_leaks", "LeakRequest"),
    "leaks": ("umurl_search.evaluation.duplicates_and_leaks", "leaks"),
    "ExportRequest": ("umurl_search.export.export_index", "ExportRequest"),
    "export_index": ("umurl_search.export.export_index", "export_index"),
    "EvalRequest": ("umurl_search.evaluation.knn_eval", "EvalRequest"),
    "evaluate_index": ("umurl_search.evaluation.knn_eval", "evaluate_index"),
    "evaluate_matrix": ("umurl_search.evaluation.knn_eval", "evaluate_matrix"),
    "LocalizeRequest": ("umurl_search.evaluation.localization", "LocalizeRequest"),
    "localize_eval": ("umurl_search.evaluation.localization", "localize_eval"),
    "Window": ("umurl_search.index.windows", "Window"),
    "CostRequest": ("umurl_search.evaluation.model_cost", "CostRequest"),
    "cost_table": ("umurl_search.evaluation.model_cost", "cost_table"),
    "LinearRequest": ("umurl_search.evaluation.linear_eval", "LinearRequest"),
    "linear_eval": ("umurl_search.evaluation.linear_eval", "linear_eval"),
    "late_eval": ("umurl_search.evaluation.linear_eval", "late_eval"),
    "SemiRequest": ("umurl_search.evaluation.semi_supervised", "SemiRequest"),
    "semi_eval": ("umurl_search.evaluation.semi_supervised", "semi_eval"),
    "TransferRequest": ("umurl_search.evaluation.transfer", "TransferRequest"),
    "transfer_eval": ("umurl_search.evaluation.transfer", "transfer_eval"),
    "ReportRequest": ("umurl_search.report.report", "ReportRequest"),
    "write_report": ("umurl_search.report.report", "write_report"),
    "PictureRequest": ("umurl_search.pictures.render", "PictureRequest"),
    "render": ("umurl_search.pictures.render", "render"),
    "EmbedRequest": ("umurl_search.export.embed_source", "EmbedRequest"),
    "embed_source": ("umurl_search.export.embed_source", "embed_source"),
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("umurl-search")
    if name not in _HOMES:
        raise AttributeError(f"module 'umurl_search' has no attribute '{name}'")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)
