"""The report's parts, from arrays up: mistakes, maps, pages, the commands behind them."""

import base64
import html
import re
import shlex
import sys
import types
from collections import Counter
from collections.abc import Callable
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
from conftest import Result
from numpy.typing import NDArray

from encoder.errors import UmurlError
from encoder.model import ModelConfig
from encoder.schedule import TrainConfig
from umurl_search.evaluation.confusion import Confusion, confusion, most_confused, wrong_neighbours
from umurl_search.evaluation.knn_eval import EvalRequest, evaluate_index, evaluate_matrix
from umurl_search.evaluation.modality_matrix import Retrieval, retrieve
from umurl_search.evaluation.projection import flatten, principal_axes, require, sample_rows
from umurl_search.index.bridges_and_whitening import LinearMap, Transform
from umurl_search.index.build import BuildRequest, build_index
from umurl_search.library import encoder_registry
from umurl_search.library.library import Library
from umurl_search.report import sections as report_sections
from umurl_search.report.commands import commands
from umurl_search.report.figures import Cloud, confusion_map, embedding_figure
from umurl_search.report.page import (
    Block,
    Commands,
    Page,
    Picture,
    Section,
    Table,
    Text,
    to_html,
    to_markdown,
)
from umurl_search.report.report import ReportRequest, write_report
from umurl_search.report.skeleton_drawings import add_drawings

RNG = np.random.default_rng(7)
EVIL = '<script>alert("1")</script> & $x$ | `*_'


def unit_rows(n: int, d: int = 6) -> NDArray[np.float32]:
    return LinearMap()(RNG.standard_normal((n, d)).astype(np.float32))


@pytest.fixture
def found(indexed: Library) -> Retrieval:
    return retrieve(indexed, index=None, protocol=None, device="cpu")


# mistakes, against slow and obvious counting


def test_confusion_counts_what_was_taken_for_what() -> None:
    wanted, predicted = RNG.choice([2, 3, 5, 11], size=200), RNG.choice([0, 3, 5, 11], size=200)
    counted = Counter(zip(wanted.tolist(), predicted.tolist(), strict=True))
    found = confusion(predicted, wanted)
    assert found.classes.tolist() == [0, 2, 3, 5, 11]
    for i, is_a in enumerate(found.classes.tolist()):
        for j, taken_for in enumerate(found.classes.tolist()):
            assert found.counts[i, j] == counted[is_a, taken_for]


def test_the_most_confused_pairs_come_first_and_ties_go_by_label() -> None:
    counts = np.array([[5, 2, 0], [3, 9, 2], [2, 0, 4]])
    pairs = most_confused(Confusion(classes=np.array([4, 6, 9]), counts=counts), 3)
    assert [(p.wanted, p.predicted, p.count, p.queries) for p in pairs] == [
        (6, 4, 3, 14),
        (4, 6, 2, 7),
        (6, 9, 2, 14),
    ]
    assert most_confused(confusion(np.array([1, 2]), np.array([1, 2])), 9) == []


def test_wrong_neighbours_are_those_of_a_search_by_hand() -> None:
    gallery, queries = unit_rows(40), unit_rows(25)
    labels, wanted = RNG.integers(0, 3, 40), RNG.integers(0, 3, 25)
    scores = queries.astype(np.float64) @ gallery.astype(np.float64).T
    nearest = scores.argmax(axis=1)
    expected = sorted(
        ((-scores[q, n], q, n) for q, n in enumerate(nearest.tolist()) if labels[n] != wanted[q]),
    )
    found = wrong_neighbours(queries, wanted, gallery, labels, nearest, most=8)
    assert 8 < len(expected) < 25
    assert [(one.query, one.neighbour) for one in found] == [(q, n) for _, q, n in expected[:8]]
    np.testing.assert_allclose([one.score for one in found], [-s for s, _, _ in expected[:8]], atol=1e-12)


# an index


