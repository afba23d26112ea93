"""What a mutation is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """file: from the checkout's root. old: text that it holds once. tests: the pytest node that fails without it."""

    file: str
    old: str
    new: str
    tests: str
