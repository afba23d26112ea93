"""Files of bridges from other joint layouts: they lie in the library and go when their index has gone."""

from collections.abc import Iterable
from pathlib import Path

FOLDER = "bridges"
_SUFFIX = ".safetensors"
_PREFIX = 16


def bridge_file(recipe: str, name: str) -> str:
    """The name of a bridge's file. recipe: of the index that it was fitted on."""
    return f"{recipe[:_PREFIX]}-{name}{_SUFFIX}"


def drop_orphans(folder: Path, recipes: Iterable[str]) -> int:
    """Deletes bridges of indexes that are gone; returns how many bytes that frees. recipes: of those that are there."""
    kept = {recipe[:_PREFIX] for recipe in recipes}
    gone = [path for path in folder.glob(f"*{_SUFFIX}") if path.name.partition("-")[0] not in kept]
    freed = sum(path.stat().st_size for path in gone)
    for path in gone:
        path.unlink(missing_ok=True)
    return freed
