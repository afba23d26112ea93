"""The pages are whole: each is in the navigation, names what exists, and its commands run."""

import importlib
import json
import re
import shlex
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Result

import umurl_search
from umurl_search.library.catalog.schema_and_migrations import SCHEMA
from umurl_search.synthetic.demo_corpus import make_clip
from umurl_search.synthetic.long_recordings import make_recording

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GLOSSARY = DOCS / "glossary.md"
NAMING_FILES = [ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", GLOSSARY, DOCS / "architecture.md"]
LONGEST_README = 200
OTHERS = ("train", "serve", "import-encoder")
"""Commands that a page's run leaves out: they take long, or ran before as the page's setting."""
SHORTENED = {"transfer-eval": ("--epochs", "1"), "costs": ("--clips", "1")}

_SPAN = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"(?!\S*MODULE)[\w./-]+(?:\.(?:py|md|toml|yml|cff|js|css)|/)")
_DOTTED = re.compile(r"(?:umurl_search|encoder|cli)(?:\.\w+)+")
_HOME = re.compile(r"`(\w+)` in `([\w/]+\.py)`")
_FENCE = re.compile(r"^ *```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def spans(path: Path) -> list[str]:
    """What a page has in backticks, code blocks excepted."""
    return _SPAN.findall(_FENCE.sub("", text_of(path)))


def test_readme_is_short() -> None:
    assert len(text_of(ROOT / "README.md").splitlines()) <= LONGEST_README


def schema() -> dict[str, list[str]]:
    """table -> columns, as the catalog's schema creates them."""
    created = re.findall(r"create table (\w+) \((.*?)\);", SCHEMA, re.DOTALL)
    return {table: [one.split()[0] for one in columns.split(",")] for table, columns in created}


def test_the_data_format_names_every_table_and_column() -> None:
    page = text_of(DOCS / "data-format.md")
    documented = {
        table: columns.split(", ")
        for table, columns in re.findall(r"^\| `(\w+)` \| ([\w, ]+) \|$", page, re.M)
    }
    assert len(schema()) >= 10
    assert {table: documented.get(table) for table in schema()} == schema()


def test_every_page_is_in_the_navigation() -> None:
    config = text_of(ROOT / "mkdocs.yml")
    listed = re.findall(r"^ +- .+: ([\w-]+\.md)$", config[config.index("\nnav:") :], re.MULTILINE)
    assert sorted(listed) == sorted(path.name for path in DOCS.glob("*.md"))


@pytest.mark.parametrize("page", NAMING_FILES, ids=lambda page: page.name)
def test_files_named_exist(page: Path) -> None:
    named = {span for span in spans(page) if _PATH.fullmatch(span)}
    assert len(named) > 3
    for name in sorted(named):
        assert (ROOT / name).exists() or (ROOT / "umurl_search" / name).exists(), f"{page.name}: {name}"


@pytest.mark.parametrize("page", NAMING_FILES, ids=lambda page: page.name)
def test_dotted_names_resolve(page: Path) -> None:
    for name in sorted({span for span in spans(page) if _DOTTED.fullmatch(span)}):
        assert resolves(name), f"{page.name}: {name}"


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or something within one."""
    module, _, attribute = name.rpartition(".")
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return bool(module) and hasattr(importlib.import_module(module), attribute)
    return True


def test_the_glossary_says_where_each_name_lives() -> None:
    homes = _HOME.findall(text_of(GLOSSARY))
    assert len(homes) > 40
    for name, path in homes:
        file = ROOT / path if (ROOT / path).exists() else ROOT / "umurl_search" / path
        defined = re.search(rf"^\s*(?:class|def) {name}\b|^{name}\b[^=\n]*=", text_of(file), re.MULTILINE)
        assert defined, f"{name} is not in {path}"


def test_the_api_page_has_every_public_name() -> None:
    documented = set(re.findall(r"^::: ([\w.]+)$", text_of(DOCS / "api.md"), re.MULTILINE))
    public = [getattr(umurl_search, name) for name in umurl_search.__all__ if not name.startswith("__")]
    assert documented == {f"{one.__module__}.{one.__qualname__}" for one in public}


def test_the_citation_is_of_this_version() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    fields = dict(re.findall(r'^([\w-]+): *"?([^"\n]*)"?$', text_of(ROOT / "CITATION.cff"), re.MULTILINE))
    assert fields["cff-version"] == "1.2.0"
    assert fields["version"] == project["version"]
    assert fields["license"] == project["license"]
    assert {"title", "message", "authors", "references"} <= set(fields)


# the commands of the pages


def shell_lines(page: Path, *, tables: bool = False) -> Iterator[list[str]]:
    """The words of each `umurl-search ...` in a page's code blocks; with `tables`, of its tables too."""
    blocks = [
        block["text"] for block in _FENCE.finditer(text_of(page)) if block["language"] in ("sh", "console")
    ]
    lines = [line for text in blocks for line in text.splitlines()]
    if tables:
        rows = "\n".join(line for line in text_of(page).splitlines() if line.startswith("|"))
        lines += re.findall(r"`(umurl-search [^`]+)`", rows)
    for line in lines:
        words = shlex.split(line, comments=True)
        if words and words[0] == "umurl-search":
            yield words[1:]


@pytest.fixture
def desk(golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the pages speak of, to work in."""
    recorded = tmp_path / "recordings" / "nturgb+d_skeletons"
    recorded.mkdir(parents=True)
    for path in (golden / "raw").glob("*.skeleton"):
        shutil.copy(path, recorded)
        shutil.copy(path, recorded / re.sub(r"P\d{3}", "P003", path.name))
    shutil.copy(golden / "checkpoint_0450.pth.tar", tmp_path / "X.pth.tar")
    for name, action in {"clip": 5, "my_clips/kick": 5, "my_clips/wave": 1, "my_clips/clap": 2}.items():
        path = tmp_path / f"{name}.npy"
        path.parent.mkdir(exist_ok=True)
        np.save(path, make_clip(f"S001C001P001R001A{action:03d}")[:, 0], allow_pickle=False)
    (tmp_path / "long_recordings").mkdir()
    np.save(tmp_path / "long_recordings" / "take_01.npy", make_recording("P002C001T01").frames)
    segments = {"take_01": [{"action": "wave", "start": 1.5, "end": 3}]}
    (tmp_path / "segments.json").write_text(json.dumps(segments))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UMURL_DATA", "recordings")
    return tmp_path


def run(command: Callable[..., Result], words: list[str]) -> None:
    result = command(*words, *SHORTENED.get(words[0], ()))
    assert result.code == 0, f"{shlex.join(words)}: {result.err}"
    assert result.out, shlex.join(words)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["evaluation", "cross-modal", "long-recordings", "library", "scale"])
def test_the_commands_of_a_page_run(name: str, desk: Path, command: Callable[..., Result]) -> None:
    for setting in (
        ["ingest", "mine", "--source", "my_clips"],
        ["ingest", "ntu120"],
        ["import-encoder", "X.pth.tar", "--as", "umurl", "--for", "ntu120:xsub"],
        ["build-index", "mine"],
        ["build-index", "ntu120"],
    ):
        run(command, setting)
    lines = [words for words in shell_lines(DOCS / f"{name}.md", tables=True) if words[0] not in OTHERS]
    assert len(lines) > 3
    for words in lines:
        run(command, words)


@pytest.mark.slow
def test_the_tutorial_runs_from_top_to_bottom(desk: Path, command: Callable[..., Result]) -> None:
    blocks: list[Any] = list(_FENCE.finditer(text_of(DOCS / "tutorial.md")))
    ran = []
    for block in blocks:
        if block["language"] == "python":
            exec(block["text"], {})
        if block["language"] == "console":
            for line in block["text"].splitlines():
                words = shlex.split(line)[1:]
                run(command, words)
                ran.append(words[0])
    assert {"ingest", "build-index", "query", "knn-eval", "train", "prefer"} <= set(ran)
