"""A table of results, once: as text for a terminal, as JSON, as CSV.

A `Column` says what its values are; each form makes of them what its readers want: text for people has units and
leaves columns out where the terminal is narrow; JSON and CSV have every column and plain numbers (nanoseconds, bytes).
Text that came from the wire is made harmless in all three.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mqttdissect.output.columns import quoted, safe
from mqttdissect.output.text import brief, cells, visible
from mqttdissect.output.theme import Theme
from mqttdissect.output.units import duration, rate, share, size, size_rate

if TYPE_CHECKING:
    from rich.table import Table as RichTable

LONGEST = 200  # characters of text that a person is shown
NARROWEST = 20  # columns that the text of a row gets at least
WIDEST = 100_000  # columns, where lines may be of any length
GAP = 2  # columns between two columns
NONE = "–"

COUNT = "count"
FORMS: dict[str, Callable[[float], str]] = {
    COUNT: lambda value: f"{value:,.0f}",
    "bytes": size,
    "ns": duration,
    "rate": rate,
    "byte_rate": size_rate,
    "share": share,
}
TEXT = "text"


@dataclass(frozen=True)
class Column:
    """key: its name in JSON and CSV. label: its heading for people; empty for a column that they are not shown.

    form: one of `FORMS`, or `TEXT`. rank: columns of higher rank are left out first where there is little room; those
    of rank 0 only where not even they fit, the last first.
    """

    key: str
    label: str
    form: str = COUNT
    rank: int = 0


Cell = str | int | float | bool | None


@dataclass
class Table:
    """name: as users ask for it. rows: a value for each column. more: what people are told below it.

    bar: key of the column that is drawn as a bar where there is room. indents: text before the first cell of each row
    that is not part of its value (the guides of a tree); empty for none.
    """

    name: str
    title: str
    columns: list[Column]
    rows: list[list[Cell]]
    more: str = ""
    bar: str = ""
    indents: list[str] = field(default_factory=list)
    extra: dict[str, object] = field(default_factory=dict)  # in JSON alone
    unmade: int = 0  # rows that nobody asked for

    def column(self, key: str) -> list[Cell]:
        """The values of one column."""
        index = [column.key for column in self.columns].index(key)
        return [row[index] for row in self.rows]

    def first(self, count: int) -> Table:
        """The same with at most `count` rows; what people are told says how many are left out."""
        left = len(self.rows) + self.unmade - count
        if left <= 0:
            return self
        more = "; ".join(part for part in (f"… and {left:,} more", self.more) if part)
        indents = self.indents[:count]
        return Table(self.name, self.title, self.columns, self.rows[:count], more, self.bar, indents, self.extra)


def to_json(table: Table) -> list[dict[str, object]]:
    """A list of objects."""
    keys = [column.key for column in table.columns]
    return [dict(zip(keys, row, strict=True)) for row in table.rows]


def to_csv(table: Table) -> str:
    """A heading and a line for each row; no cell is taken for a formula by a spreadsheet."""
    lines = [quoted([column.key for column in table.columns])]
    lines += [quoted([plain(cell) for cell in row]) for row in table.rows]
    return "".join(lines)


def plain(cell: Cell) -> str:
    """A cell of CSV."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return safe(visible(cell))
    if isinstance(cell, bool):
        return str(int(cell))
    return f"{cell:.6f}".rstrip("0").rstrip(".") if isinstance(cell, float) else str(cell)


def shown(cell: Cell, form: str) -> str:
    """A cell for people."""
    if cell is None:
        return NONE
    if isinstance(cell, str):
        return brief(cell, LONGEST)
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if form == COUNT and isinstance(cell, int):
        return f"{cell:,}"
    return FORMS[form](cell)


def cut(text: str, width: int) -> str:
    """`text` in at most `width` columns of a terminal, with an ellipsis where something is missing."""
    if cells(text) <= width:
        return text
    from rich.cells import set_cell_size

    return set_cell_size(text, width - 1).rstrip() + "…"


@dataclass
class Layout:
    """A table as it fits a width. texts: the cells of each row. keep: indexes of the columns that are shown; widths: of
    each of them. bar: text of each row, if a column is drawn as one."""

    texts: list[list[str]]
    keep: list[int]
    widths: dict[int, int]
    bar: list[str]


