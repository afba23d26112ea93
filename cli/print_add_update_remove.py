"""Draws what changed in a library."""

from cli.print_tables import line
from umurl_search.ingest.add_update_remove import ChangeReport
from umurl_search.ingest.relabel import RelabelReport
from umurl_search.maintenance.compact import CompactReport
from umurl_search.maintenance.repair import RepairReport

_DONE = (
    ("added", "added"),
    ("replaced", "replaced"),
    ("removed", "removed"),
    ("relabelled", "relabelled"),
    ("reassigned", "in other parts"),
)


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def print_changes(report: ChangeReport) -> None:
    done = [_count(report[key], "clip") + f" {word}" for key, word in _DONE if report[key]]
    line(f"{report.dataset}: {', '.join(done) or 'nothing changed'}; {_count(report.clips, 'clip')} now")
    if report.indexes:
        line(f"in step: index {', '.join(report.indexes)}")
    if report.unchanged:
        line(f"{_count(report.unchanged, 'clip')} of the source unchanged")
    for reason, n in report.left_out.items():
        line(f"left out: {_count(n, 'recording')}, {reason}")
    if report.new:
        line(
            f"{_count(report.new, 'clip')} of the source not in the library: umurl-search add {report.dataset}"
        )
    if report.gone:
        line(
            f"{_count(report.gone, 'clip')} no longer in the source: umurl-search remove {report.dataset} NAME"
        )


def print_relabelled(report: RelabelReport) -> None:
    line(
        f"{report.dataset}: {_count(report.relabelled, 'clip')} relabelled; "
        f"{report.labelled:,} of {_count(report.clips, 'clip')} have a label"
    )
    if report.columns:
        line(f"columns: {', '.join(report.columns)}")
    if report.unmatched:
        line(
            f"no clip is called {', '.join(report.unmatched[:5])}{' ...' if len(report.unmatched) > 5 else ''}"
        )


def print_compacted(report: CompactReport) -> None:
    if not report.done:
        line(
            f"{report.dataset}: one part each and {_count(report.gone, 'clip')} gone of which bytes remain: not "
            "worthwhile (--force does it all the same)"
        )
        return
    line(
        f"{report.dataset}: {report.parts} parts made into {1 + len(report.indexes)}, "
        f"{_count(report.gone, 'clip')} dropped, "
        f"{report.before / 2**20:,.1f} -> {report.after / 2**20:,.1f} MiB"
    )


def print_repaired(report: RepairReport) -> None:
    for text in report.mended:
        line(f"mended: {text}")
    for text in report.problems:
        line(f"cannot be mended here: {text}")
    if not report.mended and not report.problems:
        line("nothing to mend")
