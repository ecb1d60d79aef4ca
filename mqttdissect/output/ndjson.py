"""`-T json`: one object a line, a line a packet.

Names, labels and whatever else is the same in every packet is made JSON once; numbers are written as they are, and what
came from the wire goes through `quoted`, so that no line holds anything that a terminal would obey or hide.
"""

import json
from binascii import hexlify
from typing import Final, final

import orjson
from mypy_extensions import i64

from mqttdissect.capture.notes import FrameNotes
from mqttdissect.mqtt.codes import PACKET_TYPES, VERSIONS
from mqttdissect.mqtt.fields import BYTE, DERIVED, GROUP, TEXT, UNDECODED, BitSpec, Field, FieldSpec
from mqttdissect.mqtt.packet import UNDECODED as NO_PACKET
from mqttdissect.mqtt.packet import Note, Packet
from mqttdissect.mqtt.registry import HANDSHAKE_IN, HANDSHAKE_TIME, REQUEST_IN, RESPONSE_IN, RESPONSE_TIME
from mqttdissect.net.address import endpoint
from mqttdissect.net.stream import Stream
from mqttdissect.output import values
from mqttdissect.output.hosts import Hosts
from mqttdissect.output.links import ALL_LINKS, NO_LINKS, REQUESTS, answer_to, start_of
from mqttdissect.output.pieces import THREE, decimal, number
from mqttdissect.output.text import printable_ascii
from mqttdissect.output.writer import Writer

VERSION_SOURCES: Final = ("connect", "inferred", "option", "assumed")
KEPT: Final = 1024  # numbers below it are kept as JSON, with the field that they stand in
LONGEST_KEPT: Final = 200  # characters of a text that is kept
MOST_KEPT: Final = 4 * 1024 * 1024  # bytes of all that is kept
COST: Final = 128  # bytes that each of it takes besides its own
BLANK: Final = b'""'
COMMA: Final = b","
QUOTE: Final = b'"'


@final
class Name:
    """A key of `mqtt`. packet: number of the last packet that had it; at: where its value then is; several: its values
    there, if it has more than one."""

    __slots__ = ("at", "key", "packet", "several")

    def __init__(self, name: str) -> None:
        self.key = key(name)
        self.packet: i64 = 0
        self.at: i64 = 0
        self.several: list[bytes] = []


@final
class Entry:
    """What is the same in every entry of a spec in `fields`. head: up to its start; tail: behind its display. name,
    alias: its keys in `mqtt`. plain: is a number displayed by its digits? numbers: entries of numbers that were written
    before, by number and place, up to the closing brace. bits: keys and values of the bits of a byte, by byte."""

    __slots__ = ("alias", "bits", "head", "name", "numbers", "plain", "tail")

    def __init__(self, spec: FieldSpec, name: Name | None, alias: Name | None) -> None:
        self.head = b'{"name":%b,"label":%b,"start":' % (quoted(spec.name), quoted(spec.label))
        self.tail = b',"derived":true' if spec.kind == DERIVED else b""
        self.name = name
        self.alias = alias
        self.plain = spec.names is None and not spec.unit and not spec.secret
        self.numbers: dict[int, bytes] = {}
        self.bits: dict[int, list[tuple[Name, bytes]]] = {}


