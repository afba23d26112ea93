"""Transactions on the catalog."""

from typing import Any

import pytest

from encoder.errors import UmurlError
from umurl_search.library.library import Library


def test_a_transaction_that_fails_changes_nothing(library: Library) -> None:
    with library.read() as catalog:
        known = catalog.dataset("mine")
    assert known is not None
    clips: dict[str, list[Any]] = {"name": ["a"], "label": [None], "action": [None], "frames": [3]}
    with pytest.raises(UmurlError, match="'mine' was made by another process"), library.write() as catalog:
        catalog.add_dataset(
            {"name": "mine", "report": {}}, clips=clips, splits=[("p", "train", [0])], left_out=[]
        )
    with library.read() as catalog:
        assert len(catalog.clips_of("mine").id) == 60
        assert catalog.protocols("mine") == ["xsub"]