def test_figures_are_those_of_knn_eval(indexed: Library, found: Retrieval) -> None:
    matrix = evaluate_matrix(indexed, EvalRequest(device="cpu"))["matrix"]
    assert {(q, g) for q in matrix for g in matrix} == set(found.figures)
    assert {pair: figures.accuracy for pair, figures in found.figures.items()} == {
        (q, g): matrix[q][g] for q in matrix for g in matrix
    }
    fused = evaluate_index(indexed, EvalRequest(device="cpu"))
    assert (found.main, found.own.mean_average_precision, found.own.mrr) == (
        "fused",
        fused["map"],
        fused["mrr"],
    )


def test_a_transform_is_that_of_knn_eval_too(indexed: Library) -> None:
    build_index(indexed, BuildRequest(dataset="mine", transform=Transform.parse("half-whiten:8"), name="w"))
    found = retrieve(indexed, index="w", protocol="xsub", device="cpu")
    assert found.queries.shape == (30, 8)
    expected = evaluate_index(indexed, EvalRequest(index="w", device="cpu"))["accuracy"]
    assert found.own.accuracy == expected


def test_wrong_neighbours_of_an_index_have_their_names_actions_and_scores(found: Retrieval) -> None:
    section = report_sections.neighbours(found)
    table = section.blocks[1]
    assert isinstance(table, Table)
    columns = found.opened.columns
    row_of = {name: i for i, name in enumerate(columns.name)}
    y = LinearMap()(np.asarray(found.opened.index.embeddings("fused"))).astype(np.float64)
    held = found.opened.split.gallery
    wrong = found.own.predicted != found.query_labels
    assert len(table.rows) == min(wrong.sum(), report_sections.MOST_NEIGHBOURS) > 0
    for score, query, is_a, neighbour, is_another in table.rows:
        q, n = row_of[query], row_of[neighbour]
        assert abs(float(score) - (y[held] @ y[q]).max()) < 1e-4
        assert abs(float(score) - y[n] @ y[q]) < 1e-4
        assert (
            is_a == found.action(int(columns.label[q])) != is_another == found.action(int(columns.label[n]))
        )
    assert f"{wrong.sum()} of 30 test clips" in section.blocks[0].text  # type: ignore[union-attr]


# maps of the embedding


def test_pca_keeps_what_svd_keeps() -> None:
    y = unit_rows(30, 9)
    points = principal_axes(y, 4)
    centred = y - y.mean(axis=0)
    _, values, _ = np.linalg.svd(centred.astype(np.float64))
    np.testing.assert_allclose(np.linalg.norm(points, axis=0), values[:4], rtol=1e-5)
    np.testing.assert_allclose(points.T @ points, np.diag(values[:4] ** 2), atol=1e-5)
    largest = np.abs(points).argmax(axis=0)
    assert (points[largest, range(4)] > 0).all()


def test_pca_of_a_single_dimension_has_a_flat_second() -> None:
    points = flatten(np.array([[1], [-1], [1]], dtype=np.float32), "pca")
    assert points.shape == (3, 2)
    assert not points[:, 1].any()


def test_tsne_keeps_groups_apart_and_comes_out_the_same_twice() -> None:
    centres = 8 * np.eye(3, 12)
    y = LinearMap()((np.repeat(centres, 20, axis=0) + RNG.standard_normal((60, 12))).astype(np.float32))
    points = flatten(y, "tsne")
    np.testing.assert_array_equal(points, flatten(y, "tsne"))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (distances.argmin(axis=1) // 20 == np.arange(60) // 20).all()


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_very_few_clips_are_drawn_too(n: int) -> None:
    points = flatten(unit_rows(n), "tsne")
    assert points.shape == (n, 2)
    assert np.isfinite(points).all()


def test_umap_is_asked_with_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    class UMAP:
        def __init__(self, **options: Any) -> None:
            asked.update(options)

        def fit_transform(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
            return points[:, :2]

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=UMAP))
    require("umap")
    assert flatten(unit_rows(10), "umap").shape == (10, 2)
    assert asked == {"n_neighbors": 9, "random_state": 0, "n_jobs": 1}


