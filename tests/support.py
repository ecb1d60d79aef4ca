"""Build captures from their parts: MQTT packets, TCP segments, frames, files. Bytes in, bytes out, nothing clever."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from mqttdissect.capture.frame import Frame
from mqttdissect.mqtt.packet import UNDECODED, Packet
from mqttdissect.pipeline import Dissector

CLIENT, SERVER = (bytes([10, 0, 0, 1]), 40000), (bytes([10, 0, 0, 2]), 1883)
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
SECOND = 1_000_000_000


def varint(value: int) -> bytes:
    """A Variable Byte Integer."""
    out = bytearray()
    while True:
        value, low = divmod(value, 128)
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def text(value: str | bytes) -> bytes:
    """A string, or binary data, with its length."""
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(raw)) + raw


def packet(first: int, body: bytes = b"") -> bytes:
    """A control packet: first byte, Remaining Length, the rest."""
    return bytes([first]) + varint(len(body)) + body


def connect(client: str = "c", level: int = 4, flags: int = 2, properties: bytes = b"", rest: bytes = b"") -> bytes:
    """CONNECT; `rest` follows the client identifier."""
    name = text("MQIsdp" if level & 0x7F == 3 else "MQTT")
    extra = varint(len(properties)) + properties if level & 0x7F == 5 else b""
    return packet(0x10, name + bytes([level, flags, 0, 60]) + extra + text(client) + rest)


def publish(
    topic: str, payload: bytes = b"", qos: int = 0, identifier: int = 1, properties: bytes | None = None
) -> bytes:
    """PUBLISH; with `properties` (perhaps empty) as of MQTT 5.0."""
    extra = b"" if properties is None else varint(len(properties)) + properties
    number = struct.pack(">H", identifier) if qos else b""
    return packet(0x30 | qos << 1, text(topic) + number + extra + payload)


CONNACK = bytes.fromhex("20020000")
PINGREQ, PINGRESP, DISCONNECT = b"\xc0\x00", b"\xd0\x00", b"\xe0\x00"

End = tuple[bytes, int]


def tcp(source: End, destination: End, sequence: int, acknowledgement: int, flags: int, data: bytes = b"") -> bytes:
    """A TCP segment without options, checksum 0."""
    header = struct.pack(
        ">HHIIBBHHH", source[1], destination[1], sequence & 0xFFFFFFFF, acknowledgement & 0xFFFFFFFF,
        5 << 4, flags, 65535, 0, 0,
    )  # fmt: skip
    return header + data


def ip(source: bytes, destination: bytes, payload: bytes, protocol: int = 6) -> bytes:
    """An IPv4 or IPv6 packet, by the length of the addresses."""
    if len(source) == 4:
        total = 20 + len(payload)
        return struct.pack(">BBHHHBBH", 0x45, 0, total, 0, 0, 64, protocol, 0) + source + destination + payload
    return struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) + source + destination + payload


def ethernet(packet: bytes) -> bytes:
    """An Ethernet frame around an IP packet."""
    return bytes(12) + (b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd") + packet


def framed(data: bytes, link_type: int = 1, original: int | None = None) -> Frame:
    """A frame in the middle of a block, whose other bytes could belong to it as well."""
    before, behind = b"\x08\x00\x45" * 7, b"\x00\x45\x06\x10" * 64
    end = len(before) + len(data)
    return Frame(
        7, 123, link_type, before + data + behind, len(data) if original is None else original, 0, len(before), end
    )


@dataclass
class Stream:
    """A TCP connection that writes down its frames: `client(data)`, `server(data)`, `fin()`, ... in order."""

    source: End = CLIENT
    destination: End = SERVER
    sequence: list[int] = field(default_factory=lambda: [1000, 5000])
    frames: list[bytes] = field(default_factory=list)

    def segment(self, direction: int, data: bytes = b"", flags: int = ACK, sequence: int | None = None) -> bytes:
        """A frame, not written down; `sequence` other than the next one does not move it."""
        ends = (self.source, self.destination) if direction == 0 else (self.destination, self.source)
        at = self.sequence[direction] if sequence is None else sequence
        if sequence is None:
            self.sequence[direction] += len(data) + (1 if flags & (SYN | FIN) else 0)
        acknowledgement = self.sequence[1 - direction] if flags & ACK else 0
        return ethernet(ip(ends[0][0], ends[1][0], tcp(*ends, at, acknowledgement, flags, data)))

    def add(self, direction: int, data: bytes = b"", flags: int = ACK, sequence: int | None = None) -> Stream:
        """The same, written down."""
        self.frames.append(self.segment(direction, data, flags, sequence))
        return self

    def handshake(self) -> Stream:
        """SYN, SYN-ACK, ACK."""
        return self.add(0, flags=SYN).add(1, flags=SYN | ACK).add(0)

    def client(self, *data: bytes) -> Stream:
        """A segment from the client for each piece of data."""
        for piece in data:
            self.add(0, piece, PSH | ACK)
        return self

    def server(self, *data: bytes) -> Stream:
        """A segment from the server for each piece of data."""
        for piece in data:
            self.add(1, piece, PSH | ACK)
        return self

    def lose(self, direction: int, count: int) -> Stream:
        """`count` bytes are sent that the capture does not have."""
        self.sequence[direction] += count
        return self

    def fin(self) -> Stream:
        """Both sides close."""
        return self.add(0, flags=FIN | ACK).add(1, flags=FIN | ACK).add(0)


def pcap(
    frames: list[bytes], link_type: int = 1, order: str = "<", nano: bool = False, step_ns: int = 1_000_000,
    pauses: dict[int, float] | None = None,
) -> bytes:  # fmt: skip
    """A classic pcap file, a frame every `step_ns` from second 1 on. pauses: so many seconds more before the frame of
    this index."""
    magic, unit = (0xA1B23C4D, 1) if nano else (0xA1B2C3D4, 1000)
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link_type)]
    paused = 0
    for number, frame in enumerate(frames):
        paused += round(SECOND * (pauses or {}).get(number, 0))
        seconds, rest = divmod(SECOND + number * step_ns + paused, SECOND)
        out.append(struct.pack(order + "IIII", seconds, rest // unit, len(frame), len(frame)) + frame)
    return b"".join(out)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A pcapng block."""
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def option(code: int, value: bytes, order: str = "<") -> bytes:
    """A pcapng option."""
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order: str = "<") -> bytes:
    """A pcapng section header block."""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link_type: int = 1, options: bytes = b"", order: str = "<", snap: int = 0) -> bytes:
    """A pcapng interface description block."""
    return block(1, struct.pack(order + "HHI", link_type, 0, snap) + options, order)


