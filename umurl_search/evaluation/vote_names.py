"""How neighbours vote for a query's label: the names and limits, without what it takes to vote."""

from typing import Literal

Vote = Literal["majority", "weighted"]
"""One clip one vote, or each weighted with exp(cosine / temperature)."""
MOST_NEIGHBOURS = 10_000
"""That vote: every pair of them is compared."""
