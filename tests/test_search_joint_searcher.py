"""Several indexes of one encoder asked together: against an oracle that asks each, and what cannot be compared."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Result, add_files
from documents import QUERY, read_document, table
from refusals import Refused, has, raises_typed
from serving import Client, npy, problem

from encoder.errors import UmurlError
from umurl_search.index.bridges_and_whitening import Transform
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.ingest.relabel import relabel
from umurl_search.library.library import Library
from umurl_search.search.joint_searcher import JointSearcher, open_searcher
from umurl_search.search.searcher import Searcher
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Result]
CLIP = f"mine:{QUERY}"
BOTH = ("--index", "mine@e", "--index", "other@e")


@pytest.fixture(scope="module")
def joint_root(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made library and a second dataset, `other`, of the same encoder; one index of each, and some unlike these."""
    root = tmp_path_factory.mktemp("joint")
    library = Library(Path(shutil.copytree(made / "library", root / "library")))
    (root / "clips").mkdir()
    add_files(root / "clips")
    ingest(library, Request(name="other", source=root / "clips"))
    for dataset in ("mine", "other"):
        build_index(library, BuildRequest(dataset=dataset, encoder="e", device="cpu"))
    build_index(library, BuildRequest(dataset="other", encoder="shipped", device="cpu"))
    half = Transform.parse("half-whiten:8")
    for dataset in ("mine", "other"):
        build_index(
            library,
            BuildRequest(dataset=dataset, encoder="e", transform=half, name=f"{dataset}-half", device="cpu"),
        )
    return root / "library"


@pytest.fixture
def joint(joint_root: Path, tmp_path: Path) -> Library:
    return Library(Path(shutil.copytree(joint_root, tmp_path / "library")))


def oracle(library: Library, clip: Any, *, k: int, **how: Any) -> list[tuple[float, str, str]]:
    """Each index asked alone for all that it has, all of that sorted."""
    found = []
    for name in ("mine@e", "other@e"):
        (answer,) = Searcher(library, name, device="cpu").search([clip], k=1000, **how)
        found += [(hit.score, name, hit.name) for hit in answer.hits]
    return sorted(found, key=lambda one: -one[0])[:k]


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"where": "camera = 1"},
        {"exclude_same_performance": True},
        {"modality": "joint", "against": "bone"},
    ],
)
@pytest.mark.parametrize("k", [1, 7, 500])
def test_the_best_of_all_is_what_each_has_sorted(joint: Library, k: int, how: dict[str, Any]) -> None:
    searcher = open_searcher(joint, ("mine@e", "other@e"), device="cpu")
    (answer,) = searcher.search([CLIP], k=k, **how)
    found = [(hit.score, hit.index, hit.name) for hit in answer.hits]
    assert found == oracle(joint, CLIP, k=k, **how)
    assert [hit.rank for hit in answer.hits] == list(range(1, len(found) + 1))
    assert answer.passing == sum(answer.passing_by_index.values())
    assert k < 500 or {hit.dataset for hit in answer.hits} == {"mine", "other"}


def test_equal_scores_come_in_the_order_of_the_indexes(joint: Library, tmp_path: Path) -> None:
    clip = make_clip("S001C001P007R001A001")[:, 0]
    for names in (("mine@e", "other@e"), ("other@e", "mine@e")):
        (answer,) = JointSearcher([Searcher(joint, name, device="cpu") for name in names]).search([clip], k=3)
        scores = [hit.score for hit in answer.hits]
        assert scores == sorted(scores, reverse=True)


def test_one_name_or_none_is_one_index(joint: Library) -> None:
    assert not isinstance(open_searcher(joint, ("mine@e",)), JointSearcher)
    assert open_searcher(joint, None).row["name"] == "other-half"
    assert open_searcher(joint, "mine@e").parts[0].row["name"] == "mine@e"


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (
            ("mine@e", "other@shipped"),
            r"other@shipped cannot be searched together with mine@e: encoder shipped \(",
        ),
        (("mine@e", "mine-half"), "transform half-whiten:8 there, none here"),
        (("mine@e", "gone"), "no index 'gone'"),
    ],
)
def test_what_cannot_be_compared_is_refused(joint: Library, names: tuple[str, ...], says: str) -> None:
    with raises_typed(says):
        open_searcher(joint, names, device="cpu")


def test_windows_beside_clips_are_refused(long: Library) -> None:
    build_index(long, BuildRequest(dataset="mine", encoder="e", device="cpu"))
    with raises_typed("rows windows there, whole clips here"):
        open_searcher(long, ("mine@e", "long@e+2.5s"), device="cpu")


