"""Which index is opened, and what a protocol of it serves: every one of every dataset known by name."""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from documents import QUERY, problem, read_document
from refusals import raises_typed

from encoder.errors import UmurlError
from umurl_search.datasets.protocols import DATASETS
from umurl_search.evaluation.knn_eval import EvalRequest, evaluate_index
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.index.open_index import open_index, open_protocol
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.library import Library
from umurl_search.maintenance.verify import verify
from umurl_search.synthetic.demo_corpus import make_clip

Sides = tuple[set[str], set[str]]
"""Names of the gallery's clips and of the queries."""
NTU60 = [
    f"S{setup:03d}C{camera:03d}P{subject:03d}R001A{action:03d}"
    for setup, camera, subject, action in itertools.product((1, 2), (1, 2, 3), (3, 8), (1, 60))
]
NTU120 = [
    f"S{setup:03d}C003P{subject:03d}R001A{action:03d}"
    for setup, subject, action in itertools.product((1, 18, 32), (3, 8, 45, 106), (1, 2, 61, 62))
]
PKU1 = ["0290-L", "0291-M", "0334-R", "0335-L", "0002-R", "0335-M"]
PKU2 = ["A01N01-L", "A01N02-M", "A01N03-R", "A01N07-L", "A02N08-R", "A02N04-M"]
NW_UCLA = [f"a{a:02d}_s01_e{e:02d}_v{v:02d}" for a, e, v in itertools.product((1, 2), (0, 1), (1, 2, 3))]
UTD = [f"a{a}_s{s}_t{t}" for a, s, t in itertools.product((1, 27), (1, 2, 3, 8), (1, 2))]
PKU_ACTIONS = (35, 8)
"""Actions of the two clips that each PKU-MMD recording is cut into."""
Command = Callable[..., Result]


def write_npy(folder: Path, names: list[str]) -> None:
    folder.mkdir()
    for i, name in enumerate(names):
        np.save(folder / f"{name}.npy", make_clip(f"S001C001P00{1 + i % 4}R001A00{1 + i % 5}"))


def write_pku(folder: Path, names: list[str]) -> None:
    """A recording a name, of two actions, one after another."""
    for part in ("data", "label"):
        (folder / part).mkdir(parents=True)
    for i, name in enumerate(names):
        frames = make_clip(f"S001C001P00{1 + i % 4}R001A001")[:60].reshape(60, 75)
        np.savetxt(folder / "data" / f"{name}.txt", np.pad(frames, ((0, 0), (0, 75))), fmt="%.4f")
        lines = [f"{action},{30 * j},{30 * j + 30},2" for j, action in enumerate(PKU_ACTIONS)]
        (folder / "label" / f"{name}.txt").write_text("\n".join(lines))


