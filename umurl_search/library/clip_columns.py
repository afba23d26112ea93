"""The columns of a clip in the catalog: which there are, and those that an evaluation needs."""

from collections.abc import Sequence

import numpy as np

from encoder.errors import UmurlError
from umurl_search.clips.types import Rows
from umurl_search.datasets import protocols as datasets
from umurl_search.library.catalog.queries import Catalog, ClipColumns

PERFORMANCE = ("setup", "subject", "replication", "label")


def chosen_protocol(catalog: Catalog, dataset: str, protocol: str | None) -> str:
    """The protocol that is asked for, the dataset's first when None. Raises UmurlError listing those it has."""
    known = catalog.protocols(dataset)
    chosen = protocol or datasets.first_protocol(dataset, known)
    if chosen is None:
        raise UmurlError(f"{dataset} has no protocol to evaluate: ingest it with --splits FILE")
    if chosen not in known:
        raise UmurlError(f"{dataset} has no protocol '{chosen}': it has {', '.join(known) or 'none'}")
    return chosen


def clip_fields(columns: ClipColumns, names: Sequence[str], *, dataset: str, option: str) -> Rows:
    """(N, F) whole numbers of each clip, such as setup, subject, replication and label.

    Raises UmurlError, naming the option that needs them, on data that lacks them.
    """
    fields = [columns.columns[name] for name in names]
    if any(value is None for field in fields for value in field):
        said = [name.replace("label", "action") for name in names]
        listed = f"{', '.join(said[:-1])} and {said[-1]}" if len(said) > 1 else said[0]
        raise UmurlError(f"{dataset} does not say {listed} of every clip: {option} cannot be used on it")
    return np.array(fields, dtype=np.int64).T