def enhanced(frame: bytes, ticks: int, number: int = 0, order: str = "<") -> bytes:
    """A pcapng enhanced packet block on interface `number`."""
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return block(6, head + frame, order)


def dissect(capture: bytes, **options: object) -> list[Packet]:
    """The packets of a capture given whole."""
    dissector = Dissector(**options)  # type: ignore[arg-type]
    return dissector.feed(capture) + dissector.close()


def dissected(frames: list[Frame]) -> list[Packet]:
    """The packets of frames, in order."""
    dissector = Dissector()
    dissector.put_in_order()
    packets: list[Packet] = []
    for at in range(0, len(frames), 64):
        packets += dissector.feed_frames(frames[at : at + 64])
    return packets + dissector.flush()


def whole_frames(packets: list[Packet], count: int) -> list[int]:
    """About so many of the frames that carry whole packets, and nothing else; none with a CONNECT."""
    spread = {frame for packet in packets if packet.spans for _, frame in packet.spans}
    unfit = {int(packet.frame) for packet in packets if packet.type == UNDECODED or packet.name == "CONNECT"}
    fit = sorted({int(packet.frame) for packet in packets} - spread - unfit)
    return fit[:: max(len(fit) // count, 1)]


def names(packets: list[Packet]) -> list[str]:
    """The packets' names."""
    return [packet.name for packet in packets]


def told(packets: list[Packet]) -> list[tuple[object, ...]]:
    """All that a packet is, but for the frames that carried it: for comparing two ways to read the same."""
    return [
        (
            packet.name, packet.direction, packet.version, packet.data, packet.payload,
            [(one.spec.name, one.start, one.end, one.value) for one in packet.fields],
            [str(note) for note in packet.notes or []],
        )
        for packet in packets
    ]  # fmt: skip
