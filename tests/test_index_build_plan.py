"""What is to be built, resolved before anything is made: name, encoder, rows, manifest."""

import pytest
from conftest import WINDOW

from encoder.errors import UmurlError
from umurl_search.index.bridges_and_whitening import Transform
from umurl_search.index.build_plan import BuildRequest, plan_build
from umurl_search.library.library import Library

HALF = Transform.parse("half-whiten:8")


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({}, "mine@e"),
        ({"transform": HALF}, "mine@e+half-whiten-8"),
        ({"modalities": "all"}, "mine@e+all"),
        ({"transform": HALF, "modalities": "all"}, "mine@e+half-whiten-8+all"),
        ({"name": "own", "transform": HALF}, "own"),
    ],
)
def test_an_index_is_named_after_what_it_is_made_of(
    library: Library, asked: dict[str, object], name: str
) -> None:
    request = BuildRequest(dataset="mine", device="cpu", **asked)  # type: ignore[arg-type]
    assert plan_build(library, request).name == name
    with library.read() as catalog:
        assert catalog.indexes() == []


def test_windows_are_named_by_their_length_and_are_rows_of_their_own(long: Library) -> None:
    plan = plan_build(long, BuildRequest(dataset="long", encoder="e", window=WINDOW, device="cpu"))
    assert plan.name == "long@e+2.5s"
    assert len(plan.rows) > len(plan.store) == plan.about["clips"]


def test_the_manifest_says_what_is_asked_and_its_recipe_nothing_of_the_kind(library: Library) -> None:
    flat, half, white = (
        plan_build(library, BuildRequest(dataset="mine", device="cpu", **asked)).about
        for asked in ({"kind": "flat"}, {"kind": "flat16"}, {"kind": "flat", "transform": HALF})
    )
    assert (flat["dataset"], flat["encoder"], flat["clips"], flat["transform"]) == ("mine", "e", 60, "none")
    assert (flat["index_kind"], half["index_kind"]) == ("flat", "flat16")
    assert flat["recipe"] == half["recipe"] != white["recipe"]


def test_an_encoder_of_ones_own_needs_no_warning_and_the_shipped_one_does(library: Library) -> None:
    assert plan_build(library, BuildRequest(dataset="mine", device="cpu")).warnings == []
    with library.write() as catalog:
        catalog.delete("encoder", "e")
    plan = plan_build(library, BuildRequest(dataset="mine", device="cpu"))
    assert plan.entry.name == "shipped"
    assert "umurl-search train mine makes one of its own" in plan.warnings[0]


def test_an_unknown_dataset_or_encoder_is_told(library: Library) -> None:
    for request in (BuildRequest(dataset="x"), BuildRequest(dataset="mine", encoder="x")):
        with pytest.raises(UmurlError, match=r"^no (dataset|encoder) 'x'"):
            plan_build(library, request)
