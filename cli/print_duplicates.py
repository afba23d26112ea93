"""Draws the groups of `duplicates` and the rows of `leaks`."""

from typing import Any

from cli.print_tables import Document, new_console, new_table, percent

_MOST_ROWS = 20
_MOST_NAMES = 6


def groups(document: Document) -> None:
    console = new_console()
    console.print(_where(document))
    console.print(_how(document))
    console.print(
        f"{document['pairs']:,} pairs, {len(document['groups']):,} groups of {document['clips_in_groups']:,} "
        f"of {document['clips']:,} clips; {document['groups_of_several_actions']:,} groups hold several actions"
    )
    shown = document["groups"][:_MOST_ROWS]
    table = new_table("clips", "scores", "actions", "subjects", "names", right=("clips",))
    for group in shown:
        clips = group["clips"]
        table.add_row(
            str(len(clips)),
            _range(group["lowest"], group["highest"]),
            _each(map(_action, clips)),
            _each(clip["subject"] for clip in clips),
            _each((clip["name"] for clip in clips), most=_MOST_NAMES),
        )
    if shown:
        console.print(table)
    _say_more(len(document["groups"]) - len(shown), "groups")


def leaks(document: Document) -> None:
    console = new_console()
    console.print(f"{_where(document)}, {document['protocol']}")
    console.print(_how(document))
    known = ", ".join(
        f"{document[key]:,} with a twin of the {key.replace('_', ' ')}"
        for key in ("same_action", "same_subject", "same_performance")
        if document[key] is not None
    )
    console.print(
        f"{document['leaking']:,} of {document['test']:,} test clips ({percent(document['share'])}) have a near-twin "
        f"among {document['gallery']:,} training clips" + (f"; {known}" if known else "")
    )
    shown = document["leaks"][:_MOST_ROWS]
    table = new_table(
        "score",
        "clip",
        "action",
        "twin",
        "its action",
        "twins",
        "same subject",
        "same performance",
        right=("score", "twins"),
    )
    for leak in shown:
        table.add_row(
            f"{leak['score']:.6f}",
            leak["clip"]["name"],
            _action(leak["clip"]),
            leak["twin"]["name"],
            _action(leak["twin"]),
            str(leak["twins"]),
            _yes(leak["same_subject"]),
            _yes(leak["same_performance"]),
        )
    if shown:
        console.print(table)
    _say_more(len(document["leaks"]) - len(shown), "clips")


def _where(document: Document) -> str:
    return (
        f"{document['dataset']}, index {document['index']}, {document['modality']}, encoder {document['encoder']}, "
        f"transform {document['transform']}"
    )


def _how(document: Document) -> str:
    said = f"twins score {document['above']:.6f} or more"
    chosen = document["chosen"]
    if chosen is None:
        return said
    if chosen["nearest"] is None:
        return f"{said}: every clip that was looked at has a copy, so copies only"
    return (
        f"{said}: within {chosen['share']:g} of the usual distance to the nearest clip "
        f"(score {chosen['nearest']:.6f}, median of {chosen['sampled']:,} clips); --above sets another"
    )


def _range(lowest: float, highest: float) -> str:
    low, high = f"{lowest:.6f}", f"{highest:.6f}"
    return low if low == high else f"{low} to {high}"


def _action(clip: dict[str, Any]) -> str:
    return str(clip["action"] or ("" if clip["label"] is None else clip["label"]))


def _each(values: Any, *, most: int = 3) -> str:
    """Different values in order of appearance, the first few of them."""
    named = list(dict.fromkeys(str(value) for value in values if value not in (None, "")))
    more = f" and {len(named) - most} more" if len(named) > most else ""
    return ", ".join(named[:most]) + more


def _yes(known: bool | None) -> str:
    return "" if known is None else "yes" if known else "no"


def _say_more(n: int, what: str) -> None:
    if n > 0:
        new_console().print(f"and {n:,} more {what}: --json lists all")
