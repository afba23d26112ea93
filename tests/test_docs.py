"""Guards docs/ and README.md: commands parse and run, keys and links are what they say."""

import importlib.util
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from conftest import LONG_INDEX, Result
from typer.exceptions import TyperException

from cli.arguments import move_shared
from cli.main import app
from umurl_search.library.library import Library
from umurl_search.synthetic.demo_corpus import make_clip
from umurl_search.training.run import TrainReport

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
CHECKED = [page for page in PAGES if page.name != "log.md"]
"""All pages but the notebook, whose commands are those of their day."""

TOO_LONG = ("demo", "train", "serve")
SHORTENED = {"transfer-eval": ("--epochs", "1")}
_FENCE = re.compile(r"^ *```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)


def code_blocks(page: Path, *languages: str) -> Iterator[str]:
    """The text of a page's code blocks in these languages."""
    for block in _FENCE.finditer(page.read_text(encoding="utf-8")):
        if block["language"] in languages:
            yield block["text"]


def shell_lines(page: Path) -> list[list[str]]:
    """The words of each shell line of a page's code blocks."""
    lines = (line for text in code_blocks(page, "sh", "console") for line in text.splitlines())
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def command_lines(page: Path) -> list[list[str]]:
    """Every `umurl-search ...` of a page, in blocks and in running text."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    inline = [shlex.split(span) for span in re.findall(r"`(umurl-search [^`]+)`", text)]
    return [words for words in [*shell_lines(page), *inline] if words[0] == "umurl-search"]


@pytest.fixture(scope="module")
def generator() -> Any:
    """docs/make_commands.py as a module."""
    path = ROOT / "docs" / "make_commands.py"
    spec = importlib.util.spec_from_file_location("make_commands", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_command_reference_is_fresh(generator: Any) -> None:
    assert generator.page() == generator.PAGE.read_text(encoding="utf-8"), "run: python docs/make_commands.py"


@pytest.mark.parametrize("page", CHECKED, ids=lambda page: page.name)
def test_commands_parse(page: Path) -> None:
    commands: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for _, *typed in command_lines(page):
        name, *arguments = move_shared(typed)
        try:
            commands[name].make_context(name, arguments)
        except (TyperException, KeyError) as error:
            pytest.fail(f"{page.name}: umurl-search {name} {shlex.join(arguments)}: {error!r}")


def test_readme_shows_the_commands_of_the_first_hour() -> None:
    shown = {words[1] for words in command_lines(README)}
    assert {"demo", "ingest", "train", "import-encoder", "build-index", "query", "knn-eval"} <= shown


def recordings(folder: Path, raw: Path) -> None:
    """An NTU-120 data folder: the golden recordings and each again as subject 3, who is a test subject."""
    recorded = folder / "nturgb+d_skeletons"
    recorded.mkdir(parents=True)
    for path in raw.glob("*.skeleton"):
        shutil.copy(path, recorded)
        shutil.copy(path, recorded / re.sub(r"P\d{3}", "P003", path.name))
    listing = folder / "NTU_RGBD120_samples_with_missing_skeletons.txt"
    listing.write_text("header\nheader\nheader\nS001C002P005R002A008\n")


@pytest.fixture
def desk(golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that README speaks of, to work in."""
    recordings(tmp_path / "recordings", golden / "raw")
    shutil.copy(golden / "checkpoint_0450.pth.tar", tmp_path / "X.pth.tar")
    classes = {"kick": 5, "wave": 1, "clap": 2}
    own = {
        f"my_clips/{part}/{name}/0{i}": (n, i)
        for i, part in ((1, "train"), (2, "test"))
        for name, n in classes.items()
    }
    for name, (action, subject) in {"clip": (5, 1), **own}.items():
        frames = make_clip(f"S001C001P00{subject}R001A{action:03d}")
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / f"{name}.npy", frames[:, 0], allow_pickle=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_readme_runs_from_top_to_bottom(
    desk: Path,
    command: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ran = []
    for words in shell_lines(README):
        if words[0] == "export":
            monkeypatch.setenv(*words[1].split("=", 1))
        if words[0] == "umurl-search" and words[1] not in TOO_LONG:
            result = command(*words[1:], *SHORTENED.get(words[1], ()))
            assert result.code == 0, f"{shlex.join(words)}: {result.err}"
            assert result.out, shlex.join(words)
            ran.append(words[1])
    assert len(ran) > 15, ran
    n_recordings = len(list((desk / "recordings").rglob("*.skeleton")))
    assert np.load(desk / "y.npy").shape == (n_recordings, 64)
    exec("".join(code_blocks(README, "python")), {})
    assert capsys.readouterr().out.count("('P") == 3


def test_readmes_make_targets_and_extras_exist() -> None:
    makefile, project = ((ROOT / name).read_text(encoding="utf-8") for name in ("Makefile", "pyproject.toml"))
    text = README.read_text(encoding="utf-8")
    targets = {words[1] for words in shell_lines(README) if words[0] == "make"}
    assert {"demo", "test"} <= targets
    for target in targets | set(re.findall(r"`make (\w+)`", text)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    extras = re.findall(r"'\.\[(\w+)\]' -c constraints\.txt", text)
    assert extras == ["cpu", "gpu"]
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras)
    assert (ROOT / "constraints.txt").is_file()


def key_paths(document: dict[str, Any], documented: set[str], prefix: str = "") -> set[str]:
    """The keys of a JSON document, those of inner objects only where the documents go into them."""
    found = set()
    for key, value in document.items():
        path = prefix + key
        found.add(path)
        inner = value[0] if isinstance(value, list) and value else value
        below = f"{path}[]." if isinstance(value, list) else f"{path}."
        if isinstance(inner, dict) and any(one.startswith(below) for one in documented):
            found |= key_paths(inner, documented, below)
        elif value is None or value == []:  # what it would hold is not there to be seen
            found |= {one for one in documented if one.startswith((f"{path}.", f"{path}[]."))}
    return found


@pytest.mark.slow
def test_json_keys_are_those_documented(
    generator: Any, long: Library, command: Callable[..., Result], golden: Path, tmp_path: Path
) -> None:
    clip, windows = "mine:S001C001P002R001A005", ("--index", LONG_INDEX)
    labels = tmp_path / "labels.csv"
    labels.write_text("name,label\nS001C001P002R001A005,7\n")
    calls: dict[str, tuple[object, ...]] = {
        "import-encoder": (golden / "checkpoint_0450.pth.tar", "--as", "umurl", "--for", "mine"),
        "build-index": ("mine", "--encoder", "e"),
        "datasets": (),
        "layouts": ("coco-17",),
        "query": (clip,),
        "knn-eval": (),
        "knn-eval --matrix": (),
        "knn-eval across datasets": ("--queries", "mine@e", "--index", "mine@e"),
        "costs": ("--clips", 1),
        "linear-eval": ("--epochs", 1),
        "semi-eval": ("--epochs", 1, "--seeds", 1),
        "linear-eval late-fused": ("--epochs", 1, "--late", "mine@e:joint", "--late", "mine@e:bone"),
        "transfer-eval": ("mine", "--encoder", "e", "--epochs", 1),
        "report": ("--out", tmp_path / "r.html", "--map", "pca"),
        "render": (clip, "--out", tmp_path / "r.svg", "--hits", 2, "--poses", 2),
        "embed": ("mine", "--out", tmp_path / "y.npy"),
        "list": (),
        "info": (),
        "info DATASET": ("mine",),
        "info ENCODER": ("umurl",),
        "info INDEX": ("mine@e",),
        "query for many clips": (clip, clip),
        "query into a file": ("mine", "--out", tmp_path / "hits.csv"),
        "duplicates": ("--above", "-1"),
        "leaks": ("--above", "-1"),
        "export": ("--out", tmp_path / "out"),
        "info DATASET:CLIPNAME": (clip,),
        "verify": (),
        "doctor": (),
        "delete": ("index:mine@e",),
        "ingest": ("theirs", "--source", golden / "raw"),
        "ingest a shard": ("more", "--shard", "0/2", "--source", golden / "raw"),
        "build-index a shard": ("mine", "--shard", "0/2", "--as", "shared"),
        "query for moments": (clip, *windows),
        "localize-eval": windows,
        "add": ("theirs",),
        "update": ("theirs",),
        "compact": ("theirs",),
        "repair": (),
        "prefer": (LONG_INDEX,),
        "remove": ("mine", "S001C001P001R001A001"),
        "relabel": ("mine", "--labels", labels),
        "rename": ("dataset:theirs", "others"),
    }
    for title, arguments in calls.items():
        name, *rest = title.split()
        flags = [word for word in rest if word.startswith("--")]
        result = command(name, *arguments, *flags, "--json")
        assert result.code == 0, f"{title}: {result.err}"
        documented = {key for key, _ in generator.JSON_KEYS[title]}
        assert key_paths(result.json, documented) == documented, title
    documented = {key for key, _ in generator.JSON_KEYS["train"]}
    assert {*(field.name for field in fields(TrainReport)), "plot"} == documented
    assert set(generator.JSON_KEYS) == {*calls, *TOO_LONG}


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page: Path) -> None:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), f"{page.name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in map(_anchor, headings), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_name_each_other_by_names_that_exist(page: Path) -> None:
    for name in re.findall(r"\b([\w-]+\.md)\b", page.read_text(encoding="utf-8")):
        assert name in {p.name for p in PAGES} | {"log.md"}, f"{page.name}: {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_names_a_package_registry(page: Path) -> None:
    named = re.search(
        r"index-url|pypi|pythonhosted|download\.pytorch|conda|huggingface", page.read_text(encoding="utf-8")
    )
    assert named is None, f"{page.name}: {named}"
