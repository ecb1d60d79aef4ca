"""`-T fields` and `-T csv`: chosen fields, a row a packet.

`-T fields` is tab-separated, without a heading, values as tshark prints them. `-T csv` has a heading, quotes as
RFC 4180 does, and puts an apostrophe before text that a spreadsheet would take for a formula.
"""

import csv
import io
from collections.abc import Callable
from typing import Final, final

from mqttdissect.capture.notes import FrameNotes
from mqttdissect.mqtt import properties, registry
from mqttdissect.mqtt.codes import VERSIONS
from mqttdissect.mqtt.fields import GROUP, KIND_NAMES, UNDECODED, BitSpec, Field, FieldSpec
from mqttdissect.mqtt.packet import Packet
from mqttdissect.net.address import address, port
from mqttdissect.output import values
from mqttdissect.output.clock import Clock, calendar, seconds
from mqttdissect.output.hosts import Hosts
from mqttdissect.output.links import LINK_FIELDS, link_cell
from mqttdissect.output.text import visible
from mqttdissect.output.writer import Writer

FORMULA: Final = frozenset("=+-@\t\r")


class UnknownField(Exception):
    """A name that no field has. Its text is one line for the user."""


def specs() -> list[FieldSpec]:
    """Every field of MQTT, in the order of the registry; a string's length before the string."""
    found: list[FieldSpec] = []
    listed = [one for one in vars(registry).values() if isinstance(one, FieldSpec)]
    listed.append(properties.PROPERTY_IDENTIFIER)
    for one in properties.BY_IDENTIFIER.values():
        listed += [one.key, one.value] if one.key is not one.value else [one.value]
    for spec in listed:
        if spec.length is not None:
            found.append(spec.length)
        found.append(spec)
    return found


def _flow(packet: Packet) -> tuple[bytes, bool]:
    """The flow of the packet's stream, and whether the packet goes its way."""
    stream = packet.stream
    return (stream.flow if stream is not None else bytes(12)), packet.direction == 0


def _address(packet: Packet, source: bool, six: bool) -> str:
    flow, forward = _flow(packet)
    return address(flow, source == forward) if (len(flow) > 12) == six else ""


def _port(packet: Packet, source: bool) -> str:
    flow, forward = _flow(packet)
    return str(port(flow, source == forward))


def _malformed(packet: Packet) -> str:
    notes = packet.notes
    return visible(str(notes[0])) if notes else ""


Column = Callable[[Packet], str]
ABOUT_FRAMES: Final[dict[str, tuple[str, Column]]] = {
    "frame.number": ("Number of the frame that completed the packet", lambda p: str(p.frame)),
    "frame.time": ("Its time, local", lambda p: calendar(int(p.time_ns), "ad")),
    "frame.time_utc": ("Its time, UTC", lambda p: calendar(int(p.time_ns), "ud")),
    "frame.time_epoch": ("Its time, seconds since 1970", lambda p: seconds(int(p.time_ns), 9)),
    "frame.time_relative": ("Its time, seconds since the first frame", lambda p: ""),
    "frame.comment": ("Comments on the frames that it came in", lambda p: ""),
    "frame.file": ("Name of the capture that the frame came from", lambda p: ""),
    "ip.src": ("IPv4 source", lambda p: _address(p, True, False)),
    "ip.dst": ("IPv4 destination", lambda p: _address(p, False, False)),
    "ipv6.src": ("IPv6 source", lambda p: _address(p, True, True)),
    "ipv6.dst": ("IPv6 destination", lambda p: _address(p, False, True)),
    "ip.src_host": ("IPv4 source, or its name with --names", lambda p: ""),
    "ip.dst_host": ("IPv4 destination, or its name with --names", lambda p: ""),
    "ipv6.src_host": ("IPv6 source, or its name with --names", lambda p: ""),
    "ipv6.dst_host": ("IPv6 destination, or its name with --names", lambda p: ""),
    "tcp.srcport": ("Source port", lambda p: _port(p, True)),
    "tcp.dstport": ("Destination port", lambda p: _port(p, False)),
    "tcp.stream": ("Number of the TCP stream, from 0", lambda p: str(p.stream.number) if p.stream else ""),
    "mqtt.packet": ("Name of the packet type", lambda p: p.name),
    "mqtt.version": ("Version of the protocol", lambda p: VERSIONS[int(p.version)]),
    "mqtt.size": ("Bytes of the packet, fixed header included", lambda p: str(len(p.data))),
    "mqtt.malformed": ("What is malformed", _malformed),
}


