"""What is declared in one place works everywhere: a file format, a joint layout, a metric, choices of options.

Guards readers/formats.py, encoder/joint_layouts.py, evaluation/metrics.py, search/options.py.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from conftest import Result
from serving import Client, finish_job

from encoder.joint_layouts import LAYOUTS
from encoder.options import options_of
from encoder.skeleton import JOINTS
from umurl_search.evaluation.knn_eval import EvalRequest, evaluate_index
from umurl_search.evaluation.metrics import RANKING_METRICS, Ranking, RankingMetric
from umurl_search.evaluation.retrieval_results import KnnFigures
from umurl_search.index.faiss_kinds import KINDS
from umurl_search.index.kind_names import Kind
from umurl_search.library.library import Library
from umurl_search.readers.formats import FORMATS
from umurl_search.search.options import ClipFileOptions, SearchOptions
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Result]
ROOT = Path(__file__).parents[1]

READER = """
import json
import numpy as np
from umurl_search.readers.build_clip import FileClip, make_clip
from umurl_search.readers.file_per_clip import FilePerClip

class ToyReader(FilePerClip):
    format, suffix, layout = "toy", ".toy", "toy17"

    def load(self, place):
        return make_clip(place.name, read(place.path), source=place.source)

def read(path):
    return np.array(json.loads(path.read_text()), dtype=np.float32)

def open_toy(roots, options):
    return ToyReader(roots)

def read_toy(path, how):
    return FileClip(read(path), layout="toy17")
"""
FORMAT = """
from umurl_search.readers import toy
FORMATS["toy"] = Format(
    open=toy.open_toy,
    suffix=".toy",
    is_file=Path.is_file,
    has_recording_files=True,
    is_clip_a_file=True,
    read_clip=toy.read_toy,
)
"""
LAYOUT = {
    "name": "toy17",
    "joints": [f"j{joint}" for joint in range(17)],
    "ntu25": {name: f"j{min(joint, 16)}" for joint, name in enumerate(JOINTS)},
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources with a format of one's own, seventeen joints in JSON: a reader, a layout file, and a row for each."""
    root = tmp_path_factory.mktemp("checkout")
    for room in ("umurl_search", "encoder", "cli"):
        shutil.copytree(ROOT / room, root / room, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "umurl_search/readers/toy.py").write_text(READER)
    with open(root / "umurl_search/readers/formats.py", "a") as formats:
        formats.write(FORMAT)
    layouts = root / "encoder/joint_layouts.py"
    before = layouts.read_text()
    layouts.write_text(before.replace('"rig"', '"rig", "toy17"'))
    (root / "encoder/layouts/toy17.json").write_text(json.dumps(LAYOUT))
    assert layouts.read_text() != before
    return root


