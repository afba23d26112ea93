"""The house: which room imports which, what is heavy, and that every room is ours."""

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[1]
ROOMS = ("encoder", "umurl_search", "cli")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
LONGEST = 400
FORBIDDEN = {
    "encoder": {"umurl_search", "cli", "faiss", "duckdb", "typer", "rich", "platformdirs", "click"},
    "umurl_search": {"cli", "typer", "rich", "click"},
    "cli": {"faiss", "duckdb", "torch"},
}
ONLY_HOME = {
    "faiss": "umurl_search/index/faiss_library.py",
    "duckdb": "umurl_search/library/catalog/",
    "rich": "cli/print_",
    "PIL": "umurl_search/pictures/raster.py",
    "av": "umurl_search/pictures/video.py",
}
"""How the paths of a library's only users begin; `cli/print_x.py` prints for `cli/x.py`."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Top-level names imported anywhere in a module, within functions too, and the level of the import."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0], node.level
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant):
                    yield str(argument.value).split(".")[0], 0


def test_there_are_modules_in_every_room() -> None:
    for room in ROOMS:
        assert sum(path.relative_to(ROOT).parts[0] == room for path in MODULES) >= 5


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_down(path: Path) -> None:
    imported = dict(imports(path))
    assert not set(imported.values()) - {0}, "relative imports"
    assert set(imported) & FORBIDDEN[path.relative_to(ROOT).parts[0]] == set()
    assert "tests" not in imported


@pytest.mark.parametrize("library", sorted(ONLY_HOME))
def test_only_its_home_imports_it(library: str) -> None:
    users = {name_of(path) for path in MODULES if library in dict(imports(path))}
    home = ONLY_HOME[library]
    assert users
    assert {user for user in users if not user.startswith(home)} == set()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_files_are_short_enough_to_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("room", ROOMS)
def test_the_room_that_python_finds_is_this_checkouts(room: str) -> None:
    found = importlib.util.find_spec(room)
    assert found is not None
    assert found.origin is not None
    assert Path(found.origin).resolve() == (ROOT / room / "__init__.py").resolve()


@pytest.mark.parametrize(
    "module",
    [
        "umurl_search",
        "cli.main",
        "encoder",
        "encoder.skeleton",
        "encoder.modality_sets",
        "umurl_search.datasets.protocols",
    ],
)
def test_importing_is_light(module: str) -> None:
    heavy = ["torch", "faiss", "sklearn", "safetensors"] + ["duckdb"] * (module != "cli.main")
    program = f"import sys, {module}; print(*(name for name in {heavy!r} if name in sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert ran.stdout.split() == []
    assert ran.stderr == ""


def test_packages_do_not_import_the_front() -> None:
    front = {"umurl_search", "umurl_search.api"}
    importers = {
        name_of(path)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.ImportFrom) and node.module in front)
        or (isinstance(node, ast.Import) and front & {alias.name for alias in node.names})
    }
    assert {name for name in importers if not name.startswith("cli/")} <= {"umurl_search/__init__.py"}


def test_a_package_hides_no_public_name() -> None:
    program = (
        "import pkgutil, importlib, umurl_search as room\n"
        "for found in pkgutil.walk_packages(room.__path__, 'umurl_search.'): importlib.import_module(found.name)\n"
        "print(*(name for name in room.__all__ if type(getattr(room, name)).__name__ == 'module'))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert ran.stdout.split() == []


def test_few_files_lie_in_the_root_of_the_tool() -> None:
    assert len([path for path in (ROOT / "umurl_search").iterdir() if path.is_file()]) <= 6


def test_there_are_no_packages_among_the_tests() -> None:
    folder = ROOT / "tests"
    assert not list(folder.rglob("__init__.py"))
    assert not [room for room in ROOMS if (folder / room).exists()]


GOLDEN = sorted(path for path in (ROOT / "tests" / "golden").rglob("*") if path.is_file())


def test_golden_files_are_numbers_and_text() -> None:
    assert {path.suffix for path in GOLDEN} == {".npz", ".json", ".skeleton", ".tar"}


@pytest.mark.parametrize("path", [path for path in GOLDEN if path.suffix == ".npz"], ids=name_of)
def test_golden_arrays_need_no_pickle(path: Path) -> None:
    with np.load(path, allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "fiU" for name in arrays.files)


@pytest.mark.parametrize("path", [path for path in GOLDEN if path.suffix == ".tar"], ids=name_of)
def test_the_golden_checkpoint_holds_tensors_only(path: Path) -> None:
    content = torch.load(path, map_location="cpu", weights_only=True)
    assert set(content) == {"epoch", "state_dict", "optimizer"}
    assert all(isinstance(tensor, torch.Tensor) for tensor in content["state_dict"].values())
