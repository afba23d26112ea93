"""The columns of a clip in the catalog: which there are, and those that an evaluation needs."""

from collections.abc import Sequence

import numpy as np

from encoder.errors import Hint, UmurlError
from umurl_search.clips.types import Rows
from umurl_search.datasets import protocols as datasets
from umurl_search.library.catalog.queries import Catalog, ClipColumns

PERFORMANCE = ("setup", "subject", "replication", "label")
_NUMBERS = {2: "both", 3: "all three", 4: "all four"}


def chosen_protocol(catalog: Catalog, dataset: str, protocol: str | None) -> str:
    """The protocol that is asked for, the dataset's first when None. Raises UmurlError listing those it has."""
    known = catalog.protocols(dataset)
    chosen = protocol or datasets.first_protocol(dataset, known)
    if chosen is None:
        states = ("add", dataset, "--splits", "FILE")
        raise UmurlError(
            f"{dataset} has no protocol to evaluate", Hint("{command} states one", command=states)
        )
    if chosen not in known:
        raise UmurlError(f"{dataset} has no protocol '{chosen}': it has {', '.join(known) or 'none'}")
    return chosen


def clip_fields(columns: ClipColumns, names: Sequence[str], *, dataset: str, option: str) -> Rows:
    """(N, F) whole numbers of each clip, such as setup, subject, replication and label.

    option: the field of a request that needs them. Raises UmurlError, naming it, on data that lacks them.
    """
    fields = [columns.columns[name] for name in names]
    absent = [
        name for name, field in zip(names, fields, strict=True) if any(value is None for value in field)
    ]
    if absent:
        *most, last = [name.replace("label", "action") for name in absent]
        listed = f"{', '.join(most)} or {last}" if most else last
        needs = "{option} needs it" if len(names) == 1 else f"{{option}} needs {_NUMBERS[len(names)]}"
        raise UmurlError(f"some clips of {dataset} have no {listed}", Hint(needs, option=option))
    return np.array(fields, dtype=np.int64).T