@pytest.mark.parametrize(
    ("method", "module", "package"),
    [("tsne", "sklearn.manifold", r'"umurl-search\[report\]"'), ("umap", "umap", '"umap-learn"')],
)
def test_a_missing_package_is_named(
    method: Any, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UmurlError, match=rf"--map {method} needs .* pip install {package}, or --map pca"):
        require(method)
    require("pca")


def test_a_sample_is_drawn_without_repeats_and_by_its_seed() -> None:
    assert sample_rows(5, 5, generator=np.random.default_rng(0)).tolist() == [0, 1, 2, 3, 4]
    drawn = [sample_rows(50, 10, generator=np.random.default_rng(s)).tolist() for s in (0, 0, 1)]
    assert len(set(drawn[0])) == 10
    assert drawn[0] == sorted(drawn[0]) == drawn[1] != drawn[2]


def test_a_sample_is_said_to_be_one(found: Retrieval, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_sections, "MOST_QUERIES", 7)
    (drawn,) = report_sections.embedding(found, "pca").blocks
    assert isinstance(drawn, Picture)
    assert "7 of the 30 test clips, drawn at random," in drawn.caption
    assert "all 30 gallery clips" in drawn.caption


# figures


def test_the_confusion_map_shows_shares_and_writes_counts() -> None:
    mixed = confusion(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]))
    axes = confusion_map(mixed, ["a$b$", "c"]).axes[0]
    np.testing.assert_allclose(np.asarray(axes.images[0].get_array()), np.array([[2 / 3, 1 / 3], [0, 1]]))
    assert {(t.get_position(), t.get_text()) for t in axes.texts} == {
        ((0, 0), "2"),
        ((1, 0), "1"),
        ((1, 1), "1"),
    }
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a$b$", "c"]
    assert not any(label.get_parse_math() for label in axes.get_xticklabels())


def test_many_classes_go_by_number() -> None:
    labels = np.arange(60)
    axes = confusion_map(confusion(labels, labels), [f"class {i}" for i in labels]).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [str(i) for i in range(0, 60, 5)]
    points = RNG.standard_normal((60, 2))
    cloud = Cloud(title="PCA", points=points, labels=labels, test=np.ones(60, dtype=bool))
    assert embedding_figure([cloud], {i: f"class {i}" for i in range(60)}).legends == []


def test_the_legend_names_each_class_by_its_own_colour() -> None:
    labels = np.array([4, 9, 4, 9])
    test = np.array([True, True, False, True])
    cloud = Cloud(title="PCA", points=np.arange(8.0).reshape(4, 2), labels=labels, test=test)
    figure = embedding_figure([cloud, cloud], {4: "run", 9: "sit"})
    grey, run, sit = figure.axes[0].collections
    assert [len(np.asarray(part.get_offsets())) for part in (grey, run, sit)] == [1, 1, 2]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["4  run", "9  sit"]
    shown = [handle.get_facecolor() for handle in legend.legend_handles]  # type: ignore[union-attr]
    np.testing.assert_array_equal(np.array(shown), np.array([run.get_facecolor(), sit.get_facecolor()]))


# pages


