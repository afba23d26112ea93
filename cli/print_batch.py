"""Draws the answers to many clips."""

from collections.abc import Sequence

from rich.console import Console

from cli.print_hits import explain_mark, mark_of
from cli.print_tables import new_console, new_table
from umurl_search.clips.note_kinds import join_notes
from umurl_search.search.results import (
    AnswerOfMany,
    AskedClip,
    BatchCounts,
    BatchFile,
    BatchResult,
    Hit,
    LabelledSegment,
    Moment,
)

_MOST_ROWS = 20
_MOST_NOTES, _MOST_LEFT_OUT = 6, 3
_HITS_SHOWN = 3


def notes(result: BatchCounts) -> list[str]:
    """What to know beside the answers, for stderr: repeated notes once, long lists cut."""
    answers = result.queries if isinstance(result, BatchResult) else []
    told = join_notes((one.query.clip, note) for one in answers for note in one.query.notes)
    told = result.notes if isinstance(result, BatchFile) else told
    lines = _shorten([f"note: {note}" for note in told], "notes (--json)", most=_MOST_NOTES)
    if result.stored:
        lines.append(
            f"note: {result.stored:,} clips are the index's own and ask with the embeddings that it holds"
        )
    left_out = [f"left out: {one.name}: {one.reason}" for one in result.left_out]
    return [*lines, *_shorten(left_out, "left out (--json)", most=_MOST_LEFT_OUT)]


def _shorten(lines: list[str], what: str, *, most: int) -> list[str]:
    more = len(lines) - most
    return [*lines[:most], *([f"and {more:,} more {what}"] if more > 0 else [])]


def print_answers(result: BatchCounts) -> None:
    index, names = result.index, ", ".join(one.name for one in result.indexes)
    bridge = " across a bridge" if index.bridge else ""
    left_out = f", {len(result.left_out):,} left out" if result.left_out else ""
    console = new_console()
    console.print(
        f"{result.answered:,} clips against {names} ({index.against}{bridge}, transform "
        f"{index.transform}){left_out}: {result.rows:,} hits, {result.seconds['total']:.1f} s"
    )
    if isinstance(result, BatchFile):
        console.print(f"{result.out}: a row a hit")
    if isinstance(result, BatchResult):
        _print_first(console, result.queries)


def _print_first(console: Console, queries: Sequence[AnswerOfMany]) -> None:
    """The first few queries with their first few hits."""
    shown = queries[:_MOST_ROWS]
    first = [f"{i}." for i in range(1, min(_HITS_SHOWN, max(len(one.hits) for one in shown)) + 1)]
    table = new_table("clip", "action", *first)
    for one in shown:
        hits = [_hit(hit) for hit in one.hits[: len(first)]]
        table.add_row(one.query.clip, _action(one.query), *hits, *[""] * (len(first) - len(hits)))
    explain_mark(console, [hit for one in shown for hit in one.hits[: len(first)]])
    console.print(table)
    more = len(queries) - len(shown)
    if more > 0:
        console.print(f"and {more:,} more clips: --json or --out FILE gives all")


def _action(row: AskedClip | Hit | LabelledSegment) -> str:
    return str(row.action or ("" if row.label is None else row.label))


def _hit(hit: Hit) -> str:
    moment, there = "", _action(hit)
    if isinstance(hit, Moment):
        moment = f" {hit.start_s:.1f}-{hit.end_s:.1f} s"
        there = _action(hit.segment or hit)
    return f"{hit.name}{moment}{mark_of(hit)} {hit.score:.4f}" + (f" {there}" if there else "")
