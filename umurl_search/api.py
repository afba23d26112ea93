"""The library as Python sees it: a folder that gives indexes to ask."""

from umurl_search.library import library
from umurl_search.search.searcher import Searcher


class Library(library.Library):
    """A library's folder, which also opens its indexes."""

    def index(self, name: str | None = None, *, device: str = "auto") -> Searcher:
        """An index to ask, the library's default when None: `library.index().search(["clip.npy"], k=5)`."""
        return Searcher(self, name, device=device)
