"""Tables of rows in Parquet and CSV files, a chunk at a time."""

from pathlib import Path

import numpy as np
import pytest
from documents import table
from refusals import raises_typed

from umurl_search.library.catalog.tables import table_file


def test_a_table_of_chunks_keeps_types_order_and_nothing(tmp_path: Path) -> None:
    types = {"name": "varchar", 'odd "name"': "bigint", "score": "double", "y": "float[]"}
    path = tmp_path / "x.parquet"
    y = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    names: list[str | None] = [None] * 8 + ["late"]
    with table_file(path, types) as add:
        for rows in (slice(0, 4), slice(4, 4), slice(4, 9)):
            numbers = [None if i % 2 else i for i in range(9)][rows]
            add({"name": names[rows], 'odd "name"': numbers, "score": np.arange(9.0)[rows], "y": y[rows]})
    columns = table(path)
    assert columns["name"] == names
    assert columns['odd "name"'] == [0, None, 2, None, 4, None, 6, None, 8]
    assert columns["score"] == list(range(9))
    assert np.array_equal(np.array(columns["y"], dtype=np.float32), y)
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]


def test_a_table_refuses_what_does_not_fit(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match=r"^a table is a \.parquet or \.csv file, got 'x\.txt'$"),
        table_file(tmp_path / "x.txt", {"a": "bigint"}),
    ):
        pass
    with table_file(tmp_path / "x.csv", {"a": "bigint", "b": "bigint"}) as add:
        with pytest.raises(ValueError, match=r"^columns are a, b, got b, a$"):
            add({"b": [1], "a": [1]})
        with pytest.raises(ValueError, match=r"^columns are of one length, got \[1, 2\]$"):
            add({"a": [1], "b": [1, 2]})
    with (
        raises_typed(r"x.csv: cannot be written \(.*\); make room or give another --out$"),
        table_file(tmp_path / "x.csv", {"a": "bigint"}) as add,
    ):
        add({"a": ["no number"]})
