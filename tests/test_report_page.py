"""Pages in HTML and Markdown: nothing said there is markup."""

import re
import shlex
from dataclasses import replace

from reported import Texts

from umurl_search.report.page import (
    Block,
    Commands,
    Page,
    Picture,
    Section,
    Table,
    Text,
    to_html,
    to_markdown,
)

EVIL = '<script>alert("1")</script> & $x$ | `*_'


# pages


def evil_page() -> Page:
    table = Table(columns=(EVIL, "n"), rows=[(EVIL, "1")], numbers=frozenset({"n"}), caption=EVIL)
    blocks: list[Block] = [
        Text(text=EVIL),
        Text(text=EVIL, warning=True),
        table,
        replace(table, folded=True),
        Picture(name="p", png=b"PNG", caption=EVIL),
        Commands(lines=[shlex.join(["ls", EVIL])]),
    ]
    return Page(title=EVIL, subtitle=EVIL, sections=[Section(title=EVIL, blocks=blocks)] * 2, foot=EVIL)


def test_nothing_said_on_a_page_is_markup() -> None:
    read = Texts(to_html(evil_page()))
    assert "script" not in read.tags
    assert read.words.count(EVIL) == 6 + 2 * 11
    assert {address[:5] for address in read.addresses} == {"#scri", "data:"}


def test_nothing_said_in_markdown_is_markup() -> None:
    text = to_markdown(evil_page(), pictures={"p": "r-p.png"})
    outside = "".join(re.split(r"```+sh\n.*?\n```+", text, flags=re.DOTALL))
    assert not re.search(r"(?<!\\)<", outside)
    assert not re.search(r"(?<![\\ ])`", outside)
    rows = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {3}
    assert "](r-p.png)" in text
    assert "\n````sh\n" not in text


def test_a_fence_is_longer_than_what_it_holds() -> None:
    page = Page(title="t", sections=[Section(title="s", blocks=[Commands(lines=["echo '```'"])])])
    assert "````sh\necho '```'\n````" in to_markdown(page, pictures={})


def test_what_cannot_be_printed_is_shown_as_such() -> None:
    page = Page(title="a\x00b\udcffc", sections=[Section(title="", blocks=[Commands(lines=["ls '\udcff'"])])])
    for text in (to_html(page), to_markdown(page, pictures={})):
        assert "a�b�c" in text
        text.encode("utf-8")


# the report


def test_marks_of_direction_are_not_printed() -> None:
    page = Page(title="a\u202egnp\u2066", sections=[])
    for text in (to_html(page), to_markdown(page, pictures={})):
        assert "a\ufffdgnp\ufffd" in text
