"""The tree: every byte of a packet, every bit that has a name, with value and meaning.

Columns: offset in the packet, bytes (seven a row), bits, name, value. The guides on the left are rich's; lines are
written plainly, since `rich.Tree` costs milliseconds a packet.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.capture.notes import FrameNotes
from mqttdissect.mqtt.fields import BYTE, DERIVED, GROUP, VARINT, BitSpec, Field, FieldSpec
from mqttdissect.mqtt.packet import UNDECODED, Packet
from mqttdissect.mqtt.passing import Passing
from mqttdissect.output import values
from mqttdissect.output.clock import Clock
from mqttdissect.output.gist import Gist
from mqttdissect.output.links import REQUESTS
from mqttdissect.output.links import lines as link_lines
from mqttdissect.output.text import visible, wrapped
from mqttdissect.output.theme import Theme

PER_ROW: Final = 7
HEX_WIDTH: Final = 21
LABEL_WIDTH: Final = 26
NARROWEST: Final = 20  # columns that a value has on any terminal
MOST_SPANS: Final = 6
BLANK_OFFSET: Final = "      "
SPACES: Final = [" " * count for count in range(HEX_WIDTH + 1)]
PAIRS: Final = [f"{byte:02x}" for byte in range(256)]
BITS: Final = [f"{byte >> 4:04b} {byte & 15:04b}" for byte in range(256)]
NUL: Final = "\0"  # where the guides go in rows that are kept
KEPT: Final = 4096  # offsets and lengths whose text is kept


@final
class TreeWriter:
    """`text(packet)`: the packet's tree, with a blank line behind it.

    width: columns of the terminal, 0 for any. fold: bytes of a field that are shown, 0 for all. secrets: show them.
    about: what is known of frames. links: what is said of other packets (`links`).
    """

    def __init__(
        self, theme: Theme, clock: Clock, width: int, fold: int, secrets: bool, about: FrameNotes | None = None,
        links: i64 = REQUESTS,
    ) -> None:  # fmt: skip
        self.links = links
        self.about = about if about is not None else FrameNotes()
        self.theme = theme
        self.clock = clock
        self.gist = Gist(theme, True, self.about.hosts)
        self.width = width
        self.fold = fold
        self.secrets = secrets
        self._labels: dict[FieldSpec, str] = {}
        self._bytes_of: dict[FieldSpec, list[str]] = {}  # the rows of a byte, once written
        self._varints: dict[int, str] = {}  # the rows of a long variable byte integer, without guides
        self._offsets: list[str] = [""] * KEPT
        self._out: list[str] = []
        self._leaf = 0
        self._places: list[tuple[int, int, int]] | None = None  # of each field: its lines in `_out`, its index
        self._bar = theme.paint(theme.guide, "│") + "  "
        self._tee = theme.paint(theme.guide, "├─") + " "
        self._elbow = theme.paint(theme.guide, "└─") + " "

    def text(self, packet: Packet) -> str:
        """The whole tree of `packet`."""
        self._out = [self._head(packet)]
        self._leaf = 0
        sections = self._sections(packet)
        notes = packet.notes or []
        spans = packet.spans or []
        comments = self.about.comments(int(packet.frame), packet.spans)
        links = link_lines(packet, self.links)
        left = len(sections) + len(notes) + (1 if spans else 0) + len(comments) + len(links)
        for title, start, end in sections:
            left -= 1
            self._out.append(f"{self._tee if left else self._elbow}{self.theme.paint(self.theme.heading, title)}\n")
            self._fields(packet, start, end, self._bar if left else "   ")
        if spans:
            left -= 1
            self._out.append(f"{self._tee if left else self._elbow}{self._frames(packet, spans)}\n")
        for line in links:
            left -= 1
            self._out.append(f"{self._tee if left else self._elbow}{self.theme.paint(self.theme.derived, line)}\n")
        for frame, comment in comments:
            left -= 1
            self._out.append(f"{self._tee if left else self._elbow}Comment on frame #{frame}  {visible(comment)}\n")
        for note in notes:
            left -= 1
            text = f"Malformed at offset {note.offset:04x}: expected {visible(note.expected)}. See {note.section}."
            self._out.append(f"{self._tee if left else self._elbow}{self.theme.paint(self.theme.error, text)}\n")
        self._out.append("\n")
        return "".join(self._out)

    def follow(self, passing: Passing) -> None:
        """What others write changes nothing here."""

    def rows(self, packet: Packet) -> list[tuple[int, str]]:
        """The lines of the tree, each with the index of the field that it shows; -1 for one that shows none."""
        places: list[tuple[int, int, int]] = []
        self._places = places
        self.text(packet)
        self._places = None
        owners = [-1] * len(self._out)
        for start, end, index in places:
            for at in range(start, end):
                owners[at] = index
        return [(owners[at], line) for at, part in enumerate(self._out) for line in part.rstrip("\n").split("\n")]

    def _head(self, packet: Packet) -> str:
        theme = self.theme
        source, destination = self.gist.ends(packet)
        stream = packet.stream
        where = f"stream {stream.number}" if stream is not None else ""
        time = theme.paint(theme.time, self.clock.text(packet.time_ns))
        file = self.about.name(int(packet.frame))
        if file:
            time += "  " + theme.paint(theme.frame, visible(file))
        return (
            f"{theme.paint(theme.frame, f'#{packet.frame}')}  {time}  "
            f"{theme.paint(theme.address, source)} → {theme.paint(theme.address, destination)}  {where}  "
            f"{theme.paint(theme.type, packet.name)}  {self.gist.line(packet)}\n"
        )

    def _sections(self, packet: Packet) -> list[tuple[str, int, int]]:
        """The parts that the standard names, with the indices of their fields."""
        count = len(packet.fields)
        if packet.type == UNDECODED:
            return [("Undecoded", 0, count)]
        first = min(2, count)
        payload = max(int(packet.payload), first)
        parts = [("Fixed header", 0, first)]
        if payload > first:
            parts.append(("Variable header", first, payload))
        if count > payload:
            parts.append(("Payload", payload, count))
        return parts

    def _fields(self, packet: Packet, start: int, end: int, guide: str) -> None:
        """The fields from index `start` to `end`, `guide` before each line."""
        fields = packet.fields
        index = start
        while index < end:
            field = fields[index]
            after = index + 1
            if field.spec.kind == GROUP:
                count = field.value
                after += count if isinstance(count, int) else 0
            last = after >= end
            tee = guide + (self._elbow if last else self._tee)
            if field.spec.kind == GROUP:
                self._out.append(f"{tee}{field.spec.label}\n")
                self._fields(packet, index + 1, after, guide + ("   " if last else self._bar))
            else:
                begun = len(self._out)
                self._field(packet, field, tee, guide + ("   " if last else self._bar))
                if self._places is not None:
                    self._places.append((begun, len(self._out), index))
            index = after

    def _field(self, packet: Packet, field: Field, tee: str, more: str) -> None:
        """One leaf. tee: before its first line, more: before the others."""
        spec = field.spec
        theme = self.theme
        label = self._labels.get(spec)
        if label is None:
            self._labels[spec] = label = (spec.label + "  ").ljust(LABEL_WIDTH)
        if spec.kind == DERIVED:
            text = f"[{spec.label}]  ".ljust(LABEL_WIDTH) + values.display(field, self.secrets)
            self._out.append(f"{tee}{BLANK_OFFSET}{' ' * HEX_WIDTH}{theme.paint(theme.derived, text)}\n")
            return
        style = theme.palette[self._leaf % len(theme.palette)]
        self._leaf += 1
        start = field.start
        first = tee + self._offset(start)
        if spec.kind == BYTE and spec.bits:
            self._byte(packet.data[start], field, first, more, style)
        elif spec.kind == VARINT:
            self._varint(packet.data, field, label, first, more, style)
        else:
            self._rows(packet.data, field, label, first, more, style)

    def _offset(self, at: i64) -> str:
        """The column of offsets."""
        if at >= KEPT:
            return self.theme.paint(self.theme.offset, f"{at:04x}") + "  "
        text = self._offsets[at]
        if not text:
            text = self.theme.paint(self.theme.offset, f"{at:04x}") + "  "
            self._offsets[at] = text
        return text

    def _byte(self, byte: int, field: Field, first: str, more: str, style: str) -> None:
        """A byte whose bits have names, a line for each."""
        spec = field.spec
        theme = self.theme
        known = self._bytes_of.get(spec)
        if known is None:
            self._bytes_of[spec] = known = [""] * 256
        rows = known[byte]
        if not rows:
            lines = [
                f"{theme.paint(theme.bits, pattern(bit, byte))}  "
                f"{bit.label.ljust(LABEL_WIDTH)}{values.bits(bit, byte)}\n"
                for bit in spec.bits
            ]
            rows = f"{NUL}{BLANK_OFFSET}          ".join(lines)
            known[byte] = rows
        self._out.append(f"{first}{theme.paint(style, PAIRS[byte])}        {rows.replace(NUL, more)}")

    def _varint(self, data: bytes, field: Field, label: str, first: str, more: str, style: str) -> None:
        """A Variable Byte Integer; of several bytes, each one's continuation bit and seven value bits too."""
        theme = self.theme
        value = field.value
        text = str(value) if field.spec.names is None else values.display(field, self.secrets)
        length = field.end - field.start
        if length == 1:
            byte = data[field.start]
            bits = theme.paint(theme.bits, BITS[byte])
            self._out.append(f"{first}{theme.paint(style, PAIRS[byte])}        {bits}  {label}{text}\n")
            return
        raw = data[field.start : field.end]
        self._out.append(
            f"{first}{theme.paint(style, raw.hex(' '))}{SPACES[HEX_WIDTH + 1 - 3 * length]}{label}{text}\n"
        )
        key = int.from_bytes(raw, "big")
        rows = self._varints.get(key)
        if rows is None:
            rows = self._varint_rows(raw)
            if len(self._varints) < KEPT:
                self._varints[key] = rows
        self._out.append(rows.replace(NUL, more))

    def _varint_rows(self, raw: bytes) -> str:
        """Two rows for each byte; a NUL stands for the guides. Without the field's own colour."""
        theme = self.theme
        rows: list[str] = []
        factor = 1
        for byte in raw:
            again = "more follow" if byte & 0x80 else "last byte"
            bits = theme.paint(theme.bits, f"{byte >> 7}... ....")
            rows.append(f"{NUL}{BLANK_OFFSET}{PAIRS[byte]}        {bits}    {'Continuation'.ljust(LABEL_WIDTH - 2)}")
            rows.append(f"{byte >> 7}  {again}\n")
            low = byte & 0x7F
            bits = theme.paint(theme.bits, f".{low >> 4:03b} {low & 15:04b}")
            times = f"{low} × {factor:,} = {low * factor:,}" if factor > 1 else f"{low}"
            rows.append(f"{NUL}{BLANK_OFFSET}          {bits}    {'Value bits'.ljust(LABEL_WIDTH - 2)}{times}\n")
            factor *= 128
        return "".join(rows)

    def _rows(self, data: bytes, field: Field, label: str, first: str, more: str, style: str) -> None:
        """Any other field: its bytes in rows of seven, its value beside them, wrapped on a terminal."""
        theme = self.theme
        out = self._out
        start, end = field.start, field.end
        shown = end if self.fold == 0 or end - start <= self.fold else start + self.fold
        pairs = data[start:shown].hex(" ")
        if field.spec.secret and not self.secrets:
            pairs = " ".join(["**"] * int(shown - start))
        text = values.display(field, self.secrets)
        if not self.width and len(pairs) < HEX_WIDTH:
            out.append(f"{first}{theme.paint(style, pairs)}{SPACES[HEX_WIDTH - len(pairs)]}{label}{text}\n")
            return
        lines = [text]
        if self.width:
            lines = wrapped(text, max(self.width - len(BLANK_OFFSET) * 2 - HEX_WIDTH - LABEL_WIDTH, NARROWEST))
        row = pairs[: HEX_WIDTH - 1]
        out.append(f"{first}{theme.paint(style, row)}{SPACES[HEX_WIDTH - len(row)]}{label}{lines[0]}\n")
        at = HEX_WIDTH
        index = 1
        while at < len(pairs) or index < len(lines):
            start += PER_ROW
            row = pairs[at : at + HEX_WIDTH - 1]
            offset = self._offset(start) if row else BLANK_OFFSET
            if index < len(lines):
                blank = " " * LABEL_WIDTH
                out.append(
                    f"{more}{offset}{theme.paint(style, row)}{SPACES[HEX_WIDTH - len(row)]}{blank}{lines[index]}\n"
                )
            else:
                out.append(f"{more}{offset}{theme.paint(style, row)}\n")
            at += HEX_WIDTH
            index += 1
        if shown < end:
            count = values.size_of(int(end - shown)).replace(" byte", " more byte")
            out.append(f"{more}{BLANK_OFFSET}{theme.paint(theme.hidden, f'… {count}')}\n")

    def _frames(self, packet: Packet, spans: list[tuple[int, int]]) -> str:
        """Which bytes came in which frame."""
        parts: list[str] = []
        for index, (start, frame) in enumerate(spans[:MOST_SPANS]):
            end = spans[index + 1][0] if index + 1 < len(spans) else len(packet.data)
            parts.append(f"{start:04x}–{end - 1:04x} #{frame}")
        if len(spans) > MOST_SPANS:
            parts.append(f"… {len(spans) - MOST_SPANS} more, to #{spans[-1][1]}")
        return f"Frames  {', '.join(parts)}"


def pattern(spec: BitSpec, byte: int) -> str:
    """0011 ....: the bits of `spec` in `byte`, dots for the others."""
    digits = "".join([str(byte >> bit & 1) if spec.mask >> bit & 1 else "." for bit in range(7, -1, -1)])
    return f"{digits[:4]} {digits[4:]}"
