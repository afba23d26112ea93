"""What is said where a library does not hold what is asked for, or holds it damaged."""

from collections.abc import Sequence
from typing import Any

from encoder.errors import Hint, NotFoundError, UmurlError
from umurl_search.library.catalog.queries import Catalog
from umurl_search.library.library import can_name

REPAIR = Hint("{command}", command=("repair",))


def require_dataset(catalog: Catalog, name: str) -> dict[str, Any]:
    """A dataset's row. Raises UmurlError, listing those that the library has, where there is none of that name."""
    row = catalog.dataset(name)
    if row is None:
        raise no_dataset(name, known=[one["name"] for one in catalog.datasets()])
    return row


def no_dataset(name: str, *, known: Sequence[str]) -> UmurlError:
    """The error where a library has these datasets and not that one."""
    message = f"no dataset '{name}' in the library (it has {', '.join(known) or 'none'})"
    if can_name(name):
        return NotFoundError(message, Hint("{command}", command=("ingest", name)))
    if known:
        return NotFoundError(message, "give the name of one that it has")
    return NotFoundError(message, Hint("{command} makes one", command=("demo",)))


def no_index_yet(*, datasets: Sequence[str]) -> UmurlError:
    """The error where a library has these datasets and no index."""
    command = ("build-index", datasets[0]) if datasets else ("demo",)
    return NotFoundError("the library holds no index yet", Hint("{command}", command=command))


def no_such_index(missing: str, indexes: Sequence[dict[str, Any]]) -> UmurlError:
    """The error, which begins with `missing`, where a library has these indexes, rows of the catalog, and not that."""
    listed = ", ".join(row["name"] for row in indexes)
    makes = Hint("{command} makes one", command=("build-index", indexes[0]["dataset"]))
    return NotFoundError(f"{missing}; there are {listed}", makes)