@final
class Columns:
    """`row(packet)`: the cells of one packet, one for each name. clock: knows the time of the capture's first frame.
    about: what is known of frames.

    Raises `UnknownField` for a name that does not exist.
    """

    def __init__(self, names: list[str], clock: Clock, secrets: bool, about: FrameNotes | None = None) -> None:
        self._about = about if about is not None else FrameNotes()
        self._hosts = Hosts(self._about.hosts)
        self.names = names
        self.secrets = secrets
        self._clock = clock
        self._computed: list[tuple[int, Column]] = []
        self._links: list[tuple[int, FieldSpec]] = []
        self._wanted: dict[FieldSpec, list[tuple[int, BitSpec | None, bool]]] = {}  # column, bits, by alias?
        known = specs()
        for index, name in enumerate(names):
            if name in ABOUT_FRAMES:
                self._computed.append((index, self._column(name)))
            elif name in LINK_FIELDS:
                self._links.append((index, LINK_FIELDS[name]))
            elif not self._want(index, name, known):
                raise UnknownField(unknown(name, known))

    def _column(self, name: str) -> Column:
        """What fills a column that is not of MQTT."""
        if name == "frame.time_relative":
            return lambda packet: seconds(int(packet.time_ns - self._clock.first_ns), 9)
        if name == "frame.file":
            return lambda packet: visible(self._about.file_of(int(packet.frame)))
        if name == "frame.comment":
            return self._comments
        if name.endswith("_host"):
            source, six = ".src" in name, name.startswith("ipv6")
            return lambda packet: self._host(packet, source, six)
        return ABOUT_FRAMES[name][1]

    def _comments(self, packet: Packet) -> str:
        return visible(",".join([text for _, text in self._about.comments(int(packet.frame), packet.spans)]))

    def _host(self, packet: Packet, source: bool, six: bool) -> str:
        flow, forward = _flow(packet)
        return self._hosts.host(flow, source == forward) if (len(flow) > 12) == six else ""

    def _want(self, index: int, name: str, known: list[FieldSpec]) -> bool:
        """Note which specs fill the column; False if there are none."""
        found = False
        for spec in known:
            bits = [bit for bit in spec.bits if bit.name == name]
            if bits:
                self._wanted.setdefault(spec, []).append((index, bits[0], False))
                found = True
            elif name in (spec.name, spec.alias):
                self._wanted.setdefault(spec, []).append((index, None, name == spec.alias))
                found = True
        return found

    def row(self, packet: Packet) -> list[str]:
        """The cells; what occurs more than once is joined with commas."""
        cells = [""] * len(self.names)
        for index, column in self._computed:
            cells[index] = column(packet)
        for index, spec in self._links:
            cells[index] = link_cell(spec, packet)
        wanted = self._wanted
        for field in packet.fields:
            columns = wanted.get(field.spec)
            if columns is not None:
                for index, bit, alias in columns:
                    text = self._cell(field, bit, alias)
                    before = cells[index]
                    cells[index] = f"{before},{text}" if before else text
        return cells

    def _cell(self, field: Field, bit: BitSpec | None, alias: bool) -> str:
        value = field.value
        spec = field.spec
        if isinstance(value, int):
            if bit is not None:
                return str(bit.value(value))
            return f"0x{value:02x}" if spec.bits or spec is properties.PROPERTY_IDENTIFIER else str(value)
        plain = values.under_alias(field, self.secrets) if alias else values.plain(field, self.secrets)
        return visible(str(plain))


@final
class FieldsWriter(Writer):
    """A row a packet; `heading()` before the first, empty where there is none."""

    def __init__(self, columns: Columns, comma: bool) -> None:
        self.columns = columns
        self.comma = comma

    def heading(self) -> str:
        """The names of the columns, in CSV."""
        return quoted(self.columns.names) if self.comma else ""

    def write(self, packet: Packet, out: list[bytes]) -> None:
        """One row."""
        cells = self.columns.row(packet)
        if self.comma:
            out.append(quoted([safe(cell) for cell in cells]).encode())
        else:
            out.append("\t".join(cells).encode())
            out.append(b"\n")


def safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return "'" + cell if cell[:1] in FORMULA and cell else cell


def quoted(cells: list[str]) -> str:
    """A line of CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def unknown(name: str, known: list[FieldSpec]) -> str:
    """One line about a name that no field has, with the closest ones."""
    from difflib import get_close_matches

    names = list(dict.fromkeys([row[0] for row in listing(known)]))
    close = get_close_matches(name, names, 3, 0.5)
    hint = f"did you mean {', '.join(close)}?" if close else "`mqttdissect fields` lists them"
    return f"no field is called {visible(name)!r}; {hint}"


def listing(known: list[FieldSpec]) -> list[tuple[str, str, str, str]]:
    """Every field that can be asked for: name, kind, label, section of MQTT 5.0."""
    rows = [(name, "frame", label, "") for name, (label, _) in ABOUT_FRAMES.items()]
    for spec in known:
        if spec.kind in (GROUP, UNDECODED):
            continue
        if not any(bit.name == spec.name for bit in spec.bits):
            for name in (spec.name, spec.alias):
                if name:
                    rows.append((name, KIND_NAMES[spec.kind], spec.label, spec.section))
        for bit in spec.bits:
            rows.append((bit.name, "flag" if bit.flag else "bits", bit.label, spec.section))
    return list(dict.fromkeys(rows))
