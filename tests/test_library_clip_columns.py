"""The columns of a clip: those that the catalog has, hits show, and an evaluation needs."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import duckdb
import numpy as np
from conftest import Result
from refusals import FOUR_NAMES

from umurl_search.evaluation.twin_results import TwinClip
from umurl_search.library.catalog.schema_and_migrations import SCHEMA
from umurl_search.library.clip_columns import CLIP_COLUMNS, COLUMNS, FACETS, number_of, sql_types
from umurl_search.search.results import SHOWN, Hit
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Result]


def test_the_catalog_has_each_column_and_keeps_words_as_words() -> None:
    with duckdb.connect() as con:
        con.execute(SCHEMA)
        found = con.execute("select column_name, data_type from duckdb_columns where table_name = 'clips'")
        kept = dict(found.fetchall())
    assert tuple(kept)[: len(COLUMNS)] == COLUMNS
    for column in CLIP_COLUMNS:
        assert (kept[column.name] == "VARCHAR") == (column.sql == "varchar"), column


def test_hits_and_twins_have_fields_for_what_is_shown_of_a_clip() -> None:
    assert {field.name for field in fields(Hit)} >= {"rank", "score", "clip_id", *SHOWN}
    assert {field.name for field in fields(TwinClip)} == {"clip_id", *SHOWN} - {"dataset"}
    assert tuple(sql_types(only_hits=True)) == SHOWN


def test_facets_are_columns_that_repeat() -> None:
    assert FACETS[0] == "action"
    assert set(FACETS) < set(COLUMNS) - {"id", "name", "frames"}


def test_words_and_numbers_in_words_count_as_numbers() -> None:
    assert [number_of(one) for one in (None, 2, "2")] == [None, 2, 2]
    ann, padded = number_of("ann"), number_of("02")
    assert ann is not None
    assert padded is not None
    assert min(ann, padded) > 2**59
    assert ann != padded


def test_clips_without_labels_say_so(tmp_path: Path, command: Command) -> None:
    source = tmp_path / "clips"
    source.mkdir()
    for name in ("kick", "wave", FOUR_NAMES[0]):
        np.save(source / f"{name}.npy", make_clip(FOUR_NAMES[0]))
    splits = tmp_path / "splits.json"
    splits.write_text(json.dumps({"p": {"train": ["kick"], "test": ["wave"]}}))
    assert command("ingest", "own", "--source", source, "--splits", splits).code == 0
    assert command("build-index", "own").code == 0
    result = command("knn-eval")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "have no labels" in result.err
