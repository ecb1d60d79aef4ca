"""Streams that are not read: may a broker's clients be in them?

TLS may be around MQTT, and AMQP may bring messages to a broker that knows it; HTTP, SSH and others do not. A stream of
which the capture lacks the beginning, or all that the client sends, may be MQTT whatever it looks like.

Sources: RFC 8446, sections 4.1.2 and 5.1 (ClientHello, records); RFC 7301, section 3.1 (ALPN).
"""

from typing import Final

from mypy_extensions import i64

from mqttdissect.net.stream import Chunk
from mqttdissect.transport.detect import LIKELY_PORTS

CLIENT_HELLO: Final = b"\x16\x03"
RECORDS: Final = frozenset([0x14, 0x15, 0x16, 0x17])  # of TLS: their first bytes
VERSIONS: Final = frozenset([0, 1, 2, 3, 4])  # and their third
AMQP: Final = b"AMQP"
HELLO_AT: Final = 5 + 4 + 2 + 32  # the session identifier in a ClientHello: record, handshake, version, random
ALPN: Final = 16
WEB: Final = frozenset([b"h2", b"http/1.1", b"http/1.0"])


def whose(chunk: Chunk) -> bytes:
    """The address of the server whose clients are hidden in the stream of this chunk, with the port if only those at
    that port may be; empty if there are none."""
    stream, data = chunk.stream, chunk.data
    flow = stream.flow
    half = (len(flow) - 4) // 2
    ports = int(stream.port(0)), int(stream.port(1))
    to_destination = stream.handshake or ports[1] <= ports[0]
    host = flow[half : 2 * half] if to_destination else flow[:half]
    if is_record(data):
        return b"" if data[:2] == CLIENT_HELLO and is_web(offered(data)) else host
    if data.startswith(AMQP):
        return host
    if stream.handshake and stream.source.seen:
        return b""  # MQTT would have begun with a CONNECT
    port = ports[1] if to_destination else ports[0]
    return host if port in LIKELY_PORTS else host + bytes([port >> 8, port & 0xFF])


def is_record(data: bytes) -> bool:
    """Are these the first bytes of a record of TLS?"""
    return len(data) > 2 and data[0] in RECORDS and data[1] == 3 and data[2] in VERSIONS


def is_web(protocols: list[bytes]) -> bool:
    """Do these protocols say that web pages follow? HTTP/1.1 alone is what browsers offer for WebSocket."""
    return b"h2" in protocols and WEB.issuperset(protocols)


def offered(hello: bytes) -> list[bytes]:
    """The application protocols that a ClientHello offers, as far as it is there."""
    at = HELLO_AT
    for width in (1, 2, 1):  # session identifier, cipher suites, compression methods
        at += width + number(hello, at, width)
    at += 2
    while at < len(hello):
        kind, size = number(hello, at, 2), number(hello, at + 2, 2)
        at += 4
        if kind == ALPN:
            return names(hello[at + 2 : at + size])
        at += size
    return []


def names(data: bytes) -> list[bytes]:
    """Those in a list of names, each behind its length."""
    found: list[bytes] = []
    at: i64 = 0
    while at < len(data):
        size: i64 = data[at]
        found.append(data[at + 1 : at + 1 + size])
        at += 1 + size
    return found


def number(data: bytes, at: int, width: int) -> int:
    """A big-endian number; of bytes that are not there, 0."""
    return int.from_bytes(data[at : at + width], "big")