def layout(table: Table, width: int) -> Layout:
    """For a terminal of `width` columns: those of high rank go first, until the others fit beside the first one."""
    forms = [column.form for column in table.columns]
    texts = [[shown(cell, form) for cell, form in zip(row, forms, strict=True)] for row in table.rows]
    for row, indent in zip(texts, table.indents, strict=False):
        row[0] = indent + row[0]
    widest = [max([cells(column.label), *(cells(row[at]) for row in texts)]) for at, column in enumerate(table.columns)]
    keep = [index for index, column in enumerate(table.columns) if column.label]

    def needed() -> int:
        total = GAP * (len(keep) - 1)
        for index in keep:
            narrow = table.columns[index].form == TEXT and index == keep[0]
            total += min(widest[index], NARROWEST) if narrow else widest[index]
        return total

    while needed() > width and len(keep) > 1:
        keep.remove(max(keep[1:], key=lambda index: (table.columns[index].rank, index)))
    widths = {at: widest[at] for at in keep}
    room = width - sum(widths[at] for at in keep[1:]) - GAP * (len(keep) - 1)
    widths[keep[0]] = min(widths[keep[0]], max(room, 8))
    return Layout(texts, keep, widths, bars(table, width - sum(widths.values()) - GAP * len(keep)))


def to_text(table: Table, width: int, theme: Theme) -> str:
    """Its lines, for a terminal of `width` columns. By hand, since tables may have very many rows, of each of which
    rich would take some milliseconds."""
    laid = layout(table, width)
    gap = " " * GAP
    columns = [(at, laid.widths[at], table.columns[at].form == TEXT) for at in laid.keep]
    first = laid.keep[0]
    heading = []
    for at, room, text in columns:
        label = cut(table.columns[at].label, room)
        pad = " " * (room - cells(label))
        heading.append(theme.paint(theme.heading, label + pad if text else pad + label))
    lines = [gap.join(heading).rstrip()]
    for number, row in enumerate(laid.texts):
        parts = []
        for at, room, text in columns:
            cell = row[at]
            if not text and cell.isascii() and len(cell) <= room:
                parts.append(cell.rjust(room))
                continue
            space = room - cells(cell)
            if space < 0:
                cell = cut(cell, room)
                space = room - cells(cell)
            cell = cell + " " * space if text else " " * space + cell
            parts.append(theme.paint(theme.topic, cell) if text and at == first else cell)
        if laid.bar:
            parts.append(theme.paint(theme.address, laid.bar[number]))
        lines.append(gap.join(parts).rstrip())
    return "\n".join(lines) + "\n"


def to_rich(table: Table, width: int) -> RichTable:
    """The same for rich, which draws it again and again."""
    from rich.table import Table as RichTable
    from rich.text import Text

    laid = layout(table, width)
    made = RichTable(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold", collapse_padding=True)
    for at in laid.keep:
        column = table.columns[at]
        label = cut(column.label, laid.widths[at])
        style = "green" if at == laid.keep[0] else ""
        if column.form == TEXT:
            made.add_column(label, no_wrap=True, width=laid.widths[at], style=style)
        else:
            made.add_column(label, justify="right", no_wrap=True, width=laid.widths[at])
    if laid.bar:
        made.add_column("", no_wrap=True, style="cyan")
    for number, row in enumerate(laid.texts):
        cells_of_row = [Text(cut(row[at], laid.widths[at])) for at in laid.keep]
        made.add_row(*cells_of_row, *([laid.bar[number]] if laid.bar else []))
    return made


BAR_WIDTH = 24
LEAST_BAR = 12


def bars(table: Table, room: int) -> list[str]:
    """A bar for each row, by the column that is to be drawn as one; none where there is no room."""
    if not table.bar or room < LEAST_BAR + GAP:
        return []
    values = [float(value or 0) for value in table.column(table.bar)]
    highest = max(values, default=0)
    return [bar(value / highest if highest else 0, min(BAR_WIDTH, room - GAP)) for value in values]


EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(part: float, width: int) -> str:
    """A bar that takes `part` (of 1) of `width` columns; at least a trace where `part` is not 0."""
    eighths = round(part * width * 8)
    if part > 0:
        eighths = max(eighths, 1)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (EIGHTHS[rest] if rest else "")
