"""What an evaluation cannot say: looked for in one place, told by every evaluation among its `warnings`.

Letters: N gallery clips, Q queries.
"""

import numpy as np

from umurl_search.clips.types import Labels

SEARCHED, TRAINED = "the gallery lacks", "are not trained"
"""What classes are that no query can be given: of a gallery, of a classifier."""


def doubt_classes(
    known: Labels,
    asked: Labels,
    *,
    lacking: str = SEARCHED,
    what: str = "test clips",
    effect: str = "count as wrong",
) -> list[str]:
    """Lines on the classes of both sides. known: (N,) labels that may be answered; asked: (Q,) those of the queries.

    lacking: how a class that nobody can answer is called; what asks; effect: what becomes of those of such a class.
    """
    found = []
    unknown = int((~np.isin(asked, known)).sum())
    if unknown:
        found.append(f"{unknown:,} of the {len(asked):,} {what} are of actions that {lacking}: they {effect}")
    if len(np.unique(known)) == 1:
        side = "the gallery" if lacking == SEARCHED else "the training part"
        found.append(
            f"{side} holds one action only: whatever asks is taken for it, so the figures say little"
        )
    return found


def doubt_votes(k: int, there: Labels) -> list[str]:
    """A line where fewer neighbours than k vote. there: (Q,) how many gallery clips each query may meet."""
    fewer = int((there < k).sum())
    if not fewer:
        return []
    most = int(there[there < k].max())
    whose = "all queries" if fewer == len(there) else f"{fewer:,} of the {len(there):,} queries"
    return [f"k is {k:,}, and {whose} have {most:,} clips to be compared with at most: all of these vote"]


def doubt_labels(unlabelled: int, protocol: str, *, what: str = "clips") -> list[str]:
    """A line where so many clips of a protocol have no label."""
    return [f"{unlabelled:,} {what} of {protocol} have no label: they are left out"] if unlabelled else []
