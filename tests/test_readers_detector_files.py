"""The rows of pose estimators' formats."""

from pathlib import Path

from umurl_search.readers.detector_files import ROWS
from umurl_search.readers.formats import FORMATS


def test_each_row_is_in_the_table_of_formats(tmp_path: Path) -> None:
    for name, fields in ROWS.items():
        assert {key: getattr(FORMATS[name], key) for key in fields} == fields
        assert not FORMATS[name].is_file(tmp_path / "gone")


def test_files_that_are_one_clip_each_can_be_updated() -> None:
    assert {name for name in ROWS if FORMATS[name].is_clip_a_file} == {"keypoints-json", "keypoints-csv"}
