"""Clips taken for each other, playing side by side."""

import base64
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from reported import written_report

from umurl_search.evaluation.modality_matrix import Retrieval
from umurl_search.library.library import Library
from umurl_search.report import sections
from umurl_search.report.page import Section, Table, Text
from umurl_search.report.skeleton_drawings import add_drawings


def drawn_pairs(page: str) -> ElementTree.Element:
    (coded,) = re.findall(r"data:image/svg\+xml;base64,([\w+/=]+)", page)
    return ElementTree.fromstring(base64.b64decode(coded))


def test_clips_taken_for_each_other_play_side_by_side(
    indexed: Library, retrieved: Retrieval, tmp_path: Path
) -> None:
    written_report(indexed, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    table = sections.neighbours(retrieved).blocks[1]
    assert isinstance(table, Table)
    said = [element.text for element in drawn_pairs(page).iter("{http://www.w3.org/2000/svg}text")]
    for i, (_, query, is_a, neighbour, is_another) in enumerate(table.rows[:4]):
        assert said[4 * i : 4 * i + 4] == [f"is: {is_a}", query, f"found: {is_another}", neighbour]
    assert len(said) == 4 * 4
    assert len(page) - len(re.sub(r"data:image/svg[^\"]+", "", page)) < 300_000


def test_nothing_in_the_drawn_names_is_markup(indexed: Library, tmp_path: Path) -> None:
    with indexed.write() as catalog:
        catalog._con.execute("update clips set name = '<script>\u202e' || name")
    written_report(indexed, tmp_path / "r.html")
    drawing = drawn_pairs((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert not [element for element in drawing.iter() if element.tag.endswith("script")]
    said = [element.text or "" for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert sum(text.startswith("<script>\ufffdS001C") for text in said) == 8


def test_a_report_without_mistakes_draws_none(retrieved: Retrieval, indexed: Library) -> None:
    section = Section(title="t", blocks=[Text(text="none")])
    own = replace(retrieved.own, neighbours=retrieved.own.neighbours.copy())
    for q, label in enumerate(retrieved.query_labels.tolist()):
        own.neighbours[q, 0] = np.flatnonzero(retrieved.gallery_labels == label)[0]
    right = replace(retrieved, figures={**retrieved.figures, (retrieved.main, retrieved.main): own})
    assert add_drawings(section, indexed, right) is section
    assert len(add_drawings(section, indexed, retrieved).blocks) == 2
