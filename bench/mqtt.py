"""MQTT control packets as bytes, for the generator: 3.1.1 (protocol level 4) and 5.0 (level 5).

Takes fields, hands on whole control packets. An encoder of its own, so that captures do not inherit a mistake
of the dissector that they test. Names and section numbers are those of the OASIS standards.
"""

import struct

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE = range(1, 9)
SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = range(9, 16)
NAMES = (
    "reserved",
    "CONNECT",
    "CONNACK",
    "PUBLISH",
    "PUBACK",
    "PUBREC",
    "PUBREL",
    "PUBCOMP",
    "SUBSCRIBE",
    "SUBACK",
    "UNSUBSCRIBE",
    "UNSUBACK",
    "PINGREQ",
    "PINGRESP",
    "DISCONNECT",
    "AUTH",
)

PING = b"\xc0\x00"
PONG = b"\xd0\x00"

# Properties (MQTT 5.0, section 2.2.2), each with its identifier.
PAYLOAD_FORMAT = b"\x01"
MESSAGE_EXPIRY = b"\x02"
CONTENT_TYPE = b"\x03"
RESPONSE_TOPIC = b"\x08"
CORRELATION_DATA = b"\x09"
SESSION_EXPIRY = b"\x11"
RECEIVE_MAXIMUM = b"\x21"
TOPIC_ALIAS_MAXIMUM = b"\x22"
TOPIC_ALIAS = b"\x23"
USER_PROPERTY = b"\x26"
REASON_STRING = b"\x1f"


def varint(value: int) -> bytes:
    """A Variable Byte Integer (MQTT 5.0, section 1.5.5)."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


_VARINTS = [varint(value) for value in range(4096)]
_FIRST = [bytes((value,)) for value in range(256)]
_UINT16 = struct.Struct("!H")


def uint16(value: int) -> bytes:
    return _UINT16.pack(value)


def utf8(text: str) -> bytes:
    """A UTF-8 Encoded String with its length (section 1.5.4)."""
    data = text.encode()
    return _UINT16.pack(len(data)) + data


def packet(first: int, body: bytes) -> bytes:
    """The fixed header (first byte, Remaining Length) and what follows it."""
    size = len(body)
    return _FIRST[first] + (_VARINTS[size] if size < 4096 else varint(size)) + body


def properties(*values: bytes) -> bytes:
    """A property list with its length; each value starts with its identifier."""
    data = b"".join(values)
    return varint(len(data)) + data


def connect(version: int, client: str, flags: int, keep_alive: int, props: bytes, payload: bytes) -> bytes:
    """CONNECT (section 3.1); `props` is empty for 3.1.1, `payload` is what follows the client identifier."""
    head = b"\x00\x04MQTT" + bytes((version, flags)) + uint16(keep_alive)
    return packet(CONNECT << 4, head + props + utf8(client) + payload)


def connack(session_present: int, props: bytes) -> bytes:
    """CONNACK (section 3.2), accepted."""
    return packet(CONNACK << 4, bytes((session_present, 0)) + props)


def ack(kind: int, packet_identifier: int, tail: bytes = b"") -> bytes:
    """PUBACK, PUBREC, PUBREL or PUBCOMP (sections 3.4 to 3.7); `tail`: reason code, properties."""
    first = kind << 4 | (2 if kind == PUBREL else 0)
    return packet(first, _UINT16.pack(packet_identifier) + tail)


def subscribe(packet_identifier: int, props: bytes, filters: list[tuple[str, int]]) -> bytes:
    """SUBSCRIBE (section 3.8) with topic filters and their option bytes."""
    body = b"".join(utf8(topic) + bytes((options,)) for topic, options in filters)
    return packet(SUBSCRIBE << 4 | 2, uint16(packet_identifier) + props + body)


def suback(packet_identifier: int, props: bytes, codes: bytes) -> bytes:
    """SUBACK (section 3.9)."""
    return packet(SUBACK << 4, uint16(packet_identifier) + props + codes)


def unsubscribe(packet_identifier: int, props: bytes, filters: list[str]) -> bytes:
    """UNSUBSCRIBE (section 3.10)."""
    return packet(UNSUBSCRIBE << 4 | 2, uint16(packet_identifier) + props + b"".join(map(utf8, filters)))


def unsuback(packet_identifier: int, props: bytes, codes: bytes) -> bytes:
    """UNSUBACK (section 3.11); no `props` and no `codes` in 3.1.1."""
    return packet(UNSUBACK << 4, uint16(packet_identifier) + props + codes)
