"""Two packets as trees, side by side or one above the other, with what differs marked.

Takes packets and the specs of the fields that differ in meaning; hands on lines. Fields are put next to each other by
what they are, not by where they lie. Marks: `≠` differs in meaning, `~` differs and was set aside (or follows from the
rest, as lengths do), `<` and `>` only on one side. The bytes that differ are painted; without colour a line of
`^` below says which they are. Of payloads, only those that differ in meaning are.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import Final

from mqttdissect.comparison.alignment import aligned
from mqttdissect.comparison.difference import SIDES
from mqttdissect.comparison.marks import Marks, Payload, marks
from mqttdissect.comparison.volatile import EXACT
from mqttdissect.mqtt.fields import BitSpec, Field, FieldSpec
from mqttdissect.mqtt.packet import Packet
from mqttdissect.mqtt.registry import APPLICATION_MESSAGE
from mqttdissect.output.clock import Clock
from mqttdissect.output.text import cells, wrapped
from mqttdissect.output.theme import Theme, no_colour
from mqttdissect.output.tree import PER_ROW, TreeWriter

NARROWEST: Final = 160  # columns in which two trees have room for their values
MEANS: Final = "≠"
ASIDE: Final = "~"
LEFT: Final = "<"
RIGHT: Final = ">"
SAME: Final = " "
VALUE_BELOW: Final = 27  # columns behind the guides, where labels start
HEADING_BELOW: Final = 6
BLANK_GUIDES: Final = 6  # columns of a line of the last field of the last part; the rest is blank too
MOST_BEHIND: Final = 4  # rows of bytes that differ behind what is shown of a field
NOTHING: Final = "(nothing)"
GUIDES: Final = re.compile(r"(?:│  |   |├─ |└─ )*")
BYTES: Final = re.compile(r"([0-9a-f]{4,}  |      )((?:[0-9a-f*]{2})(?: [0-9a-f*]{2}){0,6})(?= |$)")

Specs = set[FieldSpec | BitSpec]
Span = tuple[int, int]  # columns


class Row:
    """A line of a tree. spans: columns of bytes that differ. mark: what about it. plain: only the bytes are painted,
    the value beside them is that of others."""

    def __init__(self, text: str, mark: str = SAME, spans: list[Span] | None = None, plain: bool = False) -> None:
        self.text = text
        self.mark = mark
        self.spans = spans or []
        self.plain = plain


RowPair = tuple[Row, Row]


class Block:
    """Lines that show one field, or a heading. what: for finding its counterpart."""

    def __init__(self, what: str, field: Field | None, rows: list[str]) -> None:
        self.what = what
        self.field = field
        self.rows = rows


class SideBySide:
    """`lines(good, bad, meaning)`. width: columns of the terminal, 0 for any; fold: bytes of a field that are shown."""

    def __init__(self, theme: Theme, width: int, fold: int, secrets: bool, first_ns: tuple[int, int]) -> None:
        self._theme = theme
        self._width = width
        self._fold = fold
        self._beside = width == 0 or width >= NARROWEST
        self._half = (width - 3) // 2 if self._beside and width else width - 2 if width else 0
        self._writers = [TreeWriter(no_colour(), Clock(), self._half, fold, secrets) for _ in (0, 1)]
        for writer, first in zip(self._writers, first_ns, strict=True):
            writer.clock.first_ns = first
        self._secrets = secrets

    def lines(self, good: Packet | None, bad: Packet | None, meaning: Specs, where: Marks | None = None) -> list[str]:
        """The two trees. A packet that is not there is `(nothing)`. where: the bytes of the payloads that differ."""
        packets = (good, bad)
        blocks = [self._blocks(side, packet) for side, packet in enumerate(packets)]
        names: dict[str, int] = {}
        numbers = [[names.setdefault(block.what, len(names)) for block in side] for side in blocks]
        pairs: list[RowPair] = []
        i = j = 0
        for to_i, to_j in [*aligned(numbers[0], numbers[1]), (len(blocks[0]), len(blocks[1]))]:
            for block in blocks[0][i:to_i]:
                pairs += [(Row(row, LEFT if bad else SAME), Row("")) for row in block.rows]
            for block in blocks[1][j:to_j]:
                pairs += [(Row(""), Row(row, RIGHT if good else SAME)) for row in block.rows]
            if to_i < len(blocks[0]):
                pairs += self._paired(packets, (blocks[0][to_i], blocks[1][to_j]), meaning, where)
            i, j = to_i + 1, to_j + 1
        if self._beside:
            return self._two_columns(pairs)
        return self._above(pairs)

    def _blocks(self, side: int, packet: Packet | None) -> list[Block]:
        """The tree in parts."""
        if packet is None:
            return [Block("#", None, [NOTHING])]
        blocks: list[Block] = []
        before = -1
        for index, line in self._writers[side].rows(packet):
            if not line:
                continue
            if index >= 0 and index == before:
                blocks[-1].rows.append(line)
            elif index >= 0:
                field = packet.fields[index]
                blocks.append(Block(f"{field.spec.name} {field.spec.label}", field, [line]))
            else:
                text = GUIDES.sub("", line, count=1)
                blocks.append(Block("#" if not blocks else f"- {text}", None, [line]))
            before = index
        return blocks

    def _paired(
        self,
        packets: tuple[Packet | None, Packet | None],
        blocks: tuple[Block, Block],
        meaning: Specs,
        where: Marks | None,
    ) -> list[RowPair]:
        """Two blocks of one field, row by row."""
        one, two = blocks
        left, right = one.field, two.field
        good, bad = packets
        if left is None or right is None or good is None or bad is None:
            return [(Row(a), Row(b)) for a, b in zip(one.rows, two.rows, strict=False)]
        raw = good.data[left.start : left.end], bad.data[right.start : right.end]
        if raw[0] == raw[1] and left.value == right.value:
            return [(Row(a), Row(b)) for a, b in zip(one.rows, two.rows, strict=False)]
        if where is not None and left.spec is APPLICATION_MESSAGE:
            return self._payload(blocks, (good, bad), where)
        mark = MEANS if {left.spec, *left.spec.bits} & meaning else ASIDE
        secret = left.spec.secret and not self._secrets
        rows: list[RowPair] = []
        for at in range(max(len(one.rows), len(two.rows))):
            texts = [block.rows[at] if at < len(block.rows) else "" for block in blocks]
            marked = mark if secret or content(texts[0]) != content(texts[1]) else SAME
            spans = ([], []) if secret else different(texts[0], texts[1])
            rows.append((Row(texts[0], marked, spans[0]), Row(texts[1], marked, spans[1])))
        if not secret:
            rows += self._behind_fold(blocks, (good, bad), marks(Payload(raw[0], 0), Payload(raw[1], 0), EXACT), mark)
        return rows

    def _payload(self, blocks: tuple[Block, Block], packets: tuple[Packet, Packet], where: Marks) -> list[RowPair]:
        """Two payloads, row by row. Those that were set aside in part, or say the same in another place, are not
        differences."""
        rows: list[list[Row]] = [[], []]
        for side, block in enumerate(blocks):
            for at, text in enumerate(block.rows):
                columns = byte_columns(text)
                start, end = at * PER_ROW, at * PER_ROW + len(columns)
                spans = [columns[byte - start] for byte in within(where.spans[side], start, end)]
                mark = MEANS if spans else ASIDE if within(where.aside[side], start, end) else SAME
                rows[side].append(Row(text, mark, spans, plain=True))
        return [*zip_longest(rows[0], rows[1], fillvalue=Row("")), *self._behind_fold(blocks, packets, where, MEANS)]

    def _behind_fold(
        self, blocks: tuple[Block, Block], packets: tuple[Packet, Packet], where: Marks, mark: str
    ) -> list[RowPair]:
        """Rows of the bytes that differ, where the tree does not show them."""
        raw = [bytes_of(*both) for both in zip(blocks, packets, strict=True)]
        if not self._fold or max(map(len, raw)) <= self._fold:
            return []
        left, right = (
            self._rows_behind(blocks[side], raw[side], where.first[side], where.spans[side], mark) for side in (0, 1)
        )
        return list(zip_longest(left, right, fillvalue=Row("")))

    def _rows_behind(self, block: Block, raw: bytes, first: int, spans: list[Span], mark: str) -> list[Row]:
        """Those of one side."""
        start = block.field.start if block.field is not None else 0
        fill = beneath(block.rows[0])
        rows: list[Row] = []
        shown = self._fold
        for byte in [first, *[byte for one, two in spans for byte in range(max(one, shown), two)]]:
            if byte < shown and not (byte == first == len(raw)):
                continue
            if len(rows) == MOST_BEHIND:
                rows.append(Row(f"{fill}      … more that differ", mark))
                break
            part = raw[byte : byte + PER_ROW]
            says = "first byte that differs" if byte == first else ""
            text = f"{fill}{start + byte:04x}  {part.hex(' '):21}{says}" if part else f"{fill}(ends before)"
            columns = byte_columns(text)
            found = [columns[at - byte] for at in within(spans, byte, byte + len(columns))]
            rows.append(Row(text.rstrip(), mark, found, plain=True))
            shown = byte + PER_ROW
        return rows

    def _two_columns(self, pairs: list[RowPair]) -> list[str]:
        """Side by side."""
        half = self._half or max(cells(left.text) for left, _ in pairs)
        lines: list[str] = []
        fits = [fitted_pair(pair, self._half) for pair in pairs]
        for left, right in [pair for group in fits for pair in group]:
            mark = left.mark if left.mark != SAME else right.mark
            space = " " * max(0, half - cells(left.text))
            painted = self._painted(left), self._painted(right)
            lines.append(f"{painted[0]}{space} {self._mark(mark)} {painted[1]}".rstrip() + "\n")
            if (left.spans or right.spans) and not self._theme.colour:
                lines.append(f"{carets(left).ljust(half)}   {carets(right)}".rstrip() + "\n")
        return lines

    def _above(self, pairs: list[RowPair]) -> list[str]:
        """One above the other."""
        lines: list[str] = []
        for side, name in enumerate(SIDES):
            lines.append(f"  {self._theme.paint(self._theme.heading, name)}\n")
            for row in [row for pair in pairs for row in fitted(pair[side], self._half)]:
                if not row.text:
                    continue
                lines.append(f"{self._mark(row.mark)} {self._painted(row)}".rstrip() + "\n")
                if row.spans and not self._theme.colour:
                    lines.append(f"  {carets(row)}\n")
            if side == 0:
                lines.append("\n")
        return lines

    def _mark(self, mark: str) -> str:
        style = (
            self._theme.error if mark == MEANS else self._theme.bits if mark in (LEFT, RIGHT) else self._theme.hidden
        )
        return self._theme.paint(style, mark) if mark != SAME else mark

    def _painted(self, row: Row) -> str:
        """The row with its bytes that differ in colour."""
        text = row.text
        if not self._theme.colour or row.mark == SAME:
            return text
        style = self._theme.error if row.mark == MEANS else self._theme.bits
        if not row.spans and row.plain:
            return text
        if not row.spans:
            return self._theme.paint(style, text)
        parts: list[str] = []
        at = 0
        for start, end in row.spans:
            parts += [text[at:start], self._theme.paint(style, text[start:end])]
            at = end
        value = value_column(text)
        if value > at and not row.plain:
            return "".join(parts) + text[at:value] + self._theme.paint(style, text[value:])
        return "".join(parts) + text[at:]


def content(row: str) -> str:
    """A row without its guides and offset: two rows with the same content differ in place at most."""
    guide = GUIDES.match(row)
    return row[(guide.end() if guide else 0) + 6 :]


def byte_columns(row: str) -> list[Span]:
    """Where the bytes of a row stand."""
    guide = GUIDES.match(row)
    match = BYTES.match(row, guide.end() if guide else 0)
    return [(at, at + 2) for at in range(match.start(2), match.end(2), 3)] if match else []


def value_column(row: str) -> int:
    """Where the value of a row starts: behind the last run of spaces."""
    at = row.rstrip().rfind("  ")
    return at + 2 if at >= 0 else len(row)


def different(one: str, two: str) -> tuple[list[Span], list[Span]]:
    """Columns of bytes that are not the same in both rows."""
    spans = byte_columns(one), byte_columns(two)
    found: tuple[list[Span], list[Span]] = ([], [])
    for side, row in enumerate((one, two)):
        for at, (start, end) in enumerate(spans[side]):
            other = spans[1 - side]
            same = at < len(other) and row[start:end] == (two, one)[side][other[at][0] : other[at][1]]
            if not same:
                found[side].append((start, end))
    return found


def bytes_of(block: Block, packet: Packet) -> bytes:
    """The bytes of a block's field."""
    return packet.data[block.field.start : block.field.end] if block.field is not None else b""


