"""A page of words, tables and pictures, as one HTML file or as Markdown. Every text is escaped here.

Texts come from files and names that others gave: nothing in them is markup.
"""

import base64
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters, marks that turn the direction of what follows, halves of characters."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#~&!])")

_STYLE = """\
:root { color-scheme: light dark; --ink: #24292f; --quiet: #6a737d; --rule: #d8dee4; --paper: #fff; --warn: #fff4e0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e2e6ea; --quiet: #9aa4ae; --rule: #3a424a; --paper: #16191d; --warn: #3a2d12; } }
body { font: 15px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 66rem; margin: 2.5rem auto 4rem; padding: 0 1.25rem; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.75rem 0 .5rem; }
p { max-width: 46rem; margin: .75rem 0 .25rem; } .quiet, figcaption { color: var(--quiet); font-size: .9em; }
nav { margin: 1rem 0; } nav a { color: inherit; margin-right: 1.1rem; white-space: nowrap; }
.scroll { overflow-x: auto; margin: .25rem 0 1.5rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--quiet); font-size: .85em; vertical-align: bottom; }
th, td { padding: .25rem 1.1rem .25rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
td:last-child { overflow-wrap: anywhere; }
.number { text-align: right; white-space: nowrap; } figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
.warn { background: var(--warn); padding: .5rem .9rem; border-radius: 4px; max-width: none; }
pre { overflow-x: auto; border: 1px solid var(--rule); border-radius: 4px; padding: .8rem 1rem; font-size: .85em; }
summary { cursor: pointer; }
"""


@dataclass(frozen=True, kw_only=True)
class Text:
    """A paragraph. A warning stands out."""

    text: str
    warning: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of texts. `numbers`: the columns set to the right. `folded`: shown on demand only."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numbers: frozenset[str] = frozenset()
    caption: str = ""
    folded: bool = False


@dataclass(frozen=True, kw_only=True)
class Picture:
    """`name`: of its file beside a Markdown page. `caption` says what there is to see."""

    name: str
    png: bytes
    caption: str

    @property
    def file(self) -> tuple[bytes, str]:
        """Its content and suffix."""
        return self.png, "png"


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A picture as SVG, which may move; the rest as of a `Picture`."""

    name: str
    svg: str
    caption: str

    @property
    def file(self) -> tuple[bytes, str]:
        return self.svg.encode("utf-8"), "svg"


@dataclass(frozen=True, kw_only=True)
class Commands:
    """Lines for a shell, already quoted."""

    lines: Sequence[str]


Block = Text | Table | Picture | Drawing | Commands


@dataclass(frozen=True, kw_only=True)
class Section:
    """`title` is empty where the page's own says it all."""

    title: str
    blocks: list[Block]


@dataclass(frozen=True, kw_only=True)
class Page:
    title: str
    subtitle: str = ""
    sections: list[Section] = field(default_factory=list)
    foot: str = ""

    @property
    def pictures(self) -> list[Picture | Drawing]:
        blocks = (block for section in self.sections for block in section.blocks)
        return [block for block in blocks if isinstance(block, Picture | Drawing)]


# HTML


def to_html(page: Page) -> str:
    """One file, its pictures within; it asks the network for nothing."""
    titled = [section for section in page.sections if section.title]
    links = "\n".join(f'<a href="#{_anchor(s.title)}">{_escape(s.title)}</a>' for s in titled)
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_escape(page.title)}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>",
        f"<h1>{_escape(page.title)}</h1>",
        f'<p class="quiet">{_escape(page.subtitle)}</p>' if page.subtitle else "",
        f"<nav>{links}</nav>" if len(titled) > 1 else "",
        *(_section(section) for section in page.sections),
        f'<p class="quiet">{_escape(page.foot)}</p>' if page.foot else "",
        "</body>\n</html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _section(section: Section) -> str:
    head = f'<h2 id="{_anchor(section.title)}">{_escape(section.title)}</h2>\n' if section.title else ""
    return head + "\n".join(_block(block) for block in section.blocks)


_MEDIA = {"png": "png", "svg": "svg+xml"}


def _block(block: Block) -> str:
    if isinstance(block, Text):
        return (
            f'<p class="warn">{_escape(block.text)}</p>' if block.warning else f"<p>{_escape(block.text)}</p>"
        )
    if isinstance(block, Picture | Drawing):
        content, suffix = block.file
        source = f"data:image/{_MEDIA[suffix]};base64,{base64.b64encode(content).decode('ascii')}"
        caption = _escape(block.caption)
        return f'<figure><img src="{source}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'
    if isinstance(block, Commands):
        return f"<pre>{_escape(chr(10).join(block.lines))}</pre>"
    return _table(block)


def _table(table: Table) -> str:
    kinds = [' class="number"' if column in table.numbers else "" for column in table.columns]
    head = "".join(f"<th{kind}>{_escape(name)}</th>" for kind, name in zip(kinds, table.columns, strict=True))
    rows = [
        "<tr>"
        + "".join(f"<td{kind}>{_escape(cell)}</td>" for kind, cell in zip(kinds, row, strict=True))
        + "</tr>"
        for row in table.rows
    ]
    caption = f'<p class="quiet">{_escape(table.caption)}</p>\n' if table.caption and not table.folded else ""
    head = f"<thead><tr>{head}</tr></thead>" if any(table.columns) else ""
    top = f'{caption}<div class="scroll"><table>{head}<tbody>'
    whole = "\n".join([top, *rows, "</tbody></table></div>"])
    return (
        f"<details><summary>{_escape(table.caption)}</summary>\n{whole}\n</details>"
        if table.folded
        else whole
    )


def _escape(text: str) -> str:
    return html.escape(_replace_unprintable(text))


def _replace_unprintable(text: str) -> str:
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


# Markdown


def to_markdown(page: Page, *, pictures: dict[str, str]) -> str:
    """The page in Markdown. pictures: name -> the file that it lies in, beside the page."""
    parts = [f"# {_escape_markdown(page.title)}", _escape_markdown(page.subtitle)]
    for section in page.sections:
        parts.append(f"## {_escape_markdown(section.title)}" if section.title else "")
        parts += [_markdown(block, pictures) for block in section.blocks]
    parts.append(_escape_markdown(page.foot))
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown(block: Block, pictures: dict[str, str]) -> str:
    if isinstance(block, Text):
        return f"> **{_escape_markdown(block.text)}**" if block.warning else _escape_markdown(block.text)
    if isinstance(block, Picture | Drawing):
        return f"![{_escape_markdown(block.name)}]({quote(pictures[block.name])})\n\n{_escape_markdown(block.caption)}"
    if isinstance(block, Commands):
        longest = max((len(run) for line in block.lines for run in re.findall("`+", line)), default=0)
        fence = "`" * max(3, longest + 1)
        return "\n".join([f"{fence}sh", *map(_replace_unprintable, block.lines), fence])
    edges = ["---:" if column in block.numbers else "---" for column in block.columns]
    rows = [map(_escape_markdown, block.columns), edges, *(map(_escape_markdown, row) for row in block.rows)]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"{_escape_markdown(block.caption)}\n\n{table}" if block.caption else table


def _escape_markdown(text: str) -> str:
    """One line that Markdown takes for words."""
    return _MARKDOWN.sub(r"\\\1", " ".join(_replace_unprintable(text).split()))
