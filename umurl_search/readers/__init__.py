"""Readers: one per format of recordings, all with the interface of `base.Reader`."""

from umurl_search.readers.format_detection import detect
from umurl_search.readers.formats import FORMATS, SourceOptions, open_reader

__all__ = ["FORMATS", "SourceOptions", "detect", "open_reader"]