@pytest.fixture(scope="module")
def evaluated_root(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("protocols")
    shutil.copytree(made / "library", root / "library")
    library = Library(root / "library")
    corpora = {
        "ntu60": NTU60,
        "ntu120": NTU120,
        "pku-mmd-1": PKU1,
        "pku-mmd-2": PKU2,
        "nw-ucla": NW_UCLA,
        "utd-mhad": UTD,
    }
    for name, names in corpora.items():
        (write_pku if name.startswith("pku") else write_npy)(root / name, names)
        ingest(library, Request(name=name, source=root / name))
        build_index(library, BuildRequest(dataset=name, encoder="e", device="cpu"))
    return library.root


def split(names: list[str], in_gallery: Callable[[str], bool]) -> Sides:
    return {n for n in names if in_gallery(n)}, {n for n in names if not in_gallery(n)}


def clips_of(names: list[str]) -> list[str]:
    return [f"{name}_{i:03d}" for name in names for i in range(len(PKU_ACTIONS))]


EXEMPLARS = {"S001C003P008R001A001", "S018C003P008R001A061"}


NOVEL = {n for n in NTU120 if n.endswith(("A001", "A061"))}


SIDES: dict[tuple[str, str], Sides] = {
    ("ntu60", "xsub"): split(NTU60, lambda n: "P008" in n),
    ("ntu60", "xview"): split(NTU60, lambda n: "C001" not in n),
    ("ntu120", "xsub"): split(NTU120, lambda n: "P008" in n or "P045" in n),
    ("ntu120", "xset"): split(NTU120, lambda n: "S001" not in n),
    ("ntu120", "oneshot"): (EXEMPLARS, NOVEL - EXEMPLARS),
    ("pku-mmd-1", "xsub"): split(clips_of(PKU1), lambda n: n[:4] not in ("0291", "0334")),
    ("pku-mmd-1", "xview"): split(clips_of(PKU1), lambda n: "-L" not in n),
    ("pku-mmd-2", "xsub"): split(clips_of(PKU2), lambda n: n[3:6] not in ("N02", "N03", "N07")),
    ("pku-mmd-2", "xview"): split(clips_of(PKU2), lambda n: "-L" not in n),
    ("nw-ucla", "xview"): split(NW_UCLA, lambda n: "_v03" not in n),
    ("utd-mhad", "xsub"): split(UTD, lambda n: "_s1_" in n or "_s3_" in n),
}


def test_no_protocol_is_forgotten() -> None:
    """Those of whole recordings are in test_evaluation_localization.py."""
    known = {(d.name, protocol) for d in DATASETS.values() if not d.untrimmed for protocol in d.protocols}
    assert known - {("demo", "xsub"), ("demo", "xview")} == set(SIDES)


@pytest.mark.parametrize(("dataset", "protocol"), SIDES)
def test_a_protocol_is_served(dataset: str, protocol: str, evaluated_root: Path) -> None:
    library = Library(evaluated_root)
    gallery, queries = SIDES[dataset, protocol]
    assert gallery
    assert queries
    opened = open_protocol(library, f"{dataset}@e", protocol)
    assert set(opened.names(opened.split.gallery)) == gallery
    assert set(opened.names(opened.split.queries)) == queries
    request = EvalRequest(index=f"{dataset}@e", protocol=protocol, query_modality="bone", device="cpu")
    document = evaluate_index(library, request)
    stated = (document["dataset"], document["protocol"], document["gallery"], document["queries"])
    assert stated == (dataset, protocol, len(gallery), len(queries))
    labels = opened.columns.label[opened.split.queries].tolist()
    classes = [(row["label"], row["queries"]) for row in document["per_class"]]
    assert classes == [(label, labels.count(label)) for label in sorted(set(labels))]
    assert all(row["action"] for row in document["per_class"])
    right = sum(row["accuracy"] * row["queries"] for row in document["per_class"])
    assert document["accuracy"] == pytest.approx(right / len(queries))


def test_one_shot_is_fitted_on_exemplars_and_training_classes(evaluated_root: Path) -> None:
    opened = open_protocol(Library(evaluated_root), "ntu120@e", "oneshot")
    assert set(opened.names(opened.split.fitting)) == EXEMPLARS | (set(NTU120) - NOVEL)


@pytest.mark.parametrize(("dataset", "protocol"), [("ntu60", "xsub"), ("pku-mmd-2", "xview")])
def test_the_first_neighbour_decides(dataset: str, protocol: str, evaluated_root: Path) -> None:
    library = Library(evaluated_root)
    opened = open_protocol(library, f"{dataset}@e", protocol)
    y = opened.index.embeddings("fused").astype(np.float64)
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    gallery, queries, labels = opened.split.gallery, opened.split.queries, opened.columns.label
    right = [labels[q] == labels[gallery[np.argmax(y[gallery] @ y[q])]] for q in queries]
    document = evaluate_index(library, EvalRequest(index=f"{dataset}@e", protocol=protocol, device="cpu"))
    assert document["accuracy"] == pytest.approx(np.mean(right))


@pytest.mark.parametrize("words", ["query clip.npy --modality bone", "knn-eval"])
def test_without_an_index_the_next_step_is_told(words: str, command: Command) -> None:
    assert "holds no index yet: umurl-search demo\n" in problem(command(*words.split()), 1)


def test_the_index_built_last_is_asked(indexed: Library, command: Command) -> None:
    words = "build-index mine --transform half-whiten:8 --modalities all --as last --json"
    built = read_document(command(*words.split()))
    assert (built["index"], built["transform"], len(built["modalities"])) == ("last", "half-whiten:8", 7)
    assert read_document(command("query", f"mine:{QUERY}", "--json"))["index"]["name"] == "last"
    assert read_document(command("knn-eval", "--json"))["index"] == "last"
    assert read_document(command("knn-eval", "--index", "mine@e", "--json"))["index"] == "mine@e"


def test_one_shot_has_a_gallery_of_exemplars(library: Library, command: Command, tmp_path: Path) -> None:
    source = tmp_path / "shots"
    source.mkdir()
    exemplars = {f"S001C003P008R001A{a:03d}" for a in (1, 7, 13)}
    others = {f"S001C001P00{p}R001A{a:03d}" for p in (1, 2) for a in (1, 7, 13)}
    base = {f"S001C001P00{p}R001A{a:03d}" for p in (1, 2) for a in (2, 3)}
    for name in exemplars | others | base:
        np.save(source / f"{name}.npy", make_clip(name))
    assert command("ingest", "ntu120", "--source", source).code == 0
    assert command("build-index", "ntu120", "--encoder", "e").code == 0
    document = command("knn-eval", "--protocol", "oneshot", "--query-modality", "bone", "--json").json
    assert (document["gallery"], document["queries"], document["ranked"]) == (3, 6, 6)
    assert [row["label"] for row in document["per_class"]] == [0, 6, 12]
    assert document["recall_at"]["5"] == 1
    opened = open_protocol(library, None, "oneshot")
    names = opened.columns.name
    assert {names[i] for i in opened.split.gallery} == exemplars
    assert {names[i] for i in opened.split.queries} == others
    assert {names[i] for i in opened.split.fitting} == exemplars | base


def test_one_shot_without_exemplars_has_no_gallery(
    library: Library, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "shots").mkdir()
    for name in ("S001C001P001R001A001", "S001C001P001R001A002"):
        np.save(tmp_path / "shots" / f"{name}.npy", make_clip(name))
    assert command("ingest", "ntu120", "--source", tmp_path / "shots").code == 0
    assert command("build-index", "ntu120", "--encoder", "e").code == 0
    with pytest.raises(
        UmurlError, match=r"^ntu120 oneshot: 0 gallery clips and 1 queries are in the library"
    ):
        evaluate_index(library, EvalRequest(protocol="oneshot", device="cpu"))


def test_an_index_of_other_clips_than_the_catalogs_is_not_opened(indexed: Library) -> None:
    with indexed.write() as catalog:
        catalog._con.execute("update clips set id = 1000 where id = (select max(id) from clips)")
    with raises_typed(r"^index mine@e and the catalog disagree: umurl-search verify$"):
        open_index(indexed, "mine@e")
    said = f"{indexed.index_folder('mine@e')}: its clip ids are not those of the catalog"
    assert any(problem.startswith(said) for problem in verify(indexed))
