"""Tables of hits that fit the terminal: columns give way instead of wrapping, poses take what room there is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.braille import LEAST, MOST, Strip
from cli.print_tables import new_console, new_table
from umurl_search.search.results import Hit, QueryResult

Draw = Callable[[int], Sequence[Strip]]
"""The poses of the query and of every hit, so many characters wide."""
_GAP = 2
_CUT = 8
"""The least of a column that may be cut."""
_ROOMY = 16
"""Of a column that may be cut, what it keeps beside poses."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table. short: other cells for it where there is little room. cut: it may end in an ellipsis.

    spare: it goes where there is no room for it; of several, the later one first. across: of cells of several lines.
    """

    header: str
    cells: Sequence[Text]
    short: Sequence[Text] | None = None
    right: bool = False
    cut: bool = False
    spare: bool = False
    across: int | None = None

    @property
    def width(self) -> int:
        widths: list[int] = [cell.cell_len for cell in self.cells] if self.across is None else [self.across]
        return max([len(self.header), *widths])

    def at_most(self, width: int) -> "Column":
        """Its cells cut to so many characters."""
        cells = [cell.copy() for cell in self.cells]
        for cell in cells:
            cell.truncate(width, overflow="ellipsis")
        return replace(self, cells=cells, header=self.header[:width])


def text(value: object) -> Text:
    """A cell; of what is not known, an empty one."""
    if isinstance(value, bool):
        return Text("true" if value else "false")
    return Text("" if value is None else str(value))


def print_hits(result: QueryResult, *, draw: Draw | None = None) -> None:
    """The clips found for one."""
    query, index = result.query, result.index
    bridge = " across a bridge" if index.bridge else ""
    console, (names, passing) = new_console(), searched_names(result)
    console.print(
        f"{query.clip} ({query.modality}) against {names} ({index.against}{bridge}, "
        f"transform {index.transform}): {len(result.hits)} of {passing:,} clips, "
        f"{1000 * result.seconds['total']:.0f} ms"
    )
    if query.exclude_same_performance:
        console.print("the query's own performance left out")
    if query.where is not None and len(result.hits) < query.k:
        console.print(f'only {passing:,} clips pass --where "{query.where}"')
    found = result.hits
    columns = [
        *naming_columns(found),
        Column(
            header="action",
            cells=[_action(hit, None if hit.is_query else query.label) for hit in found],
            cut=True,
        ),
    ]
    columns += [
        Column(header=name, cells=[text(hit[name]) for hit in found], right=True, spare=True)
        for name in ("subject", "camera", "setup", "frames")
    ]
    columns += [
        Column(header=name, cells=[text(hit[name]) for hit in found])
        for name in (found[0].more if found else ())
    ]
    explain_mark(console, found)
    show(console, columns, draw)


def naming_columns(found: Sequence[Hit]) -> list[Column]:
    """Rank, score and clip of every hit."""
    return [
        Column(header="rank", cells=[text(f"{hit.rank}{mark_of(hit)}") for hit in found], right=True),
        Column(header="score", cells=[text(f"{hit.score:.4f}") for hit in found], right=True),
        Column(
            header="clip",
            cells=[text(f"{hit.dataset}:{hit.name}") for hit in found],
            short=[text(hit.name) for hit in found],
        ),
        *_index_column(found),
    ]


def mark_of(hit: Hit) -> str:
    """Behind the rank or name of the hit that is the query itself."""
    return "*" if hit.is_query else ""


def explain_mark(console: Console, found: Sequence[Hit]) -> None:
    """Above a table, what the mark in it means."""
    if any(hit.is_query for hit in found):
        console.print("* the query itself")


def _index_column(found: Sequence[Hit]) -> list[Column]:
    """Which index holds a hit, where not all are of one."""
    if len({hit.index for hit in found}) < 2:
        return []
    return [Column(header="index", cells=[text(hit.index) for hit in found], spare=True)]


def searched_names(result: QueryResult) -> tuple[str, int]:
    """The indexes that were searched, by name, and how many clips or windows could be found."""
    return ", ".join(one.name for one in result.indexes), sum(one.passing for one in result.indexes)


def _action(hit: Hit, wanted: int | None) -> Text:
    """Green where it is the query's, red where it is another."""
    action = hit.action or ("" if hit.label is None else str(hit.label))
    return Text(action, style="" if wanted is None else "green" if hit.label == wanted else "red")


def show(console: Console, columns: Sequence[Column], draw: Draw | None) -> None:
    """The table, under the query's own poses where poses are drawn."""
    if draw is not None and console.is_terminal:
        console.print(_colour_people(draw(min(MOST, console.width))[0]))
    console.print(fit_columns(columns, console, draw=draw))


def _colour_people(strip: Strip) -> Text:
    """Its lines, each person in a colour."""
    lines = []
    for characters, people in zip(strip.lines, strip.people, strict=True):
        line = Text()
        for character, person in zip(characters, people, strict=True):
            line.append(character, style="magenta" if person else "cyan")
        lines.append(line)
    return Text("\n").join(lines)


def _poses(draw: Draw, width: int) -> list[Text]:
    return [_colour_people(strip) for strip in draw(width)[1:]]


def fit_columns(columns: Sequence[Column], console: Console, *, draw: Draw | None = None) -> Table:
    """The columns that the console has room for, and the poses."""
    if not console.is_terminal:
        return _table(columns)
    columns = [column for column in columns if not column.cells or any(column.cells)]
    kept = _narrow([column for column in columns if not column.spare], console.width)
    if draw is not None:
        kept = _add_poses(kept, console.width, partial(_poses, draw))
    for column in (column for column in columns if column.spare):
        if _total([*kept, column]) > console.width:
            break
        kept.append(column)
    return _table(kept)


def _total(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + _GAP * (len(columns) - 1)


def _shorten(columns: Sequence[Column]) -> list[Column]:
    return [replace(one, cells=one.short) if one.short is not None else one for one in columns]


def _narrow(columns: list[Column], width: int) -> list[Column]:
    """Short cells for long ones, then what may be cut is, then it goes."""
    if _total(columns) > width:
        columns = _shorten(columns)
    over = _total(columns) - width
    if over > 0:
        columns = [one for one in columns if not one.cut or one.width - over >= _CUT]
        columns = [one.at_most(one.width - over) if one.cut else one for one in columns]
    return columns


def _add_poses(columns: list[Column], width: int, poses: Callable[[int], Sequence[Text]]) -> list[Column]:
    """The columns and the poses after them, where there is room for the least of these."""
    for kept in (columns, _shorten(columns)):
        short = MOST + _GAP - (width - _total(kept))
        if short > 0:  # names of actions give way a little
            kept = [one.at_most(max(_ROOMY, one.width - short)) if one.cut else one for one in kept]
        room = width - _total(kept) - _GAP
        if room >= LEAST:
            across = min(room, MOST)
            return [*kept, Column(header="poses", cells=poses(across), across=across)]
    return columns


def _table(columns: Sequence[Column]) -> Table:
    right = tuple(column.header for column in columns if column.right)
    table = new_table(*(column.header for column in columns), right=right)
    for column in table.columns:
        column.vertical = "middle"
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*cells)
    return table
