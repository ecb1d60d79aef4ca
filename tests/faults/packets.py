"""Control packets cut out of a byte stream, taken apart and put together: as little of MQTT as changing one needs.

Knows nothing of the product's decoder, which is judged by what is made here. Source: MQTT 3.1.1 and 5.0, chapters 2, 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK = range(1, 10)
UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = range(10, 16)


def varint(value: int) -> bytes:
    """A Variable Byte Integer."""
    out = bytearray()
    while True:
        value, low = divmod(value, 128)
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Its value and where it ends. Raises `IndexError` if it breaks off, `ValueError` if it does not end."""
    value = 0
    for index in range(4):
        byte = data[at + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, at + index + 1
    raise ValueError("no varint")


def text(value: str | bytes) -> bytes:
    """A string, or binary data, with its length."""
    raw = value.encode() if isinstance(value, str) else value
    return len(raw).to_bytes(2, "big") + raw


def packet(first: int, *body: bytes) -> bytes:
    """A control packet: first byte, Remaining Length, the rest."""
    whole = b"".join(body)
    return bytes([first]) + varint(len(whole)) + whole


def body(data: bytes) -> bytes:
    """What follows the fixed header."""
    return data[read_varint(data, 1)[1] :]


def number(value: int) -> bytes:
    """Two Byte Integer."""
    return value.to_bytes(2, "big")


def cut(buffer: bytearray) -> list[bytes]:
    """The whole control packets at the start of the buffer, taken out of it; all of it if it is no MQTT."""
    found = []
    while len(buffer) >= 2:
        try:
            length, at = read_varint(buffer, 1)
        except IndexError:
            break
        except ValueError:
            length, at = len(buffer), 0
        if len(buffer) < at + length:
            break
        found.append(bytes(buffer[: at + length]))
        del buffer[: at + length]
    return found


@dataclass
class Connect:
    """CONNECT taken apart; `properties` without their length; `rest`: will, user name, password."""

    level: int = 4
    flags: int = 2
    keep_alive: int = 60
    properties: bytes = b""
    client: bytes = b"c"
    rest: bytes = b""
    name: bytes = b"MQTT"

    @classmethod
    def of(cls, data: bytes) -> Connect:
        """The parts of one."""
        raw = body(data)
        size = int.from_bytes(raw[:2], "big")
        at = 2 + size
        level, flags, keep_alive = raw[at], raw[at + 1], int.from_bytes(raw[at + 2 : at + 4], "big")
        at += 4
        properties = b""
        if level == 5:
            length, at = read_varint(raw, at)
            properties = raw[at : at + length]
            at += length
        end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
        return cls(level, flags, keep_alive, properties, raw[at + 2 : end], raw[end:], raw[2 : 2 + size])

    def bytes(self) -> bytes:
        """Put together."""
        extra = varint(len(self.properties)) + self.properties if self.level == 5 else b""
        head = text(self.name) + bytes([self.level, self.flags]) + number(self.keep_alive)
        return packet(0x10, head, extra, text(self.client), self.rest)


@dataclass
class Publish:
    """PUBLISH taken apart; `properties` without their length, None before 5.0."""

    topic: bytes = b""
    payload: bytes = b""
    qos: int = 0
    identifier: int = 0
    retain: bool = False
    dup: bool = False
    properties: bytes | None = None

    @classmethod
    def of(cls, data: bytes, version: int) -> Publish:
        """The parts of one."""
        raw = body(data)
        flags = data[0] & 15
        at = 2 + int.from_bytes(raw[:2], "big")
        one = cls(raw[2:at], b"", flags >> 1 & 3, 0, bool(flags & 1), bool(flags & 8))
        if one.qos:
            one.identifier = int.from_bytes(raw[at : at + 2], "big")
            at += 2
        if version == 5:
            length, at = read_varint(raw, at)
            one.properties = raw[at : at + length]
            at += length
        one.payload = raw[at:]
        return one

    def bytes(self) -> bytes:
        """Put together."""
        middle = number(self.identifier) if self.qos else b""
        if self.properties is not None:
            middle += varint(len(self.properties)) + self.properties
        return packet(0x30 | self.dup << 3 | self.qos << 1 | self.retain, text(self.topic), middle, self.payload)


PROPERTY_SIZES = {0x01: 1, 0x17: 1, 0x19: 1, 0x24: 1, 0x25: 1, 0x28: 1, 0x29: 1, 0x2A: 1,
                  0x13: 2, 0x21: 2, 0x22: 2, 0x23: 2, 0x02: 4, 0x11: 4, 0x18: 4, 0x27: 4}  # fmt: skip


def properties(raw: bytes) -> list[tuple[int, bytes]]:
    """(identifier, encoded value) of each."""
    found = []
    at = 0
    while at < len(raw):
        kind, start = raw[at], at + 1
        if kind in PROPERTY_SIZES:
            at = start + PROPERTY_SIZES[kind]
        elif kind == 0x0B:
            at = read_varint(raw, start)[1]
        else:
            at = start + 2 + int.from_bytes(raw[start : start + 2], "big")
            if kind == 0x26:
                at += 2 + int.from_bytes(raw[at : at + 2], "big")
        found.append((kind, raw[start:at]))
    return found


def without(raw: bytes, *kinds: int) -> bytes:
    """These properties but for some."""
    return b"".join(bytes([kind]) + value for kind, value in properties(raw) if kind not in kinds)


def packet_identifier(data: bytes) -> bytes:
    """The two bytes of a packet's identifier; not for PUBLISH with QoS 0."""
    raw = body(data)
    if data[0] >> 4 == PUBLISH:
        at = 2 + int.from_bytes(raw[:2], "big")
        return raw[at : at + 2]
    return raw[:2]


def edit_connack(data: bytes, change: Callable[[bytearray], object] = lambda _: None, more: bytes = b"",
                 less: tuple[int, ...] = ()) -> bytes:  # fmt: skip
    """CONNACK with its two bytes changed and, in 5.0, properties taken out and put in."""
    raw = body(data)
    head = bytearray(raw[:2])
    change(head)
    if len(raw) == 2:
        return packet(0x20, bytes(head))
    length, at = read_varint(raw, 2)
    kept = without(raw[at : at + length], *less) + more
    return packet(0x20, bytes(head), varint(len(kept)), kept)


@dataclass
class Sample:
    """Packets that scripted clients send; the version decides their form. login: user name and password in CONNECT."""

    version: int = 4
    login: tuple[str, str] | None = None

    def connect(self, client: str, flags: int = 2, keep_alive: int = 60, properties: bytes = b"",
                rest: bytes = b"") -> bytes:  # fmt: skip
        """CONNECT."""
        name = b"MQIsdp" if self.version == 3 else b"MQTT"
        if self.login is not None:
            flags |= 0xC0
            rest += text(self.login[0]) + text(self.login[1])
        return Connect(self.version, flags, keep_alive, properties, client.encode(), rest, name).bytes()

    def publish(self, topic: str, payload: bytes = b"x", qos: int = 0, identifier: int = 0, properties: bytes = b"",
                retain: bool = False, dup: bool = False) -> bytes:  # fmt: skip
        """PUBLISH."""
        extra = properties if self.version == 5 else None
        return Publish(topic.encode(), payload, qos, identifier, retain, dup, extra).bytes()

    def subscribe(self, identifier: int, *filters: tuple[str, int], properties: bytes = b"") -> bytes:
        """SUBSCRIBE."""
        extra = varint(len(properties)) + properties if self.version == 5 else b""
        wanted = b"".join(text(name) + bytes([options]) for name, options in filters)
        return packet(0x82, number(identifier), extra, wanted)

    def unsubscribe(self, identifier: int, *filters: str) -> bytes:
        """UNSUBSCRIBE."""
        extra = b"\0" if self.version == 5 else b""
        return packet(0xA2, number(identifier), extra, *map(text, filters))

    def answer(self, kind: int, identifier: int, code: int = 0) -> bytes:
        """PUBACK, PUBREC, PUBREL or PUBCOMP."""
        rest = bytes([code]) if code else b""
        return packet(kind << 4 | (2 if kind == PUBREL else 0), number(identifier), rest)