@pytest.fixture
def own(checkout: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command of that checkout, or a program."""

    def call(*words: object, program: str | None = None) -> subprocess.CompletedProcess[str]:
        shared = ["--library", str(tmp_path / "library"), "--device", "cpu"]
        run = ["-c", program] if program else ["-m", "cli", *map(str, words), *shared]
        return subprocess.run([sys.executable, *run], capture_output=True, text=True, cwd=checkout)

    return call


@pytest.fixture
def toys(tmp_path: Path) -> Path:
    folder = tmp_path / "toys"
    folder.mkdir()
    for name in ("a", "b", "c"):
        frames = make_clip(f"S001C001P00{ord(name) - 96}R001A010")[:, :, :17]
        (folder / f"{name}.toy").write_text(json.dumps(frames.tolist()))
    return folder


Own = Callable[..., subprocess.CompletedProcess[str]]


def test_a_format_and_a_layout_of_ones_own_are_ingested_indexed_and_asked(own: Own, toys: Path) -> None:
    told = own("ingest", "toys", "--source", toys, "--json")
    assert told.returncode == 0, told.stderr
    ingest = json.loads(told.stdout)
    assert (ingest["format"], ingest["used"]) == ("toy", 3)
    assert any("layout toy17: 8 of the 25 joints" in note for note in ingest["notes"])
    assert own("build-index", "toys").returncode == 0
    hit = json.loads(own("query", toys / "b.toy", "--k", 1, "--json").stdout)["hits"][0]
    assert (hit["name"], hit["score"]) == ("b", pytest.approx(1, abs=1e-5))
    many = json.loads(own("query", toys, "--json").stdout)
    assert (many["answered"], many["left_out"]) == (3, [])


def test_they_are_choices_and_are_said_where_something_else_came(own: Own, tmp_path: Path) -> None:
    shown = "".join(own("ingest", "x", "--help").stdout.split())
    assert f"<{'|'.join(FORMATS)}|toy>" in shown
    names = [row["name"] for row in json.loads(own("layouts", "--json").stdout)["layouts"]]
    assert names == [*LAYOUTS, "toy17"]
    (tmp_path / "empty").mkdir()
    told = own("ingest", "x", "--source", tmp_path / "empty")
    assert told.stderr.rstrip().endswith(f"known formats are {', '.join(FORMATS)}, toy")
    assert (
        ".npy, .npz, .mat, .csv, .tsv, .skeleton, .txt, .json, .bvh, .c3d, .pose or .toy file"
        in own("render", "clip", "--out", tmp_path / "a.svg").stderr
    )


def test_the_server_takes_them_and_tells_the_page(own: Own) -> None:
    told = own(
        program="from umurl_search.readers.formats import clip_suffixes\n"
        "from umurl_search.serve.schemas import FileOptions\n"
        "print(clip_suffixes()[-1], FileOptions(name='a.toy', layout='toy17').layout)"
    )
    assert told.stdout.split() == [".toy", "toy17"], told.stderr


@pytest.fixture
def first_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    """A metric of one's own: a row in the table."""

    def of(ranks: Ranking) -> float:
        return float(ranks.first_rank.mean())

    metric = RankingMetric(of=of, header="first rank", meaning="mean rank of the first", is_share=False)
    monkeypatch.setitem(RANKING_METRICS, "first_rank", metric)


@pytest.mark.usefixtures("first_rank")
def test_a_metric_of_ones_own_is_computed_told_and_shown(
    command: Command, indexed: Library, tmp_path: Path
) -> None:
    document = command("knn-eval", "--json").json
    assert document["first_rank"] >= 1
    written = f"{document['first_rank']:.3f}"
    shown = command("knn-eval").out
    assert "first rank" in shown
    assert written in shown
    assert command("knn-eval", "--no-map", "--json").json["first_rank"] is None
    figures = evaluate_index(indexed, EvalRequest(device="cpu"))
    assert figures.first_rank == document["first_rank"]
    assert command("report", "--out", tmp_path / "r.md").code == 0
    report = (tmp_path / "r.md").read_text()
    assert "| first rank |" in report
    assert written in report


@pytest.mark.usefixtures("first_rank")
def test_a_metric_of_ones_own_is_on_the_page_and_described(indexed: Library) -> None:
    with Client(indexed) as client:
        _, job = finish_job(client, "evaluations", {})
        said = client.get("/openapi.json").json()["components"]["schemas"]["EvaluationDocument"]
    shown = {one["header"]: one for one in job["document"]["metrics"]}
    assert list(shown) == ["mAP", "MRR", "first rank"]
    assert shown["first rank"]["value"] == f"{job['document']['first_rank']:.3f}"
    words = "mean rank of the first; null with `--no-map`"
    assert KnnFigures.more_meanings() == {"first_rank": words}
    assert said["properties"]["first_rank"] == {"description": words}


def test_choices_of_options_are_those_of_the_tables() -> None:
    assert get_args(Kind) == tuple(KINDS)


def test_search_options_are_one_declaration() -> None:
    import typer

    from cli.main import app
    from umurl_search.serve.schemas import FileQuery, QueryBody

    fields = options_of(SearchOptions)
    typed = {p.name for p in typer.main.get_command(app).commands["query"].params}  # type: ignore[attr-defined]
    assert set(fields) <= typed
    assert set(fields) <= set(QueryBody.model_fields)
    assert set(options_of(ClipFileOptions)) <= typed & set(FileQuery.model_fields)
    for name, (default, _) in fields.items():
        assert QueryBody.model_fields[name].default == default


def test_limits_of_options_hold_in_python_too() -> None:
    with pytest.raises(ValueError, match="k is 1 or more, got 0"):
        SearchOptions(k=0)
    with pytest.raises(ValueError, match="overlap is from 0 to 1, got 2"):
        SearchOptions(overlap=2)
