"""The rooms of the house, their modules, and the test file that mirrors each module."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("encoder", "umurl_search", "cli")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def mirror_of(module: str) -> str:
    """`test_<package>_<module>.py` of a module by its path from the checkout's root; the tool's root has no package."""
    *packages, name = Path(module).with_suffix("").parts
    return "_".join(["test", *packages[-1:], name]).replace("test_umurl_search_", "test_") + ".py"