@final
class JsonWriter(Writer):
    """An object a line. secrets: show passwords and authentication data. about: what is known of frames. links: what is
    said of other packets (`links`)."""

    def __init__(self, secrets: bool, about: FrameNotes | None = None, links: i64 = REQUESTS) -> None:
        self.links = links
        self.about = about if about is not None else FrameNotes()
        self.secrets = secrets
        self._entries: dict[FieldSpec, Entry] = {}
        self._hosts = Hosts(self.about.hosts)  # keeps the addresses of both directions
        self._texts: dict[str, bytes] = {}
        self._kept: i64 = 0  # bytes that both keep
        self._second: i64 = -1  # of the last packet, and what stands around it
        self._time = b""
        self._kinds = [self._kind(name, version) for version in range(6) for name in PACKET_TYPES.values()]
        self._names: dict[str, Name] = {}
        self._packet: i64 = 0  # number of the packet at hand
        self._mqtt: list[bytes] = []  # its keys and values, each with a comma behind it
        self._several: list[Name] = []  # those of its keys that have several values

    def write(self, packet: Packet, out: list[bytes]) -> None:
        """One line of JSON."""
        self._packet += 1
        self._mqtt = []
        self._head(packet, out)
        fields: list[bytes] = []
        group = b""
        index: i64 = 0
        group_end: i64 = 0
        for field in packet.fields:
            index += 1
            if field.spec.kind == GROUP:
                count = field.value
                group = b',"group":' + quoted(field.spec.label)
                group_end = index + (count if isinstance(count, int) else 0)
                continue
            self._field(field, fields)
            if index <= group_end:
                fields.append(group)
            fields.append(b"},")
        behind: list[bytes] = []
        if self.links != NO_LINKS:
            self._exchanges(packet, behind)
        self._values(out)
        out.append(b'},"fields":[')
        if fields:
            fields[-1] = b"}"
            out.extend(fields)
        out.append(b"]")
        out.extend(behind)
        self._behind(packet, out)
        out.append(b"}\n")

    def _head(self, packet: Packet, out: list[bytes]) -> None:
        """Up to the fields."""
        out.append(b'{"frame":')
        out.append(number(packet.frame))
        self._stamp(packet.time_ns, out)
        stream = packet.stream
        if stream is None:
            out.append(b'null,"src":"","dst":""')
        else:
            out.append(number(stream.number))
            known = self._hosts.kept(stream)
            if known is None:
                known = self._both(stream)
            out.append(known[packet.direction])
        kind = packet.type
        version = packet.version
        if 0 <= kind < 15 and 0 <= version < 6:
            out.append(self._kinds[version * 16 + kind])
        else:
            out.append(self._kind(packet.name if kind != NO_PACKET else None, int(version)))
        out.append(number(len(packet.data)))
        notes = packet.notes
        if notes is None:
            out.append(b',"malformed":null,"mqtt":{')
        else:
            out.append(b',"malformed":%b,"mqtt":{' % dumped(note(notes[0])))

    def _stamp(self, time_ns: i64, out: list[bytes]) -> None:
        """Seconds with nine digits."""
        second = time_ns // 1_000_000_000
        if second != self._second:
            self._second = second
            self._time = b',"time":"%b.' % str(second).encode()
        rest = time_ns - second * 1_000_000_000
        out.append(self._time)
        out.append(THREE[rest // 1_000_000])
        out.append(THREE[rest // 1000 % 1000])
        out.append(THREE[rest % 1000])
        out.append(b'","stream":')

    def _kind(self, name: str | None, version: int) -> bytes:
        """Packet type and version, and what stands around them."""
        text = orjson.dumps(VERSIONS.get(version, ""))
        return b',"packet":%b,"version":%b,"length":' % (orjson.dumps(name), text)

    def _both(self, stream: Stream) -> list[bytes]:
        """Both directions' addresses."""
        one, other = quoted(endpoint(stream.flow, True)), quoted(endpoint(stream.flow, False))
        carrier = b',"carrier":%b' % quoted(stream.carrier) if stream.carrier else b""
        known = [b',"src":%b,"dst":%b%b' % (one, other, carrier), b',"src":%b,"dst":%b%b' % (other, one, carrier)]
        self._hosts.keep(stream, known)
        return known

    def _values(self, out: list[bytes]) -> None:
        """What is in `mqtt`."""
        mqtt = self._mqtt
        if self._several:
            for name in self._several:
                mqtt[name.at] = b"[%b]" % COMMA.join(name.several)
                name.several = []
            self._several = []
        if mqtt:
            mqtt.pop()  # the last comma
            out.extend(mqtt)

    def _put(self, name: Name | None, value: bytes) -> None:
        """Add a value under its key; one that occurs again has a list."""
        if name is None:
            return
        mqtt = self._mqtt
        if name.packet != self._packet:
            name.packet = self._packet
            mqtt.append(name.key)
            name.at = len(mqtt)
            mqtt.append(value)
            mqtt.append(COMMA)
        elif name.several:
            name.several.append(value)
        else:
            name.several = [mqtt[name.at], value]
            self._several.append(name)

    def _entry(self, spec: FieldSpec) -> Entry:
        """The entry of a spec that is met for the first time."""
        entry = Entry(
            spec,
            self._name(spec.name) if spec.kind != UNDECODED else None,
            self._name(spec.alias) if spec.kind != UNDECODED and spec.alias else None,
        )
        self._entries[spec] = entry
        return entry

    def _name(self, name: str) -> Name:
        """The key of this name."""
        known = self._names.get(name)
        if known is None:
            self._names[name] = known = Name(name)
        return known

    def _field(self, field: Field, fields: list[bytes]) -> None:
        """One field, its bits within; its values go into `mqtt` too."""
        spec = field.spec
        entry = self._entries.get(spec)
        if entry is None:
            entry = self._entry(spec)
        value = field.value
        if isinstance(value, int) and not spec.secret:
            self._number(field, entry, value, fields)
            return
        text, display = self._both_ways(field, value)
        fields.append(entry.head)
        fields.append(number(field.start))
        fields.append(b',"end":')
        fields.append(number(field.end))
        fields.append(b',"value":')
        fields.append(text)
        fields.append(b',"display":')
        fields.append(display)
        fields.append(entry.tail)
        name = entry.name
        if spec.kind == DERIVED and name is not None and name.packet == self._packet and self._mqtt[name.at] == BLANK:
            self._mqtt[name.at] = text  # the topic that an alias stands for, in the place of the empty one
        else:
            self._put(name, text)
        if entry.alias is not None:
            self._put(entry.alias, dumped(values.under_alias(field, self.secrets)) if spec.text else text)

    def _number(self, field: Field, entry: Entry, value: int, fields: list[bytes]) -> None:
        """A number, which mostly stood in the same place of a packet before."""
        text = number(value)
        self._put(entry.name, text)
        self._put(entry.alias, text)
        spec = field.spec
        if spec.bits and spec.kind == BYTE:
            bits = entry.bits.get(value)
            if bits is None:
                bits = [(self._name(bit.name), orjson.dumps(shown(bit, value))) for bit in spec.bits]
                entry.bits[value] = bits
            for name, shown_bit in bits:
                self._put(name, shown_bit)
        if value >= KEPT or field.start >= KEPT:
            fields.append(self._written(field, entry, value))
            return
        place = int((field.start << 2 | (field.end - field.start) & 3) << 12 | value)
        known = entry.numbers.get(place)
        if known is None:
            known = self._written(field, entry, value)
            entry.numbers[place] = known
            self._keep(known)
        fields.append(known)

    def _keep(self, text: bytes) -> None:
        """Something more is kept; when there is no room for it, all of it is forgotten."""
        self._kept += len(text) + COST
        if self._kept > MOST_KEPT:
            self._entries.clear()
            self._texts.clear()
            self._kept = 0

    def _written(self, field: Field, entry: Entry, value: int) -> bytes:
        """The entry of a number, up to the closing brace."""
        spec = field.spec
        display = b'"%d"' % value if entry.plain else quoted(values.display(field, self.secrets))
        text = b'%b%d,"end":%d,"value":%d,"display":%b' % (entry.head, field.start, field.end, value, display)
        if not (spec.bits and spec.kind == BYTE):
            return text + entry.tail
        bits = [
            {"name": bit.name, "label": bit.label, "mask": bit.mask, "value": shown(bit, value),
             "display": values.bits(bit, value)}
            for bit in spec.bits
        ]  # fmt: skip
        return text + b',"bits":' + orjson.dumps(bits)

    def _both_ways(self, field: Field, value: object) -> tuple[bytes, bytes]:
        """A value that is no number, for a machine and for a person."""
        if isinstance(value, str) and not field.spec.secret and 0 < len(value) <= LONGEST_KEPT:
            text = self._texts.get(value)
            if text is not None:
                return text, text
            text = quoted(value)
            if value.isprintable():  # it is displayed as it is
                self._texts[value] = text
                self._keep(text)
                return text, text
        elif isinstance(value, bytes) and not field.spec.secret and field.spec.kind != TEXT and not field.spec.text:
            text = QUOTE + hexlify(value) + QUOTE
        else:
            text = dumped(values.plain(field, self.secrets))
        return text, quoted(values.display(field, self.secrets))

    def _exchanges(self, packet: Packet, behind: list[bytes]) -> None:
        """What the packet answers, and what answers it."""
        request = packet.request
        if request is not None:
            since = packet.time_ns - request.asked_ns
            self._exchange(b',"request":', request.asked_frame, since, behind)
            self._put(self._name(REQUEST_IN.name), number(request.asked_frame))
            self._put(self._name(RESPONSE_TIME.name), orjson.dumps(int(since) / 1_000_000_000))
            start = start_of(packet)
            if start is not None:
                since = packet.time_ns - start.began_ns
                self._exchange(b',"handshake":', start.began_frame, since, behind)
                self._put(self._name(HANDSHAKE_IN.name), number(start.began_frame))
                self._put(self._name(HANDSHAKE_TIME.name), orjson.dumps(int(since) / 1_000_000_000))
        if self.links == ALL_LINKS and packet.response is not None:
            answer = answer_to(packet)
            if answer is not None:
                until = answer.answered_ns - packet.time_ns
                self._exchange(b',"response":', answer.answered_frame, until, behind)
                self._put(self._name(RESPONSE_IN.name), number(answer.answered_frame))

    def _exchange(self, name: bytes, frame: i64, time_ns: i64, behind: list[bytes]) -> None:
        """Another packet: its frame, and the time between."""
        behind.append(name)
        behind.append(b'{"frame":')
        behind.append(number(frame))
        behind.append(b',"time":"')
        decimal(time_ns, behind)
        behind.append(b'"}')

    def _behind(self, packet: Packet, out: list[bytes]) -> None:
        """What only some packets have."""
        line: dict[str, object] = {}
        if packet.version_by:
            line["version_by"] = VERSION_SOURCES[int(packet.version_by)]
        if packet.spans:
            line["frames"] = [[start, frame] for start, frame in packet.spans]
        stream = packet.stream
        if stream is not None and self._hosts.known:
            for end, source in (("src_name", packet.direction == 0), ("dst_name", packet.direction != 0)):
                name = self._hosts.name(stream.flow, source)
                if name:
                    line[end] = name
        file = self.about.name(int(packet.frame))
        if file:
            line["file"] = file
        comments = self.about.comments(int(packet.frame), packet.spans)
        if comments:
            line["comments"] = [comment for _, comment in comments]
        if packet.gap_bytes:
            line["gap"] = {"bytes": int(packet.gap_bytes), "after": int(packet.gap_after)}
        notes = packet.notes
        if notes is not None and len(notes) > 1:
            line["notes"] = [note(one) for one in notes]
        if line:
            out.append(COMMA)
            out.append(dumped(line)[1:-1])


def shown(bit: BitSpec, byte: int) -> object:
    """The value of some bits; a flag is a truth value."""
    value = bit.value(byte)
    if bit.flag:  # not in one expression: mypyc would make a number of the truth value
        return value == 1
    return value


def key(name: str) -> bytes:
    """A key with its colon."""
    return quoted(name) + b":"


def quoted(text: str) -> bytes:
    """Text as a string of JSON in which nothing is left that a terminal would obey or hide."""
    if text.isascii():
        raw = text.encode()
        if printable_ascii(raw):
            return QUOTE + raw.replace(b"\\", b"\\\\").replace(QUOTE, b'\\"') + QUOTE
    return dumped(text)


def dumped(value: object) -> bytes:
    """Any value as JSON, with the same promise."""
    text = orjson.dumps(value).decode()
    return (text if text.isprintable() else escaped(text)).encode()


def escaped(text: str) -> str:
    """JSON in which nothing is left that a terminal would obey or hide; all of it is inside strings."""
    return "".join([char if char.isprintable() else json.dumps(char)[1:-1] for char in text.replace("\x7f", "\\u007f")])


def note(one: Note) -> dict[str, object]:
    """What is malformed."""
    return {"offset": int(one.offset), "expected": one.expected, "section": one.section}
