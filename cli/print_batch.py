"""Draws the answers to many clips."""

from typing import Any

from cli.print_tables import Document, new_console, new_table

_MOST_ROWS = 20
_MOST_NOTES = 3
_HITS_SHOWN = 3


def notes(document: Document) -> list[str]:
    """What to know beside the answers, for stderr: repeated notes once, long lists cut."""
    told = dict.fromkeys(note for one in document.get("queries", ()) for note in one["query"]["notes"])
    lines = _first([f"note: {note}" for note in told], "notes (--json)")
    if document["stored"]:
        lines.append(
            f"note: {document['stored']:,} clips are the index's own and ask with the embeddings that it holds"
        )
    left_out = [f"left out: {one['name']}: {one['reason']}" for one in document["left_out"]]
    return [*lines, *_first(left_out, "left out (--json)")]


def _first(lines: list[str], what: str) -> list[str]:
    more = len(lines) - _MOST_NOTES
    return [*lines[:_MOST_NOTES], *([f"and {more:,} more {what}"] if more > 0 else [])]


def answers(document: Document) -> None:
    index = document["index"]
    bridge = " across a bridge" if index["bridge"] else ""
    left_out = f", {len(document['left_out']):,} left out" if document["left_out"] else ""
    console = new_console()
    console.print(
        f"{document['answered']:,} clips against {index['name']} ({index['against']}{bridge}, transform "
        f"{index['transform']}){left_out}: {document['rows']:,} hits, {document['seconds']['total']:.1f} s"
    )
    if "out" in document:
        console.print(f"{document['out']}: a row a hit")
        return
    shown = document["queries"][:_MOST_ROWS]
    first = [f"{i}." for i in range(1, min(_HITS_SHOWN, max(len(one["hits"]) for one in shown)) + 1)]
    table = new_table("clip", "action", *first)
    for one in shown:
        hits = [_hit(hit) for hit in one["hits"][: len(first)]]
        table.add_row(one["query"]["clip"], _action(one["query"]), *hits, *[""] * (len(first) - len(hits)))
    console.print(table)
    more = len(document["queries"]) - len(shown)
    if more > 0:
        console.print(f"and {more:,} more clips: --json or --out FILE gives all")


def _action(row: dict[str, Any]) -> str:
    return str(row["action"] or ("" if row["label"] is None else row["label"]))


def _hit(hit: dict[str, Any]) -> str:
    moment = f" {hit['start_s']:.1f}-{hit['end_s']:.1f} s" if "start_s" in hit else ""
    action = _action(hit.get("segment") or hit)
    return f"{hit['name']}{moment} {hit['score']:.4f}" + (f" {action}" if action else "")