def within(spans: list[Span], start: int, end: int) -> list[int]:
    """The bytes of spans from `start` to `end`."""
    return [byte for one, two in spans for byte in range(max(one, start), min(two, end))]


def carets(row: Row) -> str:
    """A line that points at the bytes that differ."""
    line = beneath(row.text)
    for start, end in row.spans:
        line = line.ljust(start) + "^" * (end - start)
    return line if row.spans else line.rstrip()


def beneath(row: str) -> str:
    """The guides of a row as they go on in the lines below it."""
    guide = GUIDES.match(row)
    return (guide[0] if guide else "").replace("├─ ", "│  ").replace("└─ ", "   ")


def fitted(row: Row, width: int) -> list[Row]:
    """The row in lines of at most `width` columns, 0 for any: its value goes below its label."""
    if not width or cells(row.text) <= width:
        return [row]
    fill = beneath(row.text)
    lines = fill.rstrip()
    if len(fill) > len(lines) + BLANK_GUIDES + 2:  # of a row without bytes, whose value stands far to the right
        fill = fill[: len(lines) + 2] if lines else fill[:BLANK_GUIDES]
    indent = fill.ljust(len(fill) + (VALUE_BELOW if fill else HEADING_BELOW))
    at = value_column(row.text)
    if cells(row.text[:at].rstrip()) > width or cells(row.text[at:]) > width - len(indent):
        at = len(wrapped(row.text, width)[0])
        at = at if fill else row.text.rfind(" ", 0, at) + 1 or at
    rows = [Row(row.text[:at].rstrip(), row.mark, row.spans, row.plain)]
    return rows + [
        Row(indent + line, row.mark, plain=row.plain) for line in wrapped(row.text[at:].lstrip(), width - len(indent))
    ]


def fitted_pair(pair: RowPair, width: int) -> list[RowPair]:
    """The same for two rows next to each other."""
    return list(zip_longest(fitted(pair[0], width), fitted(pair[1], width), fillvalue=Row("")))
