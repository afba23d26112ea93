"""Evaluation against a slow oracle, on the protocol's own gallery alone, without the query's own performance."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Result
from retrieval_oracle import Array, Labels, assert_oracle, oracle, unit

from encoder.errors import UmurlError
from umurl_search.evaluation import knn_eval
from umurl_search.evaluation.knn_eval import (
    EvalRequest,
    evaluate_index,
    evaluate_matrix,
    evaluate_opened,
)
from umurl_search.index.bridges_and_whitening import Maps, Transform, fit_maps
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.index.index import Index
from umurl_search.index.open_index import open_protocol
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.library import Library
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Result]
# an index


@pytest.fixture(scope="module")
def viewed_root(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dataset `views`: the made clips, protocol `view`: cameras 2 and 3 train, 1 tests; an index, half-whitened."""
    root = tmp_path_factory.mktemp("viewed")
    shutil.copytree(made / "library", root / "library")
    library = Library(root / "library")
    names = sorted(path.stem for path in (made / "clips").iterdir())
    parts = {
        "train": [n for n in names if n[5:8] != "001"],
        "test": [n for n in names if n[5:8] == "001"],
    }
    (root / "splits.json").write_text(json.dumps({"view": parts}))
    ingest(library, Request(name="views", source=made / "clips", splits=root / "splits.json"))
    for transform, name in (("half-whiten:12", "white"), ("none", "plain")):
        build_index(
            library,
            BuildRequest(
                dataset="views", encoder="e", name=name, transform=Transform.parse(transform), device="cpu"
            ),
        )
    return root / "library"


@pytest.fixture
def viewed(viewed_root: Path, tmp_path: Path) -> Library:
    shutil.copytree(viewed_root, tmp_path / "library")
    return Library(tmp_path / "library")


def arrays(library: Library, index: str) -> tuple[dict[str, Array], list[str], Labels]:
    """Embeddings by modality, names and labels, rows as in the index."""
    opened = Index(library.index_folder(index))
    with library.read() as catalog:
        columns = catalog.clips_of("views")
    assert opened.ids.tolist() == columns.id.tolist()
    y = {m: np.array(opened.embeddings(m)) for m in opened.modalities}
    return y, columns.name, columns.label


def rows_of(names: list[str], *, test: bool) -> Labels:
    return np.array([i for i, name in enumerate(names) if (name[5:8] == "001") == test])


@pytest.mark.parametrize("index", ["plain", "white"])
@pytest.mark.parametrize("bridge", [True, False])
@pytest.mark.parametrize("pair", [("fused", "fused"), ("bone", "fused"), ("joint", "motion")])
def test_an_index_is_evaluated_on_its_gallery_alone(
    index: str, bridge: bool, pair: tuple[str, str], viewed: Library
) -> None:
    y, names, labels = arrays(viewed, index)
    train, test = rows_of(names, test=False), rows_of(names, test=True)
    kept = {m: rows[train] for m, rows in y.items()}
    transform = Transform.parse("none" if index == "plain" else "half-whiten:12")
    maps = fit_maps(kept, transform)
    bridged = bridge and pair[0] != pair[1]
    gallery = maps.gallery(pair[1], bridged=bridged)(kept[pair[1]])
    queries = maps.query(*pair, bridged=bridged)(y[pair[0]][test])
    wanted = oracle(gallery, labels[train], queries, labels[test], k=3)
    request = EvalRequest(
        index=index, k=3, query_modality=pair[0], gallery_modality=pair[1], bridge=bridge, device="cpu"
    )
    document = evaluate_index(viewed, request)
    assert_oracle(document, wanted)
    stated = (document["protocol"], document["bridge"], document["gallery"], document["queries"])
    assert stated == ("view", bridged, 40, 20)


