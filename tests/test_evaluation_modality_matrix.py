"""What retrieval finds over every pair of modalities: the figures of `knn-eval`."""

from collections.abc import Callable

from conftest import Result

from umurl_search.evaluation.knn_eval import EvalRequest, evaluate_index, evaluate_matrix
from umurl_search.evaluation.modality_matrix import Retrieval, retrieve
from umurl_search.index.bridges_and_whitening import Transform
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.library.library import Library

# an index


def test_figures_are_those_of_knn_eval(indexed: Library, retrieved: Retrieval) -> None:
    matrix = evaluate_matrix(indexed, EvalRequest(device="cpu"))["matrix"]
    assert {(q, g) for q in matrix for g in matrix} == set(retrieved.figures)
    assert {pair: figures.accuracy for pair, figures in retrieved.figures.items()} == {
        (q, g): matrix[q][g] for q in matrix for g in matrix
    }
    fused = evaluate_index(indexed, EvalRequest(device="cpu"))
    assert (retrieved.main, retrieved.own.mean_average_precision, retrieved.own.mrr) == (
        "fused",
        fused["map"],
        fused["mrr"],
    )


def test_a_transform_is_that_of_knn_eval_too(indexed: Library) -> None:
    build_index(indexed, BuildRequest(dataset="mine", transform=Transform.parse("half-whiten:8"), name="w"))
    retrieved = retrieve(indexed, index="w", protocol="xsub", device="cpu")
    assert retrieved.queries.shape == (30, 8)
    expected = evaluate_index(indexed, EvalRequest(index="w", device="cpu"))["accuracy"]
    assert retrieved.own.accuracy == expected


# the report


def test_a_uni_modal_encoder_is_reported_once(library: Library, command: Callable[..., Result]) -> None:
    words = "train mine --preset tiny --epochs 1 --modalities bone --looks 0 --device cpu --as bones"
    assert command(*words.split()).code == 0
    assert command("build-index", "mine", "--encoder", "bones").code == 0
    retrieved = retrieve(library, index=None, protocol=None, device="cpu")
    assert (retrieved.modalities, retrieved.main, list(retrieved.figures)) == (
        ("bone",),
        "bone",
        [("bone", "bone")],
    )
