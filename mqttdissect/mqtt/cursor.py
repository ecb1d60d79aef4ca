"""Read values from a packet and record them as fields in the same step.

The types of value are those of MQTT 5.0, section 1.5. What cannot be read raises `Broken`, which stays inside `mqtt`:
the packet keeps the fields read so far.
"""

from typing import Final, final

from mypy_extensions import i64, mypyc_attr

from mqttdissect.mqtt import clauses
from mqttdissect.mqtt.clauses import Clause
from mqttdissect.mqtt.fields import Field, FieldSpec
from mqttdissect.mqtt.packet import Note, Packet
from mqttdissect.mqtt.registry import UNDECODED_BYTES


class Broken(Exception):
    """The packet cannot be read on from here; what is wrong has been noted."""


MOST_ITEMS: Final = 32_768  # topic filters, codes or properties of a packet


@final
@mypyc_attr(acyclic=True, free_list_len=1)
class Cursor:
    """A place in a packet. position: of the next byte. end: behind the last byte that may be read.

    seen: a bit for each property identifier met in the properties at hand. items: read of the list at hand.
    """

    __slots__ = ("data", "end", "fields", "items", "packet", "position", "seen")

    def __init__(self, packet: Packet) -> None:
        self.packet = packet
        self.data = packet.data
        self.fields: list[Field] = []
        packet.fields = self.fields
        self.position: i64 = 0
        self.end: i64 = len(packet.data)
        self.seen: i64 = 0
        self.items: i64 = 0

    def note(self, offset: i64, expected: str, clause: Clause) -> None:
        """Say that something is malformed, and go on."""
        packet = self.packet
        note = Note(offset, expected, clause, packet.version)
        if packet.notes is None:
            packet.notes = [note]
        else:
            packet.notes.append(note)

    def more(self) -> bool:
        """Is there another item in the list that goes on up to the end? What follows on very many is not looked at."""
        if self.position >= self.end:
            return False
        if self.items == MOST_ITEMS:
            self.undecoded(self.end, f"behind {MOST_ITEMS:,} others, too many to look at")
            return False
        self.items += 1
        return True

    def breaks(self, spec: FieldSpec, needed: i64, clause: Clause) -> Broken:
        """The end comes before the `needed` bytes of `spec`."""
        left = self.end - self.position
        words = "nothing is left" if left == 0 else f"only {left} {'is' if left == 1 else 'are'} left"
        unit = "byte" if needed == 1 else "bytes"
        self.note(self.position, f"{needed} {unit} of {spec.label}, {words}", clause)
        return Broken()

    def byte(self, spec: FieldSpec) -> i64:
        """One byte."""
        at = self.position
        if at >= self.end:
            raise self.breaks(spec, 1, clauses.BYTES_MISSING)
        value: i64 = self.data[at]
        self.position = at + 1
        self.fields.append(Field(spec, at, at + 1, value))
        return value

    def uint16(self, spec: FieldSpec) -> i64:
        """A Two Byte Integer."""
        at = self.position
        if at + 2 > self.end:
            raise self.breaks(spec, 2, clauses.BYTES_MISSING)
        data = self.data
        value = i64(data[at]) << 8 | i64(data[at + 1])
        self.position = at + 2
        self.fields.append(Field(spec, at, at + 2, value))
        return value

    def uint32(self, spec: FieldSpec) -> i64:
        """A Four Byte Integer."""
        at = self.position
        if at + 4 > self.end:
            raise self.breaks(spec, 4, clauses.BYTES_MISSING)
        data = self.data
        value = i64(data[at]) << 24 | i64(data[at + 1]) << 16 | i64(data[at + 2]) << 8 | i64(data[at + 3])
        self.position = at + 4
        self.fields.append(Field(spec, at, at + 4, value))
        return value

    def varint(self, spec: FieldSpec) -> i64:
        """A Variable Byte Integer of one to four bytes."""
        at = self.position
        value: i64 = 0
        shift: i64 = 0
        while True:
            if at >= self.end:
                self.note(self.position, f"the rest of {spec.label}, which breaks off", clauses.BYTES_MISSING)
                raise Broken()
            byte: i64 = self.data[at]
            value |= (byte & 0x7F) << shift
            at += 1
            if byte < 0x80:
                break
            shift += 7
            if shift > 21:
                self.note(self.position, f"{spec.label} to end in its fourth byte, which says that more follow",
                          clauses.VARINT_BYTES)  # fmt: skip
                raise Broken()
        if byte == 0 and shift:
            expected = f"{spec.label} {value} in the fewest bytes, not {at - self.position}"
            self.note(self.position, expected, clauses.VARINT_SHORTEST)
        self.fields.append(Field(spec, self.position, at, value))
        self.position = at
        return value

    def text(self, spec: FieldSpec) -> str:
        """A UTF-8 Encoded String: its length, then its characters. One that is not UTF-8 is kept as bytes, noted, and
        returned with its bad bytes escaped."""
        start = self.length(spec)
        return self.characters(spec, start, self.data[start : self.position])

    def characters(self, spec: FieldSpec, start: i64, raw: bytes) -> str:
        """The same, of `raw`, which starts at `start`, behind its length."""
        try:
            value = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            self.note(start + error.start, f"{spec.label} in well-formed UTF-8", clauses.WELL_FORMED)
            self.fields.append(Field(spec, start, self.position, raw))
            return raw.decode("utf-8", "backslashreplace")
        if "\0" in value:
            self.note(start + raw.index(0), f"{spec.label} without the null character U+0000", clauses.NO_NUL)
        self.fields.append(Field(spec, start, self.position, value))
        return value

    def binary(self, spec: FieldSpec) -> bytes:
        """Binary Data: its length, then its bytes."""
        start = self.length(spec)
        raw = self.data[start : self.position]
        self.fields.append(Field(spec, start, self.position, raw))
        return raw

    def length(self, spec: FieldSpec) -> i64:
        """Read the two-byte length of `spec`, step behind the bytes it counts, and return where they start."""
        before = spec.length
        assert before is not None
        length = self.uint16(before)
        start = self.position
        if start + length > self.end:
            raise self.breaks(spec, length, clauses.STRING)
        self.position = start + length
        return start

    def rest(self, spec: FieldSpec) -> bytes:
        """All bytes up to the end."""
        start = self.position
        raw = self.data[start : self.end]
        self.fields.append(Field(spec, start, self.end, raw))
        self.position = self.end
        return raw

    def derived(self, spec: FieldSpec, value: object) -> None:
        """A value that no bytes here hold."""
        self.fields.append(Field(spec, self.position, self.position, value))

    def undecoded(self, end: i64, why: str) -> None:
        """The bytes up to `end` have no meaning here."""
        if end > self.position:
            self.fields.append(Field(UNDECODED_BYTES, self.position, end, why))
            self.position = end

    def payload(self) -> None:
        """What follows is the packet's payload."""
        self.items = 0
        self.packet.payload = len(self.fields)
