"""What a report is made of, and pages read back."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from umurl_search.evaluation.modality_matrix import Retrieval, retrieve
from umurl_search.index.bridges_and_whitening import LinearMap
from umurl_search.library.library import Library
from umurl_search.report.report import ReportRequest, WrittenReport, write_report

RNG = np.random.default_rng(7)


def unit_rows(n: int, d: int = 6) -> NDArray[np.float32]:
    return LinearMap()(RNG.standard_normal((n, d)).astype(np.float32))


@pytest.fixture
def retrieved(indexed: Library) -> Retrieval:
    return retrieve(indexed, index=None, protocol=None, device="cpu")


class Texts(HTMLParser):
    """The tags and the words of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.words += data


def written_report(library: Library, out: Path, **options: Any) -> WrittenReport:
    return write_report(
        library, ReportRequest(out=out, map=options.pop("map", "pca"), device="cpu", **options)
    )