def test_fitted_scores_are_said_to_compare_roughly(joint: Library, command: Command) -> None:
    told = command("query", CLIP, "--index", "mine-half", "--index", "other-half", "--json")
    (note,) = [one for one in told.json["query"]["notes"] if "roughly" in one]
    assert f"note: {note}" in told.err
    assert command("query", CLIP, *BOTH).err == ""
    assert "roughly" in command("query", CLIP, *BOTH, "--modality", "joint").err


# the command, batches, HTTP


def test_the_command_names_index_and_dataset_of_each_hit(joint: Library, command: Command) -> None:
    document = read_document(command("query", CLIP, *BOTH, "--k", 100, "--json"))
    assert [one["name"] for one in document["indexes"]] == ["mine@e", "other@e"]
    assert document["index"] == document["indexes"][0]
    assert {(hit["index"], hit["dataset"]) for hit in document["hits"]} == {
        ("mine@e", "mine"),
        ("other@e", "other"),
    }
    assert len(document["hits"]) == sum(one["passing"] for one in document["indexes"])
    commas = read_document(command("query", CLIP, "--index", "mine@e,other@e", "--k", 100, "--json"))
    assert commas["hits"] == document["hits"]
    shown = command("query", CLIP, *BOTH, "--k", 100).out
    assert "against mine@e, other@e (fused, transform none)" in shown
    assert "other:" in shown
    alone = read_document(command("query", CLIP, "--index", "mine@e", "--json"))
    assert alone["indexes"] == [alone["index"]]


def test_one_index_named_twice_is_wrong_usage(joint: Library, command: Command) -> None:
    told = command("query", CLIP, "--index", "mine@e", "--index", "mine@e")
    assert told.code == 2
    assert "--index: 'mine@e' is named twice" in told.err


def test_many_clips_ask_all_indexes(joint: Library, command: Command, tmp_path: Path) -> None:
    many = read_document(command("query", "other", *BOTH, "--k", 2, "--json"))
    assert [one["name"] for one in many["indexes"]] == ["mine@e", "other@e"]
    assert many["stored"] == many["answered"] > 0
    for one in many["queries"]:
        (alone,) = [read_document(command("query", one["query"]["clip"], *BOTH, "--k", 2, "--json"))["hits"]]
        assert [hit["name"] for hit in one["hits"]] == [hit["name"] for hit in alone]
        assert one["hits"][0]["is_query"] is True
    out = tmp_path / "hits.parquet"
    assert command("query", "other", *BOTH, "--k", 2, "--out", out).code == 0
    rows = table(out)
    assert {*rows["index"]} <= {"mine@e", "other@e"}
    assert sum(rows["is_query"]) == many["answered"]


def test_the_server_asks_several(joint: Library) -> None:
    with Client(joint) as client:
        asked = {"clip": CLIP, "indexes": ["mine@e", "other@e"], "k": 100}
        both = client.post("/api/query", json=asked).json()
        alone = client.post("/api/query", json={"clip": CLIP, "index": "mine@e", "k": 100}).json()
        body = npy(make_clip(QUERY)[:, 0])
        kind = {"Content-Type": "application/octet-stream"}
        path = "/api/query-file?name=x.npy&k=100&indexes=mine%40e&indexes=other%40e"
        sent = client.post(path, content=body, headers=kind).json()
        refused = client.post("/api/query", json={**asked, "index": "mine@e"})
        unlike = client.post("/api/query", json={**asked, "indexes": ["mine@e", "other@shipped"]})
        twice = client.post("/api/query", json={**asked, "indexes": ["mine@e", "mine@e"]})
    assert (
        {hit["index"] for hit in both["hits"]}
        == {hit["index"] for hit in sent["hits"]}
        == {"mine@e", "other@e"}
    )
    assert len(both["hits"]) > len(alone["hits"])
    assert both["hits"][0]["is_query"] is True
    assert not any(hit["is_query"] for hit in sent["hits"])
    assert "not both" in problem(refused, 422)
    assert "cannot be searched together" in problem(unlike, 400)
    assert "named twice" in problem(twice, 422)


# columns of one's own


@pytest.fixture
def told(joint: Library, tmp_path: Path) -> Library:
    """Clips of both datasets, of which some are said to have a mood, some of `mine` alone an age."""
    for dataset, text in (
        ("mine", f"name,Mood,age\n{QUERY},good,7\nS001C001P002R001A001,bad,8\n"),
        ("other", "name,mood,weight\n{},good,1.5\n"),
    ):
        with joint.read() as catalog:
            name = catalog.clips_of(dataset).name[0]
        (tmp_path / "l.csv").write_text(text.format(name))
        relabel(joint, dataset, tmp_path / "l.csv")
    return joint


