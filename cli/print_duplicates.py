"""Draws the groups of `duplicates` and the rows of `leaks`."""

from collections.abc import Iterable

from cli.print_tables import new_console, new_table
from umurl_search.evaluation.metrics import percent
from umurl_search.evaluation.twin_results import Duplicates, Leaks, TwinClip, TwinSearch

_MOST_ROWS = 20
_MOST_NAMES = 6
_LEAK_COLUMNS = (
    "score",
    "clip",
    "action",
    "twin",
    "its action",
    "twins",
    "same subject",
    "same performance",
)


def print_groups(found: Duplicates) -> None:
    console = new_console()
    console.print(_describe_search(found))
    console.print(_describe_threshold(found))
    console.print(
        f"{found.pairs:,} pairs, {len(found.groups):,} groups of {found.clips_in_groups:,} of {found.clips:,} clips; "
        f"{found.groups_of_several_actions:,} groups hold several actions"
    )
    shown = found.groups[:_MOST_ROWS]
    table = new_table("clips", "scores", "actions", "subjects", "names", right=("clips",))
    for group in shown:
        clips = group.clips
        table.add_row(
            str(len(clips)),
            _range(group.lowest, group.highest),
            _list_values(map(_action, clips)),
            _list_values(clip.subject for clip in clips),
            _list_values((clip.name for clip in clips), most=_MOST_NAMES),
        )
    if shown:
        console.print(table)
    _say_more(len(found.groups) - len(shown), "groups")


def print_leaks(found: Leaks) -> None:
    console = new_console()
    console.print(f"{_describe_search(found)}, {found.protocol}")
    console.print(_describe_threshold(found))
    console.print(_describe_counts(found))
    shown = found.leaks[:_MOST_ROWS]
    table = new_table(*_LEAK_COLUMNS, right=("score", "twins"))
    for leak in shown:
        table.add_row(
            f"{leak.score:.6f}",
            leak.clip.name,
            _action(leak.clip),
            leak.twin.name,
            _action(leak.twin),
            str(leak.twins),
            _format_known(leak.same_subject),
            _format_known(leak.same_performance),
        )
    if shown:
        console.print(table)
    _say_more(len(found.leaks) - len(shown), "clips")


def _describe_counts(found: Leaks) -> str:
    """How many test clips leak, and what their twins share with them."""
    counts = {
        "action": found.same_action,
        "subject": found.same_subject,
        "performance": found.same_performance,
    }
    known = ", ".join(
        f"{count:,} with a twin of the same {what}" for what, count in counts.items() if count is not None
    )
    return (
        f"{found.leaking:,} of {found.test:,} test clips ({percent(found.share)}) have a near-twin among "
        f"{found.gallery:,} training clips" + (f"; {known}" if known else "")
    )


def _describe_search(found: TwinSearch) -> str:
    return (
        f"{found.dataset}, index {found.index}, {found.modality}, encoder {found.encoder}, "
        f"transform {found.transform}"
    )


def _describe_threshold(found: TwinSearch) -> str:
    said = f"twins score {found.above:.6f} or more"
    chosen = found.chosen
    if chosen is None:
        return said
    if chosen.nearest is None:
        return f"{said}: every clip that was looked at has a copy, so copies only"
    return (
        f"{said}: within {chosen.share:g} of the usual distance to the nearest clip "
        f"(score {chosen.nearest:.6f}, median of {chosen.sampled:,} clips); --above sets another"
    )


def _range(lowest: float, highest: float) -> str:
    low, high = f"{lowest:.6f}", f"{highest:.6f}"
    return low if low == high else f"{low} to {high}"


def _action(clip: TwinClip) -> str:
    return str(clip.action or ("" if clip.label is None else clip.label))


def _list_values(values: Iterable[int | str | None], *, most: int = 3) -> str:
    """Different values in order of appearance, the first few of them."""
    named = list(dict.fromkeys(str(value) for value in values if value not in (None, "")))
    more = f" and {len(named) - most} more" if len(named) > most else ""
    return ", ".join(named[:most]) + more


def _format_known(known: bool | None) -> str:
    return "" if known is None else "yes" if known else "no"


def _say_more(n: int, what: str) -> None:
    if n > 0:
        new_console().print(f"and {n:,} more {what}: --json lists all")
