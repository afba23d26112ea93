"""Guards cli/print_*.py: every key that may be null, as docs/commands.md says, is drawn: left out or a dash."""

import copy
import importlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from conftest import LONG_INDEX, Result, add_files

from cli.main import run
from cli.terminal import Terminal
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.library.library import Library
from umurl_search.result import Result as UmurlResult

Document = Any
"""A result, or a dict."""
Shown = tuple[Document, Callable[[Document], None]]

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
KEYS = importlib.import_module("make_commands").JSON_KEYS
sys.path.pop(0)

CLIP = "mine:S001C001P001R001A001"
RUN = {
    "datasets": "datasets",
    "ingest": "ingest more --source {folder}/source",
    "train": "train mine --preset tiny --epochs 1 --batch-size 16 --as more",
    "build-index": "build-index mine --encoder e --as more",
    "query": f"query {CLIP} --index mine@e",
    "query for moments": f"query {CLIP} --index {LONG_INDEX}",
    "query for many clips": f"query {CLIP} mine:S001C002P001R001A001 --index mine@e",
    "query into a file": f"query {CLIP} --index mine@e --out {{folder}}/hits.jsonl",
    "duplicates": "duplicates mine@e",
    "leaks": "leaks mine@e --above 0.5",
    "knn-eval": "knn-eval --index mine@e",
    "knn-eval --matrix": "knn-eval --index mine@e --matrix",
    "knn-eval across datasets": "knn-eval --index mine@e --queries mine@e",
    "linear-eval": "linear-eval --index mine@e --epochs 1",
    "linear-eval late-fused": "linear-eval --late mine@e:joint --late mine@e:bone --epochs 1",
    "semi-eval": "semi-eval --index mine@e --seeds 1 --shares 0.5 --epochs 1",
    "transfer-eval": "transfer-eval mine --encoder e --epochs 1",
    "localize-eval": f"localize-eval --index {LONG_INDEX}",
    "render": f"render {CLIP} --index mine@e --hits 1 --out {{folder}}/clip.gif",
    "costs": "costs --encoder e --clips 1",
    "list": "list",
    "info": "info",
    "info ENCODER": "info encoder:e",
    "info INDEX": "info mine@e",
    "info DATASET:CLIPNAME": f"info {CLIP}",
}
WITHIN = {
    "train": ["embedding.accuracy"],
    "costs": ["measured.threads"],
}
"""Keys of an object within, which the reference has in the object's own line."""
ELSEWHERE = {"import-encoder", "serve"}
"""Drawn below: what they need is not at hand, or they do not end."""


def nullable_keys(title: str) -> list[str]:
    return [key for key, meaning in KEYS[title] if "null" in meaning] + WITHIN.get(title, [])


def objects(document: Any, path: str) -> Iterator[tuple[Document, str]]:
    """Whatever holds the key at the end of a path such as `hits[].label`, and the key."""
    first, _, rest = path.partition(".")
    if not rest:
        yield document, first
        return
    inner = document[first.removesuffix("[]")]
    for one in inner if first.endswith("[]") else [inner]:
        if one is not None:
            yield from objects(one, rest)


def set_null(document: Document, paths: list[str]) -> Document:
    document = copy.deepcopy(document)
    for path in paths:
        found = list(objects(document, path))
        for holder, key in found:
            assert key in holder, path
            if isinstance(holder, UmurlResult):
                object.__setattr__(holder, key, None)
            else:
                holder[key] = None
    return document


@pytest.fixture(scope="module")
def folder(long_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drawn")
    library = Library(Path(copytree(long_root / "library", root / "library")))
    build_index(library, BuildRequest(dataset="mine", encoder="e", device="cpu"))
    (root / "source").mkdir()
    add_files(root / "source")
    return root


@pytest.fixture
def shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Shown]:
    """What a command shows, and how it draws that."""

    def call(words: str) -> Shown:
        told: list[Shown] = []
        with monkeypatch.context() as patched:
            patched.setattr(Terminal, "show", lambda _, document, render: told.append((document, render)))
            asked = [word.format(folder=folder) for word in words.split()]
            assert run([*asked, "--library", str(folder / "library"), "--device", "cpu", "--quiet"]) == 0
        ((document, render),) = told
        whole = isinstance(document, UmurlResult)
        return document if whole else json.loads(json.dumps(document, default=str)), render

    return call


def test_every_document_with_nulls_is_looked_at() -> None:
    assert {title for title in KEYS if nullable_keys(title)} == {*RUN, *ELSEWHERE}


@pytest.mark.parametrize("title", RUN)
def test_nulls_are_drawn(
    title: str, shown: Callable[[str], Shown], capsys: pytest.CaptureFixture[str]
) -> None:
    document, render = shown(RUN[title])
    keys = nullable_keys(title)
    outermost = [key for key in keys if not any(key.startswith(f"{other}.") for other in keys)]
    for paths in [*([key] for key in keys), outermost]:
        capsys.readouterr()
        render(set_null(document, paths))
        drawn = capsys.readouterr().out
        assert drawn.strip(), paths
        assert not re.search(r"\b(None|nan|null)\b", drawn), (paths, drawn)


def test_an_evaluation_of_neighbours_only(command: Callable[..., Result], folder: Path) -> None:
    asked = ("knn-eval", "--index", "mine@e", "--no-map", "--library", folder / "library")
    document = command(*asked, "--json").json
    assert (document["map"], document["mrr"], document["ranked"]) == (None, None, None)
    drawn = command(*asked)
    assert (drawn.code, drawn.err) == (0, "")
    headers, row = (line.split() for line in drawn.out.splitlines()[2:4])
    assert headers[-2:] == ["mAP", "MRR"]
    assert row[-2:] == ["-", "-"]
