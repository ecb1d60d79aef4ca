"""The tree: every byte of a packet, every bit that has a name, with value and meaning.

Columns: offset in the packet, bytes (seven a row), bits, name, value. The guides on the left are rich's; lines are
written plainly, since `rich.Tree` costs milliseconds a packet.
"""

from typing import Final, final

from mqttdissect.mqtt.fields import BYTE, DERIVED, GROUP, VARINT, BitSpec, Field, FieldSpec
from mqttdissect.mqtt.packet import UNDECODED, Packet
from mqttdissect.output import values
from mqttdissect.output.clock import Clock
from mqttdissect.output.gist import Gist
from mqttdissect.output.text import visible, wrapped
from mqttdissect.output.theme import Theme

PER_ROW: Final = 7
HEX_WIDTH: Final = 21
LABEL_WIDTH: Final = 26
NARROWEST: Final = 20  # columns that a value has on any terminal
MOST_SPANS: Final = 6
BLANK_OFFSET: Final = "      "


@final
class TreeWriter:
    """`text(packet)`: the packet's tree, with a blank line behind it.

    width: columns of the terminal, 0 for any. fold: bytes of a field that are shown, 0 for all. secrets: show them.
    """

    def __init__(self, theme: Theme, clock: Clock, width: int, fold: int, secrets: bool) -> None:
        self.theme = theme
        self.clock = clock
        self.gist = Gist(theme)
        self.width = width
        self.fold = fold
        self.secrets = secrets
        self._labels: dict[FieldSpec, str] = {}
        self._bits: dict[tuple[FieldSpec, int], list[tuple[str, str]]] = {}
        self._out: list[str] = []
        self._leaf = 0
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
        left = len(sections) + len(notes) + (1 if spans else 0)
        for title, start, end in sections:
            left -= 1
            self._out.append(f"{self._tee if left else self._elbow}{self.theme.paint(self.theme.heading, title)}\n")
            self._fields(packet, start, end, self._bar if left else "   ")
        if spans:
            left -= 1
            self._out.append(f"{self._tee if left else self._elbow}{self._frames(packet, spans)}\n")
        for note in notes:
            left -= 1
            text = f"Malformed at offset {note.offset:04x}: expected {visible(note.expected)}. See {note.section}."
            self._out.append(f"{self._tee if left else self._elbow}{self.theme.paint(self.theme.error, text)}\n")
        self._out.append("\n")
        return "".join(self._out)

    def _head(self, packet: Packet) -> str:
        theme = self.theme
        source, destination = self.gist.ends(packet)
        stream = packet.stream
        where = f"stream {stream.number}" if stream is not None else ""
        return (
            f"{theme.paint(theme.frame, f'#{packet.frame}')}  {theme.paint(theme.time, self.clock.text(packet.time_ns))}  "
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
                self._field(packet, field, tee, guide + ("   " if last else self._bar))
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
        offset = theme.paint(theme.offset, f"{field.start:04x}") + "  "
        if spec.kind == BYTE and spec.bits:
            self._byte(packet.data[field.start], field, tee + offset, more, style)
        elif spec.kind == VARINT:
            self._varint(packet.data[field.start : field.end], field, label, tee + offset, more, style)
        else:
            self._bytes(packet.data, field, label, tee + offset, more, style)

    def _byte(self, byte: int, field: Field, first: str, more: str, style: str) -> None:
        """A byte whose bits have names, a line for each."""
        spec = field.spec
        rows = self._bits.get((spec, byte))
        if rows is None:
            rows = [(pattern(bit, byte), bit.label.ljust(LABEL_WIDTH) + values.bits(bit, byte)) for bit in spec.bits]
            self._bits[(spec, byte)] = rows
        theme = self.theme
        start = f"{first}{theme.paint(style, f'{byte:02x}')}        "
        for bits, text in rows:
            self._out.append(f"{start}{theme.paint(theme.bits, bits)}  {text}\n")
            start = f"{more}{BLANK_OFFSET}          "

    def _varint(self, raw: bytes, field: Field, label: str, first: str, more: str, style: str) -> None:
        """A Variable Byte Integer; of several bytes, each one's continuation bit and seven value bits too."""
        theme = self.theme
        text = values.display(field, self.secrets)
        if len(raw) == 1:
            bits = theme.paint(theme.bits, f"{raw[0] >> 4:04b} {raw[0] & 15:04b}")
            self._out.append(f"{first}{theme.paint(style, f'{raw[0]:02x}')}        {bits}  {label}{text}\n")
            return
        self._out.append(f"{first}{theme.paint(style, raw.hex(' '))}{' ' * (HEX_WIDTH - 3 * len(raw) + 1)}{label}{text}\n")
        factor = 1
        for byte in raw:
            start = f"{more}{BLANK_OFFSET}{theme.paint(style, f'{byte:02x}')}        "
            again = "another byte follows" if byte & 0x80 else "the last byte"
            bits = theme.paint(theme.bits, f"{byte >> 7}... ....")
            self._out.append(f"{start}{bits}    {'Continuation'.ljust(LABEL_WIDTH - 2)}{byte >> 7}  {again}\n")
            low = byte & 0x7F
            bits = theme.paint(theme.bits, f".{low >> 4:03b} {low & 15:04b}")
            times = f"{low} × {factor:,} = {low * factor:,}" if factor > 1 else f"{low}"
            self._out.append(f"{more}{BLANK_OFFSET}          {bits}    {'Value bits'.ljust(LABEL_WIDTH - 2)}{times}\n")
            factor *= 128

    def _bytes(self, data: bytes, field: Field, label: str, first: str, more: str, style: str) -> None:
        """Any other field: its bytes in rows of seven, its value beside them, wrapped on a terminal."""
        theme = self.theme
        start, end = int(field.start), int(field.end)
        shown = end if self.fold == 0 or end - start <= self.fold else start + self.fold
        secret = field.spec.secret and not self.secrets
        text = values.display(field, self.secrets)
        lines = [text]
        if self.width:
            room = self.width - 6 - len(BLANK_OFFSET) - HEX_WIDTH - LABEL_WIDTH
            lines = wrapped(text, max(room, NARROWEST))
        row = start
        index = 0
        while row < shown or index < len(lines):
            piece = data[row : min(row + PER_ROW, shown)]
            pairs = " ".join(["**"] * len(piece)) if secret else piece.hex(" ")
            fill = " " * (HEX_WIDTH - len(pairs))
            value = lines[index] if index < len(lines) else ""
            name = label if index == 0 else " " * LABEL_WIDTH
            if index:
                first = more + (theme.paint(theme.offset, f"{row:04x}") + "  " if piece else BLANK_OFFSET)
            line = f"{first}{theme.paint(style, pairs)}{fill}{name}{value}".rstrip(" ")
            self._out.append(line + "\n")
            row += PER_ROW
            index += 1
        if shown < end:
            count = values.size_of(end - shown).replace(" byte", " more byte")
            self._out.append(f"{more}{BLANK_OFFSET}{theme.paint(theme.hidden, f'… {count}')}\n")

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


