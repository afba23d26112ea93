"""Guards every module: which room imports which, what is heavy, and which test file mirrors it."""

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from rooms import MODULES, ROOMS, ROOT, mirror_of, name_of

LONGEST = 400
OTHER_FILES = sorted(path for room in ("tests", "benchmarks", "docs") for path in (ROOT / room).rglob("*.py"))
LONGER: dict[str, str] = {}
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
    "prometheus_client": "umurl_search/serve/prometheus.py",
}
"""How the paths of a library's only users begin; `cli/print_x.py` prints for `cli/x.py`."""


WITHOUT_TESTS_OF_THEIR_OWN: dict[str, str] = {
    "cli/__main__.py": "one call of cli/main.py, which test_cli_main.py tests",
    "cli/demo_results.py": "fields only: of what test_cli_demo.py reads",
    "cli/print_add_update_remove.py": "drawn by test_cli_add_update_remove.py",
    "cli/print_exporting.py": "drawn by test_cli_exporting.py",
    "cli/print_knn_eval.py": "drawn by test_cli_nulls.py",
    "cli/print_maintenance.py": "drawn by test_cli_nulls.py",
    "cli/print_pictures.py": "drawn by test_cli_pictures.py",
    "cli/print_report.py": "drawn by test_cli_report.py",
    "cli/print_serving.py": "drawn by test_cli_serving.py",
    "encoder/skeleton.py": "data only: bones in test_pictures_geometry.py, joints in test_encoder_joint_layouts.py",
    "umurl_search/clips/clip.py": "fields only: made by readers, as in test_readers_build_clip.py",
    "umurl_search/clips/types.py": "types only: of what test_clips_normalization.py reads",
    "umurl_search/evaluation/classifier_results.py": "fields only: of what test_evaluation_linear_eval.py reads",
    "umurl_search/evaluation/evaluation_results.py": "fields only: of what test_evaluation_knn_eval.py reads",
    "umurl_search/evaluation/retrieval_results.py": "fields only: of what test_evaluation_knn_eval.py reads",
    "umurl_search/evaluation/twin_results.py": "fields only: of what test_evaluation_duplicates_and_leaks.py reads",
    "umurl_search/index/kind_names.py": "names only: test_declared_once.py compares them with the table",
    "umurl_search/maintenance/results.py": "fields only: of what test_maintenance_inspect_and_doctor.py reads",
    "umurl_search/progress.py": "reports to nobody: an interrupted one stands in for it in test_ingest_ingest.py",
    "umurl_search/readers/base.py": "an interface only: test_readers_formats.py asks every reader for it",
    "umurl_search/search/options.py": "declarations only: test_search_searcher.py asks with them",
    "umurl_search/serve/documents.py": "fields only: test_serve_app.py and serving.py compare answers with them",
    "umurl_search/serve/limits.py": "numbers only: test_serve_middleware.py goes beyond them",
    "umurl_search/serve/state.py": "the server's parts together: test_serve_queries.py asks them",
    "umurl_search/training/options.py": "declarations only: test_training_plan.py trains with them",
}
"""Modules without a test file of their name, and the one that exercises them."""

OF_SEVERAL_MODULES: dict[str, str] = {
    "test_cli_bad_input.py": "cli/ and what it calls",
    "test_cli_contract.py": "cli/",
    "test_cli_nulls.py": "cli/print_*.py",
    "test_cli_one_line.py": "cli/main.py and cli/terminal.py",
    "test_cli_road.py": "cli/ from end to end",
    "test_declared_once.py": "readers/formats.py, encoder/joint_layouts.py, evaluation/metrics.py, search/options.py",
    "test_docs.py": "docs/ and README.md",
    "test_encoder_golden.py": "encoder/ but for its training",
    "test_encoder_hostile.py": "encoder/checkpoint.py and training/import_encoder.py",
    "test_faults.py": "library/, files/, index/ and ingest/",
    "test_fuzz_findings.py": "readers/, ingest/, library/ and encoder/checkpoint.py",
    "test_gpu_all.py": "benchmarks/gpu_all.py",
    "test_hardening.py": "ingest/, index/ and cli/",
    "test_hints.py": "every error",
    "test_hostile.py": "readers/, ingest/ and search/query_clip.py",
    "test_hostile_pickles.py": "readers/safe_pickle.py and readers/pyskl.py",
    "test_kills.py": "library/, files/ and ingest/",
    "test_mutations.py": "tests/mutation_lists/",
    "test_rooms.py": "every module",
    "test_step_budgets.py": "encoder/model.py, encoder/losses.py and encoder/stages.py",
    "test_training_on_device.py": "encoder/train.py, encoder/finetune.py, encoder/probe.py and what they call",
    "test_up_axes.py": "clips/normalization.py, clips/plausibility.py and ingest/store_plausibility.py",
}
"""Test files that are named after no module, and what they guard: a line of each says it too."""


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


@pytest.mark.parametrize("path", [*MODULES, *OTHER_FILES], ids=name_of)
def test_files_are_short_enough_to_read(path: Path) -> None:
    is_short = len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST
    assert is_short != (name_of(path) in LONGER)


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


def test_every_module_has_a_test_file_of_its_name() -> None:
    """Or a reason why not, which names the test file that exercises it."""
    mirrors = {name_of(path): mirror_of(name_of(path)) for path in MODULES if path.name != "__init__.py"}
    there = {path.name for path in (ROOT / "tests").glob("test_*.py")}
    of_pages = {name for name in there if name.startswith("test_docs_")}
    assert len(set(mirrors.values())) == len(mirrors), "two modules of one test file"
    assert {module for module, mirror in mirrors.items() if mirror not in there} == set(
        WITHOUT_TESTS_OF_THEIR_OWN
    )
    assert there - of_pages - set(mirrors.values()) == set(OF_SEVERAL_MODULES)
    assert len(WITHOUT_TESTS_OF_THEIR_OWN) <= 25
    for module, reason in WITHOUT_TESTS_OF_THEIR_OWN.items():
        named = set(re.findall(r"test_\w+\.py", reason))
        assert named, module
        assert named <= there, module


@pytest.mark.parametrize("name", OF_SEVERAL_MODULES)
def test_a_file_of_several_modules_says_what_it_guards(name: str) -> None:
    said = ast.get_docstring(ast.parse((ROOT / "tests" / name).read_text(encoding="utf-8")))
    assert said
    guards = f"Guards {OF_SEVERAL_MODULES[name]}"
    assert any(line.startswith((f"{guards}:", f"{guards}.")) for line in said.splitlines())


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