@pytest.mark.parametrize("matrix", [False, True])
def test_no_test_clip_reaches_the_maps(
    matrix: bool, viewed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The maps are the same, bit by bit, when the test clips' embeddings are replaced by noise."""
    _, names, _ = arrays(viewed, "white")
    test = rows_of(names, test=True)
    fitted: list[Maps] = []
    embeddings = Index.embeddings

    def watch(given: dict[str, Array], transform: Transform, **options: Any) -> Maps:
        assert sorted(options["rows"].tolist()) == rows_of(names, test=False).tolist()
        fitted.append(fit_maps(given, transform, **options))
        return fitted[-1]

    def add_noise(self: Index, modality: str) -> Array:
        y = np.array(embeddings(self, modality))
        y[test] = np.random.default_rng(0).normal(size=y[test].shape) * 1000
        return y

    monkeypatch.setattr(knn_eval, "fit_maps", watch)
    run = evaluate_matrix if matrix else evaluate_index
    request = EvalRequest(index="white", query_modality="bone", device="cpu")
    first = run(viewed, request)
    monkeypatch.setattr(Index, "embeddings", add_noise)
    second = run(viewed, request)
    key = "matrix" if matrix else "map"
    assert first[key] != second[key]
    one, two = fitted
    for field in ("means", "whitenings", "bridges"):
        assert getattr(one, field).keys() == getattr(two, field).keys()
        for name, array in getattr(one, field).items():
            np.testing.assert_array_equal(array, getattr(two, field)[name])
    assert len(one.bridges) == (12 if matrix else 1)


def test_excluding_the_same_performance_is_dropping_it_by_hand(viewed: Library) -> None:
    y, names, labels = arrays(viewed, "plain")
    train, test = rows_of(names, test=False), rows_of(names, test=True)
    performance = np.array([int(n[1:4] + n[9:12] + n[13:16] + n[17:20]) for n in names])
    groups = (performance[train], performance[test])
    gallery, queries = unit(y["fused"][train]), unit(y["fused"][test])
    request = EvalRequest(index="plain", k=5, exclude_same_performance=True, device="cpu")
    document = evaluate_index(viewed, request)
    assert_oracle(document, oracle(gallery, labels[train], queries, labels[test], k=5, groups=groups))
    assert document["exclude_same_performance"] is True
    easy = evaluate_index(viewed, EvalRequest(index="plain", k=5, device="cpu"))
    assert easy["map"] > document["map"]


def test_a_performance_is_of_one_setup_subject_replication_and_action(
    library: Library, tmp_path: Path
) -> None:
    """A query meets all but the clips that differ from it in nothing but the camera."""
    (tmp_path / "shots").mkdir()
    asked = "S002C001P002R002A005"
    others = [
        asked.replace(*one)
        for one in (("S002", "S001"), ("P002", "P001"), ("R002", "R001"), ("A005", "A001"))
    ]
    same = asked.replace("C001", "C002")
    for name in (asked, same, *others):
        np.save(tmp_path / "shots" / f"{name}.npy", make_clip(name))
    (tmp_path / "splits.json").write_text(json.dumps({"one": {"train": [same, *others], "test": [asked]}}))
    ingest(library, Request(name="shots", source=tmp_path / "shots", splits=tmp_path / "splits.json"))
    build_index(library, BuildRequest(dataset="shots", encoder="e", device="cpu"))
    for exclude, n_met in ((False, 5), (True, 4)):
        request = EvalRequest(index="shots@e", exclude_same_performance=exclude, device="cpu")
        assert (evaluate_opened(library, request).figures.neighbours[0] >= 0).sum() == n_met


def test_an_unknown_protocol(viewed: Library) -> None:
    with pytest.raises(UmurlError, match="views has no protocol 'xsub': it has view"):
        evaluate_index(viewed, EvalRequest(protocol="xsub", device="cpu"))


# one-shot


def test_one_shot_fits_its_maps_on_the_base_classes_too(
    library: Library, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for setup in ("S001C003P008R001", "S001C001P001R001"):
        for action in (1, 2, 3, 7):
            name = f"{setup}A{action:03d}"
            (tmp_path / "shots").mkdir(exist_ok=True)
            np.save(tmp_path / "shots" / f"{name}.npy", make_clip(name))
    assert command("ingest", "ntu120", "--source", tmp_path / "shots").code == 0
    assert command("build-index", "ntu120", "--encoder", "e").code == 0
    fitted: list[list[int]] = []

    def watch(given: dict[str, Array], transform: Transform, **options: Any) -> Maps:
        fitted.append(options["rows"].tolist())
        return fit_maps(given, transform, **options)

    monkeypatch.setattr(knn_eval, "fit_maps", watch)
    request = EvalRequest(protocol="oneshot", query_modality="bone", device="cpu")
    assert evaluate_index(library, request)["gallery"] == 2
    names = open_protocol(library, None, "oneshot").columns.name
    assert [[names[row] for row in rows] for rows in fitted] == [[n for n in names if not is_asked(n)]]


def is_asked(name: str) -> bool:
    """Whether one-shot asks it: of a novel class, and not its exemplar."""
    return name[17:] in ("001", "007") and name[9:12] != "008"
