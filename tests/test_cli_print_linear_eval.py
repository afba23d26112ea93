"""Figures of `semi-eval` as a table."""

import re
from collections.abc import Callable

from conftest import Result

from umurl_search.library.library import Library

Command = Callable[..., Result]
FEW = ("--epochs", "2")


def test_semi_eval_tells_its_shares(indexed: Library, command: Command) -> None:
    shown = command("semi-eval", *FEW)
    assert "mine xsub: 30 training and 30 test clips, 5 classes, encoder e, index mine@e" in shown.out
    assert (
        "linear classifier on frozen embeddings, fused, class-balanced shares of the labels, seeds a share: 5"
        in shown.out
    )
    assert re.search(r"^1 % +5 +\d", shown.out, re.MULTILINE)
    assert re.search(r"^10 % +5 +\d", shown.out, re.MULTILINE)
    assert (
        "note: 0.01 of 30 labels, rounded within each of 5 classes and at least one of each, is 5 clips, 16.7 %"
        in shown.err
    )
