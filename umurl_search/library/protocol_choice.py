"""Which protocol of a dataset is meant where one is named, or none is."""

from encoder.errors import Hint, NotFoundError
from umurl_search.datasets import protocols
from umurl_search.library.catalog.queries import Catalog


def choose_protocol(catalog: Catalog, dataset: str, protocol: str | None) -> str:
    """The protocol that is asked for, the dataset's first when None. Raises UmurlError listing those it has."""
    known = catalog.protocols(dataset)
    chosen = protocol or protocols.first_protocol(dataset, known)
    if chosen is None:
        states = ("add", dataset, "--splits", "FILE")
        raise NotFoundError(
            f"{dataset} has no protocol to evaluate", Hint("{command} states one", command=states)
        )
    if chosen not in known:
        raise NotFoundError(f"{dataset} has no protocol '{chosen}': it has {', '.join(known) or 'none'}")
    return chosen
