"""Queries of one dataset in the gallery of another: figures by hand, matched actions, what is refused or told."""

import json
import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Result
from numpy.typing import NDArray

from encoder.errors import UmurlError
from umurl_search.evaluation import cross_dataset
from umurl_search.evaluation.cross_dataset import ActionMap, match_actions, read_action_map
from umurl_search.evaluation.knn_eval import EvalRequest, evaluate_index, evaluate_matrix
from umurl_search.index.bridges_and_whitening import Transform, fit_maps
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.index.index import Index
from umurl_search.index.open_index import ProtocolView
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.library import Library
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Result]
Labels = NDArray[np.int64]
THEIRS = {3: 1, 7: 5, 9: 10, 50: 23, 60: 28, 100: 2}
"""Action ids of `theirs` -> the ids of the made-up actions that they are."""
MAPPED = {3: 1, 7: 5, 9: 10, 50: 23, 60: 99}
"""What the file says: 100 has no counterpart, and no clip of `mine` is of action 99."""
SHARED_KEYS = ("accuracy", "recall_at", "map", "mrr", "ranked", "per_class", "gallery", "queries", "bridge")


def write_theirs(folder: Path) -> list[str]:
    """36 clips with ids of their own: 6 actions, subjects 5 and 6, three cameras."""
    folder.mkdir()
    names = []
    for given, real in THEIRS.items():
        for subject in (5, 6):
            for camera in (1, 2, 3):
                where = f"S003C{camera:03d}P{subject:03d}R001"
                names.append(f"{where}A{given:03d}")
                np.save(folder / f"{names[-1]}.npy", make_clip(f"{where}A{real:03d}"))
    return names


