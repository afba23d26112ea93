"""Readers: one per format of recordings, all with the interface of `base.Reader`."""

from umurl_search.readers.formats import FORMATS, SourceOptions, detect, open_reader

__all__ = ["FORMATS", "SourceOptions", "detect", "open_reader"]