@pytest.mark.parametrize(
    ("where", "n"),
    [
        ("mood = 'good'", {"mine": 1, "other": 1}),
        ("age = 7", {"mine": 1}),
        ("weight > 1 or age > 7", {"mine": 1, "other": 1}),
        ("age is null and weight is null", {"mine": 58, "other": 5}),
    ],
)
def test_a_column_that_only_some_have_is_null_elsewhere(
    told: Library, command: Command, where: str, n: dict[str, int]
) -> None:
    asked = ("query", CLIP, *BOTH, "--k", 100, "--where", where, "--json")
    hits = read_document(command(*asked))["hits"]
    assert {name: sum(hit["dataset"] == name for hit in hits) for name in n} == n
    assert len(hits) == sum(n.values())


def test_columns_that_only_some_have_are_shown(told: Library, command: Command, tmp_path: Path) -> None:
    asked = ("query", CLIP, *BOTH, "--k", 100, "--where", "mood = 'good'")
    hits = read_document(command(*asked, "--show", "AGE,weight,mood,people", "--json"))["hits"]
    assert [(hit["dataset"], hit["age"], hit["weight"], hit["Mood"]) for hit in hits] == [
        ("mine", 7, None, "good"),
        ("other", None, 1.5, "good"),
    ]
    assert {hit["people"] for hit in hits} == {1}
    for suffix in ("csv", "parquet", "jsonl"):
        out = tmp_path / f"o.{suffix}"
        assert command(*asked, "--show", "Age,weight", "--out", out).code == 0
    assert table(tmp_path / "o.parquet")["age"][0] == 7
    assert "None" not in (tmp_path / "o.csv").read_text()
    shown = command(*asked, "--show", "age,weight")
    assert "None" not in shown.out


def test_columns_that_no_dataset_has_are_refused_with_the_datasets(told: Library, refused: Refused) -> None:
    has(refused("query", CLIP, *BOTH, "--where", "height = 1"), "of datasets mine, other")
    has(refused("query", CLIP, *BOTH, "--show", "height"), "no column 'height' to show in mine or other")
    has(refused("query", CLIP, *BOTH, "--show", "height", "--where", "age = 99"), "no column 'height'")
    has(refused("query", CLIP, "--index", "mine@e", "--show", "weight"), "to show in mine")


def test_negative_filters_on_what_is_null_are_noted(told: Library, command: Command) -> None:
    note = "note: age is not known of 64 clips; `is distinct from` keeps them"
    assert note in command("query", CLIP, *BOTH, "--where", "age <> 7").err


# how clips are read


@pytest.fixture
def unlike(joint: Library, tmp_path: Path) -> Library:
    """With an index of clips in millimetres, and one of clips that were turned upright."""
    (tmp_path / "clips").mkdir()
    for i in range(3):
        clip = make_clip(f"S001C001P00{i + 1}R001A004")[:, 0]
        np.save(tmp_path / "clips" / f"{i}.npy", 1000 * clip)
    for name, how in (("mm", {"scale": 0.001}), ("turned", {"scale": 0.001, "upright": True})):
        ingest(joint, Request(name=name, source=tmp_path / "clips", **how))  # type: ignore[arg-type]
        build_index(joint, BuildRequest(dataset=name, encoder="e", device="cpu"))
    return joint


def test_a_file_that_indexes_read_otherwise_asks_how_it_is(
    unlike: Library, command: Command, refused: Refused, tmp_path: Path
) -> None:
    path = tmp_path / "clips" / "0.npy"
    both = ("--index", "mine@e,mm@e")
    line = refused("query", path, *both)
    has(line, "index mm@e would read it with scale 0.001, mine@e with scale 1.0")
    has(line, "say the clip's own with --scale")
    hits = read_document(command("query", path, *both, "--scale", 0.001, "--json"))["hits"]
    assert hits[0]["score"] > 0.999
    assert command("query", CLIP, *both).code == 0
    assert command("query", "mm:0", *both).code == 0
    with Client(unlike) as client:
        kind = {"Content-Type": "application/octet-stream"}
        sent = "/api/query-file?name=x.npy&indexes=mine%40e&indexes=mm%40e"
        told = client.post(sent, content=path.read_bytes(), headers=kind)
        assert "would read it with scale 0.001" in problem(told, 400)
        assert client.post(f"{sent}&scale=0.001", content=path.read_bytes(), headers=kind).status_code == 200


def test_indexes_of_clips_that_are_turned_otherwise_are_refused(unlike: Library) -> None:
    with raises_typed("clips turned upright there, as they were recorded here"):
        open_searcher(unlike, ("mm@e", "turned@e"), device="cpu")


# changes


def test_what_goes_meanwhile_is_said(joint: Library, command: Command) -> None:
    searcher = open_searcher(joint, ("mine@e", "other@e"), device="cpu")
    assert searcher.is_current
    assert command("delete", "index:other@e").code == 0
    assert not searcher.is_current
    with pytest.raises(UmurlError, match="no index 'other@e'"):
        searcher.search([CLIP])
