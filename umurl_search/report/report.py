"""One page about an encoder on a dataset: figures, mistakes, pictures, and the commands that made them."""

import importlib.metadata
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from umurl_search.evaluation.evaluation_results import EvaluatedIndex, Warned
from umurl_search.evaluation.metrics import percent
from umurl_search.evaluation.modality_matrix import Retrieval, retrieve
from umurl_search.evaluation.projection import Method, require
from umurl_search.files.atomic import replace_file, require_place
from umurl_search.library.library import Library
from umurl_search.library.retry import retry_if_library_changed
from umurl_search.progress import Progress, no_progress
from umurl_search.report import sections as sections
from umurl_search.report.commands import commands
from umurl_search.report.mpl_style import new_figure
from umurl_search.report.page import Commands, Page, Section, to_html, to_markdown
from umurl_search.report.skeleton_drawings import add_drawings

SUFFIXES = (".html", ".md")
_PACKAGES = (
    "umurl-search",
    "torch",
    "numpy",
    "faiss-cpu",
    "faiss-gpu",
    "scikit-learn",
    "umap-learn",
    "matplotlib",
)


@dataclass(frozen=True, kw_only=True)
class ReportRequest:
    """What to report on and where to. None: the library's default index, its dataset's first protocol.

    map: how the embedding is flattened, besides PCA; linear: train a linear classifier too.
    """

    out: Path
    index: str | None = None
    protocol: str | None = None
    map: Method = "tsne"
    linear: bool = False
    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class WrittenReport(Warned, EvaluatedIndex):
    """The page that was written."""

    out: str
    """the page"""
    accuracy: float
    """1-NN of the fused modality"""
    sections: list[str]
    """the page's headings"""
    seconds: dict[str, float]
    """`evaluate`, `draw`, `total`"""


@retry_if_library_changed
def write_report(
    library: Library, request: ReportRequest, *, progress: Progress = no_progress
) -> WrittenReport:
    """Evaluates an index and writes the page: one .html, or a .md with its pictures beside it.

    Raises UmurlError for an unknown index or protocol, when a package for the figures is missing, or when
    `out` is no such file in a folder that exists.
    """
    started = time.monotonic()
    require_place(request.out, *SUFFIXES)
    new_figure(1, 1)
    require(request.map)
    found = retrieve(
        library, index=request.index, protocol=request.protocol, device=request.device, progress=progress
    )
    evaluated = time.monotonic()
    page = _page(library, request, found, progress)
    _write(page, request.out)
    return WrittenReport(
        out=str(request.out),
        dataset=found.opened.dataset,
        protocol=found.opened.split.protocol,
        encoder=found.entry.name,
        index=found.opened.name,
        accuracy=found.own.accuracy,
        sections=[section.title for section in page.sections],
        warnings=found.warnings,
        seconds={
            "evaluate": evaluated - started,
            "draw": time.monotonic() - evaluated,
            "total": time.monotonic() - started,
        },
    )


def _page(library: Library, request: ReportRequest, found: Retrieval, progress: Progress) -> Page:
    made: list[Callable[[], Section]] = [
        lambda: sections.facts(found),
        lambda: sections.retrieval(found),
        *([lambda: sections.linear(library, found, device=request.device)] if request.linear else []),
        lambda: sections.classes(found),
        lambda: sections.mistakes(found),
        lambda: add_drawings(sections.neighbours(found), library, found),
        lambda: sections.embedding(found, request.map),
        lambda: sections.training(found),
        lambda: _made_by(library, request, found),
    ]
    done = []
    with progress("Drawing", total=len(made), unit="sections") as advance:
        for make in made:
            done.append(make())
            advance(1)
    opened, split = found.opened, found.opened.split
    return Page(
        title=f"{found.entry.name} on {opened.dataset} {split.protocol}",
        subtitle=f"{found.main} 1-NN accuracy {percent(found.own.accuracy)}: {len(split.queries):,} test "
        f"clips, gallery of {len(split.gallery):,}, index {opened.name}, transform {opened.index.transform}",
        sections=done,
        foot=_foot(),
    )


def _made_by(library: Library, request: ReportRequest, found: Retrieval) -> Section:
    options = ["--out", str(request.out), "--map", request.map, *(["--linear"] if request.linear else [])]
    lines = commands(found, library=library.root, report=options, linear=request.linear)
    return Section(title="How it was made", blocks=[Commands(lines=lines)])


def _foot() -> str:
    """The date, the program and what it ran on."""
    there = {one.name.lower(): one.version for one in importlib.metadata.distributions() if one.name}
    versions = [f"{name} {there[name]}" for name in _PACKAGES if name in there]
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"Written {when}. {', '.join(versions)}, Python {platform.python_version()}."


def _write(page: Page, out: Path) -> None:
    if out.suffix.lower() == ".html":
        return replace_file(out, to_html(page).encode("utf-8"))
    files = {one.name: f"{out.stem}-{one.name}.{one.file[1]}" for one in page.pictures}
    for one in page.pictures:
        replace_file(out.with_name(files[one.name]), one.file[0])
    replace_file(out, to_markdown(page, pictures=files).encode("utf-8"))
