"""Results on the terminal, where a part of them is missing."""

import pytest

from cli import print_tables
from umurl_search.training.import_encoder import ImportReport


def test_an_encoder_imported_for_no_dataset(capsys: pytest.CaptureFixture[str]) -> None:
    report = ImportReport(
        encoder="x", dataset=None, protocol=None, dimension=8, parameters=10, projectors=False
    )
    print_tables.print_imported(report)
    assert "encoder x: imported for no dataset, dimension 8" in capsys.readouterr().out
