"""Names of modality subsets."""

import pytest

from encoder import modality_sets


@pytest.mark.parametrize(
    ("text", "name"),
    [("joint", "joint"), ("bone+joint", "joint+bone"), ("motion+bone+joint", "fused"), ("fused", "fused")],
)
def test_names_of_subsets(text: str, name: str) -> None:
    assert modality_sets.parse(text) == name


@pytest.mark.parametrize("text", ["", "smell", "joint+", "joint+joint", "fused+joint", "Joint"])
def test_names_that_are_no_subset(text: str) -> None:
    with pytest.raises(ValueError, match="modality is joint, bone, motion, any"):
        modality_sets.parse(text)
