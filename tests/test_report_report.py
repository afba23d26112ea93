"""The report as one page: every section, its pictures, nothing from the network."""

import html
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from reported import Texts, written_report

from umurl_search.library import encoder_registry
from umurl_search.library.library import Library


def remove_date(text: str) -> str:
    return re.sub(r"Written \d{4}-\d\d-\d\d \d\d:\d\d UTC", "Written then", text)


def test_a_page_asks_the_network_for_nothing_and_has_every_section(indexed: Library, tmp_path: Path) -> None:
    document = written_report(indexed, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    read = Texts(page)
    kinds = ("#", "data:image/png;base64,", "data:image/svg+xml;base64,")
    assert all(address.startswith(kinds) for address in read.addresses)
    assert not re.search(r"https?://|@import|url\(", page)
    titles = [html.unescape(title) for title in re.findall(r"<h2 id=\"[a-z-]+\">([^<]+)</h2>", page)]
    assert (
        titles
        == document["sections"]
        == [
            "What was evaluated",
            "Retrieval",
            "Classes",
            "Confusion",
            "Nearest wrong neighbours",
            "Map of the embedding",
            "Training",
            "How it was made",
        ]
    )
    assert f"fused 1-NN accuracy {100 * document['accuracy']:.1f} %: 30 test clips, gallery of 30" in page


def test_the_same_index_gives_the_same_page_but_for_the_date(indexed: Library, tmp_path: Path) -> None:
    pages = []
    for _ in range(2):
        written_report(indexed, tmp_path / "r.html", map="tsne")
        pages.append(remove_date((tmp_path / "r.html").read_text(encoding="utf-8")))
    assert "Written then" in pages[0]
    assert pages[0] == pages[1]


def test_a_clip_named_like_a_tag_is_a_name(indexed: Library, tmp_path: Path) -> None:
    with indexed.write() as catalog:
        catalog._con.execute("update clips set name = '<script>' || name || '</script>'")
    written_report(indexed, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;S001C" in page


def test_test_clips_that_were_trained_on_are_warned_of(
    indexed: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder_registry, "overlap", lambda entry, dataset, names: len(names) - 1)
    document = written_report(indexed, tmp_path / "r.html")
    (warning,) = document["warnings"]
    assert warning.startswith("encoder e was trained on 29 of the 30 test clips of mine xsub")
    assert html.escape(warning) in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_markdown_has_its_pictures_beside_it(indexed: Library, tmp_path: Path) -> None:
    written_report(indexed, tmp_path / "r.md")
    text = (tmp_path / "r.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[.*\]\((.+)\)", text)
    assert {"r-classes.png", "r-confusion.png", "r-map.png", "r-neighbours.svg"} <= set(shown)
    starts = {".png": b"\x89PNG", ".svg": b"<svg xmlns="}
    assert all((tmp_path / name).read_bytes().startswith(starts[Path(name).suffix]) for name in shown)
    assert len(list(tmp_path.glob("r*"))) == len(shown) + 1


def test_a_page_of_any_name_finds_its_pictures(indexed: Library, tmp_path: Path) -> None:
    written_report(indexed, tmp_path / "a (b) 100% é.md")
    text = (tmp_path / "a (b) 100% é.md").read_text(encoding="utf-8")
    for shown in re.findall(r"!\[.*\]\((.+)\)", text):
        assert (tmp_path / unquote(shown)).is_file()
        assert not set(shown) & set(" ()<>")
