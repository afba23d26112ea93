"""How coordinates are read is declared once, and stated alike everywhere."""

from dataclasses import fields

from encoder.options import options_of
from umurl_search.clips.normalization import Conventions
from umurl_search.clips.reading_options import ReadingOptions
from umurl_search.export.embed_source import EmbedRequest
from umurl_search.ingest.add_update_remove import ChangeRequest
from umurl_search.ingest.ingest import Request
from umurl_search.search.options import ClipFileOptions
from umurl_search.serve.schemas import FileOptions


def test_whatever_reads_coordinates_takes_them() -> None:
    stated = set(options_of(ReadingOptions))
    assert stated == {"upright", "missing"}
    for request in (Request, ChangeRequest, EmbedRequest, ClipFileOptions, Conventions):
        assert stated <= {field.name for field in fields(request)}, request
    assert stated <= set(FileOptions.model_fields)


def test_conventions_are_kept_as_before_where_nothing_new_is_stated() -> None:
    assert Conventions().describe() == {"layout": "ntu25", "fps": 30.0, "up": "y", "scale": 1.0}
    assert Conventions(missing="nan", is_assumed=True).describe()["missing"] == "nan"
    assert Conventions(**Conventions(upright=True).describe()).upright
