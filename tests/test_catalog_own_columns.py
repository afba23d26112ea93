"""Columns of one's own in the catalog: filters, types, clips that come and go."""

from pathlib import Path

import numpy as np
import pytest
from refusals import raises_typed

from umurl_search.library.catalog.own_columns import own_name
from umurl_search.library.library import Library


def give(library: Library, **columns: list[object]) -> list[int]:
    """Gives the first clips of `mine` these values; their ids."""
    n = len(next(iter(columns.values())))
    types = {
        name: "bigint" if all(isinstance(v, int) for v in vs) else "varchar" for name, vs in columns.items()
    }
    with library.write() as catalog:
        ids = [int(i) for i in catalog.clip_ids("mine")[:n]]
        catalog.annotate("mine", ids, columns={}, own=columns, types=types)
    return ids


def test_a_filter_knows_them_of_their_dataset_alone(library: Library) -> None:
    ids = give(library, emotion=["happy", "sad", "happy"], age=[7, 8, 9])
    with library.read() as catalog:
        assert catalog.filter("emotion = 'happy' and age > 7", "mine").tolist() == [ids[2]]
        assert len(catalog.filter("emotion is null", "mine")) == 57
        with raises_typed("emotion"):
            catalog.filter("emotion = 'happy'")
        row = catalog.clips_by_id(ids[:1])[ids[0]]
        columns = catalog.clips_of("mine")
    assert (row["emotion"], row["age"]) == ("happy", 7)
    assert columns.own == {"emotion": "varchar", "age": "bigint"}
    assert columns.columns["age"][:4] == [7, 8, 9, None]


def test_nothing_said_leaves_what_is_there_and_only_changes_count(library: Library) -> None:
    ids = give(library, age=[7, 8])
    with library.write() as catalog:
        said = {"columns": {"label": [0, 5]}, "own": {"age": [None, 8]}, "types": {"age": "bigint"}}
        assert catalog.annotate("mine", ids, **said) == {ids[1]}
        assert catalog.annotate("mine", ids, **said) == set()
        assert catalog.clips_of("mine").columns["age"][:2] == [7, 8]


def test_a_column_of_two_types_holds_both(library: Library) -> None:
    ids = give(library, score=[1, 2])
    with library.write() as catalog:
        catalog.annotate("mine", ids[:1], columns={}, own={"score": [2.5]}, types={"score": "double"})
        assert catalog.clips_of("mine").columns["score"][:2] == [2.5, 2.0]
        catalog.annotate("mine", ids[:1], columns={}, own={"score": ["high"]}, types={"score": "varchar"})
        assert catalog.clips_of("mine").columns["score"][:2] == ["high", "2.0"]


def test_words_stand_in_place_of_a_known_fields_numbers(library: Library) -> None:
    ids = give(library, subject=["ann", "bob"])
    with library.read() as catalog:
        numbers = [row["subject"] for row in catalog._rows("select subject from clips order by id")]
        assert catalog.clips_of("mine").columns["subject"][2:] == [str(one) for one in numbers[2:]]
        assert catalog.filter("subject = 'ann'", "mine").tolist() == ids[:1]
        assert catalog.clips_of("mine").columns["subject"][:2] == ["ann", "bob"]
        assert catalog.clip("mine", catalog.clips_of("mine").name[0])["subject"] == "ann"  # type: ignore[index]


def test_values_go_with_their_clips(library: Library) -> None:
    ids = give(library, age=[7, 8])
    with library.write() as catalog:
        catalog.change_clips("mine", removed=ids[:1])
        assert catalog.clips_of("mine").columns["age"][:2] == [8, None]
        catalog.delete("dataset", "mine")
        assert catalog.own_columns("mine") == {}
        assert (
            catalog._rows("select table_name from duckdb_tables() where table_name like 'own columns%'") == []
        )


@pytest.mark.parametrize("name", ["id", "Frames", "source", "score", "people"])
def test_names_of_the_catalog_are_kept_apart(name: str) -> None:
    assert own_name(name) == f"own_{name}"
    assert own_name("emotion") == "emotion"


def test_names_and_values_are_never_sql(library: Library, tmp_path: Path) -> None:
    odd = 'a"; drop table clips; --'
    values: list[object] = ["'); drop table clips; --"]
    ids = give(library, **{odd: values})
    with library.read() as catalog:
        assert catalog.clips_by_id(ids)[ids[0]][odd] == "'); drop table clips; --"
        assert len(catalog.clip_ids("mine")) == 60
    assert np.array_equal(ids, sorted(ids))
