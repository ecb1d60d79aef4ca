"""The tree: every byte of a packet, every bit that has a name, with value and meaning.

Columns: offset in the packet, bytes (seven a row), bits, name, value. The guides on the left are rich's; lines are
written plainly, since `rich.Tree` costs milliseconds a packet.
"""

from binascii import hexlify
from typing import Final, final

from mypy_extensions import i64

from mqttdissect.capture.notes import FrameNotes
from mqttdissect.mqtt.codes import PACKET_TYPES
from mqttdissect.mqtt.fields import BYTE, DERIVED, GROUP, TEXT, VARINT, BitSpec, Field, FieldSpec
from mqttdissect.mqtt.packet import UNDECODED, Packet
from mqttdissect.mqtt.registry import REMAINING_LENGTH
from mqttdissect.net.stream import Stream
from mqttdissect.output import values
from mqttdissect.output.clock import Clock
from mqttdissect.output.gist import Gist
from mqttdissect.output.hosts import Hosts
from mqttdissect.output.links import REQUESTS
from mqttdissect.output.links import lines as link_lines
from mqttdissect.output.pieces import PAIRS, aligned, number, spaces
from mqttdissect.output.text import visible, wrapped
from mqttdissect.output.theme import Theme
from mqttdissect.output.writer import Writer

PER_ROW: Final = 7
HEX_WIDTH: Final = 21
LABEL_WIDTH: Final = 26
NARROWEST: Final = 16  # columns that a value has on any terminal
MOST_SPANS: Final = 6
BLANK_OFFSET: Final = b"      "
BLANK_BITS: Final = b"        "  # between a byte and its bits
NO_HEX: Final = b" " * HEX_WIDTH
KEPT: Final = 1024  # offsets and numbers below it are kept once written, with the field that they stand in
LONGEST_KEPT: Final = 200  # characters of a text that is kept
MOST_KEPT: Final = 4 * 1024 * 1024  # bytes of all that is kept
COST: Final = 128  # bytes that each of it takes besides its own


@final
class Guide:
    """The lines on the left of a level of the tree: before a row and before what follows it, where it is the last one
    and where others follow. number: tells guides apart, two apart from each other. below: of the level below. rows: the
    end of a row, guides and offset of the next one, by offset, as far as they have been written."""

    __slots__ = ("below", "below_last", "elbow", "more", "more_last", "number", "rows", "rows_last", "tee")

    def __init__(self, theme: Theme, before: str, depth: i64, number: i64) -> None:
        bar = theme.paint(theme.guide, "│") + "  "
        self.number = number
        self.tee = f"{before}{theme.paint(theme.guide, '├─')} ".encode()
        self.elbow = f"{before}{theme.paint(theme.guide, '└─')} ".encode()
        self.more = f"{before}{bar}".encode()
        self.more_last = f"{before}   ".encode()
        self.rows: list[bytes] = [b""] * KEPT
        self.rows_last: list[bytes] = [b""] * KEPT
        self.below: Guide | None = None
        self.below_last: Guide | None = None
        if depth:
            self.below = Guide(theme, before + bar, depth - 1, 4 * number + 2)
            self.below_last = Guide(theme, before + "   ", depth - 1, 4 * number + 4)


@final
class Shown:
    """How the fields of one spec are shown. plain: is a number just its digits? numbers, texts: whole fields that were
    written before, by number and place, and by place and text."""

    __slots__ = ("label", "numbers", "plain", "texts")

    def __init__(self, spec: FieldSpec) -> None:
        self.label = (spec.label + "  ").ljust(LABEL_WIDTH).encode()
        self.plain = spec.names is None and not spec.unit and not spec.secret
        self.numbers: dict[int, bytes] = {}
        self.texts: dict[int, dict[str, bytes]] = {}