@pytest.fixture(scope="module")
def crossed_root(indexed_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`mine@e` and `mine-white` to search, `theirs@e` to ask with (built last), the map of actions."""
    root = tmp_path_factory.mktemp("crossed")
    shutil.copytree(indexed_root, root / "library")
    library = Library(root / "library")
    names = write_theirs(root / "theirs")
    parts = {
        "xsub": {"train": [n for n in names if "P005" in n], "test": [n for n in names if "P006" in n]},
        "all": {"test": names},
        "odd": {"train": [n for n in names if "A100" not in n], "test": [n for n in names if "A100" in n]},
    }
    (root / "splits.json").write_text(json.dumps(parts))
    ingest(library, Request(name="theirs", source=root / "theirs", splits=root / "splits.json"))
    white = Transform.parse("half-whiten:10")
    build_index(
        library, BuildRequest(dataset="mine", encoder="e", name="mine-white", transform=white, device="cpu")
    )
    build_index(library, BuildRequest(dataset="theirs", encoder="e", device="cpu"))
    lines = ["# theirs\tmine", "", *(f"{query}\t{gallery}" for query, gallery in MAPPED.items())]
    (root / "map.tsv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture
def crossed(crossed_root: Path) -> Library:
    """To read only; `copied` is one to work on, where the commands look for it."""
    return Library(crossed_root / "library")


@pytest.fixture
def copied(crossed_root: Path, tmp_path: Path) -> Library:
    shutil.copytree(crossed_root / "library", tmp_path / "library")
    return Library(tmp_path / "library")


@pytest.fixture
def action_map(crossed_root: Path) -> Path:
    return crossed_root / "map.tsv"


def read_embeddings(library: Library, index: str, dataset: str) -> tuple[dict[str, Any], list[str], Labels]:
    opened = Index(library.index_folder(index))
    with library.read() as catalog:
        columns = catalog.clips_of(dataset)
    return {m: np.array(opened.embeddings(m)) for m in opened.modalities}, columns.name, columns.label


@pytest.mark.parametrize("index", ["mine@e", "mine-white"])
@pytest.mark.parametrize("bridge", [True, False])
@pytest.mark.parametrize("pair", [("fused", "fused"), ("bone", "fused"), ("joint", "motion")])
def test_figures_are_those_by_hand(
    index: str, bridge: bool, pair: tuple[str, str], crossed: Library, action_map: Path
) -> None:
    held, names, labels = read_embeddings(crossed, index, "mine")
    asked, query_names, query_labels = read_embeddings(crossed, "theirs@e", "theirs")
    train = np.array([i for i, name in enumerate(names) if int(name[9:12]) % 2])
    answerable = {query - 1: gallery - 1 for query, gallery in MAPPED.items() if gallery != 99}
    test = [i for i, n in enumerate(query_names) if "P006" in n and query_labels[i] in answerable]
    maps = fit_maps(
        {m: y[train] for m, y in held.items()}, Transform.parse("none" if "@" in index else "half-whiten:10")
    )
    bridged = bridge and pair[0] != pair[1]
    gallery = maps.gallery(pair[1], bridged=bridged)(held[pair[1]][train]).astype(np.float64)
    queries = maps.query(*pair, bridged=bridged)(asked[pair[0]][test]).astype(np.float64)
    wanted = [answerable[query_labels[i]] for i in test]
    order = [np.argsort(-(gallery @ query), kind="stable") for query in queries]
    ranked = [labels[train][one].tolist() for one in order]
    request = EvalRequest(
        index=index,
        queries="theirs@e",
        action_map=action_map,
        query_modality=pair[0],
        gallery_modality=pair[1],
        bridge=bridge,
        device="cpu",
    )
    document = evaluate_index(crossed, request)
    assert document["accuracy"] == np.mean([r[0] == w for r, w in zip(ranked, wanted, strict=True)])
    for k in (1, 5, 10):
        share = np.mean([w in r[:k] for r, w in zip(ranked, wanted, strict=True)])
        assert document["recall_at"][str(k)] == pytest.approx(share)
    first = [1 / (1 + r.index(w)) for r, w in zip(ranked, wanted, strict=True)]
    assert document["mrr"] == pytest.approx(np.mean(first))
    assert (document["bridge"], document["gallery"], document["queries"]) == (bridged, 30, len(test))
    assert document["left_out"] == {"no counterpart": 3, "action not in the gallery": 3}
    assert [row["label"] for row in document["per_class"]] == sorted(set(wanted))


def test_the_document_says_who_asked(crossed: Library, action_map: Path) -> None:
    request = EvalRequest(queries="theirs@e", query_protocol="all", action_map=action_map, k=3, device="cpu")
    document = evaluate_index(crossed, request)
    said = {key: document[key] for key in ("index", "dataset", "protocol", "encoder", "transform", "k")}
    assert said == {
        "index": "mine-white",
        "dataset": "mine",
        "protocol": "xsub",
        "encoder": "e",
        "transform": "half-whiten:10",
        "k": 3,
    }
    asking = {key: document[key] for key in ("query_index", "query_dataset", "query_protocol", "actions")}
    assert asking == {
        "query_index": "theirs@e",
        "query_dataset": "theirs",
        "query_protocol": "all",
        "actions": str(action_map),
    }
    assert document["queries"] + sum(document["left_out"].values()) == 36
    assert document["seen"] == {"queries": 0, "gallery": 30}
    assert document["warnings"] == ["encoder e was trained on 30 of the 30 gallery clips and on no query"]


def test_asking_an_index_with_its_own_queries_is_plain_evaluation(crossed: Library) -> None:
    own = evaluate_index(crossed, EvalRequest(index="mine@e", query_modality="bone", device="cpu"))
    request = EvalRequest(index="mine@e", queries="mine@e", query_modality="bone", device="cpu")
    across = evaluate_index(crossed, request)
    assert {key: across[key] for key in SHARED_KEYS} == {key: own[key] for key in SHARED_KEYS}
    assert (across["actions"], across["left_out"]) == ("one list", {})
    assert "query_index" not in own
    excluding = EvalRequest(index="mine@e", exclude_same_performance=True, device="cpu")
    both = (
        evaluate_index(crossed, excluding),
        evaluate_index(crossed, EvalRequest(**{**vars(excluding), "queries": "mine-white"})),
    )
    assert both[0]["map"] == both[1]["map"]


def test_an_action_of_test_clips_only_is_not_in_the_gallery(crossed: Library) -> None:
    request = EvalRequest(
        index="theirs@e", protocol="odd", queries="theirs@e", query_protocol="all", device="cpu"
    )
    document = evaluate_index(crossed, request)
    assert (document["queries"], document["gallery"]) == (30, 30)
    assert document["left_out"] == {"action not in the gallery": 6}


def test_the_matrix_holds_the_figures_of_its_pairs(crossed: Library, action_map: Path) -> None:
    request = EvalRequest(queries="theirs@e", action_map=action_map, device="cpu")
    matrix = evaluate_matrix(crossed, request)
    assert matrix["left_out"] == {"no counterpart": 3, "action not in the gallery": 3}
    for pair in (("joint", "fused"), ("fused", "fused"), ("motion", "bone")):
        one = EvalRequest(**{**vars(request), "query_modality": pair[0], "gallery_modality": pair[1]})
        assert matrix["matrix"][pair[0]][pair[1]] == evaluate_index(crossed, one)["accuracy"]


# actions


def test_lists_that_are_one() -> None:
    labels = np.array([0, 59, 60, 119])
    for pair in (("ntu60", "ntu120"), ("ntu120", "ntu60"), ("pku-mmd-1", "pku-mmd-2"), ("own", "own")):
        matched = match_actions(*pair, None)
        assert (matched.source, matched(labels).tolist()) == ("one list", labels.tolist())


@pytest.mark.parametrize("gallery", ["ntu60", "ntu120"])
@pytest.mark.parametrize("queries", ["pku-mmd-1", "pku-mmd-2"])
def test_pku_mmd_goes_to_the_closest_of_ntu(queries: str, gallery: str) -> None:
    listing = (
        (files("umurl_search.datasets") / "actions" / "pku51.tsv")
        .read_text(encoding="utf-8")
        .splitlines()[1:]
    )
    wanted = [int(line.split("\t")[2]) - 1 for line in listing]
    matched = match_actions(queries, gallery, None)
    assert matched(np.arange(51)).tolist() == wanted
    assert matched.source == "pku51 to the closest of ntu120"
    assert matched(np.array([7, 5])).tolist() == [0, 9]  # drink water is A1, clapping A10


@pytest.mark.parametrize(
    ("queries", "gallery"),
    [("ntu60", "pku-mmd-1"), ("utd-mhad", "ntu60"), ("own", "other"), ("own", "ntu60")],
)
def test_lists_that_nobody_matched(queries: str, gallery: str) -> None:
    with pytest.raises(UmurlError) as told:
        match_actions(queries, gallery, None)
    assert told.value.typed == (
        f"how the actions of {queries} match those of {gallery} is not known; known are ntu60 and ntu120, "
        "pku-mmd-1 and pku-mmd-2, and queries of pku-mmd-1 or pku-mmd-2 in ntu60 or ntu120; give --action-map "
        "FILE.tsv (query label id, gallery label id)"
    )


def test_a_file_comes_first(action_map: Path) -> None:
    matched = match_actions("ntu60", "ntu120", action_map)
    assert matched(np.array([2, 6, 99, 59])).tolist() == [0, 4, -1, 98]
    assert ActionMap(source="", pairs={0: 1, 2: 1})(np.array([2, 0, 1])).tolist() == [1, 1, -1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1\t2\n1\t3\n", "line 2 maps action 1 a second time"),
        ("# nothing\n\n", "it is empty"),
        ("1\t2\n0\t1\n", "line 2 is '0\\t1'"),
        ("1\t2\t3\n", "line 1 is '1\\t2\\t3'"),
        ("bow\t35\n", "line 1 is 'bow\\t35'"),
        ("1\t-2\n", "line 1 is '1\\t-2'"),
        ("1\t²\n", "line 1 is '1\\t²'"),
    ],
)
def test_a_file_that_is_no_map(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "map.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UmurlError) as told:
        read_action_map(path)
    assert told.value.typed.startswith(f"{path}: not a map of actions ({said})")
    with pytest.raises(UmurlError, match=r"not a map of actions .*No such file"):
        read_action_map(tmp_path / "absent.tsv")


# made alike


def make_view(name: str, **manifest: Any) -> ProtocolView:
    """An index of which only the manifest is known."""
    index = Index(Path(name))
    made = {"encoder": "e", "encoder_hash": "1" * 64, "pipeline": {"frames": 64, "centre": 1}}
    vars(index)["manifest"] = {**made, **manifest}
    row = {"name": name, "dataset": name.upper()}
    return ProtocolView(index=index, row=row, columns=None, split=None)  # type: ignore[arg-type]


def test_indexes_must_be_made_alike() -> None:
    cross_dataset._require_made_alike(
        make_view("a"), make_view("b", dataset="another", transform="half-whiten:4")
    )
    cross_dataset._require_made_alike(make_view("a", encoder="the same by another name"), make_view("b"))
    with pytest.raises(
        UmurlError, match=r"\(encoder e \(weights 22222222\) there, e \(weights 11111111\) here\)"
    ):
        cross_dataset._require_made_alike(make_view("a", encoder_hash="2" * 64), make_view("b"))
    with pytest.raises(UmurlError) as told:
        cross_dataset._require_made_alike(
            make_view(
                "a", encoder="f", encoder_hash="2" * 64, pipeline={"frames": 32, "centre": 1, "new": True}
            ),
            make_view("b"),
        )
    assert told.value.typed == (
        "index a cannot be used as queries for index b: they were built with different encoders or preprocessing "
        "(encoder f (weights 22222222) there, e (weights 11111111) here; frames: 32 there, 64 here; "
        "new: True there, None here): "
        "umurl-search build-index A --encoder e"
    )


def test_another_encoder_is_refused(copied: Library, command: Command) -> None:
    assert command("build-index", "theirs", "--encoder", "shipped").code == 0
    refused = command("knn-eval", "--queries", "theirs@shipped", "--index", "mine@e")
    assert (refused.code, refused.out) == (1, "")
    assert "index theirs@shipped cannot be used as queries for index mine@e: " in refused.err
    assert "encoder shipped (weights " in refused.err
    assert refused.err.endswith("umurl-search build-index theirs --encoder e\n")


# the command


def test_the_command(copied: Library, action_map: Path, command: Command) -> None:
    asked = ("knn-eval", "--queries", "theirs@e", "--action-map", action_map)
    shown = command(*asked)
    assert shown.code == 0
    assert "mine xsub, encoder e, index mine-white: 12 queries, gallery of 30" in shown.out
    assert f"asked by theirs xsub, index theirs@e; actions: {action_map}" in shown.out
    assert "queries left out: 3 no counterpart, 3 action not in the gallery" in shown.out
    assert shown.err == "note: encoder e was trained on 30 of the 30 gallery clips and on no query\n"
    document = command(*asked, "--json").json
    assert (
        document["accuracy"]
        == evaluate_index(copied, EvalRequest(queries="theirs@e", action_map=action_map, device="cpu"))[
            "accuracy"
        ]
    )
    matrix = command(*asked, "--matrix")
    assert (matrix.code, "asked by theirs xsub" in matrix.out) == (0, True)


def test_what_the_command_refuses(
    copied: Library, action_map: Path, command: Command, tmp_path: Path
) -> None:
    def problem(*arguments: object, code: int = 1) -> str:
        told = command("knn-eval", *arguments)
        assert (told.code, told.out) == (code, ""), told
        return told.err

    with_map = ("--action-map", action_map)
    assert "how the actions of theirs match those of mine is not known" in problem("--queries", "theirs@e")
    assert "go with --queries" in problem(*with_map, code=2)
    assert "go with --queries" in problem("--query-protocol", "xsub", code=2)
    assert "no index 'other'; there are" in problem("--queries", "other")
    assert "theirs has no protocol 'xview': it has all, odd, xsub" in problem(
        "--queries", "theirs@e", "--query-protocol", "xview", *with_map
    )
    assert "theirs all: 0 gallery clips and 36 queries" in problem(
        "--queries", "mine@e", "--index", "theirs@e", "--protocol", "all", *with_map
    )
    assert (
        "theirs odd: no query has an action that the gallery of mine xsub holds (6 no counterpart); choose"
        in problem("--queries", "theirs@e", "--query-protocol", "odd", *with_map)
    )
    assert "theirs and mine hold different recordings, nothing is in both" in problem(
        "--queries", "theirs@e", "--exclude-same-performance", *with_map
    )
    for index in ("mine@e", "mine-white"):
        assert command("delete", f"index:{index}").code == 0
    assert "no index but 'theirs@e' to search; there are theirs@e" in problem("--queries", "theirs@e")


# NTU-60 inside NTU-120


def test_recordings_that_differ_in_layout_are_told(copied: Library, action_map: Path) -> None:
    with copied.write() as catalog:
        catalog._con.execute("update datasets set layout = 'kinect-v1' where name = 'theirs'")
    document = evaluate_index(copied, EvalRequest(queries="theirs@e", action_map=action_map, device="cpu"))
    assert document["warnings"][-1] == (
        "the joints of theirs are kinect-v1, those of mine ntu25: figures include that difference"
    )
