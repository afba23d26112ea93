"""Results on the terminal, where a part of them is missing."""

import pytest

from cli import print_tables


def test_an_encoder_imported_for_no_dataset(capsys: pytest.CaptureFixture[str]) -> None:
    document = {"encoder": "x", "dimension": 8, "parameters": 10, "projectors": False}
    print_tables.imported({**document, "dataset": None, "protocol": None})
    assert "encoder x: imported for no dataset, dimension 8" in capsys.readouterr().out