class _Texts(HTMLParser):
    """The tags and the words of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.words += data


def evil_page() -> Page:
    table = Table(columns=(EVIL, "n"), rows=[(EVIL, "1")], numbers=frozenset({"n"}), caption=EVIL)
    blocks: list[Block] = [
        Text(text=EVIL),
        Text(text=EVIL, warning=True),
        table,
        replace(table, folded=True),
        Picture(name="p", png=b"PNG", caption=EVIL),
        Commands(lines=[shlex.join(["ls", EVIL])]),
    ]
    return Page(title=EVIL, subtitle=EVIL, sections=[Section(title=EVIL, blocks=blocks)] * 2, foot=EVIL)


def test_nothing_said_on_a_page_is_markup() -> None:
    read = _Texts(to_html(evil_page()))
    assert "script" not in read.tags
    assert read.words.count(EVIL) == 6 + 2 * 11
    assert {address[:5] for address in read.addresses} == {"#scri", "data:"}


def test_nothing_said_in_markdown_is_markup() -> None:
    text = to_markdown(evil_page(), pictures={"p": "r-p.png"})
    outside = "".join(re.split(r"```+sh\n.*?\n```+", text, flags=re.DOTALL))
    assert not re.search(r"(?<!\\)<", outside)
    assert not re.search(r"(?<![\\ ])`", outside)
    rows = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {3}
    assert "](r-p.png)" in text
    assert "\n````sh\n" not in text


def test_a_fence_is_longer_than_what_it_holds() -> None:
    page = Page(title="t", sections=[Section(title="s", blocks=[Commands(lines=["echo '```'"])])])
    assert "````sh\necho '```'\n````" in to_markdown(page, pictures={})


def test_what_cannot_be_printed_is_shown_as_such() -> None:
    page = Page(title="a\x00b\udcffc", sections=[Section(title="", blocks=[Commands(lines=["ls '\udcff'"])])])
    for text in (to_html(page), to_markdown(page, pictures={})):
        assert "a�b�c" in text
        text.encode("utf-8")


# the report


def written(library: Library, out: Path, **options: Any) -> dict[str, Any]:
    return write_report(
        library, ReportRequest(out=out, map=options.pop("map", "pca"), device="cpu", **options)
    )


def undated(text: str) -> str:
    return re.sub(r"Written \d{4}-\d\d-\d\d \d\d:\d\d UTC", "Written then", text)


def test_a_page_asks_the_network_for_nothing_and_has_every_section(indexed: Library, tmp_path: Path) -> None:
    document = written(indexed, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    read = _Texts(page)
    kinds = ("#", "data:image/png;base64,", "data:image/svg+xml;base64,")
    assert all(address.startswith(kinds) for address in read.addresses)
    assert not re.search(r"https?://|@import|url\(", page)
    titles = [html.unescape(title) for title in re.findall(r"<h2 id=\"[a-z-]+\">([^<]+)</h2>", page)]
    assert (
        titles
        == document["sections"]
        == [
            "What was evaluated",
            "Retrieval",
            "Classes",
            "Confusion",
            "Nearest wrong neighbours",
            "Map of the embedding",
            "Training",
            "How it was made",
        ]
    )
    assert f"fused 1-NN accuracy {100 * document['accuracy']:.1f} %: 30 test clips, gallery of 30" in page


def test_the_same_index_gives_the_same_page_but_for_the_date(indexed: Library, tmp_path: Path) -> None:
    pages = []
    for _ in range(2):
        written(indexed, tmp_path / "r.html", map="tsne")
        pages.append(undated((tmp_path / "r.html").read_text(encoding="utf-8")))
    assert "Written then" in pages[0]
    assert pages[0] == pages[1]


def test_a_clip_named_like_a_tag_is_a_name(indexed: Library, tmp_path: Path) -> None:
    with indexed.write() as catalog:
        catalog._con.execute("update clips set name = '<script>' || name || '</script>'")
    written(indexed, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;S001C" in page


def test_test_clips_that_were_trained_on_are_warned_of(
    indexed: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder_registry, "overlap", lambda entry, dataset, names: len(names) - 1)
    document = written(indexed, tmp_path / "r.html")
    (warning,) = document["warnings"]
    assert warning.startswith("encoder e was trained on 29 of the 30 test clips of mine xsub")
    assert html.escape(warning) in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_markdown_has_its_pictures_beside_it(indexed: Library, tmp_path: Path) -> None:
    written(indexed, tmp_path / "r.md")
    text = (tmp_path / "r.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[.*\]\((.+)\)", text)
    assert {"r-classes.png", "r-confusion.png", "r-map.png", "r-neighbours.svg"} <= set(shown)
    starts = {".png": b"\x89PNG", ".svg": b"<svg xmlns="}
    assert all((tmp_path / name).read_bytes().startswith(starts[Path(name).suffix]) for name in shown)
    assert len(list(tmp_path.glob("r*"))) == len(shown) + 1


def drawn_pairs(page: str) -> ElementTree.Element:
    (coded,) = re.findall(r"data:image/svg\+xml;base64,([\w+/=]+)", page)
    return ElementTree.fromstring(base64.b64decode(coded))


def test_clips_taken_for_each_other_play_side_by_side(
    indexed: Library, found: Retrieval, tmp_path: Path
) -> None:
    written(indexed, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    table = report_sections.neighbours(found).blocks[1]
    assert isinstance(table, Table)
    said = [element.text for element in drawn_pairs(page).iter("{http://www.w3.org/2000/svg}text")]
    for i, (_, query, is_a, neighbour, is_another) in enumerate(table.rows[:4]):
        assert said[4 * i : 4 * i + 4] == [f"is: {is_a}", query, f"found: {is_another}", neighbour]
    assert len(said) == 4 * 4
    assert len(page) - len(re.sub(r"data:image/svg[^\"]+", "", page)) < 300_000


def test_nothing_in_the_drawn_names_is_markup(indexed: Library, tmp_path: Path) -> None:
    with indexed.write() as catalog:
        catalog._con.execute("update clips set name = '<script>\u202e' || name")
    written(indexed, tmp_path / "r.html")
    drawing = drawn_pairs((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert not [element for element in drawing.iter() if element.tag.endswith("script")]
    said = [element.text or "" for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert sum(text.startswith("<script>\ufffdS001C") for text in said) == 8


def test_a_report_without_mistakes_draws_none(found: Retrieval, indexed: Library) -> None:
    section = Section(title="t", blocks=[Text(text="none")])
    own = replace(found.own, neighbours=found.own.neighbours.copy())
    for q, label in enumerate(found.query_labels.tolist()):
        own.neighbours[q, 0] = np.flatnonzero(found.gallery_labels == label)[0]
    right = replace(found, figures={**found.figures, (found.main, found.main): own})
    assert add_drawings(section, indexed, right) is section
    assert len(add_drawings(section, indexed, found).blocks) == 2


def test_a_page_of_any_name_finds_its_pictures(indexed: Library, tmp_path: Path) -> None:
    written(indexed, tmp_path / "a (b) 100% é.md")
    text = (tmp_path / "a (b) 100% é.md").read_text(encoding="utf-8")
    for shown in re.findall(r"!\[.*\]\((.+)\)", text):
        assert (tmp_path / unquote(shown)).is_file()
        assert not set(shown) & set(" ()<>")


def test_marks_of_direction_are_not_printed() -> None:
    page = Page(title="a\u202egnp\u2066", sections=[])
    for text in (to_html(page), to_markdown(page, pictures={})):
        assert "a\ufffdgnp\ufffd" in text


def test_a_uni_modal_encoder_is_reported_once(library: Library, command: Callable[..., Result]) -> None:
    words = "train mine --preset tiny --epochs 1 --modalities bone --looks 0 --device cpu --as bones"
    assert command(*words.split()).code == 0
    assert command("build-index", "mine", "--encoder", "bones").code == 0
    found = retrieve(library, index=None, protocol=None, device="cpu")
    assert (found.modalities, found.main, list(found.figures)) == (("bone",), "bone", [("bone", "bone")])


def test_a_map_of_embeddings_that_coincide() -> None:
    for method in ("tsne", "pca"):
        np.testing.assert_array_equal(
            flatten(np.full((50, 6), 6**-0.5, np.float32), method), np.zeros((50, 2))
        )


def test_an_encoder_without_a_history_is_said_to_have_none(indexed: Library, found: Retrieval) -> None:
    (indexed.encoder("e") / "history.jsonl").unlink(missing_ok=True)
    (said,) = report_sections.training(found).blocks
    assert isinstance(said, Text)
    assert said.text == "There is no training history: it was trained by an earlier version."


def test_a_history_is_drawn(indexed: Library, found: Retrieval) -> None:
    line = '{"kind": "losses", "step": 1, "epoch": 0, "seconds": 1, "loss": 2.5}\n'
    (indexed.encoder("e") / "history.jsonl").write_text(line)
    (drawn,) = report_sections.training(found).blocks
    assert isinstance(drawn, Picture)
    assert drawn.caption.startswith("1 epoch, 1 step, contrastive tuning throughout.")


# the commands that made it


def lines_of(found: Retrieval, library: Library, *, linear: bool = False) -> list[str]:
    return commands(found, library=library.root, report=["--out", "r.html"], linear=linear)


def test_commands_are_quoted_and_in_order(indexed: Library, found: Retrieval) -> None:
    row = {**found.dataset, "source": "/data/my clips; rm -rf", "fps": 25.0}
    lines = lines_of(replace(found, dataset=row), indexed, linear=True)
    words = [shlex.split(line, comments=True) for line in lines]
    assert words[0] == ["export", f"UMURL_LIBRARY={indexed.root}"]
    assert [w[1] for w in words if w and w[0] == "umurl-search"] == [
        "ingest",
        "train",
        "build-index",
        *["knn-eval"] * 5,
        *["linear-eval"] * 4,
        "report",
    ]
    ingest = next(w for w in words if w[1:2] == ["ingest"])
    assert ingest[2:] == [
        "mine",
        "--source",
        "/data/my clips; rm -rf",
        "--format",
        "npy",
        "--layout",
        "ntu25",
        "--fps",
        "25.0",
    ]
    train = next(line for line in lines if " train " in line)
    assert train.startswith("umurl-search train mine --protocol xsub --preset tiny ")
    assert "--epochs 1 --batch-size 16 --learning-rate 0.002" in train
    assert train.endswith("--seed 0 --as e")
    assert "--width" not in train
    assert any(line == "# the library does not say its --splits FILE:" for line in lines)


def test_every_setting_of_a_training_is_an_option_of_train(command: Callable[..., Result]) -> None:
    shown = command("train", "--help").out
    settings = [field.name for config in (ModelConfig, TrainConfig) for field in fields(config)]
    options = {f"--{name.replace('_', '-')}" for name in settings if name != "max_seconds"}
    assert options <= set(re.findall(r"--[a-z-]+", shown))


def test_settings_that_are_not_the_presets_are_said(indexed: Library, found: Retrieval) -> None:
    config = found.entry.config
    model = {**config["model"], "width": 32, "modalities": ["joint", "bone"]}
    training = {**config["training"], "weight_decay": 0.5, "max_seconds": 9.0}
    changed = {**config, "model": model, "training": training, "processes": 2}
    lines = lines_of(replace(found, entry=replace(found.entry, config=changed)), indexed)
    (train,) = (line for line in lines if " train " in line)
    assert "--width 32 --modalities joint+bone --epochs 1 " in train
    assert "--weight-decay 0.5" in train
    assert "# (stopped after 9 s, as umurl-search demo does it)" in lines
    assert "# (by torchrun, in 2 processes)" in lines


def test_several_sources_are_named_by_the_folder_that_holds_them(indexed: Library, found: Retrieval) -> None:
    source = "/data/nturgb+d_skeletons, /data/nturgb+d_skeletons120"
    row = {**found.dataset, "name": "ntu120", "source": source, "format": "ntu-skeleton"}
    assert any(
        "ingest ntu120 --data /data " in line for line in lines_of(replace(found, dataset=row), indexed)
    )


def test_an_imported_encoder_is_imported_again(indexed: Library, found: Retrieval) -> None:
    config = {**found.entry.config, "origin": "imported", "file": "a b.pth.tar"}
    lines = lines_of(replace(found, entry=replace(found.entry, config=config)), indexed)
    assert any(
        line == "umurl-search import-encoder 'a b.pth.tar' --as e --for mine:xsub" for line in lines
    ), lines