@final
class TreeWriter(Writer):
    """The packet's tree, with a blank line behind it.

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
        self.gist = Gist(theme, behind=b"\n")
        clock.end_with(theme.end.encode())
        self._to_time = f"{theme.end}  {theme.time}".encode()
        self.width = width
        self.fold = fold
        self.secrets = secrets
        self._specs: dict[FieldSpec, Shown] = {}
        self._headers: dict[int, bytes] = {}  # fixed headers, by version, bytes and what follows
        self._kept: i64 = 0  # bytes that both keep
        self._hosts = Hosts(self.about.hosts)  # keeps the addresses of both directions
        self._offsets: list[bytes] = [b""] * KEPT
        self._leaf: i64 = 0
        self._places: list[tuple[int, int, int]] | None = None  # of each field: its pieces in `out`, its index
        self._root = Guide(theme, "", 2, 0)
        self._end = theme.end.encode()
        self._styles = [style.encode() for style in theme.palette]
        self._bits = [theme.paint(theme.bits, f"{byte >> 4:04b} {byte & 15:04b}").encode() for byte in range(256)]
        self._start = f"{theme.frame}#".encode()
        self._types = [self._type(name) for name in PACKET_TYPES.values()]
        self._to_link = theme.derived.encode()
        self._behind_link = f"{theme.end if theme.derived else ''}\n".encode()
        self._titles = [f"{theme.paint(theme.heading, title)}\n".encode() for title in TITLES]

    def _type(self, name: str) -> bytes:
        """A packet type, and what stands around it."""
        return f"  {self.theme.paint(self.theme.type, name)}  ".encode()

    def write(self, packet: Packet, out: list[bytes]) -> None:
        """The whole tree of `packet`."""
        self._head(packet, out)
        self._leaf = 0
        root = self._root
        count: i64 = len(packet.fields)
        undecoded = packet.type == UNDECODED
        first = count if undecoded else min(2, count)
        payload = max(packet.payload, first)
        links = link_lines(packet, self.links)
        more = self._more(packet)
        left: i64 = len(links) + len(more) + (packet.spans is not None)
        if undecoded:
            self._section(packet, UNDECODED_BYTES, 0, first, left + count - first == 0, out)
        else:
            self._fixed(packet, first, left + count - first == 0, out)
        if payload > first:
            self._section(packet, VARIABLE, first, payload, left + count - payload == 0, out)
        if count > payload:
            self._section(packet, PAYLOAD, payload, count, left == 0, out)
        spans = packet.spans
        if spans is not None:
            left -= 1
            out.append(root.tee if left else root.elbow)
            self._frames(packet, spans, out)
        for link in links:
            left -= 1
            out.append(root.tee if left else root.elbow)
            out.append(self._to_link)
            out.append(link)
            out.append(self._behind_link)
        for line in more:
            left -= 1
            out.append(root.tee if left else root.elbow)
            out.append(line.encode())
        out.append(b"\n")

    def _more(self, packet: Packet) -> list[str]:
        """The last lines: comments, and what is malformed."""
        lines: list[str] = []
        theme = self.theme
        for frame, comment in self.about.comments(int(packet.frame), packet.spans):
            lines.append(f"Comment on frame #{frame}  {visible(comment)}\n")
        notes = packet.notes
        if notes is not None:
            for note in notes:
                text = f"Malformed at offset {note.offset:04x}: expected {visible(note.expected)}. See {note.section}."
                lines.append(f"{theme.paint(theme.error, text)}\n")
        return lines

    def rows(self, packet: Packet) -> list[tuple[int, str]]:
        """The lines of the tree, each with the index of the field that it shows; -1 for one that shows none."""
        places: list[tuple[int, int, int]] = []
        self._places = places
        out: list[bytes] = []
        self.write(packet, out)
        self._places = None
        found: list[tuple[int, str]] = []
        at = 0
        for start, end, index in [*places, (len(out), len(out), -1)]:
            found += [(-1, line) for line in b"".join(out[at:start]).decode().splitlines()]
            found += [(index, line) for line in b"".join(out[start:end]).decode().splitlines()]
            at = end
        return found

    def _head(self, packet: Packet, out: list[bytes]) -> None:
        theme = self.theme
        out.append(self._start)
        aligned(packet.frame, 0, out)
        out.append(self._to_time)
        self.clock.write(packet.time_ns, 0, out)
        file = self.about.name(int(packet.frame))
        if file:
            out.append(f"  {theme.paint(theme.frame, visible(file))}".encode())
        stream = packet.stream
        if stream is None:
            out.append(self._nowhere())
        else:
            known = self._hosts.kept(stream)
            if known is None:
                known = self._both(stream)
            out.append(known[packet.direction])
            out.append(number(stream.number))
        kind = packet.type
        out.append(self._types[kind] if 0 <= kind < 15 else self._type(packet.name))
        self.gist.write(packet, out)

    def _nowhere(self) -> bytes:
        """What stands for the addresses of a packet without a stream."""
        nothing = self.theme.paint(self.theme.address, "")
        return f"  {nothing} → {nothing}  ".encode()

    def _both(self, stream: Stream) -> list[bytes]:
        """Both directions' addresses, and what stands around them."""
        one = self.theme.paint(self.theme.address, self._hosts.endpoint(stream.flow, True))
        other = self.theme.paint(self.theme.address, self._hosts.endpoint(stream.flow, False))
        stands = f"  {stream.carrier}  stream " if stream.carrier else "  stream "
        known = [f"  {one} → {other}{stands}".encode(), f"  {other} → {one}{stands}".encode()]
        self._hosts.keep(stream, known)
        return known

    def _section(self, packet: Packet, title: i64, start: i64, end: i64, last: bool, out: list[bytes]) -> None:
        """A part that the standard names: the fields from index `start` to `end`."""
        root = self._root
        out.append(root.elbow if last else root.tee)
        out.append(self._titles[title])
        below = root.below_last if last else root.below
        assert below is not None
        self._fields(packet, start, end, below, out)

    def _fixed(self, packet: Packet, end: i64, last: bool, out: list[bytes]) -> None:
        """The fixed header, which is the fields up to index `end`. That of two bytes is kept once written."""
        fields, data = packet.fields, packet.data
        if end < 2 or self._places is not None or fields[1].spec is not REMAINING_LENGTH or i64(data[1]) >= 0x80:
            self._section(packet, FIXED, 0, end, last, out)
            return
        key = int(((packet.version << 8 | i64(data[0])) << 8 | i64(data[1])) << 1 | last)
        text = self._headers.get(key)
        if text is None:
            pieces: list[bytes] = []
            self._section(packet, FIXED, 0, end, last, pieces)
            text = b"".join(pieces)
            self._headers[key] = text
            self._keep(text)
        self._leaf = 2
        out.append(text)

    def _fields(self, packet: Packet, start: i64, end: i64, guide: Guide, out: list[bytes]) -> None:
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
                out.append(guide.elbow if last else guide.tee)
                out.append(f"{field.spec.label}\n".encode())
                below = guide.below_last if last else guide.below
                assert below is not None
                self._fields(packet, index + 1, after, below, out)
            else:
                begun = len(out)
                self._field(packet, field, guide, after >= end, out)
                if self._places is not None:
                    self._places.append((begun, len(out), int(index)))
            index = after

    def _field(self, packet: Packet, field: Field, guide: Guide, last: bool, out: list[bytes]) -> None:
        """One leaf. Numbers and texts are mostly those that stood in the same place of a packet before."""
        spec = field.spec
        if spec.kind == DERIVED:
            self._derived(field, guide.elbow if last else guide.tee, out)
            return
        shown = self._specs.get(spec)
        if shown is None:
            self._specs[spec] = shown = Shown(spec)
        leaf = self._leaf % len(self._styles)
        self._leaf += 1
        style = self._styles[leaf]
        value = field.value
        start = field.start
        place = (start << 5 | (guide.number + last)) << 5 | leaf
        if isinstance(value, int) and value < KEPT and start < KEPT:
            key = int((place << 2 | (field.end - start) & 3) << 12 | value)
            known = shown.numbers.get(key)
            if known is None:
                known = self._written(packet, field, shown, style, guide, last)
                shown.numbers[key] = known
            out.append(known)
        elif isinstance(value, str) and len(value) <= LONGEST_KEPT and spec.kind == TEXT:
            texts = shown.texts.get(int(place))
            if texts is None:
                shown.texts[int(place)] = texts = {}
            known = texts.get(value)
            if known is None:
                known = self._written(packet, field, shown, style, guide, last)
                texts[value] = known
            out.append(known)
        else:
            self._lines(packet, field, shown, style, guide, last, out)

    def _written(self, packet: Packet, field: Field, shown: Shown, style: bytes, guide: Guide, last: bool) -> bytes:
        """A leaf in one piece, to keep."""
        out: list[bytes] = []
        self._lines(packet, field, shown, style, guide, last, out)
        text = b"".join(out)
        self._keep(text)
        return text

    def _keep(self, text: bytes) -> None:
        """Something more is kept; when there is no room for it, all of it is forgotten."""
        self._kept += len(text) + COST
        if self._kept > MOST_KEPT:
            self._specs.clear()
            self._headers.clear()
            self._kept = 0

    def _derived(self, field: Field, before: bytes, out: list[bytes]) -> None:
        """A leaf that no bytes hold."""
        text = f"[{field.spec.label}]  ".ljust(LABEL_WIDTH) + values.display(field, self.secrets)
        out.append(before)
        out.append(BLANK_OFFSET)
        out.append(NO_HEX)
        out.append(f"{self.theme.paint(self.theme.derived, text)}\n".encode())

    def _lines(
        self, packet: Packet, field: Field, shown: Shown, style: bytes, guide: Guide, last: bool, out: list[bytes]
    ) -> None:
        """All lines of a leaf."""
        spec = field.spec
        out.append(guide.elbow if last else guide.tee)
        out.append(self._offset(field.start))
        more = guide.more_last if last else guide.more
        if spec.kind == BYTE and spec.bits:
            self._byte(packet.data[field.start], spec, style, more, out)
        elif spec.kind == VARINT:
            self._varint(packet.data, field, shown, style, more, out)
        else:
            self._rows(packet.data, field, shown, style, more, guide.rows_last if last else guide.rows, out)

    def _offset(self, at: i64) -> bytes:
        """The column of offsets."""
        if at < KEPT:
            text = self._offsets[at]
            if text:
                return text
        text = f"{self.theme.paint(self.theme.offset, f'{at:04x}')}  ".encode()
        if at < KEPT:
            self._offsets[at] = text
        return text

    def _byte(self, byte: int, spec: FieldSpec, style: bytes, more: bytes, out: list[bytes]) -> None:
        """A byte whose bits have names: a line for each. more: the guides before its other lines."""
        theme = self.theme
        out.append(style)
        out.append(PAIRS[byte])
        if style:
            out.append(self._end)
        lines = [
            f"{theme.paint(theme.bits, pattern(bit, byte))}  "
            f"{bit.label.ljust(LABEL_WIDTH)}{values.bits(bit, byte)}\n".encode()
            for bit in spec.bits
        ]
        out.append(BLANK_BITS)
        out.append((more + BLANK_OFFSET + BLANK_BITS + b"  ").join(lines))

    def _varint(self, data: bytes, field: Field, shown: Shown, style: bytes, more: bytes, out: list[bytes]) -> None:
        """A Variable Byte Integer; of several bytes, each one's continuation bit and seven value bits too. more: the
        guides before its other lines."""
        raw = data[field.start : field.end]
        length = field.end - field.start
        out.append(style)
        out.append(hexlify(raw, " "))
        if style:
            out.append(self._end)
        if length == 1:
            out.append(BLANK_BITS)
            out.append(self._bits[raw[0]])
            out.append(b"  ")
        else:
            out.append(spaces(HEX_WIDTH + 1 - 3 * length))
        out.append(shown.label)
        out.append(self._value(field, shown))
        out.append(b"\n")
        if length > 1:
            for row in self._varint_rows(raw):
                out.append(more)
                out.append(row.encode())

    def _varint_rows(self, raw: bytes) -> list[str]:
        """Two rows for each byte, without the field's own colour."""
        theme = self.theme
        rows: list[str] = []
        factor = 1
        for byte in raw:
            again = "more follow" if byte & 0x80 else "last byte"
            bits = theme.paint(theme.bits, f"{byte >> 7}... ....")
            label = "Continuation".ljust(LABEL_WIDTH - 2)
            rows.append(f"      {byte:02x}        {bits}    {label}{byte >> 7}  {again}\n")
            low = byte & 0x7F
            bits = theme.paint(theme.bits, f".{low >> 4:03b} {low & 15:04b}")
            times = f"{low} × {factor:,} = {low * factor:,}" if factor > 1 else f"{low}"
            rows.append(f"                {bits}    {'Value bits'.ljust(LABEL_WIDTH - 2)}{times}\n")
            factor *= 128
        return rows

    def _value(self, field: Field, shown: Shown) -> bytes:
        """The value as a person reads it, in one line."""
        value = field.value
        if shown.plain and isinstance(value, int):
            return number(value)
        return values.display(field, self.secrets).encode()

    def _next(self, at: i64, more: bytes, rows: list[bytes]) -> bytes:
        """The end of a row, and of the next one all before its bytes."""
        if at >= KEPT:
            return b"\n" + more + self._offset(at)
        text = rows[at]
        if not text:
            rows[at] = text = b"\n" + more + self._offset(at)
        return text

    def _rows(
        self, data: bytes, field: Field, shown: Shown, style: bytes, more: bytes, rows: list[bytes], out: list[bytes]
    ) -> None:
        """Any other field: its bytes in rows of seven, its value beside them, wrapped on a terminal. more: the guides
        before its other lines. rows: those that the level has written (`Guide`)."""
        start, end = field.start, field.end
        length = end - start
        if self.fold and length > self.fold:
            length = self.fold
        if field.spec.secret and not self.secrets:
            pairs = b" ".join([b"**"] * int(length))
        else:
            pairs = hexlify(data[start : start + length], " ")
        lines: list[str] | None = None
        many: i64 = 1
        if self.width:
            width = max(self.width - len(BLANK_OFFSET) * 2 - HEX_WIDTH - LABEL_WIDTH, NARROWEST)
            lines = wrapped(values.display(field, self.secrets), width)
            many = len(lines)
        size: i64 = len(pairs)
        self._row(pairs, 0, style, out)
        out.append(shown.label)
        out.append(lines[0].encode() if lines is not None else self._value(field, shown))
        at: i64 = HEX_WIDTH
        index: i64 = 1
        while at < size or index < many:
            start += PER_ROW
            out.append(self._next(start, more, rows) if at < size else b"\n" + more + BLANK_OFFSET)
            if lines is not None and index < many:
                self._row(pairs, at, style, out)
                out.append(f"{' ' * LABEL_WIDTH}{lines[index]}".encode())
            elif style:
                out.append(style)
                out.append(pairs[at : at + HEX_WIDTH - 1])
                out.append(self._end)
            else:
                out.append(pairs[at : at + HEX_WIDTH - 1])
            at += HEX_WIDTH
            index += 1
        out.append(b"\n")
        if length < end - field.start:
            count = values.size_of(int(end - field.start - length)).replace(" byte", " more byte")
            out.append(more)
            out.append(BLANK_OFFSET)
            out.append(f"{self.theme.paint(self.theme.hidden, f'… {count}')}\n".encode())

    def _row(self, pairs: bytes, at: i64, style: bytes, out: list[bytes]) -> None:
        """A row of bytes, as wide as its column."""
        row = pairs[at : at + HEX_WIDTH - 1]
        if style:
            out.append(style)
            out.append(row)
            out.append(self._end)
        else:
            out.append(row)
        out.append(spaces(HEX_WIDTH - len(row)))

    def _frames(self, packet: Packet, spans: list[tuple[int, int]], out: list[bytes]) -> None:
        """Which bytes came in which frame."""
        out.append(b"Frames  ")
        count: i64 = len(spans)
        index: i64 = 0
        while index < count and index < MOST_SPANS:
            start, frame = spans[index]
            end: i64 = spans[index + 1][0] if index + 1 < count else len(packet.data)
            hexadecimal(start, out)
            out.append(TO)
            hexadecimal(end - 1, out)
            out.append(b" #")
            aligned(frame, 0, out)
            out.append(b", ")
            index += 1
        if count > MOST_SPANS:
            out.append(f"… {count - MOST_SPANS} more, to #{spans[-1][1]}".encode())
        else:
            out.pop()
        out.append(b"\n")


def hexadecimal(value: i64, out: list[bytes]) -> None:
    """Add a number as four digits, or more if it needs them."""
    if value < 0x10000:
        out.append(PAIRS[value >> 8])
        out.append(PAIRS[value & 0xFF])
    else:
        out.append(f"{value:04x}".encode())


TO: Final = "–".encode()
TITLES: Final = ("Fixed header", "Variable header", "Payload", "Undecoded")
FIXED: Final = 0
VARIABLE: Final = 1
PAYLOAD: Final = 2
UNDECODED_BYTES: Final = 3


def pattern(spec: BitSpec, byte: int) -> str:
    """0011 ....: the bits of `spec` in `byte`, dots for the others."""
    digits = "".join([str(byte >> bit & 1) if spec.mask >> bit & 1 else "." for bit in range(7, -1, -1)])
    return f"{digits[:4]} {digits[4:]}"
